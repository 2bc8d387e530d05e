//! Appending what was gathered: the clock first, then the events in order.

use std::path::PathBuf;
use std::time::Duration;

use crate::home::Home;
use crate::legacy::LegacyError;
use crate::legacy::aside;
use crate::legacy::gather::{Gathered, Phase, Tell, go_on};
use crate::legacy::source::Source;
use crate::legacy::stage::Waiting;
use crate::log::append::{Log, Note, Outcome, Record, Refused, Stamp, Tick};
use crate::log::frame::Kind;
use crate::position::{Lamport, Lease};
use crate::state::State;

/// The writer lock is given back after so many bytes.
const BATCH_BYTES: usize = 1024 * 1024;

/// And after so many events.
const BATCH_EVENTS: usize = 1024;

/// How long it waits for clock values: the log can go on without.
const LEASE_PATIENCE: Duration = Duration::from_secs(1);

/// Where to import to.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// The home.
    pub home: &'a Home,
    /// Its log.
    pub log: &'a Log,
    /// How long to wait for other writers of the log, each time.
    pub timeout: Duration,
}

/// What was done.
#[derive(Debug, Default)]
pub struct Imported {
    /// How many events are in the log now that were not before.
    pub events: u64,
    /// This home's clock.
    pub clock: Lamport,
    /// The file that keeps what was not taken over, when there is any.
    pub aside: Option<PathBuf>,
    /// What the log put right on the way.
    pub notes: Vec<Note>,
}

/// Appends what is new. Interrupted or failed, it is finished by gathering and
/// carrying out again.
///
/// # Errors
/// [`LegacyError`]; what was appended before it stays, and is durable unless
/// the error says that the outcome is unknown.
pub fn carry_out(
    gathered: &Gathered,
    sources: &[Source],
    setting: &Setting<'_>,
    tell: &mut Tell<'_>,
) -> Result<Imported, LegacyError> {
    let mut work = Work {
        gathered,
        setting,
        imported: Imported {
            clock: gathered.clock,
            ..Imported::default()
        },
        batch: Vec::new(),
        batch_bytes: 0,
    };
    work.imported.aside = aside::keep(setting.home, &gathered.stage, sources)?;
    work.raise_clock()?;
    gathered
        .stage
        .each_waiting(|waiting| work.add(waiting, tell))?;
    work.write(tell)?;
    Ok(work.imported)
}

struct Work<'a> {
    gathered: &'a Gathered,
    setting: &'a Setting<'a>,
    imported: Imported,
    batch: Vec<ForeignRecord>,
    batch_bytes: usize,
}

impl Work<'_> {
    /// Makes this home's clock durably higher than everything that comes.
    fn raise_clock(&mut self) -> Result<(), LegacyError> {
        let reach = self.gathered.reach;
        if reach == Lamport(0) || self.imported.clock > reach {
            return Ok(());
        }
        let mut record = Received(reach);
        let outcomes = self.append(&mut [&mut record], 0)?;
        if let Some(Outcome::Recorded(placed)) = outcomes.first() {
            self.imported.clock = placed.clock;
        }
        Ok(())
    }

    fn add(&mut self, waiting: Waiting, tell: &mut Tell<'_>) -> Result<(), LegacyError> {
        let bytes = waiting.body.len();
        let full = self.batch_bytes.saturating_add(bytes) > BATCH_BYTES;
        if full || self.batch.len() >= BATCH_EVENTS {
            self.write(tell)?;
        }
        self.batch_bytes = self.batch_bytes.saturating_add(bytes);
        self.batch.push(ForeignRecord(waiting));
        Ok(())
    }

    /// Appends the batch and enters what became of it.
    fn write(&mut self, tell: &mut Tell<'_>) -> Result<(), LegacyError> {
        go_on(tell, Phase::Appending, self.imported.events)?;
        if self.batch.is_empty() {
            return Ok(());
        }
        let mut batch = std::mem::take(&mut self.batch);
        let mut records: Vec<&mut dyn Record> = batch
            .iter_mut()
            .map(|record| -> &mut dyn Record { record })
            .collect();
        let bytes = std::mem::take(&mut self.batch_bytes);
        let outcomes = self.append(&mut records, bytes)?;
        for (record, outcome) in batch.iter().zip(outcomes) {
            match outcome {
                Outcome::Recorded(placed) => {
                    self.imported.events = self.imported.events.saturating_add(1);
                    self.gathered.stage.found_at(record.0.n, placed.seq)?;
                }
                Outcome::Refused(refused) => {
                    let stage = &self.gathered.stage;
                    stage.refused_by_log(record.0.n, &refused.to_string())?;
                }
                Outcome::Unknown(_) | Outcome::NotWritten => {}
            }
        }
        Ok(())
    }

    /// Appends records; nothing but success and refusals of single records
    /// come back as outcomes.
    fn append(
        &mut self,
        records: &mut [&mut dyn Record],
        bytes: usize,
    ) -> Result<Vec<Outcome>, LegacyError> {
        let log = self.setting.log;
        let lease = lease(self.setting, records.len(), bytes);
        let appended = log.append(records, lease, self.setting.timeout);
        self.imported.notes.extend(appended.notes);
        match appended.failure {
            None => Ok(appended.outcomes),
            Some(failure) => Err(failure.into()),
        }
    }
}

/// Clock values for a segment that will probably be started; without any the
/// log leases them from itself.
fn lease(setting: &Setting<'_>, frames: usize, bytes: usize) -> Option<Lease> {
    let (frames, bytes) = (u64::try_from(frames).ok()?, u64::try_from(bytes).ok()?);
    let floor = setting.log.lease_needed(frames, bytes)?;
    let ticks = setting.log.options().lease_ticks;
    let state = State::at(setting.home.state_dir());
    let reserved = state.reserve(floor, ticks, LEASE_PATIENCE).ok()?;
    Some(reserved.value)
}

/// An event as it was made elsewhere.
struct ForeignRecord(Waiting);

impl Record for ForeignRecord {
    fn kind(&self) -> Kind {
        Kind::ForeignEvent
    }

    fn tick(&self) -> Tick {
        Tick::Still
    }

    fn encode(&mut self, _: &Stamp<'_>, out: &mut Vec<u8>) -> Result<(), Refused> {
        out.extend_from_slice(&self.0.body);
        Ok(())
    }
}

/// A clock value that was met elsewhere.
struct Received(Lamport);

impl Record for Received {
    fn kind(&self) -> Kind {
        Kind::Clock
    }

    fn tick(&self) -> Tick {
        Tick::Past(self.0)
    }

    fn encode(&mut self, _: &Stamp<'_>, out: &mut Vec<u8>) -> Result<(), Refused> {
        out.extend_from_slice(format!("{{\"v\":1,\"received\":{}}}", self.0).as_bytes());
        Ok(())
    }
}
