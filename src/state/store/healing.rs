//! When a store is damaged, and what happens to it then.

use std::fs;
use std::io::{self, Write};
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::platform;
use crate::state::StateError;

use super::files::db_path;
use super::{Fault, SEGMENT_BYTES, is_of_the_system};

/// The beginning of the name of a store that was set aside.
const ASIDE: &str = "sled.corrupt-";

/// How many of them are kept.
const KEPT: usize = 3;

/// What is wrong with the store, if it is the store that something is wrong
/// with: it is set aside only when the disk around it can be written, so that a
/// full disk or a lack of rights never costs a good store.
pub(super) fn reason_to_set_aside(state_dir: &Path, fault: Fault) -> Result<String, StateError> {
    let path = state_dir.join("sled");
    let reason = fault.to_string();
    match fault {
        Fault::Busy(path) => return Err(StateError::Busy { path }),
        Fault::Newer => return Err(StateError::Newer { path }),
        Fault::Error(sled::Error::Io(source)) if is_of_the_system(&source) => {
            return Err(StateError::io("use", &path, source));
        }
        // sled has no error of its own for a file that is locked: ask the file.
        Fault::Error(sled::Error::Io(_)) if is_locked(&db_path(&path)) => {
            return Err(StateError::Busy {
                path: db_path(&path),
            });
        }
        Fault::Error(_) | Fault::Panic => {}
    }
    match probe(state_dir) {
        Ok(()) => Ok(reason),
        Err(source) => Err(StateError::io("write in", state_dir, source)),
    }
}

fn is_locked(path: &Path) -> bool {
    let free = fs::File::open(path).and_then(|file| {
        let free = platform::try_lock_exclusive(&file)?;
        platform::unlock(&file)?;
        Ok(free)
    });
    matches!(free, Ok(false))
}

/// Whether a new store could be made here at all.
fn probe(state_dir: &Path) -> io::Result<()> {
    let path = state_dir.join("probe.tmp");
    let mut options = platform::private_options();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .open(&path)?;
    let written = file
        .write_all(&vec![0xa5; SEGMENT_BYTES.saturating_mul(2)])
        .and_then(|()| file.sync_data());
    fs::remove_file(&path)?;
    written
}

/// Moves the store out of the way and returns where it is now. Only the newest
/// few are kept. The caller holds `state/LOCK`.
pub(super) fn set_aside(state_dir: &Path) -> Result<PathBuf, StateError> {
    let from = state_dir.join("sled");
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now_ms = now.map_or(0, |time| time.as_millis());
    let mut taken = None;
    for ms in now_ms..now_ms.saturating_add(100) {
        let to = state_dir.join(format!("{ASIDE}{ms}"));
        match platform::rename_new(&from, &to) {
            Ok(()) => {
                remove_oldest(state_dir);
                return Ok(to);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => taken = Some(error),
            Err(source) => return Err(StateError::io("set aside", &from, source)),
        }
    }
    let source = taken.unwrap_or_else(|| io::ErrorKind::AlreadyExists.into());
    Err(StateError::io("set aside", &from, source))
}

/// Removes all but the newest stores that were set aside. Their only use is to
/// be looked at, so that a failure here is none.
fn remove_oldest(state_dir: &Path) {
    let Ok(entries) = fs::read_dir(state_dir) else {
        return;
    };
    let mut aside: Vec<(u128, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let ms = entry.file_name().to_str()?.strip_prefix(ASIDE)?.parse();
            Some((ms.ok()?, entry.path()))
        })
        .collect();
    aside.sort();
    let surplus = aside.len().saturating_sub(KEPT);
    for (_, path) in aside.into_iter().take(surplus) {
        let removed = match fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(&path),
            _ => fs::remove_file(&path),
        };
        drop(removed);
    }
}

/// Keeps sled's panics off stderr: they are caught and reported as what they
/// mean. Panics of all other threads go where they went before.
pub(super) fn keep_panics_quiet(thread: &'static str) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let current = std::thread::current();
            let name = current.name().unwrap_or_default();
            if name != thread && !name.starts_with("sled-io-") {
                before(info);
            }
        }));
    });
}
