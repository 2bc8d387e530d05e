//! How far a log had come, as others remember it.
//!
//! It was told of the log beside one lock file, and says nothing of another:
//! what is beside that may be a copy, and comes from another node anyway.

use crate::position::{Lamport, Seq};

/// A place that the log beside a lock file had reached.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Remembered {
    lock_identity: u64,
    pub(super) seq: Seq,
    pub(super) clock: Lamport,
}

impl Remembered {
    /// It had come so far as well.
    pub(super) fn add(&mut self, lock_identity: u64, seq: Seq, clock: Lamport) {
        let before = self.beside(lock_identity);
        *self = Self {
            lock_identity,
            seq: before.seq.max(seq),
            clock: before.clock.max(clock),
        };
    }

    /// What counts beside this lock file.
    pub(super) fn beside(self, lock_identity: u64) -> Self {
        if self.lock_identity == lock_identity {
            self
        } else {
            Self::default()
        }
    }

    /// Whether a log that ends with this frame has been longer.
    pub(super) fn is_beyond(self, seq: Seq, clock: Lamport) -> bool {
        self.seq > seq || self.clock > clock
    }
}
