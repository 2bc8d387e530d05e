//! What the server answers, and what follows from it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};
use spec_kitty::auth::{Session, Store};
use spec_kitty::sync::gate::Gate;

use crate::support::Reply;
use crate::support::bench::{BATCH, Bench, REFRESH, honest, ids_of, server, stored_ids};
use crate::{ALICE, ready, settled};

#[test]
fn a_reply_lost_after_the_commit_is_made_good_by_the_next_pass() {
    for sent in [0, 10, 60, 90] {
        let mut lose = true;
        let (server, stored) = server(move |request, stored| {
            let cut = std::mem::take(&mut lose) && request.path == BATCH;
            cut.then(|| honest(request, stored).cut(sent))
        });
        let (bench, ids) = ready(&server, 7);
        let report = bench.sync();
        assert!(report.stopped.is_some(), "{sent}: {report:?}");
        settled(&bench, (7, 0, 0, 0));
        let report = bench.sync();
        assert_eq!((report.duplicate, report.pending), (7, 0), "{sent}");
        assert_eq!(stored_ids(&stored), ids);
        settled(&bench, (0, 7, 0, 0));
    }
}

#[test]
fn a_token_refused_in_the_middle_is_refreshed_once_and_the_drain_goes_on() {
    let requests = AtomicUsize::new(0);
    let (server, stored) = server(move |request, _| {
        let second = request.path == BATCH && requests.fetch_add(1, Ordering::SeqCst) > 0;
        let old = request.header("authorization") == Some("Bearer ACCESS-0");
        (second && old).then(|| Reply::text(401, r#"{"error":"Token expired or invalid"}"#))
    });
    let (bench, ids) = ready(&server, 2500);
    assert_eq!(bench.sync().delivered, 2500);
    assert_eq!(stored_ids(&stored), ids);
    assert_eq!(server.count(REFRESH), 1);
    settled(&bench, (0, 2500, 0, 0));
}

#[test]
fn a_session_that_ends_stops_the_pass_and_blames_no_event() {
    let (server, stored) = server(|_, _| Some(Reply::text(401, "{}")));
    let (bench, _) = ready(&server, 3);
    assert_eq!(bench.stopped().as_deref(), Some("signed-in"));
    assert!(matches!(
        Store::new(&bench.home).load().session,
        Session::Ended(_)
    ));
    settled(&bench, (3, 0, 0, 0));
    let before = server.requests().len();
    assert_eq!(bench.stopped().as_deref(), Some("signed-in"));
    assert_eq!(
        server.requests().len(),
        before,
        "a dead session asks nobody"
    );
    assert!(stored.lock().unwrap().is_empty());
}

#[test]
fn a_smaller_limit_than_ours_is_kept_to() {
    type Limit = fn(usize, usize) -> bool;
    let limits: [Limit; 2] = [|bytes, _| bytes > 20_000, |_, events| events > 100];
    for (number, over) in limits.into_iter().enumerate() {
        let (server, stored) = server(move |request, _| {
            let over = request.path == BATCH && over(request.body.len(), ids_of(request).len());
            over.then(|| match number {
                0 => Reply::text(413, "<html>too large</html>"),
                _ => Reply::text(400, r#"{"error":"Max 100 events per batch"}"#),
            })
        });
        let (bench, ids) = ready(&server, 1200);
        let report = bench.sync();
        assert_eq!((report.delivered, report.parked), (1200, 0), "{report:?}");
        assert_eq!(stored_ids(&stored), ids);
        settled(&bench, (0, 1200, 0, 0));
    }
}

#[test]
fn an_event_that_alone_is_too_large_is_parked_and_the_rest_arrives() {
    let (server, stored) = server(|request, _| {
        let over = request.path == BATCH && request.body.len() > 100_000;
        over.then(|| Reply::text(413, r#"{"error_code":"sync_batch_too_large"}"#))
    });
    let (bench, mut ids) = ready(&server, 3);
    let project = bench.project("widgets");
    bench.emit_texts(&project, &["x".repeat(300_000)]);
    ids.extend(bench.emit(&project, 3));
    let report = bench.sync();
    assert_eq!((report.delivered, report.parked), (6, 1), "{report:?}");
    assert_eq!(stored_ids(&stored), ids);
    settled(&bench, (0, 6, 0, 1));
    let before = server.requests().len();
    assert_eq!(bench.sync().sent, 0, "a parked event is not sent again");
    assert_eq!(server.requests().len(), before);
}

/// One invalid event, an atomic 400, and nobody says which.
#[test]
fn a_poisoned_event_is_found_and_parked_and_its_neighbours_arrive_in_order() {
    let (server, stored) = server(|request, _| {
        let body = request.json();
        let mut events = body["events"].as_array().unwrap().iter();
        let poisoned = events.any(|event| event["payload"]["entry_content"] == "poison");
        poisoned.then(|| Reply::text(400, r#"{"error":"Batch validation failed"}"#))
    });
    let bench = Bench::new();
    bench.sign_in(&server, ALICE.0, ALICE.1);
    let mut texts = vec!["fine".to_owned(); 500];
    for at in [0, 123, 499] {
        texts[at] = "poison".to_owned();
    }
    let ids = bench.emit_texts(&bench.project("widgets"), &texts);
    let report = bench.sync();
    assert_eq!(
        (report.delivered, report.parked, report.rejected),
        (497, 3, 0)
    );
    let blamed: Vec<_> = report.refused.iter().map(|r| r.event_id.clone()).collect();
    assert_eq!(blamed, [0, 123, 499].map(|at| ids[at].clone()));
    let fine: Vec<_> = ids.into_iter().filter(|id| !blamed.contains(id)).collect();
    assert_eq!(stored_ids(&stored), fine);
    settled(&bench, (0, 497, 0, 3));
}

#[test]
fn a_server_that_refuses_everything_parks_nothing() {
    let (server, _) = server(|_, _| Some(Reply::text(400, "")));
    let (bench, _) = ready(&server, 50);
    for _ in 0..2 {
        let report = bench.sync();
        assert_eq!(report.parked, 0);
        assert!(report.stopped.is_some(), "{report:?}");
    }
    let status = bench.status();
    assert_eq!((status.parked, status.pending + status.rejected), (0, 50));
    assert!(status.rejected <= 6);
}

#[test]
fn an_atomic_refusal_with_details_blames_only_those_it_names() {
    let (server, stored) = server(|request, _| {
        let ids = ids_of(request);
        (ids.len() == 5).then(|| {
            let details = json!([{"event_id": ids[2], "detail": "bad", "retryable": false}]);
            Reply::json(
                400,
                &json!({"error": "refused", "details": details.to_string()}),
            )
        })
    });
    let (bench, ids) = ready(&server, 5);
    let report = bench.sync();
    assert_eq!((report.delivered, report.parked), (4, 1));
    let refused = &report.refused[0];
    assert_eq!(
        (&refused.event_id, refused.trouble.message()),
        (&ids[2], "bad")
    );
    assert!(!stored_ids(&stored).contains(&ids[2]));
    settled(&bench, (0, 4, 0, 1));
}

#[test]
fn a_refused_event_is_tried_five_times_and_then_parked() {
    let (server, _) = server(|request, _| {
        let results: Vec<Value> = ids_of(request)
            .into_iter()
            .map(|id| json!({"event_id": id, "status": "rejected", "error": "not yet"}))
            .collect();
        Some(Reply::json(200, &json!({"results": results})))
    });
    let (bench, _) = ready(&server, 1);
    for attempt in 1..=4 {
        let report = bench.sync();
        assert_eq!(
            (report.rejected, report.parked),
            (1, 0),
            "attempt {attempt}"
        );
        settled(&bench, (0, 0, 1, 0));
    }
    assert_eq!(bench.sync().parked, 1);
    settled(&bench, (0, 0, 0, 1));
    assert_eq!(bench.sync().sent, 0);
    assert_eq!(server.count(BATCH), 5);
}

#[test]
fn a_refused_event_that_is_taken_later_is_delivered() {
    let mut first = true;
    let (server, stored) = server(move |request, stored| {
        std::mem::take(&mut first).then(|| {
            let ids = ids_of(request);
            let kept = request.json()["events"][1].clone();
            stored.lock().unwrap().push(kept);
            let results = json!([
                {"event_id": ids[1], "status": "success"},
                {"event_id": ids[0], "status": "rejected", "error": "clock behind"},
            ]);
            Reply::json(200, &json!({"results": results}))
        })
    });
    let (bench, ids) = ready(&server, 2);
    bench.sync();
    settled(&bench, (0, 1, 1, 0));
    bench.sync();
    settled(&bench, (0, 2, 0, 0));
    assert_eq!(stored_ids(&stored), [ids[1].clone(), ids[0].clone()]);
}

#[test]
fn a_retry_after_is_kept_also_by_the_next_process() {
    let (server, stored) = server(|_, _| {
        let body = br#"{"error":"Too many requests"}"#;
        Some(Reply::with(429, &[("Retry-After", "600")], body))
    });
    let (bench, _) = ready(&server, 3);
    assert_eq!(bench.stopped().as_deref(), Some("throttled"));
    assert_eq!(bench.stopped().as_deref(), Some("throttled"));
    assert_eq!(server.requests().len(), 1, "the second pass asks nobody");
    let closed = bench.status().closed;
    assert!(closed.iter().any(|closed| closed.gate == Gate::Wait));
    settled(&bench, (3, 0, 0, 0));
    assert!(stored.lock().unwrap().is_empty());
}

#[test]
fn a_redirect_is_never_followed() {
    let (elsewhere, gained) = server(|_, _| None);
    for status in [301, 302, 303, 307, 308] {
        let url = elsewhere.url();
        let (server, _) = server(move |_, _| {
            let location = format!("{url}{BATCH}");
            Some(Reply::with(status, &[("Location", location.as_str())], b""))
        });
        let (bench, _) = ready(&server, 3);
        assert_eq!(bench.stopped().as_deref(), Some("redirect"), "{status}");
        settled(&bench, (3, 0, 0, 0));
    }
    assert!(elsewhere.requests().is_empty() && gained.lock().unwrap().is_empty());
}

#[test]
fn answers_that_teach_nothing_end_the_pass_and_count_no_attempt() {
    let alien = r#"{"results":[{"event_id":"x","status":"success"}]}"#;
    let replies = [
        ("unusable-answer", 200, ""),
        ("unusable-answer", 200, "{}"),
        ("unusable-answer", 200, "null"),
        ("unusable-answer", 200, "[]"),
        ("unusable-answer", 200, r#"{"results":null}"#),
        ("unusable-answer", 200, "<html>Sign in to the hotel</html>"),
        ("unusable-answer", 204, ""),
        ("unconfirmed", 200, r#"{"results":[]}"#),
        ("unconfirmed", 200, alien),
        ("forbidden", 403, r#"{"error":"Insufficient permissions"}"#),
        ("not-found", 404, "<html>"),
        ("timeout", 408, ""),
        ("conflict", 409, "{}"),
        (
            "version-mismatch",
            412,
            r#"{"error_code":"client-too-old"}"#,
        ),
        ("server-error", 500, r#"{"error":"boom"}"#),
        ("server-error", 502, "<html>bad gateway</html>"),
        ("server-error", 503, ""),
        ("server-error", 504, ""),
    ];
    for (category, status, body) in replies {
        let (server, _) = server(move |_, _| Some(Reply::text(status, body)));
        let (bench, _) = ready(&server, 3);
        let report = bench.sync();
        let stopped = report.stopped.as_ref().map(|stopped| stopped.word());
        assert_eq!(stopped, Some(category), "{status} {body}");
        assert_eq!((report.rejected, report.parked, report.pending), (0, 0, 3));
        assert_eq!(server.requests().len(), 1, "{status} {body}");
        settled(&bench, (3, 0, 0, 0));
    }
    let (server, _) = server(|_, _| Some(Reply(b"nonsense\r\n\r\n".to_vec())));
    let (bench, _) = ready(&server, 3);
    assert_eq!(bench.stopped().as_deref(), Some("unusable-answer"));
    settled(&bench, (3, 0, 0, 0));
}

#[test]
fn queued_events_are_sent_again_until_the_server_says_more() {
    let passes = AtomicUsize::new(0);
    let (server, _) = server(move |request, _| {
        (passes.fetch_add(1, Ordering::SeqCst) == 0).then(|| {
            let results: Vec<Value> = ids_of(request)
                .into_iter()
                .map(|id| json!({"event_id": id, "status": "queued"}))
                .collect();
            Reply::json(200, &json!({"results": results}))
        })
    });
    let (bench, _) = ready(&server, 4);
    assert_eq!(bench.stopped().as_deref(), Some("unconfirmed"));
    settled(&bench, (4, 0, 0, 0));
    bench.sync();
    settled(&bench, (0, 4, 0, 0));
}

/// A server that takes the events and never answers.
#[test]
fn an_interrupted_pass_ends_without_waiting_for_the_server() {
    let asked = Arc::new(AtomicBool::new(false));
    let (flag, done) = (Arc::clone(&asked), Arc::new(AtomicBool::new(false)));
    let released = Arc::clone(&done);
    let (server, _) = server(move |_, _| {
        flag.store(true, Ordering::SeqCst);
        while !released.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        None
    });
    let (bench, _) = ready(&server, 3);
    let interrupt = || asked.load(Ordering::SeqCst);
    let report = bench.sync_until(&interrupt);
    assert_eq!(
        report.stopped.map(|s| s.word().to_owned()).as_deref(),
        Some("interrupted")
    );
    assert_eq!((report.sent, report.pending), (0, 3));
    settled(&bench, (3, 0, 0, 0));
    done.store(true, Ordering::SeqCst);
}
