//! What is deleted while somebody works with it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use serde_json::Value;

use crate::stage::{events, line};
use crate::support::bench::{BATCH, Bench, server, stored_ids};
use crate::trial::Trial;

#[test]
fn a_state_that_is_deleted_while_events_stream_in_costs_none() {
    let mut trial = Trial::new();
    let mut child = trial
        .stage
        .command(&trial.home, &["--json", "emit", "--stdin"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let before = events(&trial.home).len();
    for number in 0..40 {
        if number % 10 == 5 {
            fs::remove_dir_all(trial.state()).unwrap();
        }
        input
            .write_all(line(&format!("streamed-{number}")).as_bytes())
            .unwrap();
        let mut receipt = String::new();
        output.read_line(&mut receipt).unwrap();
        let receipt: Value = serde_json::from_str(&receipt).unwrap();
        assert_eq!(receipt["status"], "recorded", "{receipt}");
    }
    drop(input);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(events(&trial.home).len(), before + 40);
    trial.goes_on();
    assert_eq!(trial.told(), "");
}

/// Deletes a part of the state while the server has the first batch
/// of the second pass in hands.
fn deleted_during_a_pass(inside: &'static str) -> (Bench, Vec<String>, Vec<String>, bool) {
    let mut bench = Bench::new();
    let path = bench.home.state_dir().join(inside);
    let mut requests = 0;
    let (server, stored) = server(move |request, _| {
        requests += u32::from(request.path == BATCH);
        if request.path == BATCH && requests == 3 {
            if path.is_dir() {
                fs::remove_dir_all(&path).unwrap();
            } else {
                fs::remove_file(&path).unwrap();
            }
        }
        None
    });
    bench.config.sync.max_events_per_batch = 4;
    bench.sign_in(&server, "alice@example.com", Some("acme"));
    let project = bench.project("widgets");
    let mut ids = bench.emit(&project, 6);
    bench.sync();
    ids.extend(bench.emit(&project, 6));
    let ended_well = bench.try_sync().is_ok();
    bench.sync();
    let status = bench.status();
    assert!(!status.disagrees(), "{status:?}");
    assert_eq!((status.pending, status.delivered), (0, 12), "{status:?}");
    let stored = stored_ids(&stored);
    (bench, ids, stored, ended_well)
}

#[test]
fn a_store_or_view_that_is_deleted_during_a_pass_is_made_anew() {
    for inside in ["sled", "delivery.view", "LOCK", "failures"] {
        let (bench, ids, stored, ended_well) = deleted_during_a_pass(inside);
        assert!(ended_well, "{inside}");
        assert_eq!(ids, stored);
        assert!(bench.home.state_dir().join("sled/db").exists());
    }
}

/// Without its lock file another process may be sending: the pass ends, and
/// what it had not written down is sent again by the next.
#[test]
fn a_sender_whose_lock_is_deleted_ends_and_the_next_one_goes_on() {
    for inside in ["", "SENDER"] {
        let (_, ids, stored, ended_well) = deleted_during_a_pass(inside);
        assert!(!ended_well, "{inside}");
        assert_eq!(ids, stored);
    }
}
