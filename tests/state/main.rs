//! The state room as its users meet it: many processes, damaged files, files
//! that vanish, locks that somebody else holds.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]

use std::fs;
use std::time::Duration;

use spec_kitty::position::{Lamport, LeaseFloor};
use spec_kitty::state::State;

mod clock;
mod ledger;
mod rebuild;

const WAIT: Duration = Duration::from_secs(60);

fn state() -> (tempfile::TempDir, State) {
    let dir = tempfile::tempdir().unwrap();
    let state = State::at(dir.path().join("state"));
    (dir, state)
}

/// A clean tail behind this clock value, in a segment with a lease up to there.
fn clean(last: u64, lease_end: u64) -> LeaseFloor {
    LeaseFloor::Clean {
        last: Lamport(last),
        lease_end: Lamport(lease_end),
    }
}

/// How many stores were set aside.
fn aside(state: &State) -> usize {
    let names = fs::read_dir(state.dir()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter(|name| name.starts_with("sled.corrupt-"))
        .count()
}
