//! The one way in which bytes come into a segment.
//!
//! With one call, unless there are so many that the disk may as well begin with the
//! first of them while the others are handed over. What of a write is missing is
//! never added later: nothing may be written behind debris.

use std::io;

use crate::log::bytes::as_u64;
use crate::log::storage::StoredFile;
use crate::position::Offset;

/// A longer write is made in pieces of this size, each of which the disk is told to
/// begin with. Of 8 MiB, write and sync take two thirds of the time then: while the
/// second piece is copied the first is on its way. Pieces of 2 MiB do as well.
const PIECE_BYTES: usize = 1024 * 1024;

/// What a write did.
#[derive(Debug)]
pub(super) enum Written {
    /// All that mattered, and so many bytes with what did not.
    All { bytes: u64 },
    /// Only so many bytes: the disk is full, or a limit is reached.
    Short(u64),
    /// Nobody knows how many.
    Failed(io::Error),
}

/// Writes `bytes`, of which the first `wanted` matter, at `offset`.
pub(super) fn write_out(
    file: &dyn StoredFile,
    bytes: &[u8],
    wanted: usize,
    offset: Offset,
) -> Written {
    let mut written = 0;
    for piece in bytes.chunks(PIECE_BYTES) {
        let at = offset.0.saturating_add(as_u64(written));
        match file.write_at(piece, at) {
            Ok(count) => {
                written = written.saturating_add(count);
                if count < piece.len() {
                    break;
                }
            }
            Err(error) if written > 0 && has_no_room(&error) => break,
            Err(error) => return Written::Failed(error),
        }
        if bytes.len() > PIECE_BYTES {
            file.begin_to_sync(at, as_u64(piece.len()));
        }
    }
    match written >= wanted {
        true => Written::All {
            bytes: as_u64(written),
        },
        false => Written::Short(as_u64(written)),
    }
}

/// Whether a write failed in a way in which it wrote nothing.
fn has_no_room(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

/// The error of a short write.
pub(super) fn short(written: u64, wanted: usize) -> io::Error {
    let text = format!("only {written} of {wanted} bytes could be written; is the disk full?");
    io::Error::new(io::ErrorKind::StorageFull, text)
}

#[cfg(test)]
#[path = "writing_tests.rs"]
mod tests;
