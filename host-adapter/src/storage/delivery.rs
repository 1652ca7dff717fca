//! A delivery on its way between the store and the shard that makes its attempts.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use sealpost_core::{Health, Verdict};

use super::{DomainId, EndpointSecrets, HookKind, MAX_URLS, Tally};
use crate::{
    clock::{steady_millis, wall_millis},
    secrets::Secret,
};

/// Names an endpoint within the store; never given to another one.
pub type EndpointId = u32;

/// Names a delivery within the store: the event's sequence number × 16, plus the delivery's place in its
/// fan-out. So deliveries of later events have greater ids.
pub type DeliveryId = u64;

/// The most deliveries that one event makes: the URLs of its webhook in the domain and in the account, and the one
/// of a legacy webhook.
pub const MAX_FAN_OUT: usize = 2 * MAX_URLS + 1;

// Each has a place of its own in the ids of its event.
const _: () = assert!(MAX_FAN_OUT <= 16);

/// An event × endpoint × format that a shard now holds. All deliveries of one event share its bytes.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its name towards the store.
    pub id: DeliveryId,
    /// Where it goes.
    pub endpoint: Arc<Endpoint>,
    /// The domain whose event it is.
    pub domain: Arc<str>,
    /// That domain's name within the store.
    pub domain_id: DomainId,
    /// The event's `id`.
    pub event_id: Arc<str>,
    /// The webhook that matched, which says the format.
    pub kind: HookKind,
    /// The event-data, frozen when it was accepted.
    pub data: Bytes,
    /// Attempts that were made and recorded.
    pub attempts: u8,
    /// When the event was accepted, in wall-clock milliseconds since the Unix epoch.
    pub accepted_at: i64,
    /// When the next attempt is due, by the [steady clock](crate::clock::steady_millis).
    pub due: i64,
}

/// A subscribed URL of the account, under one secret and with one health, whichever domains use it.
#[derive(Debug)]
pub struct Endpoint {
    id: EndpointId,
    url: EndpointUrl,
    secrets: EndpointSecrets,
    health: AtomicU8,
    tally: Tally,
}

impl Endpoint {
    pub(super) fn new(id: EndpointId, url: EndpointUrl, secret: Secret, health: Health) -> Self {
        let (secrets, health) = (EndpointSecrets::new(secret, None), AtomicU8::new(health.to_byte()));
        Self { id, url, secrets, health, tally: Tally::default() }
    }

    /// Its name within the store.
    #[must_use]
    pub fn id(&self) -> EndpointId {
        self.id
    }

    /// The shard, of so many, that makes its attempts. `shards` is at least 1. Ids by whatever step, such as those of a
    /// busy and a quiet endpoint for each customer, are spread over all: by the golden ratio.
    #[must_use]
    pub fn shard(&self, shards: usize) -> usize {
        const GOLDEN: u32 = 0x9e37_79b9;
        let place = u64::from(self.id.wrapping_mul(GOLDEN));
        ((place * shards.max(1) as u64) >> 32) as usize
    }

    /// Where attempts go.
    #[must_use]
    pub fn url(&self) -> &EndpointUrl {
        &self.url
    }

    /// The Standard Webhooks secret, `whsec_` and the base64 of 32 random bytes, of whoever has none of its own
    /// for this URL; domains do, see [`Domain::secrets`](super::Domain::secrets).
    #[must_use]
    pub fn secret(&self) -> &Secret {
        self.secrets.current()
    }

    /// The same, as secrets that have not been replaced.
    pub(super) fn own_secrets(&self) -> &EndpointSecrets {
        &self.secrets
    }

    /// The health after the last recorded attempt.
    #[must_use]
    pub fn health(&self) -> Health {
        Health::from_byte(self.health.load(Relaxed))
    }

    /// What waits for it, and how its attempts went.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Takes over a recorded health; whether it differs from the one before.
    pub(super) fn change_health(&self, health: Health) -> bool {
        self.health.swap(health.to_byte(), Relaxed) != health.to_byte()
    }
}

/// A webhook URL, already normalised and vetted by the API. The credentials in it never show in `Debug`
/// output or in listings.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EndpointUrl {
    full: Secret,
    shown: Arc<str>,
}

impl EndpointUrl {
    /// Takes a URL in its normal form. Two URLs are the same endpoint if these texts are equal.
    #[must_use]
    pub fn new(normalised: &str) -> Self {
        Self { full: Secret::new(normalised), shown: redact(normalised).into() }
    }

    /// The whole URL with its credentials: to send to, and never to be shown.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.full.expose()
    }

    /// The URL to show, `https://user:***@host/…`.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }
}

impl fmt::Debug for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// How one attempt, or a cancellation, left a delivery: what a shard has recorded.
#[derive(Clone, Copy, Debug)]
pub struct Settled {
    /// The delivery.
    pub id: DeliveryId,
    /// What becomes of it.
    pub verdict: Verdict,
    /// Attempts made so far, the one just ended included.
    pub attempts: u8,
    /// When it is due again, by the [steady clock](crate::clock::steady_millis); without meaning when the verdict
    /// is final.
    pub due: i64,
    /// The endpoint's health now.
    pub health: Health,
}

/// One moment by the clock that events are dated with and by the one that deliveries wait with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) wall: i64,
    pub(super) steady: i64,
}

impl Moment {
    pub(super) fn now() -> Self {
        Self { wall: wall_millis(), steady: steady_millis() }
    }
}

/// What the store tells a shard, in the order of its commits.
///
/// The channel needs no bound of its own: a shard is given no more deliveries than the window has room
/// for, one answer per refill it asked for, one `Recorded` per record, and one `Backlog` per endpoint
/// until it asks.
#[derive(Debug)]
pub enum ToShard {
    /// These deliveries' records are committed. Comes before what the same commit claimed.
    Recorded(Vec<DeliveryId>),
    /// New deliveries, born claimed: the shard holds them from now on, all due at once.
    Claimed(Vec<Delivery>),
    /// The endpoint has due deliveries in the store: [`refill`](super::Store::refill) when its lane has
    /// room.
    Backlog(Arc<Endpoint>),
    /// The answer to a refill.
    Refilled {
        /// The endpoint that was asked for.
        endpoint: EndpointId,
        /// What the shard holds from now on, oldest first.
        deliveries: Vec<Delivery>,
        /// Whether more is due and could be had: ask again when the lane has room. If not, a
        /// [`ToShard::Backlog`] will come when that changes.
        more: bool,
    },
    /// The endpoint gets no more events of these domains and this kind: drop the deliveries of them with ids
    /// below `below`, and record each as cancelled. Their rows may be gone already, which is no fault.
    Cancelled {
        /// The endpoint.
        endpoint: EndpointId,
        /// The domains that no longer send to it.
        domains: Domains,
        /// The kind of the webhook.
        kind: HookKind,
        /// Deliveries with this id or a greater one belong to a newer subscription and stay.
        below: DeliveryId,
    },
    /// The domain is gone: drop its deliveries with ids below `below`, and record each as cancelled. Their
    /// rows may be gone already, which is no fault.
    DomainDeleted {
        /// The name that it had.
        domain: Arc<str>,
        /// Deliveries with this id or a greater one belong to a newer domain of this name.
        below: DeliveryId,
    },
}

/// Some of the account's domains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Domains {
    /// This one.
    Only(DomainId),
    /// All but these.
    AllBut(Arc<[DomainId]>),
}

impl Domains {
    /// Whether a domain is one of them.
    #[must_use]
    pub fn cover(&self, domain: DomainId) -> bool {
        match self {
            Self::Only(one) => *one == domain,
            Self::AllBut(spared) => !spared.contains(&domain),
        }
    }
}

/// Replaces the password of a URL, or its whole userinfo where there is no user, by `***`.
fn redact(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(authority);
    let Some((userinfo, host)) = authority.rsplit_once('@') else { return url.to_owned() };
    match userinfo.split_once(':') {
        Some((user, _)) => format!("{scheme}://{user}:***@{host}{tail}"),
        None => format!("{scheme}://***@{host}{tail}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_credentials() {
        for (url, shown) in [
            ("https://example.com/hook", "https://example.com/hook"),
            ("https://user:pass@example.com/hook?a=@b", "https://user:***@example.com/hook?a=@b"),
            ("https://user:p@ss:word@example.com", "https://user:***@example.com"),
            ("http://token@example.com:8080?x", "http://***@example.com:8080?x"),
            ("https://example.com/path:with@signs", "https://example.com/path:with@signs"),
        ] {
            let url = EndpointUrl::new(url);
            assert_eq!(url.shown(), shown);
            assert_eq!(format!("{url:?}"), shown);
        }
    }

    #[test]
    fn endpoints_are_spread_over_the_shards_whatever_the_step_between_their_ids() {
        let endpoint =
            |id| Endpoint::new(id, EndpointUrl::new("https://a.test/"), Secret::new("s"), Health::Up);
        for (shards, step) in [(1, 1), (2, 1), (2, 2), (2, 4), (3, 1), (3, 3), (4, 1), (4, 2), (4, 6)] {
            let mut held = vec![0; shards];
            (0..120).for_each(|n| held[endpoint(1 + n * step).shard(shards)] += 1);
            let fair = 120 / shards;
            assert!(held.iter().all(|one| (fair * 4 / 5..=fair * 6 / 5).contains(one)), "{step}: {held:?}");
        }
    }
}
