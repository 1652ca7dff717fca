//! From which end to which a walk reads: what `begin`, `end` and `ascending` say together.

use super::time;
use crate::api::error::Error;
use crate::api::form::Form;

/// A range of event timestamps and the direction in which it is read. The clock has no part in it, so
/// that the same request always means the same range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    /// The earliest timestamp in it, in microseconds since the epoch.
    pub(super) from: i64,
    /// The latest timestamp in it, in microseconds since the epoch.
    pub(super) to: i64,
    /// Whether it is read from the earliest to the latest.
    pub(super) ascending: bool,
}

impl Range {
    /// The range that these parameters ask for.
    ///
    /// Descending unless `ascending=yes` or `begin` lies before `end`. A missing `begin` or `end` means
    /// that the range goes on to the newest or oldest event that there is.
    pub(super) fn parse(query: &Form) -> Result<Self, Error> {
        let time = |name| query.given(name).map(|text| time::parse(name, text)).transpose();
        let ascending = query.given("ascending").map(yes_or_no("ascending")).transpose()?;
        let (begin, end) = (time("begin")?, time("end")?);
        match (begin, end) {
            (Some(begin), Some(end)) => closed(begin, end, ascending),
            (Some(begin), None) if ascending == Some(true) => {
                Ok(Self { from: begin, to: i64::MAX, ascending: true })
            }
            (Some(begin), None) => Ok(Self { from: i64::MIN, to: begin, ascending: false }),
            (None, Some(end)) if ascending == Some(true) => {
                Ok(Self { from: i64::MIN, to: end, ascending: true })
            }
            (None, Some(end)) => Ok(Self { from: end, to: i64::MAX, ascending: false }),
            (None, None) => Ok(Self { from: i64::MIN, to: i64::MAX, ascending: ascending == Some(true) }),
        }
    }

    /// Whether the range has no end yet: what is committed later belongs to it too.
    pub(super) const fn is_open(&self) -> bool {
        self.ascending && self.to == i64::MAX
    }
}

/// `yes` or `no`, or what clients send in their place.
pub(in crate::api) fn yes_or_no(parameter: &'static str) -> impl Fn(&str) -> Result<bool, Error> {
    move |text| match text.to_ascii_lowercase().as_str() {
        "yes" | "true" | "1" => Ok(true),
        "no" | "false" | "0" => Ok(false),
        _ => Err(Error::invalid(parameter, "must be 'yes' or 'no'")),
    }
}

fn closed(begin: i64, end: i64, ascending: Option<bool>) -> Result<Range, Error> {
    let direction = match begin.cmp(&end) {
        std::cmp::Ordering::Less => true,
        std::cmp::Ordering::Equal => ascending.unwrap_or(true),
        std::cmp::Ordering::Greater => false,
    };
    if ascending.is_some_and(|asked| asked != direction) {
        let reason =
            "disagrees with 'begin' and 'end': a begin before the end is ascending, one after it descending";
        return Err(Error::invalid("ascending", reason));
    }
    Ok(Range { from: begin.min(end), to: begin.max(end), ascending: direction })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<Range, Error> {
        Range::parse(&Form::from_query(query)?)
    }

    fn range(from: i64, to: i64, ascending: bool) -> Range {
        let micros = |secs: i64| if secs == i64::MIN || secs == i64::MAX { secs } else { secs * 1_000_000 };
        Range { from: micros(from), to: micros(to), ascending }
    }

    #[test]
    fn the_parameters_decide_range_and_direction() {
        for (query, expected) in [
            ("", range(i64::MIN, i64::MAX, false)),
            ("ascending=yes", range(i64::MIN, i64::MAX, true)),
            ("begin=5", range(i64::MIN, 5, false)),
            ("begin=5&ascending=no", range(i64::MIN, 5, false)),
            ("begin=5&ascending=true", range(5, i64::MAX, true)),
            ("end=5", range(5, i64::MAX, false)),
            ("end=5&ascending=yes", range(i64::MIN, 5, true)),
            ("begin=3&end=5", range(3, 5, true)),
            ("begin=5&end=3", range(3, 5, false)),
            ("begin=5&end=3&ascending=no", range(3, 5, false)),
            ("begin=5&end=5", range(5, 5, true)),
            ("begin=5&end=5&ascending=no", range(5, 5, false)),
        ] {
            assert_eq!(parse(query).ok(), Some(expected), "{query}");
        }
    }

    #[test]
    fn a_direction_against_begin_and_end_is_refused() {
        for query in ["begin=3&end=5&ascending=no", "begin=5&end=3&ascending=yes", "ascending=maybe"] {
            assert!(matches!(parse(query), Err(Error::Invalid { parameter: "ascending", .. })), "{query}");
        }
    }

    #[test]
    fn only_an_ascending_range_without_an_end_is_open() {
        assert!(parse("begin=5&ascending=yes").is_ok_and(|range| range.is_open()));
        assert!(parse("begin=5&end=7").is_ok_and(|range| !range.is_open()));
        assert!(parse("").is_ok_and(|range| !range.is_open()));
    }
}
