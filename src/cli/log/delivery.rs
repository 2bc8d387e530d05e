//! Where an event is on its way to the server, as far as is known here.
//!
//! Only the view that the sender wrote is read: no lock is taken, sled is not
//! opened. What is not known is not claimed.

use crate::cli::output::Output;
use crate::state::{Ledger, Project, State};

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

/// What is known of all deliveries.
#[derive(Debug)]
pub(super) enum Deliveries {
    /// The ledger; empty when nothing was ever sent.
    Known(Box<Ledger>),
    /// The ledger cannot be read.
    Unknown,
}

impl Deliveries {
    /// Reads the sender's view; when that cannot be read, says so on stderr.
    pub(super) fn load(state: &State, out: &Output) -> Self {
        match state.view() {
            Ok(ledger) => Self::Known(Box::new(ledger.unwrap_or_default())),
            Err(error) => {
                out.warn(format!("{error}; delivery states are not known"));
                Self::Unknown
            }
        }
    }

    /// Reads the view again; what cannot be read leaves everything as it was.
    pub(super) fn renew(&mut self, state: &State) {
        if let (Self::Known(known), Ok(Some(ledger))) = (self, state.view()) {
            **known = ledger;
        }
    }

    /// The ledger, where it can be read.
    pub(super) fn ledger(&self) -> Option<&Ledger> {
        match self {
            Self::Known(ledger) => Some(ledger),
            Self::Unknown => None,
        }
    }

    /// What is known of this event.
    pub(super) fn of(&self, entry: &Entry<'_>) -> Delivery<'_> {
        let Some(ledger) = self.ledger() else {
            return Delivery::default();
        };
        if entry.header.flags.opted_out() {
            return Delivery::default();
        }
        let project = entry.header.project.map(Project::new);
        let stream = match &project {
            Some(Err(_)) => None,
            Some(Ok(project)) => Some(Some(project)),
            None => Some(None),
        };
        let target = ledger.target(entry.header.target);
        let stream = stream.and_then(|project| target.and_then(|target| target.stream(project)));
        let Some(stream) = stream else {
            return Delivery::in_state(DeliveryState::Pending);
        };
        let exception = stream.exceptions().get(&entry.seq);
        Delivery {
            state: Some(stream.state_of(entry.seq)),
            attempts: exception.map_or(0, |exception| exception.attempts),
            last_error: exception.map(|exception| exception.trouble.message()),
        }
    }
}

impl Delivery<'_> {
    fn in_state(state: DeliveryState) -> Self {
        Self {
            state: Some(state),
            ..Self::default()
        }
    }

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
