//! Reading and replacing the files of a project.
//!
//! Reads are bounded, follow no symlink and accept UTF-8 only. A replacement is
//! written beside the file, made durable, and renamed over it, so that a reader
//! sees the old or the new file and nothing between; it keeps the mode, and it
//! is refused when the file is no longer what was read.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::platform;

/// The names of files in the making, which an interrupted run may leave behind.
const TEMP_PREFIX: &str = ".spec-kitty-";
const TEMP_SUFFIX: &str = ".tmp";

/// Why a file of the project could not be read or replaced.
#[derive(Debug, Error)]
pub(crate) enum FileError {
    /// An I/O error.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file, relative to the project where that is known.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A symbolic link, a directory, a device.
    #[error("{} is {what}, not a regular file", path.display())]
    NotRegular {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// Larger than the limit.
    #[error("{} is larger than {limit_bytes} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        limit_bytes: u64,
    },
    /// Not UTF-8.
    #[error("{} is not UTF-8 text (first bad byte at offset {offset})", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// Offset of the first byte that is not UTF-8.
        offset: usize,
    },
    /// Somebody else wrote it between our reading and our writing.
    #[error("{} was changed by somebody else meanwhile; it was left as it is", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
}

impl FileError {
    fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}

/// Reads a regular file of at most `limit_bytes` as text.
///
/// # Errors
/// When it is missing, not a regular file (symlinks included), too large, or not UTF-8.
pub(crate) fn read_text(path: &Path, limit_bytes: u64) -> Result<String, FileError> {
    let bytes = read_bytes(path, limit_bytes)?;
    String::from_utf8(bytes).map_err(|error| FileError::NotUtf8 {
        path: path.to_owned(),
        offset: error.utf8_error().valid_up_to(),
    })
}

fn read_bytes(path: &Path, limit_bytes: u64) -> Result<Vec<u8>, FileError> {
    let facts = fs::symlink_metadata(path).map_err(FileError::io("read", path))?;
    let what = match facts.file_type() {
        kind if kind.is_file() => None,
        kind if kind.is_symlink() => Some("a symbolic link"),
        kind if kind.is_dir() => Some("a directory"),
        _ => Some("a special file"),
    };
    if let Some(what) = what {
        let path = path.to_owned();
        return Err(FileError::NotRegular { path, what });
    }
    let (file, _) = platform::open_regular(path).map_err(FileError::io("open", path))?;
    let mut bytes = Vec::new();
    file.take(limit_bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(FileError::io("read", path))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit_bytes {
        return Err(FileError::TooLarge {
            path: path.to_owned(),
            limit_bytes,
        });
    }
    Ok(bytes)
}

/// Replaces the file at `path`, which must still hold `old`, by `new`.
///
/// # Errors
/// When it no longer holds `old`, or any step fails; the file is then as it was.
pub(crate) fn replace(path: &Path, old: &str, new: &str) -> Result<(), FileError> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mode = fs::metadata(path)
        .map_err(FileError::io("read", path))?
        .permissions();
    let mut temp = tempfile::Builder::new()
        .prefix(TEMP_PREFIX)
        .suffix(TEMP_SUFFIX)
        .tempfile_in(dir)
        .map_err(FileError::io("write beside", path))?;
    let written = temp
        .write_all(new.as_bytes())
        .and_then(|()| temp.as_file().set_permissions(mode))
        .and_then(|()| temp.as_file().sync_all());
    written.map_err(FileError::io("write beside", path))?;
    let limit_bytes = u64::try_from(old.len()).unwrap_or(u64::MAX);
    match read_bytes(path, limit_bytes) {
        Ok(present) if present == old.as_bytes() => {}
        Ok(_) | Err(FileError::TooLarge { .. }) => {
            let path = path.to_owned();
            return Err(FileError::Changed { path });
        }
        Err(error) => return Err(error),
    }
    temp.persist(path)
        .map_err(|error| FileError::io("replace", path)(error.error))?;
    // The new content is in place; a directory that cannot be synced does not undo that.
    let _ = platform::sync_dir(dir);
    Ok(())
}

/// Writes a record that only commands write, with its directory where that is
/// missing; a reader sees the old or the new one and nothing between.
///
/// # Errors
/// When any step fails; the record is then as it was.
pub(crate) fn put(path: &Path, text: &str) -> Result<(), FileError> {
    let dir = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir).map_err(FileError::io("make the directory of", path))?;
    let mut temp = tempfile::Builder::new()
        .prefix(TEMP_PREFIX)
        .suffix(TEMP_SUFFIX)
        .tempfile_in(dir)
        .map_err(FileError::io("write beside", path))?;
    temp.write_all(text.as_bytes())
        .and_then(|()| temp.as_file().sync_all())
        .map_err(FileError::io("write beside", path))?;
    temp.persist(path)
        .map_err(|error| FileError::io("replace", path)(error.error))?;
    let _ = platform::sync_dir(dir);
    Ok(())
}

/// Removes what an interrupted [`replace`] left in `dir`. To be called only
/// while nobody else can be replacing a file there.
pub(crate) fn sweep(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    for entry in entries.flatten() {
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_file && entry.file_name().to_str().is_some_and(is_leftover) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whether a file name is one that [`replace`] gives to files in the making.
#[must_use]
pub(crate) fn is_leftover(name: &str) -> bool {
    name.starts_with(TEMP_PREFIX) && name.ends_with(TEMP_SUFFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replacement_needs_the_file_as_it_was_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.md");
        fs::write(&path, "one").unwrap();
        replace(&path, "one", "two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        for stale in ["one", "twx", "tw", "twoo"] {
            let error = replace(&path, stale, "three").unwrap_err();
            assert!(matches!(error, FileError::Changed { .. }), "{stale}");
        }
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            1,
            "nothing is left behind"
        );
    }

    #[cfg(unix)]
    #[test]
    fn the_mode_survives_and_links_are_refused() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.md");
        fs::write(&path, "one").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        replace(&path, "one", "two").unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o640
        );
        let link = dir.path().join("b.md");
        symlink(&path, &link).unwrap();
        assert!(matches!(
            read_text(&link, 10),
            Err(FileError::NotRegular { .. })
        ));
    }

    #[test]
    fn only_text_within_the_limit_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.md");
        fs::write(&path, b"ok\xff").unwrap();
        let error = read_text(&path, 10).unwrap_err();
        assert!(matches!(error, FileError::NotUtf8 { offset: 2, .. }));
        assert!(matches!(
            read_text(&path, 2),
            Err(FileError::TooLarge { .. })
        ));
        assert!(matches!(
            read_text(dir.path(), 2),
            Err(FileError::NotRegular { .. })
        ));
        assert!(matches!(
            read_text(&dir.path().join("no"), 2),
            Err(FileError::Io { .. })
        ));
    }

    #[test]
    fn leftovers_are_swept_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            ".spec-kitty-x1.tmp",
            "WP01-a.md",
            ".spec-kitty-note",
            "a.tmp",
        ] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        sweep(dir.path());
        assert!(!dir.path().join(".spec-kitty-x1.tmp").exists());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
        sweep(&dir.path().join("missing"));
    }
}
