//! Events that were read a moment ago.
//!
//! An event goes to several endpoints, whose backlogs are claimed one after another. Whoever comes second finds it here:
//! it is read, and its digest computed, once, and all its deliveries share one copy. An event never changes, and its
//! number is never used again, so that nothing here can become wrong.

use std::sync::Arc;

use bytes::Bytes;

use crate::storage::Seq;

/// How many events have a place, by their numbers: twice what the window usually holds for an endpoint.
const PLACES: usize = 512;

/// Bytes of event-data that are kept; with [`PLACES`] the bound of memory, 2 MiB. For more, the copy is what costs.
const MAX_BYTES: usize = 4096;

/// An event as its deliveries need it, found to be what was accepted.
#[derive(Clone)]
pub(super) struct Read {
    pub(super) id: Arc<str>,
    pub(super) accepted_at: i64,
    pub(super) data: Bytes,
}

/// The events of the latest reads, as far as they have a place.
pub(super) struct Recent(Box<[Option<(Seq, Read)>]>);

impl Default for Recent {
    fn default() -> Self {
        Self(vec![None; PLACES].into_boxed_slice())
    }
}

impl Recent {
    /// The event, if it was read lately.
    pub(super) fn find(&self, seq: Seq) -> Option<&Read> {
        self.0[place(seq)].as_ref().filter(|(known, _)| *known == seq).map(|(_, read)| read)
    }

    /// Keeps an event in the place of another one.
    pub(super) fn keep(&mut self, seq: Seq, read: &Read) {
        if read.data.len() <= MAX_BYTES {
            self.0[place(seq)] = Some((seq, read.clone()));
        }
    }
}

fn place(seq: Seq) -> usize {
    (seq % PLACES as Seq) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_found_until_another_one_has_its_place_and_a_large_one_never() {
        let read = |length: usize| Read { id: "id".into(), accepted_at: 1, data: vec![b'x'; length].into() };
        let mut recent = Recent::default();
        recent.keep(7, &read(10));
        recent.keep(8, &read(MAX_BYTES + 1));
        assert_eq!(recent.find(7).map(|read| read.data.len()), Some(10));
        assert!(recent.find(8).is_none() && recent.find(7 + PLACES as Seq).is_none());
        recent.keep(7 + PLACES as Seq, &read(20));
        assert!(recent.find(7).is_none());
    }
}
