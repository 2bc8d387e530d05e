//! The end of the log as this process left it.
//!
//! Whoever appends again and again need not find out again and again where: the
//! segment is still open, and its last frame is known. That is believed only
//! under the writer lock and only while a look says what opening the segment would
//! say: its name leads to the very file that is open, which is as long as it was
//! left, and untouched; it is the newest; and the lock is the one that it was left
//! under. Anything else, and everything is read anew.
//!
//! That nobody has touched a segment which grows is told by the time of its last
//! change. Prepared space is written to without becoming longer, perhaps within one
//! tick of the clock, and a file system that is asked for the time has more to write
//! with the next sync. So the end of such a segment is read once more, with what
//! follows: the last frame, whose checksum begins with the segment's id, is the one
//! that was written there, and nothing is behind it.

use std::io;

use crate::log::bytes::as_u64;
use crate::log::frame::{self, Kind, OVERHEAD_BYTES, Seed, TAIL_BYTES};
use crate::log::newest::Open;
use crate::log::prepared::{PEEK_BYTES, written_length};
use crate::log::segment::LogDir;
use crate::log::storage::read_range;
use crate::platform::{Shape, Stamp};
use crate::position::Ordinal;

/// The segment that the last frames were written to, to be synced after the
/// lock was given back.
pub(super) struct Unsynced {
    pub(super) open: Open,
    /// How it was left, when nothing went wrong with it.
    pub(super) trace: Option<Trace>,
}

/// What tells a segment from itself once somebody else has touched it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trace {
    /// One that grows.
    Stamp(Stamp),
    /// One with prepared space, together with what is read of it.
    Shape(Shape),
}

/// A segment that this process has written to, and synced.
#[derive(Debug)]
pub(super) struct Left {
    open: Open,
    trace: Trace,
}

impl Left {
    /// What was left so, in a file of the length that this process knows.
    pub(super) fn new(open: Open, trace: Trace) -> Option<Self> {
        let (Trace::Stamp(Stamp { size, .. }) | Trace::Shape(Shape { size, .. })) = trace;
        (size == open.length).then_some(Self { open, trace })
    }

    /// The segment, when it is the newest still, `newest`, and as it was left.
    /// Only under the writer lock.
    pub(super) fn untouched(self, dir: &LogDir, newest: Ordinal) -> Option<Open> {
        let path = dir.path_named(newest);
        let is_untouched = match self.trace {
            _ if self.open.header.ordinal != newest => false,
            Trace::Stamp(left) => dir.storage().stamp_of(&path).is_ok_and(|now| now == left),
            Trace::Shape(left) => {
                dir.storage().shape_of(&path).is_ok_and(|now| now == left)
                    && self.ends_as_it_did().unwrap_or(false)
            }
        };
        is_untouched.then_some(self.open)
    }

    /// Whether the last frame is what it was, and nothing is behind it. Of one that is
    /// no event of our own that is not known.
    fn ends_as_it_did(&self) -> io::Result<bool> {
        let Open {
            header, file, tail, ..
        } = &self.open;
        let Some(body) = &tail.last_event else {
            return Ok(false);
        };
        let frame_bytes = body.len().saturating_add(OVERHEAD_BYTES);
        let start = tail.end.0.saturating_sub(as_u64(frame_bytes));
        let mut bytes = Vec::new();
        let with_behind = frame_bytes.saturating_add(PEEK_BYTES);
        read_range(file.as_ref(), start, with_behind, &mut bytes)?;
        let Some((last, behind)) = bytes.split_at_checked(frame_bytes) else {
            return Ok(false);
        };
        let is_the_same = frame::decode(last, header.seed()).is_ok_and(|frame| {
            frame.kind == Kind::Event
                && (frame.seq, frame.clock) == (tail.last_seq, tail.last_clock)
                && frame.body == body
        });
        Ok(is_the_same && written_length(behind) == 0)
    }
}

/// The body of the last of these frames when that is an event of our own.
pub(super) fn last_event_in(frames: &[u8], seed: Seed) -> Option<Vec<u8>> {
    let ending = frames.last_chunk::<TAIL_BYTES>()?;
    let bytes = frame::trailing_body_bytes(ending)?.checked_add(OVERHEAD_BYTES)?;
    let start = frames.len().checked_sub(bytes)?;
    let last = frame::decode(frames.get(start..)?, seed).ok()?;
    (last.kind == Kind::Event).then(|| last.body.to_vec())
}

#[cfg(test)]
#[path = "left_tests.rs"]
mod tests;
