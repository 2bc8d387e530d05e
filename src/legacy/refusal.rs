//! What could not be taken over: where it stands, and why.

use std::fmt;

use crate::event::Invalid;

/// Where in a source something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The source as a whole.
    Whole,
    /// A row of `queue`, by its `id`.
    Row(i64),
    /// All rows from one `id` to another that could not be read one by one.
    Rows {
        /// The first.
        from: i64,
        /// The last.
        to: i64,
    },
    /// A line, counted from 1.
    Line(u64),
    /// A frame of a log, by its sequence number.
    Frame(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("all of it"),
            Self::Row(id) => write!(f, "row {id}"),
            Self::Rows { from, to } => write!(f, "rows {from} to {to}"),
            Self::Line(number) => write!(f, "line {number}"),
            Self::Frame(seq) => write!(f, "record {seq}"),
        }
    }
}

/// Why something was not taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// It is no event that could be kept.
    Invalid(Invalid),
    /// It is neither text nor bytes.
    NotText,
    /// Its header would be too long.
    LongHeader,
    /// It is longer than anything that is looked at, in bytes.
    TooLong(usize),
    /// It cannot be read; what SQLite or the system said.
    Unreadable(String),
    /// The file holds nothing at all.
    Empty,
    /// The file is no SQLite database, and none can be made out of it.
    NotSqlite,
    /// The header of the database was missing; what is behind it was read.
    NoHeader,
    /// The database has no table `queue` with a column `data`.
    NoQueue,
    /// The file is being written without a pause.
    Unsteady,
    /// An event of this id and other content is there already.
    Conflict,
    /// A clock file without a usable value.
    Clock(super::ClockFault),
    /// Bytes of another log are damaged.
    Damaged(&'static str),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(invalid) => invalid.fmt(f),
            Self::NotText => f.write_str("the event is not text"),
            Self::LongHeader => f.write_str("the names in the event are too long"),
            Self::TooLong(bytes) => write!(f, "is too long: {bytes} bytes"),
            Self::Unreadable(said) => write!(f, "cannot be read: {said}"),
            Self::Empty => f.write_str("the file is empty"),
            Self::NotSqlite => f.write_str("the file is not an SQLite database"),
            Self::NoHeader => {
                f.write_str("the header of the database is damaged; the rows were read without it")
            }
            Self::NoQueue => f.write_str("the database has no queue of events"),
            Self::Unsteady => f.write_str("the file is written without a pause; try again"),
            Self::Conflict => {
                f.write_str("an event with the same id and other content is there already")
            }
            Self::Clock(fault) => fault.fmt(f),
            Self::Damaged(word) => write!(f, "is damaged: {word}"),
        }
    }
}

/// Something that was not taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The source, as an index into the list of sources.
    pub source: usize,
    /// Where it stands.
    pub place: Place,
    /// The event's id, where one is known.
    pub event_id: Option<String>,
    /// Why, in words. They may quote a key of the event: escape them before a
    /// terminal sees them.
    pub reason: String,
}
