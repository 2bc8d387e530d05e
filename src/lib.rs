//! An embedded, append-only, crash-safe event log for spec-driven development.
//!
//! Workflow commands record immutable, causally ordered events in local
//! segments; a blocking sender delivers them to a team's server. Three
//! promises, in this order: a command is never held up and never fails because
//! of events; an accepted event is never lost and never silently altered; what
//! the tool says is true.
//!
//! # Recording and reading
//!
//! ```
//! use spec_kitty::emitter::{EventEmitter, log_of};
//! use spec_kitty::event::{Lane, WpStatusChanged, decode_body};
//! use spec_kitty::home::Home;
//! use spec_kitty::log::{read::Step, reader::Reader};
//! use spec_kitty::position::Seq;
//!
//! let dir = tempfile::tempdir()?;
//! let home = Home::at(dir.path());
//!
//! // Recorded means: on disk, and synced. It never waits for a network.
//! let emitter = EventEmitter::new(home.clone(), dir.path());
//! let moved = WpStatusChanged::new("WP01", Lane::Planned, Lane::Doing);
//! assert!(emitter.emit_payload(moved, None).is_recorded());
//!
//! // Readers take no lock; asked again at the end, they follow.
//! let mut reader = Reader::new(log_of(&home).dir().clone(), Seq(1));
//! while let Step::Frame(item) = reader.step()? {
//!     let (header, json) = decode_body(item.body)?;
//!     assert_eq!((header.event_type, header.lamport), ("WPStatusChanged", 1));
//!     assert!(json.starts_with(b"{"));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to begin
//!
//! | for | see |
//! |---|---|
//! | recording in the user's own home | [`emitter::get_emitter`] and the `emit_*` functions |
//! | recording in a home and a scope of your own | [`emitter::SyncContext`] |
//! | what can be recorded | [`event`]: eight payloads, checked when they are drafted |
//! | reading and following | [`log::reader::Reader`]; newest first: [`log::backward`] |
//! | checking | [`log::verify`] |
//! | delivering | [`sync::pass::run`]; what waits and why: [`sync::status::Status`] |
//! | settings | [`config::Config`] |
//! | a server to test against | [`dev_server::DevServer`] |
//!
//! The other rooms are what these stand on, public so that tests and tools can
//! be as thorough as the program. The command line is [`cli`]; the rooms and
//! their directions are described in `docs/ARCHITECTURE.md`.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]
#![cfg_attr(
    test,
    allow(clippy::indexing_slicing, clippy::cast_possible_truncation)
)]

pub mod auth;
pub mod config;
pub mod dev_server;
pub mod emitter;
pub mod event;
pub mod home;
pub mod log;
pub mod position;
pub mod server_url;
pub mod state;
pub mod sync;
pub mod target;

// Not the library: public because `src/main.rs`, the tests, the benches and the
// fuzz targets are crates of their own. They may change with any version.
#[doc(hidden)]
pub mod cli;
#[doc(hidden)]
pub mod legacy;
#[doc(hidden)]
pub mod platform;
#[doc(hidden)]
pub mod private_file;
#[doc(hidden)]
pub mod retention;
#[doc(hidden)]
pub mod workflow;

mod demo;
mod suggest;

/// Holds the example in the README to the library.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
