//! The bytes of objects: one file each, never changed once it is written. Knows no buckets and no items, only the
//! number of the bucket that a blob belongs to, which its name carries.
//!
//! A blob is written into `incoming/`, and moved to its place beside the others once an item refers to it; whoever reads
//! looks in both. So what a crash leaves in `incoming/` is all that a start has to decide about.

use db::{
    Env,
    env::{Dice, Disk, File},
};
use std::{
    collections::HashSet,
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

const INCOMING: &str = "incoming";
/// Characters of the bucket's number at the start of a blob's name.
const NUMBER_DIGITS: usize = 8;
/// Characters of a name: the number and 16 random bytes.
const NAME_DIGITS: usize = NUMBER_DIGITS + 32;

/// A blob's name: which bucket it belongs to, and what makes it one of a kind.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct BlobId(String);

impl fmt::Debug for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl BlobId {
    fn new(bucket: u32, dice: &dyn Dice) -> BlobId {
        let mut random = [0; 16];
        dice.fill(&mut random);
        BlobId(format!("{bucket:08x}{}", hex(&random)))
    }

    /// Reads a name, as it stands in an item or a folder.
    pub(crate) fn parse(text: &str) -> Option<BlobId> {
        let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (text.len() == NAME_DIGITS && digits).then(|| BlobId(text.to_owned()))
    }

    fn of_path(path: &Path) -> Option<BlobId> {
        BlobId::parse(path.file_name()?.to_str()?)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number of its bucket.
    pub(crate) fn bucket(&self) -> u32 {
        u32::from_str_radix(&self.0[..NUMBER_DIGITS], 16).expect("checked when it was made")
    }

    /// The folder it lies in.
    fn folder(&self) -> &str {
        &self.0[NUMBER_DIGITS..NUMBER_DIGITS + 2]
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads hexadecimal of either case.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok().filter(|_| pair.len() == 2)).collect()
}

/// The folder of all blobs.
pub(crate) struct Blobs {
    root: PathBuf,
    disk: Arc<dyn Disk>,
    dice: Arc<dyn Dice>,
    /// Folders that are known to be there.
    folders: Mutex<HashSet<String>>,
}

/// A blob on its way: removed when dropped, unless it was kept or left.
pub(crate) struct Incoming {
    blobs: Arc<Blobs>,
    pub id: BlobId,
    file: Arc<dyn File>,
    length: u64,
    settled: bool,
}

/// A blob, open. What it reads stays the same whatever becomes of the object.
#[derive(Clone)]
pub struct Blob {
    file: Arc<dyn File>,
    size: u64,
}

/// Reads a [`Blob`] from its beginning to its end.
pub struct BlobReader {
    blob: Blob,
    at: u64,
}

impl Blobs {
    pub fn open(root: PathBuf, env: &Env) -> io::Result<Arc<Blobs>> {
        env.disk.create_dir_all(&root.join(INCOMING))?;
        let (disk, dice) = (env.disk.clone(), env.dice.clone());
        Ok(Arc::new(Blobs { root, disk, dice, folders: Mutex::default() }))
    }

    pub fn dice(&self) -> &dyn Dice {
        &*self.dice
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    fn incoming(&self) -> PathBuf {
        self.root.join(INCOMING)
    }

    fn incoming_path(&self, id: &BlobId) -> PathBuf {
        self.incoming().join(id.as_str())
    }

    fn kept_path(&self, id: &BlobId) -> PathBuf {
        self.root.join(id.folder()).join(id.as_str())
    }

    /// Starts a blob for the bucket of this number.
    pub fn create(self: &Arc<Blobs>, bucket: u32) -> io::Result<Incoming> {
        let id = BlobId::new(bucket, &*self.dice);
        let file = self.disk.create(&self.incoming_path(&id))?;
        Ok(Incoming { blobs: self.clone(), id, file, length: 0, settled: false })
    }

    /// A second blob of the same bytes, without copying them. `None` when the first one is gone.
    pub fn duplicate(self: &Arc<Blobs>, from: &BlobId, bucket: u32) -> io::Result<Option<Incoming>> {
        let id = BlobId::new(bucket, &*self.dice);
        let path = self.incoming_path(&id);
        if self.anywhere(from, |from| self.disk.link(from, &path))?.is_none() {
            return Ok(None);
        }
        let file = self.disk.open(&path)?;
        let length = file.size()?;
        Ok(Some(Incoming { blobs: self.clone(), id, file, length, settled: false }))
    }

    /// The blob, if it is there.
    pub fn blob(&self, id: &BlobId) -> io::Result<Option<Blob>> {
        let Some(file) = self.anywhere(id, |path| self.disk.open(path))? else { return Ok(None) };
        let size = file.size()?;
        Ok(Some(Blob { file, size }))
    }

    /// Gives a blob a name outside, on the same file system; durable. `false` when it is gone.
    pub fn link_to(&self, id: &BlobId, path: &Path) -> io::Result<bool> {
        if self.anywhere(id, |from| self.disk.link(from, path))?.is_none() {
            return Ok(false);
        }
        path.parent().map_or(Ok(()), |folder| self.disk.sync_dir(folder)).map(|()| true)
    }

    /// Moves a blob that an item refers to from `incoming/` to its place. It may have been removed meanwhile.
    pub fn keep(&self, id: &BlobId) -> io::Result<()> {
        self.make_folder(id.folder())?;
        found(self.disk.rename(&self.incoming_path(id), &self.kept_path(id))).map(|_| ())
    }

    /// Removes blobs that nothing refers to any more; durable.
    pub fn remove(&self, ids: &[BlobId]) -> io::Result<()> {
        let mut folders = HashSet::new();
        for id in ids {
            self.anywhere(id, |path| self.disk.remove(path))?;
            // Even where it was gone already: whoever removed it may have been stopped before this.
            folders.extend([self.incoming(), self.root.join(id.folder())]);
        }
        for folder in folders {
            found(self.disk.sync_dir(&folder))?;
        }
        Ok(())
    }

    /// Tries a blob's places. It moves one way only, so after the third look it was in none of them.
    fn anywhere<T>(&self, id: &BlobId, mut act: impl FnMut(&Path) -> io::Result<T>) -> io::Result<Option<T>> {
        let (kept, incoming) = (self.kept_path(id), self.incoming_path(id));
        for path in [&kept, &incoming, &kept] {
            if let Some(done) = found(act(path))? {
                return Ok(Some(done));
            }
        }
        Ok(None)
    }

    /// What lies in `incoming/`; files of other names are nobody's.
    pub fn all_incoming(&self) -> io::Result<Vec<BlobId>> {
        let files = self.disk.list(&self.incoming())?;
        Ok(files.iter().filter_map(|path| BlobId::of_path(path)).collect())
    }

    /// The blobs of one folder after the other.
    pub fn all_kept(&self) -> impl Iterator<Item = io::Result<Vec<BlobId>>> {
        (0..=u8::MAX).map(|byte| {
            let files = found(self.disk.list(&self.root.join(hex(&[byte]))))?.unwrap_or_default();
            Ok(files.iter().filter_map(|path| BlobId::of_path(path)).collect())
        })
    }

    fn make_folder(&self, name: &str) -> io::Result<()> {
        let mut folders = self.folders.lock().expect("no holder panics");
        if !folders.contains(name) {
            self.disk.create_dir_all(&self.root.join(name))?;
            folders.insert(name.to_owned());
        }
        Ok(())
    }
}

/// `None` where there was nothing.
fn found<T>(done: io::Result<T>) -> io::Result<Option<T>> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        done => done.map(Some),
    }
}

impl Incoming {
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(bytes, self.length)?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    pub fn length(&self) -> u64 {
        self.length
    }

    /// Makes its bytes and its name durable.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync()?;
        self.blobs.disk.sync_dir(&self.blobs.incoming())
    }

    /// An item refers to it: it stays, and moves to its place now or later.
    pub fn settle(mut self) {
        self.settled = true;
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.settled {
            // What cannot be removed now is removed by the next start.
            let _ = self.blobs.disk.remove(&self.blobs.incoming_path(&self.id));
        }
    }
}

impl Blob {
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Reads up to `bytes.len()` bytes at `offset`; fewer only at the end.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(bytes, offset)
    }

    #[must_use]
    pub fn reader(self) -> BlobReader {
        BlobReader { blob: self, at: 0 }
    }
}

impl io::Read for BlobReader {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.blob.read_at(bytes, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl io::Seek for BlobReader {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        let at = match to {
            io::SeekFrom::Start(at) => Some(at),
            io::SeekFrom::End(by) => self.blob.size.checked_add_signed(by),
            io::SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
