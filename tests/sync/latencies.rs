//! How long deliveries took, as `log stats` tells it: by batch and over the
//! socket, each delivery once, and nothing that nobody knows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use spec_kitty::dev_server::{DevServer, Options};

use crate::commands::{run, spec_kitty};
use crate::daemon::meanwhile;
use crate::live::{connected, delivered, live_server, signed_in};
use crate::ready;
use crate::support::Reply;
use crate::support::bench::{BATCH, Bench, ids_of, server};

/// What `log stats` says of latencies.
fn told(bench: &Bench) -> Value {
    run(bench, &["log", "stats"]).1["latency"].clone()
}

fn count(bench: &Bench) -> u64 {
    told(bench)["count"].as_u64().unwrap()
}

/// The whole path by commands, against the reference server.
#[test]
fn a_batch_is_timed_from_the_recording_to_the_answer() {
    let data = tempfile::tempdir().unwrap();
    let started = DevServer::start(Options::new(data.path(), "a password".into())).unwrap();
    let bench = Bench::new();
    let project = bench.project("widgets");
    bench.emit(&project, 3);
    assert_eq!(count(&bench), 0);
    let words = [
        "--json",
        "auth",
        "login",
        "--server",
        started.url(),
        "-u",
        "demo",
    ];
    let login = [&words[..], &["--password-stdin"]].concat();
    spec_kitty(&bench, &bench.nowhere(), &login, "a password\n");
    // The answer cannot be read sooner than this.
    thread::sleep(Duration::from_millis(120));
    assert_eq!(run(&bench, &["sync", "now"]).0, 0);
    let latency = told(&bench);
    assert_eq!(
        (&latency["count"], &latency["early"]),
        (&json!(3), &json!(0))
    );
    let figures = ["p50_ms", "p90_ms", "p99_ms", "max_ms"].map(|name| latency[name].as_u64());
    assert!(figures[0] >= Some(120), "{latency}");
    assert!(figures.is_sorted(), "{latency}");
    assert_eq!(run(&bench, &["sync", "now"]).0, 0);
    assert_eq!(told(&bench), latency, "nothing was delivered since");
}

#[test]
fn what_goes_over_the_socket_is_timed_by_its_ack() {
    let (server, _) = live_server(|channel| {
        channel.snapshot();
        channel.serve();
    });
    let bench = signed_in(&server);
    meanwhile(&bench, || {
        connected(&bench);
        bench.emit(&bench.project("widgets"), 2);
        delivered(&bench, 2);
    });
    assert_eq!((server.count(BATCH), count(&bench)), (0, 2));
}

/// The server has stored them, and its answer is lost: the next pass finds out.
#[test]
fn a_lost_answer_that_is_made_good_is_timed_once() {
    let cut = Arc::new(AtomicBool::new(false));
    let fault = Arc::clone(&cut);
    let (server, _) = server(move |request, stored| {
        let lose = request.path == BATCH && fault.load(Ordering::SeqCst);
        lose.then(|| crate::support::bench::honest(request, stored).cut(9))
    });
    let (bench, _) = ready(&server, 1);
    bench.sync();
    cut.store(true, Ordering::SeqCst);
    bench.emit(&bench.project("widgets"), 2);
    assert_eq!(bench.sync().delivered, 0);
    assert_eq!(count(&bench), 1);
    cut.store(false, Ordering::SeqCst);
    assert_eq!(bench.sync().duplicate, 2);
    assert_eq!(count(&bench), 3);
    bench.sync();
    assert_eq!(count(&bench), 3);
}

#[test]
fn a_refused_event_is_timed_when_it_is_taken_at_last() {
    let strict = Arc::new(AtomicBool::new(true));
    let fault = Arc::clone(&strict);
    let (server, _) = server(move |request, _| {
        let refuse = |id| json!({"event_id": id, "status": "rejected", "retryable": true});
        let refuses = request.path == BATCH && fault.load(Ordering::SeqCst);
        refuses.then(|| {
            let results: Vec<Value> = ids_of(request).into_iter().map(refuse).collect();
            Reply::json(200, &json!({"results": results}))
        })
    });
    let (bench, ids) = ready(&server, 1);
    bench.sync();
    assert_eq!(count(&bench), 0);
    strict.store(false, Ordering::SeqCst);
    assert_eq!(run(&bench, &["sync", "failures", "retry", &ids[0]]).0, 0);
    bench.sync();
    assert_eq!(count(&bench), 1);
}

/// Everything is sent again, and the server had it already: how long that took
/// nobody knows, and what is recorded from then on is timed as before.
#[test]
fn a_lost_ledger_forgets_latencies_and_makes_up_none() {
    let (server, _) = server(|_, _| None);
    let (bench, _) = ready(&server, 5);
    bench.sync();
    assert_eq!(count(&bench), 5);
    std::fs::remove_dir_all(bench.home.state_dir()).unwrap();
    assert_eq!(count(&bench), 0);
    assert_eq!(bench.sync().duplicate, 5);
    assert_eq!(count(&bench), 0);
    bench.emit(&bench.project("widgets"), 1);
    bench.sync();
    assert_eq!(count(&bench), 1);
}

/// An imported event was recorded elsewhere, at some other time.
#[test]
fn what_was_imported_is_delivered_and_not_timed() {
    let (server, stored) = server(|_, _| None);
    let (bench, _) = ready(&server, 1);
    let other = Bench::new();
    other.sign_in(&server, crate::ALICE.0, crate::ALICE.1);
    other.emit(&other.project("widgets"), 4);
    let file = bench.nowhere().join("events.ndjson");
    let file = file.to_str().unwrap();
    spec_kitty(
        &other,
        &other.nowhere(),
        &["log", "export", file, "--format", "ndjson"],
        "",
    );
    let (code, report, _) = run(&bench, &["log", "import", file]);
    assert_eq!((code, &report["imported"]), (0, &json!(4)), "{report}");
    bench.adopt();
    assert_eq!(bench.sync().delivered, 5);
    assert_eq!((stored.lock().unwrap().len(), count(&bench)), (5, 1));
}
