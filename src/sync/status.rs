//! What is delivered, what waits and why, without touching the network.
//!
//! The backlog is counted twice: in the log, by what lies behind each cursor,
//! and from the ledger, by what the log holds less what the server confirmed
//! or refused. A cursor that has passed an event which nobody confirmed, a
//! ledger from another log, or frames that were lost make the two differ, and
//! then nothing here claims to be all right. Takes no lock, and writes nothing
//! but what it has counted (see `sync::tallies`).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::auth::{Account, Recipient};
use crate::home::Home;
use crate::position::Seq;
use crate::state::{FailureCounts, FailuresError, Ledger, State, Stream, TargetLedger, ViewError};
use crate::sync::daemon;
use crate::sync::gate::{Closed, Gate, account_gate, wait_reason};
use crate::sync::outcome;
use crate::sync::pass::log_dir;
use crate::sync::survey::Survey;
use crate::target::{Target, TargetId};

use crate::log::read::ReadError;

/// How this home stands towards the server.
///
/// ```
/// use spec_kitty::auth::Recipient;
/// use spec_kitty::sync::status::Connection;
///
/// let nobody = Recipient::SignedOut { server: None };
/// let connection = Connection::of(&nobody, false, None, None);
/// assert_eq!(connection.as_str(), "Offline");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Connection {
    /// The background sender holds a live connection.
    Connected,
    /// The background sender has lost it, or could not make it, and tries again;
    /// meanwhile events go in batches.
    Reconnecting,
    /// Signed in: events go in batches.
    OfflineBatchMode,
    /// Events stay here.
    Offline,
}

impl Connection {
    /// The state for a recipient: `known` is what the last exchanges with it say,
    /// `live` what a background sender that is running says.
    #[must_use]
    pub fn of(
        recipient: &Recipient,
        sync_off: bool,
        known: Option<&TargetLedger>,
        live: Option<Self>,
    ) -> Self {
        let silent = known
            .and_then(TargetLedger::last_error)
            .is_some_and(|(_, trouble)| trouble.http_status().is_none());
        match (recipient, live) {
            (Recipient::Ready(_), _) if sync_off => Self::Offline,
            (Recipient::Ready(_), Some(live @ (Self::Connected | Self::Reconnecting))) => live,
            (Recipient::Ready(_), _) if !silent => Self::OfflineBatchMode,
            _ => Self::Offline,
        }
    }

    /// The word in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "Connected",
            Self::Reconnecting => "Reconnecting",
            Self::OfflineBatchMode => "OfflineBatchMode",
            Self::Offline => "Offline",
        }
    }
}

/// The backlog, counted in two ways. May be negative when the ledger has
/// confirmed more than the log holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// From the positions in the log.
    pub log: i64,
    /// From the counts in the ledger.
    pub ledger: i64,
}

/// Everything that `sync status` tells.
///
/// ```
/// use spec_kitty::auth::Recipient;
/// use spec_kitty::emitter::EventEmitter;
/// use spec_kitty::event::{EntryType, HistoryAdded};
/// use spec_kitty::home::Home;
/// use spec_kitty::sync::status::{Connection, Counted, Status};
///
/// let dir = tempfile::tempdir()?;
/// let home = Home::at(dir.path());
/// let emitter = EventEmitter::new(home.clone(), dir.path());
/// emitter.emit_payload(HistoryAdded::new("WP01", EntryType::Note, "begun"), None);
///
/// let nobody = Recipient::SignedOut { server: None };
/// let status = Status::take(&home, &nobody, false)?;
/// assert_eq!(status.connection, Connection::Offline);
/// assert_eq!((status.recorded, status.pending, status.delivered), (1, 1, 0));
/// assert_eq!(status.counted, Counted { log: 1, ledger: 1 }); // counted twice, and alike
/// for closed in &status.closed {
///     println!("{}: {}", closed.gate.as_str(), closed.reason);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Status {
    /// How this home stands towards the server.
    pub connection: Connection,
    /// The recipient, when an account is known.
    pub target: Option<Target>,
    /// All events in the log.
    pub recorded: u64,
    /// Recorded, and not delivered to whoever they are for.
    pub pending: u64,
    /// Those of them that wait for nothing but a pass, or for what the last
    /// exchange with the server says.
    pub sendable: u64,
    /// Those of them that are on the live connection, unconfirmed.
    pub sent: u64,
    /// Confirmed by the server, or there already.
    pub delivered: u64,
    /// Refused, to be tried again.
    pub rejected: u64,
    /// Refused for good: needs a person.
    pub parked: u64,
    /// The oldest pending event.
    pub oldest_pending_at: Option<Timestamp>,
    /// When the server last answered.
    pub last_contact_at: Option<Timestamp>,
    /// When an event was last confirmed.
    pub last_delivered_at: Option<Timestamp>,
    /// The closed gates, in their order; at most one for each gate.
    pub closed: Vec<Closed>,
    /// The backlog, counted twice.
    pub counted: Counted,
    /// Streams whose cursor does not fit the log, or whose counts differ.
    pub disagreements: u64,
    /// Places in the log that cannot be read.
    pub damage: u64,
    /// The view of the ledger could not be used.
    pub view_fault: Option<ViewError>,
    /// Events that could not be recorded.
    pub failures: Result<FailureCounts, FailuresError>,
}

impl Status {
    /// Looks at the home.
    ///
    /// # Errors
    /// [`ReadError`] when the log cannot be read.
    pub fn take(home: &Home, recipient: &Recipient, sync_off: bool) -> Result<Self, ReadError> {
        let state = State::at(home.state_dir());
        // The ledger first: what is recorded after it then counts as pending.
        let (ledger, view_fault) = match state.view() {
            Ok(ledger) => (ledger.unwrap_or_default(), None),
            Err(fault) => (Ledger::default(), Some(fault)),
        };
        let dir = log_dir(home);
        let (survey, _) = Survey::glance(&dir, &state, &ledger)?;
        let target = recipient.account().map(Account::target);
        let of_target = Totals::of(&ledger, target.as_ref().map(Target::id));
        let pending = survey.pending();
        let (counted, disagreements) = compare(&survey, &ledger);
        let known = target.as_ref().and_then(|t| ledger.target(t.id()));
        // After the ledger: what was settled since is not on the way any more.
        let told = target
            .as_ref()
            .and_then(|target| daemon::read_live(home, target.id()));
        let live = told.as_ref().map(|told| told.connection);
        Ok(Self {
            connection: Connection::of(recipient, sync_off, known, live),
            sent: told.map_or(0, |told| told.count(known)),
            recorded: survey.events,
            pending: pending.events,
            sendable: match (account_gate(recipient, sync_off), &target) {
                (None, Some(target)) => survey.sendable(target.id()),
                _ => 0,
            },
            delivered: of_target.delivered,
            rejected: of_target.rejected,
            parked: of_target.parked,
            oldest_pending_at: pending
                .oldest_us
                .and_then(|us| Timestamp::from_microsecond(us).ok()),
            last_contact_at: of_target.last_contact_ms.and_then(time),
            last_delivered_at: of_target.last_delivered_ms.and_then(time),
            closed: closed_gates(recipient, sync_off, &survey, &ledger),
            counted,
            disagreements,
            damage: survey.damage,
            view_fault,
            failures: state.failures().read(),
            target,
        })
    }

    /// Takes in what the server itself said just now, instead of what the last
    /// exchange left behind.
    #[doc(hidden)]
    pub fn note_probe(&mut self, found: Option<Closed>) {
        self.closed
            .retain(|closed| !matches!(closed.gate, Gate::Server | Gate::Network));
        self.closed.extend(found);
        self.closed.sort_by_key(|closed| closed.gate);
        self.closed.dedup_by_key(|closed| closed.gate);
    }

    /// Whether anything here must not be believed without a look.
    #[must_use]
    pub fn disagrees(&self) -> bool {
        self.disagreements > 0
            || self.damage > 0
            || self.view_fault.is_some()
            || self.counted.log != self.counted.ledger
    }
}

/// Sums over one target, or over all where no account is known.
#[derive(Default)]
struct Totals {
    delivered: u64,
    rejected: u64,
    parked: u64,
    last_contact_ms: Option<u64>,
    last_delivered_ms: Option<u64>,
}

impl Totals {
    fn of(ledger: &Ledger, target: Option<TargetId>) -> Self {
        let wanted = ledger
            .targets()
            .iter()
            .filter(|(id, _)| target.is_none_or(|t| t == **id));
        wanted.fold(Self::default(), |sum, (_, known)| sum.and(known))
    }

    fn and(self, known: &TargetLedger) -> Self {
        let (rejected, parked) = known.refused();
        let streams = known.streams().values();
        let delivered = streams.fold(0_u64, |sum, stream| {
            sum.saturating_add(stream.delivered())
                .saturating_add(stream.duplicate())
        });
        Self {
            delivered: self.delivered.saturating_add(delivered),
            rejected: self.rejected.saturating_add(rejected),
            parked: self.parked.saturating_add(parked),
            last_contact_ms: self.last_contact_ms.max(known.last_contact_at_ms()),
            last_delivered_ms: self.last_delivered_ms.max(known.last_delivered_at_ms()),
        }
    }
}

/// Both counts, and how many streams differ.
fn compare(survey: &Survey, ledger: &Ledger) -> (Counted, u64) {
    let pending = signed(survey.pending().events);
    let mut counted = Counted {
        log: pending,
        ledger: pending,
    };
    let mut differ = 0_u64;
    for (id, known) in ledger.targets() {
        for (name, stream) in known.streams() {
            let Some(name) = name else { continue };
            let backlog = survey.streams.get(&(*id, name.clone()));
            let in_log = signed(backlog.map_or(0, |backlog| backlog.settled));
            let dropped = |seq| survey.dropped.contains(&(*id, seq));
            let in_ledger = signed(settled(stream, dropped));
            // Without its beginning the log cannot be counted against.
            let same = in_log == in_ledger || !survey.is_whole();
            if !same {
                counted.ledger = counted
                    .ledger
                    .saturating_add(in_log.saturating_sub(in_ledger));
            }
            if !same || !survey.fits(*id, name, stream) {
                differ = differ.saturating_add(1);
            }
        }
    }
    (counted, differ)
}

/// The events up to the cursor, as the ledger has counted them, without those
/// that were given up since.
fn settled(stream: &Stream, dropped: impl Fn(Seq) -> bool) -> u64 {
    let Some(cursor) = stream.cursor() else {
        return 0;
    };
    let exceptions = stream.exceptions().range(..=cursor.seq);
    let refused = exceptions.filter(|(seq, _)| !dropped(**seq)).count();
    stream
        .delivered()
        .saturating_add(stream.duplicate())
        .saturating_add(u64::try_from(refused).unwrap_or(u64::MAX))
}

/// The gates that hold something back now, as far as this home knows.
fn closed_gates(
    recipient: &Recipient,
    sync_off: bool,
    survey: &Survey,
    ledger: &Ledger,
) -> Vec<Closed> {
    let mut closed: Vec<Closed> = account_gate(recipient, sync_off).into_iter().collect();
    if let Some(account) = recipient.account() {
        closed.extend(survey.held_gates(account));
        closed.extend(
            ledger
                .target(account.target().id())
                .into_iter()
                .flat_map(last_seen),
        );
    }
    // The first word on each gate counts.
    closed.sort_by_key(|closed| closed.gate);
    closed.dedup_by_key(|closed| closed.gate);
    closed
}

/// What the last exchange with the server says about the last three gates.
pub(super) fn last_seen(known: &TargetLedger) -> Vec<Closed> {
    let next = "spec-kitty sync now".to_owned();
    let mut closed = Vec::new();
    let now = Timestamp::now();
    if let Some(until) = known.retry_not_before_ms().and_then(time)
        && until > now
    {
        let reason = wait_reason(until, now);
        closed.push(Closed {
            gate: Gate::Wait,
            reason,
            next: next.clone(),
        });
    }
    if let Some((_, trouble)) = known.last_error() {
        let gate = Gate::of_category(trouble.category());
        let reason = outcome::phrase(trouble);
        if gate != Gate::Wait {
            closed.push(Closed { gate, reason, next });
        }
    }
    closed
}

fn time(ms: u64) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(ms).ok()?).ok()
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
