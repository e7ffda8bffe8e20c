//! What a caller says: which files, which columns are the key, how much memory, what to do about columns that come and go.

use crate::Error;
use std::path::PathBuf;

/// Most files of one export.
pub(crate) const FILES_MAX: usize = 10_000;

/// Entries that are worked on at once, however little memory is allowed.
const GRAIN: usize = 1 << 14;

/// How two exports of a table are compared. A state file is only good for the key, seed and rule about empty fields that it
/// was written with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Columns that identify a row, in the order in which keys are written.
    pub key: Vec<String>,
    /// Seed of all hashes; one per table, so that nobody can prepare rows that collide.
    pub seed: u64,
    /// Bytes for the entries that wait for their partner; past it they wait on disk. A fixed few megabytes for buffers come
    /// on top.
    pub memory: usize,
    /// Where temporary files go. They have no names, so nothing stays behind after a crash. Up to the size of the new
    /// export's text may be needed.
    pub spool: PathBuf,
    /// Columns that the new export has and the previous one has not.
    pub added: Policy,
    /// Columns that the previous export had and the new one has not. Key columns can never be dropped.
    pub dropped: Policy,
    pub empty: Empty,
    /// Entries that are worked on at once at least; tests make it tiny.
    pub(crate) grain: usize,
    /// Bits of the key hash that are used; tests take most away, so that keys collide.
    pub(crate) hash_mask: u64,
}

impl Config {
    /// Key `PK`, 256 MiB, changed columns hold.
    pub fn new(spool: impl Into<PathBuf>) -> Config {
        Config {
            key: vec!["PK".to_owned()],
            seed: 0,
            memory: 256 << 20,
            spool: spool.into(),
            added: Policy::Hold,
            dropped: Policy::Hold,
            empty: Empty::Text,
            grain: GRAIN,
            hash_mask: u64::MAX,
        }
    }

    /// Takes bits of the key hash away, so that keys collide: for tests, of rooms that build on this one too.
    #[doc(hidden)]
    #[must_use]
    pub fn colliding(self, hash_mask: u64) -> Config {
        Config { hash_mask, ..self }
    }

    /// Refuses what makes no sense.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let twice = |name: &String| self.key.iter().filter(|other| *other == name).count() > 1;
        if self.key.is_empty() {
            return Err(Error::Config("no key column is named".to_owned()));
        }
        if let Some(name) = self.key.iter().find(|name| name.is_empty() || twice(name)) {
            return Err(Error::Config(format!("key column {name:?} is empty or named twice")));
        }
        Ok(())
    }
}

/// What to do about a column that came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The delta ends with [`Error::Columns`]; a person decides.
    Hold,
    /// Rows are compared with what they have: see [`Empty`].
    Accept,
}

/// What an empty field means. `""` and nothing between two commas are the same under both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Empty {
    /// An empty text. A column that is added or dropped changes every row.
    Text,
    /// The row has no such column. An added column changes the rows in which it is not empty.
    Absent,
}

/// One version of a table: one file or several, each with a header. Whether they are all there is the caller's to know.
#[derive(Clone, Debug)]
pub struct Input {
    pub files: Vec<InputFile>,
}

/// A file and the name by which messages call it.
#[derive(Clone, Debug)]
pub struct InputFile {
    pub path: PathBuf,
    pub name: String,
}

impl Input {
    /// Files in order, called by their paths.
    pub fn new(paths: impl IntoIterator<Item = impl Into<PathBuf>>) -> Input {
        let file = |path: PathBuf| InputFile { name: path.display().to_string(), path };
        Input { files: paths.into_iter().map(|path| file(path.into())).collect() }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.files.len() {
            0 => Err(Error::Config("an export without files".to_owned())),
            1..=FILES_MAX => Ok(()),
            many => Err(Error::Config(format!("an export of {many} files; at most {FILES_MAX} are taken"))),
        }
    }
}

/// Where results go. Both appear whole or not at all; where the operations are, the delta is complete.
#[derive(Clone, Debug)]
pub struct Output {
    pub operations: PathBuf,
    /// The new export in short, for the next incremental delta.
    pub state: PathBuf,
}
