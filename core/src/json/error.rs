//! What is wrong with bytes that came in: where, what, and what would be right.

use core::fmt;

/// Bytes that cannot be taken. To be corrected by whoever sent them.
///
/// Prints as a sentence: ``at byte 11: expected `,` or `}` `` for text that is not JSON, and
/// `` `delivery-status.code` must be a number `` for JSON of another shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct InputError {
    offset: usize,
    reason: Reason,
    path: Path,
}

impl InputError {
    pub(crate) const fn new(offset: usize, reason: Reason) -> Self {
        Self { offset, reason, path: Path::ROOT }
    }

    /// The same fault, seen from the value that holds the faulty one by this step.
    pub(crate) const fn inside(self, step: Step) -> Self {
        Self { path: self.path.inside(step), ..self }
    }

    /// Where the fault is: bytes from the start of the input that was checked or decoded.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// What is wrong.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// The field that is at fault; [`Path::ROOT`] for a fault of syntax.
    #[must_use]
    pub const fn path(&self) -> Path {
        self.path
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.reason.is_syntax(), self.path.is_root()) {
            (true, _) => write!(f, "at byte {}: {}", self.offset, self.reason),
            (false, true) => write!(f, "the value {}", self.reason),
            (false, false) => write!(f, "`{}` {}", self.path, self.reason),
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
    /// More than [`MAX_DEPTH`](super::MAX_DEPTH) arrays and objects inside each other.
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
}

impl Reason {
    /// Whether the input is not JSON at all, rather than JSON of another shape.
    #[must_use]
    pub const fn is_syntax(self) -> bool {
        !matches!(self, Self::Type(_) | Self::OneOf(_) | Self::Missing | Self::Duplicate | Self::Must(_))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnexpectedEnd => "the input ends inside a value",
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
pub struct Path([Option<Step>; Path::MAX_STEPS]);

impl Path {
    /// The value itself.
    pub const ROOT: Self = Self([None; Self::MAX_STEPS]);

    /// The longest way that is told; of a longer one, its first steps.
    pub const MAX_STEPS: usize = 4;

    /// Whether this is the decoded value itself.
    #[must_use]
    pub const fn is_root(self) -> bool {
        self.0[0].is_none()
    }

    /// The steps, outermost first.
    pub fn steps(self) -> impl Iterator<Item = Step> {
        self.0.into_iter().flatten()
    }

    const fn inside(self, step: Step) -> Self {
        let [first, second, third, _] = self.0;
        Self([Some(step), first, second, third])
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps().enumerate() {
            match step {
                Step::Field(name) if index == 0 => f.write_str(name)?,
                Step::Field(name) => write!(f, ".{name}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// One step of a [`Path`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Step {
    /// Into the field of this name.
    Field(&'static str),
    /// Into the element at this place, counted from 0.
    Index(u32),
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn a_fault_inside_is_named_by_its_path() {
        let error = InputError::new(7, Reason::Type("a whole number"))
            .inside(Step::Field("size"))
            .inside(Step::Index(2))
            .inside(Step::Field("attachments"))
            .inside(Step::Field("message"));
        assert_eq!(error.to_string(), "`message.attachments[2].size` must be a whole number");
    }

    #[test]
    fn alternatives_are_listed() {
        let error = InputError::new(0, Reason::OneOf(&["permanent", "temporary"]));
        assert_eq!(error.to_string(), r#"the value must be one of "permanent", "temporary""#);
    }
}
