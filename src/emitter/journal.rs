//! The log of one home, as the emitter writes to it: opened once, with room and
//! clock values for the segments that a call will start.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::config::{Config, LogConfig};
use crate::emitter::identity::{self, Origin};
use crate::emitter::memory;
use crate::emitter::receipt::{EmitError, EmitNote, Receipt, Status};
use crate::emitter::record::EventRecord;
use crate::emitter::room::Room;
use crate::home::Home;
use crate::log::ambient::System;
use crate::log::append::{
    AppendError, Appended, Log, LogOptions, NodeIdentity, Note, Outcome, Placed, Record,
};
use crate::log::header::{NodeId, Pressure};
use crate::log::segment::LogDir;
use crate::log::storage::Disk;
use crate::platform;
use crate::position::{Lamport, Lease};
use crate::state::{Marker, State};

mod lease;

use lease::Call;

/// What an envelope adds to a payload, roughly, in bytes.
const ENVELOPE_BYTES: usize = 1024;

/// What is set up with the first event.
#[derive(Debug)]
pub(super) struct Journal {
    log: Log,
    config: LogConfig,
    /// Where the clock of a home without any segment starts.
    origin: Option<Origin>,
    /// What is remembered of the log, and was told it: for the first append.
    marker: Mutex<Option<Marker>>,
}

/// The log of `home` as this process would write it, for frames that are no
/// events. Nothing is created.
///
/// ```
/// use spec_kitty::emitter::{EventEmitter, log_of};
/// use spec_kitty::event::{EntryType, HistoryAdded};
/// use spec_kitty::home::Home;
///
/// let dir = tempfile::tempdir()?;
/// let home = Home::at(dir.path());
/// let log = log_of(&home);
/// assert!(log.is_empty());
///
/// let emitter = EventEmitter::new(home, dir.path());
/// emitter.emit_payload(HistoryAdded::new("WP01", EntryType::Note, "begun"), None);
/// assert!(!log.is_empty());
/// assert!(log.dir().bytes()? > 0);
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
pub fn log_of(home: &Home) -> Log {
    open(home, &mut Vec::new()).log
}

/// The node that events of `home` come from: as the newest segment has it, else
/// as its first one would.
#[must_use]
pub(crate) fn node_of(home: &Home) -> NodeId {
    let log = log_of(home);
    let newest = log
        .dir()
        .ordinals()
        .ok()
        .and_then(|all| all.last().copied());
    let header = newest.and_then(|ordinal| log.dir().header(ordinal).ok().flatten());
    header.map_or(log.options().node.node_id, |header| header.node_id)
}

/// The log of `home`, and where its clock starts when it has no segment yet.
pub(super) fn open(home: &Home, notes: &mut Vec<EmitNote>) -> Journal {
    let loaded = Config::load(&home.config_file());
    notes.extend(loaded.problems.into_iter().map(EmitNote::Config));
    let marker = State::at(home.state_dir()).marker();
    let mark = marker.read();
    let log_with = |node: NodeIdentity| {
        let mut options = LogOptions::for_node(node);
        options.segment_bytes = loaded.config.log.segment_bytes;
        options.prepared_bytes = loaded.config.log.prepared_bytes;
        options.max_bytes = loaded.config.log.max_bytes;
        let dir = LogDir::new(home.log_dir(), Arc::new(Disk));
        let log = Log::new(dir, Arc::new(System), options);
        memory::recall(mark, &log);
        log
    };
    let node = identity::this_node();
    let marker = Mutex::new(Some(marker));
    let log = log_with(node);
    if !log.is_empty() {
        return Journal {
            log,
            config: loaded.config.log,
            origin: None,
            marker,
        };
    }
    let origin = identity::origin(home);
    notes.extend(origin.note.map(EmitNote::Origin));
    let log = log_with(NodeIdentity {
        node_id: origin.node_id,
        ..node
    });
    Journal {
        log,
        config: loaded.config.log,
        origin: Some(origin),
        marker,
    }
}

/// Appends the records of one call, waiting at most `timeout` for other
/// writers; one receipt each.
pub(super) fn append(
    timeout: Duration,
    home: &Home,
    journal: &Journal,
    records: &mut [EventRecord<'_>],
    notes: &mut Vec<EmitNote>,
) -> Vec<Receipt> {
    let room = || Room::of(home, &journal.log, &journal.config);
    let payloads = records.iter().map(EventRecord::payload_bytes);
    let call = Call {
        frames: records.len(),
        bytes: payloads.map(|bytes| bytes + ENVELOPE_BYTES).sum(),
    };
    let lease = match journal.segment_ahead(call) {
        None => None,
        Some(ahead) => {
            if let Err(backlog) = room().prepare(notes) {
                return vec![Receipt::refused(EmitError::Backlog(backlog)); records.len()];
            }
            lease::reserve(home, journal, call, ahead, notes)
        }
    };
    let marker = journal.marker(home);
    let mut slots: Vec<&mut dyn Record> = records
        .iter_mut()
        .map(|record| -> &mut dyn Record { record })
        .collect();
    let mut appended = journal.log.append(&mut slots, lease, timeout);
    while matches!(appended.failure, Some(AppendError::Full { .. })) && room().relieve(notes) {
        appended = once_more(&journal.log, records, appended, lease, timeout);
    }
    memory::keep(&marker, &journal.log, &appended);
    let moved = |note: &Note| matches!(note, Note::NewNode { .. });
    if journal.origin.is_some() || appended.notes.iter().any(moved) {
        let kind = platform::network_file_system(journal.log.dir().path());
        notes.extend(kind.map(|kind| EmitNote::Network { kind }));
    }
    notes.extend(appended.notes.into_iter().map(EmitNote::Log));
    if appended.pressure == Pressure::High {
        notes.push(EmitNote::Pressure);
    }
    let failure = appended.failure.map_or(EmitError::NotWritten, |error| {
        EmitError::Log(Arc::new(error))
    });
    records
        .iter()
        .zip(appended.outcomes)
        .map(|(record, outcome)| receipt(record, outcome, &failure))
        .collect()
}

/// Hands in again what a full log had not taken, after room was made.
fn once_more(
    log: &Log,
    records: &mut [EventRecord<'_>],
    first: Appended,
    lease: Option<Lease>,
    timeout: Duration,
) -> Appended {
    let mut slots: Vec<&mut dyn Record> = records
        .iter_mut()
        .zip(&first.outcomes)
        .filter(|(_, outcome)| **outcome == Outcome::NotWritten)
        .map(|(record, _)| -> &mut dyn Record { record })
        .collect();
    let second = log.append(&mut slots, lease, timeout);
    let mut rest = second.outcomes.into_iter();
    let outcomes = first.outcomes.into_iter().map(|outcome| match outcome {
        Outcome::NotWritten => rest.next().unwrap_or(Outcome::NotWritten),
        done => done,
    });
    Appended {
        outcomes: outcomes.collect(),
        failure: second.failure,
        notes: first.notes.into_iter().chain(second.notes).collect(),
        pressure: second.pressure,
        lock_identity: second.lock_identity.or(first.lock_identity),
    }
}

fn receipt(record: &EventRecord<'_>, outcome: Outcome, failure: &EmitError) -> Receipt {
    let placed = |status: Status, placed: Placed, error| Receipt {
        status,
        event_id: record.id(),
        seq: Some(placed.seq),
        lamport_clock: Some(placed.clock),
        error,
    };
    match outcome {
        Outcome::Recorded(place) => placed(Status::Recorded, place, None),
        Outcome::Unknown(place) => placed(Status::Unknown, place, Some(failure.clone())),
        Outcome::Refused(refused) => Receipt::refused(EmitError::Record(refused)),
        Outcome::NotWritten => Receipt::refused(failure.clone()),
    }
}

impl Journal {
    /// The mark, after the log was told what it says.
    fn marker(&self, home: &Home) -> Marker {
        let mut opened = self.marker.lock().unwrap_or_else(PoisonError::into_inner);
        opened.take().unwrap_or_else(|| {
            let marker = State::at(home.state_dir()).marker();
            memory::recall(marker.read(), &self.log);
            marker
        })
    }

    /// Where the clock of a new home starts.
    fn start(&self) -> Lamport {
        self.origin.map_or(Lamport(0), |origin| origin.clock)
    }
}
