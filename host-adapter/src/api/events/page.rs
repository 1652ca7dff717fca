//! One page of a walk: which events are on it, and where its four links lead.
//!
//! A walk reads a *snapshot*: what was committed when it began, in the order of (timestamp, commit
//! sequence). Whatever is committed meanwhile cannot move a page. A walk whose range is still open goes
//! on when its snapshot is exhausted: what has been committed since forms the next *round*, whatever its
//! timestamps, and the order starts anew with it. So no event is skipped, and none is shown twice.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cursor::{Cursor, Cut, Walk};
use crate::api::error::Error;
use crate::storage::{Epochs, EventQuery, Position, Store, StoredEvent};

/// A page and where to go from it.
pub(super) struct Page {
    pub(super) items: Vec<StoredEvent>,
    /// The page before it. Of the first page of a round: an empty one.
    pub(super) previous: Cursor,
    /// The first page of everything up to the snapshot.
    pub(super) first: Cursor,
    /// The last page of everything up to the snapshot.
    pub(super) last: Cursor,
    /// The page after it. Of an empty page at the end of a walk: itself.
    pub(super) next: Cursor,
}

/// Bytes of event-data from which on a page takes no more, so that one request cannot fill the memory.
const PAGE_BYTES: usize = 4 << 20;
/// Events read in one go: the page may have so many more than [`PAGE_BYTES`] allows.
const READ_AT_ONCE: usize = 50;
/// How long events are looked at one by one to fill a page.
const PATIENCE: Duration = Duration::from_secs(5);

/// The most bytes that a page can have where no event has more than `event_data`.
pub(super) const fn most_bytes(event_data: usize) -> usize {
    PAGE_BYTES.saturating_add(READ_AT_ONCE.saturating_mul(event_data))
}

/// The page at this cursor.
pub(super) async fn turn_to(store: &Store, domain: &Arc<str>, cursor: Cursor) -> Result<Page, Error> {
    let newest = store.snapshot();
    let cursor = settle(cursor, store.epochs(), newest);
    let until = Instant::now() + PATIENCE;
    let events = read(store, domain, &cursor, until).await?;
    let ended = events.is_empty() && cursor.forward && cursor.walk.range.is_open();
    if ended && newest > cursor.snapshot {
        let round = cursor.next_round(store.epochs().present(), newest);
        let events = read(store, domain, &round, until).await?;
        if !events.is_empty() {
            return Ok(Page::new(round, events));
        }
    }
    Ok(Page::new(cursor, events))
}

/// A cursor from before the store was restored from an older copy counts commits that this store never
/// made. Its walk starts anew: to read again is better than to skip.
fn settle(cursor: Cursor, epochs: &Epochs, newest: u64) -> Cursor {
    if epochs.hold(cursor.epoch, cursor.snapshot, newest) {
        return cursor;
    }
    let cut = if cursor.reads_up() { Cut::LOWEST } else { Cut::HIGHEST };
    Cursor { epoch: epochs.present(), floor: 0, snapshot: newest, cut, ..cursor }
}

/// The events of the page at this cursor, in the order of the walk: as many as the walk's limit says, or
/// fewer where they are large.
async fn read(
    store: &Store,
    domain: &Arc<str>,
    cursor: &Cursor,
    until: Instant,
) -> Result<Vec<StoredEvent>, Error> {
    let Walk { range, filter, limit, .. } = &cursor.walk;
    let up = cursor.reads_up();
    let mut query = EventQuery {
        domain: domain.clone(),
        from: range.from,
        to: range.to,
        floor: cursor.floor,
        snapshot: cursor.snapshot,
        filter: filter.clone(),
        ascending: up,
        after: Some(bound(cursor.cut, up)),
        limit: 0,
        until,
    };
    let (mut events, mut bytes, mut ended) = (Vec::new(), 0, false);
    while !ended && events.len() < usize::from(*limit) && bytes < PAGE_BYTES {
        query.limit = READ_AT_ONCE.min(usize::from(*limit) - events.len());
        let more = store.events(query.clone()).await?;
        ended = more.len() < query.limit;
        bytes += more.iter().map(|event| event.data.len()).sum::<usize>();
        query.after = more.last().map(|event| event.position).or(query.after);
        events.extend(more);
    }
    if !cursor.forward {
        events.reverse();
    }
    Ok(events)
}

/// The position that the store's listing begins after. Upwards that is the cut itself; downwards the
/// event right below the cut is wanted too.
fn bound(Cut { timestamp, seq }: Cut, up: bool) -> Position {
    Position { timestamp, seq: if up { seq } else { seq.saturating_add(1) } }
}

impl Page {
    fn new(cursor: Cursor, events: Vec<StoredEvent>) -> Self {
        let ascending = cursor.walk.range.ascending;
        let first = Cursor::first(cursor.walk.clone(), cursor.epoch, cursor.snapshot);
        let end = if ascending { Cut::HIGHEST } else { Cut::LOWEST };
        let last = first.at(end, false);
        let (previous, next) = match (events.first(), events.last()) {
            (Some(earliest), Some(latest)) => {
                (cursor.at(edge(earliest, !ascending), false), cursor.at(edge(latest, ascending), true))
            }
            _ => (cursor.at(cursor.cut, false), cursor.at(cursor.cut, true)),
        };
        Self { items: events, previous, first, last, next }
    }
}

/// The cut right above or right below an event.
fn edge(event: &StoredEvent, above: bool) -> Cut {
    let Position { timestamp, seq } = event.position;
    Cut { timestamp, seq: if above { seq } else { seq.saturating_sub(1) } }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use sealpost_core::EventKind;

    use super::super::range::Range;
    use super::*;
    use crate::filter::Facts;
    use crate::storage::{NewEvent, Settings};

    #[tokio::test]
    async fn large_events_make_shorter_pages_and_none_is_lost() {
        let (store, _inboxes) = Store::in_memory(&Settings::default());
        let domain: Arc<str> = "a.test".into();
        store.create_domain(&domain).await.expect("a domain");
        let large = Bytes::from(vec![b' '; 256 * 1024]);
        let event = |at: u8| NewEvent {
            id: at.to_string().into(),
            assigned: false,
            timestamp: at.into(),
            kind: EventKind::Opened,
            webhook: None,
            legacy: None,
            facts: Facts::default(),
            data: large.clone(),
            digest: [at; 32],
        };
        store.append(&*domain, (0..120).map(event).collect(), false).await.expect("appended");
        let range = Range { from: 0, to: 200, ascending: true };
        let walk = Walk { range, filter: Arc::default(), limit: 100, pretty: false };
        let mut cursor = Cursor::first(walk, store.epochs().present(), store.snapshot());
        for expected in [50, 50, 20, 0] {
            let page = turn_to(&store, &domain, cursor).await.expect("a page");
            assert_eq!(page.items.len(), expected);
            cursor = page.next;
        }
    }
}
