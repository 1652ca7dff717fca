//! What the native build of the core signs and serialises, for the other builds to repeat.

use sealpost_core::sign::EndpointSecret;
use sealpost_core::{Payload, SigningKey, Token, UnixTime};

/// When all of it is signed, in seconds since 1970.
pub const NOW: u64 = 1_529_006_854;

const KEY: &str = "key-55c5c5c5c55f55ca5cd5f55d5c555c55";
const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
const ID: &str = "MXcc2gEpS-eN8HfkOnmK2w";
const EVENT_DATA: &str =
    r#"{"event":"opened","id":"MXcc2gEpS-eN8HfkOnmK2w","tags":["\u00e9t\u00e9",1.50e+3,null]}"#;

/// The random bytes of the token.
#[must_use]
pub fn entropy() -> [u8; Token::ENTROPY] {
    std::array::from_fn(|i| i as u8)
}

/// Every input and every output in text, by its name.
///
/// # Panics
/// Never: the keys are sound.
#[must_use]
pub fn vectors() -> Vec<(&'static str, String)> {
    let now = UnixTime::new(NOW, 0);
    let key = SigningKey::new(KEY.as_bytes()).expect("a key");
    let block = key.sign(now, Token::from_entropy(entropy()));
    let payload = Payload::new(&block, EVENT_DATA);
    let [prefix, _, _] = payload.chunks();
    let body = payload.chunks().concat();
    let standard = EndpointSecret::parse(SECRET).expect("a secret").sign(ID, now, &[&body]);

    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    vec![
        ("KEY", KEY.into()),
        ("SECRET", SECRET.into()),
        ("ID", ID.into()),
        ("TIMESTAMP", NOW.to_string()),
        ("EVENT_DATA", EVENT_DATA.into()),
        ("TOKEN", block.token().as_str().into()),
        ("SIGNATURE", block.signature().into()),
        ("PREFIX", text(prefix)),
        ("PAYLOAD", text(&body)),
        ("ALTERED_PAYLOAD", text(&body).replacen(&NOW.to_string(), &(NOW + 1).to_string(), 1)),
        ("STANDARD_SIGNATURE", standard.as_str().into()),
    ]
}
