//! The files of the store as the file system sees them: private and durable.
//!
//! sled creates its files by the umask, which we never touch because children
//! inherit it. Its directory is ours and 0700, and the files that sled always
//! needs are created empty and 0600 before it looks for them, which it takes
//! for a new store. Only its snapshots come into being by the umask, inside
//! the private directory; they are tightened after each operation.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::platform;

pub(super) fn db_path(sled_dir: &Path) -> PathBuf {
    sled_dir.join("db")
}

/// Makes the directory and the files that are missing; says whether any was.
/// Removes what sled left half-written.
pub(super) fn prepare(sled_dir: &Path) -> io::Result<bool> {
    let mut is_new = create_dir(sled_dir)?;
    is_new |= create_dir(&sled_dir.join("blobs"))?;
    for path in [db_path(sled_dir), sled_dir.join("conf")] {
        let made = platform::private_options()
            .write(true)
            .create_new(true)
            .open(path);
        is_new |= absent(made.map(drop))?;
    }
    remove_unfinished(sled_dir)?;
    Ok(is_new)
}

/// A snapshot that was being written when the process ended or the disk was
/// full keeps its temporary name, and sled 0.34.7 takes it for the newest
/// snapshot and the store for corrupt. The one before it is still there (it is
/// removed only after the rename), so the unfinished one can go.
fn remove_unfinished(sled_dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(sled_dir)? {
        let name = entry?.file_name();
        let unfinished = name
            .to_str()
            .is_some_and(|name| name.starts_with("snap.") && name.ends_with(".generating"));
        if unfinished {
            fs::remove_file(sled_dir.join(name))?;
        }
    }
    Ok(())
}

fn create_dir(path: &Path) -> io::Result<bool> {
    absent(platform::create_private_dir(path))
}

/// Whether something was created; that it was there already is no error.
fn absent(made: io::Result<()>) -> io::Result<bool> {
    match made {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes durable what an operation wrote. `flush` of sled starts writing the
/// pages (`sync_file_range`) and does not commit the file's size or empty the
/// drive's cache. Closing sled does sync the file, but keeps quiet about it
/// after an error; this says whether it worked. The directory is synced as well
/// because sled renames its snapshots and does not.
pub(super) fn sync(sled_dir: &Path, is_new: bool) -> io::Result<()> {
    if is_new {
        let conf = OpenOptions::new().write(true).open(sled_dir.join("conf"))?;
        conf.sync_all()?;
    }
    let db = OpenOptions::new().write(true).open(db_path(sled_dir))?;
    db.sync_data()?;
    platform::sync_dir(sled_dir)?;
    match sled_dir.parent() {
        Some(state_dir) if is_new => platform::sync_dir(state_dir),
        _ => Ok(()),
    }
}

/// Takes the rights of group and others off the files that sled made.
pub(super) fn tighten(sled_dir: &Path) -> io::Result<()> {
    for dir in [sled_dir, &sled_dir.join("blobs")] {
        for entry in fs::read_dir(dir)? {
            match platform::close_to_others(&entry?.path()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}
