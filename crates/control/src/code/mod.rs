//! The code store: deployment packages, unpacked, one folder for each by its hash. A folder is there whole or not at all:
//! it is filled under another name, synced, and renamed. Knows files, not who runs them.

mod inline;
mod unpack;

use crate::{Code, Error};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// Folders that are being filled begin with this; what is found of them at start was left by a crash.
const UNFINISHED: &str = ".unfinished-";
/// Ends Node's search for a `package.json`: what lies above the store is nobody's package.
const PACKAGE: (&str, &[u8]) = ("package.json", b"{}\n");
/// A deployment package, bytes; AWS takes as much in a request.
pub const PACKAGE_BYTES_MAX: usize = 50 << 20;
/// Unpacked, bytes: AWS's limit.
pub(crate) const UNPACKED_BYTES_MAX: u64 = 262_144_000;

/// Code as it comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Package {
    /// A folder that is run in place.
    Folder(PathBuf),
    /// A zip archive.
    Zip(bytes::Bytes),
    /// The text of one file, whose name follows from the runtime.
    Inline(String),
}

/// Where packages lie.
pub(crate) struct CodeStore {
    dir: PathBuf,
    unpacked_bytes_max: u64,
    /// Numbers unfinished folders of this process.
    unfinished: AtomicU64,
}

impl CodeStore {
    /// Opens or creates the store; removes what a crash left unfinished.
    pub fn open(dir: PathBuf, unpacked_bytes_max: u64) -> Result<CodeStore, Error> {
        let store = CodeStore { dir, unpacked_bytes_max, unfinished: AtomicU64::new(0) };
        store.prepare().map_err(|error| Error::disk(&store.dir, &error))?;
        Ok(store)
    }

    fn prepare(&self) -> io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        let (name, text) = PACKAGE;
        fs::write(self.dir.join(name), text)
    }

    /// The folder of a package.
    pub fn folder(&self, sha256: &str) -> PathBuf {
        self.dir.join(sha256)
    }

    /// What a package's code will be: computed, nothing is stored.
    pub fn code_of(package: &Package, runtime: &str) -> Code {
        match package {
            Package::Folder(path) => Code::Folder(path.clone()),
            Package::Zip(archive) => stored(&[archive]),
            Package::Inline(text) => stored(&[inline::file_name(runtime, text).as_bytes(), b"\0", text.as_bytes()]),
        }
    }

    /// Stores a package. Blocks for as long as unpacking and the disk take.
    pub fn put(&self, package: &Package, runtime: &str) -> Result<Code, Error> {
        let code = CodeStore::code_of(package, runtime);
        match (&code, package) {
            (Code::Stored { sha256, .. }, Package::Zip(archive)) => {
                if archive.len() > PACKAGE_BYTES_MAX {
                    return Err(Error::Code(format!(
                        "the package has {} bytes, {PACKAGE_BYTES_MAX} at most",
                        archive.len()
                    )));
                }
                self.fill(sha256, |folder| unpack::unpack(archive, folder, self.unpacked_bytes_max))?;
            }
            (Code::Stored { sha256, .. }, Package::Inline(text)) => {
                let name = inline::file_name(runtime, text);
                self.fill(sha256, |folder| {
                    let path = folder.join(name);
                    fs::write(&path, text).map_err(|error| Error::disk(&path, &error))
                })?;
            }
            (_, Package::Folder(path)) => check_folder(path)?,
            (Code::Folder(_), _) => {}
        }
        Ok(code)
    }

    /// Fills the folder of this name, unless it is there.
    fn fill(&self, sha256: &str, fill: impl FnOnce(&Path) -> Result<(), Error>) -> Result<(), Error> {
        let folder = self.folder(sha256);
        if folder.is_dir() {
            return Ok(());
        }
        let number = self.unfinished.fetch_add(1, Ordering::Relaxed);
        let unfinished = self.dir.join(format!("{UNFINISHED}{number}"));
        let filled = fs::create_dir(&unfinished)
            .map_err(|error| Error::disk(&unfinished, &error))
            .and_then(|()| fill(&unfinished))
            .and_then(|()| self.finish(&unfinished, &folder).map_err(|error| Error::disk(&folder, &error)));
        if filled.is_err() {
            // The next start would remove it as well; what cannot be removed now is not worth another error.
            let _ = fs::remove_dir_all(&unfinished);
        }
        filled
    }

    /// One sync of the whole file system instead of one for each of perhaps thousands of files.
    fn finish(&self, unfinished: &Path, folder: &Path) -> io::Result<()> {
        rustix::fs::syncfs(File::open(unfinished)?)?;
        match fs::rename(unfinished, folder) {
            // Somebody else has just finished the same package.
            Err(_) if folder.is_dir() => fs::remove_dir_all(unfinished)?,
            renamed => renamed?,
        }
        File::open(&self.dir)?.sync_all()
    }

    /// Removes all packages but these.
    pub fn keep_only(&self, used: &BTreeSet<String>) -> Result<(), Error> {
        let remove = || {
            for entry in fs::read_dir(&self.dir)? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                if is_hash(&name) && !used.contains(&name) {
                    self.remove(&entry.path())?;
                }
            }
            Ok(())
        };
        remove().map_err(|error| Error::disk(&self.dir, &error))
    }

    /// Under another name first: a crash in the middle must not leave half of it under its hash.
    fn remove(&self, folder: &Path) -> io::Result<()> {
        let number = self.unfinished.fetch_add(1, Ordering::Relaxed);
        let going = self.dir.join(format!("{UNFINISHED}{number}"));
        fs::rename(folder, &going)?;
        File::open(&self.dir)?.sync_all()?;
        fs::remove_dir_all(&going)
    }
}

pub(crate) fn check_folder(path: &Path) -> Result<(), Error> {
    if path.is_dir() { Ok(()) } else { Err(Error::Code(format!("the code folder {} does not exist", path.display()))) }
}

fn is_hash(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn stored(parts: &[&[u8]]) -> Code {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Code::Stored { sha256, bytes: parts.iter().map(|part| part.len() as u64).sum() }
}
