//! `log prune`: delivered events leave this machine, oldest segments first.
//!
//! A plan is shown before anything goes; what may go, and why, is decided in
//! [`crate::retention`].

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::cli::Session;
use crate::cli::ask::{self, Intent, Leave};
use crate::cli::auth::load_config;
use crate::cli::columns::{counted, size};
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::progress::{Progress, Unit};
use crate::cli::style::{BOLD, DIM, paint};
use crate::cli::time::{self, Zone};
use crate::log::ambient::{Ambient, System};
use crate::log::prune::{Gone, Pruned};
use crate::retention::{Because, Hold, Keep, Owners, Plan, Removal, Retention, Rules};
use crate::state::State;

use super::{Reading, full};

/// Options of `log prune`.
#[derive(Debug, Args)]
pub(in crate::cli) struct PruneArgs {
    /// Show what would go, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do it without asking
    #[arg(long, env = "SPEC_KITTY_YES", hide_env_values = true, value_parser = clap::builder::FalseyValueParser::new())]
    yes: bool,
}

/// How long to wait for other writers of the log.
const DEADLINE: Duration = Duration::from_secs(5);

#[derive(Serialize)]
struct Report {
    kind: &'static str,
    v: u8,
    dry_run: bool,
    /// What went, or would go.
    removed: Vec<RemovedReport>,
    freed_bytes: u64,
    kept_bytes: u64,
    limit_bytes: u64,
    stopped_by: StopReport,
}

#[derive(Serialize)]
struct RemovedReport {
    segment: u64,
    bytes: u64,
    events: u64,
    from_seq: Option<u64>,
    to_seq: Option<u64>,
    because: &'static str,
}

/// The first segment that stays, and why.
#[derive(Serialize)]
struct StopReport {
    segment: u64,
    reason: &'static str,
    waiting: BTreeMap<&'static str, u64>,
    until: Option<String>,
}

pub(super) fn run(args: &PruneArgs, session: &mut Session) -> Result<(), Failure> {
    let retention = retention_of(session);
    let mut plan = plan_of(&retention, &session.out)?;
    let intent = Intent::of(args.dry_run, args.yes);
    if !session.out.json() {
        for line in lines(&plan, &retention) {
            session.out.line(line)?;
        }
    }
    if intent == Intent::Show || plan.is_empty() {
        return tell(session, &report(&plan, &Pruned::default(), intent));
    }
    if intent == Intent::Ask {
        if ask::go_ahead(&mut session.out, "spec-kitty log prune --yes")? == Leave::Refused {
            session.out.note("Nothing was changed.");
            return Ok(());
        }
        plan = plan_of(&retention, &session.out)?.within(&plan);
    }
    let pruned = remove(&retention, &plan, &session.out)?;
    if !session.out.json() {
        let segments = u64::try_from(pruned.gone.len()).unwrap_or(u64::MAX);
        let segments = counted(segments, "segment", "segments");
        let freed = size(pruned.bytes());
        session.out.line(format!("Removed {segments}, {freed}."))?;
    }
    tell(session, &report(&plan, &pruned, intent))?;
    pruned.failure.map_or(Ok(()), |failure| Err(failure.into()))
}

/// The segments that may go now, and their bytes; `None` when that cannot be told.
pub(super) fn prunable(session: &Session) -> Option<(u64, u64)> {
    let plan = plan_of(&retention_of(session), &session.out).ok()?;
    let bytes = plan.remove.iter().map(|removal| removal.segment.bytes);
    let count = u64::try_from(plan.remove.len()).unwrap_or(u64::MAX);
    Some((count, bytes.fold(0, u64::saturating_add)))
}

fn retention_of(session: &Session) -> Retention {
    let config = load_config(session).config.log;
    Retention {
        dir: super::log_dir(session),
        state: State::at(session.home.state_dir()),
        rules: Rules {
            retention: config.retention,
            now_us: System.now_us(),
        },
        limit_bytes: config.max_bytes,
    }
}

fn plan_of(retention: &Retention, out: &Output) -> Result<Plan, Failure> {
    let dir = &retention.dir;
    let mut reading = Reading::of(dir, out);
    let owners = Owners::read(dir, None, &mut |item| reading.passed(item))?;
    // As much is read again: what is in the segments depends on what all of them say.
    reading = Reading::of(dir, out);
    let owners = owners.unwrap_or(Owners::AsRecorded);
    Ok(retention.plan(&owners, None, &mut |item| reading.passed(item))?)
}

fn remove(retention: &Retention, plan: &Plan, out: &Output) -> Result<Pruned, Failure> {
    let freed = plan.before.bytes.saturating_sub(plan.after.bytes);
    let mut progress = Progress::new(out, "Removing", Unit::Bytes);
    let mut done = 0_u64;
    let pruned = retention.carry_out(plan, DEADLINE, &mut |gone| {
        done = done.saturating_add(gone.bytes);
        progress.show(done, Some(freed));
    })?;
    Ok(pruned)
}

fn tell(session: &mut Session, report: &Report) -> Result<(), Failure> {
    if session.out.json() {
        session.out.object(report)?;
    }
    Ok(())
}

fn report(plan: &Plan, pruned: &Pruned, intent: Intent) -> Report {
    let dry_run = intent == Intent::Show;
    let went = |removal: &&Removal| {
        let is_it = |gone: &Gone| gone.ordinal == removal.segment.ordinal;
        dry_run || pruned.gone.iter().any(is_it)
    };
    let removed: Vec<_> = plan.remove.iter().filter(went).collect();
    let freed = removed.iter().fold(0_u64, |sum, removal| {
        sum.saturating_add(removal.segment.bytes)
    });
    Report {
        kind: "log-prune",
        v: 1,
        dry_run,
        freed_bytes: freed,
        kept_bytes: plan.before.bytes.saturating_sub(freed),
        limit_bytes: plan.before.limit,
        removed: removed
            .into_iter()
            .map(|Removal { segment, because }| RemovedReport {
                segment: segment.ordinal.0,
                bytes: segment.bytes,
                events: segment.events,
                from_seq: segment.seqs.map(|(from, _)| from.0),
                to_seq: segment.seqs.map(|(_, to)| to.0),
                because: because.as_str(),
            })
            .collect(),
        stopped_by: StopReport {
            segment: plan.stop.ordinal.0,
            reason: plan.stop.why.as_str(),
            waiting: match &plan.stop.why {
                Keep::Waiting(waiting) => {
                    let waiting = waiting.iter();
                    waiting
                        .map(|(hold, count)| (hold.as_str(), *count))
                        .collect()
                }
                _ => BTreeMap::new(),
            },
            until: match plan.stop.why {
                Keep::Recent { until_us } => Some(time::utc(until_us)),
                _ => None,
            },
        },
    }
}

/// The plan for a person.
fn lines(plan: &Plan, retention: &Retention) -> Vec<String> {
    let zone = Zone::chosen(false);
    let mut lines = Vec::new();
    if plan.is_empty() {
        lines.push("Nothing to prune.".to_owned());
    } else {
        lines.push(paint(BOLD, "These segments of delivered events may go:"));
        lines.push(String::new());
        lines.extend(plan.remove.iter().map(|removal| {
            let Removal { segment, because } = removal;
            let name = full::file_name(&retention.dir, segment.ordinal);
            let events = counted(segment.events, "event", "events");
            let because = match because {
                Because::Old => format!("ended {}", zone.date(segment.ended_us)),
                Because::Room => "to make room".to_owned(),
            };
            format!("  {name}  {}, {events}, {because}", size(segment.bytes))
        }));
        lines.push(String::new());
        let freed = plan.before.bytes.saturating_sub(plan.after.bytes);
        lines.push(format!(
            "That frees {} of {}; the limit is {}.",
            size(freed),
            size(plan.before.bytes),
            size(plan.before.limit)
        ));
    }
    if let Some(stays) = stays(plan, retention, &zone) {
        lines.push(paint(DIM, &stays));
    }
    lines
}

/// Why the first segment that stays does.
fn stays(plan: &Plan, retention: &Retention, zone: &Zone) -> Option<String> {
    let name = full::file_name(&retention.dir, plan.stop.ordinal);
    let why = match &plan.stop.why {
        Keep::Newest if plan.stop.ordinal.0 == 0 => return None,
        Keep::Newest => "is in use".to_owned(),
        Keep::NoTarget => "stays: nothing was delivered from here yet".to_owned(),
        Keep::Alien => "does not belong here; see: spec-kitty log verify".to_owned(),
        Keep::OutOfTime => "could not be looked at in time".to_owned(),
        Keep::Recent { until_us } => format!("stays until {}", zone.date(*until_us)),
        Keep::Waiting(waiting) => {
            let waiting: Vec<_> = waiting
                .iter()
                .map(|(hold, count)| waits(*hold, *count))
                .collect();
            format!("stays: {}", waiting.join(", "))
        }
    };
    Some(format!("{name} {why}."))
}

fn waits(hold: Hold, count: u64) -> String {
    let events = counted(count, "event", "events");
    match hold {
        Hold::Pending => format!("{events} not delivered"),
        Hold::Refused => format!("{events} refused by the server"),
        Hold::Unbound => format!("{events} recorded while signed out"),
        Hold::NoProject => format!("{events} recorded outside a project"),
        Hold::OwnerOpen => format!("{events} without a known owner"),
        Hold::Target => "it says that a target was added or removed".to_owned(),
        Hold::NotUnderstood => {
            let records = counted(count, "record", "records");
            format!("{records} that this version does not understand")
        }
    }
}
