//! Reading a piece of a file into memory.

use std::io;

use crate::log::bytes::as_u64;
use crate::log::storage::StoredFile;

/// Buffers are a multiple of this, so that segments of nearly one length fit in.
const PAGE_BYTES: usize = 4096;

/// Reads `[offset, offset + length)`, or up to the end of the file when that
/// comes first, into `buffer`, replacing what was in it. After an error the
/// buffer is empty: what was not read is never taken for bytes of the file.
///
/// # Errors
/// Any I/O error; interruptions are retried.
pub(super) fn read_range(
    file: &dyn StoredFile,
    offset: u64,
    length: usize,
    buffer: &mut Vec<u8>,
) -> io::Result<()> {
    if buffer.capacity() < length {
        // Given back before there is more: what it has is not wanted any more, and
        // two segments need not fit into memory for that.
        *buffer = Vec::new();
        buffer.reserve_exact(length.next_multiple_of(PAGE_BYTES));
    }
    // What the buffer has is overwritten or cut off, and need not be zeroed.
    buffer.resize(length, 0);
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let at = offset.saturating_add(as_u64(filled));
        match file.read_at(rest, at) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                buffer.clear();
                return Err(error);
            }
        }
    }
    buffer.truncate(filled);
    Ok(())
}
