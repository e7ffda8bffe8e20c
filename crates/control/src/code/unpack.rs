//! Unpacking a zip archive of strangers: nothing outside of the folder, no more than Lambda takes, no half measures.
//!
//! Links are made last and may point inside only: they go up from the folder they lie in, which is a real one, and then
//! down. Going up again after going down is refused, for the way down may lead through another link.

use crate::Error;
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Cursor, Read},
    os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink},
    path::{Component, Path, PathBuf},
};
use zip::{CompressionMethod, ZipArchive, read::ZipFile};

/// Files, folders and links together.
const ENTRIES_MAX: usize = 100_000;
/// A path within the folder, bytes, and each of its parts.
const PATH_BYTES_MAX: usize = 1024;
const PART_BYTES_MAX: usize = 255;

const KIND: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const FOLDER: u32 = 0o040_000;
const LINK: u32 = 0o120_000;

/// Unpacks an archive of at most so many bytes into an empty folder.
pub fn unpack(archive: &[u8], folder: &Path, bytes_max: u64) -> Result<(), Error> {
    let mut archive = ZipArchive::new(Cursor::new(archive)).map_err(|error| unreadable(&error))?;
    if archive.len() > ENTRIES_MAX {
        return Err(Error::Code(format!("the package has {} entries, {ENTRIES_MAX} at most", archive.len())));
    }
    let mut unpacking = Unpacking { folder, bytes_max, left: bytes_max, links: BTreeMap::new() };
    for at in 0..archive.len() {
        let entry = archive.by_index(at).map_err(|error| unreadable(&error))?;
        unpacking.entry(entry)?;
    }
    unpacking.link()
}

fn unreadable(error: &dyn std::fmt::Display) -> Error {
    Error::Code(format!("Could not unzip uploaded file. Please check your file, then try to upload again. ({error})"))
}

struct Unpacking<'a> {
    folder: &'a Path,
    bytes_max: u64,
    /// Bytes that may still be written.
    left: u64,
    /// Where links lie, and where they lead.
    links: BTreeMap<PathBuf, PathBuf>,
}

impl Unpacking<'_> {
    fn entry<R: Read>(&mut self, entry: ZipFile<'_, R>) -> Result<(), Error> {
        let path = path_within(&entry.name().map_err(|error| unreadable(&error))?)?;
        let mode = entry.unix_mode().unwrap_or_default();
        let is_folder = entry.is_dir();
        match mode & KIND {
            _ if path.as_os_str().is_empty() && is_folder => Ok(()),
            LINK => self.note_link(path, entry),
            FOLDER => self.make_folder(&path),
            0 | REGULAR if is_folder => self.make_folder(&path),
            0 | REGULAR => self.write(path, mode, entry),
            _ => Err(refused(&path, "is neither a file nor a folder nor a link")),
        }
    }

    fn make_folder(&self, path: &Path) -> Result<(), Error> {
        let folder = self.folder.join(path);
        fs::create_dir_all(&folder).map_err(|error| failed(path, &error))
    }

    fn write<R: Read>(&mut self, path: PathBuf, mode: u32, entry: ZipFile<'_, R>) -> Result<(), Error> {
        if !matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
            return Err(refused(&path, "is compressed in a way that Lambda does not read"));
        }
        self.make_folder(path.parent().unwrap_or(Path::new("")))?;
        let target = self.folder.join(&path);
        // The owner reads and writes whatever the archive says: it must be readable to run and removable later.
        let mode = if mode == 0 { default_mode(&path) } else { mode & 0o777 | 0o600 };
        let made = OpenOptions::new().write(true).create_new(true).mode(mode).open(&target);
        let mut file = made.map_err(|error| failed(&path, &error))?;
        let written = copy(entry, &mut file, self.left).map_err(|error| failed(&path, &error))?;
        self.left = self.left.checked_sub(written).ok_or_else(|| too_large(self.bytes_max))?;
        // Whatever the mask took away.
        file.set_permissions(fs::Permissions::from_mode(mode)).map_err(|error| failed(&path, &error))?;
        Ok(())
    }

    fn note_link<R: Read>(&mut self, path: PathBuf, entry: ZipFile<'_, R>) -> Result<(), Error> {
        let mut target = String::new();
        let read = entry.take(PATH_BYTES_MAX as u64 + 1).read_to_string(&mut target);
        read.map_err(|error| failed(&path, &error))?;
        let target = PathBuf::from(target);
        if !stays_inside(&path, &target) {
            return Err(refused(&path, &format!("is a link that leads out of the package, to {}", target.display())));
        }
        match self.links.insert(path.clone(), target) {
            None => Ok(()),
            Some(_) => Err(refused(&path, "is there twice")),
        }
    }

    /// Makes the links, when all else is there: nothing was written through one.
    fn link(&self) -> Result<(), Error> {
        for (path, target) in &self.links {
            let through = path.ancestors().skip(1).find(|above| self.links.contains_key(*above));
            if through.is_some() {
                return Err(refused(path, "lies under a link"));
            }
            self.make_folder(path.parent().unwrap_or(Path::new("")))?;
            symlink(target, self.folder.join(path)).map_err(|error| failed(path, &error))?;
        }
        Ok(())
    }
}

/// A file of an archive that knows no modes. `bootstrap` is there to be executed.
fn default_mode(path: &Path) -> u32 {
    if path == Path::new("bootstrap") { 0o755 } else { 0o644 }
}

/// Copies, but stops past `most` bytes, whatever the archive promised.
fn copy(entry: impl Read, file: &mut File, most: u64) -> io::Result<u64> {
    io::copy(&mut entry.take(most + 1), file)
}

/// The path of an entry, if it is one within the folder. Empty for the folder itself.
fn path_within(name: &str) -> Result<PathBuf, Error> {
    let refuse = |what: &str| Err(refused(Path::new(&name.escape_debug().to_string()), what));
    if name.len() > PATH_BYTES_MAX || name.split('/').any(|part| part.len() > PART_BYTES_MAX) {
        return refuse("has too long a name");
    }
    if name.contains('\0') {
        return refuse("has a name that no file can have");
    }
    let mut path = PathBuf::new();
    for component in Path::new(name).components() {
        match component {
            Component::Normal(part) => path.push(part),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return refuse("leads out of the package");
            }
        }
    }
    if path.as_os_str().is_empty() && !name.ends_with('/') {
        return refuse("has no name");
    }
    Ok(path)
}

/// Whether a link at `path` leads to somewhere inside: up no further than the folder, then down only.
fn stays_inside(path: &Path, target: &Path) -> bool {
    let depth = path.components().count() - 1;
    let target: Vec<Component<'_>> = target.components().filter(|part| *part != Component::CurDir).collect();
    let up = target.iter().take_while(|part| **part == Component::ParentDir).count();
    let down = &target[up..];
    let text_fits = target.iter().map(|part| part.as_os_str().len() + 1).sum::<usize>() <= PATH_BYTES_MAX;
    up <= depth && down.iter().all(|part| matches!(part, Component::Normal(_))) && !target.is_empty() && text_fits
}

fn refused(path: &Path, what: &str) -> Error {
    Error::Code(format!("the package's entry {} {what}", path.display()))
}

fn failed(path: &Path, error: &io::Error) -> Error {
    Error::Code(format!("the package's entry {} cannot be unpacked: {error}", path.display()))
}

fn too_large(bytes_max: u64) -> Error {
    Error::Code(format!("Unzipped size must be smaller than {bytes_max} bytes"))
}
