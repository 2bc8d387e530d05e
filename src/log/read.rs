//! What reading the log gives: frames, damage, or nothing more for now.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

pub use crate::log::frame::{Fault, Kind};
pub use crate::log::scan::SeqRange;

use crate::position::{Lamport, Offset, Ordinal, Seq};

/// Why reading cannot go on.
///
/// ```
/// use std::sync::Arc;
/// use spec_kitty::log::{read::ReadError, reader::Reader, segment::LogDir, storage::Disk};
/// use spec_kitty::position::Seq;
///
/// let dir = tempfile::tempdir()?;
/// std::fs::write(dir.path().join("log"), "a file")?;
/// let mut reader = Reader::new(LogDir::new(dir.path().join("log"), Arc::new(Disk)), Seq(1));
/// assert!(matches!(reader.step(), Err(ReadError::Io { .. })));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The system refused to list, open or read.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The log was written by a later version of this program.
    #[error("{} has format {version}, which a newer spec-kitty wrote", path.display())]
    Newer {
        /// The segment.
        path: PathBuf,
        /// Its format version.
        version: u16,
    },
}

impl ReadError {
    pub(super) fn io(action: &'static str, path: PathBuf) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}

/// A good frame and where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// Its position.
    pub seq: Seq,
    /// This home's clock after it.
    pub clock: Lamport,
    /// What the body is.
    pub kind: Kind,
    /// Its segment.
    pub ordinal: Ordinal,
    /// Where it begins in the segment.
    pub offset: Offset,
    /// Its content.
    pub body: &'a [u8],
}

/// Why something is not readable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Bytes of a segment are bad.
    Bytes(Fault),
    /// Both copies of a segment's header are bad, and no successor knows its id.
    UnreadableHeader,
    /// One of the two copies of a segment's header is bad; nothing is lost.
    HeaderCopy,
    /// A segment is missing, or the frames at its end are.
    Missing,
    /// A file that does not belong here: a copy, or from another log.
    Alien,
    /// A segment of this log whose file has another one's name; nothing is lost.
    Misnamed,
}

impl Reason {
    /// A stable word for reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Bytes(Fault::Cut) => "cut",
            Self::Bytes(Fault::Head) => "bad-head",
            Self::Bytes(Fault::Tail) => "bad-length",
            Self::Bytes(Fault::Checksum) => "bad-checksum",
            Self::Bytes(Fault::OutOfPlace) => "out-of-place",
            Self::UnreadableHeader => "unreadable-header",
            Self::HeaderCopy => "header-copy",
            Self::Missing => "missing",
            Self::Alien => "alien",
            Self::Misnamed => "misnamed",
        }
    }
}

/// A place where something is lost or does not belong.
///
/// ```
/// use spec_kitty::emitter::{EventEmitter, log_of};
/// use spec_kitty::event::{EntryType, HistoryAdded};
/// use spec_kitty::home::Home;
/// use spec_kitty::log::read::{Damage, Fault, Reason, SeqRange};
/// use spec_kitty::log::verify::{Writers, verify};
/// use spec_kitty::position::{Ordinal, Seq};
///
/// let dir = tempfile::tempdir()?;
/// let home = Home::at(dir.path());
/// let emitter = EventEmitter::new(home.clone(), dir.path());
/// for line in ["begun", "half-way", "done"] {
///     emitter.emit_payload(HistoryAdded::new("WP01", EntryType::Note, line), None);
/// }
/// let log = log_of(&home);
/// let path = log.dir().segment_path(Ordinal(1));
/// let mut bytes = std::fs::read(&path)?;
/// let at = bytes.windows(8).position(|text| text == b"half-way").ok_or("it is there")?;
/// bytes[at] = b'H'; // somebody edits an event by hand
/// std::fs::write(&path, bytes)?;
///
/// let verdict = verify(log.dir().clone(), Writers::None, |_| {})?;
/// let damage: &Damage = verdict.damage.first().ok_or("that is noticed")?;
/// assert_eq!(damage.reason, Reason::Bytes(Fault::Checksum));
/// let lost: SeqRange = damage.lost.ok_or("one event, and no more")?;
/// assert_eq!((lost.from, lost.to), (Seq(2), Seq(2)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The segment.
    pub ordinal: Ordinal,
    /// Where in it.
    pub offset: Offset,
    /// How many bytes.
    pub bytes: u64,
    /// What is wrong.
    pub reason: Reason,
    /// The sequence numbers that are lost.
    pub lost: Option<SeqRange>,
    /// This home's clock before it.
    pub clock: Lamport,
}

/// One step of reading.
///
/// ```
/// use std::sync::Arc;
/// use spec_kitty::log::{read::Step, reader::Reader, segment::LogDir, storage::Disk};
/// use spec_kitty::position::Seq;
///
/// let dir = tempfile::tempdir()?;
/// let mut reader = Reader::new(LogDir::new(dir.path(), Arc::new(Disk)), Seq(1));
/// match reader.step()? {
///     Step::Frame(item) => println!("{} {:?}", item.seq, item.kind),
///     Step::Damage(damage) => eprintln!("{}: {}", damage.ordinal, damage.reason.word()),
///     Step::Idle => println!("nothing more for now"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// The next frame.
    Frame(Item<'a>),
    /// Something between frames is lost.
    Damage(Damage),
    /// The end of what is there now.
    Idle,
}

/// Bytes at the end of the newest segment that are no frame.
///
/// ```
/// use std::io::Write as _;
/// use spec_kitty::emitter::{EventEmitter, log_of};
/// use spec_kitty::event::{EntryType, HistoryAdded};
/// use spec_kitty::home::Home;
/// use spec_kitty::log::read::{Step, Unfinished};
/// use spec_kitty::log::reader::Reader;
/// use spec_kitty::position::{Ordinal, Seq};
///
/// let dir = tempfile::tempdir()?;
/// let home = Home::at(dir.path());
/// let emitter = EventEmitter::new(home.clone(), dir.path());
/// emitter.emit_payload(HistoryAdded::new("WP01", EntryType::Note, "begun"), None);
/// let log = log_of(&home);
/// let segment = log.dir().segment_path(Ordinal(1));
/// std::fs::OpenOptions::new().append(true).open(segment)?.write_all(b"half a fr")?;
///
/// let mut reader = Reader::new(log.dir().clone(), Seq(1));
/// while !matches!(reader.step()?, Step::Idle) {}
/// let Some(Unfinished::Torn { bytes, .. }) = reader.unfinished() else {
///     panic!("a torn tail is not damage");
/// };
/// assert_eq!(bytes, 9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// A write that never finished, or is not finished yet.
    Torn {
        /// The segment.
        ordinal: Ordinal,
        /// Where it begins.
        offset: Offset,
        /// How many bytes.
        bytes: u64,
    },
    /// A whole frame was there once.
    Damage(Damage),
}
