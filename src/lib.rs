//! An embedded, append-only, crash-safe event log for spec-driven development.
//!
//! When people and coding agents work through a specification, this crate
//! records what happens (a work package moved, an agent took it, something
//! failed) as immutable, causally ordered events on the machine where it
//! happens, and delivers them to the team's server when there is one to reach.
//! Three promises, in this order: a command is never held up and never fails
//! because of events; an accepted event is never lost and never silently
//! altered; what the tool says is true.
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
//! let home = Home::at(dir.path()); // the user's own: Home::resolve(None)
//!
//! // No Result: what became of the event is a receipt. Recorded means on disk,
//! // and synced; it never waits for a network.
//! let emitter = EventEmitter::new(home.clone(), dir.path());
//! let moved = WpStatusChanged::new("WP01", Lane::Planned, Lane::Doing);
//! let emission = emitter.emit_payload(moved, None);
//! assert!(emission.is_recorded());
//!
//! // Readers take no lock; asked again at the end, they follow.
//! let mut reader = Reader::new(log_of(&home).dir().clone(), Seq(1));
//! while let Step::Frame(item) = reader.step()? {
//!     let (header, json) = decode_body(item.body)?;
//!     assert_eq!((header.event_type, header.lamport), ("WPStatusChanged", 1));
//!     let event: serde_json::Value = serde_json::from_slice(json)?;
//!     assert_eq!(event["payload"]["new_status"], "doing");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A [`Home`](home::Home) is the directory of one user. An
//! [`EventEmitter`](emitter::EventEmitter) takes a payload, adds who, where and
//! when, and appends it to the home's [`log`] as a frame, with the next sequence
//! number and the next value of a Lamport clock. Several processes may record in
//! one home at once. Nothing leaves the machine by that: a
//! [pass](sync::pass::run) delivers what waits, once somebody has
//! [signed in](auth::client::login), and delivered events stay in the log.
//!
//! # Where to go on
//!
//! | for | see |
//! |---|---|
//! | recording in the user's own home | [`emitter::get_emitter`] and the `emit_*` functions |
//! | recording in a home and a scope of your own | [`emitter::SyncContext`] |
//! | what can be recorded | [`event`]: eight payloads, checked when they are drafted |
//! | reading and following | [`log::reader::Reader`]; newest first: [`log::backward`] |
//! | checking | [`log::verify`] |
//! | delivering | [`sync::pass::run`], or in the background: [`sync::daemon::Host`] |
//! | what waits, and why | [`sync::status::Status`]; event by event: [`state::Ledger`] |
//! | settings | [`config::Config`] |
//! | a server to test against | [`dev_server::DevServer`] |
//!
//! # What is the library, and what is not
//!
//! The library is what these pages show. The program stands on the same crate,
//! and so do the tests, the benches and the fuzz targets; for them more is
//! `pub` than is shown here: the command line, the files and the git of a
//! project, imports from the Python tool, and the single steps that reading and
//! delivering are made of. None of that is meant for others, and it may change
//! with any version. `docs/ARCHITECTURE.md` describes all rooms and their
//! directions, `docs/log-format.md` the bytes on disk.

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
mod scratch;
mod suggest;

/// Holds the example in the README to the library.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
