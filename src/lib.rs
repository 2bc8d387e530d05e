//! An embedded, append-only, crash-safe event log for spec-driven development.
//!
//! Workflow commands record immutable, causally ordered events in local
//! segments; a blocking sender delivers them to a team's server. Three
//! promises, in this order: a command is never held up and never fails because
//! of events; an accepted event is never lost and never silently altered; what
//! the tool says is true.
//!
//! The rooms and their directions are described in `docs/ARCHITECTURE.md`.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]
#![cfg_attr(
    test,
    allow(clippy::indexing_slicing, clippy::cast_possible_truncation)
)]

pub mod auth;
pub mod cli;
pub mod config;
pub mod demo;
pub mod dev_server;
pub mod emitter;
pub mod event;
pub mod home;
pub mod legacy;
pub mod log;
pub mod platform;
pub mod position;
pub mod private_file;
pub mod retention;
pub mod server_url;
pub mod state;
pub mod suggest;
pub mod sync;
pub mod target;
pub mod workflow;

/// Holds the example in the README to the library.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
