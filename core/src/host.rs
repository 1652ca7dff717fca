//! What a host supplies: a clock, entropy, a way to the network, and a memory that outlives it.
//!
//! These traits are the only way from the core to a host. Methods take `&self` and futures need not be `Send`:
//! a server runs them on one thread a shard, a microcontroller in its only task. A blocking transport fits the
//! same trait, with a future that is ready at its first poll.

use crate::body::Body;
use crate::dispatch::Record;
use crate::endpoint::Url;
use crate::http::Header;
use crate::outcome::Outcome;
use crate::time::{Duration, Instant, UnixTime};

/// Both clocks of the host.
pub trait Clock {
    /// The monotonic clock: never goes back, whatever happens to wall time.
    fn now(&self) -> Instant;

    /// Wall time, for signatures and events.
    fn unix(&self) -> UnixTime;
}

/// Random bytes that nobody can guess: tokens and secrets are made of them.
pub trait Entropy {
    /// Fills the whole slice.
    fn fill(&self, bytes: &mut [u8]);
}

/// A way to post a payload of either format.
#[expect(async_fn_in_trait, reason = "no Send bound: a host of one task has no threads to send to")]
pub trait Transport {
    /// What came back, in as much detail as the transport knows.
    type Answer: Into<Outcome>;

    /// Posts the body, with these headers beside the usual ones, and reads the answer. Follows no redirect.
    /// Sends a second time only what a reused connection took without a byte of answer. Dropping the future
    /// gives the attempt up.
    async fn post<B: Body>(&self, to: &Url<'_>, headers: &[Header<'_>], body: &B) -> Self::Answer;
}

/// The memory of deliveries that a host of one task needs, beside whatever else it stores; the
/// [driver](crate::driver) runs on it. A server whose store hands deliveries over together with their event-data,
/// and confirms records in the order of its commits, calls the dispatcher itself and needs no part of this.
#[expect(async_fn_in_trait, reason = "no Send bound: a host of one task has no threads to send to")]
pub trait Storage {
    /// Why it could not.
    type Error;
    /// Holds the bytes of an event-data.
    type Data: AsRef<[u8]>;

    /// Hands over up to `room` deliveries of this endpoint that are due, the oldest first, and none of them
    /// again until they are recorded as not kept, or the host has started anew.
    ///
    /// # Errors
    /// Nothing was handed over.
    async fn due(&self, endpoint: u64, room: u32, each: impl FnMut(Due)) -> Result<(), Self::Error>;

    /// The event-data of a delivery, as it was accepted.
    ///
    /// # Errors
    /// The delivery is unknown, or could not be read.
    async fn event_data(&self, key: u64) -> Result<Self::Data, Self::Error>;

    /// Writes what became of an attempt, and returns when that can no longer be lost.
    ///
    /// # Errors
    /// It may or may not have been written.
    async fn record(&self, record: &Record) -> Result<(), Self::Error>;
}

/// A delivery that storage hands over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Due {
    /// The host's key of the delivery.
    pub key: u64,
    /// Attempts made so far.
    pub attempts: u8,
    /// How long ago it became due. Relative, because due times are wall time in storage.
    pub since: Duration,
}
