//! How often an address has shown a wrong key lately.
//!
//! Keys cannot be guessed; this keeps a client with an old key, or somebody who tries all the same, from filling
//! log and connections. A right key is always heard, so that nobody is locked out by a neighbour behind the same
//! address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Wrong keys of one address that get the usual answer, within [`WINDOW`].
const ALLOWED: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses that are remembered at once.
const ADDRESSES: usize = 4096;

/// The wrong keys of the last minute, by address.
#[derive(Default)]
pub(super) struct WrongKeys(Mutex<HashMap<IpAddr, Count>>);

#[derive(Clone, Copy)]
struct Count {
    since: Instant,
    keys: u32,
}

impl Count {
    fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }
}

impl WrongKeys {
    /// Counts a wrong key. If there were too many: the time until they are forgotten.
    pub(super) fn count(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let address = subscriber(address);
        // A panic elsewhere leaves a map that is as good as before.
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= ADDRESSES && !counts.contains_key(&address) {
            make_room(&mut counts, now);
        }
        let count = counts.entry(address).or_insert(Count { since: now, keys: 0 });
        if count.age(now) >= WINDOW {
            *count = Count { since: now, keys: 0 };
        }
        count.keys = count.keys.saturating_add(1);
        if count.keys > ALLOWED { Err(WINDOW.saturating_sub(count.age(now))) } else { Ok(()) }
    }
}

/// Forgets what is over, else the oldest.
fn make_room(counts: &mut HashMap<IpAddr, Count>, now: Instant) {
    counts.retain(|_, count| count.age(now) < WINDOW);
    if counts.len() >= ADDRESSES
        && let Some(oldest) = counts.iter().min_by_key(|(_, count)| count.since).map(|(address, _)| *address)
    {
        counts.remove(&oldest);
    }
}

/// Whose address it is: of IPv6 one subscriber has 64 bits to choose from.
fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn the_eleventh_wrong_key_of_a_minute_is_one_too_many() {
        let (wrong, start) = (WrongKeys::default(), Instant::now());
        let at = |secs| start + Duration::from_secs(secs);
        for _ in 0..10 {
            assert_eq!(wrong.count(address("192.0.2.9"), start), Ok(()));
        }
        assert_eq!(wrong.count(address("192.0.2.9"), at(20)), Err(Duration::from_secs(40)));
        assert_eq!(wrong.count(address("::ffff:192.0.2.9"), at(20)), Err(Duration::from_secs(40)));
        assert_eq!(wrong.count(address("192.0.2.8"), at(20)), Ok(()));
        assert_eq!(wrong.count(address("192.0.2.9"), at(60)), Ok(()));
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let (wrong, now) = (WrongKeys::default(), Instant::now());
        for host in 0..10 {
            assert_eq!(wrong.count(address(&format!("2001:db8::{host}")), now), Ok(()));
        }
        assert!(wrong.count(address("2001:db8::ffff:1"), now).is_err());
        assert_eq!(wrong.count(address("2001:db8:0:1::1"), now), Ok(()));
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_is_forgotten_first() {
        let (wrong, start) = (WrongKeys::default(), Instant::now());
        let count =
            |number: u32, at| wrong.count(IpAddr::V4(number.into()), start + Duration::from_millis(at));
        for number in 0..10_000 {
            assert_eq!(count(number, number.into()), Ok(()));
            assert!(wrong.0.lock().expect("a map").len() <= ADDRESSES);
        }
        let counts = wrong.0.lock().expect("a map");
        assert!(
            counts.contains_key(&IpAddr::V4(9_999.into())) && !counts.contains_key(&IpAddr::V4(0.into()))
        );
    }
}
