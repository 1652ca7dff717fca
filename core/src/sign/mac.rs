//! HMAC-SHA256 (RFC 2104, FIPS 180-4), which both schemes sign with.
//!
//! Over the compression function of `sha2`: the crate `hmac`, made for every hash, copies its states and its buffer for
//! each message and links the end of a hash three times, half a kilobyte more on a Cortex-M4. It is what the tests
//! compare with.

use core::slice;

use hmac::Hmac;
use hmac::digest::CtOutput;
use sha2::Sha256;
use sha2::block_api::compress256;

use crate::SMALL;

const BLOCK: usize = 64;
/// The blocks that a hasher keeps: on a host two, into which what Mailgun's scheme signs fits, to be hashed at once.
const WAITING: usize = if SMALL { 1 } else { 2 };
/// What follows the last byte of a message.
const MARK: u8 = 0x80;
/// At the end of the last block.
const LENGTH_BYTES: usize = size_of::<u64>();
/// The state before the first block: the fractions of the square roots of the first eight primes.
const INITIAL: State =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

type State = [u32; 8];

/// A key, already hashed into the two states that every signature starts from.
#[derive(Clone)]
pub(super) struct MacKey {
    inner: State,
    outer: State,
}

impl MacKey {
    /// The key of these bytes; any number of them.
    pub(super) fn new(key: &[u8]) -> Self {
        const INNER: u8 = 0x36;
        const OUTER: u8 = 0x5c;
        let mut block = [0; BLOCK];
        let hashed;
        let short = if key.len() <= BLOCK {
            key
        } else {
            hashed = digest(INITIAL, 0, &[key], &[]);
            &hashed
        };
        for (place, byte) in block.iter_mut().zip(short) {
            *place = *byte;
        }
        let inner = after(&mut block, INNER);
        Self { inner, outer: after(&mut block, INNER ^ OUTER) }
    }

    /// The code over the parts of the head and of the body, one after the other. On a microcontroller out of line, so
    /// that signing and verifying in both schemes share it.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn over(&self, head: &[&[u8]], body: &[&[u8]]) -> Code {
        let inner = digest(self.inner, BLOCK, head, body);
        // The general way costs a host a tenth of a signature, and a small runtime no code of its own.
        if SMALL {
            return Code(digest(self.outer, BLOCK, &[&inner], &[]));
        }
        Code(outer(self.outer, &inner))
    }
}

/// An authentication code, which compares in a time that does not depend on where it differs.
pub(super) struct Code([u8; 32]);

impl Code {
    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(super) fn is(&self, bytes: &[u8; 32]) -> bool {
        CtOutput::<Hmac<Sha256>>::new(self.0.into()) == CtOutput::new((*bytes).into())
    }
}

/// The state after one block, which is changed by the mask first.
fn after(block: &mut [u8; BLOCK], mask: u8) -> State {
    for byte in block.iter_mut() {
        *byte ^= mask;
    }
    let mut state = INITIAL;
    compress256(&mut state, slice::from_ref(block));
    state
}

/// The hash of a key's block, which the state has taken in, and another hash: one block, always the same but for that.
fn outer(mut state: State, inner: &[u8; 32]) -> [u8; 32] {
    const LENGTH: u64 = 8 * (BLOCK + 32) as u64;
    let mut block = [0; BLOCK];
    let (hash, end) = block.split_at_mut(inner.len());
    hash.copy_from_slice(inner);
    if let [mark, ..] = end {
        *mark = MARK;
    }
    let (_, length) = block.split_at_mut(BLOCK - LENGTH_BYTES);
    length.copy_from_slice(&LENGTH.to_be_bytes());
    compress256(&mut state, slice::from_ref(&block));
    to_bytes(&state)
}

/// Goes on from a state that has taken in `taken` bytes, whole blocks, and ends the hash.
#[cfg_attr(target_os = "none", inline(never))]
fn digest(state: State, taken: usize, head: &[&[u8]], body: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Hasher { state, waiting: [[0; BLOCK]; WAITING], filled: 0 };
    let mut length = taken as u64;
    for parts in [head, body] {
        for part in parts {
            length = length.wrapping_add(part.len() as u64);
            hasher.update(part);
        }
    }
    hasher.end(length)
}

/// A state, and the bytes that it has not taken in yet.
struct Hasher {
    state: State,
    /// Zeros from `filled` on.
    waiting: [[u8; BLOCK]; WAITING],
    /// Less than all.
    filled: usize,
}

impl Hasher {
    /// Takes in bytes. Whole blocks are hashed where they lie, unless others wait.
    #[cfg_attr(target_os = "none", inline(never))]
    fn update(&mut self, mut rest: &[u8]) {
        while !rest.is_empty() {
            if self.filled == 0
                && let (blocks @ [_, ..], tail) = rest.as_chunks()
            {
                compress256(&mut self.state, blocks);
                rest = tail;
                continue;
            }
            let free = self.waiting.as_flattened_mut().get_mut(self.filled..).unwrap_or_default();
            let count = rest.len().min(free.len());
            let (taken, left) = rest.split_at_checked(count).unwrap_or_default();
            if let Some(places) = free.get_mut(..count) {
                places.copy_from_slice(taken);
            }
            rest = left;
            self.filled += count;
            if self.filled == WAITING * BLOCK {
                self.compress();
            }
        }
    }

    /// Ends the hash of `length` bytes: a bit that is set, zeros, and the length in bits, which ends the last block.
    fn end(&mut self, length: u64) -> [u8; 32] {
        if let Some(place) = self.waiting.as_flattened_mut().get_mut(self.filled) {
            *place = MARK;
        }
        if self.filled >= WAITING * BLOCK - LENGTH_BYTES {
            self.compress();
        }
        let blocks = (self.filled + LENGTH_BYTES) / BLOCK + 1;
        if let Some(blocks @ [.., _]) = self.waiting.get_mut(..blocks) {
            if let [.., last] = blocks {
                let (_, place) = last.split_at_mut(BLOCK - LENGTH_BYTES);
                place.copy_from_slice(&length.wrapping_mul(8).to_be_bytes());
            }
            compress256(&mut self.state, blocks);
        }
        to_bytes(&self.state)
    }

    /// Hashes the blocks that wait, and begins again.
    fn compress(&mut self) {
        compress256(&mut self.state, &self.waiting);
        (self.waiting, self.filled) = ([[0; BLOCK]; WAITING], 0);
    }
}

fn to_bytes(state: &State) -> [u8; 32] {
    let mut hash = [0; 32];
    for (bytes, word) in hash.as_chunks_mut().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    hash
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use hmac::{KeyInit, Mac};

    use super::*;

    fn oracle(key: &[u8], message: &[u8]) -> [u8; 32] {
        let mac = Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(message);
        mac.finalize().into_bytes().into()
    }

    #[test]
    fn every_length_of_key_and_message_is_signed_as_by_another_implementation() {
        let bytes: Vec<u8> = (0..300_u32).map(|i| (i * 7) as u8).collect();
        for key in (0..=70).chain([127, 128, 129, 300]) {
            for message in (0..=140).chain([191, 192, 193, 300]) {
                let (key, message) = (&bytes[..key], &bytes[300 - message..]);
                let code = MacKey::new(key).over(&[message], &[]);
                assert_eq!(*code.as_bytes(), oracle(key, message), "{} {}", key.len(), message.len());
            }
        }
    }

    #[test]
    fn it_does_not_matter_where_a_message_is_cut() {
        let message: Vec<u8> = (0..200).collect();
        let key = MacKey::new(b"key");
        let whole = *key.over(&[&message], &[]).as_bytes();
        for first in 0..=200 {
            for second in [first, (first + 1).min(200), (first + 63).min(200), (first + 64).min(200), 200] {
                let (head, body) = (&message[..first], [&message[first..second], &message[second..]]);
                assert_eq!(*key.over(&[head, b""], &body).as_bytes(), whole, "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn a_code_is_itself_alone() {
        let code = MacKey::new(b"key").over(&[b"message"], &[]);
        let mut bytes = *code.as_bytes();
        assert!(code.is(&bytes));
        bytes[31] ^= 1;
        assert!(!code.is(&bytes));
    }
}
