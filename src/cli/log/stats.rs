//! `log stats`: how many, of what, by whom, when, and how far they got.
//!
//! Names come from outside, so no more than a few thousand are counted apart.

use std::collections::BTreeMap;

use clap::Args;
use jiff::Timestamp;
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::cli::Session;
use crate::cli::columns::terminal_columns;
use crate::cli::failure::Failure;
use crate::cli::time::Zone;
use crate::log::read::{ReadError, Step};
use crate::log::reader::Reader;
use crate::log::segment::LogDir;
use crate::position::Seq;
use crate::state::{Latencies, Ledger, TargetLedger};

use super::delivery::{Delivery, DeliveryState};
use super::entry::Entry;
use super::filter::Which;
use super::{damage, prune, types, understood};

mod page;

/// Options of `log stats`.
#[derive(Debug, Args)]
pub(in crate::cli) struct StatsArgs {
    #[command(flatten)]
    which: Which,
    /// Count days in UTC, and read times so
    #[arg(long, env = "SPEC_KITTY_UTC", hide_env_values = true, help_heading = "How", value_parser = clap::builder::FalseyValueParser::new())]
    utc: bool,
}

/// The most different types, nodes and days that are counted apart.
const MOST_APART: usize = 4096;
/// What the rest is counted as.
const OTHER: &str = "(other)";
/// The most types whose days are counted apart.
const MOST_DRAWN: usize = 64;

/// Counts by name, bounded: names come from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
struct Counts(BTreeMap<String, u64>);

/// Counts by delivery state, in the order of an event's way. Events that are
/// never sent have none.
#[derive(Debug, Default)]
struct States(BTreeMap<DeliveryState, u64>);

#[derive(Debug, Default, serde::Serialize)]
struct Lamports {
    min: Option<u64>,
    max: Option<u64>,
}

#[derive(Debug, Default, serde::Serialize)]
struct Report {
    kind: &'static str,
    v: u8,
    events: u64,
    bytes: u64,
    segments: u64,
    by_type: Counts,
    by_node: Counts,
    by_day: Counts,
    lamport: Lamports,
    delivery: States,
    latency: Option<Latency>,
    #[serde(skip)]
    days_of_type: BTreeMap<String, Counts>,
}

/// How long deliveries took, from the recording to the server's word, as far as
/// they were timed. Percentiles are less than an eighth too high, and never too
/// low.
#[derive(Clone, Copy, Debug, serde::Serialize)]
struct Latency {
    count: u64,
    /// Confirmed before they were recorded, because a clock was set back.
    early: u64,
    p50_ms: Option<u64>,
    p90_ms: Option<u64>,
    p99_ms: Option<u64>,
    max_ms: Option<u64>,
}

/// What people want to know beside what was counted.
#[derive(Clone, Copy, Debug)]
struct Beside {
    /// The segments that may go, and their bytes.
    prunable: Option<(u64, u64)>,
    /// When a server last confirmed an event.
    last_confirmed: Option<Timestamp>,
}

impl Latency {
    /// Over all targets: each event is timed on its way to its owner alone.
    fn of(ledger: &Ledger) -> Self {
        let mut all = Latencies::default();
        for target in ledger.targets().values() {
            all.merge(target.latencies());
        }
        Self {
            count: all.count(),
            early: all.early(),
            p50_ms: all.percentile_ms(50),
            p90_ms: all.percentile_ms(90),
            p99_ms: all.percentile_ms(99),
            max_ms: all.longest_ms(),
        }
    }

    /// What is told beside the counts, by name.
    fn figures(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let all = [
            ("p50", self.p50_ms),
            ("p90", self.p90_ms),
            ("p99", self.p99_ms),
            ("max", self.max_ms),
        ];
        all.into_iter().filter_map(|(name, ms)| Some((name, ms?)))
    }
}

fn last_confirmed(ledger: &Ledger) -> Option<Timestamp> {
    let targets = ledger.targets().values();
    let last_ms = targets
        .filter_map(TargetLedger::last_delivered_at_ms)
        .max()?;
    Timestamp::from_millisecond(i64::try_from(last_ms).ok()?).ok()
}

pub(super) fn run(args: &StatsArgs, session: &mut Session) -> Result<(), Failure> {
    let json = session.out.json();
    let zone = Zone::chosen(args.utc);
    let dir = super::log_dir(session);
    let types = types::resolve(&dir, &args.which.types)?;
    let filter = args.which.filter(types, &zone.now());
    let deliveries = super::deliveries(session, &dir);
    let mut report = Report::new(&dir)?;
    // Programs get days in UTC, wherever they run.
    let days = if json {
        Zone::chosen(true)
    } else {
        zone.clone()
    };
    let mut reader = Reader::new(dir.clone(), Seq(1));
    loop {
        match reader.step()? {
            Step::Idle => break,
            Step::Damage(found) => session.out.warn(damage::warning(&dir, &found)),
            Step::Frame(item) => {
                let Some(entry) = understood(&item, &dir, &session.out)? else {
                    continue;
                };
                if filter.accepts(&entry, || deliveries.of(&entry)) {
                    report.count(&entry, &deliveries.of(&entry), &days);
                }
            }
        }
    }
    // It is known of all events together, and says nothing about some of them.
    let ledger = deliveries.ledger().filter(|_| args.which.is_everything());
    report.latency = ledger.map(Latency::of);
    if json {
        return session.out.object(&report);
    }
    let beside = Beside {
        prunable: prune::prunable(session),
        last_confirmed: deliveries.ledger().and_then(last_confirmed),
    };
    let out = &mut session.out;
    let is_page = out.stdout_is_terminal();
    let lines = if is_page {
        report.page(&beside, &zone, terminal_columns())
    } else {
        report.rows(&beside)
    };
    lines.into_iter().try_for_each(|line| out.line(line))?;
    if report.segments == 0 {
        out.note(super::NO_EVENTS);
    }
    Ok(())
}

impl Counts {
    fn add(&mut self, name: &str) {
        if let Some(count) = self.0.get_mut(name) {
            *count += 1;
        } else if self.0.len() < MOST_APART {
            self.0.insert(name.to_owned(), 1);
        } else {
            *self.0.entry(OTHER.to_owned()).or_default() += 1;
        }
    }

    fn most_first(&self) -> Vec<(&str, u64)> {
        let mut all: Vec<_> = self
            .0
            .iter()
            .map(|(name, count)| (name.as_str(), *count))
            .collect();
        all.sort_by_key(|(_, count)| u64::MAX - count);
        all
    }
}

impl States {
    fn add(&mut self, state: Option<DeliveryState>) {
        if let Some(state) = state {
            *self.0.entry(state).or_default() += 1;
        }
    }

    fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let count = |state| self.0.get(state).copied().unwrap_or(0);
        let states = DeliveryState::ALL.iter();
        states.map(move |state| (state.as_str(), count(state)))
    }
}

impl Serialize for States {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(DeliveryState::ALL.len()))?;
        for (state, count) in self.all() {
            map.serialize_entry(state, &count)?;
        }
        map.end()
    }
}

impl Report {
    fn new(dir: &LogDir) -> Result<Self, Failure> {
        let failed = |source| ReadError::Io {
            action: "list",
            path: dir.path().to_owned(),
            source,
        };
        let ordinals = dir.ordinals().map_err(failed)?;
        // A segment that is pruned meanwhile counts no bytes.
        let sizes = ordinals
            .iter()
            .filter_map(|ordinal| dir.size_of(*ordinal).ok());
        Ok(Self {
            kind: "log-stats",
            v: 1,
            bytes: sizes.fold(0, u64::saturating_add),
            segments: u64::try_from(ordinals.len()).unwrap_or(u64::MAX),
            ..Self::default()
        })
    }

    fn count(&mut self, entry: &Entry<'_>, delivery: &Delivery<'_>, days: &Zone) {
        let header = &entry.header;
        let day = days.date(header.timestamp_us);
        self.events += 1;
        self.by_type.add(header.event_type);
        self.by_node.add(header.node_id);
        self.by_day.add(&day);
        if self.days_of_type.contains_key(header.event_type) || self.days_of_type.len() < MOST_DRAWN
        {
            let days = self.days_of_type.entry(header.event_type.to_owned());
            days.or_default().add(&day);
        }
        let Lamports { min, max } = &mut self.lamport;
        *min = Some(min.map_or(header.lamport, |min| min.min(header.lamport)));
        *max = (*max).max(Some(header.lamport));
        self.delivery.add(delivery.state);
    }
}
