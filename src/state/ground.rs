//! What the state room stands on: the files of the view, and a place for the
//! ledger's entries.
//!
//! Both are small traits, so that a simulator can put a machine of its own
//! under the very code that decides which of two pictures of the ledger is
//! right, and in which order they become durable. [`Disk`] and [`SledShelf`]
//! are the real ones and add no policy.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

use crate::platform;
use crate::state::ledger_store::entries;
use crate::state::store::{Job, Store};
use crate::state::{Noted, SenderLock, StateError};

/// The file operations that the view needs.
pub trait Files: fmt::Debug + Send + Sync {
    /// Reads a regular file, at most `limit` bytes of it.
    ///
    /// # Errors
    /// Any I/O error, `NotFound` included.
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>>;

    /// Makes a private file that must not exist yet, with these bytes, and
    /// makes them durable.
    ///
    /// # Errors
    /// Any I/O error; the file may be there then, in part.
    fn write_new(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Renames a file over another one of the same directory.
    ///
    /// # Errors
    /// Any I/O error.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// Any I/O error, `NotFound` included.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the content of a file durable, whoever wrote it.
    ///
    /// # Errors
    /// Any I/O error, `NotFound` included.
    fn sync(&self, path: &Path) -> io::Result<()>;

    /// Makes the entries of a directory durable.
    ///
    /// # Errors
    /// Any I/O error.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
}

/// The real file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a regular file",
            ));
        }
        let mut bytes = Vec::new();
        File::open(path)?.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn write_new(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = platform::private_options()
            .write(true)
            .create_new(true)
            .open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        platform::sync_dir(path)
    }
}

/// A key with its value, or with none when it is to be removed.
pub type Entry = (Vec<u8>, Option<Vec<u8>>);

/// What a shelf holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shelved {
    /// Which shelf this is; one that was made anew has another id.
    pub id: [u8; 16],
    /// All entries.
    pub entries: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Where the one sender of a home keeps the ledger's entries. Each call is
/// atomic and durable when it returns without an error.
pub trait Shelf: fmt::Debug {
    /// Whether this is still the one sender.
    ///
    /// # Errors
    /// [`StateError::Displaced`] when another process may be sending.
    fn check(&self) -> Result<(), StateError>;

    /// Everything.
    ///
    /// # Errors
    /// Any [`StateError`].
    fn load(&self, deadline: Duration) -> Result<Noted<Shelved>, StateError>;

    /// Writes `entries` when this still is the shelf `id`; says whether it is.
    ///
    /// # Errors
    /// Any [`StateError`]; they may be written all the same.
    fn update(
        &self,
        id: [u8; 16],
        entries: Vec<Entry>,
        deadline: Duration,
    ) -> Result<Noted<bool>, StateError>;

    /// Makes `entries` all that there is; says which shelf this is.
    ///
    /// # Errors
    /// Any [`StateError`]; they may be written all the same.
    fn replace(
        &self,
        entries: Vec<Entry>,
        deadline: Duration,
    ) -> Result<Noted<[u8; 16]>, StateError>;
}

/// The shelf in sled, in the hands of whoever holds the sender's lock.
#[derive(Debug)]
pub struct SledShelf {
    pub(super) store: Store,
    pub(super) sender: SenderLock,
}

impl Shelf for SledShelf {
    fn check(&self) -> Result<(), StateError> {
        if self.sender.is_current() {
            return Ok(());
        }
        Err(StateError::Displaced {
            path: self.sender.path().to_owned(),
        })
    }

    fn load(&self, deadline: Duration) -> Result<Noted<Shelved>, StateError> {
        let job: Job<_> = Box::new(|trees| {
            let entries = entries::read(trees)?;
            Ok(Shelved {
                id: trees.id,
                entries,
            })
        });
        self.store.run(deadline, job)
    }

    fn update(
        &self,
        id: [u8; 16],
        entries: Vec<Entry>,
        deadline: Duration,
    ) -> Result<Noted<bool>, StateError> {
        let job: Job<_> = Box::new(move |trees| {
            let same = trees.id == id;
            if same {
                entries::update(trees, &entries)?;
            }
            Ok(same)
        });
        self.store.run(deadline, job)
    }

    fn replace(
        &self,
        entries: Vec<Entry>,
        deadline: Duration,
    ) -> Result<Noted<[u8; 16]>, StateError> {
        let job: Job<_> = Box::new(move |trees| {
            entries::replace(trees, &entries)?;
            Ok(trees.id)
        });
        self.store.run(deadline, job)
    }
}
