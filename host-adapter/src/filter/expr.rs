//! A parsed expression over one field.

use super::field::{Comparison, Field};
use super::text;

/// A parsed expression. Its depth and its size are bounded by the parser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expr {
    Test(Test),
    Not(Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
}

/// What a term asks of a value. Texts are folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Test {
    /// It is one of the value's [`keys`].
    Key(String),
    /// It stands in the value as whole words.
    Words(String),
    Equal(u64),
    Above(u64),
    Below(u64),
}

impl Expr {
    /// Whether this holds where `test` says which tests do.
    pub(super) fn holds<F: FnMut(&Test) -> bool>(&self, test: &mut F) -> bool {
        match self {
            Self::Test(leaf) => test(leaf),
            Self::Not(inner) => !inner.holds(test),
            Self::All(parts) => parts.iter().all(|part| part.holds(test)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(test)),
        }
    }
}

/// What stands for the whole of a folded value of this field: the value, or the addresses in it.
pub(super) fn keys(field: Field, value: &str) -> impl Iterator<Item = &str> {
    let address = field.comparison() == Comparison::Address;
    let addresses = address.then(|| text::addresses(value)).into_iter().flatten();
    addresses.chain((!address).then(|| whole(field, value)))
}

/// The value itself; a message id without angle brackets.
pub(super) fn whole(field: Field, value: &str) -> &str {
    if field == Field::MessageId { bare(value) } else { value }
}

/// What stands between the angle brackets that some write around ids and addresses.
pub(super) fn bare(value: &str) -> &str {
    value.strip_prefix('<').and_then(|value| value.strip_suffix('>')).unwrap_or(value)
}
