//! From one segment to the next: which file comes now, and what is missing.
//!
//! A successor names its predecessor by ordinal and id. That tells a gap from
//! the start of a pruned log, a foreign file from one of ours, and gives the
//! frames of a segment with an unreadable header the seed of their checksums.

use std::io;

use crate::log::bytes::as_u64;
use crate::log::frame;
use crate::log::header::{COPY_BYTES, HEADER_BYTES, Header, HeaderRead, Predecessor};
use crate::log::place::{Fate, Place};
use crate::log::read::{Damage, ReadError, Reason};
use crate::log::scan::SeqRange;
use crate::log::segment::{Access, LogDir, Naming, Opened};
use crate::log::storage::{StoredFile, read_range};
use crate::position::{Lamport, Offset, Ordinal, Seq};

/// How far a reader has come.
#[derive(Debug, Default)]
pub(super) struct Passed {
    /// The segment that is being read; 0 before the first.
    pub(super) place: Ordinal,
    id: [u8; 16],
    /// Files up to this one are dealt with.
    done: Ordinal,
    /// The file whose header was reported as damaged already.
    reported: Ordinal,
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
        self.expected = Some(place.seq);
        self.clock = place.clock;
    }

    /// What comes after the segment that is being read.
    pub(super) fn next(&mut self, dir: &LogDir, from: Seq) -> Result<Found, ReadError> {
        let listed = dir
            .ordinals()
            .map_err(ReadError::io("list", dir.path().to_owned()))?;
        let first_look = self.place.0 == 0 && self.done.0 == 0;
        let start = if first_look {
            start_for(dir, &listed, from)
        } else {
            Ordinal(0)
        };
        let after = self.place.max(self.done);
        let later: Vec<_> = listed
            .into_iter()
            .filter(|ordinal| *ordinal > after && *ordinal >= start)
            .collect();
        for (index, ordinal) in later.iter().enumerate() {
            let opened = match dir.open(*ordinal, Access::Read) {
                // Pruned between the listing and now.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other.map_err(ReadError::io("open", dir.segment_path(*ordinal)))?,
            };
            let heirs = later.get(index + 1..).unwrap_or_default();
            return self.judge(dir, *ordinal, opened, heirs);
        }
        Ok(Found::Nothing)
    }

    fn judge(
        &mut self,
        dir: &LogDir,
        ordinal: Ordinal,
        opened: Opened,
        heirs: &[Ordinal],
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
            HeaderRead::Sound { header, .. } => Ok(self.segment(ordinal, &header, opened.file)),
            HeaderRead::Unreadable => match named_by_heir(dir, ordinal, heirs) {
                Some(named) if named.id != [0; 16] && self.reported == ordinal => {
                    Ok(self.headless(ordinal, opened.file, named))
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

    /// Whether a segment claims a place that is not its own: numbers that were
    /// read already, or another file where the present segment is.
    fn is_alien(&self, header: &Header) -> bool {
        let Some(expected) = self.expected else {
            return false;
        };
        let predecessor = &header.predecessor;
        let stranger = predecessor.ordinal == self.place
            && predecessor.id != self.id
            && predecessor.id != [0; 16];
        header.first_seq < expected || stranger
    }

    fn segment(&self, ordinal: Ordinal, header: &Header, file: Box<dyn StoredFile>) -> Found {
        let lost = self
            .expected
            .and_then(|seq| SeqRange::before(seq, header.first_seq));
        let start = (header.first_seq, header.predecessor.last_clock);
        let place = Place::new(ordinal, header.segment_id, file, start, Fate::Open);
        Found::Segment {
            place: Box::new(place),
            predecessor: header.predecessor,
            lost,
        }
    }

    /// A segment whose own header is unreadable, as its successor describes it.
    fn headless(&self, ordinal: Ordinal, file: Box<dyn StoredFile>, named: Predecessor) -> Found {
        let seq = self
            .expected
            .or_else(|| first_seq_of(file.as_ref(), &named))
            .unwrap_or(Seq(1));
        let fate = Fate::Final {
            valid_end: named.valid_end,
            last_seq: named.last_seq,
        };
        let place = Place::new(ordinal, named.id, file, (seq, self.clock), fate);
        let predecessor = Predecessor {
            ordinal: self.place,
            ..Predecessor::default()
        };
        Found::Segment {
            place: Box::new(place),
            predecessor,
            lost: None,
        }
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

/// The number of the first frame, when that is sound.
fn first_seq_of(file: &dyn StoredFile, named: &Predecessor) -> Option<Seq> {
    let mut bytes = Vec::new();
    let most = frame::MAX_BODY_BYTES + frame::OVERHEAD_BYTES;
    read_range(file, as_u64(HEADER_BYTES), most, &mut bytes).ok()?;
    frame::decode(&bytes, frame::Seed::of(&named.id))
        .ok()
        .map(|frame| frame.seq)
}

/// What the next sound segment says of the one with this ordinal.
fn named_by_heir(dir: &LogDir, ordinal: Ordinal, heirs: &[Ordinal]) -> Option<Predecessor> {
    heirs
        .iter()
        .filter_map(|heir| header_of(dir, *heir))
        .map(|header| header.predecessor)
        .find(|predecessor| predecessor.ordinal >= ordinal)
        .filter(|predecessor| predecessor.ordinal == ordinal)
}

/// The last segment that begins at or before `from`, found in a logarithmic
/// number of looks. An unreadable one sends the search to earlier segments,
/// which costs time and nothing else.
fn start_for(dir: &LogDir, ordinals: &[Ordinal], from: Seq) -> Ordinal {
    let begins_by =
        |ordinal: &Ordinal| header_of(dir, *ordinal).is_some_and(|header| header.first_seq <= from);
    let index = ordinals.partition_point(begins_by);
    ordinals
        .get(index.saturating_sub(1))
        .copied()
        .unwrap_or_default()
}

fn header_of(dir: &LogDir, ordinal: Ordinal) -> Option<Header> {
    let opened = dir.open(ordinal, Access::Read).ok()?;
    match opened.read {
        HeaderRead::Sound { header, .. } if opened.naming == Naming::Right => Some(header),
        _ => None,
    }
}
