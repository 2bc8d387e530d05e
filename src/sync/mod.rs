//! Draining the log to a server: chunks, requests, outcomes, ledger.
//!
//! The way of an event: `survey` counts it, `route` says whose it is, `feed`
//! reads it from the log into a `chunk`, `courier` carries the chunk through
//! `send`, `outcome` says what the answer means, `work` what follows from it,
//! `book` writes it into the ledger, and `report` tells. `pass` is the order of
//! all this; `status` looks without sending.
//!
//! Invariants:
//! * **Store what you send.** The bytes of the log go into the request.
//! * **Right recipient.** One request holds events of one project for one
//!   target, and that target is the one the events are bound to.
//! * **Every pass ends.** See `courier`.
//! * **Nothing is called delivered before the server said so.** See `book`.
//!
//! This room never writes events and never prints.

mod book;
mod courier;
mod feed;
mod relay;
mod send;
mod setting;
mod tally;
mod todo;
mod work;

pub mod adopt;
pub mod chunk;
pub mod clock;
pub mod control;
pub mod daemon;
pub mod failures;
pub mod fit;
pub mod gate;
pub mod live;
pub mod obstacle;
pub mod outcome;
pub mod pass;
pub mod probe;
pub mod recount;
pub mod report;
pub mod route;
pub mod status;
pub mod survey;
pub mod tallies;
pub mod targets;

pub use courier::Line;
