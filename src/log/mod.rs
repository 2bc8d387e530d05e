//! The event log: frames in segments, appended by many, read by anybody.
//!
//! The log is the only truth of a home. Everything else (the sled store, the
//! ledger, the view) can be rebuilt from it, and is.
//!
//! From outside: [`reader::Reader`] reads and follows, [`backward::Backward`] begins
//! at the newest, [`verify::verify`] checks. Events are recorded by the
//! [emitter](crate::emitter), other frames by [`append::Log`].
//!
//! Invariants, each of them tested:
//!
//! * **Append-only.** No byte of a segment is overwritten or cut, ever, but for
//!   zeros in space that was asked to be prepared. Behind anything that is no frame,
//!   a successor begins.
//! * **Dense.** Sequence numbers have no holes; a hole is a loss, and named.
//! * **The clock never goes back and never repeats.** A segment may issue only
//!   the values of the lease in its header; a successor's lease begins above
//!   everything that may be known elsewhere.
//! * **Durable before said.** A frame is reported as recorded after the sync of
//!   the descriptor that wrote it, and a segment exists after the sync of its
//!   directory.
//! * **Readers are guests.** They take no lock and write nothing. (A sender is
//!   more than a reader: it asks for the `horizon` first.)
//!
//! The bytes are described in `docs/log-format.md`. The room is laid out from
//! the inside out: `frame` and `header` turn bytes into values, `scan`
//! says what bytes mean, [`segment`] and `tail` know files, [`append`] and
//! [`reader`] (with [`backward`] and [`verify`]) are what others use. All I/O
//! goes through [`storage`], time and randomness through [`ambient`].
//!
//! What this room does not know: what a body means, who is signed in, what was
//! delivered.

mod bytes;
mod course;
mod creation;
mod disk_lock;
mod filling;
mod kinship;
mod left;
mod listing;
mod misnamed;
mod names;
mod newest;
mod outcome;
mod pieces;
mod place;
mod prepared;
mod record;
mod remembered;
mod settling;
mod succession;
mod wreck;
mod writer;
mod writing;

pub mod ambient;
pub mod append;
pub mod backward;
pub mod read;
pub mod reader;
pub mod segment;
pub mod storage;
pub mod verify;

// Not the library: public for the tests, the benches and the fuzz targets, which
// look at the bytes and at single decisions.
#[doc(hidden)]
pub mod disorder;
#[doc(hidden)]
pub mod fill;
#[doc(hidden)]
pub mod frame;
#[doc(hidden)]
pub mod header;
#[doc(hidden)]
pub mod horizon;
#[doc(hidden)]
pub mod prune;
#[doc(hidden)]
pub mod scan;
#[doc(hidden)]
pub mod tail;
#[doc(hidden)]
pub mod tidy;
#[doc(hidden)]
pub mod walk;

#[cfg(test)]
pub(crate) mod test_support;
