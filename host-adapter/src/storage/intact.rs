//! Whether event-data is still what was accepted.
//!
//! What is stored beside it is the digest of the bytes that were submitted, and event-data is those bytes with
//! the members that they lacked in front. Which members those were is not stored. But each can only be one
//! text, made of the event's other columns: where event-data begins with it, it is taken away, until what is
//! left has the digest. So the one digest stands for every byte of the event-data, for the id and for an
//! assigned timestamp.

use std::ops::ControlFlow;

use sealpost_core::{
    event::{Account, Completion, Domain},
    json::{Number, encode},
};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::growing::Growing;

/// Whether this is the event-data of the submission with this digest, completed with these members.
pub(super) fn is_intact(data: &[u8], digest: &[u8; 32], completion: &Completion<'_>) -> bool {
    let Some(mut rest) = data.strip_prefix(b"{") else { return false };
    let submitted =
        |rest: &[u8]| <[u8; 32]>::from(Sha256::new().chain_update("{").chain_update(rest).finalize());
    let mut candidates = vec![rest];
    for member in members(completion) {
        if let Some(behind) = rest.strip_prefix(&*member) {
            // In front of the last member stands a comma, unless nothing was submitted.
            let Some(behind) = behind.strip_prefix(b",") else { continue };
            rest = behind;
            candidates.push(rest);
        }
    }
    // Nearly always all that look assigned were.
    let found = candidates.iter().rev().try_for_each(|rest| match submitted(rest) == *digest {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    });
    found.is_break()
}

/// The members that may have been put in front, in their order.
fn members(completion: &Completion<'_>) -> [Vec<u8>; 4] {
    let Completion { id, timestamp, domain, account } = completion;
    [
        member("id", id),
        member("timestamp", &Number::from(*timestamp)),
        member("domain", &Domain { name: Some((*domain).into()) }),
        member("account", &Account { id: Some((*account).into()) }),
    ]
}

fn member(name: &str, value: &impl Serialize) -> Vec<u8> {
    let mut text = Growing(format!("\"{name}\":").into_bytes());
    // A growing buffer takes everything.
    let _ = encode(value, &mut text);
    text.0
}

#[cfg(test)]
mod tests {
    use sealpost_core::{UnixTime, event::complete, json};

    use super::*;

    const COMPLETION: Completion<'_> =
        Completion { id: "i", timestamp: UnixTime::new(7, 42), domain: "example.com", account: "a" };

    fn accepted(submitted: &str) -> (Vec<u8>, [u8; 32]) {
        let mut data = Growing(Vec::new());
        complete(json::check(submitted.as_bytes()).unwrap(), &COMPLETION, &mut data).unwrap();
        (data.0, Sha256::digest(submitted).into())
    }

    const SUBMITTED: [&str; 6] = [
        r#"{"event":"opened"}"#,
        r#"{"id":"i","event":"opened"}"#,
        r#"{"event":"opened","account":{"id":"a"},"timestamp":7.000042,"id":"i"}"#,
        r#"{"domain":{"name":"example.com"},"event":"opened","timestamp":7}"#,
        r#"{"account":{"id":"a"},"event":"opened","id":"i"}"#,
        r#"{"account":{"id":"a"},"domain":{"name":"example.com"},"id":"i","timestamp":7.000042}"#,
    ];

    #[test]
    fn what_was_accepted_is_intact_whatever_it_lacked() {
        for submitted in SUBMITTED {
            let (data, digest) = accepted(submitted);
            assert!(is_intact(&data, &digest, &COMPLETION), "{submitted}");
        }
    }

    #[test]
    fn no_bit_can_change_unnoticed() {
        for submitted in SUBMITTED {
            let (data, digest) = accepted(submitted);
            for (at, bit) in (0..data.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
                let mut altered = data.clone();
                altered[at] ^= 1 << bit;
                assert!(!is_intact(&altered, &digest, &COMPLETION), "{}", String::from_utf8_lossy(&altered));
            }
            assert!(!is_intact(&data[..data.len() - 1], &digest, &COMPLETION));
            let other = Completion { id: "j", ..COMPLETION };
            assert!(submitted.contains("\"id\"") || !is_intact(&data, &digest, &other));
        }
    }
}
