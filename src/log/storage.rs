//! The file operations of the log, behind one small trait.
//!
//! Everything the log does to a disk goes through [`Storage`], so that a
//! simulator can tear, drop and reorder what was not synced, fail any call and
//! crash between any two. [`Disk`] is the real thing and adds no policy.
//!
//! There is no call that truncates: the log never needs one. What is written goes
//! behind the last frame, where nothing is, or zeros are that were prepared.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::log::disk_lock::DiskLock;
use crate::log::names::file_name;
use crate::platform::{self, Shape, Stamp};
use crate::position::Ordinal;

pub(super) use crate::log::pieces::read_range;

/// The directory and file operations that the log needs.
///
/// ```
/// use spec_kitty::log::storage::{Disk, Storage, StoredFile};
///
/// let dir = tempfile::tempdir()?;
/// let storage: &dyn Storage = &Disk;
/// let file: Box<dyn StoredFile> = storage.create_new(&dir.path().join("one"))?;
/// file.write_at(b"abc", 0)?;
/// assert_eq!(file.size()?, 3);
/// file.sync()?;
/// storage.sync_dir(dir.path())?; // now it is found after a power cut
///
/// assert_eq!(storage.list(dir.path())?, ["one"]);
/// assert!(storage.create_new(&dir.path().join("one")).is_err()); // never over another
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait Storage: fmt::Debug + Send + Sync {
    /// The names of the entries of `dir` that are valid UTF-8.
    ///
    /// # Errors
    /// Any I/O error, `NotFound` included.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Opens an existing file for reading.
    ///
    /// # Errors
    /// Any I/O error, `NotFound` included.
    fn open_read(&self, path: &Path) -> io::Result<Box<dyn StoredFile>>;

    /// Opens an existing file for reading and writing.
    ///
    /// # Errors
    /// Any I/O error, `NotFound` included.
    fn open_write(&self, path: &Path) -> io::Result<Box<dyn StoredFile>>;

    /// Creates a private file that must not exist yet.
    ///
    /// # Errors
    /// Any I/O error, `AlreadyExists` included.
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn StoredFile>>;

    /// The length of the file at `path`.
    ///
    /// # Errors
    /// Any I/O error, `NotFound` included.
    fn size_of(&self, path: &Path) -> io::Result<u64>;

    /// Creates a private directory and its missing parents; one that exists is
    /// fine.
    ///
    /// # Errors
    /// Any I/O error.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;

    /// Renames a file, refusing a name that exists.
    ///
    /// # Errors
    /// Any I/O error, `AlreadyExists` included.
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// Any I/O error, `NotFound` included.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the entries of a directory durable.
    ///
    /// # Errors
    /// Any I/O error.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// The identity of the file at `path`, as [`Held::identity`] tells it.
    ///
    /// # Errors
    /// Any I/O error, `NotFound` included; `Unsupported` where files have none.
    fn identity_of(&self, path: &Path) -> io::Result<u64> {
        let _ = path;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// What tells the file at `path` from itself once somebody touched it.
    ///
    /// # Errors
    /// Any I/O error, `NotFound` included; `Unsupported` where that cannot be
    /// told: then nothing that was learned of a file is ever believed again.
    fn stamp_of(&self, path: &Path) -> io::Result<Stamp> {
        let _ = path;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The stamps of these segments' files in `dir`, in the same order; `None` for
    /// one of which [`Storage::stamp_of`] tells none.
    fn stamps_in(&self, dir: &Path, segments: &[Ordinal]) -> Vec<Option<Stamp>> {
        let stamp = |segment: &Ordinal| self.stamp_of(&dir.join(file_name(*segment))).ok();
        segments.iter().map(stamp).collect()
    }

    /// Which file `path` names, and how long it is.
    ///
    /// # Errors
    /// Any I/O error, `NotFound` included; `Unsupported` where that cannot be told:
    /// then whoever appends again looks at everything again.
    fn shape_of(&self, path: &Path) -> io::Result<Shape> {
        let _ = path;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The stamp of the directory `dir`, where its entries are sure to be what they
    /// are now for as long as it has this stamp; `None` where that cannot be told:
    /// then it is listed whenever somebody asks.
    fn resting_stamp_of(&self, dir: &Path) -> Option<Stamp> {
        let _ = dir;
        None
    }

    /// Takes the exclusive lock on the file at `path`, creating the file when
    /// it is missing and waiting at most `deadline`; `None` when that passed.
    ///
    /// # Errors
    /// Any I/O error other than contention.
    fn lock(&self, path: &Path, deadline: Duration) -> io::Result<Option<Box<dyn Held>>>;
}

/// An open file of a [`Storage`].
pub trait StoredFile: fmt::Debug + Send {
    /// The file's length in bytes.
    ///
    /// # Errors
    /// Any I/O error.
    fn size(&self) -> io::Result<u64>;

    /// Reads at `offset`; may read less than asked, and nothing at the end.
    ///
    /// # Errors
    /// Any I/O error.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes at `offset`; may write less than asked.
    ///
    /// # Errors
    /// Any I/O error.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Has the disk begin with what was written to this range: a sync of it is on
    /// its way. Best effort, and no sync.
    fn begin_to_sync(&self, offset: u64, bytes: u64) {
        let _ = (offset, bytes);
    }

    /// What tells this file from itself once somebody touched it, as
    /// [`Storage::stamp_of`] tells it of a path.
    ///
    /// # Errors
    /// Any I/O error; `Unsupported` where that cannot be told.
    fn stamp(&self) -> io::Result<Stamp> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Which file it is and how long, as [`Storage::shape_of`] tells it of a path.
    ///
    /// # Errors
    /// Any I/O error; `Unsupported` where that cannot be told.
    fn shape(&self) -> io::Result<Shape> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Makes what was written through this descriptor durable, and the length.
    ///
    /// # Errors
    /// Any I/O error; after one, nothing written through it may be believed.
    fn sync(&self) -> io::Result<()>;
}

/// A lock that is held; dropping it gives the lock back.
pub trait Held: fmt::Debug + Send {
    /// The identity of the locked file inside its file system: another one for
    /// a file that was made later, also in the same place.
    fn identity(&self) -> u64;

    /// Whether the path still names the locked file. When it does not (somebody
    /// removed or replaced the file), another process may hold a lock as well.
    fn is_current(&self) -> bool;

    /// Gives the lock back, keeping what is needed to take it again at less
    /// cost; `None` where there is no such thing.
    fn give_back(self: Box<Self>) -> Option<Box<dyn Idle>> {
        None
    }
}

/// A lock that was given back and whose file is still open.
///
/// ```
/// use std::time::Duration;
/// use spec_kitty::log::storage::{Disk, Held, Idle, Storage};
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("LOCK");
/// let held: Box<dyn Held> = Disk.lock(&path, Duration::ZERO)?.ok_or("nobody has it")?;
/// assert!(Disk.lock(&path, Duration::ZERO)?.is_none());
/// let idle: Box<dyn Idle> = held.give_back().ok_or("its file is still open")?;
/// assert!(idle.take(Duration::ZERO)?.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Idle: fmt::Debug + Send {
    /// Takes it again, waiting at most `deadline`; `None` when that passed.
    ///
    /// # Errors
    /// `NotFound` when the path names another file by now, or none; any other
    /// I/O error than contention.
    fn take(self: Box<Self>, deadline: Duration) -> io::Result<Option<Box<dyn Held>>>;
}

/// The real file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Storage for Disk {
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        platform::names_in(dir)
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        Ok(Box::new(DiskFile(platform::open_regular(path)?.0)))
    }

    fn open_write(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        Ok(Box::new(DiskFile(
            platform::private_options()
                .read(true)
                .write(true)
                .open(path)?,
        )))
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        let mut options = platform::private_options();
        Ok(Box::new(DiskFile(
            options.read(true).write(true).create_new(true).open(path)?,
        )))
    }

    fn size_of(&self, path: &Path) -> io::Result<u64> {
        Ok(platform::path_shape(path)?.size)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        platform::create_private_tree(path)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        platform::rename_new(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        platform::sync_dir(path)
    }

    fn identity_of(&self, path: &Path) -> io::Result<u64> {
        platform::path_identity(path)
    }

    fn stamp_of(&self, path: &Path) -> io::Result<Stamp> {
        platform::path_stamp(path)
    }

    fn shape_of(&self, path: &Path) -> io::Result<Shape> {
        platform::path_shape(path)
    }

    fn stamps_in(&self, dir: &Path, segments: &[Ordinal]) -> Vec<Option<Stamp>> {
        platform::stamps_in(dir, segments.iter().map(|segment| file_name(*segment)))
    }

    fn resting_stamp_of(&self, dir: &Path) -> Option<Stamp> {
        platform::resting_stamp(dir)
    }

    fn lock(&self, path: &Path, deadline: Duration) -> io::Result<Option<Box<dyn Held>>> {
        Box::new(DiskLock::open(path)?).take(deadline)
    }
}

#[derive(Debug)]
struct DiskFile(File);

impl StoredFile for DiskFile {
    fn size(&self) -> io::Result<u64> {
        Ok(platform::file_shape(&self.0)?.size)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        platform::read_at(&self.0, buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        platform::write_at(&self.0, bytes, offset)
    }

    fn begin_to_sync(&self, offset: u64, bytes: u64) {
        platform::begin_to_sync(&self.0, offset, bytes);
    }

    fn stamp(&self) -> io::Result<Stamp> {
        platform::file_stamp(&self.0)
    }

    fn shape(&self) -> io::Result<Shape> {
        platform::file_shape(&self.0)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}
