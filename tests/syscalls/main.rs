//! What the kernel is asked to do, and in which order.
//!
//! The binary runs under strace. Where that is missing, or may not trace, the
//! tests say so and end; the simulator holds the same rules there.

#![cfg(target_os = "linux")]
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../support/stage.rs"]
mod stage;

mod looks;
mod order;
mod watched;
