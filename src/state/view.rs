//! `state/delivery.view`: the ledger as a file that anybody may read at any time.
//!
//! ```text
//! offset  size  what
//!      0     8  magic "skview\xff\n"
//!      8     4  version, 2; version 1 has no latencies and is still read
//!     12     8  length of the body in bytes
//!     20     4  CRC-32 (IEEE) of bytes 0..20 and the body
//!     24     …  the body: the ledger in bincode (see the `codec` module)
//! ```
//!
//! All numbers are little endian. It is written by the one sender after every
//! commit, to a temporary file that is synced and renamed over the old one, so
//! a reader sees one whole ledger or another. Whatever is wrong with the file
//! is an error, never a wrong answer.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::state::codec::{self, CodecError};
use crate::state::ground::Files;
use crate::state::ledger::{FormerLedger, Ledger};

const MAGIC: [u8; 8] = *b"skview\xff\n";
const VERSION: u32 = 2;
/// The version before, which kept no latencies.
const FORMER_VERSION: u32 = 1;
const HEADER_BYTES: usize = 24;

/// Why the view cannot be used.
///
/// ```
/// use spec_kitty::state::{State, ViewError};
///
/// let dir = tempfile::tempdir()?;
/// std::fs::write(dir.path().join("delivery.view"), "no view")?;
/// let view = State::at(dir.path()).view();
/// assert!(matches!(view, Err(ViewError::Damaged { .. })));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ViewError {
    /// The file system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not a whole and sound view.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file was written by a newer version of this program.
    #[error("{} has format version {version}, which is newer than this program", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
}

/// What is wrong with the bytes of a view.
#[derive(Debug, Error)]
enum Fault {
    #[error("it is shorter than its header")]
    Short,
    #[error("it is no view")]
    Magic,
    #[error("its length is not the one in its header")]
    Length,
    #[error("its checksum is wrong")]
    Checksum,
    #[error("its version is {0}")]
    Version(u32),
    #[error("it {0}")]
    Body(#[from] CodecError),
    #[error("it passes a limit of the ledger")]
    Limits,
}

pub(super) fn path_in(state_dir: &Path) -> PathBuf {
    state_dir.join("delivery.view")
}

/// The ledger in the file at `path`; `None` when there is no file.
pub(super) fn read(files: &dyn Files, path: &Path) -> Result<Option<Ledger>, ViewError> {
    // A byte beyond the limit, which `decode` refuses.
    let limit = codec::MAX_BYTES
        .saturating_add(HEADER_BYTES)
        .saturating_add(1);
    let bytes = match files.read(path, u64::try_from(limit).unwrap_or(u64::MAX)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(ViewError::Io {
                action: "read",
                path: path.to_owned(),
                source,
            });
        }
    };
    match decode(&bytes) {
        Ok(ledger) => Ok(Some(ledger)),
        Err(Fault::Version(version)) => Err(ViewError::Newer {
            path: path.to_owned(),
            version,
        }),
        Err(fault) => Err(ViewError::Damaged {
            path: path.to_owned(),
            reason: fault.to_string(),
        }),
    }
}

/// Makes the view in `state_dir` durable, whoever wrote it, and the way to it,
/// whoever made that: what is found there after a power cut is what was read
/// now, or newer.
pub(super) fn settle(files: &dyn Files, state_dir: &Path) -> Result<(), ViewError> {
    let path = path_in(state_dir);
    let mut dirs = [Some(state_dir), state_dir.parent()].into_iter().flatten();
    let synced = files
        .sync(&path)
        .and_then(|()| dirs.try_for_each(|dir| files.sync_dir(dir)));
    match synced {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(ViewError::Io {
            action: "sync",
            path,
            source,
        }),
        Ok(()) => Ok(()),
    }
}

/// Replaces the view in `state_dir`, durably. Only the sender may.
pub(super) fn write(files: &dyn Files, state_dir: &Path, ledger: &Ledger) -> Result<(), ViewError> {
    let path = path_in(state_dir);
    let bytes = encode(ledger).map_err(|error| ViewError::Damaged {
        path: path.clone(),
        reason: error.to_string(),
    })?;
    replace(files, state_dir, &path, &bytes).map_err(|source| ViewError::Io {
        action: "write",
        path,
        source,
    })
}

fn replace(files: &dyn Files, state_dir: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("view.tmp");
    match files.remove(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = files.write_new(&temporary, bytes);
    let moved = written.and_then(|()| files.rename(&temporary, path));
    if let Err(error) = moved {
        // On a full disk every byte counts; what is left is removed next time.
        let _ = files.remove(&temporary);
        return Err(error);
    }
    files.sync_dir(state_dir)
}

fn encode(ledger: &Ledger) -> Result<Vec<u8>, CodecError> {
    let body = codec::encode(ledger)?;
    let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
    let mut bytes = Vec::with_capacity(HEADER_BYTES.saturating_add(body.len()));
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(length.to_le_bytes());
    let crc = checksum(&bytes, &body);
    bytes.extend(crc.to_le_bytes());
    bytes.extend(body);
    Ok(bytes)
}

fn decode(bytes: &[u8]) -> Result<Ledger, Fault> {
    let (magic, rest) = bytes.split_first_chunk::<8>().ok_or(Fault::Short)?;
    let (version, rest) = rest.split_first_chunk::<4>().ok_or(Fault::Short)?;
    let (length, rest) = rest.split_first_chunk::<8>().ok_or(Fault::Short)?;
    let (crc, body) = rest.split_first_chunk::<4>().ok_or(Fault::Short)?;
    let (covered, _) = bytes.split_at_checked(20).ok_or(Fault::Short)?;
    if *magic != MAGIC {
        return Err(Fault::Magic);
    }
    if u64::try_from(body.len()).ok() != Some(u64::from_le_bytes(*length)) {
        return Err(Fault::Length);
    }
    if checksum(covered, body) != u32::from_le_bytes(*crc) {
        return Err(Fault::Checksum);
    }
    let ledger: Ledger = match u32::from_le_bytes(*version) {
        VERSION => codec::decode(body)?,
        FORMER_VERSION => codec::decode::<FormerLedger>(body)?.into(),
        other => return Err(Fault::Version(other)),
    };
    if ledger.is_within_limits() {
        Ok(ledger)
    } else {
        Err(Fault::Limits)
    }
}

fn checksum(header: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header);
    hasher.update(body);
    hasher.finalize()
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
