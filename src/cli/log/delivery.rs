//! Where an event is on its way to the server, as far as is known here.
//!
//! Only the view that the sender wrote is read, and what a running background
//! sender says is on its live connection: sled is not opened. What is not known
//! is not claimed: a cursor counts only when the event that it names is where it
//! says, as the sender itself would judge.

use std::cell::{Cell, RefCell};

use crate::cli::output::Output;
use crate::home::Home;
use crate::log::frame::Kind;
use crate::log::read::Item;
use crate::log::segment::LogDir;
use crate::position::Seq;
use crate::state::{Ledger, Project, State, Stream};
use crate::sync::daemon::{self, LiveTold};
use crate::sync::fit::Fits;
use crate::sync::route::{Bindings, Route};
use crate::sync::tallies::Tallies;
use crate::target::{Target, TargetId};

pub(super) use crate::state::DeliveryState;

use super::entry::Entry;

/// What is known of one event's delivery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Delivery<'a> {
    /// `None`: it is never sent, or nothing can be known.
    pub(super) state: Option<DeliveryState>,
    /// How often the server refused it.
    pub(super) attempts: u32,
    /// Why, the last time, in the server's words.
    pub(super) last_error: Option<&'a str>,
}

/// Where one event is on its way.
#[derive(Debug)]
pub(super) enum Whereabouts<'a> {
    /// It is not sent, and will not be.
    Never(Route),
    /// No answer speaks of it.
    Unknown(Route),
    /// The ledger speaks of its stream.
    Told { route: Route, known: &'a Stream },
}

/// What is known of all deliveries from this home.
///
/// Events that were recorded while signed out belong to whom a later control
/// frame says. Whoever reads backward has met all of them before an event is
/// asked for; for others they are looked for, once, when one could matter.
#[derive(Debug)]
pub(super) struct Deliveries {
    dir: LogDir,
    state: State,
    /// `None` when it cannot be read; empty when nothing was ever sent.
    ledger: Option<Ledger>,
    bindings: RefCell<Bindings>,
    /// Whether every control frame behind the events asked for is known.
    bindings_complete: Cell<bool>,
    fits: Fits,
    /// What is on a live connection, while a background sender holds one.
    live: Option<LiveTold>,
}

impl Deliveries {
    /// Reads the sender's view; when that cannot be read, says so on stderr.
    pub(super) fn load(home: &Home, dir: &LogDir, out: &Output) -> Self {
        let state = State::at(home.state_dir());
        let ledger = match state.view() {
            Ok(ledger) => Some(ledger.unwrap_or_default()),
            Err(error) => {
                out.warn(format!("{error}; delivery states are not known"));
                None
            }
        };
        Self {
            dir: dir.clone(),
            state,
            ledger,
            bindings: RefCell::default(),
            bindings_complete: Cell::new(false),
            fits: Fits::new(dir.clone()),
            live: live(home),
        }
    }

    /// Reads the view again; what cannot be read leaves everything as it was.
    pub(super) fn renew(&mut self, home: &Home) {
        let view = self.state.view();
        if let (Some(known), Ok(Some(ledger))) = (&mut self.ledger, view) {
            *known = ledger;
            self.fits.renew();
        }
        // After the ledger: what was settled since is not on the way any more.
        self.live = live(home);
    }

    /// The ledger, where it can be read.
    pub(super) fn ledger(&self) -> Option<&Ledger> {
        self.ledger.as_ref()
    }

    /// From now on every frame is shown to [`Deliveries::note`], the newest
    /// first, before anything is asked about an event before it.
    pub(super) fn reads_backward(&self) {
        self.bindings_complete.set(true);
    }

    /// Takes in one frame, in whatever order they are read.
    pub(super) fn note(&self, item: &Item<'_>) {
        if item.kind == Kind::Control {
            self.bindings.borrow_mut().note(item.seq, item.body);
        }
    }

    /// What is known of this event.
    pub(super) fn of(&self, entry: &Entry<'_>) -> Delivery<'_> {
        let pending = Delivery {
            state: Some(DeliveryState::Pending),
            attempts: entry.header.flags.attempts(),
            ..Delivery::default()
        };
        let Some(ledger) = &self.ledger else {
            return Delivery::default();
        };
        let nothing_sent = ledger.targets().is_empty() && self.live.is_none();
        if nothing_sent && !entry.header.flags.opted_out() {
            return pending;
        }
        let unsettled = |route: &Route| Delivery {
            state: Some(match self.is_on_the_way(entry.seq, route) {
                true => DeliveryState::Sent,
                false => DeliveryState::Pending,
            }),
            ..pending
        };
        match self.whereabouts(entry) {
            Whereabouts::Never(_) => Delivery::default(),
            Whereabouts::Unknown(route) => unsettled(&route),
            Whereabouts::Told { route, known } => {
                let exception = known.exceptions().get(&entry.seq);
                if exception.is_none() && known.state_of(entry.seq) == DeliveryState::Pending {
                    return unsettled(&route);
                }
                Delivery {
                    state: Some(known.state_of(entry.seq)),
                    attempts: exception.map_or(0, |exception| exception.attempts),
                    last_error: exception.map(|exception| exception.trouble.message()),
                }
            }
        }
    }

    /// Whether it is on a live connection to its own target.
    fn is_on_the_way(&self, seq: Seq, route: &Route) -> bool {
        match (route, &self.live) {
            (Route::Stream { target, stream }, Some(live)) => {
                live.target == target.to_string() && live.has(stream, seq)
            }
            _ => false,
        }
    }

    /// Where this event is to go, and what the ledger says of its stream.
    pub(super) fn whereabouts(&self, entry: &Entry<'_>) -> Whereabouts<'_> {
        let nothing = Ledger::default();
        let route = self.route(entry, self.ledger.as_ref().unwrap_or(&nothing));
        let (target, stream) = match &route {
            Route::OptedOut | Route::Nameless | Route::Dropped { .. } => {
                return Whereabouts::Never(route);
            }
            Route::Unbound | Route::NoProject { .. } => return Whereabouts::Unknown(route),
            Route::Stream { target, stream } => (*target, stream),
        };
        let known = self.ledger.as_ref();
        let known = known.and_then(|ledger| stream_of(ledger, target, stream));
        match known.filter(|known| self.fits.fits(target, stream, known)) {
            Some(known) => Whereabouts::Told { route, known },
            None => Whereabouts::Unknown(route),
        }
    }

    /// The account that a control frame names as `target`.
    pub(super) fn named(&self, target: TargetId) -> Option<Target> {
        let bindings = self.bindings.borrow();
        let mut owners = bindings.owners();
        owners.find(|owner| owner.id() == target).cloned()
    }

    fn route(&self, entry: &Entry<'_>, ledger: &Ledger) -> Route {
        let known = self.bindings.borrow().route(entry.seq, &entry.header);
        let settled = match &known {
            // What has an answer may have been given up later, which only a frame says.
            Route::Stream { target, stream } => {
                let cursor = stream_of(ledger, *target, stream).and_then(Stream::cursor);
                cursor.is_some_and(|cursor| entry.seq > cursor.seq)
            }
            Route::OptedOut | Route::Nameless | Route::Dropped { .. } => true,
            Route::Unbound | Route::NoProject { .. } => false,
        };
        if settled || self.bindings_complete.get() {
            return known;
        }
        self.complete_bindings(ledger);
        self.bindings.borrow().route(entry.seq, &entry.header)
    }

    /// Looks for all control frames of the log, without reading what is known
    /// of final segments. What cannot be read binds nothing.
    fn complete_bindings(&self, ledger: &Ledger) {
        self.bindings_complete.set(true);
        if let Ok(tallies) = Tallies::recall(&self.dir, &self.state, ledger) {
            self.bindings.replace(tallies.bindings().clone());
        }
    }
}

/// What a running background sender has on a live connection, if anything.
fn live(home: &Home) -> Option<LiveTold> {
    let live = daemon::read_status(home)?.live;
    live.filter(|live| !live.sent.is_empty())
}

fn stream_of<'l>(ledger: &'l Ledger, target: TargetId, stream: &Project) -> Option<&'l Stream> {
    ledger.target(target)?.stream(Some(stream))
}

impl Delivery<'_> {
    /// The word for the state; `-` where there is none.
    pub(super) fn word(&self) -> &'static str {
        self.state.map_or("-", DeliveryState::as_str)
    }

    /// Whether it still has to reach the server.
    pub(super) fn is_undelivered(&self) -> bool {
        !matches!(
            self.state,
            None | Some(DeliveryState::Delivered | DeliveryState::Duplicate)
        )
    }
}
