//! The Python tool itself reads what we wrote, and we read what it writes.
//!
//! Needs Python with spec-kitty-cli 2.1.0: `SPEC_KITTY_PYTHON` names its
//! interpreter. Made with
//! `python3 -m venv V && V/bin/pip install spec-kitty-cli==2.1.0 && V/bin/pip install 'typer<0.16' 'click<8.2'`.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::support::{Bench, id, make_queue, row, rows_of};

/// The interpreter, when it has the package.
fn python() -> Option<String> {
    let named = std::env::var("SPEC_KITTY_PYTHON").ok();
    let python = named.unwrap_or_else(|| "python3".to_owned());
    let check = "import importlib.metadata as m; assert m.version('spec-kitty-cli') == '2.1.0'; \
                 import specify_cli.sync.queue";
    let works = Command::new(&python).args(["-c", check]).output();
    if works.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    println!("skipped: {python} has no spec-kitty-cli 2.1.0; name one that has: SPEC_KITTY_PYTHON");
    None
}

/// Runs a script of the original's world in the directory of the bench.
fn run(python: &str, home: &Path, script: &str) -> Value {
    let script = format!(
        "import json, sys\nfrom pathlib import Path\nfrom specify_cli.sync.queue import OfflineQueue\n{script}"
    );
    let output = Command::new(python)
        .args(["-c", &script])
        .env("HOME", home)
        .current_dir(home)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn the_original_drains_our_export_as_its_own() {
    let Some(python) = python() else { return };
    let bench = Bench::new();
    let mut rows: Vec<_> = (1..=5).map(row).collect();
    rows[2].retry_count = 3;
    drop(make_queue(&bench.path("old.db"), &rows));
    bench.import(&bench.path("old.db")).ok();
    bench.emit("one of our own");
    bench
        .run(&["--json", "log", "export", "--format", "sqlite", "queue.db"])
        .ok();
    let drained = run(
        &python,
        &bench.path(""),
        "q = OfflineQueue(Path('queue.db'))\nevents = q.drain_queue()\n\
         s = q.get_queue_stats()\nprint(json.dumps({'events': events, 'size': q.size(), 'retried': s.total_retried}))",
    );
    assert_eq!(
        (&drained["size"], &drained["retried"]),
        (&json!(6), &json!(1))
    );
    let ours: Vec<Value> = rows_of(&bench.path("queue.db"))
        .iter()
        .map(|row| serde_json::from_slice(&row.data).unwrap())
        .collect();
    assert_eq!(drained["events"], json!(ours));
    let left = run(
        &python,
        &bench.path(""),
        &format!(
            "q = OfflineQueue(Path('queue.db'))\nq.mark_synced(['{}'])\nprint(q.size())",
            id(1)
        ),
    );
    assert_eq!(left, 5);
    assert_eq!(
        bench.import(&bench.path("queue.db")).ok()["already_present"],
        5
    );
}

#[test]
fn what_the_original_queues_this_minute_is_read_while_it_is_open() {
    let Some(python) = python() else { return };
    let bench = Bench::new();
    let queued = run(
        &python,
        &bench.path(""),
        "q = OfflineQueue(Path('queue.db'))\n\
         events = [{'event_id': '%026d' % n, 'event_type': 'WPCreated', 'aggregate_id': 'WP01', 'aggregate_type': 'WorkPackage',\n\
           'payload': {'wp_id': 'WP01', 'title': 'na\\u00efve \\U0001f408 %d' % n, 'feature_slug': '028-x'}, 'node_id': 'b805cd5cee74',\n\
           'lamport_clock': 300 - n, 'causation_id': None, 'timestamp': '2026-02-03T12:00:00+00:00', 'team_slug': 'local'} for n in range(1, 201)]\n\
         assert all(q.queue_event(e) for e in events)\nprint(json.dumps(events))",
    );
    let report = bench.import(&bench.path("queue.db")).ok();
    assert_eq!(
        (&report["imported"], &report["clock"]),
        (&json!(200), &json!(300))
    );
    let stored: Vec<Value> = bench
        .stored()
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut expected = queued.as_array().unwrap().clone();
    expected.reverse();
    assert_eq!(stored, expected);
    let back = bench
        .run(&["--json", "log", "export", "--format", "clock", "clock.json"])
        .ok();
    assert_eq!(back["clock"], 300);
}
