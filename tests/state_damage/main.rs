//! Whatever happens to `state/`, to a home as a whole, or to the log behind its
//! back: the clock never repeats or goes back for a node, no event is lost,
//! nothing goes to another recipient, the user is told once, and the worst that
//! follows is that events are sent again.
//!
//! All of it through the binary, the real store and the embedded server.

#![cfg(unix)]
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]

mod homes;
mod running;
#[path = "../support/stage.rs"]
mod stage;
mod store;
#[path = "../support/mod.rs"]
mod support;
mod trial;
mod view;
