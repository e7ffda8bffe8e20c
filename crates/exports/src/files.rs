//! Files of executions, under `exports/` in the data directory: a folder for each table, with links to the bytes of the
//! exports that are needed, and what deltas write. What nobody refers to is removed; what a delta is writing is told by its
//! name, which its execution keeps before it begins.

use crate::{Error, ExportFile, error::io, table::Table};
use db::Db;
use s3::{Buckets, Object};
use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

const SPOOL: &str = "spool";
/// Of an object without bytes.
const EMPTY: &str = "empty.gz";

/// The folder of all of it.
pub struct Files {
    root: PathBuf,
}

/// What a delta writes.
pub struct Attempt {
    pub operations: PathBuf,
    pub state: PathBuf,
}

impl Files {
    /// # Errors
    /// When the disk fails.
    pub fn open(dir: &Path) -> Result<Files, Error> {
        let root = dir.join("exports");
        fs::create_dir_all(root.join(SPOOL)).map_err(io("creating", &root))?;
        // Even where it was there already, as below.
        sync(dir)?;
        Ok(Files { root })
    }

    /// Where deltas put what does not fit into memory; files there have no names.
    pub fn spool(&self) -> PathBuf {
        self.root.join(SPOOL)
    }

    fn folder(&self, table: &Table) -> PathBuf {
        self.root.join(table.id.0.to_string())
    }

    pub fn path(&self, table: &Table, name: &str) -> PathBuf {
        self.folder(table).join(name)
    }

    /// Where a try of a delta writes.
    pub fn attempt(&self, table: &Table, attempt: &str) -> Attempt {
        let path = |ending: &str| self.path(table, &format!("{attempt}.{ending}"));
        Attempt { operations: path("operations"), state: path("state") }
    }

    /// Name of the state file that a try writes.
    pub fn state_name(attempt: &str) -> String {
        format!("{attempt}.state")
    }

    /// Name of the link to an object's bytes: the same for the same bytes, whatever becomes of the object.
    pub fn local(object: &Object) -> String {
        object.blob.as_ref().map_or_else(|| EMPTY.to_owned(), |blob| format!("{}.gz", blob.as_str()))
    }

    /// Links an object's bytes under their local name. `false`: the object was replaced or deleted, and its bytes are gone.
    pub fn link(&self, buckets: &Buckets, table: &Table, object: &Object) -> Result<bool, Error> {
        let folder = self.make_folder(table)?;
        let path = folder.join(Files::local(object));
        if !path.exists() {
            if object.blob.is_some() {
                return Ok(buckets.link(object, &path)?);
            }
            fs::write(&path, []).map_err(io("creating", path))?;
        }
        // Even where it was there already: who made it may have failed to come to this.
        sync(&folder).map(|()| true)
    }

    /// The folder of a table; its name is durable.
    pub fn make_folder(&self, table: &Table) -> Result<PathBuf, Error> {
        let folder = self.folder(table);
        fs::create_dir_all(&folder).map_err(io("creating", &folder))?;
        // Even where it was there already: a process killed right after creating it left this undone.
        sync(&self.root)?;
        Ok(folder)
    }

    /// Removes the files of a table that nobody refers to.
    pub fn sweep(&self, db: &Db, table: &Table) -> Result<(), Error> {
        // Listed before it is asked who refers to them: the next execution may be at work already, and a try is committed
        // before its files are made.
        let found = list(&self.folder(table))?;
        let (names, attempts) = referred(db, table)?;
        for path in found {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let attempt = name.split('.').next().unwrap_or_default();
            if !names.contains(&name) && !attempts.contains(attempt) {
                remove(&path)?;
            }
        }
        Ok(())
    }

    /// Removes what an earlier run of the program left.
    pub fn sweep_all(&self, db: &Db) -> Result<(), Error> {
        let tables = Table::all(db);
        for table in &tables {
            self.sweep(db, table)?;
        }
        for path in list(&self.spool())? {
            remove(&path)?;
        }
        for folder in list(&self.root)? {
            let is_known = tables.iter().any(|table| folder == self.folder(table)) || folder == self.spool();
            if !is_known {
                fs::remove_dir_all(&folder).map_err(io("removing", folder))?;
            }
        }
        Ok(())
    }
}

/// Names that a table's state refers to, and those of tries.
fn referred(db: &Db, table: &Table) -> Result<(HashSet<String>, HashSet<String>), Error> {
    let locals = |files: &[ExportFile]| files.iter().map(|file| file.local.clone()).collect::<Vec<_>>();
    let (mut names, mut attempts) = (HashSet::new(), HashSet::new());
    for execution in table.live(db)? {
        names.extend(locals(&execution.files));
        attempts.extend(execution.attempt);
    }
    // After those under way: what ends in between is found here.
    if let Some(base) = table.head(db)?.base {
        names.extend(locals(&base.files));
        names.insert(base.state);
    }
    Ok((names, attempts))
}

/// Makes the names in a folder durable.
fn sync(folder: &Path) -> Result<(), Error> {
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("syncing", folder))
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(io("listing", folder))?,
    };
    entries.map(|entry| entry.map(|entry| entry.path()).map_err(io("listing", folder))).collect()
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io("removing", path)(error)),
        _ => Ok(()),
    }
}
