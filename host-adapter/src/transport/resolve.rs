//! Names to addresses.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

/// The system's resolver, with at most so many lookups at a time, and a bounded wait for each.
///
/// Whoever asks for a name that is being looked up waits for the same answer, so that one name that nobody
/// answers for takes one place, whoever has it in a URL. A lookup that takes too long goes on in its thread
/// after nobody waits for it; it keeps its place until it ends.
#[derive(Clone, Debug)]
pub(super) struct Resolver {
    places: Arc<Semaphore>,
    under_way: Arc<Mutex<UnderWay>>,
    patience: Duration,
    lookup: Lookup,
}

/// Who answers for names.
#[derive(Clone, Debug, Default)]
pub(super) enum Lookup {
    /// The system.
    #[default]
    System,
    /// A test, which gives the answer to each lookup of a name.
    #[cfg(test)]
    Scripted(fn(&str) -> Found),
}

/// The names that are being looked up, or wait for a place.
type UnderWay = HashMap<String, watch::Receiver<Option<Found>>>;

pub(super) type Found = Result<Vec<IpAddr>, ResolveError>;

impl Resolver {
    pub(super) fn new(places: usize, patience: Duration) -> Self {
        let lookup = Lookup::default();
        Self { places: Arc::new(Semaphore::new(places)), under_way: Arc::default(), patience, lookup }
    }

    /// The same, answered by a test.
    #[cfg(test)]
    pub(super) fn answered_by(self, answer: fn(&str) -> Found) -> Self {
        Self { lookup: Lookup::Scripted(answer), ..self }
    }

    /// The addresses of a name, each once, in the resolver's order.
    pub(super) async fn resolve(&self, name: &str) -> Found {
        let mut found = self.look_up(name);
        match timeout(self.patience, found.wait_for(Option::is_some)).await {
            Ok(Ok(found)) => found.clone().unwrap_or(Err(ResolveError::Unknown)),
            // The runtime that looked it up has ended.
            Ok(Err(_)) => Err(ResolveError::Unknown),
            Err(_) => Err(ResolveError::TooSlow),
        }
    }

    /// Where the answer will be: of the lookup that is under way, or of a new one.
    fn look_up(&self, name: &str) -> watch::Receiver<Option<Found>> {
        let mut under_way = self.under_way();
        if let Some(found) = under_way.get(name)
            && found.has_changed().is_ok()
        {
            return found.clone();
        }
        let (answer, found) = watch::channel(None);
        under_way.insert(name.to_owned(), found.clone());
        drop(under_way);
        let (resolver, name) = (self.clone(), name.to_owned());
        // A task of its own, so that its place is taken as long as the lookup lasts and not as long as the wait.
        tokio::spawn(async move {
            let place = timeout(resolver.patience, resolver.places.acquire()).await;
            let looked_up = match &place {
                Ok(Ok(_place)) => resolver.lookup.addresses(&name).await,
                _ => Err(ResolveError::NoPlace),
            };
            resolver.under_way().remove(&name);
            answer.send_replace(Some(looked_up));
        });
        found
    }

    fn under_way(&self) -> MutexGuard<'_, UnderWay> {
        // Each lock inserts or removes one entry: a panic of another thread has not harmed the map.
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why there are no addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResolveError {
    /// No answer in time.
    TooSlow,
    /// Too many other names were being looked up all the time.
    NoPlace,
    /// The resolver knows no address, or failed.
    Unknown,
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooSlow => "the host name was not resolved in time",
            Self::NoPlace => "the host name was not looked up: too many others are not answered",
            Self::Unknown => "the host name does not resolve",
        })
    }
}

impl Lookup {
    async fn addresses(&self, name: &str) -> Found {
        match self {
            Self::System => addresses(name).await,
            #[cfg(test)]
            Self::Scripted(answer) => answer(name),
        }
    }
}

async fn addresses(name: &str) -> Found {
    let found = lookup_host((name, 0)).await.map_err(|_| ResolveError::Unknown)?;
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

    const PATIENCE: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn a_name_gives_each_address_once() {
        let addresses = Resolver::new(1, PATIENCE).resolve("localhost").await.unwrap();
        assert!(addresses.iter().all(IpAddr::is_loopback), "{addresses:?}");
        let mut sorted = addresses.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), addresses.len());
    }

    #[tokio::test]
    async fn no_more_lookups_run_than_allowed_and_the_wait_ends() {
        let resolver = Resolver::new(1, Duration::from_millis(50));
        let busy = resolver.places.acquire().await.unwrap();
        let refused = resolver.resolve("localhost").await.unwrap_err();
        assert!(matches!(refused, ResolveError::TooSlow | ResolveError::NoPlace));
        drop(busy);
        let resolver = Resolver { patience: PATIENCE, ..resolver.clone() };
        assert!(resolver.resolve("localhost").await.is_ok());
    }

    #[tokio::test]
    async fn a_name_is_looked_up_once_for_all_who_wait_for_it() {
        let resolver = Resolver::new(2, PATIENCE);
        let busy = resolver.places.acquire_many(2).await.unwrap();
        let waiting: Vec<_> = (0..50)
            .map(|_| {
                let resolver = resolver.clone();
                tokio::spawn(async move { resolver.resolve("localhost").await })
            })
            .collect();
        tokio::task::yield_now().await;
        assert_eq!(resolver.under_way().len(), 1);
        drop(busy);
        for waiter in waiting {
            assert!(waiter.await.unwrap().is_ok());
        }
        assert!(resolver.under_way().is_empty());
    }

    #[test]
    fn a_name_whose_runtime_has_ended_is_looked_up_anew() {
        let resolver = Resolver::new(1, PATIENCE);
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let ended = runtime();
        ended.block_on(async { drop(resolver.look_up("localhost")) });
        drop(ended);
        assert!(runtime().block_on(resolver.resolve("localhost")).is_ok());
    }
}
