//! One process owns a data directory.

use crate::OpenError;
use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::Path,
};

/// Held while the database is open; the operating system releases it with the process, however that ends.
pub(crate) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing it would not do where another thread is just starting a program: the child has a copy until it executes.
        // Should this fail, the lock goes with the last copy.
        let _ = self.0.unlock();
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_let_go_though_somebody_has_a_copy_of_the_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let lock = Lock::take(dir.path()).expect("nobody has it");
        let _copy = lock.0.try_clone().expect("a copy");
        assert!(matches!(Lock::take(dir.path()), Err(OpenError::Locked(..))));
        drop(lock);
        assert!(Lock::take(dir.path()).is_ok());
    }
}
