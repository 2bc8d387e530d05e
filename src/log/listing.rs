//! What a directory listed when it was last asked.
//!
//! Its entries are what they were for as long as it has the stamp that it had
//! before it was listed, where two changes cannot leave it the same one. So what
//! was listed under such a stamp holds in other processes too.

use std::io;
use std::sync::{MutexGuard, PoisonError};

use crate::log::names::ordinal_of;
use crate::log::read::ReadError;
use crate::log::segment::LogDir;
use crate::platform::Stamp;
use crate::position::Ordinal;

/// The segment files of a directory, as far as they are known.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// What the directory had before it was listed; `None` where that may not tell
    /// the next change.
    stamp: Option<Stamp>,
    /// The highest number that a file had.
    highest: Option<Ordinal>,
    /// All numbers, ascending, where more than the highest is known.
    files: Option<Vec<Ordinal>>,
}

impl Listing {
    /// These files, listed after the directory had this stamp.
    fn of(stamp: Option<Stamp>, files: Vec<Ordinal>) -> Self {
        Self {
            stamp,
            highest: files.last().copied(),
            files: Some(files),
        }
    }

    /// No more than the highest of them.
    fn of_highest(stamp: Option<Stamp>, highest: Ordinal) -> Self {
        Self {
            stamp,
            highest: Some(highest),
            files: None,
        }
    }

    /// Itself, where the directory with this stamp is as it was.
    fn under(&self, stamp: Option<Stamp>) -> Option<&Self> {
        (stamp.is_some() && stamp == self.stamp).then_some(self)
    }
}

impl LogDir {
    /// All segments, for whoever only reads, and may ask again and again: the directory
    /// is not listed anew while it has the stamp that it had before it was listed,
    /// and no file has the number behind the highest.
    ///
    /// # Errors
    /// As for [`LogDir::ordinals`].
    pub(crate) fn ordinals_seen(&self) -> io::Result<Vec<Ordinal>> {
        if self.knows_wrong_names() {
            return self.ordinals();
        }
        let stamp = self.storage().resting_stamp_of(self.path());
        let seen = self.seen();
        let files = seen.under(stamp).and_then(|seen| seen.files.as_ref());
        match files.filter(|files| self.ends_at(files.last())) {
            Some(files) => Ok(files.clone()),
            None => {
                drop(seen);
                self.files()
            }
        }
    }

    /// [`LogDir::ordinals_seen`], with what a reader says when that fails.
    pub(super) fn list_seen(&self) -> Result<Vec<Ordinal>, ReadError> {
        let failed = ReadError::io("list", self.path().to_owned());
        self.ordinals_seen().map_err(failed)
    }

    /// The last of [`LogDir::ordinals_seen`], where it is known without listing the
    /// directory.
    pub(super) fn newest_seen(&self) -> Option<Ordinal> {
        if self.knows_wrong_names() {
            return None;
        }
        let stamp = self.storage().resting_stamp_of(self.path());
        let highest = self.seen().under(stamp).and_then(|seen| seen.highest);
        highest.filter(|highest| self.ends_at(Some(highest)))
    }

    /// The highest number that a file has, and the stamp of the directory as long as
    /// which that holds, for another process to recall; `None` where it is not known,
    /// or may be another one under the same stamp.
    #[doc(hidden)]
    pub fn highest_seen(&self) -> Option<(Ordinal, Stamp)> {
        let seen = self.seen();
        seen.highest.zip(seen.stamp)
    }

    /// All numbers that files have, as [`LogDir::highest_seen`] tells the highest.
    pub(crate) fn files_seen(&self) -> Option<(Vec<Ordinal>, Stamp)> {
        let seen = self.seen();
        seen.files.clone().zip(seen.stamp)
    }

    /// Takes over what [`LogDir::highest_seen`] said to somebody else, if the
    /// directory is as it was then.
    #[doc(hidden)]
    pub fn recall_highest(&self, highest: Ordinal, stamp: Stamp) {
        self.recall(Listing::of_highest(Some(stamp), highest));
    }

    /// The same for [`LogDir::files_seen`].
    pub(crate) fn recall_files(&self, files: Vec<Ordinal>, stamp: Stamp) {
        self.recall(Listing::of(Some(stamp), files));
    }

    fn recall(&self, listing: Listing) {
        let stamp = self.storage().resting_stamp_of(self.path());
        if listing.under(stamp).is_some() {
            *self.seen() = listing;
        }
    }

    /// Whether no file has the number behind this one.
    fn ends_at(&self, highest: Option<&Ordinal>) -> bool {
        let next = highest.copied().unwrap_or_default().next();
        let found = self.storage().size_of(&self.path_named(next));
        matches!(found, Err(error) if error.kind() == io::ErrorKind::NotFound)
    }

    /// The numbers in the names of all segment files, ascending.
    pub(super) fn files(&self) -> io::Result<Vec<Ordinal>> {
        let stamp = self.storage().resting_stamp_of(self.path());
        let names = match self.storage().list(self.path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut files: Vec<_> = names.iter().filter_map(|name| ordinal_of(name)).collect();
        files.sort_unstable();
        *self.seen() = Listing::of(stamp, files.clone());
        Ok(files)
    }

    fn seen(&self) -> MutexGuard<'_, Listing> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A segment with this number was made, behind all others.
    pub(super) fn made(&self, ordinal: Ordinal) {
        *self.seen() = Listing::of_highest(None, ordinal);
    }

    /// Whether there was no segment when somebody last looked.
    pub(super) fn is_empty(&self) -> io::Result<bool> {
        let known = self.seen().highest;
        Ok(known.is_none() && self.files()?.is_empty())
    }

    /// The highest ordinal that a file has. Listed once; then, as long as no file
    /// has the next number, it is the same: a successor has the next number, and
    /// goes after the segment before it.
    pub(super) fn newest(&self) -> io::Result<Option<Ordinal>> {
        match self.newest_known() {
            None => Ok(self.files()?.last().copied()),
            known => Ok(known),
        }
    }

    /// The same, where it is known without listing the directory.
    pub(super) fn newest_known(&self) -> Option<Ordinal> {
        let known = self.seen().highest?;
        self.ends_at(Some(&known)).then_some(known)
    }
}

#[cfg(test)]
#[path = "listing_tests.rs"]
mod tests;
