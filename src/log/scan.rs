//! What the bytes of a segment are: frames, damage, or a tail that was cut.
//!
//! Pure: bytes and what is known of the segment go in, regions come out. The
//! appender, the readers and `log verify` all decide by this one function, so
//! they agree on which sequence numbers are lost.
//!
//! The rules:
//! * A frame counts when its checksum is right and its sequence number and
//!   clock fit what came before, and what the successor recorded.
//! * A bad region with a good, later frame behind it is **damage**: the scan
//!   goes on at that frame, and the numbers between are lost.
//! * A bad region at the end of a *final* segment (its successor recorded
//!   where it ends) is damage.
//! * A bad region at the end of an *open* segment is a **torn tail** when it is
//!   shorter than its lengths say, or when the piece of it in some disk sector
//!   is all zero: a write that never finished, so nobody was told that it did.
//! * What of it was a whole frame once is **damage**, whatever follows: a head or
//!   a trailing length still spans it, or it reaches exactly to the end of
//!   what was written. Its number is used up; that of a good frame which is
//!   there for the second time was used before. See `wreck.rs`.

use crate::log::bytes::as_u64;
use crate::log::frame::{self, Fault, Frame, MAGIC, Seed};
use crate::log::wreck::wreck;
use crate::position::{Lamport, Offset, Seq};

/// The most sequence numbers that one place in a segment can have lost.
const MOST_SKIPPED: u64 = 1 << 24;

/// A range of sequence numbers, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeqRange {
    /// The first number.
    pub from: Seq,
    /// The last number.
    pub to: Seq,
}

impl SeqRange {
    /// The numbers from `from` to the one before `end`, if there are any.
    #[must_use]
    pub fn before(from: Seq, end: Seq) -> Option<Self> {
        (from < end).then(|| Self {
            from,
            to: end.previous(),
        })
    }

    /// How many numbers the range holds.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.to.0.saturating_sub(self.from.0).saturating_add(1)
    }
}

/// What the scan knows before it looks.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    /// Where the segment's checksums start from.
    pub seed: Seed,
    /// The file offset of the first byte.
    pub base: Offset,
    /// The sequence number of the next frame.
    pub seq: Seq,
    /// The clock so far: no later frame has a lower one.
    pub clock: Lamport,
    /// Whether bytes may still follow.
    pub end: End,
}

/// What the end of the bytes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The end of the newest segment's file.
    Open,
    /// The end that the successor recorded, with the last number used before it.
    Final {
        /// The last sequence number that the segment used.
        last_seq: Seq,
    },
}

/// One region of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Region<'a> {
    /// A good frame.
    Frame {
        /// Where it begins.
        offset: Offset,
        /// The frame.
        frame: Frame<'a>,
    },
    /// Bytes that were whole once, or numbers that are missing.
    Damage {
        /// Where it begins.
        offset: Offset,
        /// How many bytes it takes; 0 when only numbers are missing.
        bytes: u64,
        /// Why the first of them is bad.
        fault: Fault,
        /// The numbers that are lost with it.
        lost: Option<SeqRange>,
    },
    /// A write that never finished; always the last region.
    Torn {
        /// Where it begins.
        offset: Offset,
        /// How many bytes it takes.
        bytes: u64,
    },
}

/// An iterator over the regions of `bytes`.
#[derive(Clone, Debug)]
pub struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    seed: Seed,
    base: Offset,
    seq: Seq,
    clock: Lamport,
    end: End,
    finished: bool,
}

impl<'a> Scan<'a> {
    /// A scan of `bytes` with what is known of them.
    #[must_use]
    pub fn new(bytes: &'a [u8], expected: Expected) -> Self {
        Self {
            bytes,
            at: 0,
            seed: expected.seed,
            base: expected.base,
            seq: expected.seq,
            clock: expected.clock,
            end: expected.end,
            finished: false,
        }
    }

    /// The sequence number that the next frame must have: one more than the
    /// last number that is used up, damage included.
    #[must_use]
    pub fn next_seq(&self) -> Seq {
        self.seq
    }

    /// The clock after what was scanned so far.
    #[must_use]
    pub fn clock(&self) -> Lamport {
        self.clock
    }

    fn offset(&self, at: usize) -> Offset {
        self.base.plus(as_u64(at))
    }

    fn rest(&self, at: usize) -> &'a [u8] {
        self.bytes.get(at..).unwrap_or_default()
    }

    /// The frame at `at` when it is good and plausible there.
    fn candidate(&self, at: usize) -> Option<Frame<'a>> {
        let head = frame::head(self.rest(at)).ok()?;
        let plausible =
            head.seq >= self.seq && head.seq <= self.highest() && head.clock >= self.clock;
        if !plausible {
            return None;
        }
        frame::decode(self.rest(at), self.seed).ok()
    }

    /// The highest number that a frame can have here.
    fn highest(&self) -> Seq {
        let most = self.seq.plus(MOST_SKIPPED);
        match self.end {
            End::Open => most,
            End::Final { last_seq } => most.min(last_seq),
        }
    }

    fn take(&mut self, at: usize, frame: Frame<'a>) -> Region<'a> {
        let offset = self.offset(at);
        self.at = at + frame.len_on_disk();
        self.seq = frame.seq.next();
        self.clock = frame.clock;
        Region::Frame { offset, frame }
    }

    /// The next place where a plausible frame begins. That is this very place
    /// when only numbers are missing before it.
    fn resynchronise(&self) -> Option<(usize, Frame<'a>)> {
        let mut at = self.at;
        loop {
            at += find_magic(self.rest(at))?;
            if let Some(frame) = self.candidate(at) {
                return Some((at, frame));
            }
            at += 1;
        }
    }

    /// A region behind which no good frame follows.
    fn last_region(&mut self, fault: Fault) -> Region<'a> {
        let offset = self.offset(self.at);
        let rest = self.rest(self.at);
        let (length, next) = match self.end {
            End::Final { last_seq } => (rest.len(), last_seq.next()),
            End::Open => match wreck(rest, offset, (self.seq, self.seed)) {
                Some((length, used_up)) => (length, self.seq.plus(used_up)),
                None => {
                    self.finished = true;
                    self.at = self.bytes.len();
                    return Region::Torn {
                        offset,
                        bytes: as_u64(rest.len()),
                    };
                }
            },
        };
        self.at += length;
        let lost = SeqRange::before(self.seq, next);
        self.seq = self.seq.max(next);
        Region::Damage {
            offset,
            bytes: as_u64(length),
            fault,
            lost,
        }
    }

    /// At the very end of a final segment: numbers that no frame carries.
    fn missing_at_the_end(&mut self) -> Option<Region<'a>> {
        self.finished = true;
        let End::Final { last_seq } = self.end else {
            return None;
        };
        let lost = SeqRange::before(self.seq, last_seq.next())?;
        self.seq = last_seq.next();
        let offset = self.offset(self.at);
        Some(Region::Damage {
            offset,
            bytes: 0,
            fault: Fault::Cut,
            lost: Some(lost),
        })
    }
}

impl<'a> Iterator for Scan<'a> {
    type Item = Region<'a>;

    fn next(&mut self) -> Option<Region<'a>> {
        if self.finished {
            return None;
        }
        let rest = self.rest(self.at);
        if rest.is_empty() {
            return self.missing_at_the_end();
        }
        let fault = match frame::decode(rest, self.seed) {
            Ok(frame)
                if frame.seq == self.seq
                    && frame.seq <= self.highest()
                    && frame.clock >= self.clock =>
            {
                return Some(self.take(self.at, frame));
            }
            Ok(_) => Fault::OutOfPlace,
            Err(fault) => fault,
        };
        let Some((found, frame)) = self.resynchronise() else {
            return Some(self.last_region(fault));
        };
        let damage = Region::Damage {
            offset: self.offset(self.at),
            bytes: as_u64(found - self.at),
            fault,
            lost: SeqRange::before(self.seq, frame.seq),
        };
        self.at = found;
        self.seq = frame.seq;
        Some(damage)
    }
}

/// The distance to the next frame magic in `bytes`.
fn find_magic(bytes: &[u8]) -> Option<usize> {
    let [first, ..] = MAGIC;
    let mut from = 0;
    loop {
        let rest = bytes.get(from..)?;
        from += rest.iter().position(|byte| *byte == first)?;
        if bytes.get(from..)?.starts_with(&MAGIC) {
            return Some(from);
        }
        from += 1;
    }
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
