//! Everything at once: processes that record, a background sender that is
//! killed again and again, a server that fails one request in three.

use std::collections::HashSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::ALICE;
use crate::commands::run;
use crate::settled;
use crate::support::bench::{BATCH, Bench, ids_of};
use crate::support::{FakeServer, Reply, Request};

struct Size {
    processes: usize,
    events_each: usize,
    batch: usize,
    kill_every: Duration,
    patience: Duration,
}

#[test]
fn nothing_is_lost_and_nothing_is_stuck_in_a_short_soak() {
    soak(&Size {
        processes: 3,
        events_each: 120,
        batch: 24,
        kill_every: Duration::from_millis(700),
        patience: Duration::from_secs(120),
    });
}

/// Minutes: `cargo test --release --test sync -- --ignored in_a_long_soak`.
#[test]
#[ignore = "takes minutes"]
fn nothing_is_lost_and_nothing_is_stuck_in_a_long_soak() {
    soak(&Size {
        processes: 8,
        events_each: 12_500,
        batch: 1000,
        kill_every: Duration::from_secs(3),
        patience: Duration::from_secs(1800),
    });
}

/// What the server holds, each id once.
type Held = Arc<Mutex<HashSet<String>>>;

fn soak(size: &Size) {
    let held = Held::default();
    let server = erratic(&held);
    let bench = Bench::new();
    let batch = size.batch;
    let config = format!(
        "[sync]\ninterval_seconds = 1\nmax_events_per_batch = {batch}\n[log]\nsegment_bytes = 262144\n"
    );
    std::fs::write(bench.home.config_file(), config).unwrap();
    bench.sign_in(&server, ALICE.0, ALICE.1);
    let project = bench.project("widgets");
    let total = size.processes * size.events_each;

    let recorders: Vec<Child> = (0..size.processes)
        .map(|n| record(&bench, &project, n, size.events_each))
        .collect();
    let begun = Instant::now();
    while held.lock().unwrap().len() < total {
        assert!(
            begun.elapsed() < size.patience,
            "stuck at {}",
            held.lock().unwrap().len()
        );
        let mut sender = command(&bench, &["sync", "daemon", "run"]).spawn().unwrap();
        thread::sleep(size.kill_every);
        sender.kill().unwrap();
        sender.wait().unwrap();
    }
    let mut recorded = HashSet::new();
    for (number, mut recorder) in recorders.into_iter().enumerate() {
        recorder.wait().unwrap();
        let said = std::fs::read_to_string(receipts(&bench, number)).unwrap();
        for line in said.lines() {
            let receipt: Value = serde_json::from_str(line).unwrap();
            assert_eq!(receipt["status"], "recorded", "{receipt}");
            recorded.insert(receipt["event_id"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(recorded.len(), total);
    // The ledger may not know yet what was confirmed to a killed process.
    let done = (0..200).any(|_| run(&bench, &["sync", "now"]).0 == 0);
    assert!(done, "{:?}", bench.status());
    assert!(
        *held.lock().unwrap() == recorded,
        "the server holds other events"
    );
    settled(&bench, (0, total as u64, 0, 0));
}

fn command(bench: &Bench, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spec-kitty"));
    command
        .args(args)
        .env("SPEC_KITTY_HOME", bench.home.root())
        .env("SPEC_KITTY_NO_DAEMON", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Where one process says what became of its events.
fn receipts(bench: &Bench, number: usize) -> PathBuf {
    bench.nowhere().join(format!("{number}.receipts"))
}

fn record(bench: &Bench, project: &std::path::Path, number: usize, events: usize) -> Child {
    let mut command = command(bench, &["--json", "emit", "--stdin"]);
    let mut child = command
        .current_dir(project)
        .stdin(Stdio::piped())
        .stdout(std::fs::File::create(receipts(bench, number)).unwrap())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    thread::spawn(move || {
        for n in 0..events {
            let text = format!("{number}-{n}");
            let payload = json!({"wp_id": "WP01", "entry_type": "note", "entry_content": text});
            let line = json!({"event_type": "HistoryAdded", "payload": payload});
            if writeln!(stdin, "{line}").is_err() {
                return;
            }
        }
    });
    child
}

/// Fails one request in three, each time in another way, from a fixed seed.
fn erratic(held: &Held) -> FakeServer {
    let held = Arc::clone(held);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    FakeServer::start(move |request| {
        if request.path != BATCH {
            // Neither limits nor a live connection: everything goes in batches.
            return Reply::text(404, "");
        }
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        match state % 27 {
            0 => Reply::text(500, "<html>"),
            1 => Reply::with(429, &[("Retry-After", "1")], b""),
            2 => Reply::text(200, "{}"),
            3 => Reply::text(502, ""),
            4 => take(request, &held, 1).cut(0),
            5 => take(request, &held, 1).cut(40),
            6 => take(request, &held, 2),
            7 => take(request, &held, 3),
            8 => Reply(Vec::new()),
            _ => take(request, &held, 1),
        }
    })
}

/// Takes every `step`th event of the request and answers about no other.
fn take(request: &Request, held: &Held, step: usize) -> Reply {
    let mut held = held.lock().unwrap();
    let answer = |id: String| {
        let status = if held.insert(id.clone()) {
            "success"
        } else {
            "duplicate"
        };
        json!({"event_id": id, "status": status})
    };
    let results: Vec<Value> = ids_of(request)
        .into_iter()
        .step_by(step)
        .map(answer)
        .collect();
    Reply::json(200, &json!({"results": results}))
}
