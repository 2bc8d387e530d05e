//! What the server refuses, or knows already, over the socket.

use serde_json::json;

use super::truth::{states, tail};
use super::{connected, delivered, live_server, signed_in};
use crate::daemon::{meanwhile, wait_until};
use crate::settled;
use crate::support::bench::{BATCH, ids, stored_ids};

fn refuse_first(retryable: bool) -> (crate::support::FakeServer, crate::support::bench::Stored) {
    live_server(move |channel| {
        channel.snapshot();
        if let Some(event) = channel.event() {
            let error = json!({
                "type": "error", "event_id": event["event_id"], "status": "rejected",
                "error": "not like this", "error_category": "schema_mismatch",
                "retryable": retryable,
            });
            channel.say(&error.to_string());
        }
        channel.serve();
    })
}

#[test]
fn a_refusal_for_good_parks_the_event_and_holds_up_nobody() {
    let (server, _) = refuse_first(false);
    let bench = signed_in(&server);
    meanwhile(&bench, || {
        connected(&bench);
        bench.emit(&bench.project("widgets"), 3);
        wait_until("settled", || bench.status().pending == 0);
    });
    assert_eq!(server.count(BATCH), 0);
    settled(&bench, (0, 2, 0, 1));
    assert_eq!(states(&bench), ["parked", "delivered", "delivered"]);
}

#[test]
fn a_refusal_that_may_pass_counts_one_attempt_and_is_tried_again_by_batch() {
    let (server, stored) = refuse_first(true);
    let bench = signed_in(&server);
    let mut recorded = Vec::new();
    meanwhile(&bench, || {
        connected(&bench);
        recorded = bench.emit(&bench.project("widgets"), 2);
        wait_until("settled", || bench.status().pending == 0);
    });
    settled(&bench, (0, 1, 1, 0));
    assert_eq!(states(&bench), ["rejected", "delivered"]);
    assert_eq!(tail(&bench)[0]["local"]["attempts"], 1);
    assert_eq!(bench.sync().delivered, 1);
    let mut kept = stored_ids(&stored);
    kept.sort();
    assert_eq!(kept, recorded);
    settled(&bench, (0, 2, 0, 0));
}

#[test]
fn what_the_server_had_already_counts_as_delivered() {
    let (server, _) = live_server(|channel| {
        channel.snapshot();
        while let Some(event) = channel.event() {
            channel.ack(&event, "duplicate");
            channel.ack(&event, "accepted");
        }
    });
    let bench = signed_in(&server);
    meanwhile(&bench, || {
        connected(&bench);
        bench.emit(&bench.project("widgets"), 1);
        delivered(&bench, 1);
    });
    assert_eq!(states(&bench), ["duplicate"]);
    assert_eq!(server.count(BATCH), 0);
}

/// An ack that overtakes another settles nothing before it.
#[test]
fn answers_in_the_wrong_order_settle_everything_in_the_end() {
    let (server, stored) = live_server(|channel| {
        channel.snapshot();
        loop {
            let mut some = Vec::new();
            for _ in 0..4 {
                match channel.event() {
                    Some(event) => some.push(event),
                    None => return,
                }
            }
            for event in some.iter().rev() {
                let status = channel.store(event);
                channel.ack(event, status);
            }
        }
    });
    let bench = signed_in(&server);
    meanwhile(&bench, || {
        connected(&bench);
        bench.emit(&bench.project("widgets"), 2);
        bench.emit(&bench.project("gadgets"), 2);
        delivered(&bench, 4);
    });
    assert_eq!(ids(&stored.lock().unwrap()).len(), 4);
    settled(&bench, (0, 4, 0, 0));
}
