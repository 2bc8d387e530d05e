//! How far a sender may read: the last frame, found while nobody writes.
//!
//! Readers need no lock, and may see a frame whose writer will be told that
//! nothing is known of it: the writer held a lock that somebody had removed,
//! and the successor of its segment, begun meanwhile by the holder of the new
//! lock, leaves the frame out. Its number then goes to another event. For a
//! sender that would be a false step for good, since what it settles is told
//! by number. Under the lock there is no such moment: whoever begins a
//! successor holds it from the look at the old segment to the rename of the
//! new one, so a frame that is seen here is a frame that any successor keeps.
//!
//! Writes nothing but the lock file where that is missing, and only in a
//! directory that holds segments.

use std::io;
use std::time::Duration;

use crate::log::backward::Backward;
use crate::log::read::ReadError;
use crate::log::segment::LogDir;
use crate::position::Seq;

/// How often a look is made when the lock file is replaced meanwhile.
const TRIES: usize = 3;

/// What a look between two writers found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Horizon {
    /// The last frame; 0 when there is none.
    At(Seq),
    /// A writer held the lock past the deadline.
    Busy,
}

impl LogDir {
    /// Finds the last frame while holding the writer lock, for which it waits
    /// at most `deadline`. Where the lock file may not be opened, nobody can
    /// write here either, and the look is made without it.
    ///
    /// # Errors
    /// [`ReadError`] when the log cannot be read or its lock not be used.
    pub fn horizon(&self, deadline: Duration) -> Result<Horizon, ReadError> {
        if self.list_seen()?.is_empty() {
            return Ok(Horizon::At(Seq(0)));
        }
        // When the lock file is replaced during the look, the look proves nothing.
        for _ in 0..TRIES {
            let held = match self.storage().lock(&self.lock_path(), deadline) {
                Ok(Some(held)) => Some(held),
                Ok(None) => return Ok(Horizon::Busy),
                Err(error) if is_closed_to_writers(&error) => None,
                Err(error) => return Err(ReadError::io("lock", self.lock_path())(error)),
            };
            let last = Backward::new(self.clone())?.step()?.map(|item| item.seq);
            if held.is_none_or(|held| held.is_current()) {
                return Ok(Horizon::At(last.unwrap_or_default()));
            }
        }
        Ok(Horizon::Busy)
    }
}

fn is_closed_to_writers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::test_support::{DEADLINE, dir_at, log_at, placed, small};

    #[test]
    fn the_last_frame_is_told_when_nobody_writes() {
        let home = tempfile::tempdir().unwrap();
        let log = log_at(home.path(), small(1300));
        let dir = dir_at(home.path());
        assert_eq!(dir.horizon(DEADLINE).unwrap(), Horizon::At(Seq(0)));
        assert!(!dir.lock_path().exists(), "a look made a lock file");
        for index in 1..=9_u64 {
            placed(&log, &[&format!("record {index}")]);
            assert_eq!(dir.horizon(DEADLINE).unwrap(), Horizon::At(Seq(index)));
        }
    }

    #[test]
    fn while_somebody_writes_nothing_is_told() {
        let home = tempfile::tempdir().unwrap();
        placed(&log_at(home.path(), small(1300)), &["a", "b"]);
        let dir = dir_at(home.path());
        let writer = dir.storage().lock(&dir.lock_path(), DEADLINE).unwrap();
        assert_eq!(dir.horizon(Duration::ZERO).unwrap(), Horizon::Busy);
        drop(writer);
        assert_eq!(dir.horizon(DEADLINE).unwrap(), Horizon::At(Seq(2)));
    }
}
