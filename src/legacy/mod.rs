//! In from the Python tool and back out again: `queue.db`, `clock.json`, NDJSON.
//!
//! The original keeps unsent events as rows of SQLite files and its clock in a
//! JSON file. Both are read here and nowhere else, and both can be written, so
//! that nobody loses an event by moving over, or by moving back.
//!
//! Importing goes in two steps. `gather` reads every source into a stage, a
//! private temporary file that sorts, finds repetitions, and keeps memory the
//! same for ten rows and for ten million; nothing in the home is changed.
//! [`carry_out`] then appends what is new to the log.
//!
//! Invariants:
//!
//! * **The original is a guest-room.** No source is written, locked for longer
//!   than a copy takes, or opened in a way that lets SQLite repair it: what
//!   needs repair is copied first, journal and write-ahead log included.
//! * **Bytes stay.** What is imported is what was there, byte for byte. What
//!   cannot be taken over is named, with its reason, and kept aside.
//! * **Twice is once.** An event is known by its id. An interrupted import is
//!   finished by repeating it.
//! * **The clock goes first.** This home's clock is durably above everything
//!   that is imported before the first imported frame is written. Values that
//!   no honest clock reaches do not move it.
//!
//! What this room does not do: it sends nothing, prints nothing, and does not
//! know who is signed in; accounts that may own a queue are told to it.

mod append;
mod aside;
mod clock_file;
mod error;
mod export;
mod gather;
mod intake;
mod journal;
mod lines;
mod queue;
mod recover;
mod refusal;
mod repair;
mod salvage;
mod scope;
mod snapshot;
mod source;
mod stage;

pub use append::{Imported, Setting, carry_out};
pub use clock_file::{ClockFault, ClockFile};
pub use error::LegacyError;
pub use export::{LinesFile, QueueFile};
pub use gather::{Gathered, OwnersIn, Phase, Progress, Purpose, SourceReport, Tell, gather};
pub use journal::OwnerOf;
pub use refusal::{Place, Refusal, Why};
pub use scope::Scope;
pub use source::{Format, Kind, Source, find};
