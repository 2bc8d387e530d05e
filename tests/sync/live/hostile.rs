//! What a server may send that no honest one would.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tungstenite::{Message, Utf8Bytes};

use super::{connected, delivered, live_server, recorded, reference, signed_in};
use crate::daemon::{meanwhile, wait_until};
use crate::settled;
use crate::support::bench::{BATCH, ids, stored_ids};

/// Binary, no JSON, nested without end, words about the events of others: none
/// of it does anything, and the connection stays.
#[test]
fn frames_that_make_no_sense_do_nothing() {
    let (server, _) = live_server(|channel| {
        channel.snapshot();
        let deep = format!("{{\"type\":\"ack\",\"x\":{}", "[".repeat(200_000));
        let stranger = json!({"event_id": "01HX8T4J6QW2V0N5YB3K7M0001"});
        while let Some(event) = channel.event() {
            let _ = channel.socket.send(Message::binary(vec![0; 1000]));
            for text in [
                deep.as_str(),
                "",
                "<html>",
                "null",
                "[]",
                "{\"type\":\"news\"}",
            ] {
                channel.say(text);
            }
            channel.ack(&stranger, "accepted");
            channel.ack(&stranger, "duplicate");
            channel.ack(&event, "what?");
            let status = channel.store(&event);
            channel.ack(&event, status);
        }
    });
    let bench = signed_in(&server);
    meanwhile(&bench, || {
        connected(&bench);
        bench.emit(&bench.project("widgets"), 3);
        delivered(&bench, 3);
    });
    assert_eq!(server.count(BATCH), 0);
    settled(&bench, (0, 3, 0, 0));
}

/// A frame beyond the limit, and bytes that are no frame at all: the connection
/// ends and comes back, and nothing is lost.
#[test]
fn a_frame_that_is_too_large_ends_the_connection_and_loses_nothing() {
    for first in [
        Message::text(Utf8Bytes::from("x".repeat(5 * 1024 * 1024))),
        Message::binary(vec![0; 5 * 1024 * 1024]),
    ] {
        let connections = AtomicUsize::new(0);
        let (server, stored) = live_server(move |channel| {
            channel.snapshot();
            if connections.fetch_add(1, Ordering::SeqCst) == 0 {
                let event = channel.event();
                let _ = channel.socket.send(first.clone());
                drop(event);
            }
            channel.serve();
        });
        let bench = signed_in(&server);
        meanwhile(&bench, || {
            connected(&bench);
            bench.emit(&bench.project("widgets"), 2);
            delivered(&bench, 2);
            connected(&bench);
        });
        assert_eq!(stored_ids(&stored).len(), 2);
        settled(&bench, (0, 2, 0, 0));
    }
}

#[test]
fn a_ping_is_answered_with_its_own_timestamp() {
    let answered = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&answered);
    let (server, _) = live_server(move |channel| {
        channel.say(r#"{"type":"ping","timestamp":"early"}"#);
        channel.snapshot();
        channel.say(r#"{"type":"ping","timestamp":1.50}"#);
        for expected in [
            r#"{"type":"pong","timestamp":"early"}"#,
            r#"{"type":"pong","timestamp":1.50}"#,
        ] {
            let Ok(Message::Text(text)) = channel.socket.read() else {
                return;
            };
            assert_eq!(text.as_str(), expected);
            count.fetch_add(1, Ordering::SeqCst);
        }
        channel.serve();
    });
    let bench = signed_in(&server);
    meanwhile(&bench, || {
        wait_until("pong", || answered.load(Ordering::SeqCst) == 2);
    });
}

/// What a colleague did moves our clock, so that what we do next is after it.
#[test]
fn the_events_of_others_and_the_snapshot_raise_our_clock() {
    let (server, _) = live_server(|channel| {
        channel.say(r#"{"type":"snapshot","work_packages":[{"lamport_clock":5000}]}"#);
        channel.event();
        channel.say(r#"{"type":"event","event_id":"A","lamport_clock":9000}"#);
        channel.serve();
    });
    let bench = signed_in(&server);
    let clock_of_last = || {
        let last = recorded(&bench).pop().unwrap();
        let event: serde_json::Value = serde_json::from_str(&last).unwrap();
        event["lamport_clock"].as_u64().unwrap()
    };
    meanwhile(&bench, || {
        for heard in [5000, 9000] {
            wait_until("the clock moves", || {
                bench.emit(&bench.project("widgets"), 1);
                clock_of_last() > heard
            });
        }
    });
}

/// Our own events come back to others of the team, and theirs to us; nobody
/// takes them for an answer.
#[test]
fn two_homes_of_a_team_work_beside_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let (server, one) = reference(&dir.path().join("server"));
    let mut other = crate::support::bench::Bench::new();
    other.config.sync.interval = one.config.sync.interval;
    super::sign_in_for_real(&other, &server);
    meanwhile(&one, || {
        meanwhile(&other, || {
            connected(&one);
            connected(&other);
            let mut all = one.emit(&one.project("widgets"), 5);
            all.extend(other.emit(&other.project("widgets"), 5));
            delivered(&one, 5);
            delivered(&other, 5);
            let mut kept = ids(&super::kept_by(&server));
            kept.sort();
            all.sort();
            assert_eq!(kept, all);
        });
    });
}
