//! `agent tasks move-task`, end to end: the real program, real project trees,
//! real git repositories.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, unreachable_pub, dead_code)]

mod bytes;
mod events;
mod git;
mod guards;
mod moves;
#[path = "../support/project.rs"]
mod project;
mod refusals;
mod together;
