//! Segment files: their names, their headers, and where each of them is.
//!
//! A segment is never renamed, truncated or reused; how one comes into being is
//! told in `creation.rs`. A segment whose file somebody else renamed is found by
//! its header: see `misnamed.rs`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::log::header::{HEADER_BYTES, Header, HeaderRead};
use crate::log::listing::Listing;
use crate::log::misnamed::{self, Seen};
use crate::log::names::file_name;
use crate::log::prepared::end_of;
use crate::log::storage::{Storage, StoredFile, read_range};
use crate::platform::Stamp;
use crate::position::Ordinal;

/// The largest segment file that is ever read: anything longer was not written
/// by this program.
pub(super) const MAX_FILE_BYTES: usize = 96 * 1024 * 1024;

/// The directory of one log, with the storage that it is on.
///
/// A clone knows nothing of what the original learned of wrong names: what is
/// read from a directory depends on the directory, never on who looked before.
#[derive(Debug)]
pub struct LogDir {
    path: PathBuf,
    storage: Arc<dyn Storage>,
    names: Mutex<Names>,
    /// Clones have it in common: it says what the directory says.
    pub(super) seen: Arc<Mutex<Listing>>,
}

impl Clone for LogDir {
    fn clone(&self) -> Self {
        Self {
            seen: Arc::clone(&self.seen),
            ..Self::new(self.path.clone(), Arc::clone(&self.storage))
        }
    }
}

/// What is known of wrong names.
#[derive(Debug, Default)]
struct Names {
    /// The files that were looked at.
    files: Vec<Ordinal>,
    /// The segments that other files hold than their names say.
    misnamed: BTreeMap<Ordinal, Ordinal>,
}

/// A segment file that was opened, and what its header says.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) file: Box<dyn StoredFile>,
    pub(super) read: HeaderRead,
    pub(super) naming: Naming,
    /// Where its bytes end, prepared space left out.
    pub(super) size: u64,
    /// The length of the file.
    pub(super) length: u64,
}

/// Whether a segment's header agrees with the file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    Right,
    /// It is the segment that was asked for, in another one's file.
    Misnamed,
    /// A copy under another name, or another log's: not that segment.
    Wrong,
}

impl LogDir {
    /// The log in the directory `path`. Nothing is touched.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, storage: Arc<dyn Storage>) -> Self {
        Self {
            path: path.into(),
            storage,
            names: Mutex::default(),
            seen: Arc::default(),
        }
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file of the segment with this ordinal: the one with its name, unless
    /// it turned out that another one holds it.
    #[must_use]
    pub fn segment_path(&self, ordinal: Ordinal) -> PathBuf {
        let file = self.names().misnamed.get(&ordinal).copied();
        self.path_named(file.unwrap_or(ordinal))
    }

    /// The file of the segment with this ordinal, after a look at where it is.
    #[must_use]
    pub fn find_path(&self, ordinal: Ordinal) -> PathBuf {
        let opened = self.open(ordinal, Access::Read);
        if !opened.is_ok_and(|opened| opened.naming != Naming::Wrong) {
            // Where nothing can be found out, the name that it should have is
            // as good as any.
            let _ = self.sort_out_names(Look::Once);
        }
        self.segment_path(ordinal)
    }

    /// Forgets what was learned of wrong names, before something new is begun.
    pub(super) fn forget_names(&self) {
        *self.names() = Names::default();
    }

    pub(super) fn path_named(&self, file: Ordinal) -> PathBuf {
        self.inside(&file_name(file))
    }

    /// One allocation: this is asked for several times for each append.
    fn inside(&self, name: &str) -> PathBuf {
        let mut path = PathBuf::with_capacity(self.path.as_os_str().len() + 1 + name.len());
        path.push(&self.path);
        path.push(name);
        path
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writer lock.
    #[must_use]
    pub fn lock_path(&self) -> PathBuf {
        self.inside("LOCK")
    }

    pub(super) fn storage(&self) -> &dyn Storage {
        self.storage.as_ref()
    }

    /// The ordinals of all segments, ascending, strangers included. A missing
    /// directory is an empty log.
    ///
    /// # Errors
    /// Any other I/O error of listing the directory.
    pub fn ordinals(&self) -> io::Result<Vec<Ordinal>> {
        let files = self.files()?;
        if !self.knows_wrong_names() {
            return Ok(files);
        }
        self.sort_out_names(Look::Once)?;
        let names = self.names();
        let misplaced = |file: &Ordinal| names.misnamed.values().any(|other| other == file);
        let mut ordinals: Vec<_> = names.misnamed.keys().copied().collect();
        ordinals.extend(files.into_iter().filter(|file| !misplaced(file)));
        ordinals.sort_unstable();
        ordinals.dedup();
        Ok(ordinals)
    }

    /// The highest number that a file has, when these are the segments.
    pub(super) fn highest(&self, ordinals: &[Ordinal]) -> Ordinal {
        let names = self.names();
        let files = names.misnamed.values().chain(ordinals.last());
        files.max().copied().unwrap_or_default()
    }

    /// Whether segments were found under other names than their own.
    pub(super) fn knows_wrong_names(&self) -> bool {
        !self.names().misnamed.is_empty()
    }

    /// Looks at the headers of all files for segments under wrong names. Asked
    /// for when a name is wrong or a segment is missing; from then on they are
    /// found where they are.
    pub(super) fn sort_out_names(&self, look: Look) -> io::Result<()> {
        let files = self.files()?;
        if look == Look::Once && self.names().files == files {
            return Ok(());
        }
        let mut seen = Vec::new();
        for file in &files {
            let opened = match self.open_file(*file, *file, Access::Read) {
                // Pruned between the listing and now.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other?,
            };
            if let HeaderRead::Sound { header, .. } = opened.read {
                seen.push(Seen {
                    file: *file,
                    header,
                    size: opened.size,
                });
            }
        }
        let misnamed = misnamed::sort_out(&seen);
        *self.names() = Names { files, misnamed };
        Ok(())
    }

    /// Where the bytes of a segment end, prepared space left out.
    ///
    /// # Errors
    /// Any I/O error, `NotFound` included.
    pub(crate) fn end_of(&self, ordinal: Ordinal) -> io::Result<u64> {
        Ok(self.open(ordinal, Access::Read)?.size)
    }

    /// The length of a segment's file in bytes, prepared space included.
    ///
    /// # Errors
    /// Any I/O error, `NotFound` included.
    pub fn size_of(&self, ordinal: Ordinal) -> io::Result<u64> {
        self.storage.size_of(&self.segment_path(ordinal))
    }

    /// What tells the segment's file from itself once somebody touched it.
    pub(super) fn stamp_of(&self, ordinal: Ordinal) -> io::Result<Stamp> {
        self.storage.stamp_of(&self.segment_path(ordinal))
    }

    /// Whether there is no file of this ordinal any more.
    pub(crate) fn is_gone(&self, ordinal: Ordinal) -> io::Result<bool> {
        match self.size_of(ordinal) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            other => other.map(|_| false),
        }
    }

    /// The bytes of all segment files. One that is pruned meanwhile counts none.
    ///
    /// # Errors
    /// Any I/O error of listing the directory or looking at a file.
    pub fn bytes(&self) -> io::Result<u64> {
        let mut bytes: u64 = 0;
        for ordinal in self.ordinals()? {
            bytes = match self.size_of(ordinal) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => bytes,
                other => bytes.saturating_add(other?),
            };
        }
        Ok(bytes)
    }

    /// The header of the segment with this ordinal; `None` when it cannot be
    /// read, or belongs to another segment.
    ///
    /// # Errors
    /// Any I/O error, `NotFound` included.
    pub fn header(&self, ordinal: Ordinal) -> io::Result<Option<Header>> {
        let opened = self.open(ordinal, Access::Read)?;
        Ok(match (opened.read, opened.naming) {
            (HeaderRead::Sound { header, .. }, Naming::Right) => Some(header),
            _ => None,
        })
    }

    /// Makes the newest segment durable up to what is in it now. Older ones
    /// are: each was synced before its successor was made. Whoever ships
    /// frames must call this after reading them, or a power cut could take
    /// from here what is already elsewhere.
    ///
    /// # Errors
    /// Any I/O error of listing, opening or syncing.
    pub fn sync_newest(&self) -> io::Result<()> {
        let Some(newest) = self.ordinals()?.last().copied() else {
            return Ok(());
        };
        let opened = self.open(newest, Access::Read)?;
        if opened.naming == Naming::Wrong {
            for ordinal in self.ordinals()? {
                self.open(ordinal, Access::Read)?.file.sync()?;
            }
        }
        opened.file.sync()
    }

    /// Opens the segment with this ordinal.
    pub(super) fn open(&self, ordinal: Ordinal, access: Access) -> io::Result<Opened> {
        let file = |dir: &Self| dir.names().misnamed.get(&ordinal).copied();
        let opened = self.open_file(file(self).unwrap_or(ordinal), ordinal, access)?;
        if opened.naming != Naming::Wrong {
            return Ok(opened);
        }
        self.sort_out_names(Look::Again)?;
        match file(self) {
            Some(file) => self.open_file(file, ordinal, access),
            None => Ok(opened),
        }
    }

    /// Opens the file with this number in its name as the segment `ordinal`.
    fn open_file(&self, file: Ordinal, ordinal: Ordinal, access: Access) -> io::Result<Opened> {
        let path = self.path_named(file);
        let stored = match access {
            Access::Read => self.storage.open_read(&path)?,
            Access::Append => self.storage.open_write(&path)?,
        };
        let length = stored.size()?;
        let mut head = Vec::new();
        read_range(stored.as_ref(), 0, HEADER_BYTES, &mut head)?;
        let read = Header::decode(&head);
        let size = end_of(stored.as_ref(), length, read.space())?;
        let naming = match &read {
            HeaderRead::Sound { header, .. } if header.ordinal != ordinal => Naming::Wrong,
            _ if file != ordinal => Naming::Misnamed,
            _ => Naming::Right,
        };
        Ok(Opened {
            file: stored,
            read,
            naming,
            size,
            length,
        })
    }
}

/// Whether a look at all headers is worth repeating.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Not while the files have the same names.
    Once,
    Again,
}

/// What a segment is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Append,
}
