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
//!
//! Good frames are read in pieces. Whatever else is met is judged with all the
//! rest of the segment at hand: what bytes that are no frame mean depends on what
//! follows them.

use crate::log::bytes::{as_u64, as_usize};
use crate::log::frame::{HEAD_BYTES, Kind};
use crate::log::header::Predecessor;
use crate::log::place::{Fate, Filled, Place};
use crate::log::read::{Damage, Item, ReadError, Reason, Step};
use crate::log::scan::{End, Expected, Region, Scan, SeqRange};
use crate::log::segment::{LogDir, MAX_FILE_BYTES};
use crate::log::succession::{Found, Passed};
use crate::position::{Lamport, Offset, Ordinal, Seq};

mod border;
mod more;
mod unfinished;

pub(super) use border::Border;
use more::PIECE_BYTES;

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
    /// What the buffer holds of the present segment.
    filled: Filled,
    passed: Passed,
    segments: u64,
    /// Of the segments before the present one.
    debris_bytes: u64,
    /// What the header of the present segment says of the one before it.
    before: Predecessor,
    /// The segment at whose end this reader stops, for a while.
    stop_after: Option<Ordinal>,
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
    /// Nothing that can be told from what was read: so much is to be read first.
    More {
        at_most: usize,
    },
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
            filled: Filled::Whole,
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
        let present = self.place.as_ref().map_or(0, |place| place.debris_bytes);
        self.debris_bytes.saturating_add(present)
    }

    /// The next frame, the next damage, or [`Step::Idle`].
    ///
    /// # Errors
    /// [`ReadError`]. A segment that vanished because it was pruned is none.
    /// After an error nothing is skipped: the next step tries again.
    pub fn step(&mut self) -> Result<Step<'_>, ReadError> {
        if self.filled == Filled::No {
            self.fill(PIECE_BYTES)?;
        }
        loop {
            match self.look() {
                Look::More { at_most } => self.fill(at_most)?,
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
                seed: place.seed,
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
        let (open, here) = (place.fate == Fate::Open, place.unread_offset());
        match region {
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
            _ if self.filled == Filled::Part && place.used > 0 => Look::More {
                at_most: PIECE_BYTES,
            },
            _ if self.filled == Filled::Part => Look::More {
                at_most: MAX_FILE_BYTES,
            },
            None if open => Look::Pending,
            Some(Region::Torn { .. }) if open => Look::Pending,
            None | Some(Region::Torn { .. }) => Look::Exhausted,
            // The end of an open segment is judged when it has a successor.
            Some(Region::Damage { bytes, .. }) if open && bytes == unread => Look::Pending,
            Some(Region::Damage { bytes, .. }) if place.fate == Fate::Pruned && bytes == unread => {
                Look::Exhausted
            }
            // What looks bad may be half seen: it is looked at again first.
            Some(Region::Damage { .. }) if open && place.doubted != Some(here) => {
                self.doubt(here);
                Look::More {
                    at_most: MAX_FILE_BYTES,
                }
            }
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

    fn doubt(&mut self, here: Offset) {
        if let Some(place) = &mut self.place {
            place.doubted = Some(here);
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
        self.debris_bytes = self.debris_bytes();
        self.passed.enter(&place);
        self.place = Some(place);
        self.fill(PIECE_BYTES)
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
        self.fill(PIECE_BYTES)
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
