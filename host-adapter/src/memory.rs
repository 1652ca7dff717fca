//! Memory that requests hold: bounded for all of them together, and for those of one domain.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How long a request waits for more room before it is turned away.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes that are counted as one.
const UNIT: usize = 1024;

/// So much memory, half of which one domain may have. What a request makes of its bytes while it works on them
/// is not counted: at times as much again.
pub(crate) struct Memory {
    whole: Arc<Semaphore>,
    share: usize,
    /// The shares of domains that have a request under way.
    shares: Mutex<HashMap<Arc<str>, Arc<Semaphore>>>,
}

impl Memory {
    /// Memory of so many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        let size = units(bytes);
        let share = (size / 2).max(1);
        Self { whole: Arc::new(Semaphore::new(size)), share, shares: Mutex::default() }
    }

    /// A room for a request of this domain, which holds nothing yet.
    pub(crate) fn room(&self, domain: &Arc<str>) -> Room {
        // A panic elsewhere leaves a map that is as good as before.
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        shares.retain(|_, share| Arc::strong_count(share) > 1);
        let share = shares.entry(Arc::clone(domain)).or_insert_with(|| Arc::new(Semaphore::new(self.share)));
        Room { most: self.share, share: Arc::clone(share), whole: Arc::clone(&self.whole), held: None }
    }

    /// Bytes that nobody holds at the moment, in steps of 1 KiB.
    #[cfg(test)]
    pub(crate) fn free(&self) -> usize {
        self.whole.available_permits() * UNIT
    }
}

/// What one request holds, until it is dropped.
pub(crate) struct Room {
    most: usize,
    share: Arc<Semaphore>,
    whole: Arc<Semaphore>,
    held: Option<[OwnedSemaphorePermit; 2]>,
}

impl Room {
    /// Holds so many bytes from now on, whether that is more than before or less; at most the share of a domain.
    ///
    /// # Errors
    /// [`Full`] if there is no room for five seconds; what was held before still is.
    pub(crate) async fn hold(&mut self, bytes: usize) -> Result<(), Full> {
        let wanted = units(bytes).min(self.most);
        let held = self.held.as_ref().map_or(0, |[_, whole]| whole.num_permits());
        if wanted > held {
            let more = u32::try_from(wanted - held).unwrap_or(u32::MAX);
            let more = timeout(PATIENCE, self.acquire(more)).await.map_err(|_| Full)??;
            match &mut self.held {
                None => self.held = Some(more),
                Some(held) => held.iter_mut().zip(more).for_each(|(held, more)| held.merge(more)),
            }
        } else if let Some(permits) = &mut self.held {
            for permit in permits {
                drop(permit.split(held - wanted));
            }
        }
        Ok(())
    }

    /// The share first: who waits for that keeps nobody of another domain waiting.
    async fn acquire(&self, units: u32) -> Result<[OwnedSemaphorePermit; 2], Full> {
        let share = Arc::clone(&self.share).acquire_many_owned(units).await.map_err(|_| Full)?;
        let whole = Arc::clone(&self.whole).acquire_many_owned(units).await.map_err(|_| Full)?;
        Ok([share, whole])
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").finish_non_exhaustive()
    }
}

/// There is no room at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// At most what a semaphore can hold and count at once.
fn units(bytes: usize) -> usize {
    bytes.div_ceil(UNIT).clamp(1, u32::MAX as usize >> 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_room_holds_what_it_last_asked_for_and_gives_it_back() {
        let memory = Memory::new(100 * UNIT);
        let mut room = memory.room(&"a.test".into());
        assert_eq!(memory.free(), 100 * UNIT);
        for units in [3, 40, 7] {
            room.hold(units * UNIT - 1).await.expect("room");
            assert_eq!(memory.free(), (100 - units) * UNIT);
        }
        drop(room);
        assert_eq!(memory.free(), 100 * UNIT);
    }

    #[tokio::test]
    async fn a_domain_that_holds_all_that_it_may_leaves_as_much_to_others() {
        let memory = Memory::new(100 * UNIT);
        let domain: Arc<str> = "a.test".into();
        let (mut large, mut more) = (memory.room(&domain), memory.room(&domain));
        large.hold(1000 * UNIT).await.expect("its share");
        assert_eq!(memory.free(), 50 * UNIT);
        let waits = timeout(Duration::from_millis(20), more.hold(1)).await;
        assert!(waits.is_err(), "another request of the domain waits");
        memory.room(&"b.test".into()).hold(50 * UNIT).await.expect("room");
        drop(large);
        more.hold(1).await.expect("room");
    }

    #[tokio::test]
    async fn shares_of_domains_without_requests_are_forgotten() {
        let memory = Memory::new(100 * UNIT);
        for number in 0..10 {
            memory.room(&number.to_string().into()).hold(1).await.expect("room");
        }
        let _room = memory.room(&"a.test".into());
        assert_eq!(memory.shares.lock().expect("the map").len(), 1);
    }
}
