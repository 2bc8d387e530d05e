//! The segment that is being filled, while the writer lock is held.

use crate::log::append::LogOptions;
use crate::log::bytes::as_usize;
use crate::log::frame::{self, MAX_BODY_BYTES, Seed};
use crate::log::header::{Header, Space};
use crate::log::left::Trace;
use crate::log::newest::Open;
use crate::log::outcome::{Outcome, Placed};
use crate::log::prepared::zeros_behind;
use crate::log::record::{Record, Refused, Stamp, Tick};
use crate::log::storage::StoredFile;
use crate::log::tail::{Ending, Tail};
use crate::position::{Lamport, Offset, Seq};

/// A segment and where the next frame goes. `end`, `seq` and `clock` include
/// what is still in the buffer; `written` does not. There is no file yet while
/// nothing has been written.
pub(super) struct Filling {
    pub(super) header: Header,
    pub(super) seed: Seed,
    pub(super) file: Option<Box<dyn StoredFile>>,
    pub(super) end: Offset,
    pub(super) written: Offset,
    /// The length of the file, prepared space included.
    pub(super) length: u64,
    pub(super) seq: Seq,
    pub(super) clock: Lamport,
}

/// Why a successor is started.
#[derive(Clone, Copy)]
pub(super) enum Roll {
    /// The segment is full, or its lease is.
    Full,
    /// A received clock value lies beyond the lease.
    Past(Lamport),
}

impl Filling {
    /// The segment as it ends when everything was written; `last_event` is the
    /// body of its last frame when that is an event of our own.
    pub(super) fn into_open(self, last_event: Option<Vec<u8>>) -> Option<Open> {
        Some(Open {
            header: self.header,
            file: self.file?,
            length: self.length,
            tail: Tail {
                end: self.end,
                last_seq: self.seq,
                last_clock: self.clock,
                ending: Ending::Clean,
                last_event,
            },
        })
    }

    /// What tells its file from itself once somebody else touched it.
    pub(super) fn trace(&self) -> Option<Trace> {
        let file = self.file.as_ref()?;
        let trace = match self.header.space {
            Space::Grown => file.stamp().map(Trace::Stamp),
            Space::Prepared => file.shape().map(Trace::Shape),
        };
        trace.ok()
    }

    /// How many zeros are written behind the frames, for others.
    pub(super) fn zeros_behind(&self, options: &LogOptions) -> usize {
        if self.header.space == Space::Grown {
            return 0;
        }
        let (step, limit) = (options.prepared_bytes, options.segment_bytes);
        as_usize(zeros_behind(self.end.0, self.length, step, limit))
    }

    /// The clock value that a record would get here, or why it must go into a
    /// successor instead.
    pub(super) fn clock_for(&self, tick: Tick, options: &LogOptions) -> Result<Lamport, Roll> {
        let lease = self.header.lease;
        let clock = match tick {
            Tick::Still => self.clock,
            Tick::Own => self.clock.next().max(lease.start),
            Tick::Past(remote) => self.clock.max(remote).next().max(lease.start),
        };
        let frames = self.seq.next().0.saturating_sub(self.header.first_seq.0);
        match tick {
            _ if frames >= options.segment_frames => Err(Roll::Full),
            Tick::Past(remote) if clock > lease.end => Err(Roll::Past(remote)),
            Tick::Own if clock > lease.end => Err(Roll::Full),
            _ => Ok(clock),
        }
    }

    /// Encodes a record into the buffer; `None` when the segment has no room
    /// for it.
    pub(super) fn encode(
        &mut self,
        record: &mut dyn Record,
        clock: Lamport,
        last_event: Option<&[u8]>,
        buffer: &mut Vec<u8>,
        options: &LogOptions,
    ) -> Option<Outcome> {
        let seq = self.seq.next();
        let stamp = Stamp {
            seq,
            clock,
            node_id: self.header.node_id,
            last_event,
        };
        let before = buffer.len();
        let too_large = |bytes| Refused::TooLarge {
            bytes,
            limit: MAX_BODY_BYTES,
        };
        let placement = (record.kind(), seq, clock);
        let body = |out: &mut Vec<u8>| record.encode(&stamp, out);
        let bytes = match frame::encode(buffer, placement, self.seed, too_large, body) {
            Ok(bytes) => bytes,
            Err(refused) => return Some(Outcome::Refused(refused)),
        };
        let has_frames = self.seq >= self.header.first_seq;
        if has_frames && self.end.plus(bytes).0 > options.segment_bytes {
            buffer.truncate(before);
            return None;
        }
        let (ordinal, offset) = (self.header.ordinal, self.end);
        self.end = self.end.plus(bytes);
        self.seq = seq;
        self.clock = clock;
        Some(Outcome::Unknown(Placed {
            seq,
            clock,
            ordinal,
            offset,
            bytes,
        }))
    }
}
