//! The event that is posted: 1.2 KB as a mail system sends them, with its number and the time of its submission.

use std::ops::Range;

use memchr::memmem::{Finder, find_iter};

/// The event, with runs of one letter where something else stands in each: its number (N), its id (I), the
/// number of its recipient (R), and the moment of its submission (S). What it lacks (`timestamp`, `domain`,
/// `account`) the server completes.
const TEXT: &str = include_str!("event.json");
/// Digits of each number.
const DIGITS: usize = 16;
/// Events of one recipient, who gets one after the other.
const OF_RECIPIENT: u64 = 10;
/// What stands before the stamp, in the event and so in every payload.
const MARK: &str = r#""user-variables":{"load":""#;

/// An event that can be written again and again, each time as another one.
pub(crate) struct Event {
    text: Vec<u8>,
    numbers: Vec<Range<usize>>,
    ids: Vec<Range<usize>>,
    recipients: Vec<Range<usize>>,
    submitted: Vec<Range<usize>>,
}

impl Event {
    /// Events of this type.
    pub(crate) fn of(kind: &str) -> Self {
        let text = TEXT.trim_end().replacen("\"delivered\"", &format!("\"{kind}\""), 1).into_bytes();
        let runs = |letter: &str| {
            let run = letter.repeat(DIGITS);
            find_iter(&text, run.as_bytes()).map(|at| at..at + DIGITS).collect()
        };
        Self { numbers: runs("N"), ids: runs("I"), recipients: runs("R"), submitted: runs("S"), text }
    }

    /// Bytes of each.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// Appends the event of this number, submitted now.
    pub(crate) fn write(&mut self, number: u64, now: u64, out: &mut Vec<u8>) {
        let values = [
            (&self.numbers, number),
            (&self.ids, id(number)),
            (&self.recipients, number / OF_RECIPIENT),
            (&self.submitted, now),
        ];
        for (places, value) in values {
            places.iter().for_each(|place| put_digits(&mut self.text[place.clone()], value));
        }
        out.extend_from_slice(&self.text);
    }
}

/// What an event says of itself at the receiver.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) number: u64,
    /// By [`crate::clock`].
    pub(crate) submitted: u64,
}

/// Finds stamps in bodies.
pub(crate) struct Stamps(Finder<'static>);

impl Stamps {
    pub(crate) fn new() -> Self {
        Self(Finder::new(MARK))
    }

    /// The stamp of the event in this body, whatever is around it.
    pub(crate) fn find(&self, body: &[u8]) -> Option<Stamp> {
        let at = self.0.find(body)? + MARK.len();
        let number = digits(body.get(at..at + DIGITS)?)?;
        let submitted = digits(body.get(at + DIGITS + 1..at + 2 * DIGITS + 1)?)?;
        Some(Stamp { number, submitted })
    }
}

/// The id of the event of this number, of 16 digits: each another one, and in no order, as those of mail systems are.
pub(crate) fn id(number: u64) -> u64 {
    const DIGITS: u128 = 10_u128.pow(16);
    // Odd and no multiple of five: as a factor it only changes the order.
    (u128::from(number) * 6_180_339_887_498_949 % DIGITS) as u64
}

fn put_digits(place: &mut [u8], mut value: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

fn digits(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0_u64, |value, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_as_it_was_written_and_nothing_else_changes() {
        let mut event = Event::of("opened");
        let [mut first, mut other] = [Vec::new(), Vec::new()];
        event.write(7, 1_234_567_890_123, &mut first);
        event.write(8, 9_999_999_999_999_999, &mut other);

        let stamps = Stamps::new();
        assert_eq!(stamps.find(&first), Some(Stamp { number: 7, submitted: 1_234_567_890_123 }));
        assert_eq!(stamps.find(&other), Some(Stamp { number: 8, submitted: 9_999_999_999_999_999 }));
        assert_eq!([first.len(), other.len()], [event.len(); 2]);
        let json: serde_json::Value = serde_json::from_slice(&first).unwrap();
        assert_eq!(json["event"], "opened");
        assert_eq!(json["message"]["headers"]["message-id"], "0000000000000007@example.com");
    }

    #[test]
    fn a_body_without_a_stamp_has_none() {
        assert_eq!(Stamps::new().find(br#"{"user-variables":{"load":"12"}}"#), None);
    }
}
