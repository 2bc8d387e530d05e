//! The backlog, counted from the log itself.
//!
//! Every event is sorted by where it is to go, and each stream is compared with
//! its cursor. What a cursor says must agree with what the
//! log holds: the event at the cursor must be there under its id, and as many
//! events must lie behind it as the ledger has settled. `sync status` shows
//! both counts, and a sender makes a stream whose cursor does not fit start
//! over. Reads only; takes no lock.

use std::collections::{BTreeMap, BTreeSet};

use crate::auth::Account;
use crate::log::read::ReadError;
use crate::log::segment::LogDir;
use crate::position::Seq;
use crate::state::{Ledger, Project, Standing, State, Stream};
use crate::sync::gate::{Closed, Gate};
use crate::sync::route::{Bindings, Route, is_of_others};
use crate::sync::tallies::Tallies;
use crate::sync::tally::Tally;
use crate::target::TargetId;

/// Events that wait for the same thing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many.
    pub events: u64,
    /// The time of the oldest, in microseconds since 1970.
    pub oldest_us: Option<i64>,
}

/// One stream of the ledger as the log shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// The events that are not settled: those behind the cursor, and those up
    /// to it that the server said nothing about.
    pub pending: Waiting,
    /// The first event behind the cursor.
    pub first_pending: Option<Seq>,
    /// Those of the pending events that lie up to the cursor.
    pub unanswered: u64,
    /// The events up to the cursor.
    pub settled: u64,
    /// Whether the cursor's event was found.
    found: bool,
}

/// Events that nobody owns yet, by project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unbound {
    /// How many, and since when.
    pub waiting: Waiting,
    /// The project's name, where its first event has one.
    pub slug: Option<String>,
}

/// What the log holds, sorted by where it is to go.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// The last frame that was seen: nothing beyond it was counted.
    pub end: Seq,
    /// All events.
    pub events: u64,
    /// The events of projects that opted out; they are not pending.
    pub opted_out: u64,
    /// The streams, by owner and name in the ledger.
    pub streams: BTreeMap<(TargetId, Project), Backlog>,
    /// Events with an owner and without a project.
    pub no_project: BTreeMap<TargetId, Waiting>,
    /// Events recorded while signed out, by project identifier.
    pub unbound: BTreeMap<Option<String>, Unbound>,
    /// Events that a person gave up sending to their owner.
    pub dropped: BTreeSet<(TargetId, Seq)>,
    /// Places that cannot be read.
    pub damage: u64,
    first: Option<Seq>,
}

impl Waiting {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let oldest = [self.oldest_us, other.oldest_us]
            .into_iter()
            .flatten()
            .min();
        Self {
            events: self.events.saturating_add(other.events),
            oldest_us: oldest,
        }
    }
}

impl Survey {
    /// Looks through the log in `dir`, which is compared with `ledger`.
    ///
    /// # Errors
    /// [`ReadError`] when the log cannot be read.
    pub fn take(dir: &LogDir, ledger: &Ledger, bindings: &Bindings) -> Result<Self, ReadError> {
        Tallies::read(dir, ledger)?.survey(ledger, bindings)
    }

    /// The same, together with the control frames of the log, which say whose
    /// the events before them are.
    ///
    /// # Errors
    /// [`ReadError`] when the log cannot be read.
    pub fn look(dir: &LogDir, ledger: &Ledger) -> Result<(Self, Bindings), ReadError> {
        let mut tallies = Tallies::read(dir, ledger)?;
        let bindings = tallies.bindings().clone();
        Ok((tallies.survey(ledger, &bindings)?, bindings))
    }

    /// The same of a home, where what was counted before is not counted again.
    ///
    /// # Errors
    /// [`ReadError`] when the log cannot be read.
    pub fn glance(
        dir: &LogDir,
        state: &State,
        ledger: &Ledger,
    ) -> Result<(Self, Bindings), ReadError> {
        let (tallies, survey) = Tallies::renew_with_survey(dir, state, ledger)?;
        Ok((survey, tallies.bindings().clone()))
    }

    /// A survey of a log that begins and ends there, without any event yet.
    pub(super) fn begin(first: Option<Seq>, end: Seq, damage: u64) -> Self {
        Self {
            first,
            end,
            damage,
            ..Self::default()
        }
    }

    /// Takes in events of which all is to be said that is said of the last one.
    pub(super) fn add(&mut self, tally: &Tally, ledger: &Ledger, bindings: &Bindings) {
        let header = tally.header();
        let events = Waiting {
            events: tally.events,
            oldest_us: Some(tally.oldest_us),
        };
        let of_ledger = |target, stream: &Project| {
            let known = ledger.target(target);
            known.and_then(|target| target.stream(Some(stream)))
        };
        self.events = self.events.saturating_add(tally.events);
        for stream in bindings.copies(tally.last, &header) {
            let known = of_ledger(stream.0, &stream.1);
            self.streams.entry(stream).or_default().add(tally, known);
        }
        match bindings.route(tally.last, &header) {
            Route::Nameless => self.damage = self.damage.saturating_add(tally.events),
            Route::Dropped { target, stream } => {
                let at_cursor = of_ledger(target, &stream)
                    .and_then(Stream::cursor)
                    .is_some_and(|cursor| tally.ends_at(cursor));
                let backlog = self.streams.entry((target, stream)).or_default();
                backlog.found |= at_cursor;
                self.dropped.insert((target, tally.last));
            }
            Route::OptedOut => self.opted_out = self.opted_out.saturating_add(tally.events),
            Route::NoProject { target } => {
                let known = self.no_project.entry(target).or_default();
                *known = known.and(events);
            }
            Route::Unbound => {
                let project = header.project.map(str::to_owned);
                let known = self.unbound.entry(project).or_insert_with(|| Unbound {
                    slug: tally.slug.clone(),
                    ..Unbound::default()
                });
                known.waiting = known.waiting.and(events);
            }
            Route::Stream { target, stream } => {
                let known = of_ledger(target, &stream);
                let backlog = self.streams.entry((target, stream)).or_default();
                backlog.add(tally, known);
            }
        }
    }

    /// Whether the stream's cursor fits the log. A cursor before the oldest
    /// retained event fits: what it settled has been removed since.
    #[must_use]
    pub fn fits(&self, target: TargetId, stream: &Project, known: &Stream) -> bool {
        let Some(cursor) = known.cursor() else {
            return true;
        };
        self.first.is_some_and(|first| cursor.seq < first)
            || self
                .streams
                .get(&(target, stream.clone()))
                .is_some_and(|b| b.found)
    }

    /// Whether the log still has its beginning: only then can the settled
    /// events be counted in it.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.first.is_none_or(|first| first == Seq(1))
    }

    /// Everything that is recorded here and not delivered to its recipient,
    /// whatever it waits for. Events of projects that opted out wait for nothing.
    #[must_use]
    pub fn pending(&self) -> Waiting {
        let streams = self.streams.values().map(|backlog| backlog.pending);
        let homeless = self.no_project.values().copied();
        streams
            .chain(homeless)
            .fold(self.unbound_events(), Waiting::and)
    }

    /// Everything that is not delivered to its owner, whatever it waits for. The
    /// events of a stream whose cursor does not fit wait, all of them.
    #[must_use]
    pub fn waiting(&self, ledger: &Ledger) -> u64 {
        let own = self.streams.iter().filter(|((_, s), _)| !is_of_others(s));
        let waiting = own.map(|((target, stream), backlog)| {
            let known = ledger.target(*target).and_then(|t| t.stream(Some(stream)));
            if known.is_none_or(|known| self.fits(*target, stream, known)) {
                return backlog.pending.events;
            }
            let settled = backlog.settled.saturating_sub(backlog.unanswered);
            backlog.pending.events.saturating_add(settled)
        });
        let homeless = self.no_project.values().map(|waiting| waiting.events);
        let others = homeless.chain([self.unbound_events().events]);
        waiting.chain(others).fold(0, u64::saturating_add)
    }

    /// The gates that hold back events although `account` is ready, in order.
    #[must_use]
    pub fn held_gates(&self, account: &Account) -> Vec<Closed> {
        let target = account.target();
        let (own, teamless) = (target.id(), target.without_team().id());
        let of = |wanted: &dyn Fn(TargetId) -> bool| {
            let streams = self
                .streams
                .iter()
                .filter(|((target, _), _)| wanted(*target));
            streams
                .fold(Waiting::default(), |sum, (_, backlog)| {
                    sum.and(backlog.pending)
                })
                .events
        };
        let unbound = self.unbound_events().events;
        let others = of(&|target| target != own && target != teamless);
        let without_team = if own == teamless {
            0
        } else {
            of(&|target| target == teamless)
        };
        let homeless = self
            .no_project
            .values()
            .fold(0_u64, |sum, w| sum.saturating_add(w.events));
        let mut gates = Vec::new();
        let mut hold = |gate, count: u64, reason: &str, next: &str| {
            if count > 0 {
                let events = if count == 1 {
                    "event was"
                } else {
                    "events were"
                };
                let reason = format!("{count} {events} {reason}");
                gates.push(Closed {
                    gate,
                    reason,
                    next: next.to_owned(),
                });
            }
        };
        let sign_in = "spec-kitty auth login";
        hold(
            Gate::SignedIn,
            unbound,
            "recorded while nobody was signed in",
            sign_in,
        );
        hold(
            Gate::SignedIn,
            others,
            "recorded for another account",
            "spec-kitty auth login -u THAT-USER",
        );
        hold(
            Gate::Team,
            without_team,
            "recorded before the account had a team",
            sign_in,
        );
        hold(
            Gate::Project,
            homeless,
            "recorded outside a project, which no server takes",
            "spec-kitty log tail --undelivered",
        );
        gates
    }

    /// The events that nothing but a pass keeps from the server of `target`.
    #[must_use]
    pub fn sendable(&self, target: TargetId) -> u64 {
        let streams = self.streams.iter().filter(|((of, _), _)| *of == target);
        streams.fold(0, |sum, (_, backlog)| {
            sum.saturating_add(backlog.pending.events)
        })
    }

    /// All events that wait to be bound.
    #[must_use]
    pub fn unbound_events(&self) -> Waiting {
        self.unbound
            .values()
            .fold(Waiting::default(), |sum, one| sum.and(one.waiting))
    }
}

impl Backlog {
    fn add(&mut self, tally: &Tally, known: Option<&Stream>) {
        let events = Waiting {
            events: tally.events,
            oldest_us: Some(tally.oldest_us),
        };
        match known.and_then(Stream::cursor) {
            Some(cursor) if tally.last <= cursor.seq => {
                self.settled = self.settled.saturating_add(tally.events);
                self.found |= tally.ends_at(cursor);
                let exception = known.and_then(|known| known.exceptions().get(&tally.last));
                if exception.is_some_and(|found| found.standing == Standing::Unanswered) {
                    self.unanswered = self.unanswered.saturating_add(tally.events);
                    self.pending = self.pending.and(events);
                }
            }
            _ => {
                self.pending = self.pending.and(events);
                let first = self
                    .first_pending
                    .map_or(tally.first, |f| f.min(tally.first));
                self.first_pending = Some(first);
            }
        }
    }
}
