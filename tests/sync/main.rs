//! Delivery against a server that misbehaves: whatever it does, the server
//! holds exactly what it may hold, and what this side claims is what is so.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]

mod answers;
mod clock;
mod commands;
mod copies;
mod daemon;
mod expiry;
mod host;
mod latencies;
mod ledger;
mod live;
mod on_demand;
mod recipients;
mod refused;
mod scenarios;
mod secrets;
mod signals;
mod soak;
mod stalls;
#[path = "../support/mod.rs"]
mod support;
mod tls;
mod twins;
mod words;

use std::process::{Child, Command, Stdio};

use support::FakeServer;
use support::bench::Bench;

const ALICE: (&str, Option<&str>) = ("alice@example.com", Some("acme"));

/// A signed-in bench with `count` events of one project.
fn ready(server: &FakeServer, count: usize) -> (Bench, Vec<String>) {
    let bench = Bench::new();
    bench.sign_in(server, ALICE.0, ALICE.1);
    let ids = bench.emit(&bench.project("widgets"), count);
    (bench, ids)
}

/// A command that runs beside the test, and says nothing.
fn start(bench: &Bench, args: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_spec-kitty"))
        .args(args)
        .env("SPEC_KITTY_HOME", bench.home.root())
        .env("SPEC_KITTY_NO_DAEMON", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// What must hold at the end of everything: the counts agree, and they are
/// (pending, delivered, rejected, parked).
fn settled(bench: &Bench, expected: (u64, u64, u64, u64)) {
    let status = bench.status();
    assert!(!status.disagrees(), "{status:?}");
    let counts = (
        status.pending,
        status.delivered,
        status.rejected,
        status.parked,
    );
    assert_eq!(counts, expected, "{status:?}");
}
