//! `log tail | show | why | stats | verify`, as people and programs meet them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(unreachable_pub, missing_docs)]

mod damage;
mod delivery;
mod filters;
mod follow;
mod forms;
mod hostile;
#[cfg(target_os = "linux")]
mod offline;
mod rolling;
#[cfg(target_os = "linux")]
#[path = "../support/mod.rs"]
mod servers;
mod show;
#[path = "../support/stage.rs"]
mod stage;
mod stats;
mod support;
mod tail;
#[cfg(target_os = "linux")]
mod terminal;
mod transcripts;
mod why;
