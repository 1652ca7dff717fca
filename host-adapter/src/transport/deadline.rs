//! A deadline that is set anew for each request of a connection.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Instant;

use tokio::time::{Sleep, sleep_until};

/// A timer that stays with its connection.
///
/// A timer of its own for each request would be put into the runtime's wheel and taken out again, and nearly always wake
/// the runtime by a system call. This one stays in the wheel with the time of an earlier request; where that comes
/// first, it is set to the time that holds now.
pub(super) struct Deadline(Pin<Box<Sleep>>);

impl Deadline {
    /// A timer for this runtime.
    pub(super) fn new(at: Instant) -> Self {
        Self(Box::pin(sleep_until(at.into())))
    }

    /// What the future comes to, unless this time comes first.
    pub(super) async fn before<T>(&mut self, at: Instant, future: impl Future<Output = T>) -> Option<T> {
        let (mut future, at) = (pin!(future), at.into());
        poll_fn(|context| {
            if let Poll::Ready(value) = future.as_mut().poll(context) {
                return Poll::Ready(Some(value));
            }
            if self.0.deadline() > at {
                self.0.as_mut().reset(at);
            }
            while self.0.as_mut().poll(context).is_ready() {
                if self.0.deadline() >= at {
                    return Poll::Ready(None);
                }
                self.0.as_mut().reset(at);
            }
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::sleep;

    use super::*;

    const TICK: Duration = Duration::from_millis(10);

    #[tokio::test]
    async fn each_future_has_its_own_time_whatever_that_of_the_one_before_was() {
        let start = Instant::now();
        let at = |ticks: u32| start + ticks * TICK;
        let mut deadline = Deadline::new(start);
        // A time, a later one, one that has long been set when it counts, an earlier one, and one after a pause.
        assert_eq!(deadline.before(at(50), sleep(TICK)).await, Some(()));
        assert_eq!(deadline.before(at(5), sleep(90 * TICK)).await, None);
        assert!(start.elapsed() >= 5 * TICK && start.elapsed() < 50 * TICK, "{:?}", start.elapsed());
        assert_eq!(deadline.before(at(60), sleep(TICK)).await, Some(()));
        assert_eq!(deadline.before(at(70), sleep(90 * TICK)).await, None);
        assert!(start.elapsed() >= 70 * TICK, "{:?}", start.elapsed());
        sleep(TICK).await;
        assert_eq!(deadline.before(at(90), sleep(TICK)).await, Some(()));
        assert_eq!(deadline.before(at(90), sleep(90 * TICK)).await, None);
        assert!(start.elapsed() >= 90 * TICK, "{:?}", start.elapsed());
        assert_eq!(deadline.before(at(1), async { 7 }).await, Some(7), "what is ready is not late");
        assert_eq!(deadline.before(at(1), sleep(TICK)).await, None);
    }
}
