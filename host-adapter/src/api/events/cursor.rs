//! A cursor: everything that a page of a walk depends on, in one path segment.
//!
//! It is self-contained, deterministic (the same place in the same walk is the same text), authenticated
//! by a MAC, and bound to its domain: every node that has the store's key can read it, and no client can
//! make one.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::filter;
use super::range::Range;
use crate::filter::Filter;

/// A place in a walk, and the walk itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    /// The walk.
    pub(super) walk: Walk,
    /// The start of the store at which the snapshot was taken.
    pub(super) epoch: u64,
    /// Events up to this commit sequence belong to earlier rounds.
    pub(super) floor: u64,
    /// Events after this commit sequence belong to later rounds.
    pub(super) snapshot: u64,
    /// Where the page begins.
    pub(super) cut: Cut,
    /// Whether the page lies behind the cut, in the direction of the walk, or before it.
    pub(super) forward: bool,
}

/// What a client asked for: the same on every page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Walk {
    /// The timestamps, and the direction.
    pub(super) range: Range,
    /// Which events.
    pub(super) filter: Arc<Filter>,
    /// The most events on a page, 1 to 300.
    pub(super) limit: u16,
    /// Whether pages are laid out for people.
    pub(super) pretty: bool,
}

/// A place between two events in the order of (timestamp, commit sequence): behind all events up to and
/// including this pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cut {
    /// Microseconds since the epoch.
    pub(super) timestamp: i64,
    /// Commit sequence.
    pub(super) seq: u64,
}

impl Cut {
    /// Before every event.
    pub(super) const LOWEST: Self = Self { timestamp: i64::MIN, seq: 0 };
    /// Behind every event.
    pub(super) const HIGHEST: Self = Self { timestamp: i64::MAX, seq: u64::MAX };
}

impl Cursor {
    /// The first page of this walk, up to this snapshot.
    pub(super) const fn first(walk: Walk, epoch: u64, snapshot: u64) -> Self {
        let cut = if walk.range.ascending { Cut::LOWEST } else { Cut::HIGHEST };
        Self { walk, epoch, floor: 0, snapshot, cut, forward: true }
    }

    /// Whether the page is read towards later timestamps.
    pub(super) const fn reads_up(&self) -> bool {
        self.walk.range.ascending == self.forward
    }

    /// This cursor at another place of its walk and round.
    pub(super) fn at(&self, cut: Cut, forward: bool) -> Self {
        Self { cut, forward, ..self.clone() }
    }

    /// The round after this one: what was committed after its snapshot, up to a newer one.
    pub(super) fn next_round(&self, epoch: u64, snapshot: u64) -> Self {
        Self { floor: self.snapshot, ..Self::first(self.walk.clone(), epoch, snapshot) }
    }
}

/// Reads and writes cursors. The key is the store's, the same on every node.
#[derive(Clone)]
pub(crate) struct CursorKey(Hmac<Sha256>);

const VERSION: u8 = 1;
const MAC_LEN: usize = 16;
/// More than any cursor that is handed out.
const MAX_TEXT: usize = 6144;

impl CursorKey {
    /// The key with these bytes.
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        // HMAC itself fills a key that is shorter than a block with zeros.
        let mut block = [0; 64];
        block[..32].copy_from_slice(key);
        Self(Hmac::new(&block.into()))
    }

    /// The text of this cursor: base64url, one path segment.
    pub(super) fn seal(&self, domain: &str, cursor: &Cursor) -> String {
        let mut bytes = encode(cursor);
        let mac = self.mac(domain, &bytes).finalize().into_bytes();
        bytes.extend(mac.iter().take(MAC_LEN));
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The cursor of this text; `None` where this key never wrote it for this domain.
    pub(super) fn open(&self, domain: &str, text: &str) -> Option<Cursor> {
        if text.len() > MAX_TEXT {
            return None;
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (bytes, mac) = bytes.split_at_checked(bytes.len().checked_sub(MAC_LEN)?)?;
        self.mac(domain, bytes).verify_truncated_left(mac).ok()?;
        decode(bytes)
    }

    fn mac(&self, domain: &str, bytes: &[u8]) -> Hmac<Sha256> {
        // A domain name holds no NUL, so that no other pair gives the same message.
        self.0
            .clone()
            .chain_update(b"events cursor\0")
            .chain_update(domain)
            .chain_update(b"\0")
            .chain_update(bytes)
    }
}

/// The cursor as bytes that nothing authenticates yet.
pub(super) fn encode(Cursor { walk, epoch, floor, snapshot, cut, forward }: &Cursor) -> Vec<u8> {
    let Walk { range, filter, limit, pretty } = walk;
    let flags = u8::from(range.ascending) | u8::from(*forward) << 1 | u8::from(*pretty) << 2;
    let mut bytes = Vec::with_capacity(96 + filter.as_text().len());
    bytes.extend([VERSION, flags]);
    bytes.extend(limit.to_be_bytes());
    for number in [range.from, range.to, cut.timestamp] {
        bytes.extend(number.to_be_bytes());
    }
    for number in [*epoch, *floor, *snapshot, cut.seq] {
        bytes.extend(number.to_be_bytes());
    }
    bytes.extend(filter.as_text().as_bytes());
    bytes
}

/// The cursor of these bytes, if they are one.
pub(super) fn decode(bytes: &[u8]) -> Option<Cursor> {
    let (&[VERSION, flags], rest) = bytes.split_first_chunk()? else { return None };
    let (limit, rest) = rest.split_first_chunk()?;
    let (from, rest) = rest.split_first_chunk()?;
    let (to, rest) = rest.split_first_chunk()?;
    let (timestamp, rest) = rest.split_first_chunk()?;
    let (epoch, rest) = rest.split_first_chunk()?;
    let (floor, rest) = rest.split_first_chunk()?;
    let (snapshot, rest) = rest.split_first_chunk()?;
    let (seq, filter) = rest.split_first_chunk()?;
    let range =
        Range { from: i64::from_be_bytes(*from), to: i64::from_be_bytes(*to), ascending: flags & 1 != 0 };
    let walk = Walk {
        range,
        filter: filter::from_text(str::from_utf8(filter).ok()?).ok()?,
        limit: u16::from_be_bytes(*limit),
        pretty: flags & 4 != 0,
    };
    Some(Cursor {
        walk,
        epoch: u64::from_be_bytes(*epoch),
        floor: u64::from_be_bytes(*floor),
        snapshot: u64::from_be_bytes(*snapshot),
        cut: Cut { timestamp: i64::from_be_bytes(*timestamp), seq: u64::from_be_bytes(*seq) },
        forward: flags & 2 != 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> CursorKey {
        CursorKey::new(&[7; 32])
    }

    fn cursor() -> Cursor {
        let walk = Walk {
            range: Range { from: -5, to: 1_521_472_262_908_181, ascending: true },
            filter: filter::from_text("event=clicked+OR+opened").expect("a filter"),
            limit: 300,
            pretty: true,
        };
        Cursor { floor: 3, cut: Cut { timestamp: 9, seq: 8 }, forward: false, ..Cursor::first(walk, 77, 12) }
    }

    #[test]
    fn a_cursor_survives_its_text_and_the_text_is_always_the_same() {
        let text = key().seal("a.test", &cursor());
        assert_eq!(key().open("a.test", &text), Some(cursor()));
        assert_eq!(key().seal("a.test", &cursor()), text);
    }

    #[test]
    fn the_text_is_one_path_segment() {
        let text = key().seal("a.test", &cursor());
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{text}");
    }

    #[test]
    fn another_domain_or_another_key_does_not_open_it() {
        let text = key().seal("a.test", &cursor());
        assert_eq!(key().open("b.test", &text), None);
        assert_eq!(CursorKey::new(&[8; 32]).open("a.test", &text), None);
    }

    #[test]
    fn no_altered_text_opens() {
        let text = key().seal("a.test", &cursor());
        for at in 0..text.len() {
            let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
            let mut altered = text.clone();
            altered.replace_range(at..=at, other);
            assert_eq!(key().open("a.test", &altered), None, "{at}");
            assert_eq!(key().open("a.test", &text[..at]), None, "{at}");
        }
        assert_eq!(key().open("a.test", &"A".repeat(MAX_TEXT + 1)), None);
    }
}
