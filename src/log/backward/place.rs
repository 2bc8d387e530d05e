//! A place in one segment, and the way back from it, frame by frame.

use std::io;
use std::ops::Range;
use std::vec;

use crate::log::bytes::{as_u64, as_usize};
use crate::log::frame::{self, Frame, HEAD_BYTES, Kind, OVERHEAD_BYTES, Seed, TAIL_BYTES};
use crate::log::header::{HEADER_BYTES, Header, Predecessor};
use crate::log::scan::{End, Expected, Region, Scan};
use crate::log::segment::{MAX_FILE_BYTES, Opened};
use crate::log::storage::{StoredFile, read_range};
use crate::log::tail;
use crate::position::{Lamport, Offset, Ordinal, Seq};

/// Bytes read at first, enough for a screen of events, and twice as many each
/// time after.
const FIRST_STEP_BYTES: u64 = 16 * 1024;
/// The most bytes read at a time.
const STEP_BYTES: u64 = 256 * 1024;

#[derive(Debug)]
pub(super) struct Place {
    pub(super) ordinal: Ordinal,
    seed: Seed,
    file: Box<dyn StoredFile>,
    first_seq: Seq,
    first_clock: Lamport,
    /// Where the frame before begins is found from here.
    end: u64,
    /// The number that follows on the frame before `end`; a frame with another
    /// one is not in its place. `None` when that frame was found to be.
    next_seq: Option<Seq>,
    /// The offset of the buffer's first byte.
    base: u64,
    /// How many bytes are read next.
    step_bytes: u64,
    /// Frames found by scanning forward, when steps back do not work.
    pub(super) scanned: Option<vec::IntoIter<Found>>,
}

/// A good frame; its body is this range of the buffer.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) kind: Kind,
    pub(super) seq: Seq,
    pub(super) clock: Lamport,
    pub(super) offset: u64,
    pub(super) body: Range<usize>,
}

impl Found {
    fn new(frame: &Frame<'_>, offset: u64, base: u64) -> Self {
        let start = as_usize(offset.saturating_sub(base)) + HEAD_BYTES;
        let body = start..start + frame.body.len();
        Self {
            kind: frame.kind,
            seq: frame.seq,
            clock: frame.clock,
            offset,
            body,
        }
    }
}

impl Place {
    /// At the end that the successor recorded, or at the last good frame.
    pub(super) fn at_end(
        header: &Header,
        opened: Opened,
        recorded: Option<Predecessor>,
    ) -> io::Result<Self> {
        let (end, next_seq) = match recorded {
            Some(recorded) => (
                recorded.valid_end.0.min(opened.size),
                Some(recorded.last_seq.next()),
            ),
            None => {
                let tail = tail::find(opened.file.as_ref(), header, opened.size)?;
                (tail.end.0, None)
            }
        };
        Ok(Self {
            ordinal: header.ordinal,
            seed: header.seed(),
            file: opened.file,
            first_seq: header.first_seq,
            first_clock: header.predecessor.last_clock,
            end,
            next_seq,
            base: end,
            step_bytes: FIRST_STEP_BYTES,
            scanned: None,
        })
    }

    pub(super) fn headless(ordinal: Ordinal, opened: Opened, recorded: Predecessor) -> Self {
        let end = recorded.valid_end.0.min(opened.size);
        Self {
            ordinal,
            seed: Seed::of(&recorded.id),
            file: opened.file,
            first_seq: Seq(1),
            first_clock: Lamport(0),
            end,
            next_seq: Some(recorded.last_seq.next()),
            base: end,
            step_bytes: FIRST_STEP_BYTES,
            scanned: None,
        }
    }

    /// The frame that ends at `end`; `None` at the start of the segment.
    pub(super) fn back(&mut self, buffer: &mut Vec<u8>) -> io::Result<Option<Found>> {
        if self.scanned.is_none() {
            if self.end <= as_u64(HEADER_BYTES) {
                return Ok(None);
            }
            if let Some(found) = self.step_back(buffer)? {
                return Ok(Some(found));
            }
            self.scan_forward(buffer)?;
        }
        Ok(self
            .scanned
            .as_mut()
            .and_then(DoubleEndedIterator::next_back))
    }

    fn step_back(&mut self, buffer: &mut Vec<u8>) -> io::Result<Option<Found>> {
        let claimed = self.window(buffer, as_u64(TAIL_BYTES))?;
        let Some(body_bytes) = claimed.and_then(frame::trailing_body_bytes) else {
            return Ok(None);
        };
        let total = body_bytes + OVERHEAD_BYTES;
        let (seed, end) = (self.seed, self.end);
        let Some(bytes) = self.window(buffer, as_u64(total))? else {
            return Ok(None);
        };
        let next_seq = self.next_seq;
        let is_next = |seq: Seq| next_seq.is_none_or(|next| seq.next() == next);
        match frame::decode(bytes, seed) {
            Ok(frame) if frame.len_on_disk() == total && is_next(frame.seq) => {
                self.end = end - as_u64(total);
                self.next_seq = Some(frame.seq);
                Ok(Some(Found::new(&frame, self.end, self.base)))
            }
            _ => Ok(None),
        }
    }

    /// The `length` bytes before `end`, read when they are not in the buffer.
    fn window<'b>(&mut self, buffer: &'b mut Vec<u8>, length: u64) -> io::Result<Option<&'b [u8]>> {
        let floor = as_u64(HEADER_BYTES);
        let Some(start) = self.end.checked_sub(length).filter(|start| *start >= floor) else {
            return Ok(None);
        };
        let buffered =
            start >= self.base && self.end <= self.base.saturating_add(as_u64(buffer.len()));
        if !buffered {
            let step_bytes = self.step_bytes.max(length);
            self.step_bytes = self.step_bytes.saturating_mul(2).min(STEP_BYTES);
            self.base = self.end.saturating_sub(step_bytes).max(floor);
            let wanted = as_usize(self.end.saturating_sub(self.base));
            read_range(self.file.as_ref(), self.base, wanted, buffer)?;
        }
        let from = as_usize(start.saturating_sub(self.base));
        let to = as_usize(self.end.saturating_sub(self.base));
        Ok(buffer.get(from..to))
    }

    /// Finds all good frames before `end` by scanning the segment, but for
    /// those that come again behind their place and were returned from there.
    fn scan_forward(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        self.base = as_u64(HEADER_BYTES);
        let length = as_usize(self.end.saturating_sub(self.base)).min(MAX_FILE_BYTES);
        read_range(self.file.as_ref(), self.base, length, buffer)?;
        let expected = Expected {
            seed: self.seed,
            base: Offset(self.base),
            seq: self.first_seq,
            clock: self.first_clock,
            end: End::Open,
        };
        let (base, next_seq) = (self.base, self.next_seq);
        let frames: Vec<_> = Scan::new(buffer, expected)
            .filter_map(|region| match region {
                Region::Frame { offset, frame } => Some(Found::new(&frame, offset.0, base)),
                _ => None,
            })
            .filter(|found| next_seq.is_none_or(|next| found.seq < next))
            .collect();
        self.scanned = Some(frames.into_iter());
        Ok(())
    }
}
