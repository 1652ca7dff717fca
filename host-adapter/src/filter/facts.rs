//! What a store may index of an event.

use sealpost_core::json::{self, Kind, RawJson};
use sha2::{Digest, Sha256};

use super::expr::keys;
use super::field::Field;
use super::matcher;

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
    pub fn of(event: RawJson<'_>) -> Self {
        let mut terms = Vec::with_capacity(8);
        let mut folded = String::new();
        let beginnings = Field::beginnings(event);
        for (field, beginning) in Field::INDEXED.into_iter().zip(beginnings) {
            let mut room = MAX_VALUES;
            let mut index = |value| {
                matcher::fold(value, &mut folded)
                    && keys(field, &folded).any(|key| {
                        if let Some(less) = room.checked_sub(1) {
                            room = less;
                            terms.push(Term::new(field, key));
                            return false;
                        }
                        true
                    })
            };
            let full = match event.kind() {
                Kind::Array => field.any(event, &mut index),
                _ => beginning.is_some_and(|value| field.any_in(value, &mut index)),
            };
            if full {
                terms.push(Term::beyond(field));
            }
        }
        terms.sort_unstable();
        terms.dedup();
        Self(terms)
    }

    /// The facts of event-data that may be anything; none where it is not JSON.
    #[must_use]
    pub fn of_data(event_data: &[u8]) -> Self {
        json::check(event_data).map(Self::of).unwrap_or_default()
    }

    /// The terms, in order, each once.
    #[must_use]
    pub fn terms(&self) -> &[Term] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
