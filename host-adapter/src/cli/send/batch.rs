//! Events in groups of a bounded size, each of which knows where in the input its events stand.

use std::io::BufRead;

use super::client::Refusal;
use super::event::{self, Ids};
use super::items::{Item, Items};

/// Events in one request.
const MAX_ITEMS: usize = 1000;
/// Bytes in one request, but for a single event that is longer.
const MAX_BYTES: usize = 5 << 20;

/// Takes an input apart into batches.
pub(super) struct Batches<R> {
    items: Items<R>,
    ids: Ids,
    /// An event that did not fit into the last batch.
    left_over: Option<(Place, Vec<u8>)>,
    /// What ended the input early. The batches before it hold every event before it.
    fault: Option<String>,
}

/// Events for one request.
#[derive(Default)]
pub(super) struct Batch {
    /// One event a line.
    pub(super) ndjson: Vec<u8>,
    places: Vec<Place>,
}

/// Where an event stands in the input, both from 1.
#[derive(Clone, Copy)]
struct Place {
    number: u64,
    line: u64,
}

impl<R: BufRead> Batches<R> {
    pub(super) fn new(input: R, ids: Ids) -> Self {
        Self { items: Items::new(input), ids, left_over: None, fault: None }
    }

    /// Bytes taken from the input so far.
    pub(super) fn bytes_read(&self) -> u64 {
        self.items.bytes_read()
    }

    /// What was wrong with the input, once there are no more batches.
    pub(super) fn fault(self) -> Option<String> {
        self.fault
    }

    fn next_line(&mut self) -> Option<(Place, Vec<u8>)> {
        if self.left_over.is_some() || self.fault.is_some() {
            return self.left_over.take();
        }
        let read = self.items.next()?.map_err(|error| error.to_string()).and_then(|item| self.line(&item));
        read.map_err(|fault| self.fault = Some(fault)).ok()
    }

    fn line(&self, item: &Item) -> Result<(Place, Vec<u8>), String> {
        let Item { number, line, .. } = *item;
        let bytes = event::line(item, &self.ids);
        let bytes = bytes.map_err(|why| format!("item {number} (line {line}) is not JSON: {why}"))?;
        Ok((Place { number, line }, bytes))
    }
}

impl<R: BufRead> Iterator for Batches<R> {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        let mut batch = Batch::default();
        while batch.places.len() < MAX_ITEMS
            && let Some((place, line)) = self.next_line()
        {
            if !batch.places.is_empty() && batch.ndjson.len() + line.len() > MAX_BYTES {
                self.left_over = Some((place, line));
                break;
            }
            batch.ndjson.extend_from_slice(&line);
            batch.places.push(place);
        }
        (!batch.places.is_empty()).then_some(batch)
    }
}

impl Batch {
    /// A refusal in terms of the input: the items at fault, and which ones were not stored.
    pub(super) fn explain(&self, refusal: Refusal) -> String {
        let (first, last) = (self.places.first(), self.places.last());
        let (first, last) = (first.map_or(0, |place| place.number), last.map_or(0, |place| place.number));
        let scope = match first == last {
            true => format!("item {first} was not stored"),
            false => format!("none of the items {first} to {last} was stored"),
        };
        match refusal {
            Refusal::Whole(why) => format!("{why}; {scope}"),
            Refusal::Items { message, errors } => {
                let mut text = format!("{message}; {scope}");
                for error in errors {
                    let place = usize::try_from(error.index).ok().and_then(|index| self.places.get(index));
                    let (number, line) = place.map_or((0, 0), |place| (place.number, place.line));
                    let field = error.field.map(|field| format!("{field}: ")).unwrap_or_default();
                    text.push_str(&format!("\n  item {number} (line {line}): {field}{}", error.reason));
                }
                text
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::client::ItemError;
    use super::*;

    fn batches(input: &[u8]) -> Batches<&[u8]> {
        Batches::new(input, Ids::OfContent { domain: "example.com".to_owned() })
    }

    fn lines(batch: &Batch) -> usize {
        batch.ndjson.iter().filter(|byte| **byte == b'\n').count()
    }

    #[test]
    fn a_batch_holds_at_most_a_thousand_events() {
        let input = b"{\"event\":\"opened\"}\n".repeat(2001);
        let sizes: Vec<usize> = batches(&input).map(|batch| lines(&batch)).collect();
        assert_eq!(sizes, [1000, 1000, 1]);
    }

    #[test]
    fn a_batch_holds_at_most_five_mebibytes() {
        let event = format!("{{\"event\":\"opened\",\"x\":\"{}\"}}", "x".repeat(2 << 20));
        let input = event.repeat(5);
        let sizes: Vec<usize> = batches(input.as_bytes()).map(|batch| lines(&batch)).collect();
        assert_eq!(sizes, [2, 2, 1]);
    }

    #[test]
    fn events_before_a_fault_are_sent_and_the_fault_is_told() {
        let mut batches = batches(b"{}\n{}\n{\"a\":01}\n{}");
        assert_eq!(batches.next().map(|batch| lines(&batch)), Some(2));
        assert!(batches.next().is_none());
        let fault = batches.fault().unwrap();
        assert!(fault.starts_with("item 3 (line 3) is not JSON: at byte 6"), "{fault}");
    }

    #[test]
    fn an_item_at_fault_is_named_by_its_place_in_the_input() {
        let input = b"{}\n".repeat(1500);
        let second = batches(&input).nth(1).unwrap();
        let wrong =
            ItemError { index: 4, field: Some("timestamp".to_owned()), reason: "is in ms".to_owned() };
        let refusal = Refusal::Items { message: "1 event is wrong".to_owned(), errors: vec![wrong] };
        assert_eq!(
            second.explain(refusal),
            "1 event is wrong; none of the items 1001 to 1500 was stored\n  item 1005 (line 1005): timestamp: is in ms"
        );
    }
}
