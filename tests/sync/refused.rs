//! What people do about events that the server refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::commands::run;
use crate::support::bench::{BATCH, Bench, ids_of, server, stored_ids};
use crate::support::{FakeServer, Reply};
use crate::{ALICE, ready, settled};

/// Refuses what says "bad", for good, as long as `strict` is set.
fn picky(strict: &Arc<AtomicBool>) -> (FakeServer, crate::support::bench::Stored) {
    let strict = Arc::clone(strict);
    server(move |request, stored| {
        if request.path != BATCH || !strict.load(Ordering::SeqCst) {
            return None;
        }
        let mut results = Vec::new();
        for event in request.json()["events"].as_array().unwrap() {
            let id = &event["event_id"];
            if event["payload"]["entry_content"] == "bad" {
                results.push(
                    json!({"event_id": id, "status": "rejected", "retryable": false,
                    "category": "schema_mismatch", "error": "entry_content: no \u{1b}[31mgood"}),
                );
            } else {
                stored.lock().unwrap().push(event.clone());
                results.push(json!({"event_id": id, "status": "success"}));
            }
        }
        Some(Reply::json(200, &json!({"results": results})))
    })
}

fn with_two_parked() -> (
    FakeServer,
    crate::support::bench::Stored,
    Arc<AtomicBool>,
    Bench,
    Vec<String>,
) {
    let strict = Arc::new(AtomicBool::new(true));
    let (server, stored) = picky(&strict);
    let bench = Bench::new();
    bench.sign_in(&server, ALICE.0, ALICE.1);
    let texts = ["good", "bad", "good", "bad"].map(str::to_owned);
    let ids = bench.emit_texts(&bench.project("widgets"), &texts);
    assert_eq!(bench.sync().parked, 2);
    settled(&bench, (0, 2, 0, 2));
    (server, stored, strict, bench, ids)
}

#[test]
fn refused_events_are_listed_with_their_reason() {
    let (_server, _, _, bench, ids) = with_two_parked();
    let (code, listed, _) = run(&bench, &["sync", "failures"]);
    assert_eq!((code, &listed["kind"]), (0, &json!("sync-failures")));
    let first = &listed["failures"][0];
    assert_eq!(first["event_id"], ids[1].as_str());
    assert_eq!(first["state"], "parked");
    assert_eq!(first["attempts"], 1);
    assert_eq!(first["category"], "schema-mismatch");
    assert_eq!(listed["failures"].as_array().unwrap().len(), 2);
    let (code, _, error) = run(&bench, &["sync", "failures", "retry", "01ZZ"]);
    assert_eq!(
        (code, &error["error"]["code"]),
        (3, &json!("no-such-event"))
    );
}

#[test]
fn a_parked_event_that_is_retried_is_sent_by_the_next_pass() {
    let (_server, stored, strict, bench, ids) = with_two_parked();
    strict.store(false, Ordering::SeqCst);
    let (code, done, _) = run(&bench, &["sync", "failures", "retry", &ids[1]]);
    assert_eq!((code, &done["retried"]), (0, &json!([ids[1]])));
    settled(&bench, (0, 2, 1, 1));
    let report = bench.sync();
    assert_eq!((report.sent, report.delivered), (1, 1));
    settled(&bench, (0, 3, 0, 1));
    assert!(stored_ids(&stored).contains(&ids[1]));
}

/// Given up is for good, also when the ledger is lost: the log says so.
#[test]
fn a_dropped_event_is_never_sent_again() {
    let (server, stored, strict, bench, ids) = with_two_parked();
    let (code, done, _) = run(&bench, &["sync", "failures", "drop", &ids[3]]);
    assert_eq!((code, &done["dropped"]), (0, &json!([ids[3]])));
    settled(&bench, (0, 2, 0, 1));
    strict.store(false, Ordering::SeqCst);
    std::fs::remove_dir_all(bench.home.state_dir()).unwrap();
    let report = bench.sync();
    assert_eq!((report.duplicate, report.delivered), (2, 1), "{report:?}");
    settled(&bench, (0, 3, 0, 0));
    assert!(!stored_ids(&stored).contains(&ids[3]));
    let sent = server.requests().into_iter().skip(1);
    assert!(
        sent.filter(|r| r.path == BATCH)
            .all(|r| !ids_of(&r).contains(&ids[3]))
    );
    let (_, shown, _) = run(&bench, &["log", "show", &ids[3]]);
    assert_eq!(shown["event_id"], ids[3].as_str(), "it stays in the log");
}

/// Between the frame and the ledger the process may die.
#[test]
fn a_drop_that_lost_its_second_half_contradicts_nothing() {
    let (_server, _, _, bench, ids) = with_two_parked();
    let ledger = bench.home.state_dir().join("delivery.view");
    let (view, sled) = (
        std::fs::read(&ledger).unwrap(),
        bench.home.state_dir().join("sled"),
    );
    run(&bench, &["sync", "failures", "drop", &ids[3]]);
    std::fs::write(&ledger, view).unwrap();
    std::fs::remove_dir_all(sled).unwrap();
    let status = bench.status();
    assert!(!status.disagrees(), "{status:?}");
    assert_eq!(bench.sync().sent, 0);
}

#[test]
fn nothing_is_refused_and_nothing_is_listed() {
    let (server, _) = server(|_, _| None);
    let (bench, _) = ready(&server, 1);
    bench.sync();
    let (code, listed, _) = run(&bench, &["sync", "failures", "list"]);
    assert_eq!((code, &listed["failures"]), (0, &Value::Array(Vec::new())));
}
