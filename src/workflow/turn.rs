//! One command at a time: the lock of a repository's workflow files.
//!
//! Commands read a file, decide, write it and commit it. Several agents do so at
//! once, and all of them commit to one repository, so they take turns. The lock
//! file lives in the git directory that all worktrees share, where it never
//! shows in `git status`. It is empty, and it is never deleted.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

use crate::platform;

/// Why the turn did not come.
#[derive(Debug, Error)]
pub(crate) enum TurnError {
    /// Somebody else kept it.
    #[error(
        "another spec-kitty command has been working in this repository for more than {} s",
        waited.as_secs()
    )]
    Busy {
        /// How long we waited.
        waited: Duration,
    },
    /// The lock file cannot be used.
    #[error("cannot lock {}: {source}", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The right to change the workflow files of one repository, given back when dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _lock: File,
}

impl Turn {
    /// Waits at most `patience` for the turn in the repository whose shared git
    /// directory is `common_dir`.
    ///
    /// # Errors
    /// When somebody else keeps it past `patience`, or the lock file cannot be used.
    pub(crate) fn take(common_dir: &Path, patience: Duration) -> Result<Self, TurnError> {
        let dir = common_dir.join("spec-kitty");
        let path = dir.join("workflow.lock");
        let failed = |source| TurnError::Io {
            path: path.clone(),
            source,
        };
        fs::create_dir_all(&dir).map_err(failed)?;
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(failed)?;
        match platform::lock_exclusive(file, patience).map_err(failed)? {
            Some(lock) => Ok(Self { _lock: lock }),
            None => Err(TurnError::Busy { waited: patience }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_never_have_the_turn_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let first = Turn::take(dir.path(), Duration::ZERO).unwrap();
        let second = Turn::take(dir.path(), Duration::from_millis(20));
        assert!(matches!(second, Err(TurnError::Busy { .. })));
        drop(first);
        Turn::take(dir.path(), Duration::from_secs(60)).unwrap();
    }
}
