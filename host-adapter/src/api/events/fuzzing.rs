//! Cursors and times, for the fuzzer.

use super::cursor::{CursorKey, decode, encode};
use super::time::parse;

/// What no key has sealed opens nowhere; and what one had sealed would be a cursor that survives its text.
pub fn cursor(bytes: &[u8]) {
    let key = CursorKey::new(&[7; 32]);
    if let Ok(text) = str::from_utf8(bytes) {
        assert_eq!(key.open("a.test", text), None);
    }
    let Some(cursor) = decode(bytes) else { return };
    assert_eq!(decode(&encode(&cursor)).as_ref(), Some(&cursor));
    let text = key.seal("a.test", &cursor);
    assert_eq!(key.open("a.test", &text), Some(cursor));
    assert_eq!(key.open("b.test", &text), None);
}

/// A time is refused by name, or is the same one in seconds since 1970.
pub fn time(text: &str) {
    match parse("begin", text) {
        Ok(micros @ 0..) => {
            let seconds = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
            match parse("begin", &seconds) {
                Ok(again) => assert_eq!(again, micros, "{text}"),
                Err(error) => assert!(error.to_string().contains("in milliseconds"), "{text}: {error}"),
            }
        }
        // Before 1970, which is a date and no number.
        Ok(_) => assert!(text.contains(' '), "{text}"),
        Err(error) => assert!(error.to_string().starts_with("Invalid parameter 'begin': "), "{error}"),
    }
}
