//! What is wrong with bytes that came in: where, what, and what would be right.

use core::fmt;

/// Bytes that cannot be taken. To be corrected by whoever sent them.
///
/// Prints as a sentence: ``at byte 11: expected `,` or `}` `` for text that is not JSON, and
/// `` `delivery-status.code` must be a number `` for JSON of another shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct InputError {
    reason: Reason,
    place: Place,
}

/// Syntax is at fault at a byte, a value at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
enum Place {
    Offset(usize),
    Path(Path),
}

impl InputError {
    pub(crate) const fn syntax(offset: usize, reason: Reason) -> Self {
        Self { reason, place: Place::Offset(offset) }
    }

    pub(crate) const fn value(reason: Reason) -> Self {
        Self { reason, place: Place::Path(Path::ROOT) }
    }

    /// The same fault, seen from the object that has the faulty value as this field.
    pub(crate) const fn inside_field(self, name: &'static str) -> Self {
        Self { place: Place::Path(self.path().inside_field(name)), ..self }
    }

    /// The same fault, seen from the list that has the faulty value at this place.
    pub(crate) const fn inside_element(self, index: u32) -> Self {
        Self { place: Place::Path(self.path().inside_element(index)), ..self }
    }

    /// What is wrong.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// Where the text stops to be JSON, in bytes from the start of the input. `None` where it is JSON, of
    /// another shape.
    #[must_use]
    pub const fn offset(&self) -> Option<usize> {
        match self.place {
            Place::Offset(offset) => Some(offset),
            Place::Path(_) => None,
        }
    }

    /// The field that is at fault; [`Path::ROOT`] where the text is no JSON.
    #[must_use]
    pub const fn path(&self) -> Path {
        match self.place {
            Place::Offset(_) => Path::ROOT,
            Place::Path(path) => path,
        }
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Offset(offset) => write!(f, "at byte {offset}: {}", self.reason),
            Place::Path(Path::ROOT) => write!(f, "the value {}", self.reason),
            Place::Path(path) => write!(f, "`{path}` {}", self.reason),
        }
    }
}

impl core::error::Error for InputError {}

/// What is wrong with an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Reason {
    /// The input ends inside a value, or holds none.
    UnexpectedEnd,
    /// Something else stands where this was expected.
    Expected(&'static str),
    /// More than [`MAX_DEPTH`](super::MAX_DEPTH) arrays and objects inside each other, not counting the
    /// object of a payload.
    TooDeep,
    /// Something follows the value.
    TrailingData,
    /// A control character stands in a string unescaped.
    ControlCharacter,
    /// A backslash starts no escape of RFC 8259, section 7.
    Escape,
    /// A `\u` escape names one half of a surrogate pair without the other.
    LoneSurrogate,
    /// The bytes are not UTF-8.
    Utf8,
    /// The value has another type than this.
    Type(&'static str),
    /// The text is none of these.
    OneOf(&'static [&'static str]),
    /// A required field is absent.
    Missing,
    /// A field stands twice in one object.
    Duplicate,
    /// The value has the right type, but must do this.
    Must(&'static str),
    /// The `Deserialize` of a type that is not of this crate does not take the value.
    Refused,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnexpectedEnd => "the input ends before its value does",
            Self::Expected(what) => return write!(f, "expected {what}"),
            Self::TooDeep => "more than 32 arrays and objects stand inside each other",
            Self::TrailingData => "one value has ended here, and nothing may follow it",
            Self::ControlCharacter => "a control character in a string must be escaped",
            Self::Escape => r#"a backslash must be followed by one of " \ / b f n r t, or by u and four hexadecimal digits"#,
            Self::LoneSurrogate => "half of a surrogate pair stands alone",
            Self::Utf8 => "the text is not valid UTF-8",
            Self::Type(expected) => return write!(f, "must be {expected}"),
            Self::OneOf(names) => return write_alternatives(f, names),
            Self::Missing => "is required",
            Self::Duplicate => "stands twice in one object",
            Self::Must(rule) => return write!(f, "must {rule}"),
            Self::Refused => "does not have the form that is wanted here",
        })
    }
}

fn write_alternatives(f: &mut fmt::Formatter<'_>, names: &[&str]) -> fmt::Result {
    f.write_str("must be one of ")?;
    for (index, name) in names.iter().enumerate() {
        write!(f, "{}\"{name}\"", if index == 0 { "" } else { ", " })?;
    }
    Ok(())
}

/// The way from the decoded value to one inside it: `message.attachments[2].size`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Path {
    /// Outermost first. An empty name is a step into a list, to the index of the same place.
    names: [&'static str; Path::MAX_STEPS],
    indices: [u32; Path::MAX_STEPS],
    steps: u8,
}

impl Path {
    /// The value itself.
    pub const ROOT: Self = Self { names: [""; Self::MAX_STEPS], indices: [0; Self::MAX_STEPS], steps: 0 };

    /// The longest way that is told; of a longer one, its first steps.
    const MAX_STEPS: usize = 4;

    /// Whether this is the decoded value itself.
    #[must_use]
    pub const fn is_root(self) -> bool {
        self.steps == 0
    }

    const fn inside_field(self, name: &'static str) -> Self {
        self.inside(name, 0)
    }

    const fn inside_element(self, index: u32) -> Self {
        self.inside("", index)
    }

    const fn inside(self, name: &'static str, index: u32) -> Self {
        let [name1, name2, name3, _] = self.names;
        let [index1, index2, index3, _] = self.indices;
        let steps = if self.steps < Self::MAX_STEPS as u8 { self.steps + 1 } else { self.steps };
        Self { names: [name, name1, name2, name3], indices: [index, index1, index2, index3], steps }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = self.names.iter().zip(self.indices).take(self.steps.into());
        for (place, (name, index)) in steps.enumerate() {
            match (place, *name) {
                (_, "") => write!(f, "[{index}]")?,
                (0, name) => f.write_str(name)?,
                (_, name) => write!(f, ".{name}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn a_fault_inside_is_named_by_its_path() {
        let error = InputError::value(Reason::Type("a whole number"))
            .inside_field("size")
            .inside_element(2)
            .inside_field("attachments")
            .inside_field("message");
        assert_eq!(error.to_string(), "`message.attachments[2].size` must be a whole number");
    }

    #[test]
    fn alternatives_are_listed() {
        let error = InputError::value(Reason::OneOf(&["permanent", "temporary"]));
        assert_eq!(error.to_string(), r#"the value must be one of "permanent", "temporary""#);
    }
}
