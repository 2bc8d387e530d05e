//! Private directories for what a command needs for a while.
//!
//! Copies of somebody's events, or of the ledger, must not outlive the command,
//! not even when it is killed. Each directory therefore holds a lock file for as
//! long as its process lives; the next process that makes one removes the
//! directories whose lock is free, and no others.

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::Duration;

use tempfile::TempDir;
use thiserror::Error;

use crate::platform;

/// What the names of the directories begin with. Nothing else is called so.
const PREFIX: &str = "spec-kitty-scratch-";

/// The file that is locked while somebody uses the directory.
const LOCK: &str = "in-use";

/// What that file is called until it is locked: a sweep that came between would
/// find it free, and remove a directory that is just being made.
const NOT_YET_LOCKED: &str = "in-use.new";

/// For a moment there is no lock file when a directory is made. After so long
/// nobody is going to put anything into it.
const SURELY_LEFT: Duration = Duration::from_secs(60 * 60);

/// Why there is no such directory, or nothing can be put into it.
#[derive(Debug, Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct ScratchError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl ScratchError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self {
            action,
            path,
            source,
        }
    }
}

/// A directory that nobody else can enter; gone when dropped.
#[derive(Debug)]
pub(crate) struct Scratch {
    // The lock goes first: where a file that is open cannot be removed, the
    // directory could not be.
    _in_use: File,
    dir: TempDir,
}

impl Scratch {
    /// Makes one where temporary files are kept. The first of a process removes
    /// those of commands that were killed.
    pub(crate) fn create() -> Result<Self, ScratchError> {
        static SWEPT: Once = Once::new();
        let temp = std::env::temp_dir();
        SWEPT.call_once(|| sweep_in(&temp));
        let dir = platform::private_temp_dir(PREFIX)
            .map_err(ScratchError::io("create a directory in", &temp))?;
        let (new, lock) = (dir.path().join(NOT_YET_LOCKED), dir.path().join(LOCK));
        let mut options = platform::private_options();
        let in_use = options
            .create_new(true)
            .write(true)
            .open(&new)
            .and_then(|file| platform::lock_exclusive(file, Duration::ZERO))
            .and_then(|locked| locked.ok_or_else(|| io::ErrorKind::WouldBlock.into()))
            .map_err(ScratchError::io("lock", &new))?;
        std::fs::rename(&new, &lock).map_err(ScratchError::io("name", &lock))?;
        Ok(Self {
            _in_use: in_use,
            dir,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// Removes what was left. What cannot be removed stays: it hinders nobody.
fn sweep_in(temp: &Path) {
    let Ok(entries) = std::fs::read_dir(temp) else {
        return;
    };
    let is_ours = |name: &str| name.starts_with(PREFIX);
    let ours = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_str().is_some_and(is_ours));
    for entry in ours {
        // Not following links: a link is no directory here.
        match std::fs::symlink_metadata(entry.path()) {
            Ok(metadata) if metadata.is_dir() => sweep_one(&entry.path(), &metadata),
            _ => {}
        }
    }
}

fn sweep_one(dir: &PathBuf, metadata: &Metadata) {
    let lock = platform::open_regular(&dir.join(LOCK));
    match lock.and_then(|(file, _)| platform::lock_exclusive(file, Duration::ZERO)) {
        Ok(Some(free)) => {
            drop(free);
            let _ = std::fs::remove_dir_all(dir);
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let modified = metadata.modified().ok();
            let age = modified.and_then(|modified| modified.elapsed().ok());
            if age.is_some_and(|age| age > SURELY_LEFT) {
                let _ = std::fs::remove_file(dir.join(NOT_YET_LOCKED));
                let _ = std::fs::remove_dir(dir);
            }
        }
        Ok(None) | Err(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_use_stays_and_what_was_left_goes() {
        let temp = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let dir = temp.path().join(format!("{PREFIX}{name}"));
            std::fs::create_dir(&dir).unwrap();
            std::fs::write(dir.join("copy.db"), "rows").unwrap();
            dir
        };
        let (left, used, unlocked, other) = (
            make("left"),
            make("used"),
            make("unlocked"),
            temp.path().join("other"),
        );
        std::fs::create_dir(&other).unwrap();
        std::fs::write(left.join(LOCK), "").unwrap();
        let file = File::create(used.join(LOCK)).unwrap();
        let held = platform::lock_exclusive(file, Duration::ZERO)
            .unwrap()
            .unwrap();
        sweep_in(temp.path());
        assert!(!left.exists());
        assert!(used.join("copy.db").exists() && unlocked.exists() && other.exists());
        drop(held);
        sweep_in(temp.path());
        assert!(!used.exists());
    }

    /// Many begin while others sweep: none loses its directory to them.
    #[test]
    fn a_directory_that_is_just_being_made_is_not_taken_for_one_that_was_left() {
        let stop = std::sync::atomic::AtomicBool::new(false);
        let order = std::sync::atomic::Ordering::SeqCst;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(order) {
                    sweep_in(&std::env::temp_dir());
                }
            });
            let lost = (0..300).filter(|_| {
                let scratch = Scratch::create();
                !scratch.is_ok_and(|scratch| scratch.path().join(LOCK).exists())
            });
            let lost = lost.count();
            stop.store(true, order);
            assert_eq!(lost, 0);
        });
    }

    #[test]
    fn a_directory_of_our_own_is_private_and_goes_with_us() {
        let scratch = Scratch::create().unwrap();
        let path = scratch.path().to_owned();
        assert!(!platform::open_to_others(
            &std::fs::metadata(&path).unwrap()
        ));
        sweep_in(&std::env::temp_dir());
        assert!(path.exists(), "we are still there");
        drop(scratch);
        assert!(!path.exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_not_followed() {
        let temp = tempfile::tempdir().unwrap();
        let precious = temp.path().join("precious");
        std::fs::create_dir(&precious).unwrap();
        std::fs::write(precious.join(LOCK), "").unwrap();
        let link = temp.path().join(format!("{PREFIX}link"));
        std::os::unix::fs::symlink(&precious, &link).unwrap();
        sweep_in(temp.path());
        assert!(precious.join(LOCK).exists());
    }
}
