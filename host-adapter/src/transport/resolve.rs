//! Names to addresses.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// The system's resolver, with at most so many lookups at a time, and a bounded wait for each.
///
/// A lookup that takes too long goes on in its thread after nobody waits for it; it counts until it ends.
#[derive(Clone, Debug)]
pub(super) struct Resolver {
    lookups: Arc<Semaphore>,
    patience: Duration,
}

impl Resolver {
    pub(super) fn new(max_lookups: usize, patience: Duration) -> Self {
        Self { lookups: Arc::new(Semaphore::new(max_lookups)), patience }
    }

    /// The addresses of a name, each once, in the resolver's order.
    pub(super) async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
        let lookup = lookup(Arc::clone(&self.lookups), name.to_owned());
        timeout(self.patience, lookup).await.unwrap_or(Err(ResolveError::TooSlow))
    }
}

/// Why there are no addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResolveError {
    /// No answer in time.
    TooSlow,
    /// The resolver knows no address, or failed.
    Unknown,
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooSlow => "the host name was not resolved in time",
            Self::Unknown => "the host name does not resolve",
        })
    }
}

async fn lookup(lookups: Arc<Semaphore>, name: String) -> Result<Vec<IpAddr>, ResolveError> {
    let permit = lookups.acquire_owned().await.map_err(|_| ResolveError::Unknown)?;
    // A task of its own, so that the permit lives as long as the lookup and not as long as the wait for it.
    let lookup = tokio::spawn(async move {
        let found = lookup_host((name, 0)).await;
        drop(permit);
        found
    });
    let found = lookup.await.map_err(|_| ResolveError::Unknown)?.map_err(|_| ResolveError::Unknown)?;
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in found.map(|socket| socket.ip()) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_gives_each_address_once() {
        let addresses = Resolver::new(1, Duration::from_secs(5)).resolve("localhost").await.unwrap();
        assert!(addresses.iter().all(IpAddr::is_loopback), "{addresses:?}");
        let mut sorted = addresses.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), addresses.len());
    }

    #[tokio::test]
    async fn no_more_lookups_run_than_allowed_and_the_wait_ends() {
        let resolver = Resolver::new(1, Duration::from_millis(50));
        let busy = Arc::clone(&resolver.lookups).acquire_owned().await.unwrap();
        assert_eq!(resolver.resolve("localhost").await, Err(ResolveError::TooSlow));
        drop(busy);
        let resolver = Resolver { patience: Duration::from_secs(5), ..resolver };
        assert!(resolver.resolve("localhost").await.is_ok());
    }
}
