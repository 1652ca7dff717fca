//! The credentials of a URL.

use core::fmt;

use crate::hex;

/// The credentials in a URL, still percent-encoded. `Debug` shows nothing of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Userinfo<'a> {
    text: &'a str,
}

impl<'a> Userinfo<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text }
    }

    /// The bytes of `user:password` with `%xx` decoded, as HTTP Basic authentication encodes them (RFC 7617). A
    /// `%` without two hexadecimal digits stands for itself.
    pub fn credentials(&self) -> impl Iterator<Item = u8> + 'a {
        let text = self.text.as_bytes();
        let user = text.split(|byte| *byte == b':').next().unwrap_or_default();
        let password = text.get(user.len().saturating_add(1)..).unwrap_or_default();
        percent_decoded(user).chain([b':']).chain(percent_decoded(password))
    }
}

impl fmt::Debug for Userinfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Userinfo(redacted)")
    }
}

fn percent_decoded(text: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = text;
    core::iter::from_fn(move || {
        let (byte, after) = match rest {
            [b'%', high, low, after @ ..] => match hex::decode(&[*high, *low]) {
                Some([byte]) => (byte, after),
                None => (b'%', rest.get(1..)?),
            },
            [byte, after @ ..] => (*byte, after),
            [] => return None,
        };
        rest = after;
        Some(byte)
    })
}

#[cfg(test)]
mod tests {
    use std::string::String;
    use std::vec::Vec;

    use super::*;

    #[test]
    fn credentials_are_percent_decoded() {
        for (text, credentials) in [
            ("us%65r:p%40ss%3a", "user:p@ss:"),
            ("user", "user:"),
            ("", ":"),
            (":a:b", ":a:b"),
            ("50%:%4", "50%:%4"),
        ] {
            let bytes = Userinfo::new(text).credentials().collect::<Vec<_>>();
            assert_eq!(String::from_utf8(bytes).unwrap(), credentials, "{text}");
        }
    }
}
