//! What a store may index of an event.

use sealpost_core::Event;
use sealpost_core::json::{self, Text};
use sha2::{Digest, Sha256};

use super::expr::keys;
use super::field::Field;
use super::text;

/// A value of a field as a number: the first eight bytes of a SHA-256. Stores keep it, so that it never
/// changes; two values may share one, so that whoever finds an event by it still has to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term(pub i64);

impl Term {
    /// This value of a field, folded.
    pub(super) fn new(field: Field, value: &str) -> Self {
        // No name holds a NUL, so that no other pair gives the same text.
        Self::hash(Sha256::new().chain_update(field.name()).chain_update(b"\0").chain_update(value))
    }

    /// An event's id, as it is: what the store itself finds an event by. No field has this name.
    #[must_use]
    pub fn of_id(id: &str) -> Self {
        Self::hash(Sha256::new().chain_update(b"id\0").chain_update(id))
    }

    /// Has more values of this field than are indexed.
    pub(super) fn beyond(field: Field) -> Self {
        Self::hash(Sha256::new().chain_update(field.name()))
    }

    fn hash(text: Sha256) -> Self {
        Self(text.finalize().first_chunk().map_or(0, |first| i64::from_be_bytes(*first)))
    }
}

/// Values of one field that are indexed; an event with more is found by that alone.
const MAX_VALUES: usize = 16;

/// The terms of an event: its `event`, `severity`, `recipient`, `message-id` and `tags`, at most
/// 17 of a field, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts(Vec<Term>);

impl Facts {
    /// The facts of an event.
    #[must_use]
    pub fn of(event: &Event<'_>) -> Self {
        let mut gathered = Gathered::default();
        gathered.add(Field::Event, [event.kind.as_str().into()]);
        gathered.add(Field::Severity, event.severity.map(|severity| severity.as_str().into()));
        gathered.add(Field::Recipient, event.recipient);
        gathered.add(Field::Tags, event.tags.iter().flatten());
        let headers = event.message.and_then(|message| message.headers);
        gathered.add(Field::MessageId, headers.and_then(|headers| headers.message_id));
        gathered.into()
    }

    /// The facts of event-data that may be anything, the same as of the event that it is; none where it is not JSON.
    #[must_use]
    pub fn of_data(event_data: &[u8]) -> Self {
        let mut gathered = Gathered::default();
        if let Ok(event) = json::check(event_data) {
            for field in Field::INDEXED {
                let mut texts = Vec::new();
                field.any(event, &mut |value| {
                    texts.extend(value.as_text());
                    false
                });
                gathered.add(field, texts);
            }
        }
        gathered.into()
    }

    /// The terms, in order, each once.
    #[must_use]
    pub fn terms(&self) -> &[Term] {
        &self.0
    }
}

/// Terms as they are found.
#[derive(Default)]
struct Gathered {
    terms: Vec<Term>,
    folded: String,
}

impl Gathered {
    /// The terms of a field with these values.
    fn add<'a>(&mut self, field: Field, values: impl IntoIterator<Item = Text<'a>>) {
        let mut room = MAX_VALUES;
        for value in values {
            text::fold(value.chars(), &mut self.folded);
            for key in keys(field, &self.folded) {
                if room == 0 {
                    return self.terms.push(Term::beyond(field));
                }
                room -= 1;
                self.terms.push(Term::new(field, key));
            }
        }
    }
}

impl From<Gathered> for Facts {
    fn from(Gathered { mut terms, .. }: Gathered) -> Self {
        terms.sort_unstable();
        terms.dedup();
        Self(terms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn terms(data: &str) -> Vec<Term> {
        Facts::of_data(data.as_bytes()).terms().to_vec()
    }

    #[test]
    fn every_indexed_value_is_a_fact_once() {
        let facts = terms(
            r#"{"event":"failed","severity":"permanent","recipient":"Bob <BOB@x.test>","tags":["A","b","a"],
                "message":{"size":3,"headers":{"message-id":"<1@X>","subject":"s"}}}"#,
        );
        let mut expected = vec![
            Term::new(Field::Event, "failed"),
            Term::new(Field::Severity, "permanent"),
            Term::new(Field::Recipient, "bob@x.test"),
            Term::new(Field::Tags, "a"),
            Term::new(Field::Tags, "b"),
            Term::new(Field::MessageId, "1@x"),
        ];
        expected.sort_unstable();
        assert_eq!(facts, expected);
    }

    #[test]
    fn facts_are_the_first_members_and_of_an_array_those_of_its_elements() {
        let event = r#"{"\u0065vent":"opened","recipient":["A@x.test"],"event":"clicked","message":[{"headers":[{"message-id":"1"}]}]}"#;
        let mut expected = vec![
            Term::new(Field::Event, "opened"),
            Term::new(Field::Recipient, "a@x.test"),
            Term::new(Field::MessageId, "1"),
        ];
        expected.sort_unstable();
        assert_eq!(terms(event), expected);
        assert_eq!(terms(&format!("[{event},{{}},7]")), expected);
    }

    #[test]
    fn an_event_has_the_facts_of_its_event_data() {
        let tags: Vec<_> = (0..20).map(|at| format!("\"Tag {at}\"")).collect();
        let more = format!(
            r#"{{"event":"failed","severity":"temporary","recipient":"\u0041@x.test, <b@y.test>","tags":[{}],
                "message":{{"headers":{{"message-id":"<1@X>"}}}}}}"#,
            tags.join(",")
        );
        for data in samples::ALL.into_iter().map(|(_, data)| data).chain([&*more, r#"{"event":"opened"}"#]) {
            let event = Event::decode(json::check(data.as_bytes()).expect(data)).expect(data);
            assert_eq!(Facts::of(&event), Facts::of_data(data.as_bytes()), "{data}");
        }
    }

    /// Stores on disk hold these numbers.
    #[test]
    fn a_term_never_changes() {
        assert_eq!(Term::new(Field::Event, "opened"), Term(9_158_174_047_844_274_718));
        assert_eq!(Term::beyond(Field::Tags), Term(-7_526_588_610_691_904_267));
    }

    #[test]
    fn facts_are_bounded_and_say_where_they_end() {
        let tags: Vec<_> = (0..50).map(|at| format!("\"{at}\"")).collect();
        let facts = terms(&format!(r#"{{"event":"opened","tags":[{}]}}"#, tags.join(",")));
        assert_eq!(facts.len(), 1 + MAX_VALUES + 1);
        assert!(facts.contains(&Term::beyond(Field::Tags)));
        assert_eq!(terms("not JSON"), []);
    }
}
