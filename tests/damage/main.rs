//! Every way in which a small log can be damaged, one after the other.
//!
//! For each of them: nothing panics, nothing hangs, no frame is returned that
//! nobody wrote, every intact frame is still returned, forward, backward and
//! from every sequence number; the verdict names what is lost; and writing goes
//! on behind it.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]

#[path = "../support/memory.rs"]
mod memory;

mod bits;
mod cuts;
mod files;
mod prepared;
mod sample;
