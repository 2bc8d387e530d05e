//! What must not hold up anybody: events without an answer, limits, connections
//! that hang.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use spec_kitty::auth::http::CONNECT_TIMEOUT;

use crate::support::bench::{BATCH, Bench, HEALTH, Stored, honest, server, stored_ids};
use crate::support::{FakeServer, Reply};
use crate::{ALICE, ready, settled};

/// What the server never speaks of holds up nobody, is not called refused,
/// counts no attempt, and is delivered as soon as the server says so.
#[test]
fn an_event_without_an_answer_holds_up_nobody() {
    let silent = Arc::new(AtomicBool::new(true));
    let still = Arc::clone(&silent);
    let (server, stored) = server(move |request, stored| {
        if request.path != BATCH || !still.load(Ordering::SeqCst) {
            return None;
        }
        let events = request.json()["events"].as_array().unwrap().clone();
        let mut results = Vec::new();
        for event in events {
            if event["payload"]["entry_content"] == "slow" {
                results.push(json!({"event_id": event["event_id"], "status": "queued"}));
                continue;
            }
            results.push(json!({"event_id": event["event_id"], "status": "success"}));
            stored.lock().unwrap().push(event);
        }
        Some(Reply::json(200, &json!({"results": results})))
    });
    let bench = Bench::new();
    bench.sign_in(&server, ALICE.0, ALICE.1);
    let project = bench.project("widgets");
    let texts = ["a", "slow", "b"].map(str::to_owned);
    let ids = bench.emit_texts(&project, &texts);
    let report = bench.sync();
    assert_eq!((report.delivered, report.pending), (2, 1), "{report:?}");
    assert_eq!(report.stopped.unwrap().word(), "unconfirmed");
    settled(&bench, (1, 2, 0, 0));
    bench.emit(&project, 4);
    let report = bench.sync();
    assert_eq!((report.delivered, report.pending), (4, 1), "{report:?}");
    settled(&bench, (1, 6, 0, 0));
    silent.store(false, Ordering::SeqCst);
    let report = bench.sync();
    assert_eq!((report.sent, report.pending), (1, 0), "{report:?}");
    assert!(report.stopped.is_none());
    settled(&bench, (0, 7, 0, 0));
    assert_eq!(stored_ids(&stored)[6], ids[1]);
}

#[test]
fn the_limits_that_a_server_advertises_are_kept_from_the_first_request() {
    let stored = Stored::default();
    let kept = Arc::clone(&stored);
    let server = FakeServer::start(move |request| match request.path.as_str() {
        HEALTH => {
            assert_eq!(request.header("authorization"), Some("Bearer ACCESS-0"));
            assert_eq!(request.header("x-team-slug"), Some("acme"));
            let limits =
                json!({"max_events_per_batch": 500, "max_decompressed_bytes_per_batch": 40_000});
            Reply::json(200, &json!({"sync_ingress": {"limits": limits}}))
        }
        _ => {
            assert!(request.body.len() <= 36_000, "{}", request.body.len());
            honest(request, &kept)
        }
    });
    let (bench, ids) = ready(&server, 600);
    assert_eq!(bench.sync().delivered, 600);
    assert_eq!(stored_ids(&stored), ids);
    assert_eq!(server.count(HEALTH), 1);
    settled(&bench, (0, 600, 0, 0));
}

/// Nothing breaks off a connection that is being made; the pass ends all the same.
#[test]
fn an_interrupted_pass_does_not_wait_for_a_connection() {
    // A listener whose queue is full leaves further connections hanging.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let hanging: Vec<_> = (0..400)
        .map_while(|_| {
            let patience = Duration::from_millis(20);
            TcpStream::connect_timeout(&address, patience).ok()
        })
        .collect();
    let mut server = FakeServer::start(|_| Reply::text(500, ""));
    let real = std::mem::replace(&mut server.address, address);
    let (bench, _) = ready(&server, 1);
    server.address = real;
    let asked = AtomicUsize::new(0);
    let interrupt = || asked.fetch_add(1, Ordering::SeqCst) > 3;
    let begun = Instant::now();
    let report = bench.sync_until(&interrupt);
    assert_eq!(report.stopped.unwrap().word(), "interrupted");
    assert!(begun.elapsed() < CONNECT_TIMEOUT);
    settled(&bench, (1, 0, 0, 0));
    drop(hanging);
}
