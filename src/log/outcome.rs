//! What an append did: record by record, and why not more.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::log::header::{NodeId, Pressure};
use crate::log::record::Refused;
use crate::position::{Lamport, Offset, Ordinal, Seq};

/// Where a record came to lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its position.
    pub seq: Seq,
    /// This home's clock after it.
    pub clock: Lamport,
    /// Its segment.
    pub ordinal: Ordinal,
    /// Its place in the segment.
    pub offset: Offset,
    /// The bytes of its frame.
    pub bytes: u64,
}

/// What became of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is durable.
    Recorded(Placed),
    /// It was not written, for a reason of its own.
    Refused(Refused),
    /// It may or may not be in the log: a write or sync failed.
    Unknown(Placed),
    /// It was not written, because the call failed before.
    NotWritten,
}

/// Something about the home that the user should be told once.
///
/// ```
/// use std::io::Write as _;
/// use spec_kitty::emitter::{EmitNote, EventEmitter, log_of};
/// use spec_kitty::event::{EntryType, HistoryAdded};
/// use spec_kitty::home::Home;
/// use spec_kitty::log::append::Note;
/// use spec_kitty::position::Ordinal;
///
/// let dir = tempfile::tempdir()?;
/// let home = Home::at(dir.path());
/// let emitter = EventEmitter::new(home.clone(), dir.path());
/// let note = |text: &str| HistoryAdded::new("WP01", EntryType::Note, text);
/// emitter.emit_payload(note("begun"), None);
/// let segment = log_of(&home).dir().segment_path(Ordinal(1));
/// std::fs::OpenOptions::new().append(true).open(segment)?.write_all(b"half a fr")?;
///
/// let emission = emitter.emit_payload(note("done"), None);
/// assert!(emission.is_recorded()); // behind the debris, in a successor
/// let told = |note: &EmitNote| matches!(note, EmitNote::Log(Note::Debris { bytes: 9, .. }));
/// assert!(emission.notes.iter().any(told));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The newest segment ended in debris; writing went on in a successor.
    Debris {
        /// The segment.
        ordinal: Ordinal,
        /// How many bytes were left behind.
        bytes: u64,
    },
    /// The home was copied or moved to another node, which got an id of its own.
    NewNode {
        /// The new id.
        node_id: NodeId,
    },
    /// The log ends before values that were once durable in it; its events come
    /// from another node from now on.
    PutBack {
        /// The new id.
        node_id: NodeId,
    },
    /// A segment's header is unreadable; writing went on in a successor.
    UnreadableHeader {
        /// The segment.
        ordinal: Ordinal,
    },
    /// Other processes held the writer lock for a second or longer.
    SlowLock {
        /// How long.
        waited: Duration,
    },
    /// The disk took a second or longer to make the records durable.
    SlowSync {
        /// How long.
        waited: Duration,
    },
}

/// From how long on a wait is told of: a healthy disk takes a hundredth of it.
pub(super) const SLOW: Duration = Duration::from_secs(1);

/// What an append did.
#[derive(Debug)]
pub struct Appended {
    /// One outcome a record, in order.
    pub outcomes: Vec<Outcome>,
    /// Why it stopped, when not all of the call could be done.
    pub failure: Option<AppendError>,
    /// What the user should be told.
    pub notes: Vec<Note>,
    /// How full the log is.
    pub pressure: Pressure,
    /// The identity of the lock file that it was done under; `None` when the
    /// lock could not be taken.
    pub lock_identity: Option<u64>,
}

/// Why an append, or the rest of one, could not be done.
///
/// ```
/// use std::time::Duration;
/// use spec_kitty::emitter::{EmitError, EventEmitter, log_of};
/// use spec_kitty::event::{EntryType, HistoryAdded};
/// use spec_kitty::home::Home;
/// use spec_kitty::log::append::AppendError;
/// use spec_kitty::log::storage::{Disk, Storage};
///
/// let dir = tempfile::tempdir()?;
/// let home = Home::at(dir.path());
/// std::fs::create_dir(home.log_dir())?;
/// let _writer = Disk.lock(&log_of(&home).dir().lock_path(), Duration::ZERO)?;
///
/// let emitter = EventEmitter::new(home, dir.path()).lock_timeout(Duration::ZERO);
/// let emission = emitter.emit_payload(HistoryAdded::new("WP01", EntryType::Note, "x"), None);
/// let error = emission.receipt().and_then(|receipt| receipt.error.as_ref());
/// let Some(EmitError::Log(error)) = error else {
///     panic!("another process is writing");
/// };
/// assert!(matches!(error.as_ref(), AppendError::Busy { .. }));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AppendError {
    /// Another process held the writer lock past the deadline.
    #[error("another process held {} for {} ms", path.display(), waited.as_millis())]
    Busy {
        /// The lock.
        path: PathBuf,
        /// The deadline that passed.
        waited: Duration,
    },
    /// The log was written by a later version of this program.
    #[error("{} has format {version}, which a newer spec-kitty wrote", path.display())]
    Newer {
        /// The segment.
        path: PathBuf,
        /// Its format version.
        version: u16,
    },
    /// The log has reached its size limit.
    #[error("the event log has {bytes} bytes, its limit is {limit}")]
    Full {
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The clock has reached its largest value.
    #[error("the clock has reached its largest value, {}", Lamport::MAX_PLAUSIBLE)]
    ClockExhausted,
    /// Nothing of the records that are not reported otherwise was written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A write or sync failed: the records reported as unknown may or may not
    /// be in the log.
    #[error("cannot {action} {} at byte {offset}: {source}; the outcome is unknown", path.display())]
    Unknown {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Where.
        offset: Offset,
        /// What the system said.
        source: io::Error,
    },
}

impl Appended {
    pub(super) fn failed(count: usize, failure: AppendError) -> Self {
        Self {
            outcomes: vec![Outcome::NotWritten; count],
            failure: Some(failure),
            notes: Vec::new(),
            pressure: Pressure::Calm,
            lock_identity: None,
        }
    }
}
