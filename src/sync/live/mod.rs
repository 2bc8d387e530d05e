//! The live connection: what is recorded goes over a socket at once.
//!
//! *WebSocket for latency, batch for truth.* A pass sends the backlog in
//! batches; from where it was caught up on, new events also go over the socket,
//! as recorded. What the server acknowledges there is settled in the ledger.
//! What it does not acknowledge within a few seconds, and everything that was
//! sent when the connection breaks, goes by batch as if nothing had been sent:
//! the server knows the ids. So losing the socket loses nothing, and whatever
//! is odd here (damage, a bind frame, a burst, a server that asked to wait) is
//! left to the next pass.
//!
//! Invariants:
//! * Nothing goes over the socket that a pass would not send: the same gates,
//!   the same routes, nothing beyond what is synced.
//! * Frames leave, and the ledger is written, only while this process holds the
//!   right to send, which it takes for a moment and never waits for.
//! * A cursor moves only over an unbroken run of acknowledged events, and only
//!   from where it was known to stand.
//!
//! `ladder` says when to connect, `open` connects, `socket` owns the connection
//! on a thread of its own, `keep` keeps it up, `frame` reads what comes,
//! `follow` reads the log, `flight` keeps what is unconfirmed, `ship` sends and
//! settles. This is the `WebSocketClient` of the
//! original plan.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::auth::{Credentials, Recipient, Store};
use crate::config::SyncConfig;
use crate::home::Home;
use crate::log::ambient::{Ambient, System};
use crate::log::segment::LogDir;
use crate::position::{Lamport, Seq};
use crate::state::State;
use crate::sync::pass::log_dir;
use crate::sync::report::{CaughtUp, Report};
use crate::sync::status::Connection;
use crate::target::TargetId;

mod flight;
mod follow;
pub mod frame;
mod keep;
mod ladder;
mod open;
mod ship;
mod socket;

use flight::Flight;
use follow::Follower;
use ladder::{Ladder, Rung};
use socket::Socket;

/// How often it is asked whether somebody is signed in.
const RESOLVE_EVERY: Duration = Duration::from_secs(2);
/// The clock of the server is passed on at most this often.
const HEAR_EVERY: Duration = Duration::from_secs(5);

/// The settings, and to whom events may be sent.
pub(super) type Resolve<'a> = &'a dyn Fn() -> (SyncConfig, Recipient);

/// What a turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handed {
    /// Nothing that matters to the passes.
    Nothing,
    /// Everything new went over the socket.
    All,
    /// Something has to go by batch.
    ToBatch,
}

/// What it says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// How it stands; `None` while it is not wanted.
    pub(super) connection: Option<Connection>,
    /// Why there is no live connection.
    pub(super) why: Option<String>,
    /// Whose events are on the socket.
    pub(super) target: Option<TargetId>,
    /// The events on the socket, by stream.
    pub(super) sent: BTreeMap<String, Vec<Seq>>,
}

/// The live connection of one home.
pub(super) struct Live {
    state: State,
    store: Store,
    dir: LogDir,
    ambient: Arc<dyn Ambient>,
    /// For whom it is wanted.
    wanted: Option<Wanted>,
    resolve_at: Instant,
    ladder: Ladder,
    socket: Option<Socket>,
    why: Option<String>,
    /// From where events go over the socket; `None` until a pass has caught up.
    here: Option<Follower>,
    flight: Flight,
    /// Something is left to the next pass.
    owed: bool,
    committed: Option<Instant>,
    heard: Lamport,
    told_clock: Option<Instant>,
}

struct Wanted {
    target: TargetId,
    /// The tokens with which the server would not have us.
    refused: Option<Credentials>,
}

impl Live {
    pub(super) fn new(home: &Home, now: Instant) -> Self {
        Self {
            state: State::at(home.state_dir()),
            store: Store::new(home),
            dir: log_dir(home),
            ambient: Arc::new(System),
            wanted: None,
            resolve_at: now,
            ladder: Ladder::new(now),
            socket: None,
            why: None,
            here: None,
            flight: Flight::default(),
            owed: false,
            committed: None,
            heard: Lamport(0),
            told_clock: None,
        }
    }

    /// Keeps up the connection, takes in what came, and sends what is new when
    /// `changed` says that the log has grown. Ends within a few seconds
    /// whatever happens, mostly at once.
    pub(super) fn turn(&mut self, resolve: Resolve<'_>, sync_off: bool, changed: bool) -> Handed {
        let now = Instant::now();
        let may_dial = self.wanted.is_some() && self.ladder.is_due(now);
        if now >= self.resolve_at || may_dial {
            self.resolve_at = now + RESOLVE_EVERY;
            let (config, recipient) = resolve();
            self.want(&config, &recipient, sync_off, now);
        }
        self.take_news(now);
        self.settle(now);
        if let Some(here) = &mut self.here {
            here.has_news |= changed;
            self.owed |= self.flight.is_overdue(now);
        }
        let sent = self.send(resolve, sync_off);
        match (self.owed, sent) {
            (true, _) => Handed::ToBatch,
            (false, true) => Handed::All,
            (false, false) => Handed::Nothing,
        }
    }

    /// A pass came to its end.
    pub(super) fn passed(&mut self, report: &mut Report) {
        self.owed = false;
        self.here = report.caught_up.take().map(|here: CaughtUp| {
            // Whatever was on the socket is settled.
            self.flight.clear();
            Follower::new(&self.dir, here)
        });
    }

    /// A clock value that the server told, and that was not passed on yet.
    pub(super) fn hear(&mut self) -> Option<Lamport> {
        let clock = self.socket.as_ref()?.clock();
        let is_early = self.told_clock.is_some_and(|at| at.elapsed() < HEAR_EVERY);
        if clock <= self.heard || is_early {
            return None;
        }
        (self.heard, self.told_clock) = (clock, Some(Instant::now()));
        Some(clock)
    }

    /// What it says about itself now.
    pub(super) fn told(&self) -> Told {
        let connection = self.wanted.as_ref().map(|_| match self.ladder.rung() {
            Rung::Connected => Connection::Connected,
            Rung::Reconnecting => Connection::Reconnecting,
            Rung::Batch => Connection::OfflineBatchMode,
        });
        Told {
            connection,
            why: self.why.clone(),
            target: self.wanted.as_ref().map(|wanted| wanted.target),
            sent: self.flight.seqs(),
        }
    }

    /// Writes down what is known and says goodbye.
    pub(super) fn leave(&mut self) {
        self.committed = None;
        self.take_news(Instant::now());
        self.settle(Instant::now());
        if let Some(socket) = self.socket.take() {
            socket.close();
        }
    }
}
