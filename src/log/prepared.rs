//! Space that is prepared for frames to come: zeros behind the last one.
//!
//! A sync costs a file system with a journal three times as much when the file
//! has become longer (`docs/decisions/log.md`). So whoever has to lengthen the
//! newest segment may do it by more than its frames need, with zeros, in the same
//! write, and the next appends only fill them. A segment says in its header
//! whether that may be so in it.
//!
//! No frame ends with a zero byte, so **such a segment ends behind its last byte
//! that is not zero**, whatever the length of its file. All that is said of an end,
//! torn tails included, is said of that one.
//!
//! Without the writer lock a piece of the file may be seen half written: later
//! bytes before earlier ones. Whoever has seen the later ones sees the earlier ones
//! in the next read.

use std::io;

use crate::log::bytes::{as_u64, as_usize};
use crate::log::header::{HEADER_BYTES, Space};
use crate::log::segment::MAX_FILE_BYTES;
use crate::log::storage::{StoredFile, read_range};

/// Bytes that are looked at first; four times as many each time after.
const FIRST_STEP_BYTES: u64 = 4096;
const STEP_BYTES: u64 = 256 * 1024;

/// More bytes than are zero in a row in any frame.
pub(super) const PEEK_BYTES: usize = 512;

/// How many zeros to write behind a write that ends at `end` in a file of `length`
/// bytes: none where it was long enough, else up to the next multiple of `step`, but
/// not beyond `limit`, where no frame begins.
pub(super) fn zeros_behind(end: u64, length: u64, step: u64, limit: u64) -> u64 {
    if end <= length {
        return 0;
    }
    let ahead = end.checked_next_multiple_of(step).unwrap_or(end);
    ahead.min(limit).saturating_sub(end)
}

/// Where a segment ends in a file of `length` bytes.
pub(super) fn end_of(file: &dyn StoredFile, length: u64, space: Space) -> io::Result<u64> {
    match space {
        Space::Prepared => written_end(file, length, as_u64(HEADER_BYTES)),
        Space::Grown => Ok(length),
    }
}

/// Where the bytes of a file end that are not zero: at `floor` when there are none
/// behind it, or none in the last [`MAX_FILE_BYTES`].
pub(super) fn written_end(file: &dyn StoredFile, size: u64, floor: u64) -> io::Result<u64> {
    let floor = floor.max(size.saturating_sub(as_u64(MAX_FILE_BYTES)));
    let (mut end, mut step_bytes) = (size, FIRST_STEP_BYTES);
    let mut piece = Vec::new();
    while end > floor {
        let from = end.saturating_sub(step_bytes).max(floor);
        read_range(file, from, as_usize(end - from), &mut piece)?;
        let written = written_length(&piece);
        if written > 0 {
            return Ok(from.saturating_add(as_u64(written)));
        }
        end = from;
        step_bytes = step_bytes.saturating_mul(4).min(STEP_BYTES);
    }
    Ok(end)
}

/// The length of `bytes` without the zeros at their end.
pub(super) fn written_length(bytes: &[u8]) -> usize {
    const BLOCK: [u8; 64] = [0; 64];
    let zeros: usize = bytes
        .rchunks(BLOCK.len())
        .take_while(|block| **block == BLOCK)
        .map(<[u8]>::len)
        .sum();
    let rest = bytes.get(..bytes.len().saturating_sub(zeros));
    let rest = rest.unwrap_or_default();
    rest.iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1)
}

/// Whether nothing was written at `end`, where a frame would begin.
pub(super) fn is_blank(file: &dyn StoredFile, end: u64) -> io::Result<bool> {
    let mut piece = [0; PEEK_BYTES];
    loop {
        match file.read_at(&mut piece, end) {
            Ok(_) => return Ok(written_length(&piece) == 0),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
#[path = "prepared_tests.rs"]
mod tests;
