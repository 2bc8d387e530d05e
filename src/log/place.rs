//! Where a reader is: one segment, and how much of it is dealt with.

use std::io;

use crate::log::bytes::{as_u64, as_usize};
use crate::log::frame::Seed;
use crate::log::header::{HEADER_BYTES, Space};
use crate::log::prepared::{end_of, written_length};
use crate::log::segment::MAX_FILE_BYTES;
use crate::log::storage::{StoredFile, read_range};
use crate::position::{Lamport, Offset, Ordinal, Seq};

/// The segment that is being read.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) ordinal: Ordinal,
    pub(super) id: [u8; 16],
    /// Where the checksums of its frames start from.
    pub(super) seed: Seed,
    pub(super) file: Box<dyn StoredFile>,
    /// The offset of the buffer's first byte.
    pub(super) base: Offset,
    /// The number of the next frame.
    pub(super) seq: Seq,
    pub(super) clock: Lamport,
    pub(super) fate: Fate,
    space: Space,
    /// How much of the buffer was dealt with.
    pub(super) used: usize,
    /// How many bytes lie behind the recorded end.
    pub(super) debris_bytes: u64,
    /// Where something bad was seen, when that was read again since.
    pub(super) doubted: Option<Offset>,
}

/// Whether the segment may still grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Open,
    Final {
        valid_end: Offset,
        last_seq: Seq,
    },
    /// Its file was pruned while it was read, and so was whatever recorded its
    /// end: what can be read of it is read, and nothing behind it is missed.
    Pruned,
}

/// How much of a segment's rest was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filled {
    /// All there is, or all up to the recorded end.
    Whole,
    /// The beginning: enough for good frames.
    Part,
    /// An error came between: it is read again before anything is judged.
    No,
}

impl Place {
    pub(super) fn new(
        ordinal: Ordinal,
        id: [u8; 16],
        file: Box<dyn StoredFile>,
        (seq, clock): (Seq, Lamport),
        fate: Fate,
        space: Space,
    ) -> Self {
        let base = Offset(as_u64(HEADER_BYTES));
        Self {
            ordinal,
            id,
            seed: Seed::of(&id),
            file,
            base,
            seq,
            clock,
            fate,
            space,
            used: 0,
            debris_bytes: 0,
            doubted: None,
        }
    }

    /// The offset of what was not dealt with yet.
    pub(super) fn unread_offset(&self) -> Offset {
        self.base.plus(as_u64(self.used))
    }

    /// Reads into `buffer` from its base on, so many bytes at most.
    pub(super) fn read(&mut self, at_most: usize, buffer: &mut Vec<u8>) -> io::Result<Filled> {
        let file = self.file.as_ref();
        let size = file.size()?;
        let recorded = match self.fate {
            Fate::Final { valid_end, .. } if valid_end.0 <= size => Some(valid_end.0),
            _ => None,
        };
        let end = recorded.unwrap_or(size);
        let rest = as_usize(end.saturating_sub(self.base.0)).min(MAX_FILE_BYTES);
        let length = rest.min(at_most);
        read_range(file, self.base.0, length, buffer)?;
        if length < rest {
            return Ok(Filled::Part);
        }
        match recorded {
            Some(end) => self.debris_bytes = end_of(file, size, self.space)?.saturating_sub(end),
            None if self.space == Space::Prepared => buffer.truncate(written_length(buffer)),
            None => {}
        }
        Ok(Filled::Whole)
    }
}
