//! The filter language of the Events API: what is asked of an event, field by field.
//!
//! A filter is a list of conditions, each an expression over one [`Field`]; an event passes if all hold.
//! The grammar, with `NOT` before `AND` before `OR`, operators in upper case:
//!
//! ```text
//! any  := all ("OR" all)*
//! all  := not (["AND"] not)*            two terms side by side must both hold
//! not  := "NOT" not | "(" any ")" | test
//! test := term | '"' phrase '"' | [">" | "<"] number      numbers for `size` alone
//! ```
//!
//! What a term says depends on its field; capital and small letters are the same everywhere:
//!
//! | fields | a term holds if |
//! | --- | --- |
//! | `event`, `severity` | it is the value; other names than those that exist are refused |
//! | `message-id`, `tags` | it is the whole value, or one of the values |
//! | `recipient`, `recipients`, `from`, `to`, `list` | with an `@`: it is an address in the value, `bob@x.test` in `Bob <bob@x.test>`; without: as in `subject` |
//! | `subject`, `attachment` | it stands in the value, literally, and not as a part of a longer word |
//! | `size` | the number is the size; `>` greater, `<` smaller |
//!
//! [`Facts`] are what a store may index of an event, and [`Filter::plan`] says which of them the events
//! that pass have. The other half, [`Matcher`], looks at the event-data itself and decides.

mod expr;
mod facts;
mod field;
mod matcher;
mod parse;
mod plan;
#[cfg(test)]
mod property;
mod text;

use std::fmt;

use url::form_urlencoded;

use self::expr::Expr;
pub use self::facts::{Facts, Term};
pub use self::field::Field;
pub use self::matcher::Matcher;
pub use self::plan::Plan;

/// The longest filter, in bytes of its text.
pub const MAX_TEXT: usize = 4096;

/// A condition on events; the default holds for all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    conditions: Vec<(Field, Expr)>,
    text: String,
}

/// Why a filter cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// The field whose expression is at fault.
    pub field: Field,
    /// What is wrong, where, and what would be right.
    pub reason: String,
}

impl Filter {
    /// The filter of these expressions. A field that comes twice must hold both times; an empty expression
    /// asks for nothing.
    ///
    /// # Errors
    /// The first expression that is not one, or that makes the filter longer than [`MAX_TEXT`].
    pub fn new<'a>(expressions: impl IntoIterator<Item = (Field, &'a str)>) -> Result<Self, FilterError> {
        let mut conditions = Vec::new();
        let mut text = form_urlencoded::Serializer::new(String::new());
        let mut room = MAX_TEXT;
        for (field, expression) in expressions {
            let expression = expression.trim();
            if expression.is_empty() {
                continue;
            }
            let fault = |reason| FilterError { field, reason };
            let size = encoded_len(field, expression);
            room = room.checked_sub(size).ok_or_else(|| {
                fault(format!("the filters together are longer than {MAX_TEXT} bytes; ask for less at once"))
            })?;
            conditions.push((field, parse::parse(field, expression).map_err(fault)?));
            text.append_pair(field.name(), expression);
        }
        Ok(Self { conditions, text: text.finish() })
    }

    /// The expressions as a query string of at most [`MAX_TEXT`] bytes.
    #[must_use]
    pub fn as_text(&self) -> &str {
        &self.text
    }
}

/// Bytes that a pair takes in a query string, its `&` included.
fn encoded_len(field: Field, expression: &str) -> usize {
    let expression: usize = form_urlencoded::byte_serialize(expression.as_bytes()).map(str::len).sum();
    field.name().len() + expression + 2
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Filter {}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field.name(), self.reason)
    }
}

impl std::error::Error for FilterError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_filter_is_a_query_string_of_its_expressions() {
        let filter = Filter::new([(Field::Tags, " a AND b "), (Field::Event, ""), (Field::Tags, "c")]);
        assert_eq!(filter.expect("a filter").as_text(), "tags=a+AND+b&tags=c");
    }

    #[test]
    fn a_filter_is_bounded() {
        let long = "x".repeat(2100);
        assert!(Filter::new([(Field::Subject, &*long)]).is_ok());
        let error = Filter::new([(Field::Subject, &*long), (Field::To, &*long)]).expect_err("too long");
        assert_eq!(error.field, Field::To);
        assert!(error.to_string().contains("4096 bytes"), "{error}");
    }
}
