//! Who is told what a command does, while it does it.
//!
//! Commands of this room make changes one after the other, and each is told
//! before the next begins: a command that is killed has then told what it did.
//! What becomes of an event is not this room's concern, but for its id: what it
//! leads to names it as its cause.

use std::fmt;

use ulid::Ulid;

use crate::event::{Draft, Invalid};

/// Takes the events and the notes of a command.
pub(crate) trait Audience {
    /// Records events, in this order, as one group, and returns the id of the
    /// last one that was recorded. Never fails as far as the command is
    /// concerned.
    fn record(&mut self, drafts: Vec<Result<Draft, Invalid>>) -> Option<Ulid>;

    /// What causes the events of the command: another event, or an id that only
    /// ties them together.
    fn cause(&self) -> Option<Ulid>;

    /// Tells something beside the outcome, on one line.
    fn note(&mut self, note: &dyn fmt::Display);
}

/// These drafts with their cause, if there is one.
pub(super) fn caused_by(
    cause: Option<Ulid>,
    drafts: Vec<Result<Draft, Invalid>>,
) -> Vec<Result<Draft, Invalid>> {
    let Some(cause) = cause else {
        return drafts;
    };
    drafts
        .into_iter()
        .map(|draft| draft.map(|draft| draft.caused_by(cause)))
        .collect()
}

/// The same audience, for a command that another event causes.
pub(super) struct Effects<'a> {
    audience: &'a mut dyn Audience,
    cause: Option<Ulid>,
    last: Option<Ulid>,
}

impl<'a> Effects<'a> {
    /// For what `cause` leads to.
    pub(super) fn of(cause: Option<Ulid>, audience: &'a mut dyn Audience) -> Self {
        Self {
            audience,
            cause,
            last: None,
        }
    }

    /// The last event that was recorded here, which causes what comes next.
    pub(super) const fn last(&self) -> Option<Ulid> {
        self.last
    }
}

impl Audience for Effects<'_> {
    fn record(&mut self, drafts: Vec<Result<Draft, Invalid>>) -> Option<Ulid> {
        let id = self.audience.record(drafts);
        self.last = id.or(self.last);
        id
    }

    fn cause(&self) -> Option<Ulid> {
        self.cause
    }

    fn note(&mut self, note: &dyn fmt::Display) {
        self.audience.note(note);
    }
}
