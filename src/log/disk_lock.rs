//! The writer lock on a real file system.
//!
//! A lock is on a file, not on its name: whoever has it looks whether the name
//! still leads to that file, each time it was taken and before and after what
//! must not happen twice. Given back, the file stays open for a process that
//! takes the lock again.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::log::storage::{Held, Idle};
use crate::platform;

#[derive(Debug)]
pub(super) struct DiskLock {
    /// Closing the descriptor gives the lock back.
    file: File,
    path: PathBuf,
    identity: u64,
}

impl Held for DiskLock {
    fn identity(&self) -> u64 {
        self.identity
    }

    fn is_current(&self) -> bool {
        platform::path_identity(&self.path).ok() == Some(self.identity)
    }

    fn give_back(self: Box<Self>) -> Option<Box<dyn Idle>> {
        match platform::unlock(&self.file) {
            Ok(()) => Some(self),
            Err(_) => None,
        }
    }
}

impl Idle for DiskLock {
    fn take(self: Box<Self>, deadline: Duration) -> io::Result<Option<Box<dyn Held>>> {
        let Self {
            file,
            path,
            identity,
        } = *self;
        let Some(file) = platform::lock_exclusive(file, deadline)? else {
            return Ok(None);
        };
        let held = Self {
            file,
            path,
            identity,
        };
        // A lock on a file that the path no longer names excludes nobody.
        if !held.is_current() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the lock file was replaced",
            ));
        }
        Ok(Some(Box::new(held)))
    }
}

impl DiskLock {
    /// Opens the lock file, creating it when it is missing. It is not locked yet.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = platform::open_private(path)?;
        let identity = platform::file_identity(&file)?;
        Ok(Self {
            file,
            path: path.to_owned(),
            identity,
        })
    }
}
