//! Where a reader is: one segment, and how much of it is dealt with.

use crate::log::bytes::as_u64;
use crate::log::header::HEADER_BYTES;
use crate::log::storage::StoredFile;
use crate::position::{Lamport, Offset, Ordinal, Seq};

/// The segment that is being read.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) ordinal: Ordinal,
    pub(super) id: [u8; 16],
    pub(super) file: Box<dyn StoredFile>,
    /// The offset of the buffer's first byte.
    pub(super) base: Offset,
    /// The number of the next frame.
    pub(super) seq: Seq,
    pub(super) clock: Lamport,
    pub(super) fate: Fate,
    /// How much of the buffer was dealt with.
    pub(super) used: usize,
    /// Whether the buffer was read again since something bad was seen in it.
    pub(super) fresh: bool,
}

/// Whether the segment may still grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Open,
    Final { valid_end: Offset, last_seq: Seq },
}

impl Place {
    pub(super) fn new(
        ordinal: Ordinal,
        id: [u8; 16],
        file: Box<dyn StoredFile>,
        (seq, clock): (Seq, Lamport),
        fate: Fate,
    ) -> Self {
        let base = Offset(as_u64(HEADER_BYTES));
        Self {
            ordinal,
            id,
            file,
            base,
            seq,
            clock,
            fate,
            used: 0,
            fresh: false,
        }
    }

    /// The offset of what was not dealt with yet.
    pub(super) fn unread_offset(&self) -> Offset {
        self.base.plus(as_u64(self.used))
    }
}
