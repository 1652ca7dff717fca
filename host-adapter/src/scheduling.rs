//! How the threads share the processors where those are too few for all.
//!
//! Linux alone can be told. Where it refuses, all threads are equals.

/// By how much the threads that [`behind_this_thread`] is for stand behind the others, in steps of `nice`.
#[cfg(target_os = "linux")]
pub(crate) const BEHIND: i32 = 10;

/// What has a thread leave the processors to this one and to those that it starts: to those that store and deliver.
/// Otherwise more would be accepted than goes out, and what has to wait on the disk costs more than what goes out at
/// once.
pub(crate) fn behind_this_thread() -> impl Fn() + Send + Sync {
    #[cfg(target_os = "linux")]
    let behind = rustix::process::getpriority_process(None).unwrap_or_default() + BEHIND;
    move || {
        #[cfg(target_os = "linux")]
        let _ = rustix::process::setpriority_process(None, behind);
    }
}

/// Has this thread take no processor from another one at once when it has something to do again, but wait for its turn.
/// Whoever is at work then goes on to hand more to it, and it does more at a time; where a processor is free, nothing
/// changes. A policy that somebody has given this process stays.
pub(crate) fn in_batches() {
    #[cfg(target_os = "linux")]
    {
        use preempt_rt::sched::{Pid, Scheduler, SchedulerParams, get_scheduler, set_scheduler};
        let this = Pid::current_thread();
        if matches!(get_scheduler(this), Ok(Scheduler::SCHED_NORMAL)) {
            let _ = set_scheduler(this, Scheduler::SCHED_BATCH, SchedulerParams { priority: 0 });
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::thread;

    use preempt_rt::sched::{Pid, Scheduler, get_scheduler};

    use super::*;

    fn policy() -> Scheduler {
        get_scheduler(Pid::current_thread()).expect("a policy")
    }

    #[test]
    fn a_thread_works_in_batches_and_the_others_as_before() {
        let worker = thread::spawn(|| {
            in_batches();
            policy()
        });
        assert_eq!(worker.join().expect("no panic"), Scheduler::SCHED_BATCH);
        assert_eq!(policy(), Scheduler::SCHED_NORMAL);
    }
}
