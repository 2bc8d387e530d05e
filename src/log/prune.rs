//! Removing the oldest segments, by somebody's leave.
//!
//! This room does not know what was delivered: it takes a list of segments
//! that may go and holds to three rules of its own.
//!
//! * **A beginning only.** Segments go oldest first, and the removal ends at the
//!   first file that is not on the list, alien files included. So a reader
//!   that loses the file it reads knows that nothing behind it is missing.
//! * **One at a time.** Each removal is durable before the next begins:
//!   whenever the machine stops, what is left is a log without a hole.
//! * **The newest stays.** The newest segment with a readable header, and all
//!   behind it, carry the numbers, the clock and the node on: [`keep_from`].
//!
//! Doing it again after an interruption removes what is left of the list.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::log::header::{Header, HeaderRead};
use crate::log::segment::{Access, LogDir, Naming};
use crate::position::Ordinal;

/// A segment that may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expendable {
    /// Its ordinal.
    pub ordinal: Ordinal,
    /// Its id; `None` when neither copy of its header can be read. A file that
    /// is another segment by now stays.
    pub id: Option<[u8; 16]>,
}

/// A segment that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone {
    /// Its ordinal.
    pub ordinal: Ordinal,
    /// The bytes it took.
    pub bytes: u64,
}

/// What a prune did.
#[derive(Debug, Default)]
pub struct Pruned {
    /// The segments that are gone for good, oldest first.
    pub gone: Vec<Gone>,
    /// Why it ended before the end of the list, when that was an error.
    pub failure: Option<PruneError>,
}

impl Pruned {
    /// The bytes that were freed.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.gone
            .iter()
            .fold(0, |sum, gone| sum.saturating_add(gone.bytes))
    }
}

/// Why a prune could not go on. What it removed before is gone.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PruneError {
    /// Another process held the writer lock past the deadline.
    #[error("another process held {} for {} ms", path.display(), waited.as_millis())]
    Busy {
        /// The lock.
        path: PathBuf,
        /// The deadline that passed.
        waited: Duration,
    },
    /// The system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl PruneError {
    fn io(action: &'static str, path: PathBuf) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}

/// Removes the segments of `list` from the beginning of the log in `dir`,
/// waiting at most `deadline` for the writer lock; tells `on_gone` of each.
pub fn prune(
    dir: &LogDir,
    list: &[Expendable],
    deadline: Duration,
    on_gone: &mut dyn FnMut(&Gone),
) -> Pruned {
    let mut pruned = Pruned::default();
    if !list.is_empty() {
        let mut went = |gone: Gone| {
            on_gone(&gone);
            pruned.gone.push(gone);
        };
        pruned.failure = remove_all(dir, list, deadline, &mut went).err();
    }
    pruned
}

fn remove_all(
    dir: &LogDir,
    list: &[Expendable],
    deadline: Duration,
    went: &mut dyn FnMut(Gone),
) -> Result<(), PruneError> {
    let path = dir.lock_path();
    let held = dir
        .storage()
        .lock(&path, deadline)
        .map_err(PruneError::io("lock", path.clone()))?;
    let Some(_held) = held else {
        return Err(PruneError::Busy {
            path,
            waited: deadline,
        });
    };
    let failed = || PruneError::io("list", dir.path().to_owned());
    let listed = dir.ordinals().map_err(failed())?;
    let keep_from = keep_from(dir).map_err(failed())?;
    // What stays must be found again after a power cut before anything goes.
    sync(dir)?;
    for ordinal in listed {
        let entry = list.iter().find(|entry| entry.ordinal == ordinal);
        let Some(entry) = entry.filter(|_| ordinal < keep_from) else {
            return Ok(());
        };
        let path = dir.segment_path(ordinal);
        let bytes = dir
            .size_of(ordinal)
            .map_err(PruneError::io("read", path.clone()))?;
        if id_of(dir, ordinal)? != Some(entry.id) {
            return Ok(());
        }
        dir.storage()
            .remove(&path)
            .map_err(PruneError::io("remove", path))?;
        sync(dir)?;
        went(Gone { ordinal, bytes });
    }
    Ok(())
}

fn sync(dir: &LogDir) -> Result<(), PruneError> {
    dir.storage()
        .sync_dir(dir.path())
        .map_err(PruneError::io("sync", dir.path().to_owned()))
}

/// The first segment of the log in `dir` that must stay, whatever was
/// delivered; zero when no header can be read.
///
/// That is the newest segment with a readable header, or, where a file that
/// belongs to another log lies among ours, the one before it: which of them
/// carries on is not decided here.
///
/// # Errors
/// Any I/O error of listing or reading.
pub fn keep_from(dir: &LogDir) -> io::Result<Ordinal> {
    let mut keep = Ordinal(0);
    let mut before: Option<Header> = None;
    let mut torn_apart = None;
    for ordinal in dir.ordinals()? {
        let header = match dir.header(ordinal) {
            // Pruned between the listing and now.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            other => other?,
        };
        let Some(header) = header else { continue };
        if let Some(before) = before.filter(|before| !belongs_behind(&header, before)) {
            torn_apart = torn_apart.or(Some(before.ordinal));
        }
        keep = ordinal;
        before = Some(header);
    }
    Ok(torn_apart.unwrap_or(keep))
}

/// Whether one log can hold both: the home is the same, or the later segment
/// names the earlier one.
fn belongs_behind(later: &Header, earlier: &Header) -> bool {
    let named = &later.predecessor;
    later.home_id == earlier.home_id
        || (named.ordinal, named.id) == (earlier.ordinal, earlier.segment_id)
}

/// Which segment lies in this file: `None` when it is not the one of its name,
/// or of a later format, `Some(None)` when it does not say.
fn id_of(dir: &LogDir, ordinal: Ordinal) -> Result<Option<Option<[u8; 16]>>, PruneError> {
    let opened = dir
        .open(ordinal, Access::Read)
        .map_err(PruneError::io("open", dir.segment_path(ordinal)))?;
    Ok(match (opened.read, opened.naming) {
        (HeaderRead::Unreadable, _) => Some(None),
        (HeaderRead::Sound { header, .. }, Naming::Right) => Some(Some(header.segment_id)),
        _ => None,
    })
}

#[cfg(test)]
#[path = "prune_tests.rs"]
mod tests;
