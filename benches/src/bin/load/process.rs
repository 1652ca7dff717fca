//! A child process, and what the kernel says of it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::failure::Result;

/// A process that is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    out: BufReader<ChildStdout>,
}

/// What a process has used so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Time on a processor, of all its threads.
    pub(crate) cpu: Duration,
    /// Bytes that it caused to be written to the disk.
    pub(crate) written: u64,
}

impl Process {
    /// Starts a program whose standard output is read here.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        let out = child.stdout.take().ok_or("a process without a pipe")?;
        Ok(Self { child, out: BufReader::new(out) })
    }

    /// What follows `mark` in the first line that has it. The process has ended if there is none.
    pub(crate) fn line_after(&mut self, mark: &str) -> Result<String> {
        let mut line = String::new();
        while self.out.read_line(&mut line)? > 0 {
            if let Some((_, rest)) = line.split_once(mark) {
                return Ok(rest.trim().to_owned());
            }
            line.clear();
        }
        Err(format!("it ended with {} before it said \"{mark}\"", self.child.wait()?).into())
    }

    /// Ends it without warning.
    pub(crate) fn kill(&mut self) {
        // An error says that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Whether it runs still.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks it to end, and waits until it has; for a minute at most.
    pub(crate) fn terminate(&mut self) -> Result<()> {
        let pid = self.child.id().to_string();
        if !Command::new("kill").args(["-TERM", &pid]).status()?.success() {
            return Err(format!("kill -TERM {pid} failed").into());
        }
        for _ in 0..6000 {
            if let Some(status) = self.child.try_wait()? {
                return if status.success() { Ok(()) } else { Err(format!("it ended with {status}").into()) };
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err("it did not end within a minute".into())
    }

    pub(crate) fn usage(&self) -> Result<Usage> {
        Ok(Usage { cpu: cpu(self.child.id())?, written: self.number("io", "write_bytes:")? })
    }

    /// Its memory now, in bytes.
    pub(crate) fn memory(&self) -> Result<u64> {
        Ok(self.number("status", "VmRSS:")? * 1024)
    }

    /// The most memory that it had at a time, in bytes.
    pub(crate) fn peak_memory(&self) -> Result<u64> {
        Ok(self.number("status", "VmHWM:")? * 1024)
    }

    /// Time on a processor of the threads that it has now, to the nanosecond: for what takes less than a tick.
    pub(crate) fn thread_time(&self) -> Result<Duration> {
        let mut nanos = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let path = thread?.path().join("schedstat");
            nanos += number(&path.to_string_lossy(), "")?;
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// How often its threads have gone to sleep, which is how often they were woken.
    pub(crate) fn wakeups(&self) -> Result<u64> {
        let mut sum = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let status = thread?.path().join("status");
            sum += number(&status.to_string_lossy(), "voluntary_ctxt_switches:")?;
        }
        Ok(sum)
    }

    fn number(&self, file: &str, key: &str) -> Result<u64> {
        number(&format!("/proc/{}/{file}", self.child.id()), key)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Usage {
    /// What came after `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self { cpu: self.cpu.saturating_sub(earlier.cpu), written: self.written - earlier.written }
    }
}

/// Time that this process has had on a processor.
pub(crate) fn own_cpu() -> Result<Duration> {
    cpu(std::process::id())
}

/// How busy the whole machine was, and how much of that was ours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    /// Time of all processors, and what of it was spent on anything.
    all: Duration,
    busy: Duration,
    /// What this process spent, and its children that have ended.
    ours: Duration,
}

impl Machine {
    pub(crate) fn now() -> Result<Self> {
        let stat = fs::read_to_string("/proc/stat")?;
        let times = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
        // user, nice, system, idle, iowait, irq, softirq, steal; what follows is in user already.
        let times: Vec<u64> = times.take(8).filter_map(|ticks| ticks.parse().ok()).collect();
        let (all, idle) = (times.iter().sum(), times.iter().skip(3).take(2).sum::<u64>());
        let ours = (0..4).map(|place| field(std::process::id(), UTIME + place)).sum::<Result<u64>>()?;
        Ok(Self { all: ticks(all), busy: ticks(all - idle), ours: ticks(ours) })
    }

    /// The share of the processors' time since `earlier` that others took, from 0 to 1.
    pub(crate) fn taken_by_others_since(self, earlier: Self) -> f64 {
        let others = (self.busy - earlier.busy).saturating_sub(self.ours - earlier.ours);
        others.as_secs_f64() / (self.all - earlier.all).as_secs_f64().max(0.01)
    }
}

/// Where the time in user mode stands in `/proc/PID/stat`, counted from behind the name; the time in the kernel and
/// then the same two of children follow.
const UTIME: usize = 11;

fn cpu(pid: u32) -> Result<Duration> {
    Ok(ticks(field(pid, UTIME)? + field(pid, UTIME + 1)?))
}

/// A field of `/proc/PID/stat`, of those behind the name, which may hold anything.
fn field(pid: u32, place: usize) -> Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let field = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(place)?.parse().ok());
    field.ok_or_else(|| format!("/proc/{pid}/stat has no field {place}").into())
}

fn ticks(count: u64) -> Duration {
    Duration::from_secs_f64(count as f64 / rustix::param::clock_ticks_per_second() as f64)
}

fn number(path: &str, key: &str) -> Result<u64> {
    let text = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let value = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    value.ok_or_else(|| format!("{path} has no {key}").into())
}
