//! Whether an event passes a filter: the last word, from the event-data itself.

use sealpost_core::json::{self, RawJson};

use super::expr::{Test, keys};
use super::field::Field;
use super::{Filter, text};

/// A filter at work. It keeps its one buffer from event to event.
#[derive(Debug)]
pub struct Matcher<'f> {
    filter: &'f Filter,
    folded: String,
}

impl Filter {
    /// Puts the filter to work.
    #[must_use]
    pub fn matcher(&self) -> Matcher<'_> {
        Matcher { filter: self, folded: String::new() }
    }
}

impl Matcher<'_> {
    /// Whether an event passes. What is not JSON passes only where nothing is asked of it.
    pub fn passes(&mut self, event_data: &[u8]) -> bool {
        if self.filter.conditions.is_empty() {
            return true;
        }
        let Ok(event) = json::check(event_data) else { return false };
        let folded = &mut self.folded;
        let mut conditions = self.filter.conditions.iter();
        conditions.all(|(field, expression)| expression.holds(&mut |test| holds(*field, test, event, folded)))
    }
}

fn holds(field: Field, test: &Test, event: RawJson<'_>, folded: &mut String) -> bool {
    field.any(event, &mut |value| match test {
        Test::Key(key) => fold(value, folded) && keys(field, folded).any(|found| found == key),
        Test::Words(words) => fold(value, folded) && text::contains_words(folded, words),
        Test::Equal(number) => size(value).is_some_and(|size| size == *number),
        Test::Above(number) => size(value).is_some_and(|size| size > *number),
        Test::Below(number) => size(value).is_some_and(|size| size < *number),
    })
}

/// Folds a value that is a text.
fn fold(value: RawJson<'_>, folded: &mut String) -> bool {
    value.as_text().inspect(|text| text::fold(text.chars(), folded)).is_some()
}

fn size(value: RawJson<'_>) -> Option<u64> {
    value.as_number()?.as_u64()
}
