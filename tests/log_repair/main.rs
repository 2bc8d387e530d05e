//! `log repair`, and what `log verify`, `log tail` and the sender make of a
//! damaged log: through the program, on real files.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]
#![allow(unreachable_pub, missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod agreement;
mod command;
mod damage;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use support::bench::{Bench, Stored, server};

/// A home with a few small segments and twenty events for a server, and what
/// that server stores.
fn recorded() -> (Bench, support::FakeServer, Stored) {
    let (server, stored) = server(|_, _| None);
    let bench = Bench::new();
    fs::write(bench.home.config_file(), "[log]\nsegment_bytes = 4096\n").unwrap();
    bench.sign_in(&server, "alice@example.com", Some("acme"));
    bench.emit(&bench.project("widgets"), 20);
    (bench, server, stored)
}

/// The same, with everything delivered.
fn delivered() -> (Bench, support::FakeServer) {
    let (bench, server, _) = recorded();
    bench.sync();
    (bench, server)
}

fn command(bench: &Bench, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spec-kitty"));
    command
        .args(args)
        .env("SPEC_KITTY_HOME", bench.home.root())
        .env("TZ", "UTC")
        .env("SPEC_KITTY_NO_DAEMON", "1")
        .env_remove("SPEC_KITTY_YES")
        .stdin(Stdio::null());
    command
}

fn run(bench: &Bench, args: &[&str]) -> (Option<i32>, String, String) {
    let output = command(bench, args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn json_of(bench: &Bench, args: &[&str]) -> Value {
    let (code, stdout, stderr) = run(bench, args);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    serde_json::from_str(&stdout).unwrap()
}

fn segment(bench: &Bench, number: u64) -> PathBuf {
    bench.home.log_dir().join(format!("{number:010}.seg"))
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}
