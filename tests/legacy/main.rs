//! In from the Python tool and back out again, through the program.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]

mod busy;
mod clocks;
mod damage;
mod export;
#[path = "../support/faulty.rs"]
mod faulty;
mod fixtures;
mod killed;
mod original;
mod recipients;
mod rows;
#[path = "../support/mod.rs"]
mod shared;
mod shown;
mod strange;
mod support;
