//! Reading backward from the end: what `log tail -n` asks for.
//!
//! Trailing lengths lead from frame to frame towards the start, so the newest
//! few cost the same however long the log is. Where a step back does not land
//! on a good frame, the segment is scanned forward instead, which finds every
//! good frame behind damage too.

use std::io;
use std::ops::Range;
use std::vec;

use crate::log::bytes::{as_u64, as_usize};
use crate::log::frame::{self, Frame, HEAD_BYTES, Kind, OVERHEAD_BYTES, Seed, TAIL_BYTES};
use crate::log::header::{HEADER_BYTES, Header, HeaderRead, Predecessor};
use crate::log::read::{Item, ReadError};
use crate::log::scan::{End, Expected, Region, Scan};
use crate::log::segment::{Access, LogDir, Look, MAX_FILE_BYTES, Naming, Opened};
use crate::log::storage::{StoredFile, read_range};
use crate::log::tail;
use crate::position::{Lamport, Offset, Ordinal, Seq};

/// Bytes read at first, enough for a screen of events, and twice as many each
/// time after.
const FIRST_STEP_BYTES: u64 = 16 * 1024;
/// The most bytes read at a time.
const STEP_BYTES: u64 = 256 * 1024;

/// Reads frames from the newest to the oldest.
#[derive(Debug)]
pub struct Backward {
    dir: LogDir,
    /// Segments that were not entered yet, oldest first.
    ordinals: Vec<Ordinal>,
    /// All segments from here on are dealt with.
    below: Ordinal,
    place: Option<Place>,
    /// What the segment entered last said of the one before it.
    predecessor: Option<Predecessor>,
    buffer: Vec<u8>,
    /// Whether reading forward would report nothing of what was met so far.
    untroubled: bool,
}

#[derive(Debug)]
struct Place {
    ordinal: Ordinal,
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
    scanned: Option<vec::IntoIter<Found>>,
}

/// A good frame; its body is this range of the buffer.
#[derive(Debug)]
struct Found {
    kind: Kind,
    seq: Seq,
    clock: Lamport,
    offset: u64,
    body: Range<usize>,
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

impl Backward {
    /// A reader that begins behind the newest frame.
    ///
    /// # Errors
    /// [`ReadError`] when the directory cannot be listed.
    pub fn new(dir: LogDir) -> Result<Self, ReadError> {
        let ordinals = dir
            .ordinals_seen()
            .map_err(ReadError::io("list", dir.path().to_owned()))?;
        Ok(Self {
            dir,
            ordinals,
            below: Ordinal(u64::MAX),
            place: None,
            predecessor: None,
            buffer: Vec::new(),
            untroubled: true,
        })
    }

    /// Whether there was nothing on the way so far, beside missing numbers, that
    /// reading forward would report.
    #[must_use]
    pub fn is_untroubled(&self) -> bool {
        self.untroubled
    }

    /// A reader that begins in the segment which the frame before `seq` lies in,
    /// or behind it where that cannot be told: frames from `seq` on may come first.
    ///
    /// # Errors
    /// As for [`Backward::new`].
    pub fn near(dir: LogDir, seq: Seq) -> Result<Self, ReadError> {
        let mut reader = Self::new(dir)?;
        while let Some(last) = reader.ordinals.last().copied() {
            match reader.dir.header(last) {
                Ok(Some(header)) if header.first_seq >= seq => {
                    reader.predecessor = Some(header.predecessor);
                    reader.done_with(last);
                }
                _ => break,
            }
        }
        Ok(reader)
    }

    /// The frame before, or `None` at the start of the log. Damage is passed
    /// over: reading forward is what reports it.
    ///
    /// # Errors
    /// [`ReadError`]; a segment that vanished because it was pruned is none.
    pub fn step(&mut self) -> Result<Option<Item<'_>>, ReadError> {
        let (ordinal, found) = loop {
            let Some(place) = &mut self.place else {
                if !self.enter()? {
                    return Ok(None);
                }
                continue;
            };
            let failed = ReadError::io("read", self.dir.segment_path(place.ordinal));
            let found = place.back(&mut self.buffer).map_err(failed)?;
            if place.scanned.is_some() {
                self.untroubled = false;
            }
            match found {
                Some(found) => break (place.ordinal, found),
                None => self.place = None,
            }
        };
        let Found {
            kind,
            seq,
            clock,
            offset,
            body,
        } = found;
        let body = self.buffer.get(body).unwrap_or_default();
        Ok(Some(Item {
            seq,
            clock,
            kind,
            ordinal,
            offset: Offset(offset),
            body,
        }))
    }

    /// Goes to the end of the newest segment that was not read yet. A segment
    /// counts as read only when it was opened: after an error it comes again.
    fn enter(&mut self) -> Result<bool, ReadError> {
        loop {
            self.find_missing()?;
            let Some(ordinal) = self.ordinals.last().copied() else {
                return Ok(false);
            };
            let path = self.dir.segment_path(ordinal);
            let opened = match self.dir.open(ordinal, Access::Read) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.done_with(ordinal);
                    continue;
                }
                other => other.map_err(ReadError::io("open", path.clone()))?,
            };
            if opened.naming != Naming::Right || !opened.read.is_whole() {
                self.untroubled = false;
            }
            let recorded = self
                .predecessor
                .filter(|recorded| recorded.ordinal == ordinal);
            let place = match &opened.read {
                HeaderRead::Newer { version } => {
                    return Err(ReadError::Newer {
                        path,
                        version: *version,
                    });
                }
                HeaderRead::Sound { header, .. } if opened.naming != Naming::Wrong => {
                    let header = header.clone();
                    let recorded = recorded.filter(|recorded| recorded.id == header.segment_id);
                    let place = Place::at_end(&header, opened, recorded)
                        .map_err(ReadError::io("read", path))?;
                    self.predecessor = Some(header.predecessor);
                    place
                }
                HeaderRead::Sound { .. } => {
                    self.below = ordinal;
                    self.look_again()?;
                    continue;
                }
                HeaderRead::Unreadable => {
                    match recorded.filter(|recorded| recorded.id != [0; 16]) {
                        Some(recorded) => Place::headless(ordinal, opened, recorded),
                        None => {
                            self.done_with(ordinal);
                            continue;
                        }
                    }
                }
            };
            self.done_with(ordinal);
            self.place = Some(place);
            self.buffer.clear();
            return Ok(true);
        }
    }

    /// The newest segment that is left is dealt with.
    fn done_with(&mut self, ordinal: Ordinal) {
        self.ordinals.pop();
        self.below = ordinal;
    }

    /// When the segment that comes now is not in its place, it may be under
    /// another name.
    fn find_missing(&mut self) -> Result<(), ReadError> {
        let Some(missing) = self.predecessor.map(|predecessor| predecessor.ordinal) else {
            return Ok(());
        };
        if missing.0 == 0 || self.ordinals.last().is_some_and(|last| *last >= missing) {
            return Ok(());
        }
        self.dir
            .sort_out_names(Look::Once)
            .map_err(ReadError::io("list", self.dir.path().to_owned()))?;
        self.look_again()
    }

    /// Lists the segments anew, because names were sorted out.
    fn look_again(&mut self) -> Result<(), ReadError> {
        self.ordinals = self
            .dir
            .ordinals()
            .map_err(ReadError::io("list", self.dir.path().to_owned()))?;
        self.ordinals.retain(|ordinal| *ordinal < self.below);
        Ok(())
    }
}

impl Place {
    /// At the end that the successor recorded, or at the last good frame.
    fn at_end(header: &Header, opened: Opened, recorded: Option<Predecessor>) -> io::Result<Self> {
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

    fn headless(ordinal: Ordinal, opened: Opened, recorded: Predecessor) -> Self {
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
    fn back(&mut self, buffer: &mut Vec<u8>) -> io::Result<Option<Found>> {
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

#[cfg(test)]
#[path = "backward_tests.rs"]
mod tests;
