//! The end of the log as this process left it.
//!
//! Whoever appends again and again need not find out again and again where: the
//! segment is still open, and its last frame is known. That is believed only
//! under the writer lock and only while a look from outside says that nobody
//! has touched the segment since this process did, under that lock as well: its
//! name leads to the very file that is open, which has the length and the time
//! of the last change that it was left with, and nothing behind its last frame; it
//! is the newest; and the lock is the one that it was left under. Anything else,
//! and everything is read anew. (The time alone does not tell of a write within the
//! same tick of the clock, and one into prepared space leaves the length as it is.)

use std::path::PathBuf;

use crate::log::frame::{self, Kind, Seed, TAIL_BYTES};
use crate::log::header::Space;
use crate::log::newest::Open;
use crate::log::prepared::is_blank;
use crate::log::segment::LogDir;
use crate::platform::Stamp;
use crate::position::Ordinal;

/// The segment that the last frames were written to, to be synced after the
/// lock was given back.
pub(super) struct Unsynced {
    pub(super) path: PathBuf,
    pub(super) open: Open,
    /// How it was left, when nothing went wrong with it.
    pub(super) stamp: Option<Stamp>,
}

/// A segment that this process has written to, and synced.
#[derive(Debug)]
pub(super) struct Left {
    open: Open,
    stamp: Stamp,
}

impl Left {
    /// What was left with this stamp, in a file of the length that this process knows.
    pub(super) fn new(open: Open, stamp: Stamp) -> Option<Self> {
        (stamp.size == open.length).then_some(Self { open, stamp })
    }

    /// The segment, when it is the newest still, `newest`, and as it was left.
    /// Only under the writer lock.
    pub(super) fn untouched(self, dir: &LogDir, newest: Ordinal) -> Option<Open> {
        let is_untouched = self.open.header.ordinal == newest
            && dir
                .storage()
                .stamp_of(&dir.path_named(newest))
                .is_ok_and(|stamp| stamp == self.stamp)
            && self.is_still_the_end();
        is_untouched.then_some(self.open)
    }

    /// Whether nobody has written behind the last frame without making the file
    /// longer.
    fn is_still_the_end(&self) -> bool {
        let Open {
            header, file, tail, ..
        } = &self.open;
        match header.space {
            Space::Grown => true,
            Space::Prepared => is_blank(file.as_ref(), tail.end.0).unwrap_or(false),
        }
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
