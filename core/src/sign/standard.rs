//! The Standard Webhooks scheme: a secret per endpoint, and a signature that covers the body
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).

use core::fmt;

use super::mac::{Code, MacKey};
use super::replay::Remember;
use super::verify::{VerifyError, check_age, seconds};
use crate::base64;
use crate::decimal::Decimal;
use crate::error::ConfigError;
use crate::time::{Duration, UnixTime};

const SECRET_PREFIX: &str = "whsec_";
const VERSION: &str = "v1,";

/// The secret of one endpoint, hashed into the state that every signature starts from.
///
/// It signs the three headers `webhook-id`, `webhook-timestamp` and `webhook-signature`, and through the
/// last one the body. `Debug` shows nothing of it.
///
/// ```
/// use sealpost_core::sign::EndpointSecret;
/// use sealpost_core::UnixTime;
///
/// let secret = EndpointSecret::parse("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX")?;
/// let now = UnixTime::new(1_529_006_854, 0);
/// let signature = secret.sign("MXcc2gEpS-eN8HfkOnmK2w", now, &[br#"{"hello":"#, br#""world"}"#]);
/// assert_eq!(signature.as_str(), "v1,Xh8egWdDTcTuN9+7HEGhdTvLYuM9/svlwr54F1SjogU=");
/// # Ok::<(), sealpost_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct EndpointSecret(MacKey);

impl EndpointSecret {
    /// The least number of bytes in a secret.
    pub const MIN_BYTES: usize = 24;
    /// The largest number of bytes in a secret.
    pub const MAX_BYTES: usize = 64;

    /// The secret of this text: `whsec_` and the base64 of 24 to 64 bytes.
    ///
    /// # Errors
    /// [`ConfigError::MalformedSecret`] for any other text.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut bytes = [0; Self::MAX_BYTES];
        text.strip_prefix(SECRET_PREFIX)
            .and_then(|encoded| base64::decode(encoded.as_bytes(), &mut bytes))
            .filter(|len| *len >= Self::MIN_BYTES)
            .and_then(|len| bytes.get(..len))
            .map(|secret| Self(MacKey::new(secret)))
            .ok_or(ConfigError::MalformedSecret)
    }

    /// The value of `webhook-signature` for the message `id`, sent at `now` with a body that consists of
    /// `chunks`. While a secret is being replaced, send the signatures of both: [`StandardSignatures`].
    ///
    /// The signature covers `id.timestamp.body`. An `id` may contain dots all the same: the timestamp is
    /// digits and a payload begins with `{"`, which no accepted id contains, so this splits in one way only. So does
    /// the form of a legacy webhook: an urlencoded one has no dot, and before the first dot of a multipart one there
    /// is a line break, which no header can have.
    #[must_use]
    pub fn sign(&self, id: &str, now: UnixTime, chunks: &[&[u8]]) -> StandardSignature {
        StandardSignature::new(self.code(id, Decimal::new(now.secs()).as_bytes(), chunks).as_bytes())
    }

    /// Verifies what came in the three headers with the body, whose chunks may be cut anywhere. `signatures`
    /// is a list separated by spaces, of which one must be this secret's; the timestamp must lie within
    /// `window` of `now`, and `guard` must not have seen the signature before. A known `id` under a new
    /// signature is no replay but the sender's next attempt: acknowledge it, and count it once.
    ///
    /// # Errors
    /// See [`VerifyError`]; never [`VerifyError::NotJson`]. `guard` remembers nothing unless the message is
    /// verified.
    pub fn verify(
        &self,
        headers: StandardHeaders<'_>,
        chunks: &[&[u8]],
        now: UnixTime,
        window: Duration,
        guard: &mut (impl Remember + ?Sized),
    ) -> Result<(), VerifyError> {
        let timestamp = seconds(headers.timestamp)?;
        let code = self.code(headers.id, headers.timestamp.as_bytes(), chunks);
        let authentic = |text: &[u8]| {
            let mut signature = [0; 32];
            let len = base64::decode(text.strip_prefix(VERSION.as_bytes())?, &mut signature)?;
            (len == signature.len() && code.is(&signature)).then_some(signature)
        };
        let mut listed = headers.signatures.as_bytes().split(|byte| *byte == b' ');
        let signature = listed.find_map(authentic).ok_or(VerifyError::WrongSignature)?;
        check_age(timestamp, now, window)?;
        if guard.remember(&signature) { Ok(()) } else { Err(VerifyError::Replayed) }
    }

    fn code(&self, id: &str, timestamp: &[u8], chunks: &[&[u8]]) -> Code {
        self.0.over(&[id.as_bytes(), b".", timestamp, b"."], chunks)
    }
}

impl fmt::Debug for EndpointSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EndpointSecret(redacted)")
    }
}

/// The three headers of a received message.
#[derive(Clone, Copy, Debug)]
pub struct StandardHeaders<'a> {
    /// `webhook-id`.
    pub id: &'a str,
    /// `webhook-timestamp`, decimal seconds since 1970.
    pub timestamp: &'a str,
    /// `webhook-signature`: one or more signatures, separated by spaces.
    pub signatures: &'a str,
}

/// One signature for the `webhook-signature` header: `v1,` and the base64 of an HMAC-SHA256.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StandardSignature([u8; Self::LEN]);

impl StandardSignature {
    /// Its length in bytes.
    pub const LEN: usize = VERSION.len() + 44;

    fn new(mac: &[u8]) -> Self {
        let mut text = [b'='; Self::LEN];
        if let Some((version, encoded)) = text.split_at_mut_checked(VERSION.len()) {
            version.copy_from_slice(VERSION.as_bytes());
            base64::encode(mac, encoded);
        }
        Self(text)
    }

    /// The text for the header.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The text as bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Debug for StandardSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The value of `webhook-signature` while a secret is being replaced: the signatures of the new one and of the
/// old one, in this order. Without an old one it is the one signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StandardSignatures {
    newest: StandardSignature,
    both: Option<[u8; Self::MAX_LEN]>,
}

impl StandardSignatures {
    /// The length of two, with the space in between.
    pub const MAX_LEN: usize = 2 * StandardSignature::LEN + 1;

    /// Signs as [`EndpointSecret::sign`] does, with both secrets.
    ///
    /// ```
    /// use sealpost_core::UnixTime;
    /// use sealpost_core::sign::{EndpointSecret, StandardSignatures};
    ///
    /// let old = EndpointSecret::parse("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX")?;
    /// let new = EndpointSecret::parse("whsec_FxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA")?;
    /// let now = UnixTime::new(1_529_006_854, 0);
    /// let both = StandardSignatures::sign(&new, Some(&old), "MXcc2gEpS-eN8HfkOnmK2w", now, &[b"{}"]);
    /// let newest = new.sign("MXcc2gEpS-eN8HfkOnmK2w", now, &[b"{}"]);
    /// assert!(both.as_str().starts_with(newest.as_str()));
    /// assert_eq!(both.as_str().split(' ').count(), 2);
    /// # Ok::<(), sealpost_core::ConfigError>(())
    /// ```
    #[must_use]
    pub fn sign(
        new: &EndpointSecret,
        old: Option<&EndpointSecret>,
        id: &str,
        now: UnixTime,
        chunks: &[&[u8]],
    ) -> Self {
        let newest = new.sign(id, now, chunks);
        Self { newest, both: old.map(|old| Self::join(&newest, &old.sign(id, now, chunks))) }
    }

    fn join(newest: &StandardSignature, older: &StandardSignature) -> [u8; Self::MAX_LEN] {
        let mut text = [b' '; Self::MAX_LEN];
        if let Some((front, back)) = text.split_at_mut_checked(StandardSignature::LEN) {
            front.copy_from_slice(&newest.0);
            // Behind the space.
            if let Some((_, back)) = back.split_first_mut() {
                back.copy_from_slice(&older.0);
            }
        }
        text
    }

    /// The text for the header.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let both = self.both.as_ref().and_then(|text| core::str::from_utf8(text).ok());
        both.unwrap_or_else(|| self.newest.as_str())
    }
}

impl fmt::Debug for StandardSignatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text of a secret: what its owner gets to see, and what [`EndpointSecret::parse`] reads.
///
/// `Debug` shows nothing of it.
#[derive(Clone)]
pub struct SecretText {
    text: [u8; Self::MAX_LEN],
    len: usize,
}

impl SecretText {
    /// The length of the longest.
    pub const MAX_LEN: usize = SECRET_PREFIX.len() + EndpointSecret::MAX_BYTES.div_ceil(3) * 4;

    /// The text of a secret of these bytes, which must come from a cryptographic random source.
    ///
    /// # Errors
    /// [`ConfigError::MalformedSecret`] unless there are 24 to 64 of them.
    pub fn from_entropy(bytes: &[u8]) -> Result<Self, ConfigError> {
        if !(EndpointSecret::MIN_BYTES..=EndpointSecret::MAX_BYTES).contains(&bytes.len()) {
            return Err(ConfigError::MalformedSecret);
        }
        let mut text = [0; Self::MAX_LEN];
        let (prefix, encoded) =
            text.split_at_mut_checked(SECRET_PREFIX.len()).ok_or(ConfigError::MalformedSecret)?;
        prefix.copy_from_slice(SECRET_PREFIX.as_bytes());
        let len = base64::encode(bytes, encoded).ok_or(ConfigError::MalformedSecret)?;
        Ok(Self { text, len: SECRET_PREFIX.len() + len })
    }

    /// The secret itself: keep it out of logs.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.text.get(..self.len).and_then(|text| core::str::from_utf8(text).ok()).unwrap_or_default()
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;
    use crate::sign::ReplayGuard;

    // The secret of the bytes 0 to 63, and its signature as Python's hmac computes it.
    const LONGEST: &str =
        "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==";
    const SIGNATURE: &str = "v1,UNO2ZYyLFUyvlVt8opFLB54mRRf1qc8WQhHBL6C4xUQ=";
    const BODY: &[u8] = br#"{"hello":"world"}"#;
    const NOW: UnixTime = UnixTime::new(1_529_006_854, 0);
    const WINDOW: Duration = crate::sign::DEFAULT_WINDOW;

    fn verify_at(headers: StandardHeaders<'_>, body: &[u8], now: UnixTime) -> Result<(), VerifyError> {
        let secret = EndpointSecret::parse(LONGEST).unwrap();
        secret.verify(headers, &[body], now, WINDOW, &mut ReplayGuard::<1>::new())
    }

    fn headers(signatures: &str) -> StandardHeaders<'_> {
        StandardHeaders { id: "MXcc2gEpS-eN8HfkOnmK2w", timestamp: "1529006854", signatures }
    }

    #[test]
    fn signs_as_another_implementation_does_wherever_the_body_is_cut() {
        let secret = EndpointSecret::parse(LONGEST).unwrap();
        for cut in 0..BODY.len() {
            let (front, back) = BODY.split_at(cut);
            assert_eq!(secret.sign("MXcc2gEpS-eN8HfkOnmK2w", NOW, &[front, back]).as_str(), SIGNATURE);
        }
    }

    #[test]
    fn one_good_signature_among_several_verifies() {
        for list in [SIGNATURE, &format!("v1,AAAA v1a,x  {SIGNATURE}"), &format!("{SIGNATURE} v2,y")] {
            assert_eq!(verify_at(headers(list), BODY, NOW), Ok(()), "{list}");
        }
    }

    #[test]
    fn while_a_secret_is_replaced_both_sign_and_the_newest_comes_first() {
        let old = EndpointSecret::parse(LONGEST).unwrap();
        let new = EndpointSecret::parse(SecretText::from_entropy(&[7; 24]).unwrap().reveal()).unwrap();
        let sign = |old| StandardSignatures::sign(&new, old, "MXcc2gEpS-eN8HfkOnmK2w", NOW, &[BODY]);
        let alone = new.sign("MXcc2gEpS-eN8HfkOnmK2w", NOW, &[BODY]);
        assert_eq!(sign(Some(&old)).as_str(), format!("{} {SIGNATURE}", alone.as_str()));
        assert_eq!(verify_at(headers(sign(Some(&old)).as_str()), BODY, NOW), Ok(()));
        assert_eq!(sign(None).as_str(), alone.as_str());
        assert_eq!(verify_at(headers(sign(None).as_str()), BODY, NOW), Err(VerifyError::WrongSignature));
    }

    #[test]
    fn an_altered_body_id_or_signature_does_not_verify() {
        let good = headers(SIGNATURE);
        let other_id = StandardHeaders { id: "other", ..good };
        for (headers, body) in
            [(good, &BODY[1..]), (other_id, BODY), (headers(""), BODY), (headers("v1,"), BODY)]
        {
            assert_eq!(verify_at(headers, body, NOW), Err(VerifyError::WrongSignature), "{headers:?}");
        }
    }

    #[test]
    fn a_true_signature_outside_the_window_is_stale() {
        let later = UnixTime::new(NOW.secs() + 301, 0);
        assert_eq!(verify_at(headers(SIGNATURE), BODY, later), Err(VerifyError::Stale { age: 301 }));
    }

    #[test]
    fn a_second_time_is_a_replay_and_the_next_attempt_is_none() {
        let secret = EndpointSecret::parse(LONGEST).unwrap();
        let mut guard = ReplayGuard::<4>::new();
        let mut verify = |headers| secret.verify(headers, &[BODY], NOW, WINDOW, &mut guard);
        assert_eq!(verify(headers("v1,")), Err(VerifyError::WrongSignature));
        assert_eq!(verify(headers(SIGNATURE)), Ok(()));
        assert_eq!(verify(headers(SIGNATURE)), Err(VerifyError::Replayed));

        let next = secret.sign("MXcc2gEpS-eN8HfkOnmK2w", UnixTime::new(NOW.secs() + 1, 0), &[BODY]);
        let next_attempt = StandardHeaders { timestamp: "1529006855", ..headers(next.as_str()) };
        assert_eq!(verify(next_attempt), Ok(()));
    }

    #[test]
    fn a_secret_has_24_to_64_bytes() {
        let all: [u8; 65] = core::array::from_fn(|i| i as u8);
        for (len, fits) in [(0, false), (23, false), (24, true), (25, true), (64, true), (65, false)] {
            let text = SecretText::from_entropy(&all[..len]);
            assert_eq!(text.is_ok(), fits, "{len}");
            assert!(text.is_err() || EndpointSecret::parse(text.unwrap().reveal()).is_ok());
        }
        assert_eq!(SecretText::from_entropy(&all[..64]).unwrap().reveal(), LONGEST);
    }

    #[test]
    fn other_texts_are_no_secrets() {
        let without_prefix = &LONGEST[6..];
        let short = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRY=";
        for text in ["", "whsec_", without_prefix, short, "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRY*"] {
            assert_eq!(EndpointSecret::parse(text).unwrap_err(), ConfigError::MalformedSecret, "{text}");
        }
    }

    #[test]
    fn debug_shows_nothing_of_a_secret() {
        let text = SecretText::from_entropy(&[7; 24]).unwrap();
        let secret = EndpointSecret::parse(text.reveal()).unwrap();
        assert_eq!(format!("{text:?} {secret:?}"), "SecretText(redacted) EndpointSecret(redacted)");
    }
}
