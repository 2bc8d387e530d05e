//! One drain of the backlog to the one recipient.
//!
//! The order of a pass: the gates of machine and account; the sender lock; the
//! ledger; the last frame, found while nobody writes, as the end of this pass; a
//! survey of the log; the newest segment made durable up to there; then, stream by stream, chunks to
//! the server and outcomes to the ledger. What is held back does not move and
//! holds up nobody else. The ledger is true whenever the process dies.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::auth::{Account, Credentials, Recipient, Store};
use crate::home::Home;
use crate::log::ambient::{Ambient, System};
use crate::log::horizon::Horizon;
use crate::log::segment::LogDir;
use crate::log::storage::Disk;
use crate::position::Seq;
use crate::state::{LedgerStore, Noted, SenderLock, Shelf, State, Trouble};
use crate::sync::book::{Book, COMMIT_DEADLINE};
use crate::sync::chunk::{ChunkLimits, Parcel};
use crate::sync::courier::{Carried, Courier, Line, Stop, WAIT_BUDGET};
use crate::sync::feed::{Feed, Source};
use crate::sync::gate::account_gate;
use crate::sync::relay::{Flow, carry_stream};
use crate::sync::report::{CaughtUp, Report, Stopped};
use crate::sync::route::Bindings;
use crate::sync::send::HttpLine;
use crate::sync::setting::{SENDER_DEADLINE, WRITER_DEADLINE};
use crate::sync::survey::Survey;
use crate::sync::tallies::Tallies;
use crate::sync::todo::{Todo, planned, todo};

pub use crate::sync::setting::{Interrupt, Pace, PassError, Progress, Setting};

/// A pass with fewer events does not ask first what the server takes at once.
const ASK_FROM_EVENTS: u64 = 100;
/// The pieces of those waits.
const SENDER_TRY: Duration = Duration::from_millis(250);

/// The log of a home.
#[doc(hidden)]
#[must_use]
pub fn log_dir(home: &Home) -> LogDir {
    LogDir::new(home.log_dir(), Arc::new(Disk))
}

/// Sends what may be sent.
///
/// # Errors
/// [`PassError`]. What the server confirmed by then is kept as far as possible,
/// and what could not be kept is sent again.
///
/// ```
/// use spec_kitty::auth::{Recipient, Store};
/// # use spec_kitty::auth::client::{self, Client, LIMITS};
/// # use spec_kitty::dev_server::{DevServer, Options};
/// # use spec_kitty::server_url::ServerUrl;
/// use spec_kitty::config::Config;
/// use spec_kitty::emitter::EventEmitter;
/// use spec_kitty::event::{EntryType, HistoryAdded};
/// use spec_kitty::home::Home;
/// use spec_kitty::sync::pass::{self, Pace, Setting};
///
/// let dir = tempfile::tempdir()?;
/// let home = Home::at(dir.path().join("home"));
/// let store = Store::new(&home);
/// # let server = DevServer::start(Options::new(dir.path(), "sesame".into()))?;
/// # let url = ServerUrl::parse(server.url())?;
/// # client::login(&Client::new(&url, None, LIMITS)?, &store, "demo", &"sesame".into())?;
/// std::fs::create_dir(dir.path().join(".kittify"))?; // in a project, somebody signed in:
/// let emitter = EventEmitter::new(home.clone(), dir.path());
/// emitter.emit_payload(HistoryAdded::new("WP01", EntryType::Note, "begun"), None);
///
/// let config = Config::load(&home.config_file()).config;
/// let recipient = Recipient::resolve(None, &config, store.load().session);
/// let report = pass::run(Setting {
///     home: &home,
///     config: &config.sync,
///     recipient: &recipient,
///     sync_off: false,
///     interrupt: &|| false,
///     pace: Pace::FullSpeed,
///     progress: &mut |progress| println!("{} of {}", progress.settled, progress.total),
/// })?;
/// assert_eq!((report.delivered, report.pending), (1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn run(setting: Setting<'_>) -> Result<Report, PassError> {
    let state = State::at(setting.home.state_dir());
    let dir = log_dir(setting.home);
    let credentials = match setting.recipient {
        Recipient::Ready(credentials) => credentials,
        other => return held_back(&dir, &state, other, setting.sync_off),
    };
    if account_gate(setting.recipient, setting.sync_off).is_some() {
        return held_back(&dir, &state, setting.recipient, setting.sync_off);
    }
    let Some(sender) = sender_lock(&state, setting.interrupt)? else {
        return Ok(interrupted());
    };
    let opened = state.open_ledger(sender, COMMIT_DEADLINE)?;
    match Pass::begin(setting, credentials, dir, opened, Arc::new(System))? {
        Some(pass) => pass.run(Pass::converse_by_http),
        None => Ok(interrupted()),
    }
}

/// The same behind the gates, over a line, a log and a ledger of the caller's,
/// at the caller's time. Not the library: for the simulator.
///
/// # Errors
/// [`PassError`], as with [`run`].
#[doc(hidden)]
pub fn run_over<'a, S: Shelf, L: Line>(
    setting: Setting<'a>,
    credentials: &'a Credentials,
    dir: LogDir,
    opened: Noted<LedgerStore<S>>,
    ambient: Arc<dyn Ambient>,
    line: &mut L,
) -> Result<Report, PassError> {
    match Pass::begin(setting, credentials, dir, opened, ambient)? {
        Some(pass) => pass.run(|pass, todo| pass.converse(line, todo)),
        None => Ok(interrupted()),
    }
}

fn interrupted() -> Report {
    Report {
        stopped: Some(Stopped::Interrupted),
        ..Report::default()
    }
}

/// Waits for the right to send; `None` when somebody wants the pass to end.
fn sender_lock(state: &State, interrupt: Interrupt<'_>) -> Result<Option<SenderLock>, PassError> {
    let started = Instant::now();
    while !interrupt() {
        if let Some(sender) = state.sender_lock(SENDER_TRY)? {
            return Ok(Some(sender));
        }
        if started.elapsed() >= SENDER_DEADLINE {
            return Err(PassError::Busy);
        }
    }
    Ok(None)
}

/// The last frame that may be shipped; `None` when somebody wants the pass to end.
fn horizon(dir: &LogDir, interrupt: Interrupt<'_>) -> Result<Option<Seq>, PassError> {
    let started = Instant::now();
    while !interrupt() {
        if let Horizon::At(last) = dir.horizon(SENDER_TRY)? {
            return Ok(Some(last));
        }
        if started.elapsed() >= WRITER_DEADLINE {
            return Err(PassError::LogBusy);
        }
    }
    Ok(None)
}

/// The report when a gate of machine or account is closed: nothing is opened.
fn held_back(
    dir: &LogDir,
    state: &State,
    recipient: &Recipient,
    sync_off: bool,
) -> Result<Report, PassError> {
    let ledger = state.view()?.unwrap_or_default();
    let pending = Survey::glance(dir, state, &ledger)?.0.pending().events;
    let closed = account_gate(recipient, sync_off).filter(|_| pending > 0);
    Ok(Report {
        target: recipient.account().map(Account::target),
        pending,
        stopped: closed.map(Stopped::Gate),
        ..Report::default()
    })
}

struct Pass<'a, S> {
    setting: Setting<'a>,
    credentials: &'a Credentials,
    dir: LogDir,
    /// Nothing beyond this frame is shipped.
    end: Seq,
    bindings: Bindings,
    survey: Survey,
    book: Book<S>,
    report: Report,
}

impl<'a, S: Shelf> Pass<'a, S> {
    /// Fixes the end of the pass and makes the log durable up to there.
    fn begin(
        setting: Setting<'a>,
        credentials: &'a Credentials,
        dir: LogDir,
        opened: Noted<LedgerStore<S>>,
        ambient: Arc<dyn Ambient>,
    ) -> Result<Option<Self>, PassError> {
        let Some(end) = horizon(&dir, setting.interrupt)? else {
            return Ok(None);
        };
        let target = credentials.account.target();
        let mut book = Book::new(opened.value, target.id(), opened.notes, ambient);
        let state = State::at(setting.home.state_dir());
        let ledger = book.ledger();
        let (mut tallies, mut survey) = Tallies::renew_with_survey(&dir, &state, ledger)?;
        let bindings = tallies.bindings().clone();
        book.mark_others(&bindings)?;
        dir.sync_newest().map_err(PassError::Sync)?;
        if book.restart_misfits(&survey)? {
            survey = tallies.survey(book.ledger(), &bindings)?;
        }
        let report = Report {
            target: Some(target),
            ..Report::default()
        };
        Ok(Some(Self {
            setting,
            credentials,
            dir,
            end,
            bindings,
            survey,
            book,
            report,
        }))
    }

    /// Does what there is to do, by `talk`.
    fn run(
        mut self,
        talk: impl FnOnce(&mut Self, &Todo) -> Result<Option<Stop>, PassError>,
    ) -> Result<Report, PassError> {
        match self.drain(talk) {
            Ok(()) => Ok(self.finish()),
            Err(error) => {
                // What was learned before it is worth keeping; the first error is told.
                let _ = self.book.flush();
                Err(error)
            }
        }
    }

    fn drain(
        &mut self,
        talk: impl FnOnce(&mut Self, &Todo) -> Result<Option<Stop>, PassError>,
    ) -> Result<(), PassError> {
        let known = self.book.ledger().target(self.book.target);
        let when = (self.setting.pace, self.book.now_ms());
        let todo = todo(&self.survey, self.book.target, known, when);
        if todo.is_empty() {
            return Ok(());
        }
        let stop = talk(self, &todo)?.or_else(|| unanswered(self.book.unanswered));
        self.book.close(stop.as_ref(), self.report.sent > 0)?;
        self.report.stopped = stop.map(Stopped::by);
        Ok(())
    }

    fn converse_by_http(&mut self, todo: &Todo) -> Result<Option<Stop>, PassError> {
        let mut line = HttpLine::new(
            self.credentials.clone(),
            Store::new(self.setting.home),
            self.setting.config.ca_file.as_deref(),
            self.setting.interrupt,
        )?;
        self.converse(&mut line, todo)
    }

    fn converse(&mut self, line: &mut impl Line, todo: &Todo) -> Result<Option<Stop>, PassError> {
        let waited = match self.standing_wait(line) {
            Ok(waited) => waited,
            Err(stop) => return Ok(Some(stop)),
        };
        if let Err(error) = line.ensure_fresh() {
            return Ok(Some(Stop::of_refresh(error)));
        }
        self.carry_all(line, self.wait_budget().saturating_sub(waited), todo)
    }

    /// The background does not wait with the right to send in its hands.
    fn wait_budget(&self) -> Duration {
        match self.setting.pace {
            Pace::FullSpeed => WAIT_BUDGET,
            Pace::OneBatch => Duration::ZERO,
        }
    }

    /// Keeps a Retry-After of an earlier pass, also of another process. Says
    /// how long it waited.
    fn standing_wait(&self, line: &mut impl Line) -> Result<Duration, Stop> {
        let Some(until) = self.book.retry_not_before() else {
            return Ok(Duration::ZERO);
        };
        let left = until.duration_since(line.now());
        let left = Duration::try_from(left).unwrap_or(Duration::ZERO);
        if left <= self.wait_budget() {
            line.pause(left);
            return Ok(left);
        }
        let trouble = Trouble::new("throttled", "the server asked to wait", Some(429));
        Err(Stop::Wait { until, trouble })
    }

    fn carry_all(
        &mut self,
        line: &mut impl Line,
        waits: Duration,
        todo: &Todo,
    ) -> Result<Option<Stop>, PassError> {
        let config = self.setting.config;
        let mut limits = ChunkLimits {
            events: config.max_events_per_batch,
            bytes: config.max_batch_bytes,
        };
        let total = planned(todo, &self.survey, self.book.target);
        if total >= ASK_FROM_EVENTS
            && let Some(advertised) = line.advertised()
        {
            limits = limits.and(advertised);
        }
        let team = self.credentials.account.team.as_deref().unwrap_or_default();
        let source = Source {
            dir: &self.dir,
            bindings: &self.bindings,
            target: self.book.target,
            team,
            end: self.end,
        };
        let mut courier = Courier::new(line, limits, waits);
        for (stream, pick) in todo {
            let feed = Feed::new(source, stream, pick.clone());
            let mut settle = |parcels: Vec<Parcel>, carried: &Carried, wire_bytes| {
                let events = parcels.len();
                self.report.bytes = wire_bytes;
                let entered = self
                    .book
                    .settle(stream, pick, parcels, carried, &mut self.report);
                let settled = self.report.settled();
                (self.setting.progress)(Progress { settled, total });
                // Going on past an event without an answer would lose it.
                if carried.stop.is_some() || entered < events {
                    return Ok(Flow::Stop);
                }
                self.book.flush_now_and_then()?;
                Ok(match self.setting.pace {
                    Pace::FullSpeed => Flow::GoOn,
                    Pace::OneBatch => Flow::Stop,
                })
            };
            let carried = carry_stream(&mut courier, feed, self.setting.pace, &mut settle);
            self.report.heard_clock = courier.heard;
            if let Some(stopped) = carried? {
                return Ok(stopped.0);
            }
        }
        Ok(None)
    }

    fn finish(mut self) -> Report {
        self.report.notes = std::mem::take(&mut self.book.notes);
        let settled = self.book.pending_settled;
        self.report.pending = self.survey.pending().events.saturating_sub(settled);
        self.report.sendable = self
            .survey
            .sendable(self.book.target)
            .saturating_sub(settled);
        if self.report.stopped.is_none() && self.report.pending > 0 {
            let held = self.survey.held_gates(&self.credentials.account);
            self.report.stopped = held.into_iter().next().map(Stopped::Gate);
        }
        if self.report.sendable == 0
            && !matches!(self.report.stopped, Some(Stopped::Trouble { .. }))
        {
            let ledger = self.book.ledger();
            let here = CaughtUp::new(ledger, self.book.target, self.end, self.bindings);
            self.report.caught_up = Some(here);
        }
        self.report
    }
}

/// What it means that the server was silent about some events, to the end.
fn unanswered(events: u64) -> Option<Stop> {
    let words = match events {
        0 => return None,
        1 => "the server has not said what became of 1 event".to_owned(),
        n => format!("the server has not said what became of {n} events"),
    };
    Some(Stop::Trouble(Trouble::new(
        "unconfirmed",
        &words,
        Some(200),
    )))
}
