//! A disk's history, made from a recording: inodes, names, operations in order, and the syncs that made them durable.
//! From it, what must be on disk at a moment, what may be, and the image of one such possibility.
//!
//! The rules are POSIX's, stricter than any journalling file system: a sync of a file makes its bytes and its size
//! durable, not its name; a name (create, rename, unlink, mkdir) is durable once its folder was synced. What is not
//! durable may be there or not, each operation by itself and each sector of a write by itself.

use super::recording::{Event, Record};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
};

/// A disk writes this much at once.
pub const SECTOR: u64 = 512;

/// A file or a folder.
pub type Inode = usize;

/// The folder that is watched; it exists before everything else.
pub const ROOT: Inode = 0;

/// A change to the disk.
pub enum Change {
    /// Bytes at an offset; no bytes are zeros.
    Data {
        inode: Inode,
        offset: u64,
        length: u64,
        bytes: Option<Vec<u8>>,
    },
    Size {
        inode: Inode,
        size: u64,
        grow_only: bool,
    },
    /// Names of folders that change together: (folder, name, what it names now).
    Names(Vec<(Inode, String, Option<Inode>)>),
}

pub struct Operation {
    /// Position in the recording once it had happened.
    pub at: u64,
    pub change: Change,
}

/// A sync that succeeded.
pub struct Sync {
    pub inode: Inode,
    /// Operations before this one are covered.
    pub covers: usize,
    /// Position in the recording once the caller was told.
    pub end: u64,
    /// Path at that time, below the root, digits masked.
    pub class: String,
    pub stack: Vec<u64>,
}

/// Everything that happened to a disk.
#[derive(Default)]
pub struct Disk {
    pub operations: Vec<Operation>,
    pub syncs: Vec<Sync>,
    folders: HashSet<Inode>,
    /// Files whose own sync makes their name durable too, as ext4, XFS and btrfs have it for new files.
    pub named_by_their_sync: HashSet<Inode>,
    /// Position of the recording's end.
    pub end: u64,
}

/// What the kernel shows while the recording goes on.
struct Replay<'a> {
    root: &'a str,
    disk: Disk,
    folders: HashMap<Inode, BTreeMap<String, Inode>>,
    open: HashMap<i32, (Inode, String)>,
    started: HashMap<u64, Sync>,
    inodes: usize,
}

impl Disk {
    /// Replays a recording of changes below `root`.
    pub fn replay(records: Vec<Record>, root: &str) -> Disk {
        let folders = HashMap::from([(ROOT, BTreeMap::new())]);
        let (open, started) = (HashMap::new(), HashMap::new());
        let mut replay = Replay { root, disk: Disk::default(), folders, open, started, inodes: 1 };
        for record in records {
            replay.disk.end = record.end;
            replay.event(record.event, record.end);
        }
        replay.disk
    }
}

impl Replay<'_> {
    fn event(&mut self, event: Event, at: u64) {
        match event {
            Event::Start => self.open.clear(),
            Event::Open { fd, path, truncate, existed } => self.opened(fd, &path, truncate && existed, at),
            Event::Close { fd } => drop(self.open.remove(&fd)),
            Event::Dup { fd, to } => drop(self.open.insert(to, self.open[&fd].clone())),
            Event::Write { fd, offset, length, bytes } => {
                self.push(at, Change::Data { inode: self.open[&fd].0, offset, length, bytes });
            }
            Event::Size { fd, size } => {
                self.push(at, Change::Size { inode: self.open[&fd].0, size, grow_only: false });
            }
            Event::Allocate { fd, end } => {
                self.push(at, Change::Size { inode: self.open[&fd].0, size: end, grow_only: true });
            }
            Event::SyncStart { fd, id, stack } => {
                let (inode, path) = self.open[&fd].clone();
                let class = self.class(&path, inode);
                self.started.insert(id, Sync { inode, covers: self.disk.operations.len(), end: 0, class, stack });
            }
            Event::SyncEnd { id } => {
                let mut sync = self.started.remove(&id).expect("a sync starts before it ends");
                sync.end = at;
                self.disk.syncs.push(sync);
            }
            Event::Rename { from, to } => self.rename(&from, &to, at),
            Event::Unlink { path } | Event::RemoveDir { path } => {
                let (folder, name) = self.place(&path);
                self.name(at, vec![(folder, name, None)]);
            }
            Event::MakeDir { path } => {
                let (folder, name) = self.place(&path);
                let inode = self.new_inode();
                self.folders.insert(inode, BTreeMap::new());
                self.disk.folders.insert(inode);
                self.name(at, vec![(folder, name, Some(inode))]);
            }
            Event::Link { from, to } => {
                let inode = self.find(&from).expect("a linked file exists");
                let (folder, name) = self.place(&to);
                self.name(at, vec![(folder, name, Some(inode))]);
            }
        }
    }

    fn opened(&mut self, fd: i32, path: &str, truncated: bool, at: u64) {
        let inode = match self.find(path) {
            Some(inode) => inode,
            None => {
                let (folder, name) = self.place(path);
                let inode = self.new_inode();
                self.name(at, vec![(folder, name, Some(inode))]);
                inode
            }
        };
        if truncated {
            self.push(at, Change::Size { inode, size: 0, grow_only: false });
        }
        self.open.insert(fd, (inode, path.to_owned()));
    }

    fn rename(&mut self, from: &str, to: &str, at: u64) {
        let inode = self.find(from).expect("a renamed file exists");
        let (folder, name) = self.place(from);
        let (to_folder, to_name) = self.place(to);
        self.name(at, vec![(folder, name, None), (to_folder, to_name, Some(inode))]);
    }

    fn name(&mut self, at: u64, names: Vec<(Inode, String, Option<Inode>)>) {
        for (folder, name, inode) in &names {
            let folder = self.folders.get_mut(folder).expect("names are in folders");
            match inode {
                Some(inode) => folder.insert(name.clone(), *inode),
                None => folder.remove(name),
            };
        }
        self.push(at, Change::Names(names));
    }

    fn push(&mut self, at: u64, change: Change) {
        self.disk.operations.push(Operation { at, change });
    }

    fn new_inode(&mut self) -> Inode {
        self.inodes += 1;
        self.inodes - 1
    }

    fn parts<'p>(&self, path: &'p str) -> Vec<&'p str> {
        let below = path.strip_prefix(self.root).expect("the recorder watches one folder");
        below.split('/').filter(|part| !part.is_empty() && *part != ".").collect()
    }

    fn find(&self, path: &str) -> Option<Inode> {
        self.parts(path).iter().try_fold(ROOT, |folder, name| self.folders.get(&folder)?.get(*name).copied())
    }

    fn place(&self, path: &str) -> (Inode, String) {
        let parts = self.parts(path);
        let (name, folders) = parts.split_last().expect("nobody creates the root");
        let folder = folders.iter().fold(ROOT, |folder, name| self.folders[&folder][*name]);
        (folder, (*name).to_owned())
    }

    /// The path with numbers and random names masked: syncs of a kind have it in common.
    fn class(&self, path: &str, inode: Inode) -> String {
        let mut class = String::new();
        for part in self.parts(path) {
            class.push('/');
            if part.starts_with(".tmp") {
                class += ".tmp*";
                continue;
            }
            let mut last = ' ';
            for letter in part.chars().map(|letter| if letter.is_ascii_digit() { '#' } else { letter }) {
                if letter != '#' || last != '#' {
                    class.push(letter);
                }
                last = letter;
            }
        }
        if self.folders.contains_key(&inode) {
            class.push('/');
        }
        class
    }
}

/// What happened up to a moment, and which of it cannot be lost any more.
pub struct Moment<'a> {
    disk: &'a Disk,
    /// Operations that had happened.
    pub happened: usize,
    durable: HashMap<Inode, usize>,
}

impl Disk {
    /// The disk when the power went at a position of the recording; syncs for which `ignored` holds never were.
    pub fn moment(&self, position: u64, ignored: impl Fn(&Sync) -> bool) -> Moment<'_> {
        let happened = self.operations.partition_point(|operation| operation.at <= position);
        let mut durable = HashMap::new();
        for sync in self.syncs.iter().filter(|sync| sync.end <= position && !ignored(sync)) {
            let covered = durable.entry(sync.inode).or_insert(0);
            *covered = sync.covers.max(*covered);
        }
        Moment { disk: self, happened, durable }
    }
}

impl Moment<'_> {
    /// Whether an operation cannot be lost.
    pub fn is_durable(&self, operation: usize) -> bool {
        let covered = |inode: &Inode| self.durable.get(inode).is_some_and(|covered| operation < *covered);
        match &self.disk.operations[operation].change {
            Change::Data { inode, .. } | Change::Size { inode, .. } => covered(inode),
            Change::Names(names) => match names.as_slice() {
                [(folder, _, Some(inode))] if self.disk.named_by_their_sync.contains(inode) => {
                    covered(folder) || covered(inode)
                }
                names => names.iter().any(|(folder, ..)| covered(folder)),
            },
        }
    }

    /// Operations that may or may not be there, oldest first.
    pub fn pending(&self) -> Vec<usize> {
        (0..self.happened).filter(|operation| !self.is_durable(*operation)).collect()
    }

    /// Builds the image in which, of what may be lost, exactly that is there for which `keep` holds: asked for an
    /// operation and, for writes, each sector of it.
    pub fn build(&self, keep: impl Fn(usize, u64) -> bool) -> Image {
        let mut image = Image::default();
        let operations = || self.disk.operations[..self.happened].iter().enumerate();
        for (number, operation) in operations() {
            if let Change::Names(names) = &operation.change
                && (self.is_durable(number) || keep(number, 0))
            {
                image.names(names);
            }
        }
        // Most files that ever were have no name any more, and nobody reads them.
        let named: HashSet<Inode> = image.folders.values().flat_map(BTreeMap::values).copied().collect();
        for (number, operation) in operations() {
            if let Change::Data { inode, .. } | Change::Size { inode, .. } = &operation.change
                && named.contains(inode)
            {
                image.content(&operation.change, self.is_durable(number), |sector| keep(number, sector));
            }
        }
        image
    }
}

/// Fresh memory is zeros already, which matters for segments that are zeroed ahead.
fn resize(file: &mut Vec<u8>, size: usize) {
    if file.is_empty() {
        *file = vec![0; size];
    } else {
        file.resize(size, 0);
    }
}

/// Contents of a disk.
#[derive(Default)]
pub struct Image {
    files: HashMap<Inode, Vec<u8>>,
    folders: BTreeMap<Inode, BTreeMap<String, Inode>>,
}

impl Image {
    fn names(&mut self, names: &[(Inode, String, Option<Inode>)]) {
        // What a rename moves is what it takes away: an older name that came back since is left alone.
        let moved = names.iter().find_map(|(.., inode)| *inode).filter(|_| names.len() > 1);
        for (folder, name, inode) in names {
            let folder = self.folders.entry(*folder).or_default();
            match inode {
                Some(inode) => drop(folder.insert(name.clone(), *inode)),
                None if moved.is_none() || folder.get(name).copied() == moved => drop(folder.remove(name)),
                None => {}
            }
        }
    }

    /// A change of a file, all of it when it is durable, else those of its sectors that are kept.
    fn content(&mut self, change: &Change, durable: bool, keep: impl Fn(u64) -> bool) {
        match change {
            Change::Data { inode, offset, length, bytes } => {
                let mut at = *offset;
                while at < offset + length {
                    let end = ((at / SECTOR + 1) * SECTOR).min(offset + length);
                    let end = if durable { offset + length } else { end };
                    if durable || keep(at / SECTOR) {
                        let bytes = bytes.as_ref().map(|bytes| &bytes[(at - offset) as usize..(end - offset) as usize]);
                        self.write(*inode, at, end, bytes);
                    }
                    at = end;
                }
            }
            Change::Size { inode, size, grow_only } if durable || keep(0) => {
                let file = self.files.entry(*inode).or_default();
                let size = usize::try_from(*size).expect("files fit into memory");
                if size > file.len() || !grow_only {
                    resize(file, size);
                }
            }
            Change::Size { .. } | Change::Names(_) => {}
        }
    }

    fn write(&mut self, inode: Inode, start: u64, end: u64, bytes: Option<&[u8]>) {
        let (start, end) = (start as usize, end as usize);
        let file = self.files.entry(inode).or_default();
        if file.len() < end {
            resize(file, end);
        }
        match bytes {
            Some(bytes) => file[start..end].copy_from_slice(bytes),
            None => file[start..end].fill(0),
        }
    }

    /// All files below the root, as the image has them; a folder is `None`.
    pub fn tree(&self, disk: &Disk) -> Vec<(PathBuf, Option<&[u8]>)> {
        let mut tree = Vec::new();
        let mut todo = vec![(ROOT, PathBuf::new())];
        while let Some((folder, path)) = todo.pop() {
            for (name, inode) in self.folders.get(&folder).into_iter().flatten() {
                let path = path.join(name);
                if disk.folders.contains(inode) {
                    tree.push((path.clone(), None));
                    todo.push((*inode, path));
                } else {
                    tree.push((path, Some(self.files.get(inode).map_or(&[] as &[u8], Vec::as_slice))));
                }
            }
        }
        tree
    }

    /// Writes the image into an empty folder.
    pub fn write_to(&self, disk: &Disk, to: &Path) -> io::Result<()> {
        for (path, content) in self.tree(disk) {
            match content {
                None => fs::create_dir(to.join(path))?,
                Some(content) => fs::write(to.join(path), content)?,
            }
        }
        Ok(())
    }
}
