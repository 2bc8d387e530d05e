//! Reading every source into the stage, and comparing it with the log.
//!
//! Changes nothing in the home, so that it is the plan as well.

use std::fs::File;
use std::time::Duration;

use crate::event::decode_body;
use crate::home::Home;
use crate::legacy::LegacyError;
use crate::legacy::clock_file::{ClockFault, ClockFile};
use crate::legacy::intake::Intake;
use crate::legacy::journal::OwnerOf;
use crate::legacy::refusal::{Place, Refusal, Why};
use crate::legacy::source::Source;
use crate::legacy::stage::{Refused, Stage, is_same};
use crate::log::append::Log;
use crate::log::read::{ReadError, Step};
use crate::log::reader::Reader;
use crate::log::segment::LogDir;
use crate::platform;
use crate::position::{Lamport, Seq};

/// No honest clock is further ahead of ours than this.
const MAX_LEAP: u64 = 1 << 32;

/// How long to wait for another import.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// The most refusals that are listed; all of them are counted.
const MOST_LISTED: u32 = 10_000;

/// How often progress is told, in events.
const TELL_EVERY: u64 = 512;

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Sources are read.
    Reading,
    /// What was read is compared with the log.
    Comparing,
    /// What is new is appended.
    Appending,
}

/// How far it is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// How many events so far.
    pub done: u64,
}

/// Is told how far it is, and answers whether to go on.
pub type Tell<'a> = dyn FnMut(Progress) -> bool + 'a;

/// Whose the events of another log are; asked for with its directory.
pub type OwnersIn<'a> = dyn Fn(&LogDir) -> Result<Box<OwnerOf<'static>>, ReadError> + 'a;

/// Whether the home will be changed afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Only to be shown.
    Look,
    /// To be carried out: no other import may come between.
    Import,
}

/// What one source brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceReport {
    /// Events that are not in the log yet.
    pub new: u64,
    /// Events that are in the log already, or came from another source.
    pub present: u64,
    /// What could not be taken over.
    pub refused: u64,
    /// Bodies of artifacts that wait for being uploaded; they are no events.
    pub bodies: u64,
    /// The value of a clock file.
    pub clock: Option<Lamport>,
    /// The rows that only the pages of a damaged database gave, the first and
    /// the last of each run. They are among the new ones.
    pub recovered: Vec<(i64, i64)>,
}

/// What is to be imported, in order, and what is not.
#[derive(Debug)]
pub struct Gathered {
    pub(super) stage: Stage,
    /// One report a source.
    pub sources: Vec<SourceReport>,
    /// This home's clock now.
    pub clock: Lamport,
    /// The value that the clock will be above of; zero when nothing says so.
    pub reach: Lamport,
    /// How many events have a clock value that is not believed, and the highest.
    pub beyond: Option<(u64, Lamport)>,
    pub(super) _lock: Option<File>,
}

/// Reads `sources` and compares them with `log`, the log of `home`.
///
/// # Errors
/// [`LegacyError`] when the stage or the log do not work. What is wrong with a
/// source or a row is in the result.
pub fn gather(
    home: &Home,
    log: &Log,
    sources: &[Source],
    owners_in: &OwnersIn<'_>,
    purpose: Purpose,
    tell: &mut Tell<'_>,
) -> Result<Gathered, LegacyError> {
    let lock = match purpose {
        Purpose::Look => None,
        Purpose::Import => Some(lock(home)?),
    };
    let stage = Stage::create()?;
    let mut reports = Vec::new();
    let mut done = 0;
    for (index, source) in sources.iter().enumerate() {
        let mut intake = Intake {
            stage: &stage,
            index,
            owner: source.owner.id(),
            report: SourceReport::default(),
            body: Vec::new(),
            done: &mut done,
            tell,
        };
        intake.read(source, owners_in)?;
        reports.push(intake.report);
    }
    let clock = compare(&stage, log, tell)?;
    let horizon = Lamport(clock.0.saturating_add(MAX_LEAP)).min(Lamport::MAX_PLAUSIBLE.previous());
    let (mut reach, beyond, highest) = stage.clocks(horizon)?;
    for (index, report) in reports.iter_mut().enumerate() {
        match report.clock {
            Some(value) if value > horizon => {
                let reason = Why::Clock(ClockFault::Leap).to_string();
                stage.refuse(&whole(index, &reason))?;
                report.refused += 1;
                report.clock = None;
            }
            Some(value) => reach = reach.max(value),
            None => {}
        }
    }
    if let Some(Ok(own)) = ClockFile::read(&home.legacy_clock_file())?
        && own.value <= horizon
    {
        reach = reach.max(own.value);
    }
    for (index, report) in reports.iter_mut().enumerate() {
        let (new, present) = stage.count_of(index)?;
        (report.new, report.present) = (new, report.present.saturating_add(present));
    }
    Ok(Gathered {
        stage,
        sources: reports,
        clock,
        reach,
        beyond: (beyond > 0).then_some((beyond, highest)),
        _lock: lock,
    })
}

impl Gathered {
    /// How many events are not in the log yet, and how many are.
    ///
    /// # Errors
    /// [`LegacyError::Stage`].
    pub fn count(&self) -> Result<(u64, u64), LegacyError> {
        self.stage.count()
    }

    /// What is not taken over, at most ten thousand of it, and how much it is.
    ///
    /// # Errors
    /// [`LegacyError::Stage`].
    pub fn refusals(&self) -> Result<(Vec<Refusal>, u64), LegacyError> {
        self.stage.refusals(MOST_LISTED)
    }

    /// The ids under which another event is known here.
    ///
    /// # Errors
    /// [`LegacyError::Stage`].
    pub fn conflicts(&self) -> Result<Vec<String>, LegacyError> {
        self.stage.conflicting_ids(MOST_LISTED)
    }
}

fn lock(home: &Home) -> Result<File, LegacyError> {
    let path = home.root().join("import.lock");
    let failed = |source| LegacyError::io("lock", &path)(source);
    platform::create_private_tree(home.root()).map_err(failed)?;
    let mut options = platform::private_options();
    let file = options
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(failed)?;
    let locked = platform::lock_exclusive(file, LOCK_PATIENCE).map_err(failed)?;
    locked.ok_or(LegacyError::Busy { path })
}

pub(super) fn whole(source: usize, reason: &str) -> Refused<'_> {
    Refused {
        source,
        place: Place::Whole,
        id: None,
        conflict: false,
        reason,
        data: None,
    }
}

/// Finds what is in the log already; returns this home's clock.
fn compare(stage: &Stage, log: &Log, tell: &mut Tell<'_>) -> Result<Lamport, LegacyError> {
    let mut reader = Reader::new(log.dir().clone(), Seq(1));
    let mut done = 0_u64;
    loop {
        let item = match reader.step()? {
            Step::Idle => return Ok(reader.clock()),
            Step::Damage(_) => continue,
            Step::Frame(item) => item,
        };
        done = done.saturating_add(1);
        if done.is_multiple_of(TELL_EVERY) {
            go_on(tell, Phase::Comparing, done)?;
        }
        if !item.kind.is_event() {
            continue;
        }
        let Ok((header, _)) = decode_body(item.body) else {
            continue;
        };
        if let Some((n, body)) = stage.find(header.event_id)? {
            if is_same(item.body, &body) {
                stage.found_at(n, item.seq)?;
            } else {
                stage.conflicts(n, &Why::Conflict.to_string())?;
            }
        }
    }
}

pub(super) fn go_on(tell: &mut Tell<'_>, phase: Phase, done: u64) -> Result<(), LegacyError> {
    if tell(Progress { phase, done }) {
        Ok(())
    } else {
        Err(LegacyError::Interrupted)
    }
}
