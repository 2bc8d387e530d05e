//! `log prune`, and room made at the limits: what is confirmed may go, what
//! waits for anything stays, and an interruption costs nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(unreachable_pub, missing_docs)]

mod command;
mod interrupted;
mod limits;
mod stays;
#[path = "../support/mod.rs"]
mod support;
mod targets;

use std::process::{Command, Stdio};

use serde_json::Value;
use spec_kitty::log::read::Step;
use spec_kitty::log::reader::Reader;
use spec_kitty::log::segment::LogDir;
use spec_kitty::log::storage::Disk;
use spec_kitty::position::Seq;

use support::FakeServer;
use support::bench::Bench;

const ALICE: (&str, Option<&str>) = ("alice@example.com", Some("acme"));

/// A home whose segments hold about five events; `more` goes into `[log]`.
fn bench(more: &str) -> Bench {
    let bench = Bench::new();
    let text = format!("[log]\nsegment_bytes = 4096\n{more}\n");
    std::fs::write(bench.home.config_file(), text).unwrap();
    bench
}

/// The same, signed in.
fn signed_in(server: &FakeServer, more: &str) -> Bench {
    let bench = bench(more);
    bench.sign_in(server, ALICE.0, ALICE.1);
    bench
}

/// What a run of the program gave.
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|_| panic!("{}{}", self.stdout, self.stderr))
    }

    fn error_code(&self) -> String {
        let last = self.stderr.lines().last().unwrap();
        let error: Value = serde_json::from_str(last).unwrap();
        error["error"]["code"].as_str().unwrap().to_owned()
    }
}

fn run(bench: &Bench, args: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_spec-kitty"))
        .args(args)
        .env("SPEC_KITTY_HOME", bench.home.root())
        .env("TZ", "UTC")
        .env("SPEC_KITTY_NO_DAEMON", "1")
        .env_remove("SPEC_KITTY_YES")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn log_dir(bench: &Bench) -> LogDir {
    LogDir::new(bench.home.log_dir(), std::sync::Arc::new(Disk))
}

/// The numbers of the segments that are there.
fn segments(bench: &Bench) -> Vec<u64> {
    let ordinals = log_dir(bench).ordinals().unwrap();
    ordinals.into_iter().map(|ordinal| ordinal.0).collect()
}

/// The first and the last number that can be read; the log must be sound.
fn seqs(bench: &Bench) -> (u64, u64) {
    let mut reader = Reader::new(log_dir(bench), Seq(1));
    let (mut first, mut last) = (0, 0);
    loop {
        match reader.step().unwrap() {
            Step::Idle => return (first, last),
            Step::Damage(damage) => panic!("{damage:?}"),
            Step::Frame(item) => {
                first = if first == 0 { item.seq.0 } else { first };
                last = item.seq.0;
            }
        }
    }
}
