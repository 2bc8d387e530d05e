//! Reading more of a segment into the buffer.

use crate::log::place::{Fate, Filled};
use crate::log::prepared::is_blank;
use crate::log::read::ReadError;
use crate::log::reader::Reader;
use crate::log::segment::MAX_FILE_BYTES;

/// How many bytes are read at a time while there is nothing but good frames.
pub(super) const PIECE_BYTES: usize = 256 * 1024;

impl Reader {
    /// Looks for more in the present segment: whether there is any.
    pub(super) fn refill(&mut self) -> Result<bool, ReadError> {
        let Some(place) = self.place.as_ref().filter(|place| place.fate == Fate::Open) else {
            return Ok(false);
        };
        let unread = self.buffer.get(place.used..).unwrap_or_default().to_vec();
        if unread.is_empty() {
            let is_blank = is_blank(place.file.as_ref(), place.unread_offset().0);
            let path = || self.dir.segment_path(place.ordinal);
            if is_blank.map_err(|error| ReadError::io("read", path())(error))? {
                return Ok(false);
            }
        }
        // Of what is no frame the last bytes may have been seen before the first.
        self.fill(if unread.is_empty() {
            PIECE_BYTES
        } else {
            MAX_FILE_BYTES
        })?;
        Ok(self.buffer != unread)
    }

    /// Reads what was not dealt with yet of the present segment, so many bytes at
    /// most.
    pub(super) fn fill(&mut self, at_most: usize) -> Result<(), ReadError> {
        let Some(place) = &mut self.place else {
            return Ok(());
        };
        place.base = place.unread_offset();
        place.used = 0;
        self.filled = Filled::No;
        let path = self.dir.segment_path(place.ordinal);
        let filled = place.read(at_most, &mut self.buffer);
        if filled.is_err() {
            self.buffer.clear();
        }
        self.filled = filled.map_err(ReadError::io("read", path))?;
        Ok(())
    }
}
