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
    /// A page of a database, counted from 1.
    Page(u32),
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
            Self::Page(number) => write!(f, "page {number}"),
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
    /// So much of the database is damaged that its rows were looked for page by
    /// page.
    Salvaged {
        /// How many rows were found that way only.
        rows: u64,
        /// What SQLite said.
        said: String,
    },
    /// So many entries of a page of the queue cannot be read.
    Entries(u64),
    /// A part of the row is not there any more.
    TornRow,
    /// The row has another id than the event in it.
    MixedRow,
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
            Self::NotSqlite => f.write_str("the file is no SQLite database, or an encrypted one"),
            Self::NoHeader => {
                f.write_str("the header of the database is damaged; the rows were read without it")
            }
            Self::NoQueue => f.write_str("the database has no queue of events"),
            Self::Salvaged { rows: 0, said } => {
                write!(f, "{said}; no other events were found in its pages")
            }
            Self::Salvaged { rows, said } => {
                let rows_were = if *rows == 1 { "row was" } else { "rows were" };
                write!(
                    f,
                    "is damaged ({said}); {rows} {rows_were} recovered from its pages"
                )
            }
            Self::Entries(1) => f.write_str("one entry cannot be read"),
            Self::Entries(count) => write!(f, "{count} entries cannot be read"),
            Self::TornRow => f.write_str("a part of the row is lost"),
            Self::MixedRow => f.write_str("the row and the event in it have different ids"),
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
