//! The habits of the command line, held over the whole command tree: a new
//! command is covered without a word here, and is told what it lacks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../support/agents.rs"]
#[allow(dead_code, unreachable_pub)]
mod agents;
mod config;
mod errors;
mod matrix;
mod pages;
#[path = "../support/project.rs"]
#[allow(dead_code, unreachable_pub)]
mod project;
mod reference;
mod schema;
mod support;
mod tree;
#[cfg(unix)]
mod widths;
mod words;
