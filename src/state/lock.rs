//! The two lock files of the state directory. They are never deleted by us;
//! when somebody else replaces one while we wait, we wait for the new one.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::platform;
use crate::state::StateError;

/// The right to be the one sender of a home. Given back when dropped.
#[derive(Debug)]
pub struct SenderLock {
    path: PathBuf,
    file: File,
}

impl SenderLock {
    pub(crate) fn acquire(dir: &Path, deadline: Duration) -> Result<Option<Self>, StateError> {
        let path = dir.join("SENDER");
        match acquire(&path, deadline) {
            Ok(Some(file)) => Ok(Some(Self { path, file })),
            Ok(None) => Ok(None),
            Err(source) => Err(StateError::io("lock", &path, source)),
        }
    }

    /// Whether the lock file is still the one that is locked. When it is not
    /// (somebody removed the state directory), another process may be sending.
    #[must_use]
    pub fn is_current(&self) -> bool {
        match (
            platform::file_identity(&self.file),
            platform::path_identity(&self.path),
        ) {
            (Ok(locked), Ok(named)) => locked == named,
            _ => false,
        }
    }

    /// The lock file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SenderLock {
    /// Gives the right back at once, also when a child process that is about to
    /// begin still shares the descriptor.
    fn drop(&mut self) {
        // When it cannot be given back so, closing the file does it.
        let _ = platform::unlock(&self.file);
    }
}

/// Locks the file that `path` names at the moment of success, creating it
/// where it is missing. `None` when the deadline passed.
pub(crate) fn acquire(path: &Path, deadline: Duration) -> io::Result<Option<File>> {
    let started = Instant::now();
    loop {
        let file = platform::private_options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)?;
        let identity = platform::file_identity(&file)?;
        let left = deadline.saturating_sub(started.elapsed());
        let Some(file) = platform::lock_exclusive(file, left)? else {
            return Ok(None);
        };
        match platform::path_identity(path) {
            Ok(now) if now == identity => return Ok(Some(file)),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ if left.is_zero() => return Ok(None),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_sender_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = SenderLock::acquire(dir.path(), Duration::ZERO)
            .unwrap()
            .unwrap();
        assert!(
            SenderLock::acquire(dir.path(), Duration::from_millis(5))
                .unwrap()
                .is_none()
        );
        let path = first.path().to_owned();
        drop(first);
        assert!(path.exists(), "a lock file stays");
        // Whoever stopped waiting may get it first, and gives it back.
        assert!(
            SenderLock::acquire(dir.path(), Duration::from_secs(10))
                .unwrap()
                .is_some()
        );
    }

    #[test]
    fn a_replaced_lock_file_does_not_let_two_in() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("LOCK");
        let old = acquire(&path, Duration::ZERO).unwrap().unwrap();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| acquire(&path, Duration::from_secs(10)).unwrap());
            std::fs::remove_file(&path).unwrap();
            drop(old);
            let file = waiter.join().unwrap().unwrap();
            assert_eq!(
                platform::file_identity(&file).unwrap(),
                platform::path_identity(&path).unwrap()
            );
        });
    }
}
