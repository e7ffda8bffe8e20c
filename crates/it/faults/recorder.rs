//! Runs the real program with the recorder in front of the file system, again and again in one folder, and makes the
//! disk's history of what was recorded. Knows the recorder's settings and not what the program is asked to do.

use super::{disk::Disk, recording, sites::Sites};
use it::{
    program::{Run, binary},
    tools,
};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// The state engine's compaction moves large values into a new file and does not sync the folder before its manifest names
/// the file; there is no place in between where we could. Linux's file systems make the name durable with the file.
const FORGIVEN: &str = "lsm-tree-3.1.10/compaction/flavour.rs";

/// A folder that is watched, and what is written down about it.
pub struct Recorder {
    folder: TempDir,
    shim: PathBuf,
}

/// What was recorded.
pub struct Recording {
    /// The watched folder, and the recorder's things.
    pub folder: TempDir,
    pub disk: Disk,
    pub sites: Sites,
}

impl Recorder {
    pub fn new() -> Recorder {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let shim = tools::preload("recorder", folder.path());
        let recorder = Recorder { folder, shim };
        fs::create_dir(recorder.root()).expect("a folder can be made");
        recorder
    }

    /// A place for other things that go when it goes.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder that is watched.
    pub fn root(&self) -> PathBuf {
        root(&self.folder)
    }

    /// What is written down; see [`position`].
    pub fn log(&self) -> PathBuf {
        log(&self.folder)
    }

    /// Has the run recorded; killed at a moment (`FAULTS_KILL`), counted from [`Recorder::arm`] on.
    pub fn watch(&self, run: Run, killed: Option<&str>) -> Run {
        let run = run.env("LD_PRELOAD", &self.shim).env("FAULTS_ROOT", self.root()).env("FAULTS_LOG", self.log());
        match killed {
            Some(moment) => run.env("FAULTS_KILL", moment).env("FAULTS_ARMED", self.armed()),
            None => run,
        }
    }

    pub fn arm(&self) {
        fs::write(self.armed(), "").expect("a file can be made");
    }

    pub fn disarm(&self) {
        fs::remove_file(self.armed()).expect("what was made can be removed");
    }

    fn armed(&self) -> PathBuf {
        self.folder.path().join("armed")
    }

    /// Reads what was recorded.
    pub fn finish(self) -> Recording {
        let root = self.root();
        let root = root.to_str().expect("temporary folders have plain names");
        let records = recording::read(&self.log()).expect("the recording can be read");
        let mut disk = Disk::replay(records, root);
        let sites = Sites::find(&binary(), disk.syncs.iter().map(|sync| &sync.stack));
        let forgiven = disk.syncs.iter().filter(|sync| sites.passes(&sync.stack, FORGIVEN));
        disk.named_by_their_sync = forgiven.map(|sync| sync.inode).collect();
        Recording { folder: self.folder, disk, sites }
    }
}

impl Recording {
    pub fn root(&self) -> PathBuf {
        root(&self.folder)
    }

    pub fn log(&self) -> PathBuf {
        log(&self.folder)
    }
}

/// Where a recording stands. Positions order everything, the clients' acknowledgements included.
pub fn position(recording: &Path) -> u64 {
    fs::metadata(recording).expect("the recorder keeps its log").len()
}

fn root(folder: &TempDir) -> PathBuf {
    folder.path().join("root")
}

fn log(folder: &TempDir) -> PathBuf {
    folder.path().join("recording")
}
