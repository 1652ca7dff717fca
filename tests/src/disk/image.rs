//! What a power cut leaves: all that was synced, and of the rest whatever chance lets through.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::Change;

/// What a disk writes whole or not at all.
const SECTOR: u64 = 512;

/// A disk while a program runs: what is durable, and what is not yet.
#[derive(Clone, Debug, Default)]
pub struct Platter {
    files: BTreeMap<usize, File>,
    names: BTreeMap<String, usize>,
    /// Changes of names since the directory was synced.
    loose_names: Vec<Change>,
    exists: bool,
    loose_directory: bool,
}

#[derive(Clone, Debug, Default)]
struct File {
    durable: Vec<u8>,
    /// Writes and truncations since the last sync.
    loose: Vec<Change>,
}

/// The files that are left.
pub type Image = Option<BTreeMap<String, Vec<u8>>>;

/// Chance: SplitMix64.
#[derive(Clone, Debug)]
struct Chance(u64);

impl Platter {
    /// A disk with the files of this directory.
    ///
    /// # Panics
    /// If they cannot be read.
    #[must_use]
    pub fn copy_of(directory: &Path) -> Self {
        let file = |entry: std::io::Result<fs::DirEntry>| {
            let entry = entry.expect("a file");
            (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).expect("its bytes"))
        };
        Self::holding(&fs::read_dir(directory).expect("a directory").map(file).collect())
    }

    /// A disk with these files in a directory that is there.
    #[must_use]
    pub fn holding(image: &BTreeMap<String, Vec<u8>>) -> Self {
        let mut platter = Self { exists: true, ..Self::default() };
        for (number, (name, bytes)) in image.iter().enumerate() {
            let number = usize::MAX - number;
            platter.names.insert(name.clone(), number);
            platter.files.insert(number, File { durable: bytes.clone(), loose: Vec::new() });
        }
        platter
    }

    /// A change is made.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Create(file, _) => {
                self.files.insert(*file, File::default());
                self.loose_names.push(change.clone());
            }
            Change::Open(file, name) => {
                if let Some(found) = self.names.get_mut(name)
                    && let Some(bytes) = self.files.remove(found)
                {
                    *found = *file;
                    self.files.insert(*file, bytes);
                }
            }
            Change::Write(file, ..) | Change::Truncate(file, _) => {
                self.files.entry(*file).or_default().loose.push(change.clone());
            }
            Change::Sync(file) => {
                let file = self.files.entry(*file).or_default();
                for change in file.loose.drain(..) {
                    put(&mut file.durable, &change, |_| true);
                }
            }
            Change::SyncFailed(file) => self.files.entry(*file).or_default().loose.clear(),
            Change::Unlink(_) | Change::Rename(..) => self.loose_names.push(change.clone()),
            Change::SyncNames => {
                for change in self.loose_names.drain(..) {
                    name(&mut self.names, &change);
                }
                let names = &self.names;
                self.files.retain(|file, _| names.values().any(|named| named == file));
            }
            Change::SyncNamesFailed => {}
            Change::Directory => self.loose_directory = true,
            Change::SyncDirectory => self.exists |= std::mem::take(&mut self.loose_directory),
        }
    }

    /// What is left if the power goes now. The seed says what of the loose changes comes through: all, none, the
    /// first, some of them, or some of their sectors.
    #[must_use]
    pub fn image(&self, seed: u64) -> Image {
        let mut chance = Chance(seed);
        let mode = chance.below(5);
        self.left(mode, chance)
    }

    /// What is left if nothing comes through but what was synced.
    #[must_use]
    pub fn synced(&self) -> Image {
        self.left(1, Chance(0))
    }

    fn left(&self, mode: u64, mut chance: Chance) -> Image {
        if !self.exists && (mode == 1 || mode > 1 && chance.below(4) == 0) {
            return None;
        }
        let mut names = self.names.clone();
        let first = chance.below(self.loose_names.len() as u64 + 1);
        let in_order = chance.below(2) == 0;
        for (at, change) in (0..).zip(&self.loose_names) {
            let comes = match mode {
                0 => true,
                1 => false,
                _ if in_order => at < first,
                _ => chance.below(2) == 0,
            };
            if comes {
                name(&mut names, change);
            }
        }
        let left = names.into_iter().filter_map(|(name, file)| {
            let file = self.files.get(&file)?;
            Some((name, file.left(mode, &mut chance)))
        });
        Some(left.collect())
    }
}

impl File {
    fn left(&self, mode: u64, chance: &mut Chance) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        let first = chance.below(self.loose.len() as u64 + 1);
        for (at, change) in (0..).zip(&self.loose) {
            match mode {
                0 => put(&mut bytes, change, |_| true),
                1 => {}
                2 if at < first => put(&mut bytes, change, |_| true),
                // The first that does not come through whole is cut off at a sector.
                2 if at == first => {
                    let end = chance.below(64);
                    put(&mut bytes, change, |sector| sector < end);
                }
                2 => {}
                3 if chance.below(2) == 0 => put(&mut bytes, change, |_| true),
                3 => {}
                _ => put(&mut bytes, change, |_| chance.below(2) == 0),
            }
        }
        bytes
    }
}

/// Changes bytes, of a write those of the sectors, counted from its first, that come through.
fn put(bytes: &mut Vec<u8>, change: &Change, mut comes: impl FnMut(u64) -> bool) {
    match change {
        Change::Write(_, offset, written) => {
            let (mut at, mut sector) = (0, 0);
            while at < written.len() {
                let from = offset + at as u64;
                let length = ((SECTOR - from % SECTOR) as usize).min(written.len() - at);
                if comes(sector) {
                    let (from, to) = (from as usize, from as usize + length);
                    if bytes.len() < to {
                        bytes.resize(to, 0);
                    }
                    bytes[from..to].copy_from_slice(&written[at..at + length]);
                }
                (at, sector) = (at + length, sector + 1);
            }
        }
        Change::Truncate(_, length) if comes(0) => bytes.resize(*length as usize, 0),
        _ => {}
    }
}

fn name(names: &mut BTreeMap<String, usize>, change: &Change) {
    match change {
        Change::Create(file, name) => drop(names.insert(name.clone(), *file)),
        Change::Unlink(name) => drop(names.remove(name)),
        Change::Rename(from, to) => {
            if let Some(file) = names.remove(from) {
                names.insert(to.clone(), file);
            }
        }
        _ => {}
    }
}

/// Puts an image into a directory; nothing, not even the directory, where none of it is left.
///
/// # Panics
/// If that fails.
pub fn write(image: &Image, directory: &Path) {
    let Some(files) = image else { return };
    fs::create_dir_all(directory).expect("a directory");
    for (name, bytes) in files {
        fs::write(directory.join(name), bytes).expect("a file");
    }
}

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % limit
    }
}
