//! The end of a segment: its last frame, found in constant time.
//!
//! The trailing length of the last frame leads from the end of what was written to
//! its head, so that opening costs the same for an empty log and for ten million
//! events. Only when those bytes are no frame, or one that does not follow on
//! the one before it, is the segment scanned.

use std::io;

use crate::log::bytes::{as_u64, as_usize};
use crate::log::frame::{self, Frame, HEAD_BYTES, OVERHEAD_BYTES, TAIL_BYTES};
use crate::log::header::{HEADER_BYTES, Header};
use crate::log::scan::{End, Expected, Region, Scan};
use crate::log::segment::MAX_FILE_BYTES;
use crate::log::storage::{StoredFile, read_range};
use crate::position::{Lamport, Offset, Seq};

/// Bytes that are read first: most last frames lie in them whole.
const FIRST_LOOK_BYTES: usize = 4096;

/// Whether bytes follow the last good frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Nothing but prepared space follows the last good frame.
    Clean,
    /// Something follows that is no frame: nothing may be appended behind it.
    Debris {
        /// How many bytes.
        bytes: u64,
    },
}

/// Where a segment ends, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    /// Where the last good frame ends.
    pub end: Offset,
    /// The last sequence number that is used up; the one before the segment's
    /// first when it has no frames.
    pub last_seq: Seq,
    /// This home's clock after it.
    pub last_clock: Lamport,
    /// What follows `end`.
    pub ending: Ending,
    /// The body of the last frame when that is an event of our own.
    pub last_event: Option<Vec<u8>>,
}

impl Tail {
    fn of_empty(header: &Header) -> Self {
        Self {
            end: Offset(as_u64(HEADER_BYTES)),
            last_seq: header.first_seq.previous(),
            last_clock: header.predecessor.last_clock,
            ending: Ending::Clean,
            last_event: None,
        }
    }

    fn after(frame: &Frame<'_>, end: u64) -> Self {
        Self {
            end: Offset(end),
            last_seq: frame.seq,
            last_clock: frame.clock,
            ending: Ending::Clean,
            last_event: (frame.kind == frame::Kind::Event).then(|| frame.body.to_vec()),
        }
    }
}

/// Finds the end of the segment in `file`, of which `size` bytes are written.
pub(super) fn find(file: &dyn StoredFile, header: &Header, size: u64) -> io::Result<Tail> {
    if size < as_u64(HEADER_BYTES) {
        // Cut inside the header: what is written behind would leave a hole.
        let ending = Ending::Debris { bytes: 0 };
        return Ok(Tail {
            ending,
            ..Tail::of_empty(header)
        });
    }
    let frames_bytes = size.saturating_sub(as_u64(HEADER_BYTES));
    if frames_bytes == 0 {
        return Ok(Tail::of_empty(header));
    }
    match last_frame(file, header, size, frames_bytes)? {
        Some(tail) => Ok(tail),
        None => by_scanning(file, header, size),
    }
}

/// The tail when a good frame is the last of the file.
fn last_frame(
    file: &dyn StoredFile,
    header: &Header,
    size: u64,
    frames_bytes: u64,
) -> io::Result<Option<Tail>> {
    let mut buffer = Vec::new();
    let look = as_usize(frames_bytes).min(FIRST_LOOK_BYTES);
    read_range(file, size - as_u64(look), look, &mut buffer)?;
    let ending = buffer
        .last_chunk::<TAIL_BYTES>()
        .map(<[u8; TAIL_BYTES]>::as_slice);
    let Some(body_bytes) = ending.and_then(frame::trailing_body_bytes) else {
        return Ok(None);
    };
    let total = body_bytes + OVERHEAD_BYTES;
    if as_u64(total) > frames_bytes {
        return Ok(None);
    }
    if total > buffer.len() {
        read_range(file, size - as_u64(total), total, &mut buffer)?;
    }
    let start = buffer.len().saturating_sub(total);
    let bytes = buffer.get(start..).unwrap_or_default();
    let fits = |frame: &Frame<'_>| {
        frame.len_on_disk() == bytes.len()
            && frame.seq >= header.first_seq
            && frame.clock >= header.predecessor.last_clock
    };
    let Some(frame) = frame::decode(bytes, header.seed()).ok().filter(fits) else {
        return Ok(None);
    };
    let before = Before {
        file,
        end: size.saturating_sub(as_u64(total)),
        last_bytes: &buffer,
        size,
    };
    let in_place = match before.is_empty() {
        true => frame.seq == header.first_seq,
        false => before.last_number()? == Some(frame.seq.previous()),
    };
    Ok(in_place.then(|| Tail::after(&frame, size)))
}

/// What lies before the last frame of a segment.
///
/// A frame that somebody appended once more is good, but not in its place:
/// taken for the last one it would have numbers used twice.
struct Before<'a> {
    file: &'a dyn StoredFile,
    /// Where the last frame begins.
    end: u64,
    /// What was read already: the last bytes of the file.
    last_bytes: &'a [u8],
    size: u64,
}

impl Before<'_> {
    fn is_empty(&self) -> bool {
        self.end <= as_u64(HEADER_BYTES)
    }

    /// The number that the frame which ends here says it has; `None` when there
    /// is none that can be told by its lengths.
    fn last_number(&self) -> io::Result<Option<Seq>> {
        let Some(trailer) = self.piece(as_u64(TAIL_BYTES), TAIL_BYTES)? else {
            return Ok(None);
        };
        let Some(body_bytes) = frame::trailing_body_bytes(&trailer) else {
            return Ok(None);
        };
        let head = self.piece(as_u64(body_bytes + OVERHEAD_BYTES), HEAD_BYTES)?;
        let head = head.and_then(|head| frame::head(&head).ok());
        Ok(head
            .filter(|head| head.body_bytes == body_bytes)
            .map(|head| head.seq))
    }

    /// `length` bytes, beginning so many bytes before the end.
    fn piece(&self, back: u64, length: usize) -> io::Result<Option<Vec<u8>>> {
        let floor = as_u64(HEADER_BYTES);
        let Some(start) = self.end.checked_sub(back).filter(|start| *start >= floor) else {
            return Ok(None);
        };
        let known_from = self.size.saturating_sub(as_u64(self.last_bytes.len()));
        let known = start
            .checked_sub(known_from)
            .and_then(|from| self.last_bytes.get(as_usize(from)..)?.get(..length));
        if let Some(known) = known {
            return Ok(Some(known.to_vec()));
        }
        let mut piece = Vec::new();
        read_range(self.file, start, length, &mut piece)?;
        Ok(Some(piece))
    }
}

/// The tail of a segment whose end is no good frame.
fn by_scanning(file: &dyn StoredFile, header: &Header, size: u64) -> io::Result<Tail> {
    let mut bytes = Vec::new();
    let length = as_usize(size.saturating_sub(as_u64(HEADER_BYTES))).min(MAX_FILE_BYTES);
    read_range(file, as_u64(HEADER_BYTES), length, &mut bytes)?;
    let empty = Tail::of_empty(header);
    let mut scan = Scan::new(
        &bytes,
        Expected {
            seed: header.seed(),
            base: empty.end,
            seq: header.first_seq,
            clock: empty.last_clock,
            end: End::Open,
        },
    );
    let mut tail = empty;
    for region in scan.by_ref() {
        if let Region::Frame { offset, frame } = region {
            tail = Tail::after(&frame, offset.0.saturating_add(as_u64(frame.len_on_disk())));
        }
    }
    tail.last_seq = scan.next_seq().previous();
    let bytes = size.saturating_sub(tail.end.0);
    tail.ending = if bytes == 0 {
        Ending::Clean
    } else {
        Ending::Debris { bytes }
    };
    Ok(tail)
}

#[cfg(test)]
#[path = "tail_tests.rs"]
mod tests;
