//! What is remembered, lost and found again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use spec_kitty::sync::gate::Gate;

use crate::support::Reply;
use crate::support::bench::{BATCH, Bench, ids_of, server, stored_ids, uuid_of};
use crate::{ALICE, ready, settled};

#[test]
fn everything_arrives_once_and_in_order_and_then_nothing_is_asked_again() {
    let (server, stored) = server(|_, _| None);
    let (bench, ids) = ready(&server, 2500);
    let report = bench.sync();
    assert!(report.stopped.is_none(), "{report:?}");
    let counts = (report.sent, report.delivered, report.pending);
    assert_eq!(counts, (2500, 2500, 0));
    assert_eq!(stored_ids(&stored), ids);
    settled(&bench, (0, 2500, 0, 0));
    let mut requests = server.requests();
    requests.retain(|request| request.path == BATCH);
    assert!(requests.iter().all(|r| r.body.len() <= 262_144));
    let request = &requests[0];
    assert_eq!(request.header("content-encoding"), Some("gzip"));
    assert_eq!(request.header("authorization"), Some("Bearer ACCESS-0"));
    let before = server.requests().len();
    assert_eq!(bench.sync().sent, 0);
    assert_eq!(
        server.requests().len(),
        before,
        "nothing to send, nobody to ask"
    );
}

#[test]
fn the_request_holds_what_was_recorded() {
    let (server, _) = server(|_, _| None);
    let bench = Bench::new();
    bench.sign_in(&server, ALICE.0, ALICE.1);
    let text = "\u{1f600} \\u00e9 \"quoted\" 1.0".to_owned();
    bench.emit_texts(&bench.project("widgets"), std::slice::from_ref(&text));
    bench.sync();
    let event = &server.requests()[0].json()["events"][0];
    assert_eq!(event["payload"]["entry_content"], text);
    assert_eq!(event["team_slug"], "acme");
    assert_eq!(event["project_uuid"], uuid_of("widgets"));
}

#[test]
fn a_lost_ledger_costs_duplicates_and_no_event() {
    let (server, stored) = server(|_, _| None);
    let (bench, ids) = ready(&server, 5);
    bench.sync();
    std::fs::remove_dir_all(bench.home.state_dir()).unwrap();
    settled(&bench, (5, 0, 0, 0));
    assert_eq!(bench.sync().duplicate, 5);
    settled(&bench, (0, 5, 0, 0));
    std::fs::remove_dir_all(bench.home.state_dir().join("sled")).unwrap();
    assert_eq!(bench.sync().sent, 0, "the view alone is enough");
    settled(&bench, (0, 5, 0, 0));
    assert_eq!(stored_ids(&stored), ids);
}

#[test]
fn a_ledger_of_another_log_is_noticed_and_its_streams_start_over() {
    let (server, stored) = server(|_, _| None);
    let (bench, _) = ready(&server, 5);
    bench.sync();
    std::fs::remove_dir_all(bench.home.log_dir()).unwrap();
    let fresh = bench.emit(&bench.project("widgets"), 7);
    let status = bench.status();
    assert!(
        status.disagrees(),
        "five of the seven look delivered: {status:?}"
    );
    assert_eq!(bench.sync().delivered, 7);
    assert_eq!(stored_ids(&stored)[5..], fresh);
    settled(&bench, (0, 7, 0, 0));
}

#[test]
fn two_senders_at_once_send_everything_once() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    let (server, stored) = server(move |request, _| {
        if request.path == BATCH {
            counter.fetch_add(ids_of(request).len(), Ordering::SeqCst);
        }
        None
    });
    let (bench, ids) = ready(&server, 300);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| bench.sync());
        }
    });
    assert_eq!(stored_ids(&stored), ids);
    assert_eq!(sent.load(Ordering::SeqCst), 300);
    settled(&bench, (0, 300, 0, 0));
}

#[test]
fn a_network_that_is_gone_is_told_at_once_and_shown_later() {
    let (server, _) = server(|_, _| None);
    let (bench, _) = ready(&server, 2);
    drop(server);
    assert_eq!(bench.stopped().as_deref(), Some("network"));
    let status = bench.status();
    assert_eq!(status.connection.as_str(), "Offline");
    assert!(
        status
            .closed
            .iter()
            .any(|closed| closed.gate == Gate::Network)
    );
    settled(&bench, (2, 0, 0, 0));
}

#[test]
fn an_echoed_token_is_neither_kept_nor_told() {
    let (server, _) = server(|_, _| {
        let body = r#"{"error":"token ACCESS-0 may not do this"}"#;
        Some(Reply::text(403, body))
    });
    let (bench, _) = ready(&server, 1);
    let report = bench.sync();
    assert!(!format!("{report:?}").contains("ACCESS-0"));
    let view = std::fs::read(bench.home.state_dir().join("delivery.view")).unwrap();
    assert!(!view.windows(8).any(|window| window == b"ACCESS-0"));
}
