//! Draining the log to a server: chunks, requests, outcomes, ledger.
//!
//! From outside: [`pass::run`] delivers what may be delivered now,
//! [`daemon::Host`] goes on doing so on a thread, and [`status::Status`] says what
//! waits and why.
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
mod kept;
mod relay;
mod send;
mod setting;
mod tally;
mod todo;
mod work;

pub mod daemon;
pub mod gate;
pub mod pass;
pub mod report;
pub mod status;

// Not the library: the single steps of a pass, public for the tests and the
// fuzz targets, and what only a command of the program asks for.
#[doc(hidden)]
pub mod adopt;
#[doc(hidden)]
pub mod chunk;
#[doc(hidden)]
pub mod clock;
#[doc(hidden)]
pub mod control;
#[doc(hidden)]
pub mod failures;
#[doc(hidden)]
pub mod fit;
#[doc(hidden)]
pub mod live;
#[doc(hidden)]
pub mod obstacle;
#[doc(hidden)]
pub mod outcome;
#[doc(hidden)]
pub mod probe;
#[doc(hidden)]
pub mod recount;
#[doc(hidden)]
pub mod route;
#[doc(hidden)]
pub mod survey;
#[doc(hidden)]
pub mod tallies;
#[doc(hidden)]
pub mod targets;
#[doc(hidden)]
pub use courier::Line;
