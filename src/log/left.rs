//! The end of the log as this process left it.
//!
//! Whoever appends again and again need not find out again and again where: the
//! segment is still open, and its last frame is known. That is believed only
//! under the writer lock and only while a look says what opening the segment would
//! say: its name leads to the very file that is open, which is as long as it was
//! left; its header is what it was; it ends with the frame that it was left with,
//! and nothing is behind that; it is the newest; and the lock is the one that it was
//! left under. Anything else, and everything is read anew.

use std::io;
use std::path::PathBuf;

use crate::log::frame::{self, Kind, Seed, TAIL_BYTES};
use crate::log::header::{HEADER_BYTES, Header, HeaderRead, Space};
use crate::log::newest::Open;
use crate::log::prepared::is_blank;
use crate::log::segment::LogDir;
use crate::log::storage::read_range;
use crate::log::tail;
use crate::platform::Shape;
use crate::position::Ordinal;

/// The segment that the last frames were written to, to be synced after the
/// lock was given back.
pub(super) struct Unsynced {
    pub(super) path: PathBuf,
    pub(super) open: Open,
    /// How it was left, when nothing went wrong with it.
    pub(super) shape: Option<Shape>,
}

/// A segment that this process has written to, and synced.
#[derive(Debug)]
pub(super) struct Left {
    open: Open,
    shape: Shape,
}

impl Left {
    /// What was left so, in a file of the length that this process knows.
    pub(super) fn new(open: Open, shape: Shape) -> Option<Self> {
        (shape.size == open.length).then_some(Self { open, shape })
    }

    /// The segment, when it is the newest still, `newest`, and as it was left.
    /// Only under the writer lock.
    pub(super) fn untouched(self, dir: &LogDir, newest: Ordinal) -> Option<Open> {
        let is_untouched = self.open.header.ordinal == newest
            && dir
                .storage()
                .shape_of(&dir.path_named(newest))
                .is_ok_and(|shape| shape == self.shape)
            && self.reads_as_it_did().unwrap_or(false);
        is_untouched.then_some(self.open)
    }

    /// Whether the header and the last frame are what they were, and nothing is
    /// behind that one.
    fn reads_as_it_did(&self) -> io::Result<bool> {
        let Open {
            header, file, tail, ..
        } = &self.open;
        let mut head = Vec::new();
        read_range(file.as_ref(), 0, HEADER_BYTES, &mut head)?;
        match Header::decode(&head) {
            HeaderRead::Sound { header: read, .. } if read == *header => {}
            _ => return Ok(false),
        }
        let is_the_end = match header.space {
            // As long as it was.
            Space::Grown => true,
            Space::Prepared => is_blank(file.as_ref(), tail.end.0)?,
        };
        Ok(is_the_end && tail::find(file.as_ref(), header, tail.end.0)? == *tail)
    }
}

/// The body of the last of these frames when that is an event of our own.
pub(super) fn last_event_in(frames: &[u8], seed: Seed) -> Option<Vec<u8>> {
    let ending = frames.last_chunk::<TAIL_BYTES>()?;
    let bytes = frame::trailing_body_bytes(ending)?.checked_add(frame::OVERHEAD_BYTES)?;
    let start = frames.len().checked_sub(bytes)?;
    let last = frame::decode(frames.get(start..)?, seed).ok()?;
    (last.kind == Kind::Event).then(|| last.body.to_vec())
}

#[cfg(test)]
#[path = "left_tests.rs"]
mod tests;
