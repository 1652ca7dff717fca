//! Secrets at rest: the master key, and what is sealed under it.
//!
//! Signing keys, endpoint secrets and URLs with their credentials stand in the store only sealed
//! (XChaCha20-Poly1305, a fresh random nonce each time). API keys do not stand there at all: just their
//! SHA-256, which is enough, because a key is 128 random bits or more and not a password. The master key
//! lives outside the store, in a file of mode 0600 or in the environment, so that a copy of the database
//! alone gives nothing away.

use std::{
    fmt, fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use crate::{entropy, private};

/// Text that never shows in logs, errors or `Debug` output. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps the text.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text itself, to be used and not to be shown.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// The key that seals every secret in the store: 32 bytes, kept outside of it.
#[derive(Clone)]
pub struct MasterKey([u8; 32]);

impl MasterKey {
    /// The environment variable that holds the key where no file is wanted.
    pub const VARIABLE: &str = "SEALPOST_MASTER_KEY";

    /// A new random key.
    #[must_use]
    pub fn generate() -> Self {
        Self(entropy::bytes())
    }

    /// Reads a key from its text, 64 hexadecimal digits or the base64 of 32 bytes; `None` for any other.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        decode_hex(text).or_else(|| BASE64_STANDARD.decode(text).ok()?.try_into().ok()).map(Self)
    }

    /// Reads the key file.
    ///
    /// # Errors
    /// There is none, it cannot be read, it holds no key, or it may be read by others than its owner.
    pub fn from_file(path: &Path) -> Result<Self, MasterKeyError> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => MasterKeyError::Missing(path.to_owned()),
            _ => MasterKeyError::File(path.to_owned(), error),
        };
        let file = fs::File::open(path).map_err(failed)?;
        if private::is_exposed(&file.metadata().map_err(failed)?) {
            return Err(MasterKeyError::Exposed(path.to_owned()));
        }
        let mut text = String::new();
        file.take(1024).read_to_string(&mut text).map_err(failed)?;
        Self::parse(&text).ok_or_else(|| MasterKeyError::Malformed(path.display().to_string()))
    }

    /// Makes the key file with a new key, mode 0600; whole and durable when this returns, and before that
    /// not there at all. Where another process has just made it, that one's key.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn create_file(path: &Path) -> Result<Self, MasterKeyError> {
        let key = Self::generate();
        match private::write_new(path, &format!("{}\n", BASE64_STANDARD.encode(key.0))) {
            Ok(()) => Ok(key),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Self::from_file(path),
            Err(error) => Err(MasterKeyError::File(path.to_owned(), error)),
        }
    }

    /// Encrypts `plain`. Only [`MasterKey::open`] with the same `purpose` reads it again, so that a
    /// value moved to another place of the store is noticed.
    ///
    /// # Panics
    /// If `plain` has 256 GiB, which the cipher cannot take.
    #[must_use]
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Vec<u8> {
        let nonce: [u8; 24] = entropy::bytes();
        let payload = Payload { msg: plain, aad: purpose.as_bytes() };
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload).expect("a secret is short");
        [nonce.as_slice(), &sealed].concat()
    }

    /// Decrypts what [`MasterKey::seal`] returned.
    ///
    /// # Errors
    /// See [`Unreadable`].
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>, Unreadable> {
        let (nonce, sealed) = sealed.split_first_chunk::<24>().ok_or(Unreadable)?;
        let payload = Payload { msg: sealed, aad: purpose.as_bytes() };
        self.cipher().decrypt(&XNonce::from(*nonce), payload).map_err(|_| Unreadable)
    }

    /// A keyed digest: equal texts are recognised in the store without being readable from it.
    #[must_use]
    pub fn digest(&self, purpose: &str, text: &str) -> [u8; 32] {
        // An HMAC takes keys of any length, so this arm is never the fallback.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return [0; 32] };
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().into()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.0.into())
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(***)")
    }
}

/// The form in which an API key is stored and looked up: its SHA-256.
#[must_use]
pub fn hash_api_key(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// Why there is no master key. To be corrected by whoever runs the server.
#[derive(Debug)]
pub enum MasterKeyError {
    /// There is no key file.
    Missing(PathBuf),
    /// What stands in the named place is no key.
    Malformed(String),
    /// Others than the owner may read the key file.
    Exposed(PathBuf),
    /// The key file cannot be read or written.
    File(PathBuf, io::Error),
}

impl fmt::Display for MasterKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path) => write!(
                f,
                "the master key file {} is missing, and the data directory holds a store that is sealed under \
                 its key; restore the file, or give the key in {}",
                path.display(),
                MasterKey::VARIABLE
            ),
            Self::Malformed(place) => write!(
                f,
                "{place} holds no master key; it must be 64 hexadecimal digits or the base64 of 32 bytes"
            ),
            Self::Exposed(path) => write!(
                f,
                "the master key file {0} can be read by others; run `chmod 600 {0}`",
                path.display()
            ),
            Self::File(path, error) => write!(f, "the master key file {}: {error}", path.display()),
        }
    }
}

impl std::error::Error for MasterKeyError {}

/// Something was sealed under another master key or for another purpose, or has changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a stored secret cannot be read with this master key; use the key it was sealed with")
    }
}

impl std::error::Error for Unreadable {}

fn decode_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_secret_opens_under_its_key_and_purpose_alone() {
        let (key, other) = (MasterKey::generate(), MasterKey::generate());
        let sealed = key.seal("endpoint url", b"https://u:p@example.com/");
        assert!(!sealed.windows(7).any(|window| window == b"example"));
        assert_eq!(key.open("endpoint url", &sealed).unwrap(), b"https://u:p@example.com/");
        assert_eq!(key.open("endpoint secret", &sealed), Err(Unreadable));
        assert_eq!(other.open("endpoint url", &sealed), Err(Unreadable));
        assert_eq!(key.open("endpoint url", &sealed[..20]), Err(Unreadable));
    }

    #[test]
    fn the_same_secret_is_sealed_differently_each_time() {
        let key = MasterKey::generate();
        assert_ne!(key.seal("p", b"secret"), key.seal("p", b"secret"));
    }

    #[test]
    fn a_key_is_read_from_hex_and_from_base64() {
        let hex = MasterKey::parse(&"0a".repeat(32)).unwrap();
        let base64 = MasterKey::parse(&format!("{}\n", BASE64_STANDARD.encode([10; 32]))).unwrap();
        assert_eq!(hex.0, [10; 32]);
        assert_eq!(base64.0, hex.0);
        for wrong in ["", "0a", &"+1".repeat(32), &"é".repeat(32), &BASE64_STANDARD.encode([1; 31])] {
            assert!(MasterKey::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_key_file_is_made_once_and_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        assert!(matches!(MasterKey::from_file(&path), Err(MasterKeyError::Missing(_))));
        let made = MasterKey::create_file(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(MasterKey::from_file(&path).unwrap().0, made.0);
        assert_eq!(MasterKey::create_file(&path).unwrap().0, made.0);

        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(MasterKey::from_file(&path), Err(MasterKeyError::Exposed(_))));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_without_a_key_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        private::append(&path, "").unwrap();
        let said = MasterKey::from_file(&path).unwrap_err().to_string();
        assert!(said.starts_with(path.to_str().unwrap()), "{said}");
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        let shown = format!("{:?} {:?}", Secret::new("hunter2"), MasterKey([7; 32]));
        assert_eq!(shown, "Secret(***) MasterKey(***)");
    }
}
