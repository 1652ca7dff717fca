//! What a program did to its files, in the order in which it did it.

use std::fs;
use std::path::Path;

/// One change. Files go by numbers that are never used again.
#[derive(Clone, Debug)]
pub enum Change {
    /// A new file of this name is there.
    Create(usize, String),
    /// A file that was there before the program began is known by this number from now on.
    Open(usize, String),
    /// Bytes are at this offset.
    Write(usize, u64, Vec<u8>),
    /// The file has this length.
    Truncate(usize, u64),
    /// What was written to the file before is durable.
    Sync(usize),
    /// That failed: the system has dropped what was not durable, and a later sync would find nothing to do.
    SyncFailed(usize),
    /// The names in the directory are durable.
    SyncNames,
    /// That failed.
    SyncNamesFailed,
    /// The name is gone.
    Unlink(String),
    /// The file has the second name instead of the first.
    Rename(String, String),
    /// The directory itself is there.
    Directory,
    /// The directory's own name is durable.
    SyncDirectory,
}

/// All changes.
#[derive(Debug)]
pub struct Trace(pub Vec<Change>);

const HEAD: usize = 32;

impl Trace {
    /// Reads what the layer wrote; a last record that was cut short does not count.
    ///
    /// # Panics
    /// If it cannot be read.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let bytes = fs::read(path).expect("a trace");
        let mut rest = bytes.as_slice();
        let (mut inodes, mut files) = (std::collections::HashMap::new(), 0);
        let mut changes = Vec::new();
        while let Some((head, behind)) = rest.split_at_checked(HEAD) {
            let number = |at: usize| u64::from_ne_bytes(head[at..at + 8].try_into().expect("8 bytes"));
            let (inode, offset) = (number(8), number(16));
            let Some((bytes, behind)) = behind.split_at_checked(number(24) as usize) else { break };
            rest = behind;
            let text = || String::from_utf8_lossy(bytes).into_owned();
            let known = inodes.contains_key(&inode);
            if head[0] == b'C' || head[0] == b'O' && !known {
                inodes.insert(inode, files);
                files += 1;
            }
            let file = inodes.get(&inode).copied().unwrap_or_default();
            changes.push(match head[0] {
                b'C' => Change::Create(file, text()),
                b'O' if known => continue,
                b'O' => Change::Open(file, text()),
                b'W' => Change::Write(file, offset, bytes.to_vec()),
                b'T' => Change::Truncate(file, offset),
                b'S' => Change::Sync(file),
                b'X' => Change::SyncFailed(file),
                b'D' => Change::SyncNames,
                b'Y' => Change::SyncNamesFailed,
                b'U' => Change::Unlink(text()),
                b'R' => {
                    let both = text();
                    let (from, to) = both.split_once('\0').expect("two names");
                    Change::Rename(from.to_owned(), to.to_owned())
                }
                b'P' => Change::Directory,
                b'E' => Change::SyncDirectory,
                other => panic!("a record of the kind {other}"),
            });
        }
        Self(changes)
    }
}
