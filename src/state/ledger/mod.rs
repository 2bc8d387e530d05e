//! What is known about delivery, as a value: cursors, exceptions, counts.
//!
//! A stream is all events of one project for one target. Its cursor says that
//! every event of the stream up to there is settled: confirmed by the server,
//! or refused by it and listed as an exception. The ledger is pure; it is
//! changed by [`Ledger::apply`] alone, and changing it twice by the same
//! commit is the same as once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::position::Seq;
use crate::state::latencies::Latencies;
use crate::state::ranges::SeqRanges;
use crate::state::text::{EventKey, Project};
use crate::target::TargetId;

mod apply;
mod commit;
mod former;

pub(super) use apply::Changes;
pub use apply::LedgerFull;
pub use commit::{Answer, Commit, Outcome, Refusal, Retry, Trouble};
pub(super) use former::{FormerContact, FormerLedger};

/// The most exceptions that are kept one by one, over all targets.
pub(super) const MAX_EXCEPTIONS: usize = 32_768;
/// The most streams, over all targets.
pub(super) const MAX_STREAMS: usize = 4_096;
/// The most targets.
pub(super) const MAX_TARGETS: usize = 256;
/// The most ranges of duplicates kept for one target; older ones count as delivered.
pub(super) const MAX_DUPLICATE_RANGES: usize = 1_024;

/// Where one event is on its way to one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeliveryState {
    /// Not sent, or not answered.
    Pending,
    /// Sent over the socket, unconfirmed.
    Sent,
    /// The server said success.
    Delivered,
    /// The server had it already.
    Duplicate,
    /// The server refused it; it will be tried again.
    Rejected,
    /// The server refused it; it needs a person.
    Parked,
}

impl DeliveryState {
    /// Every state, in the order of an event's way.
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Sent,
        Self::Delivered,
        Self::Duplicate,
        Self::Rejected,
        Self::Parked,
    ];

    /// The word for it on the command line and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Duplicate => "duplicate",
            Self::Rejected => "rejected",
            Self::Parked => "parked",
        }
    }
}

/// The last settled event of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Its position in the log.
    pub seq: Seq,
    /// Its identifier: if the log holds another event there, the log is not
    /// the one this cursor was made for, and the stream starts over.
    pub event: EventKey,
}

/// What becomes of a refused event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// It will be tried again.
    Rejected {
        /// Not before this time, in milliseconds since the epoch.
        next_try_at_ms: u64,
    },
    /// It waits for a person.
    Parked,
    /// The server took its neighbours and has not said what became of it. No
    /// refusal: it is still pending, and sent again.
    Unanswered,
}

/// An event behind the cursor that is not confirmed: the server itself refused
/// it, or answered about its neighbours and not about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// Its identifier.
    pub event: EventKey,
    /// What becomes of it.
    pub standing: Standing,
    /// How often it was refused.
    pub attempts: u32,
    /// When that was last so, in milliseconds since the epoch.
    pub refused_at_ms: u64,
    /// Why, in the words of the server.
    pub trouble: Trouble,
}

/// One project's events on their way to one target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    pub(super) head: StreamHead,
    pub(super) exceptions: BTreeMap<Seq, Exception>,
}

/// A stream without its exceptions, which are stored one by one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StreamHead {
    pub(super) cursor: Option<Cursor>,
    pub(super) delivered: u64,
    pub(super) duplicate: u64,
    pub(super) last_delivered_at_ms: Option<u64>,
    pub(super) duplicates: SeqRanges,
}

impl StreamHead {
    /// Forgets the cursor, and the counts, which speak of the events up to it.
    /// When an event was last confirmed stays true.
    pub(super) fn start_over(&mut self) {
        *self = Self {
            last_delivered_at_ms: self.last_delivered_at_ms,
            ..Self::default()
        };
    }
}

impl Stream {
    /// The last settled event; `None` before the first.
    #[must_use]
    pub fn cursor(&self) -> Option<&Cursor> {
        self.head.cursor.as_ref()
    }

    /// How many events the server said success to.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.head.delivered
    }

    /// How many events the server had already.
    #[must_use]
    pub fn duplicate(&self) -> u64 {
        self.head.duplicate
    }

    /// When an event was last confirmed, in milliseconds since the epoch.
    #[must_use]
    pub fn last_delivered_at_ms(&self) -> Option<u64> {
        self.head.last_delivered_at_ms
    }

    /// The events up to the cursor that are not confirmed, by position.
    #[must_use]
    pub fn exceptions(&self) -> &BTreeMap<Seq, Exception> {
        &self.exceptions
    }

    /// The state of the stream's event at `seq`.
    #[must_use]
    pub fn state_of(&self, seq: Seq) -> DeliveryState {
        match self.exceptions.get(&seq).map(|found| found.standing) {
            Some(Standing::Rejected { .. }) => DeliveryState::Rejected,
            Some(Standing::Parked) => DeliveryState::Parked,
            Some(Standing::Unanswered) => DeliveryState::Pending,
            None if !self.is_settled(seq) => DeliveryState::Pending,
            None if self.head.duplicates.contains(seq) => DeliveryState::Duplicate,
            None => DeliveryState::Delivered,
        }
    }

    fn is_settled(&self, seq: Seq) -> bool {
        self.cursor().is_some_and(|cursor| seq <= cursor.seq)
    }

    fn highest_seq(&self) -> Option<Seq> {
        let refused = self.exceptions.last_key_value().map(|(seq, _)| *seq);
        self.cursor().map(|cursor| cursor.seq).max(refused)
    }
}

/// All that is known about one target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetLedger {
    pub(super) contact: Contact,
    pub(super) streams: BTreeMap<Option<Project>, Stream>,
}

/// The last exchanges with a target, and how long its events took to get there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Contact {
    pub(super) last_contact_at_ms: Option<u64>,
    pub(super) retry_not_before_ms: Option<u64>,
    pub(super) last_error: Option<(u64, Trouble)>,
    pub(super) latencies: Latencies,
    /// From when on no other ledger can have known of a recorded event, in
    /// milliseconds since the epoch.
    pub(super) timed_since_ms: Option<u64>,
}

impl TargetLedger {
    /// When the server last answered, in milliseconds since the epoch.
    #[must_use]
    pub fn last_contact_at_ms(&self) -> Option<u64> {
        self.contact.last_contact_at_ms
    }

    /// The server asked not to be called before this time (milliseconds since the epoch).
    #[must_use]
    pub fn retry_not_before_ms(&self) -> Option<u64> {
        self.contact.retry_not_before_ms
    }

    /// What went wrong in the last exchange and when; `None` when nothing did.
    #[must_use]
    pub fn last_error(&self) -> Option<(u64, &Trouble)> {
        self.contact
            .last_error
            .as_ref()
            .map(|(at_ms, trouble)| (*at_ms, trouble))
    }

    /// How long the events took whose delivery was timed: those that this home
    /// recorded for this very target.
    #[must_use]
    pub fn latencies(&self) -> &Latencies {
        &self.contact.latencies
    }

    /// The streams; the key is the project.
    #[must_use]
    pub fn streams(&self) -> &BTreeMap<Option<Project>, Stream> {
        &self.streams
    }

    /// The stream of `project`.
    #[must_use]
    pub fn stream(&self, project: Option<&Project>) -> Option<&Stream> {
        self.streams.get(&project.cloned())
    }

    /// When an event was last confirmed, in milliseconds since the epoch.
    #[must_use]
    pub fn last_delivered_at_ms(&self) -> Option<u64> {
        self.streams
            .values()
            .filter_map(Stream::last_delivered_at_ms)
            .max()
    }

    /// The events among the exceptions that may be tried again at `now_ms`, by
    /// position within each project.
    pub fn due(
        &self,
        now_ms: u64,
    ) -> impl Iterator<Item = (Option<&Project>, Seq, &Exception)> + '_ {
        let all = self.streams.iter().flat_map(|(project, stream)| {
            let entries = stream.exceptions.iter();
            entries.map(move |(seq, exception)| (project.as_ref(), *seq, exception))
        });
        all.filter(move |(_, _, exception)| match exception.standing {
            Standing::Rejected { next_try_at_ms } => next_try_at_ms <= now_ms,
            Standing::Parked => false,
            Standing::Unanswered => true,
        })
    }

    /// How many events are rejected and how many are parked.
    #[must_use]
    pub fn refused(&self) -> (u64, u64) {
        let all = self.streams.values().flat_map(|s| s.exceptions.values());
        all.fold((0, 0), |(rejected, parked), found| match found.standing {
            Standing::Rejected { .. } => (rejected + 1, parked),
            Standing::Parked => (rejected, parked + 1),
            Standing::Unanswered => (rejected, parked),
        })
    }
}

/// All that is known about delivery from one home.
///
/// ```
/// use spec_kitty::position::Seq;
/// use spec_kitty::state::{Commit, DeliveryState, EventKey, Ledger, Outcome};
/// use spec_kitty::target::TargetId;
///
/// let target = TargetId([7; 16]);
/// let mut commit = Commit::new(target, 1_795_342_293_000);
/// commit.settle(None, Seq(1), EventKey::new("01J0")?, Outcome::Delivered);
/// let mut ledger = Ledger::default();
/// ledger.apply(&commit)?;
///
/// assert_eq!(ledger.state_of(target, None, Seq(1)), DeliveryState::Delivered);
/// assert_eq!(ledger.highest_seq(), Some(Seq(1)));
/// let elsewhere = TargetId([8; 16]);
/// assert_eq!(ledger.state_of(elsewhere, None, Seq(1)), DeliveryState::Pending);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    pub(super) revision: u64,
    pub(super) targets: BTreeMap<TargetId, TargetLedger>,
}

impl Ledger {
    /// How many commits made this ledger.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The targets that were ever spoken to.
    #[must_use]
    pub fn targets(&self) -> &BTreeMap<TargetId, TargetLedger> {
        &self.targets
    }

    /// What is known about `target`.
    #[must_use]
    pub fn target(&self, target: TargetId) -> Option<&TargetLedger> {
        self.targets.get(&target)
    }

    /// The state of the event of `project` at `seq` on its way to `target`.
    #[must_use]
    pub fn state_of(&self, target: TargetId, project: Option<&Project>, seq: Seq) -> DeliveryState {
        self.target(target)
            .and_then(|target| target.stream(project))
            .map_or(DeliveryState::Pending, |stream| stream.state_of(seq))
    }

    /// The highest position that anything is known about: a log that ends
    /// below it has lost its end, or is another log.
    #[must_use]
    pub fn highest_seq(&self) -> Option<Seq> {
        self.streams().filter_map(Stream::highest_seq).max()
    }

    pub(super) fn streams(&self) -> impl Iterator<Item = &Stream> + '_ {
        self.targets
            .values()
            .flat_map(|target| target.streams.values())
    }

    /// Whether every bound holds that [`Ledger::apply`] keeps. What was read
    /// from a file is not used otherwise.
    pub(super) fn is_within_limits(&self) -> bool {
        let texts = self.targets.values().all(|target| {
            let last = target.contact.last_error.iter().map(|(_, trouble)| trouble);
            let refused = target.streams.values().flat_map(|s| s.exceptions.values());
            last.chain(refused.map(|exception| &exception.trouble))
                .all(Trouble::is_bounded)
        });
        texts
            && self.targets.len() <= MAX_TARGETS
            && self.streams().count() <= MAX_STREAMS
            && self.count_exceptions() <= MAX_EXCEPTIONS
            && self.targets.values().all(|target| {
                let streams = target.streams.values();
                let ranges: usize = streams.map(|stream| stream.head.duplicates.len()).sum();
                ranges <= MAX_DUPLICATE_RANGES
            })
    }

    pub(super) fn count_exceptions(&self) -> usize {
        self.streams().map(|stream| stream.exceptions.len()).sum()
    }
}
