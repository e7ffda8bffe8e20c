//! One process owns a data directory.

use crate::OpenError;
use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::Path,
};

/// Held while the database is open; the operating system releases it with the process, however that ends.
pub(crate) struct Lock(#[expect(dead_code, reason = "held, not used")] File);

impl Lock {
    pub fn take(dir: &Path) -> Result<Lock, OpenError> {
        let path = dir.join("LOCK");
        let io = |source| OpenError::Io { path: path.clone(), source };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                let _ = file.read_to_string(&mut owner);
                let owner = owner.trim();
                let by = if owner.is_empty() { String::new() } else { format!(" (process {owner})") };
                return Err(OpenError::Locked(dir.to_owned(), by));
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        // Who holds it is a courtesy to the next one; the lock itself is the file's.
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{}", std::process::id()));
        Ok(Lock(file))
    }
}
