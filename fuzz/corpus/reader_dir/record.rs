//! Something to append, and what it learns under the writer lock.

use thiserror::Error;

use crate::log::frame::Kind;
use crate::log::header::NodeId;
use crate::position::{Lamport, Seq};

/// What a record needs to know to be written, decided under the writer lock.
#[derive(Clone, Copy, Debug)]
pub struct Stamp<'a> {
    /// Its position.
    pub seq: Seq,
    /// This home's clock after it.
    pub clock: Lamport,
    /// The node that issues it.
    pub node_id: NodeId,
    /// The body of the frame before it, when that is an event of our own that
    /// was read from the log: only for the first record of a call.
    pub last_event: Option<&'a [u8]>,
}

/// How a record moves the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tick {
    /// One step: an event of our own.
    Own,
    /// Not at all: foreign events and control frames.
    Still,
    /// One step beyond the larger of our clock and this received value.
    Past(Lamport),
}

/// Why a single record was not written.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// Its body is longer than a frame may hold.
    #[error("the record takes {bytes} bytes; the limit is {limit}")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The most a frame holds.
        limit: usize,
    },
    /// The record itself says so.
    #[error("{0}")]
    Invalid(String),
}

/// Something to append.
pub trait Record {
    /// What the frame holds.
    fn kind(&self) -> Kind;

    /// How it moves the clock.
    fn tick(&self) -> Tick;

    /// Appends the body to `out`. May be called again with another stamp when
    /// the record turns out to begin a new segment: the last call counts.
    ///
    /// # Errors
    /// [`Refused`] when this record cannot be written; its neighbours are.
    fn encode(&mut self, stamp: &Stamp<'_>, out: &mut Vec<u8>) -> Result<(), Refused>;
}
