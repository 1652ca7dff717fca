//! A run loop for hosts of one task: a microcontroller, a WebAssembly module, a test in virtual time.
//!
//! A server makes many attempts at once in tasks of its own. A host of one task lets a [`Driver`] make those that
//! are due, one after the other, and sleeps until the instant that [`Driver::run`] gave back. There is no
//! executor here: any will do, and where everything blocks anyway [`block_on`] is enough.

use core::future::poll_fn;
use core::pin::pin;
use core::task::{Context, Poll, Waker};

use crate::dispatch::{Attempt, Dispatcher, Health, Lane, LaneId, Record, Refill, Slot};
use crate::endpoint::{MAX_PER_KIND, Url};
use crate::error::Full;
use crate::host::{Clock, Entropy, Storage, Transport};
use crate::http::Header;
use crate::outcome::{Fault, Outcome};
use crate::payload::Payload;
use crate::sign::{SigningKey, Token};
use crate::time::Instant;

const JSON: Header<'static> = match Header::new("Content-Type", "application/json") {
    Ok(header) => header,
    Err(_) => panic!("a plain header"),
};

/// What a host is made of: its [parts](crate::host), and the key that it signs with.
#[derive(Clone, Debug)]
pub struct Parts<T, M, C, E> {
    /// The way to the network. It bounds its own waits where it blocks: nothing else runs meanwhile.
    pub transport: T,
    /// The memory of deliveries.
    pub storage: M,
    /// Both clocks.
    pub clock: C,
    /// The source of tokens.
    pub entropy: E,
    /// The signing key of the account.
    pub key: SigningKey,
}

impl<T, M, C: Clock, E: Entropy> Parts<T, M, C, E> {
    /// Out of line, so that a small stack holds what signing needs no longer than signing takes.
    #[inline(never)]
    fn sign<D: AsRef<[u8]>>(&self, payload: &mut Payload<D>) {
        let mut token = [0; Token::ENTROPY];
        self.entropy.fill(&mut token);
        payload.sign(&self.key, self.clock.unix(), &Token::from_entropy(token));
    }
}

/// Makes what is due happen, one attempt at a time, for up to `N` endpoints.
///
/// The dispatcher is borrowed, so that it can stand in a static: built on the stack it takes all that its slots
/// take.
#[derive(Debug)]
pub struct Driver<'h, T, M, C, E, S, L, const N: usize = MAX_PER_KIND> {
    parts: &'h Parts<T, M, C, E>,
    dispatcher: &'h mut Dispatcher<S, L>,
    destinations: heapless::Vec<Destination<'h>, N>,
    /// Given to storage, and not known to have been written.
    unrecorded: Option<Record>,
}

/// Where the attempts of a lane go.
#[derive(Clone, Copy, Debug)]
struct Destination<'h> {
    lane: LaneId,
    /// What storage calls the endpoint.
    endpoint: u64,
    url: Url<'h>,
}

impl<'h, T, M, C, E, S, L, const N: usize> Driver<'h, T, M, C, E, S, L, N>
where
    T: Transport,
    M: Storage,
    C: Clock,
    E: Entropy,
    S: AsRef<[Slot]> + AsMut<[Slot]>,
    L: AsRef<[Lane]> + AsMut<[Lane]>,
{
    /// A driver of this dispatcher, which has no open lanes yet.
    #[must_use]
    pub const fn new(parts: &'h Parts<T, M, C, E>, dispatcher: &'h mut Dispatcher<S, L>) -> Self {
        Self { parts, dispatcher, destinations: heapless::Vec::new(), unrecorded: None }
    }

    /// Opens a lane to this URL. `endpoint` is what storage calls it, `health` what storage knows of it.
    ///
    /// # Errors
    /// [`Full`] when `N` endpoints, or all lanes of the dispatcher, are open.
    pub fn open(&mut self, endpoint: u64, url: Url<'h>, health: Health) -> Result<LaneId, Full> {
        if self.destinations.is_full() {
            return Err(Full);
        }
        let lane = self.dispatcher.open(health, 1)?;
        self.destinations.push(Destination { lane, endpoint, url }).map_err(|_| Full)?;
        Ok(lane)
    }

    /// The dispatcher, for its commands: `enqueue` or `mark_backlog` what is to be sent, `cancel`, `drain`.
    pub const fn dispatcher(&mut self) -> &mut Dispatcher<S, L> {
        self.dispatcher
    }

    /// Does everything that is due, and says when to call again: at this instant, or when there is something
    /// new; `None` if only something new could change anything.
    ///
    /// An attempt is given up at its deadline if this future is polled by then. Dropping the future loses
    /// nothing: an attempt under way counts as timed out at its deadline, a record is given to storage again.
    ///
    /// # Errors
    /// Those of storage. Call again: an attempt whose event-data could not be read times out and is retried
    /// by the schedule; anything else goes on where it stood.
    pub async fn run(&mut self) -> Result<Option<Instant>, M::Error> {
        loop {
            let now = self.parts.clock.now();
            self.dispatcher.handle_timeout(now);
            // Settles what an earlier run left in flight; nothing else flies while this loop runs.
            while self.dispatcher.poll_abort(now).is_some() {}
            if let Some(record) = self.unrecorded.or_else(|| self.dispatcher.poll_record(now)) {
                self.record(record).await?;
            } else if let Some(refill) = self.dispatcher.poll_refill() {
                self.refill(now, refill).await?;
            } else if let Some(attempt) = self.dispatcher.poll_attempt(now) {
                self.attempt(&attempt).await?;
            } else {
                return Ok(self.dispatcher.poll_timeout());
            }
        }
    }

    async fn record(&mut self, record: Record) -> Result<(), M::Error> {
        self.unrecorded = Some(record);
        self.parts.storage.record(&record).await?;
        self.unrecorded = None;
        let _known = self.dispatcher.handle_recorded(record.ticket);
        Ok(())
    }

    async fn refill(&mut self, now: Instant, refill: Refill) -> Result<(), M::Error> {
        let Some(&Destination { endpoint, lane, .. }) = find(&self.destinations, refill.lane) else {
            return Ok(());
        };
        let mut handed_over = 0;
        let dispatcher = &mut *self.dispatcher;
        let asked = self.parts.storage.due(endpoint, refill.room, |due| {
            let since = now.as_millis().saturating_sub(due.since.as_millis().into());
            let _fits = dispatcher.admit(now, due.key, lane, due.attempts, Instant::from_millis(since));
            handed_over += 1;
        });
        let asked = asked.await;
        if asked.is_err() || handed_over >= refill.room {
            self.dispatcher.mark_backlog(lane);
        }
        asked
    }

    // By reference, since a future holds its arguments twice.
    async fn attempt(&mut self, attempt: &Attempt) -> Result<(), M::Error> {
        let Some(Destination { url, .. }) = find(&self.destinations, attempt.lane) else { return Ok(()) };
        let Parts { transport, storage, clock, .. } = self.parts;
        let mut payload = Payload::unsigned(storage.event_data(attempt.key).await?);
        self.parts.sign(&mut payload);
        let mut post = pin!(transport.post(url, &[JSON], &payload));
        let outcome = poll_fn(|context| match post.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(answer.into()),
            Poll::Pending if clock.now() >= attempt.deadline => Poll::Ready(Outcome::retry(Fault::Timeout)),
            Poll::Pending => Poll::Pending,
        });
        let outcome = outcome.await;
        let _in_flight = self.dispatcher.handle_outcome(clock.now(), attempt.ticket, outcome);
        Ok(())
    }
}

fn find<'d, 'h>(destinations: &'d [Destination<'h>], lane: LaneId) -> Option<&'d Destination<'h>> {
    destinations.iter().find(|destination| destination.lane == lane)
}

/// Polls a future until it is ready, without pause: for hosts whose parts block, so that it is ready at once, or
/// that have nothing else to do.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        core::hint::spin_loop();
    }
}

#[cfg(test)]
mod tests;
