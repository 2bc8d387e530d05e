//! What reading the log gives: frames, damage, or nothing more for now.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::log::frame::{Fault, Kind};
use crate::log::scan::SeqRange;
use crate::position::{Lamport, Offset, Ordinal, Seq};

/// Why reading cannot go on.
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
