//! Which events are wanted. Repeating an option means *or*; different options
//! mean *and*.
//!
//! What is in the header is looked at first; the payload is searched only when
//! everything else fits.

use clap::Args;
use jiff::Zoned;

use crate::cli::time;
use crate::event::EventHeader;
use crate::state::DeliveryState;

use super::delivery::Delivery;
use super::entry::Entry;
use super::grep::Grep;
use super::range::{self, LamportRange};
use super::when::{self, When};

/// The options that say which events are wanted.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Which (repeat = or; different options = and)")]
pub(super) struct Which {
    /// From this moment on: 15m, "2 days", today, yesterday, 09:30, 2026-02-03, RFC 3339
    #[arg(long, value_name = "WHEN", value_parser = when::parse)]
    pub(super) since: Option<When>,
    /// Before this moment; a day means its beginning
    #[arg(long, value_name = "WHEN", value_parser = when::parse)]
    until: Option<When>,
    /// This type of event, such as WPStatusChanged
    #[arg(short = 't', long = "type", value_name = "TYPE", value_delimiter = ',')]
    pub(super) types: Vec<String>,
    /// About this work package
    #[arg(long = "wp", value_name = "WP", value_delimiter = ',')]
    wps: Vec<String>,
    /// Of this feature; its number is enough
    #[arg(long = "feature", value_name = "SLUG", value_delimiter = ',')]
    features: Vec<String>,
    /// Made by this node; "me" is this one, a beginning is enough
    #[arg(long = "node", value_name = "NODE", value_delimiter = ',')]
    nodes: Vec<String>,
    /// Recorded for this team
    #[arg(long = "team", value_name = "TEAM", value_delimiter = ',')]
    teams: Vec<String>,
    /// With a Lamport clock in this range: 40..55, 40.. or ..55
    #[arg(long, value_name = "A..B", value_parser = range::parse)]
    lamport: Option<LamportRange>,
    /// In this delivery state
    #[arg(short = 's', long = "state", value_name = "STATE", value_delimiter = ',',
          value_parser = state_parser())]
    states: Vec<String>,
    /// Not delivered yet: pending, sent, rejected or parked
    #[arg(short = 'u', long)]
    undelivered: bool,
    /// With this text in the payload; capitals count when there are any in it
    #[arg(short = 'g', long, value_name = "TEXT")]
    grep: Option<String>,
}

fn state_parser() -> clap::builder::PossibleValuesParser {
    DeliveryState::ALL.map(DeliveryState::as_str).into()
}

/// The wanted events, ready to be asked for each event.
#[derive(Debug)]
pub(super) struct Filter<'a> {
    which: &'a Which,
    types: Vec<String>,
    since_us: Option<i64>,
    until_us: Option<i64>,
    grep: Option<Grep>,
}

impl Which {
    /// The filter as seen from `now`. `types` are the wanted types as they are
    /// written in the log.
    pub(super) fn filter(&self, types: Vec<String>, now: &Zoned) -> Filter<'_> {
        Filter {
            which: self,
            types,
            since_us: self.since.map(|when| when.resolve(now)),
            until_us: self.until.map(|when| when.resolve(now)),
            grep: self.grep.as_deref().map(Grep::new),
        }
    }
}

impl Which {
    /// Whether every event is wanted.
    pub(super) fn is_everything(&self) -> bool {
        let Self {
            since,
            until,
            types,
            wps,
            features,
            nodes,
            teams,
            lamport,
            states,
            undelivered,
            grep,
        } = self;
        let lists = [types, wps, features, nodes, teams, states];
        lists.iter().all(|list| list.is_empty())
            && since.is_none()
            && until.is_none()
            && lamport.is_none()
            && !undelivered
            && grep.is_none()
    }

    /// Whether delivery states are asked for by name.
    pub(super) fn names_states(&self) -> bool {
        !self.states.is_empty() || self.undelivered
    }
}

impl Filter<'_> {
    /// How the moments were read, for `-v`.
    pub(super) fn moments(&self) -> Option<String> {
        let since = self.since_us.map(|at| format!("since {}", time::utc(at)));
        let until = self.until_us.map(|at| format!("before {}", time::utc(at)));
        let both: Vec<_> = since.into_iter().chain(until).collect();
        (!both.is_empty()).then(|| format!("events {}", both.join(" and ")))
    }

    /// Whether the event is wanted. `delivery` is asked only when it matters.
    pub(super) fn accepts<'d>(
        &self,
        entry: &Entry<'_>,
        delivery: impl FnOnce() -> Delivery<'d>,
    ) -> bool {
        self.accepts_header(&entry.header, entry.foreign)
            && self.accepts_delivery(delivery)
            && self
                .grep
                .as_ref()
                .is_none_or(|grep| grep.finds_in(entry.json))
    }

    fn accepts_header(&self, header: &EventHeader<'_>, foreign: bool) -> bool {
        let which = self.which;
        let at_us = header.timestamp_us;
        let is_about = |wp: &String| {
            header.aggregate_type == "WorkPackage" && header.aggregate_id.eq_ignore_ascii_case(wp)
        };
        self.since_us.is_none_or(|since| at_us >= since)
            && self.until_us.is_none_or(|until| at_us < until)
            && which
                .lamport
                .is_none_or(|range| range.contains(header.lamport))
            && any(&self.types, |wanted| wanted == header.event_type)
            && any(&which.wps, is_about)
            && any(&which.features, |wanted| is_feature(header, wanted))
            && any(&which.nodes, |wanted| is_node(header, foreign, wanted))
            && any(&which.teams, |wanted| {
                header
                    .team
                    .is_some_and(|team| team.eq_ignore_ascii_case(wanted))
            })
    }

    fn accepts_delivery<'d>(&self, delivery: impl FnOnce() -> Delivery<'d>) -> bool {
        if self.which.states.is_empty() && !self.which.undelivered {
            return true;
        }
        let delivery = delivery();
        any(&self.which.states, |state| state == delivery.word())
            && (!self.which.undelivered || delivery.is_undelivered())
    }
}

fn any(wanted: &[String], fits: impl FnMut(&String) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(fits)
}

/// The whole slug, or what stands before a `-` of it.
fn is_feature(header: &EventHeader<'_>, wanted: &str) -> bool {
    let Some((start, rest)) = header
        .feature
        .and_then(|slug| slug.split_at_checked(wanted.len()))
    else {
        return false;
    };
    start.eq_ignore_ascii_case(wanted) && (rest.is_empty() || rest.starts_with('-'))
}

fn is_node(header: &EventHeader<'_>, foreign: bool, wanted: &str) -> bool {
    if wanted == "me" {
        return !foreign;
    }
    header
        .node_id
        .split_at_checked(wanted.len())
        .is_some_and(|(start, _)| start.eq_ignore_ascii_case(wanted))
}
