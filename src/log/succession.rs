//! From one segment to the next: which file comes now, and what is missing.
//!
//! A successor names its predecessor by ordinal and id. That tells a gap from
//! the start of a pruned log, a foreign file from one of ours, and gives the
//! frames of a segment with an unreadable header the seed of their checksums.

use std::io;
use std::ops::Range;

use crate::log::bytes::as_u64;
use crate::log::frame;
use crate::log::header::{COPY_BYTES, HEADER_BYTES, Header, HeaderRead, Predecessor, Space};
use crate::log::place::{Fate, Place};
use crate::log::read::{Damage, ReadError, Reason};
use crate::log::scan::SeqRange;
use crate::log::segment::{Access, LogDir, Look, Naming, Opened};
use crate::log::storage::{StoredFile, read_range};
use crate::position::{Lamport, Offset, Ordinal, Seq};

/// How far a reader has come.
#[derive(Debug, Default)]
pub(super) struct Passed {
    /// The segment that is being read; 0 before the first.
    pub(super) place: Ordinal,
    pub(super) id: [u8; 16],
    /// The number with which that segment began.
    pub(super) began: Seq,
    /// Files up to this one are dealt with.
    pub(super) done: Ordinal,
    /// The file whose header was reported as damaged already.
    pub(super) reported: Ordinal,
    /// The number that the next frame should have; unknown before the first.
    pub(super) expected: Option<Seq>,
    pub(super) clock: Lamport,
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Found {
    Nothing,
    /// A segment, and the numbers that are missing before it.
    Segment {
        place: Box<Place>,
        predecessor: Predecessor,
        lost: Option<SeqRange>,
    },
    /// Something to report; the look after this one gets past it.
    Damage(Damage),
}

impl Passed {
    pub(super) fn enter(&mut self, place: &Place) {
        self.place = place.ordinal;
        self.id = place.id;
        self.began = place.seq;
        self.expected = Some(place.seq);
        self.clock = place.clock;
    }

    /// What comes after the segment that is being read.
    pub(super) fn next(&mut self, dir: &LogDir, from: Seq) -> Result<Found, ReadError> {
        loop {
            let listed = dir.list_seen()?;
            let later = self.later(dir, &listed, from)?;
            let Some((index, opened)) = first_there(dir, &later)? else {
                return Ok(Found::Nothing);
            };
            let Some((ordinal, heirs)) = later.get(index..).and_then(<[_]>::split_first) else {
                return Ok(Found::Nothing);
            };
            if self.is_doubtful(&opened, from) {
                dir.sort_out_names(Look::Once)
                    .map_err(ReadError::io("list", dir.path().to_owned()))?;
                if dir.list_seen()? != listed {
                    continue;
                }
            }
            let named = named_by_heir(dir, *ordinal, heirs);
            // A look at the heirs may have found them under other names.
            if dir.knows_wrong_names() && dir.list_seen()? != listed {
                continue;
            }
            return self.judge(dir, *ordinal, opened, named);
        }
    }

    /// The segments that were not dealt with yet.
    fn later(
        &self,
        dir: &LogDir,
        listed: &[Ordinal],
        from: Seq,
    ) -> Result<Vec<Ordinal>, ReadError> {
        let first_look = self.place.0 == 0 && self.done.0 == 0;
        let start = if first_look {
            start_for(dir, listed, from)?
        } else {
            Ordinal(0)
        };
        let after = self.place.max(self.done);
        let is_later = |ordinal: &Ordinal| *ordinal > after && *ordinal >= start;
        Ok(listed.iter().copied().filter(is_later).collect())
    }

    /// Whether there may be segments under wrong names: this one's is, or one
    /// that comes before it is missing.
    fn is_doubtful(&self, opened: &Opened, from: Seq) -> bool {
        match &opened.read {
            _ if opened.naming == Naming::Wrong => true,
            HeaderRead::Sound { header, .. } => {
                let wanted = self.place.0 > 0 || from < header.first_seq;
                wanted && header.predecessor.ordinal > self.place
            }
            _ => false,
        }
    }

    fn judge(
        &mut self,
        dir: &LogDir,
        ordinal: Ordinal,
        opened: Opened,
        named: Result<Option<Predecessor>, ReadError>,
    ) -> Result<Found, ReadError> {
        match opened.read {
            HeaderRead::Newer { version } => Err(ReadError::Newer {
                path: dir.segment_path(ordinal),
                version,
            }),
            HeaderRead::Sound { header, .. }
                if opened.naming == Naming::Wrong || self.is_alien(&header) =>
            {
                Ok(self.pass_over(ordinal, opened.size, Reason::Alien, None))
            }
            HeaderRead::Sound { .. }
                if opened.naming == Naming::Misnamed && self.reported != ordinal =>
            {
                self.reported = ordinal;
                let (reason, bytes) = (Reason::Misnamed, opened.size);
                Ok(Found::Damage(self.damage(
                    ordinal,
                    Offset(0),
                    bytes,
                    reason,
                    None,
                )))
            }
            HeaderRead::Sound {
                damaged_copy: Some(offset),
                ..
            } if self.reported != ordinal => {
                self.reported = ordinal;
                let bytes = as_u64(COPY_BYTES);
                Ok(Found::Damage(self.damage(
                    ordinal,
                    offset,
                    bytes,
                    Reason::HeaderCopy,
                    None,
                )))
            }
            HeaderRead::Sound { header, .. } => {
                // A successor that cannot be read now is told of when it comes.
                let named = named.ok().flatten();
                self.segment(dir, ordinal, &header, opened.file, named)
            }
            HeaderRead::Unreadable => match named? {
                Some(named) if named.id != [0; 16] && self.reported == ordinal => {
                    self.headless(dir, ordinal, opened.file, named)
                }
                Some(named) if named.id != [0; 16] => {
                    self.reported = ordinal;
                    let (reason, bytes) = (Reason::UnreadableHeader, as_u64(HEADER_BYTES));
                    Ok(Found::Damage(self.damage(
                        ordinal,
                        Offset(0),
                        bytes,
                        reason,
                        None,
                    )))
                }
                named => {
                    let lost = named
                        .zip(self.expected)
                        .and_then(|(named, seq)| SeqRange::before(seq, named.last_seq.next()));
                    self.expected = self.expected.max(lost.map(|range| range.to.next()));
                    Ok(self.pass_over(ordinal, opened.size, Reason::UnreadableHeader, lost))
                }
            },
        }
    }

    fn is_alien(&self, header: &Header) -> bool {
        self.expected
            .is_some_and(|expected| is_alien(header, (self.place, self.id), self.began..expected))
    }

    fn segment(
        &self,
        dir: &LogDir,
        ordinal: Ordinal,
        header: &Header,
        file: Box<dyn StoredFile>,
        named: Option<Predecessor>,
    ) -> Result<Found, ReadError> {
        let gap = self
            .expected
            .and_then(|seq| SeqRange::before(seq, header.first_seq));
        // Pruning removes the oldest first: where the segment that is being
        // read is gone, those behind it were pruned and are not missing.
        let lost = match gap {
            Some(_) if is_gone(dir, self.place)? => None,
            other => other,
        };
        let start = (header.first_seq, header.predecessor.last_clock);
        // What lies behind the end that the successor recorded was never
        // confirmed to anybody, also when it is a whole frame.
        let fate = match named.filter(|named| named.id == header.segment_id) {
            Some(named) => Fate::Final {
                valid_end: named.valid_end,
                last_seq: named.last_seq,
            },
            None => Fate::Open,
        };
        let place = Place::new(ordinal, header.segment_id, file, start, fate, header.space);
        Ok(Found::Segment {
            place: Box::new(place),
            predecessor: header.predecessor,
            lost,
        })
    }

    /// A segment whose own header is unreadable, as its successor describes it.
    fn headless(
        &self,
        dir: &LogDir,
        ordinal: Ordinal,
        file: Box<dyn StoredFile>,
        named: Predecessor,
    ) -> Result<Found, ReadError> {
        let seq = match self.expected {
            None => first_seq_of(file.as_ref(), &named)
                .map_err(|error| ReadError::io("read", dir.segment_path(ordinal))(error))?,
            expected => expected,
        };
        let seq = seq.unwrap_or(Seq(1));
        let fate = Fate::Final {
            valid_end: named.valid_end,
            last_seq: named.last_seq,
        };
        // Its recorded end says where it ends, whatever is behind that.
        let space = Space::Grown;
        let place = Place::new(ordinal, named.id, file, (seq, self.clock), fate, space);
        let predecessor = Predecessor {
            ordinal: self.place,
            ..Predecessor::default()
        };
        Ok(Found::Segment {
            place: Box::new(place),
            predecessor,
            lost: None,
        })
    }

    fn pass_over(
        &mut self,
        ordinal: Ordinal,
        bytes: u64,
        reason: Reason,
        lost: Option<SeqRange>,
    ) -> Found {
        self.done = ordinal;
        Found::Damage(self.damage(ordinal, Offset(0), bytes, reason, lost))
    }

    fn damage(
        &self,
        ordinal: Ordinal,
        offset: Offset,
        bytes: u64,
        reason: Reason,
        lost: Option<SeqRange>,
    ) -> Damage {
        Damage {
            ordinal,
            offset,
            bytes,
            reason,
            lost,
            clock: self.clock,
        }
    }
}

/// Whether a segment claims a place that is not its own behind the segment at
/// `place` with the numbers `used`: numbers that were used already, or another
/// file where that one is.
///
/// One that names the segment at `place` is not alien: where numbers of that
/// segment were read that it uses again, those that were read lie behind the end
/// that it recorded, and count for nothing.
pub(super) fn is_alien(header: &Header, place: (Ordinal, [u8; 16]), used: Range<Seq>) -> bool {
    let predecessor = &header.predecessor;
    if predecessor.ordinal == place.0 && predecessor.id == place.1 {
        return header.first_seq <= predecessor.last_seq || header.first_seq < used.start;
    }
    let stranger = predecessor.ordinal == place.0 && predecessor.id != [0; 16];
    header.first_seq < used.end || stranger
}

/// The first of these segments that is still there.
fn first_there(dir: &LogDir, ordinals: &[Ordinal]) -> Result<Option<(usize, Opened)>, ReadError> {
    for (index, ordinal) in ordinals.iter().enumerate() {
        match dir.open(*ordinal, Access::Read) {
            // Pruned between the listing and now.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(ReadError::io("open", dir.segment_path(*ordinal))(error)),
            Ok(opened) => return Ok(Some((index, opened))),
        }
    }
    Ok(None)
}

fn is_gone(dir: &LogDir, ordinal: Ordinal) -> Result<bool, ReadError> {
    dir.is_gone(ordinal)
        .map_err(|error| ReadError::io("read", dir.segment_path(ordinal))(error))
}

/// The number of the first frame, when that is sound.
fn first_seq_of(file: &dyn StoredFile, named: &Predecessor) -> io::Result<Option<Seq>> {
    let mut bytes = Vec::new();
    let most = frame::MAX_BODY_BYTES + frame::OVERHEAD_BYTES;
    read_range(file, as_u64(HEADER_BYTES), most, &mut bytes)?;
    let frame = frame::decode(&bytes, frame::Seed::of(&named.id));
    Ok(frame.ok().map(|frame| frame.seq))
}

/// What the next sound segment says of the one with this ordinal.
fn named_by_heir(
    dir: &LogDir,
    ordinal: Ordinal,
    heirs: &[Ordinal],
) -> Result<Option<Predecessor>, ReadError> {
    for heir in heirs {
        let Some(header) = header_of(dir, *heir)? else {
            continue;
        };
        let predecessor = header.predecessor;
        if predecessor.ordinal >= ordinal {
            return Ok(Some(predecessor).filter(|named| named.ordinal == ordinal));
        }
    }
    Ok(None)
}

/// The last segment that begins at or before `from`, found in a logarithmic
/// number of looks. An unreadable one sends the search to earlier segments,
/// which costs time and nothing else.
fn start_for(dir: &LogDir, ordinals: &[Ordinal], from: Seq) -> Result<Ordinal, ReadError> {
    let begins_before = |ordinal| -> Result<bool, ReadError> {
        Ok(header_of(dir, ordinal)?.is_some_and(|header| header.first_seq <= from))
    };
    // Mostly it is the newest. One that cannot be read is told of when it comes.
    if let Some(newest) = ordinals.last().copied().filter(|_| from > Seq(1))
        && begins_before(newest).unwrap_or(false)
    {
        return Ok(newest);
    }
    let mut candidates = ordinals;
    let mut start = ordinals.first().copied().unwrap_or_default();
    while let Some((below, [middle, above @ ..])) =
        candidates.split_at_checked(candidates.len() / 2)
    {
        if begins_before(*middle)? {
            start = *middle;
            candidates = above;
        } else {
            candidates = below;
        }
    }
    Ok(start)
}

/// The header of a segment that is in its place; `None` when it cannot be made
/// out, or the file was pruned meanwhile.
fn header_of(dir: &LogDir, ordinal: Ordinal) -> Result<Option<Header>, ReadError> {
    let opened = match dir.open(ordinal, Access::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(ReadError::io("open", dir.segment_path(ordinal)))?,
    };
    Ok(match opened.read {
        HeaderRead::Sound { header, .. } if opened.naming != Naming::Wrong => Some(header),
        _ => None,
    })
}
