//! `log verify`: the whole log is read, and everything wrong is named.
//!
//! Damage within the log, an event that nobody can understand, and an end that
//! is missing although the sender or the last receipt remembers it, end with exit 5. A torn tail
//! does not: it is the rest of a write that never finished and that no command
//! was told of.

use serde::Serialize;

use crate::auth::Store;
use crate::cli::Session;
use crate::cli::columns::counted;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::log::layout::page_of;
use crate::cli::output::Output;
use crate::cli::progress::{Progress, Unit};
use crate::cli::time::{self, Zone};
use crate::home::Home;
use crate::log::frame::OVERHEAD_BYTES;
use crate::log::read::{Damage, Item};
use crate::log::scan::SeqRange;
use crate::log::segment::LogDir;
use crate::log::verify::{Verdict, Writers, verify};
use crate::platform;
use crate::position::{Lamport, Seq};
use crate::state::{Ledger, State};
use crate::sync::pass::log_dir;
use crate::sync::recount::Recount;
use crate::sync::route::Bindings;
use crate::sync::survey::Survey;
use crate::target::Target;

use evidence::Evidence;
use witness::Witness;

mod evidence;
mod page;
mod witness;

#[derive(Serialize)]
struct Report {
    kind: &'static str,
    v: u8,
    ok: bool,
    segments: u64,
    events: u64,
    torn_bytes: u64,
    damage: Vec<DamageReport>,
    lost: Vec<LostReport>,
}

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct DamageReport {
    segment: u64,
    offset: u64,
    bytes: u64,
    reason: &'static str,
}

#[derive(Serialize)]
struct LostReport {
    from_seq: u64,
    to_seq: u64,
    possibly_unacknowledged: bool,
    /// The clock before the first of them, and after the last.
    lamport_after: Option<u64>,
    lamport_before: Option<u64>,
    /// When the events on both sides were recorded.
    recorded_after: Option<String>,
    recorded_before: Option<String>,
    /// Whether a server has confirmed all of them: it has them.
    delivered: bool,
    /// How many of them a server refused.
    refused: u64,
    /// The targets that have them or, when that is not certain, for which the
    /// sender had gone past all of them.
    targets: Vec<String>,
}

/// What was found, beyond the verdict of the log itself.
struct Findings {
    verdict: Verdict,
    witness: Witness,
    remembered: Remembered,
    evidence: Evidence,
    /// Whoever is signed in.
    account: Option<Target>,
}

/// How far the log had come, as far as others remember. Asked before the log is
/// read: it may grow meanwhile.
#[derive(Clone, Copy, Debug, Default)]
struct Remembered {
    /// The highest number that the sender's ledger knows.
    by_sender: Option<Seq>,
    /// The number in the last receipt.
    by_mark: Option<Seq>,
}

impl Remembered {
    fn highest(self) -> Option<Seq> {
        self.by_sender.max(self.by_mark)
    }
}

/// What a look through the whole log came to, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::cli) struct Soundness {
    pub(in crate::cli) segments: u64,
    pub(in crate::cli) events: u64,
    pub(in crate::cli) torn_bytes: u64,
    /// Places that are damaged, records that are no events among them.
    pub(in crate::cli) places: u64,
    /// Records that are lost for sure.
    pub(in crate::cli) lost: u64,
    /// This home's clock at the end.
    pub(in crate::cli) clock: Lamport,
}

impl Soundness {
    pub(in crate::cli) const fn is_sound(&self) -> bool {
        self.places == 0 && self.lost == 0
    }
}

/// Reads the log of `home` as `log verify` does, handing each good frame to `see`.
///
/// # Errors
/// When it cannot be read at all, or a newer version wrote part of it.
pub(in crate::cli) fn examine(
    home: &Home,
    ledger: Option<&Ledger>,
    see: &mut dyn FnMut(&Item<'_>),
) -> Result<Soundness, Failure> {
    let findings = Findings::take(home, ledger, see)?;
    let damaged = u64::try_from(findings.verdict.damage.len()).unwrap_or(u64::MAX);
    let records = |lost: SeqRange| lost.to.0.saturating_sub(lost.from.0).saturating_add(1);
    Ok(Soundness {
        segments: findings.verdict.segments,
        events: findings.events(),
        torn_bytes: findings.verdict.torn_bytes,
        places: damaged.saturating_add(findings.witness.strange()),
        lost: findings.lost().map(records).fold(0, u64::saturating_add),
        clock: findings.verdict.clock,
    })
}

pub(super) fn run(session: &mut Session) -> Result<(), Failure> {
    let dir = super::log_dir(session);
    let deliveries = super::deliveries(session, &dir);
    let mut recount = Recount::of(&State::at(session.home.state_dir()));
    let mut progress = Reading::of(&dir, &session.out);
    let mut see = |item: &Item<'_>| {
        progress.passed(item);
        recount.see(item);
    };
    let findings = Findings::take(&session.home, deliveries.ledger(), &mut see)?;
    drop(progress);
    let out = &mut session.out;
    let wrong = recount.wrong(&dir).len();
    if wrong > 0 {
        let of = counted(
            u64::try_from(wrong).unwrap_or(u64::MAX),
            "segment",
            "segments",
        );
        out.warn(format!(
            "state/tallies counts {of} wrongly, and so does sync status; \
             spec-kitty log repair --yes makes it anew"
        ));
    }
    if out.json() {
        out.object(&findings.report())?;
    } else {
        let (margin, columns) = page_of(out);
        for line in findings.page(&dir, &Zone::chosen(false), columns) {
            let line = format!("{margin}{line}");
            out.line(line.trim_end())?;
        }
    }
    if findings.is_ok() {
        Ok(())
    } else {
        Err(Failure::silent(Exit::Damage))
    }
}

/// How much of the log went by.
pub(in crate::cli) struct Reading {
    progress: Progress,
    done: u64,
    total: u64,
}

impl Reading {
    pub(in crate::cli) fn of(dir: &LogDir, out: &Output) -> Self {
        Self {
            progress: Progress::new(out, "Reading", Unit::Bytes),
            done: 0,
            total: dir.bytes().unwrap_or(0),
        }
    }

    pub(in crate::cli) fn passed(&mut self, item: &Item<'_>) {
        let bytes = item.body.len().saturating_add(OVERHEAD_BYTES);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.done = self.done.saturating_add(bytes);
        self.progress.show(self.done, Some(self.total));
    }
}

impl Findings {
    /// Reads the whole log and holds it against what others remember of it.
    fn take(
        home: &Home,
        ledger: Option<&Ledger>,
        see: &mut dyn FnMut(&Item<'_>),
    ) -> Result<Self, Failure> {
        let dir = log_dir(home);
        let state = State::at(home.state_dir());
        let remembered = Remembered {
            by_sender: ledger.and_then(Ledger::highest_seq),
            by_mark: state
                .mark()
                .filter(|mark| platform::path_identity(&dir.lock_path()).ok() == Some(mark.log))
                .map(|mark| mark.seq),
        };
        let mut witness = Witness::default();
        let verdict = verify(dir.clone(), Writers::Possible, |item| {
            witness.see(item);
            see(item);
        })?;
        if let Some(newer) = witness.newer(&dir) {
            return Err(newer);
        }
        let mut findings = Self {
            verdict,
            witness,
            remembered,
            evidence: Evidence::default(),
            account: Store::new(home).load().session.target(),
        };
        if let Some(ledger) = ledger {
            findings.weigh(ledger, &dir)?;
        }
        Ok(findings)
    }
}

impl Findings {
    fn is_ok(&self) -> bool {
        self.verdict.is_sound() && self.witness.strange() == 0 && self.missing_end().is_none()
    }

    /// The events that can be read and understood.
    fn events(&self) -> u64 {
        self.verdict.events.saturating_sub(self.witness.strange())
    }

    /// Records behind the end of the log that were durable in it.
    fn missing_end(&self) -> Option<SeqRange> {
        let remembered = self.remembered.highest()?;
        SeqRange::before(self.verdict.last_seq.next(), remembered.next())
    }

    fn lost(&self) -> impl Iterator<Item = SeqRange> {
        let lost = self.verdict.damage.iter().filter_map(|damage| damage.lost);
        lost.chain(self.missing_end())
    }

    /// Whether the records of this range may never have been confirmed to the
    /// commands that wrote them. The sender and the receipts go only as far as is on
    /// disk.
    fn possibly_unacknowledged(&self, lost: SeqRange) -> bool {
        self.remembered.highest() < Some(lost.to)
    }

    /// Holds the ledger against what is lost, if anything is.
    fn weigh(&mut self, ledger: &Ledger, dir: &LogDir) -> Result<(), Failure> {
        let lost: Vec<_> = self.lost().collect();
        if lost.is_empty() || ledger.targets().is_empty() {
            return Ok(());
        }
        let survey = if self.witness.knows_all_owners() {
            let bindings = Bindings::read(dir)?;
            Some(Survey::take(dir, ledger, &bindings)?)
        } else {
            None
        };
        self.evidence = Evidence::of(ledger, survey.as_ref(), &lost);
        Ok(())
    }

    fn report(&self) -> Report {
        let of_log = self
            .verdict
            .damage
            .iter()
            .map(|damage: &Damage| DamageReport {
                segment: damage.ordinal.0,
                offset: damage.offset.0,
                bytes: damage.bytes,
                reason: damage.reason.word(),
            });
        let of_events = self
            .witness
            .strangers()
            .iter()
            .map(|stranger| DamageReport {
                segment: stranger.ordinal.0,
                offset: stranger.offset.0,
                bytes: stranger.bytes,
                reason: "unreadable-event",
            });
        let mut damage: Vec<_> = of_log.chain(of_events).collect();
        damage.sort();
        let lost = |lost: SeqRange| {
            let around = self.witness.around(lost);
            let holders = self.evidence.holders(lost);
            let delivered = !holders.is_empty();
            let targets = match holders {
                none if none.is_empty() => self.evidence.passed_by(lost),
                holders => holders,
            };
            LostReport {
                from_seq: lost.from.0,
                to_seq: lost.to.0,
                possibly_unacknowledged: self.possibly_unacknowledged(lost),
                lamport_after: around.clock.0.map(|clock| clock.0),
                lamport_before: around.clock.1.map(|clock| clock.0),
                recorded_after: around.at_us.0.map(time::utc),
                recorded_before: around.at_us.1.map(time::utc),
                delivered,
                refused: self.evidence.refused(lost),
                targets: targets.iter().map(ToString::to_string).collect(),
            }
        };
        Report {
            kind: "log-verify",
            v: 1,
            ok: self.is_ok(),
            segments: self.verdict.segments,
            events: self.events(),
            torn_bytes: self.verdict.torn_bytes,
            damage,
            lost: self.lost().map(lost).collect(),
        }
    }
}
