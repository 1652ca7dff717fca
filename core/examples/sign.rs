//! Signs an event and prints the payload: `cargo run -p sealpost-core --example sign [SIGNING_KEY]`.

use std::error::Error;
use std::fs::File;
use std::io::{Read, Write};
use std::time::SystemTime;

use sealpost_core::{Payload, SigningKey, Token, UnixTime, json};

const EVENT: &[u8] = br#"{"event":"opened","id":"MXcc2gEpS-eN8HfkOnmK2w","timestamp":1770146431.658,"recipient":"alice@recipient.test"}"#;

fn main() -> Result<(), Box<dyn Error>> {
    let key = std::env::args().nth(1).unwrap_or_else(|| "key-example".to_owned());
    let key = SigningKey::new(key.as_bytes())?;

    let mut entropy = [0; Token::ENTROPY];
    File::open("/dev/urandom")?.read_exact(&mut entropy)?;
    let block = key.sign(now()?, Token::from_entropy(entropy));

    let event_data = json::check(EVENT)?;
    let payload = Payload::new(&block, event_data.as_bytes());
    let mut out = std::io::stdout().lock();
    for chunk in payload.chunks() {
        out.write_all(chunk)?;
    }
    Ok(writeln!(out)?)
}

fn now() -> Result<UnixTime, Box<dyn Error>> {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    Ok(UnixTime::new(since_1970.as_secs(), since_1970.subsec_micros()))
}
