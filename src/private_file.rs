//! Small private files of the home: read within a bound, replaced as a whole.
//!
//! `config.toml`, `credentials` and reports are small, are read by other
//! processes at any moment, and must never be seen half written. A reader here
//! never reads more than its bound and never opens anything but a regular file
//! (a pipe in the way would block for ever). A writer makes a new private file
//! (mode 0600 from the start), syncs it, renames it over the old one and syncs
//! the directory, so that after a crash either the old or the new text is
//! there. No locking: callers that read, change and write hold their own lock.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::platform;

/// Why a small file could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The system refused.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A directory, a pipe or a device stands where a file should be.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// What is in the way.
        path: PathBuf,
    },
    /// The file is larger than anything that belongs there.
    #[error("{} is larger than {limit_bytes} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The bound.
        limit_bytes: u64,
    },
    /// The file is not UTF-8.
    #[error("{} is not UTF-8 text", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
}

/// Why a small file could not be replaced. The old one is still there.
#[derive(Debug, Error)]
#[error("cannot write {}: {source}", path.display())]
pub struct WriteError {
    /// The file that was to be replaced.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// A file's text and who may read it besides its owner.
#[derive(Debug)]
pub struct SmallFile {
    /// The whole text.
    pub text: String,
    /// Whether the group or others have any permission on the file.
    pub open_to_others: bool,
}

/// Reads the whole of `path`, at most `limit_bytes`; `None` when it does not exist.
///
/// # Errors
/// [`ReadError`] naming the file; a missing parent directory is a missing file.
pub fn read(path: &Path, limit_bytes: u64) -> Result<Option<SmallFile>, ReadError> {
    let io_error = |source| ReadError::Io {
        path: path.to_owned(),
        source,
    };
    let (file, metadata) = match platform::open_regular(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            return Err(ReadError::NotAFile {
                path: path.to_owned(),
            });
        }
        other => other.map_err(io_error)?,
    };
    let open_to_others = platform::open_to_others(&metadata);
    let limit = usize::try_from(limit_bytes).unwrap_or(usize::MAX);
    let bytes = match platform::read_whole(file, &metadata, limit) {
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            return Err(ReadError::TooLarge {
                path: path.to_owned(),
                limit_bytes,
            });
        }
        other => other.map_err(io_error)?,
    };
    let text = String::from_utf8(bytes).map_err(|_| ReadError::NotText {
        path: path.to_owned(),
    })?;
    Ok(Some(SmallFile {
        text,
        open_to_others,
    }))
}

/// Replaces `path` by `bytes`, durably and at once, as a private file.
///
/// Where `path` is a symbolic link, the file it points to is replaced, so that
/// a linked configuration stays linked. The directory must exist.
///
/// # Errors
/// [`WriteError`]; the old file is then untouched.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    write_beside(
        &std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()),
        bytes,
    )
    .map_err(|source| WriteError {
        path: path.to_owned(),
        source,
    })
}

fn write_beside(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".");
    // The temporary file is created with mode 0600.
    let mut file = tempfile::Builder::new().prefix(&name).tempfile_in(dir)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    platform::sync_dir(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_no_error_and_a_large_one_is_never_read_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        assert!(read(&path, 4).unwrap().is_none());
        std::fs::write(&path, "12345").unwrap();
        assert!(matches!(
            read(&path, 4),
            Err(ReadError::TooLarge { limit_bytes: 4, .. })
        ));
        assert_eq!(read(&path, 5).unwrap().unwrap().text, "12345");
        assert!(matches!(
            read(dir.path(), 5),
            Err(ReadError::NotAFile { .. })
        ));
        std::fs::write(&path, b"\xff").unwrap();
        assert!(matches!(read(&path, 5), Err(ReadError::NotText { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_replaced_is_private_and_a_link_stays_a_link() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().join("real");
        let link = dir.path().join("link");
        std::fs::write(&real, "old").unwrap();
        std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o644)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert!(read(&link, 9).unwrap().unwrap().open_to_others);
        replace(&link, b"new").unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        let file = read(&real, 9).unwrap().unwrap();
        assert_eq!((file.text.as_str(), file.open_to_others), ("new", false));
        assert_eq!(
            std::fs::read_dir(dir.path()).unwrap().count(),
            2,
            "no debris"
        );
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let error = replace(&dir.path().join("missing/f"), b"x").unwrap_err();
        assert!(error.to_string().contains("missing"), "{error}");
    }
}
