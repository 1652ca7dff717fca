//! What bins have kept in memory.

use std::collections::BTreeMap;

use crate::storage::bin::{
    Bin, BinKey, BinLimits, Capture, CaptureQuery, Captured, KindCount, StoredCapture,
};

/// The requests of all bins.
#[derive(Default)]
pub(super) struct Bins {
    requests: BTreeMap<(BinKey, u32), StoredCapture>,
    /// The number of the last request of each bin that has had one.
    last: BTreeMap<BinKey, u32>,
}

impl Bins {
    pub(super) fn last(&self, bin: &Bin) -> u32 {
        self.last.get(&bin.key).copied().unwrap_or(0)
    }

    pub(super) fn keep(&mut self, bin: &Bin, capture: &Capture, limits: &BinLimits) -> Captured {
        let number = self.last(bin).saturating_add(1);
        let same = |known: &&StoredCapture| {
            known.message.is_some() && known.message.as_deref() == capture.message.as_deref()
        };
        let earlier = self.of(bin).filter(same).map(|known| known.attempt).max();
        let (attempt, answer) = (earlier.unwrap_or(0) + 1, bin.answer(number));
        self.last.insert(bin.key, number);
        let stored = StoredCapture {
            number,
            received_at: capture.received_at,
            kind: capture.kind.as_deref().map(str::to_owned),
            message: capture.message.as_deref().map(str::to_owned),
            attempt,
            verified: capture.verified,
            answer: answer.to_string(),
            details: capture.details.to_string(),
            size: capture.body.len(),
            body: capture.body.clone(),
        };
        self.requests.insert((bin.key, number), stored);
        self.make_room(bin, limits, number);
        Captured { number, attempt, answer }
    }

    fn make_room(&mut self, bin: &Bin, limits: &BinLimits, last: u32) {
        loop {
            let held: u64 = self.of(bin).map(|kept| (kept.size + kept.details.len()) as u64).sum();
            let oldest = self.of(bin).next().map_or(last, |kept| kept.number);
            let too_old = oldest <= last.saturating_sub(limits.requests);
            if oldest == last || !(too_old || held > limits.bytes) {
                return;
            }
            self.requests.remove(&(bin.key, oldest));
        }
    }

    /// Forgets the requests of every bin but those of these keys; how many.
    pub(super) fn keep_only(&mut self, bins: &[BinKey]) -> usize {
        let before = self.requests.len();
        self.requests.retain(|(bin, _), _| bins.contains(bin));
        self.last.retain(|bin, _| bins.contains(bin));
        before - self.requests.len()
    }

    pub(super) fn read(&self, bin: &Bin, query: &CaptureQuery) -> Vec<StoredCapture> {
        let mut all: Vec<_> = self.of(bin).collect();
        if query.newest_first {
            all.reverse();
        }
        let asked = |kept: &&StoredCapture| {
            kept.number > query.above && kept.number < query.below && query.wants(kept.kind.as_deref())
        };
        let (mut found, mut bytes) = (Vec::new(), 0);
        for kept in all.into_iter().filter(asked) {
            if found.len() == query.limit || bytes >= query.bytes {
                break;
            }
            let body = kept.body.slice(..kept.body.len().min(query.body));
            bytes += body.len() + kept.details.len();
            found.push(StoredCapture { body, ..kept.clone() });
        }
        found
    }

    pub(super) fn tally(&self, bin: &Bin) -> Vec<KindCount> {
        let mut kinds = BTreeMap::<Option<String>, (usize, usize)>::new();
        for kept in self.of(bin) {
            let (count, verified) = kinds.entry(kept.kind.clone()).or_default();
            *count += 1;
            *verified += usize::from(kept.verified);
        }
        kinds.into_iter().map(|(kind, (count, verified))| KindCount { kind, count, verified }).collect()
    }

    fn of(&self, bin: &Bin) -> impl Iterator<Item = &StoredCapture> {
        self.requests.range((bin.key, 0)..=(bin.key, u32::MAX)).map(|(_, kept)| kept)
    }
}
