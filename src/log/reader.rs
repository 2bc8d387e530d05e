//! Reading forward, from a sequence number to the end and, if wanted, onwards.
//!
//! A [`Reader`] takes no lock, writes nothing and works on a read-only mount.
//! It answers [`Step::Idle`] at the end of what is there; called again later it
//! goes on, across new segments, so that reading once and following are the
//! same code.
//!
//! A bad end of the newest segment is only *not yet* a frame: it is judged when
//! a successor has recorded where the segment ends. Before the reader moves on
//! it re-reads the old segment up to that end, so nothing is skipped that was
//! written between two looks.

use crate::log::bytes::{as_u64, as_usize};
use crate::log::frame::{HEAD_BYTES, Kind, Seed};
use crate::log::header::Predecessor;
use crate::log::place::{Fate, Place};
use crate::log::read::{Damage, Item, ReadError, Reason, Step};
use crate::log::scan::{End, Expected, Region, Scan, SeqRange};
use crate::log::segment::{LogDir, MAX_FILE_BYTES};
use crate::log::storage::read_range;
use crate::log::succession::{Found, Passed};
use crate::position::{Lamport, Offset, Ordinal, Seq};

mod border;
mod unfinished;

pub(super) use border::Border;

/// Reads frames in order.
///
/// ```
/// use std::sync::Arc;
/// use spec_kitty::log::{read::Step, reader::Reader, segment::LogDir, storage::Disk};
/// use spec_kitty::position::Seq;
///
/// let dir = tempfile::tempdir()?;
/// let log = LogDir::new(dir.path().join("log"), Arc::new(Disk));
/// let mut reader = Reader::new(log, Seq(1));
/// loop {
///     match reader.step()? {
///         Step::Frame(item) => println!("{} at byte {}", item.seq, item.offset),
///         Step::Damage(damage) => eprintln!("lost: {damage:?}"),
///         Step::Idle => break, // the end for now: step again to follow
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Reader {
    dir: LogDir,
    /// Frames below this number are passed over.
    from: Seq,
    place: Option<Place>,
    buffer: Vec<u8>,
    /// Whether the buffer holds what the present segment should be judged by.
    filled: Filled,
    passed: Passed,
    segments: u64,
    debris_bytes: u64,
    /// What the header of the present segment says of the one before it.
    before: Predecessor,
    /// The segment at whose end this reader stops, for a while.
    stop_after: Option<Ordinal>,
}

/// Whether the last reading of the present segment succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filled {
    Yes,
    /// An error came between: it is read again before anything is judged.
    No,
}

/// What the next bytes of the buffer are.
enum Look {
    Frame {
        kind: Kind,
        seq: Seq,
        clock: Lamport,
        offset: Offset,
        body: (usize, usize),
    },
    Damage(Damage),
    /// Nothing that can be judged now.
    Pending,
    /// Nothing more: the segment is read to its recorded end, or none was begun.
    Exhausted,
}

impl Reader {
    /// A reader that begins with the frame numbered `from`.
    #[must_use]
    pub fn new(dir: LogDir, from: Seq) -> Self {
        Self {
            dir,
            from: from.max(Seq(1)),
            place: None,
            buffer: Vec::new(),
            filled: Filled::Yes,
            passed: Passed::default(),
            segments: 0,
            debris_bytes: 0,
            before: Predecessor::default(),
            stop_after: None,
        }
    }

    /// The number of the next frame to come.
    #[must_use]
    pub fn next_seq(&self) -> Seq {
        self.place
            .as_ref()
            .map(|place| place.seq)
            .or(self.passed.expected)
            .map_or(self.from, |seq| seq.max(self.from))
    }

    /// This home's clock after the last frame that was read.
    #[must_use]
    pub fn clock(&self) -> Lamport {
        self.place.as_ref().map_or(Lamport(0), |place| place.clock)
    }

    /// How many segments were entered so far.
    #[must_use]
    pub fn segments(&self) -> u64 {
        self.segments
    }

    /// The bytes behind the recorded ends of the segments read so far: writes
    /// that never finished.
    #[must_use]
    pub fn debris_bytes(&self) -> u64 {
        self.debris_bytes
    }

    /// The next frame, the next damage, or [`Step::Idle`].
    ///
    /// # Errors
    /// [`ReadError`]. A segment that vanished because it was pruned is none.
    /// After an error nothing is skipped: the next step tries again.
    pub fn step(&mut self) -> Result<Step<'_>, ReadError> {
        if self.filled == Filled::No {
            self.fill()?;
        }
        loop {
            match self.look() {
                Look::Frame { seq, .. } if seq < self.from => {}
                Look::Frame {
                    kind,
                    seq,
                    clock,
                    offset,
                    body: (start, end),
                } => {
                    let ordinal = self.passed.place;
                    let body = self.buffer.get(start..end).unwrap_or_default();
                    return Ok(Step::Frame(Item {
                        seq,
                        clock,
                        kind,
                        ordinal,
                        offset,
                        body,
                    }));
                }
                Look::Damage(damage) => return Ok(Step::Damage(damage)),
                Look::Pending if self.refill()? => {}
                Look::Pending => match self.succeed()? {
                    Found::Nothing => return Ok(Step::Idle),
                    Found::Damage(damage) => return Ok(Step::Damage(damage)),
                    Found::Segment {
                        place, predecessor, ..
                    } => self.finalise(predecessor, place.seq)?,
                },
                Look::Exhausted if self.is_to_stop() => return Ok(Step::Idle),
                Look::Exhausted => match self.succeed()? {
                    Found::Nothing => return Ok(Step::Idle),
                    Found::Damage(damage) => return Ok(Step::Damage(damage)),
                    Found::Segment {
                        place,
                        predecessor,
                        lost,
                    } => {
                        let missing = lost.map(|lost| missing_before(&place, lost));
                        self.before = predecessor;
                        self.enter(*place)?;
                        if let Some(damage) = missing {
                            return Ok(Step::Damage(damage));
                        }
                    }
                },
            }
        }
    }

    fn scan(&self, place: &Place) -> Scan<'_> {
        let end = match place.fate {
            Fate::Open | Fate::Pruned => End::Open,
            Fate::Final { last_seq, .. } => End::Final { last_seq },
        };
        Scan::new(
            self.buffer.get(place.used..).unwrap_or_default(),
            Expected {
                seed: Seed::of(&place.id),
                base: place.unread_offset(),
                seq: place.seq,
                clock: place.clock,
                end,
            },
        )
    }

    /// Judges the next bytes of the buffer and moves past what is certain.
    fn look(&mut self) -> Look {
        let Some(place) = &self.place else {
            return Look::Exhausted;
        };
        let mut scan = self.scan(place);
        let region = scan.next();
        let (seq, clock) = (scan.next_seq(), scan.clock());
        let unread = as_u64(self.buffer.len().saturating_sub(place.used));
        let open = place.fate == Fate::Open;
        match region {
            None if open => Look::Pending,
            Some(Region::Torn { .. }) if open => Look::Pending,
            None | Some(Region::Torn { .. }) => Look::Exhausted,
            Some(Region::Frame { offset, frame }) => {
                let start = place.used + HEAD_BYTES;
                let body = (start, start + frame.body.len());
                let look = Look::Frame {
                    kind: frame.kind,
                    seq: frame.seq,
                    clock: frame.clock,
                    offset,
                    body,
                };
                let length = frame.len_on_disk();
                self.pass(length, seq, clock);
                look
            }
            // The end of an open segment is judged when it has a successor.
            Some(Region::Damage { bytes, .. }) if open && bytes == unread => Look::Pending,
            Some(Region::Damage { bytes, .. }) if place.fate == Fate::Pruned && bytes == unread => {
                Look::Exhausted
            }
            // What looks bad may be half seen: look again first.
            Some(Region::Damage { .. }) if open && !place.fresh => Look::Pending,
            Some(Region::Damage {
                offset,
                bytes,
                fault,
                lost,
            }) => {
                let reason = if bytes == 0 {
                    Reason::Missing
                } else {
                    Reason::Bytes(fault)
                };
                let ordinal = place.ordinal;
                let damage = Damage {
                    ordinal,
                    offset,
                    bytes,
                    reason,
                    lost,
                    clock: place.clock,
                };
                self.pass(as_usize(bytes), seq, clock);
                Look::Damage(damage)
            }
        }
    }

    fn pass(&mut self, length: usize, seq: Seq, clock: Lamport) {
        if let Some(place) = &mut self.place {
            place.used += length;
            place.seq = seq;
            place.clock = clock;
            self.passed.expected = self.passed.expected.max(Some(seq));
            self.passed.clock = clock;
        }
    }

    /// Goes on in `place`.
    fn enter(&mut self, place: Place) -> Result<(), ReadError> {
        self.segments += 1;
        self.passed.enter(&place);
        self.place = Some(place);
        self.fill()
    }

    /// Looks for more in the present segment: whether there is any.
    fn refill(&mut self) -> Result<bool, ReadError> {
        let Some(place) = &self.place else {
            return Ok(false);
        };
        if place.fate != Fate::Open {
            return Ok(false);
        }
        let unread = self.buffer.len().saturating_sub(place.used);
        let seen = place.unread_offset().plus(as_u64(unread));
        let path = || self.dir.segment_path(place.ordinal);
        let size = place
            .file
            .size()
            .map_err(|error| ReadError::io("read", path())(error))?;
        if size <= seen.0 && (unread == 0 || place.fresh) {
            return Ok(false);
        }
        self.fill()?;
        Ok(true)
    }

    /// Reads what was not dealt with yet of the present segment.
    fn fill(&mut self) -> Result<(), ReadError> {
        let Some(place) = &mut self.place else {
            return Ok(());
        };
        place.base = place.unread_offset();
        place.used = 0;
        place.fresh = true;
        self.filled = Filled::No;
        let failed = |path| ReadError::io("read", path);
        let path = self.dir.segment_path(place.ordinal);
        let size = match place.file.size() {
            Ok(size) => size,
            Err(error) => {
                self.buffer.clear();
                return Err(failed(path)(error));
            }
        };
        let end = match place.fate {
            Fate::Open | Fate::Pruned => size,
            Fate::Final { valid_end, .. } => size.min(valid_end.0),
        };
        let length = as_usize(end.saturating_sub(place.base.0)).min(MAX_FILE_BYTES);
        read_range(place.file.as_ref(), place.base.0, length, &mut self.buffer)
            .map_err(failed(path))?;
        self.filled = Filled::Yes;
        if let Fate::Final { .. } = place.fate {
            self.debris_bytes = self.debris_bytes.saturating_add(size.saturating_sub(end));
        }
        Ok(())
    }

    /// The present segment has a successor and will not grow any more: takes
    /// the end that the successor recorded, and reads up to it.
    fn finalise(&mut self, recorded: Predecessor, next_seq: Seq) -> Result<(), ReadError> {
        let Some(place) = &mut self.place else {
            return Ok(());
        };
        let is_gone = self.dir.is_gone(place.ordinal);
        let is_gone = is_gone
            .map_err(|error| ReadError::io("read", self.dir.segment_path(place.ordinal))(error))?;
        let names_it = recorded.ordinal == place.ordinal && recorded.id == place.id;
        place.fate = if names_it {
            Fate::Final {
                valid_end: recorded.valid_end,
                last_seq: recorded.last_seq,
            }
        } else if is_gone {
            Fate::Pruned
        } else {
            // Segments between are missing: what is there is all there is. When
            // some of their numbers are reported already, as those of segments
            // that were passed over, the rest is reported before the next one.
            let some_reported = self.passed.expected > Some(place.seq);
            let next = if some_reported { place.seq } else { next_seq };
            Fate::Final {
                valid_end: Offset(u64::MAX),
                last_seq: next.previous(),
            }
        };
        self.fill()
    }

    fn succeed(&mut self) -> Result<Found, ReadError> {
        self.passed.next(&self.dir, self.from)
    }
}

fn missing_before(place: &Place, lost: SeqRange) -> Damage {
    Damage {
        ordinal: place.ordinal,
        offset: Offset(0),
        bytes: 0,
        reason: Reason::Missing,
        lost: Some(lost),
        clock: place.clock,
    }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
