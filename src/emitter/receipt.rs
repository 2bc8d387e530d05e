//! What became of an event, as a value.
//!
//! A workflow command must not fail because of an event, so nothing here is
//! returned as an `Err`: every event that was handed in gets one [`Receipt`].

use std::fmt;
use std::io;
use std::sync::Arc;

use thiserror::Error;

use crate::auth::Unusable;
use crate::config;
use crate::emitter::{OriginNote, ProjectProblem};
use crate::event::{EventId, Invalid};
use crate::home::HomeError;
use crate::log::append::{AppendError, Refused};
use crate::log::prune::PruneError;
use crate::position::{Lamport, Seq};
use crate::retention::{Backlog, RetentionError};
use crate::state::{self, FailureReason, StateError};

/// Whether an event is in the log.
///
/// ```
/// use spec_kitty::emitter::{EmitError, Receipt, Status};
///
/// let receipt = Receipt::refused(EmitError::Closed);
/// assert_eq!(receipt.status, Status::Refused);
/// assert_eq!(Status::Unknown.as_str(), "unknown");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is, durably.
    Recorded,
    /// It is not, and nothing of it was written.
    Refused,
    /// It may or may not be: a write or a sync failed half-way.
    Unknown,
}

impl Status {
    /// The word for it in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}

/// What became of one event.
///
/// ```
/// use spec_kitty::emitter::EventEmitter;
/// use spec_kitty::event::{EntryType, HistoryAdded};
/// use spec_kitty::home::Home;
/// use spec_kitty::position::{Lamport, Seq};
///
/// let dir = tempfile::tempdir()?;
/// let emitter = EventEmitter::new(Home::at(dir.path()), dir.path());
/// let emission = emitter.emit_payload(HistoryAdded::new("WP01", EntryType::Note, "x"), None);
/// let receipt = emission.receipt().ok_or("one event, one receipt")?;
/// assert!(receipt.is_recorded() && receipt.error.is_none());
/// assert_eq!((receipt.seq, receipt.lamport_clock), (Some(Seq(1)), Some(Lamport(1))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Receipt {
    /// Whether it is in the log.
    pub status: Status,
    /// Its id; `None` when it was refused.
    pub event_id: Option<EventId>,
    /// Its position in the log; `None` when it was refused.
    pub seq: Option<Seq>,
    /// Its clock value; `None` when it was refused.
    pub lamport_clock: Option<Lamport>,
    /// Why it is not recorded; `None` exactly when it is.
    pub error: Option<EmitError>,
}

impl Receipt {
    /// Whether the event is in the log.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.status == Status::Recorded
    }

    /// The receipt of an event of which nothing was written.
    #[must_use]
    pub fn refused(error: EmitError) -> Self {
        Self {
            status: Status::Refused,
            event_id: None,
            seq: None,
            lamport_clock: None,
            error: Some(error),
        }
    }
}

/// Why an event is not recorded. Cheap to clone: all events of one call share
/// the failure of that call.
///
/// ```
/// use spec_kitty::emitter::{EmitError, EventEmitter};
/// use spec_kitty::home::Home;
///
/// let dir = tempfile::tempdir()?;
/// let emitter = EventEmitter::new(Home::at(dir.path()), dir.path());
/// let emission = emitter.emit_json("HistoryAdded", "{}", None);
/// let error = emission.receipt().and_then(|receipt| receipt.error.as_ref());
/// assert!(matches!(error, Some(EmitError::Invalid(_))));
/// assert_eq!(error.map(EmitError::code), Some("invalid-event"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The event is not as the schema demands.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The log would not take this one record.
    #[error(transparent)]
    Record(#[from] Refused),
    /// There is no home to record in.
    #[error(transparent)]
    Home(Arc<HomeError>),
    /// The scope that the event was handed to has been closed.
    #[error("the emitter has been closed")]
    Closed,
    /// The log could not be written.
    #[error(transparent)]
    Log(Arc<AppendError>),
    /// So many events wait for delivery that no more are taken.
    #[error(transparent)]
    Backlog(#[from] Backlog),
    /// The call failed before it came to this event.
    #[error("the event was not written, because the one before it failed")]
    NotWritten,
}

impl EmitError {
    /// A stable kebab-case word for scripts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid-event",
            Self::Record(Refused::TooLarge { .. }) => "event-too-large",
            Self::Record(_) => "event-refused",
            Self::Home(_) => "home",
            Self::Closed => "closed",
            Self::Backlog(_) => "backlog-full",
            Self::NotWritten => "not-written",
            Self::Log(error) => match error.as_ref() {
                AppendError::Busy { .. } => "busy",
                AppendError::Newer { .. } => "newer-log",
                AppendError::Full { .. } => "log-full",
                AppendError::ClockExhausted => "clock-exhausted",
                AppendError::Unknown { .. } => "unknown-outcome",
                AppendError::Io { source, .. } if is_disk_full(source) => "disk-full",
                AppendError::Io { source, .. } if is_read_only(source) => "home-not-writable",
                _ => "log-io",
            },
        }
    }

    /// What it is counted as.
    pub(super) fn failure_reason(&self) -> FailureReason {
        match self {
            Self::Invalid(_) | Self::Record(_) => FailureReason::Refused,
            Self::Home(_) | Self::Closed | Self::NotWritten => FailureReason::Io,
            Self::Backlog(_) => FailureReason::Full,
            Self::Log(error) => match error.as_ref() {
                AppendError::Busy { .. } => FailureReason::Busy,
                AppendError::Full { .. } => FailureReason::Full,
                AppendError::Io { source, .. } if is_disk_full(source) => FailureReason::Full,
                AppendError::Unknown { .. } => FailureReason::Unknown,
                _ => FailureReason::Io,
            },
        }
    }
}

fn is_disk_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

fn is_read_only(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
    )
}

/// What one call recorded, and what is worth saying about it.
///
/// ```
/// use spec_kitty::emitter::EventEmitter;
/// use spec_kitty::event::{Draft, EntryType, HistoryAdded};
/// use spec_kitty::home::Home;
///
/// let dir = tempfile::tempdir()?;
/// let emitter = EventEmitter::new(Home::at(dir.path()), dir.path());
/// let drafts = ["begun", "half-way", "done"]
///     .map(|line| Draft::try_from(HistoryAdded::new("WP01", EntryType::Note, line)));
/// let drafts = drafts.into_iter().collect::<Result<Vec<_>, _>>()?;
///
/// let emission = emitter.emit_all(drafts); // one write, one sync
/// assert!(emission.is_recorded());
/// assert_eq!(emission.receipts.len(), 3);
/// assert_eq!(emission.last_id(), emission.receipts[2].event_id.as_ref());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Emission {
    /// One receipt an event, in the order in which they were handed in.
    pub receipts: Vec<Receipt>,
    /// What the user may want to know beyond the receipts.
    pub notes: Vec<EmitNote>,
    /// Something was recorded that may be sent, and the project has nothing
    /// against a background sender that is started for it.
    pub wakes_sender: bool,
}

impl Emission {
    /// An emission of `count` events that all failed for the same reason.
    pub(super) fn failed(count: usize, error: &EmitError) -> Self {
        Self {
            receipts: vec![Receipt::refused(error.clone()); count],
            ..Self::default()
        }
    }

    /// Whether every event is in the log.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.receipts.iter().all(Receipt::is_recorded)
    }

    /// The receipt of a single event.
    #[must_use]
    pub fn receipt(&self) -> Option<&Receipt> {
        self.receipts.first()
    }

    /// The id of the last event that was recorded.
    #[must_use]
    pub fn last_id(&self) -> Option<&EventId> {
        self.receipts
            .iter()
            .rev()
            .find(|receipt| receipt.is_recorded())
            .and_then(|receipt| receipt.event_id.as_ref())
    }
}

/// Something about the home or the project that an emission came across.
///
/// ```
/// use spec_kitty::config::Problem;
/// use spec_kitty::emitter::{EmitNote, EventEmitter};
/// use spec_kitty::event::{EntryType, HistoryAdded};
/// use spec_kitty::home::Home;
///
/// let dir = tempfile::tempdir()?;
/// let home = Home::at(dir.path());
/// std::fs::write(home.config_file(), "[log]\nmax_bytes = 'much'\n")?;
///
/// let emitter = EventEmitter::new(home, dir.path());
/// let emission = emitter.emit_payload(HistoryAdded::new("WP01", EntryType::Note, "x"), None);
/// assert!(emission.is_recorded());
/// for note in emission.notes.iter().filter(|note| note.needs_attention()) {
///     assert!(matches!(note, EmitNote::Config(Problem::BadValue { .. })));
///     eprintln!("warning: {note}");
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum EmitNote {
    /// The log is at 80 % of its limit or above.
    Pressure,
    /// The project has no identity for now.
    Project(ProjectProblem),
    /// The credentials cannot be used; the event counts as signed out.
    Session(Unusable),
    /// A setting is not used as it stands.
    Config(config::Problem),
    /// Something of the Python tool's clock was left out.
    Origin(OriginNote),
    /// Something the log put right.
    Log(crate::log::append::Note),
    /// Something the state store put right.
    State(state::Note),
    /// No clock values could be leased; the log went on by itself.
    NoLease(StateError),
    /// Room was made: delivered events were taken away.
    Pruned {
        /// How many segments.
        segments: usize,
        /// How many bytes.
        bytes: u64,
    },
    /// No more room could be made.
    PruneStopped(PruneError),
    /// It cannot be said what could be taken away.
    Retention(RetentionError),
    /// The home lies where locks and syncs may not hold; told when its log is
    /// begun, or was moved there.
    Network {
        /// The kind of file system.
        kind: &'static str,
    },
}

impl EmitNote {
    /// Whether something should be done about it. The rest is of interest only
    /// to somebody who looks closer.
    #[must_use]
    pub fn needs_attention(&self) -> bool {
        use crate::log::append::Note as LogNote;
        match self {
            Self::Pressure | Self::Project(_) | Self::Session(_) | Self::Config(_) => true,
            Self::Log(
                LogNote::UnreadableHeader { .. }
                | LogNote::NewNode { .. }
                | LogNote::PutBack { .. },
            ) => true,
            Self::Origin(_) | Self::Network { .. } => true,
            Self::State(note) => note.needs_attention(),
            Self::Log(_) | Self::NoLease(_) => false,
            Self::Pruned { .. } | Self::PruneStopped(_) | Self::Retention(_) => false,
        }
    }
}

impl fmt::Display for EmitNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::log::append::Note as LogNote;
        match self {
            Self::Pressure => f.write_str("the event log is more than 80 % full"),
            Self::Project(problem) => {
                write!(f, "recorded without a project, and held back: {problem}")
            }
            Self::Session(unusable) => write!(f, "recorded as signed out: {unusable}"),
            Self::Config(problem) => problem.fmt(f),
            Self::Origin(note) => note.fmt(f),
            Self::Log(LogNote::Debris { ordinal, bytes }) => write!(
                f,
                "segment {ordinal} ends in {bytes} bytes of an interrupted write; went on in the next"
            ),
            Self::Log(LogNote::NewNode { node_id }) => write!(
                f,
                "this home was copied or moved; its events now come from node {node_id}"
            ),
            Self::Log(LogNote::PutBack { node_id }) => write!(
                f,
                "the end of the event log is gone, or an older copy of it was put back; its events now come from node {node_id}"
            ),
            Self::Log(LogNote::UnreadableHeader { ordinal }) => write!(
                f,
                "the header of segment {ordinal} cannot be read; went on in the next"
            ),
            Self::Log(LogNote::SlowLock { waited }) => write!(
                f,
                "waited {} ms for other processes that write to the event log",
                waited.as_millis()
            ),
            Self::Log(LogNote::SlowSync { waited }) => write!(
                f,
                "the disk took {} ms to make the events durable",
                waited.as_millis()
            ),
            Self::Network { kind } => write!(
                f,
                "this home lies on a network file system ({kind}): use it from one machine only, or set SPEC_KITTY_HOME to a local disk"
            ),
            Self::State(note) => note.fmt(f),
            Self::NoLease(error) => {
                write!(f, "the clock went on from the log alone: {error}")
            }
            Self::Pruned { segments, bytes } => write!(
                f,
                "room was made: {segments} segments of delivered events ({bytes} bytes) are gone"
            ),
            Self::PruneStopped(error) => write!(f, "no more room could be made: {error}"),
            Self::Retention(error) => write!(f, "no room could be made: {error}"),
        }
    }
}
