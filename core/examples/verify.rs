//! Verifies the payload on standard input, as a receiver would:
//! `cargo run -p sealpost-core --example sign | cargo run -p sealpost-core --example verify [SIGNING_KEY]`.

use std::error::Error;
use std::io::Read;
use std::time::SystemTime;

use sealpost_core::sign::{self, ReplayGuard};
use sealpost_core::{SigningKey, UnixTime};

fn main() -> Result<(), Box<dyn Error>> {
    let key = std::env::args().nth(1).unwrap_or_else(|| "key-example".to_owned());
    let key = SigningKey::new(key.as_bytes())?;
    // A receiver that stays up keeps one guard for as long as it runs.
    let mut guard = ReplayGuard::<1024>::new();

    let mut body = Vec::new();
    std::io::stdin().read_to_end(&mut body)?;
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let now = UnixTime::new(since_1970.as_secs(), since_1970.subsec_micros());

    let verified = sign::verify(&body, &key, now, sign::DEFAULT_WINDOW, &mut guard)?;
    println!("valid, signed at {}: {}", verified.timestamp, verified.event_data);
    Ok(())
}
