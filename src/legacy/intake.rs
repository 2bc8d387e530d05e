//! One source, read into the stage: each event is taken, or refused by name.

use std::io::BufReader;
use std::path::Path;

use crate::event::{EventHeader, Flags, Foreign, encode_body};
use crate::legacy::LegacyError;
use crate::legacy::clock_file::ClockFile;
use crate::legacy::gather::{OwnersIn, Phase, SourceReport, Tell, go_on, whole};
use crate::legacy::journal::{self, Frame, log_in};
use crate::legacy::lines::Lines;
use crate::legacy::queue::{self, QueueRow, Rows, Taken};
use crate::legacy::recover::salvage_all;
use crate::legacy::refusal::{Place, Why};
use crate::legacy::repair;
use crate::legacy::snapshot::{self, Snapshot};
use crate::legacy::source::{Kind, Source};
use crate::legacy::stage::{Added, Candidate, Refused, Stage};
use crate::platform;
use crate::target::TargetId;

/// How often progress is told, in events.
const TELL_EVERY: u64 = 512;

/// Takes in the rows of one source.
pub(super) struct Intake<'a, 't> {
    pub(super) stage: &'a Stage,
    pub(super) index: usize,
    pub(super) owner: TargetId,
    pub(super) report: SourceReport,
    /// Used again for each event.
    pub(super) body: Vec<u8>,
    pub(super) done: &'a mut u64,
    pub(super) tell: &'a mut Tell<'t>,
}

/// One event as a source has it.
struct Raw<'a> {
    place: Place,
    json: &'a [u8],
    owner: TargetId,
    flags: Flags,
    queued: i64,
    retries: u32,
    /// Its time where its own cannot be read.
    otherwise_us: i64,
}

impl Intake<'_, '_> {
    pub(super) fn read(
        &mut self,
        source: &Source,
        owners_in: &OwnersIn<'_>,
    ) -> Result<(), LegacyError> {
        match source.kind {
            Kind::Queue => self.queue(&source.path),
            Kind::Ndjson => self.lines(&source.path),
            Kind::Log => {
                let dir = log_in(&source.path);
                let owner_of = owners_in(&dir)?;
                journal::read(&dir, &*owner_of, |frame| self.frame(&frame))
            }
            Kind::Clock => match ClockFile::read(&source.path)? {
                None => Ok(()),
                Some(Ok(clock)) => {
                    self.report.clock = Some(clock.value);
                    Ok(())
                }
                Some(Err(fault)) => self.lost(Place::Whole, Why::Clock(fault)),
            },
        }
    }

    /// A queue, read from a private copy; the header of the copy is made anew
    /// when it is not one.
    fn queue(&mut self, path: &Path) -> Result<(), LegacyError> {
        let copy = match platform::open_regular(path) {
            Ok((_, metadata)) if metadata.len() == 0 => return self.lost(Place::Whole, Why::Empty),
            Ok(_) => match Snapshot::take(path)? {
                snapshot::Taken::Copy(copy) => copy,
                snapshot::Taken::Unsteady => return self.lost(Place::Whole, Why::Unsteady),
            },
            // One queue that cannot be opened does not keep the others out.
            Err(error) => return self.lost(Place::Whole, Why::Unreadable(error.to_string())),
        };
        let failed = |source| LegacyError::io("repair the copy of", path)(source);
        let others = if repair::has_magic(copy.path()).map_err(failed)? {
            queue::read(copy.path(), self)?
        } else if repair::write_header(copy.path()).map_err(failed)? {
            self.lost(Place::Whole, Why::NoHeader)?;
            queue::read(copy.path(), self)?
        } else {
            salvage_all(copy.path(), &Why::NotSqlite.to_string(), self)?
        };
        self.report.bodies = others.bodies;
        self.report.recovered = others.recovered.iter().collect();
        Ok(())
    }

    fn lines(&mut self, path: &Path) -> Result<(), LegacyError> {
        let failed = |source| LegacyError::io("read", path)(source);
        let (file, _) = platform::open_regular(path).map_err(failed)?;
        let mut lines = Lines::new(BufReader::with_capacity(256 * 1024, file));
        while let Some((number, line)) = lines.next().map_err(failed)? {
            let place = Place::Line(number);
            match line {
                Err(bytes) => self.lost(place, Why::TooLong(bytes))?,
                Ok(json) => self.keep(&Raw {
                    place,
                    json,
                    owner: self.owner,
                    flags: Flags::default(),
                    queued: i64::try_from(number).unwrap_or(i64::MAX),
                    retries: 0,
                    otherwise_us: 0,
                })?,
            }
        }
        Ok(())
    }

    fn frame(&mut self, frame: &Frame<'_>) -> Result<(), LegacyError> {
        match *frame {
            Frame::Lost { seq, word } => self.lost(Place::Frame(seq.0), Why::Damaged(word)),
            Frame::Event {
                seq,
                json,
                owner,
                flags,
                timestamp_us,
            } => self.keep(&Raw {
                place: Place::Frame(seq.0),
                json,
                owner,
                flags,
                queued: i64::try_from(seq.0).unwrap_or(i64::MAX),
                retries: 0,
                otherwise_us: timestamp_us,
            }),
        }
    }

    fn raw<'a>(&self, row: &QueueRow<'_>, json: &'a [u8]) -> Raw<'a> {
        Raw {
            place: Place::Row(row.id),
            json,
            owner: self.owner,
            flags: Flags::default().with_attempts(row.retries),
            queued: row.queued_s,
            retries: row.retries,
            otherwise_us: row.queued_s.saturating_mul(1_000_000),
        }
    }

    /// Takes in one event; one that came already is counted as that.
    fn keep(&mut self, raw: &Raw<'_>) -> Result<(), LegacyError> {
        if self.take(raw)? == Taken::Known {
            self.report.present = self.report.present.saturating_add(1);
        }
        Ok(())
    }

    /// Takes in one event, or says why not.
    fn take(&mut self, raw: &Raw<'_>) -> Result<Taken, LegacyError> {
        *self.done = self.done.saturating_add(1);
        if self.done.is_multiple_of(TELL_EVERY) {
            go_on(self.tell, Phase::Reading, *self.done)?;
        }
        let json = raw.json.trim_ascii();
        let event = match Foreign::read(json) {
            Ok(event) => event,
            Err(invalid) => return self.refuse(raw, None, &Why::Invalid(invalid)),
        };
        let header = event.header(raw.owner, raw.flags, raw.otherwise_us);
        let mut body = std::mem::take(&mut self.body);
        body.clear();
        let encoded = encode_body(&header, json, &mut body);
        let outcome = match encoded {
            Err(_) => self.refuse(raw, Some(&event.event_id), &Why::LongHeader),
            Ok(()) => self.stage_one(raw, &header, &body),
        };
        self.body = body;
        outcome
    }

    fn stage_one(
        &mut self,
        raw: &Raw<'_>,
        header: &EventHeader<'_>,
        body: &[u8],
    ) -> Result<Taken, LegacyError> {
        let candidate = Candidate {
            source: self.index,
            id: header.event_id,
            lamport: header.lamport,
            queued: raw.queued,
            retries: raw.retries,
            body,
        };
        match self.stage.add(&candidate)? {
            Added::New => Ok(Taken::New),
            Added::Repeated => Ok(Taken::Known),
            Added::Conflict => self.refuse(raw, Some(header.event_id), &Why::Conflict),
        }
    }

    fn refuse(&mut self, raw: &Raw<'_>, id: Option<&str>, why: &Why) -> Result<Taken, LegacyError> {
        self.report.refused = self.report.refused.saturating_add(1);
        self.stage.refuse(&Refused {
            source: self.index,
            place: raw.place,
            id,
            conflict: *why == Why::Conflict,
            reason: &why.to_string(),
            data: Some(raw.json),
        })?;
        Ok(Taken::Refused)
    }
}

impl Rows for Intake<'_, '_> {
    type Error = LegacyError;

    fn row(&mut self, row: QueueRow<'_>) -> Result<(), LegacyError> {
        let place = Place::Row(row.id);
        match row.data {
            Err(why) => self.lost(place, why),
            Ok(json) => {
                let raw = self.raw(&row, json);
                self.keep(&raw)
            }
        }
    }

    fn recovered(&mut self, row: QueueRow<'_>) -> Result<Taken, LegacyError> {
        match row.data {
            Err(ref why) => {
                self.lost(Place::Row(row.id), why.clone())?;
                Ok(Taken::Refused)
            }
            // Found twice on the pages, it is one row all the same.
            Ok(json) => {
                let raw = self.raw(&row, json);
                self.take(&raw)
            }
        }
    }

    fn lost(&mut self, place: Place, why: Why) -> Result<(), LegacyError> {
        self.report.refused = self.report.refused.saturating_add(1);
        self.stage.refuse(&Refused {
            place,
            ..whole(self.index, &why.to_string())
        })
    }
}
