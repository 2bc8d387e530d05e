//! The backlog, counted from the log itself.
//!
//! One look through the log sorts every event by where it is to go and compares
//! each stream with its cursor. What a cursor says must agree with what the
//! log holds: the event at the cursor must be there under its id, and as many
//! events must lie behind it as the ledger has settled. `sync status` shows
//! both counts, and a sender makes a stream whose cursor does not fit start
//! over. Reads only; takes no lock.

use std::collections::{BTreeMap, BTreeSet};

use crate::auth::Account;
use crate::event::decode_body;
use crate::log::frame::Kind;
use crate::log::read::{Item, ReadError, Step};
use crate::log::reader::Reader;
use crate::log::segment::LogDir;
use crate::position::Seq;
use crate::state::{Ledger, Project, Standing, Stream};
use crate::sync::adopt::slug_of;
use crate::sync::gate::{Closed, Gate};
use crate::sync::route::{Bindings, Route};
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
    fn add(&mut self, timestamp_us: i64) {
        self.events = self.events.saturating_add(1);
        let oldest = self
            .oldest_us
            .map_or(timestamp_us, |oldest| oldest.min(timestamp_us));
        self.oldest_us = Some(oldest);
    }

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
        Self::until(dir, ledger, bindings, Seq(u64::MAX))
    }

    /// The same, together with the control frames of the log, which say whose
    /// the events before them are. What lies behind the last of them is read
    /// once; there are few, and mostly at the beginning.
    ///
    /// # Errors
    /// [`ReadError`] when the log cannot be read.
    pub fn look(dir: &LogDir, ledger: &Ledger) -> Result<(Self, Bindings), ReadError> {
        let mut bindings = Bindings::default();
        let mut last_control = None;
        let mut behind = Self::default();
        let mut reader = Reader::new(dir.clone(), Seq(1));
        loop {
            match reader.step()? {
                Step::Idle => {
                    behind.first.get_or_insert(reader.next_seq());
                    break;
                }
                Step::Damage(_) => behind.damage = behind.damage.saturating_add(1),
                Step::Frame(item) if item.kind == Kind::Control => {
                    bindings.note(item.seq, item.body);
                    last_control = Some(item.seq);
                    // With this frame known, what lies before it is read again.
                    behind = Self::default();
                }
                Step::Frame(item) => behind.pass(&item, ledger, &bindings),
            }
        }
        let survey = match last_control {
            None => behind,
            Some(last) => Self::until(dir, ledger, &bindings, last)?.followed_by(behind),
        };
        Ok((survey, bindings))
    }

    /// Looks at everything up to and with the frame at `last`.
    fn until(
        dir: &LogDir,
        ledger: &Ledger,
        bindings: &Bindings,
        last: Seq,
    ) -> Result<Self, ReadError> {
        let mut survey = Self::default();
        let mut reader = Reader::new(dir.clone(), Seq(1));
        loop {
            match reader.step()? {
                Step::Idle => {
                    // Without any event, where the next one would be.
                    survey.first.get_or_insert(reader.next_seq());
                    return Ok(survey);
                }
                Step::Frame(item) if item.seq > last => return Ok(survey),
                Step::Damage(_) => survey.damage = survey.damage.saturating_add(1),
                Step::Frame(item) => survey.pass(&item, ledger, bindings),
            }
            if survey.end >= last {
                return Ok(survey);
            }
        }
    }

    fn pass(&mut self, item: &Item<'_>, ledger: &Ledger, bindings: &Bindings) {
        self.first.get_or_insert(item.seq);
        self.end = item.seq;
        if matches!(item.kind, Kind::Event | Kind::ForeignEvent) {
            self.add(item, ledger, bindings);
        }
    }

    /// This part of the log and the one behind it.
    fn followed_by(mut self, behind: Self) -> Self {
        self.end = self.end.max(behind.end);
        self.events = self.events.saturating_add(behind.events);
        self.opted_out = self.opted_out.saturating_add(behind.opted_out);
        self.damage = self.damage.saturating_add(behind.damage);
        self.first = self.first.or(behind.first);
        self.dropped.extend(behind.dropped);
        for (key, backlog) in behind.streams {
            self.streams.entry(key).or_default().add_all(&backlog);
        }
        for (target, waiting) in behind.no_project {
            let known = self.no_project.entry(target).or_default();
            *known = known.and(waiting);
        }
        for (project, unbound) in behind.unbound {
            let known = self.unbound.entry(project).or_default();
            known.waiting = known.waiting.and(unbound.waiting);
            known.slug = known.slug.take().or(unbound.slug);
        }
        self
    }

    fn add(&mut self, item: &Item<'_>, ledger: &Ledger, bindings: &Bindings) {
        let Ok((header, json)) = decode_body(item.body) else {
            self.damage = self.damage.saturating_add(1);
            return;
        };
        self.events = self.events.saturating_add(1);
        let at_us = header.timestamp_us;
        for stream in bindings.copies(item.seq, &header) {
            let known = ledger
                .target(stream.0)
                .and_then(|t| t.stream(Some(&stream.1)));
            let backlog = self.streams.entry(stream).or_default();
            backlog.add(item.seq, header.event_id, at_us, known);
        }
        match bindings.route(item.seq, &header) {
            Route::Nameless => self.damage = self.damage.saturating_add(1),
            Route::Dropped { target, stream } => {
                let known = ledger.target(target).and_then(|t| t.stream(Some(&stream)));
                let at_cursor = known.and_then(Stream::cursor).is_some_and(|cursor| {
                    cursor.seq == item.seq && cursor.event.as_str() == header.event_id
                });
                let backlog = self.streams.entry((target, stream)).or_default();
                backlog.found |= at_cursor;
                self.dropped.insert((target, item.seq));
            }
            Route::OptedOut => self.opted_out = self.opted_out.saturating_add(1),
            Route::NoProject { target } => self.no_project.entry(target).or_default().add(at_us),
            Route::Unbound => {
                let project = header.project.map(str::to_owned);
                let unbound = self.unbound.entry(project).or_insert_with(|| Unbound {
                    slug: slug_of(json),
                    ..Unbound::default()
                });
                unbound.waiting.add(at_us);
            }
            Route::Stream { target, stream } => {
                let known = ledger.target(target).and_then(|t| t.stream(Some(&stream)));
                let backlog = self.streams.entry((target, stream)).or_default();
                backlog.add(item.seq, header.event_id, at_us, known);
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
    /// Takes in what lies behind it.
    fn add_all(&mut self, behind: &Self) {
        self.pending = self.pending.and(behind.pending);
        self.first_pending = self.first_pending.or(behind.first_pending);
        self.unanswered = self.unanswered.saturating_add(behind.unanswered);
        self.settled = self.settled.saturating_add(behind.settled);
        self.found |= behind.found;
    }

    fn add(&mut self, seq: Seq, event_id: &str, at_us: i64, known: Option<&Stream>) {
        match known.and_then(Stream::cursor) {
            Some(cursor) if seq <= cursor.seq => {
                self.settled = self.settled.saturating_add(1);
                self.found |= seq == cursor.seq && cursor.event.as_str() == event_id;
                let exception = known.and_then(|known| known.exceptions().get(&seq));
                if exception.is_some_and(|found| found.standing == Standing::Unanswered) {
                    self.unanswered = self.unanswered.saturating_add(1);
                    self.pending.add(at_us);
                }
            }
            _ => {
                self.pending.add(at_us);
                self.first_pending.get_or_insert(seq);
            }
        }
    }
}
