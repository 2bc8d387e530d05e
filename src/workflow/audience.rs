//! Who is told what a command does, while it does it.
//!
//! Commands of this room make changes one after the other, and each is told
//! before the next begins: a command that is killed has then told what it did.
//! What becomes of an event is not this room's concern.

use std::fmt;

use crate::event::{Draft, Invalid};

/// Takes the events and the notes of a command.
pub trait Audience {
    /// Records events, in this order, as one group. Never fails as far as the
    /// command is concerned.
    fn record(&mut self, drafts: Vec<Result<Draft, Invalid>>);

    /// Tells something beside the outcome, on one line.
    fn note(&mut self, note: &dyn fmt::Display);
}
