//! The ends of a range: RFC 2822 dates or decimal seconds, as microseconds since the epoch.

use jiff::fmt::rfc2822::DateTimeParser;

use crate::api::error::Error;

/// 1e11 seconds lie in the year 5138: whoever sends more sends milliseconds.
const FIRST_MILLISECONDS: i64 = 100_000_000_000;

/// The microseconds since the epoch that a `begin` or `end` means. Digits after the sixth decimal are cut off.
pub(super) fn parse(parameter: &'static str, text: &str) -> Result<i64, Error> {
    let text = text.trim();
    if text.starts_with(|first: char| first.is_ascii_digit() || first == '-') && !text.contains(' ') {
        return epoch(text).map_err(|reason| Error::invalid(parameter, reason));
    }
    let parser = DateTimeParser::new();
    match parser.parse_timestamp(text) {
        Ok(timestamp) => Ok(timestamp.as_microsecond()),
        Err(_) => Err(Error::invalid(
            parameter,
            "neither seconds since 1970 nor an RFC 2822 date such as 'Fri, 3 May 2013 09:00:00 -0000'",
        )),
    }
}

fn epoch(text: &str) -> Result<i64, &'static str> {
    const SHAPE: &str = "seconds since 1970 are digits, with a decimal point at most";
    let (secs, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(secs) || !digits(decimals) {
        return Err(SHAPE);
    }
    let secs = secs.parse().unwrap_or(i64::MAX);
    if secs >= FIRST_MILLISECONDS {
        return Err("in milliseconds; send seconds since 1970");
    }
    let micros = decimals.bytes().chain(std::iter::repeat(b'0')).take(6);
    let micros = micros.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    Ok(secs * 1_000_000 + micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_spelling_is_the_same_instant() {
        for text in [
            "Fri, 3 May 2013 09:00:00 -0000",
            "Fri, 03 May 2013 09:00:00 GMT",
            "Fri, 3 May 2013 11:00:00 +0200",
            "3 May 2013 09:00:00 UT",
            "1367571600",
            "1367571600.0",
            " 1367571600.000000 ",
        ] {
            assert_eq!(parse("begin", text).ok(), Some(1_367_571_600_000_000), "{text}");
        }
    }

    #[test]
    fn decimals_count_to_the_microsecond() {
        assert_eq!(parse("end", "1521472262.908181").ok(), Some(1_521_472_262_908_181));
        assert_eq!(parse("end", "1521472262.9").ok(), Some(1_521_472_262_900_000));
        assert_eq!(parse("end", "1521472262.90818199").ok(), Some(1_521_472_262_908_181));
        assert_eq!(parse("end", "0").ok(), Some(0));
    }

    #[test]
    fn what_is_no_time_is_refused_by_name() {
        for text in
            ["", "yesterday", "-1", "1.", ".5", "1e9", "1,5", "2013-05-03", "Fri, 32 May 2013 09:00:00 GMT"]
        {
            let error = parse("begin", text).expect_err(text).to_string();
            assert!(error.starts_with("Invalid parameter 'begin': "), "{error}");
        }
        let milliseconds = parse("end", "1367571600000").expect_err("milliseconds").to_string();
        assert!(milliseconds.contains("milliseconds"), "{milliseconds}");
        assert!(parse("end", "99999999999999999999999").is_err());
    }
}
