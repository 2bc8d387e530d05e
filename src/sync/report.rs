//! What a pass did, as a value: counts, refusals, and why something is left.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::position::{Lamport, Seq};
use crate::state::{Ledger, Note, Project, Refusal, Retry, Stream, Trouble};
use crate::sync::courier::Stop;
use crate::sync::gate::{Closed, Gate, wait_reason};
use crate::sync::outcome;
use crate::sync::route::Bindings;
use crate::target::{Target, TargetId};

/// What a pass did.
///
/// ```
/// use spec_kitty::sync::report::Report;
///
/// let mut report = Report::default();
/// (report.delivered, report.duplicate, report.pending) = (2, 1, 4);
/// assert_eq!(report.settled(), 3);
/// assert!(report.stopped.is_none() && report.categories().is_empty());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The recipient, when there is one.
    pub target: Option<Target>,
    /// Events that were in a request that was answered.
    pub sent: u64,
    /// Events the server said success to.
    pub delivered: u64,
    /// Events the server had already.
    pub duplicate: u64,
    /// Events the server refused, to be tried again.
    pub rejected: u64,
    /// Events the server refused for good.
    pub parked: u64,
    /// Events that are still waiting, whatever for.
    pub pending: u64,
    /// Those of them that nothing but another pass keeps from the recipient.
    pub sendable: u64,
    /// Bytes of the requests as sent.
    pub bytes: u64,
    /// The highest clock value that the server told.
    pub heard_clock: Option<Lamport>,
    /// Why it did not send everything.
    pub stopped: Option<Stopped>,
    /// The events that the server refused.
    pub refused: Vec<RefusedEvent>,
    /// What the state store put right on the way.
    pub notes: Vec<Note>,
    /// Where the pass stood when it had sent everything that may be sent.
    pub(crate) caught_up: Option<CaughtUp>,
}

/// The place from which a live connection can go on: everything up to here that
/// the target may get is settled.
#[derive(Clone, Debug)]
pub(crate) struct CaughtUp {
    pub(crate) target: TargetId,
    /// The last frame that was seen.
    pub(crate) end: Seq,
    /// The control frames up to there.
    pub(crate) bindings: Bindings,
    /// How far each stream is settled.
    pub(crate) cursors: BTreeMap<Project, Seq>,
}

impl CaughtUp {
    pub(super) fn new(ledger: &Ledger, target: TargetId, end: Seq, bindings: Bindings) -> Self {
        let streams = ledger.target(target).into_iter();
        let streams = streams.flat_map(|target| target.streams());
        let cursor = |(name, stream): (&Option<Project>, &Stream)| {
            Some((name.clone()?, stream.cursor()?.seq))
        };
        Self {
            target,
            end,
            bindings,
            cursors: streams.filter_map(cursor).collect(),
        }
    }
}

/// Why events are left.
///
/// ```
/// use spec_kitty::sync::report::Stopped;
/// use spec_kitty::sync::gate::Gate;
///
/// let stopped = Stopped::Trouble {
///     gate: Gate::Network,
///     category: "dns".to_owned(),
///     message: "the name is not known".to_owned(),
/// };
/// assert_eq!(stopped.word(), "dns");
/// assert_eq!(Stopped::Interrupted.word(), "interrupted");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// A gate is closed; the first in their order.
    Gate(Closed),
    /// No usable answer came, or the server asked to wait.
    Trouble {
        /// The gate where it ended.
        gate: Gate,
        /// The class, a kebab-case word.
        category: String,
        /// The words, from us or from the server.
        message: String,
    },
    /// Somebody asked for it.
    Interrupted,
}

/// An event that the server refused in this pass.
///
/// ```
/// use spec_kitty::position::Seq;
/// use spec_kitty::state::Trouble;
/// use spec_kitty::sync::report::{RefusedEvent, Report};
///
/// let mut report = Report::default();
/// report.refused.push(RefusedEvent {
///     seq: Seq(7),
///     event_id: "01M81BTPP6PS3R3G0D5WC0XV38".to_owned(),
///     parked: true,
///     trouble: Trouble::new("invalid", "unknown work package", Some(400)),
/// });
/// assert_eq!(report.categories().get("invalid"), Some(&1));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedEvent {
    /// Its position.
    pub seq: Seq,
    /// Its id.
    pub event_id: String,
    /// Whether it is parked.
    pub parked: bool,
    /// Why.
    pub trouble: Trouble,
}

impl Report {
    /// How many events the server gave an answer to.
    #[must_use]
    pub fn settled(&self) -> u64 {
        [self.delivered, self.duplicate, self.rejected, self.parked]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    /// How many events were refused in this pass, by category.
    #[must_use]
    pub fn categories(&self) -> BTreeMap<&str, u64> {
        let mut categories = BTreeMap::new();
        for refused in &self.refused {
            *categories.entry(refused.trouble.category()).or_insert(0) += 1;
        }
        categories
    }

    pub(super) fn note_refusal(&mut self, seq: Seq, event_id: &str, refusal: &Refusal) {
        let parked = refusal.retry == Retry::Never;
        let count = if parked {
            &mut self.parked
        } else {
            &mut self.rejected
        };
        *count = count.saturating_add(1);
        self.refused.push(RefusedEvent {
            seq,
            event_id: event_id.to_owned(),
            parked,
            trouble: refusal.trouble.clone(),
        });
    }
}

impl Stopped {
    /// The word for reports: the gate, or the category of what went wrong.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::Gate(closed) => closed.gate.as_str(),
            Self::Trouble { category, .. } => category,
            Self::Interrupted => "interrupted",
        }
    }

    pub(super) fn by(stop: Stop) -> Self {
        match stop {
            Stop::Interrupted => Self::Interrupted,
            Stop::Trouble(trouble) => Self::Trouble {
                gate: Gate::of_category(trouble.category()),
                category: trouble.category().to_owned(),
                message: outcome::phrase(&trouble),
            },
            Stop::Wait { until, .. } => Self::Trouble {
                gate: Gate::Wait,
                category: "throttled".to_owned(),
                message: wait_reason(until, Timestamp::now()),
            },
            Stop::Session(reason) => Self::Gate(Closed {
                gate: Gate::SignedIn,
                reason,
                next: "spec-kitty auth login".to_owned(),
            }),
        }
    }
}
