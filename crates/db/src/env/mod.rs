//! The outside world behind three seams: the clock, the dice and the disk. `real` is the machine, `sim` a seed.
//!
//! The fourth one, scheduling, needs no seam of its own: the database's core is a value that its caller steps
//! (`commit::Core`), so whoever drives it decides the order of everything.

mod real;
pub mod sim;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Everything nondeterministic that the database touches.
#[derive(Clone)]
pub struct Env {
    pub clock: Arc<dyn Clock>,
    pub dice: Arc<dyn Dice>,
    pub disk: Arc<dyn Disk>,
}

impl Env {
    /// The machine's clock, randomness and file system.
    #[must_use]
    pub fn real() -> Env {
        Env { clock: Arc::new(real::Machine), dice: Arc::new(real::Machine), disk: Arc::new(real::Machine) }
    }
}

/// Wall-clock time.
pub trait Clock: Send + Sync {
    /// Milliseconds since the epoch. May jump; the log keeps its own times monotone.
    fn now_ms(&self) -> u64;
}

/// Randomness: for identifiers, and for what is left to chance on purpose.
pub trait Dice: Send + Sync {
    fn fill(&self, bytes: &mut [u8]);
}

/// Files as the log needs them. Names become durable with [`Disk::sync_dir`], contents with [`File::sync`].
pub trait Disk: Send + Sync {
    /// Creates a folder and what is missing above it; their names are durable.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Files directly in `dir`, in no order.
    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>>;

    /// Creates an empty file, replacing one that is there.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>>;

    /// Opens a file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>>;

    /// Moves a name: after a loss of power it is in one of the two places, whatever was synced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Gives a file another name beside its own: no bytes are copied, and it is there until both are removed.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;

    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes creations, renames and removals in `dir` durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
}

/// One open file; positional, so that readers and the writer share it.
pub trait File: Send + Sync {
    /// Reads up to `bytes.len()` bytes at `offset`; fewer only at the end of the file.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize>;

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes the contents and the length durable (`fdatasync`).
    fn sync(&self) -> io::Result<()>;

    /// Length in bytes.
    fn size(&self) -> io::Result<u64>;
}
