//! What happens while the writer lock is held: find the end, fill, roll, write.

use crate::log::append::Log;
use crate::log::bytes::as_u64;
use crate::log::creation::{Name, create_for};
use crate::log::filling::{Filling, Roll};
use crate::log::frame::MAX_BODY_BYTES;
use crate::log::header::{HEADER_BYTES, Header, Predecessor, Pressure, Space};
use crate::log::left::Unsynced;
use crate::log::newest::{self, Newest};
use crate::log::outcome::{AppendError, Appended, Note, Outcome};
use crate::log::record::{Record, Refused};
use crate::log::settling::Settling;
use crate::log::storage::Held;
use crate::position::{Lamport, Lease, Offset, Ordinal};

mod flush;

use flush::Next;

/// As much as the frame of an ordinary event takes, and most calls have one.
const FIRST_BYTES: usize = 1024;

/// One call's work under the lock.
pub(super) struct Writer<'a> {
    log: &'a Log,
    held: Box<dyn Held>,
    lease: Option<Lease>,
    segment: Option<Filling>,
    /// The highest ordinal that is taken, by a stranger perhaps.
    top: Ordinal,
    buffer: Vec<u8>,
    /// How many records the call has.
    count: usize,
    outcomes: Vec<Outcome>,
    /// The first outcome that is about a segment which is not settled.
    unsettled_from: usize,
    /// The segment before this one, while it is being synced.
    settling: Option<Settling>,
    /// Where a short write ended.
    landed: Option<Offset>,
    /// A sync that failed when the call was not at its end yet.
    setback: Option<AppendError>,
    notes: Vec<Note>,
    /// The newest event when the call began, until it is superseded.
    last_event: Option<Vec<u8>>,
    /// The last event that was written.
    written_event: Option<Vec<u8>>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        log: &'a Log,
        held: Box<dyn Held>,
        lease: Option<Lease>,
        count: usize,
    ) -> Self {
        Self {
            log,
            held,
            lease,
            segment: None,
            top: Ordinal(0),
            buffer: Vec::with_capacity(FIRST_BYTES),
            count,
            outcomes: Vec::with_capacity(count),
            unsettled_from: 0,
            settling: None,
            landed: None,
            setback: None,
            notes: Vec::new(),
            last_event: None,
            written_event: None,
        }
    }

    /// Writes all records; what is not synced on return is left to the caller.
    pub(super) fn write(&mut self, records: &mut [&mut dyn Record]) -> Result<(), AppendError> {
        for record in records {
            let outcome = self.add(*record)?;
            self.outcomes.push(outcome);
        }
        self.flush(Next::Later)
    }

    /// Gives the lock back and says what became of the records so far.
    pub(super) fn finish(mut self, failure: Option<AppendError>) -> (Appended, Option<Unsynced>) {
        self.settled();
        if failure.is_some() {
            self.withdraw_unwritten();
        }
        let is_worth_keeping = failure.is_none() && self.log.writes_again();
        self.outcomes.resize(self.count, Outcome::NotWritten);
        let pressure = self
            .segment
            .as_ref()
            .map_or(Pressure::Calm, |segment| segment.header.pressure);
        let pending = self
            .outcomes
            .iter()
            .any(|outcome| matches!(outcome, Outcome::Unknown(_)));
        let unsynced = self
            .segment
            .filter(|segment| pending && !self.log.gave_up_on(&segment.header))
            .and_then(|segment| {
                Some(Unsynced {
                    trace: is_worth_keeping.then(|| segment.trace()).flatten(),
                    open: segment.into_open(self.written_event)?,
                })
            });
        let lock_identity = self.held.identity();
        self.log.unlock(self.held);
        let appended = Appended {
            outcomes: self.outcomes,
            failure: self.setback.or(failure),
            notes: self.notes,
            pressure,
            lock_identity: Some(lock_identity),
        };
        (appended, unsynced)
    }

    /// Records that certainly never reached the file: all that were only in
    /// the buffer, unless the failure was the write itself; after a short
    /// write, those that it did not reach the end of.
    fn withdraw_unwritten(&mut self) {
        let Some(segment) = &self.segment else { return };
        let reached = match self.landed {
            Some(landed) => landed,
            None if self.log.gave_up_on(&segment.header) => return,
            None => segment.written,
        };
        for outcome in &mut self.outcomes {
            if let Outcome::Unknown(placed) = outcome
                && placed.ordinal == segment.header.ordinal
                && placed.offset.plus(placed.bytes) > reached
            {
                *outcome = Outcome::NotWritten;
            }
        }
    }

    /// Puts one record into the buffer, starting segments as needed.
    fn add(&mut self, record: &mut dyn Record) -> Result<Outcome, AppendError> {
        self.ready()?;
        // A record is encoded at most twice: in what is left of this segment,
        // and at the start of the next.
        for _ in 0..3 {
            let Some(segment) = &mut self.segment else {
                break;
            };
            let options = &self.log.options;
            let roll = match segment.clock_for(record.tick(), options) {
                Err(roll) => roll,
                Ok(clock) => {
                    let last_event = self.last_event.as_deref();
                    match segment.encode(record, clock, last_event, &mut self.buffer, options) {
                        Some(outcome) => {
                            self.last_event = None;
                            return Ok(outcome);
                        }
                        None => Roll::Full,
                    }
                }
            };
            self.roll(roll)?;
        }
        Ok(Outcome::Refused(Refused::TooLarge {
            bytes: MAX_BODY_BYTES,
            limit: MAX_BODY_BYTES,
        }))
    }

    /// Makes sure that there is a segment that may be added to.
    fn ready(&mut self) -> Result<(), AppendError> {
        if self.segment.is_some() {
            return Ok(());
        }
        let newest = newest::find(self.log, self.held.identity())?;
        self.notes.extend(newest.notes.iter().cloned());
        self.top = newest.top;
        match newest.open {
            Some(open) => {
                self.last_event = open.tail.last_event;
                self.segment = Some(Filling {
                    seed: open.header.seed(),
                    header: open.header,
                    file: Some(open.file),
                    end: open.tail.end,
                    written: open.tail.end,
                    length: open.length,
                    seq: open.tail.last_seq,
                    clock: open.tail.last_clock,
                });
                Ok(())
            }
            None => {
                let pressure = newest::check_room(self.log)?;
                self.start(newest, pressure)
            }
        }
    }

    /// Starts a successor of the segment that is being filled.
    fn roll(&mut self, why: Roll) -> Result<(), AppendError> {
        self.flush(Next::Successor)?;
        self.create_file()?;
        let Some(mut segment) = self.segment.take() else {
            return self.ready();
        };
        let room = newest::check_room(self.log);
        if let Some(file) = segment.file.take() {
            let records_left = self.count.saturating_sub(self.outcomes.len());
            let from = self.unsettled_from;
            self.unsettled_from = self.outcomes.len();
            let header = segment.header.clone();
            self.settling = Some(Settling::begin(header, file, from, records_left));
        }
        let past = match why {
            Roll::Full => Lamport(0),
            Roll::Past(remote) => remote.min(Lamport::MAX_PLAUSIBLE),
        };
        let newest = Newest {
            open: None,
            unsettled: None,
            notes: Vec::new(),
            top: self.top,
            home_id: Some(segment.header.home_id),
            node_id: segment.header.node_id,
            predecessor: Predecessor {
                ordinal: segment.header.ordinal,
                id: segment.header.segment_id,
                valid_end: segment.end,
                last_seq: segment.seq,
                last_clock: segment.clock,
            },
            clock_floor: (segment.clock.max(past)).max(segment.header.lease.start.previous()),
        };
        self.start(newest, room?)
    }

    /// Waits until the segment before this one is durable. When it cannot be
    /// made so, what this call wrote to it stays unknown, and the caller learns
    /// why; what others wrote is theirs to report. The rest of the call goes on
    /// in the successor.
    fn settled(&mut self) {
        let Some(settling) = self.settling.take() else {
            return;
        };
        let (header, from) = (settling.header.clone(), settling.outcomes_from);
        let synced = settling.end();
        let ours = self.outcomes.get_mut(from..).unwrap_or_default();
        let mut first = None;
        for outcome in ours {
            if let Outcome::Unknown(placed) = outcome
                && placed.ordinal == header.ordinal
            {
                first = first.or(Some(placed.offset));
                if synced.is_ok() {
                    *outcome = Outcome::Recorded(*placed);
                }
            }
        }
        if let Err(source) = synced {
            self.log.give_up_on(&header);
            if let Some(offset) = first {
                self.setback.get_or_insert(AppendError::Unknown {
                    action: "sync",
                    path: self.log.dir.segment_path(header.ordinal),
                    offset,
                    source,
                });
            }
        }
    }

    /// Goes on in the segment after `newest`, whose file is created when its
    /// first frames are written.
    fn start(&mut self, newest: Newest, pressure: Pressure) -> Result<(), AppendError> {
        let log = self.log;
        let lease = self.lease_above(newest.clock_floor);
        if lease.end > Lamport::MAX_PLAUSIBLE {
            return Err(AppendError::ClockExhausted);
        }
        let header = Header {
            ordinal: newest.top.next(),
            segment_id: log.ambient.random(),
            home_id: newest.home_id.unwrap_or_else(|| log.ambient.random()),
            node_id: newest.node_id,
            node_facts: log.options.node.facts,
            lock_identity: self.held.identity(),
            first_seq: newest.predecessor.last_seq.next(),
            predecessor: newest.predecessor,
            lease,
            pressure,
            space: match log.options.prepared_bytes {
                0 => Space::Grown,
                _ => Space::Prepared,
            },
            created_at_us: log.ambient.now_us(),
        };
        if let Some(file) = &newest.unsettled {
            // When this fails, whoever wrote there was told the same.
            let _ = file.sync();
        }
        self.top = header.ordinal;
        let end = Offset(as_u64(HEADER_BYTES));
        self.segment = Some(Filling {
            seed: header.seed(),
            file: None,
            end,
            written: end,
            length: end.0,
            seq: header.predecessor.last_seq,
            clock: header.predecessor.last_clock,
            header,
        });
        Ok(())
    }

    /// Creates the file of the segment that is being filled, if it has none.
    fn create_file(&mut self) -> Result<Name, AppendError> {
        let header = match &self.segment {
            Some(segment) if segment.file.is_none() => segment.header.clone(),
            _ => return Ok(Name::Found),
        };
        self.settled();
        self.log.dir.remove_leftovers();
        let file = create_for(self.log, self.held.as_ref(), &header)?;
        if let Some(segment) = &mut self.segment {
            segment.file = Some(file);
        }
        Ok(Name::Synced)
    }

    /// The lease for a new segment: from the one that was reserved when that
    /// lies above everything the log knows, else from the log itself.
    fn lease_above(&mut self, floor: Lamport) -> Lease {
        let ticks = self.log.options.lease_ticks;
        let reserved = self
            .lease
            .filter(|lease| lease.end > floor && lease.start <= lease.end);
        let start = match reserved {
            Some(lease) => lease.start.max(floor.next()),
            None => floor.next(),
        };
        Lease::starting_at(start, ticks)
    }
}
