//! Who gets which events, and what is held back.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use spec_kitty::server_url::ServerUrl;

use crate::support::Reply;
use crate::support::bench::{Bench, ids_of, server, stored_ids, uuid_of};
use crate::{ALICE, ready, settled};

#[test]
fn events_of_one_account_never_go_under_another() {
    let (server, stored) = server(|_, _| None);
    let (bench, alices) = ready(&server, 4);
    bench.sign_in(&server, "bob@example.com", Some("acme"));
    let bobs = bench.emit(&bench.project("widgets"), 2);
    let report = bench.sync();
    assert_eq!((report.delivered, report.pending), (2, 4));
    assert_eq!(stored_ids(&stored), bobs);
    settled(&bench, (4, 2, 0, 0));
    bench.sign_in(&server, "ALICE@example.com", Some("Acme"));
    bench.sync();
    assert_eq!(stored_ids(&stored), [bobs, alices].concat());
    settled(&bench, (0, 4, 0, 0));
}

#[test]
fn signed_out_events_go_to_whoever_signs_in_first_and_to_nobody_else() {
    let (server, stored) = server(|_, _| None);
    let bench = Bench::new();
    let project = bench.project("widgets");
    let early = bench.emit(&project, 3);
    assert_eq!(bench.stopped().as_deref(), Some("signed-in"));
    bench.sign_in(&server, ALICE.0, ALICE.1);
    assert_eq!(
        bench.stopped().as_deref(),
        Some("signed-in"),
        "not bound yet"
    );
    assert!(stored.lock().unwrap().is_empty());
    bench.adopt();
    bench.sign_in(&server, "bob@example.com", Some("acme"));
    bench.adopt();
    assert_eq!(bench.sync().sent, 0, "they are Alice's");
    bench.sign_in(&server, ALICE.0, ALICE.1);
    let report = bench.sync();
    assert_eq!((report.delivered, report.pending), (3, 0));
    assert_eq!(stored_ids(&stored), early);
    let event = &stored.lock().unwrap()[0];
    assert_eq!(event["team_slug"], "acme", "spliced in when sent");
}

/// An event that a slow process records as signed out, after a sign-in, lies
/// before events that are delivered long since.
#[test]
fn a_late_signed_out_event_is_not_lost_behind_a_cursor() {
    let (server, stored) = server(|_, _| None);
    let (bench, _) = ready(&server, 2);
    let project = bench.project("widgets");
    bench.sign_out();
    let late = bench.emit(&project, 1);
    bench.sign_in(&server, ALICE.0, ALICE.1);
    bench.emit(&project, 2);
    bench.sync();
    settled(&bench, (1, 4, 0, 0));
    bench.adopt();
    bench.sync();
    assert_eq!(stored_ids(&stored).last(), late.last());
    settled(&bench, (0, 5, 0, 0));
}

#[test]
fn events_wait_for_a_team_and_follow_their_account_into_it() {
    let (server, stored) = server(|_, _| None);
    let bench = Bench::new();
    bench.sign_in(&server, ALICE.0, None);
    let ids = bench.emit(&bench.project("widgets"), 2);
    assert_eq!(bench.stopped().as_deref(), Some("team"));
    assert!(server.requests().is_empty());
    bench.sign_in(&server, ALICE.0, ALICE.1);
    bench.adopt();
    bench.sync();
    assert_eq!(stored_ids(&stored), ids);
    settled(&bench, (0, 2, 0, 0));
}

#[test]
fn what_is_held_back_holds_up_nobody() {
    let (server, stored) = server(|_, _| None);
    let (bench, mut expected) = ready(&server, 2);
    bench.emit(&bench.nowhere(), 3);
    let out = bench.project("secret");
    let file = out.join(".kittify/config.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}sync:\n  enabled: false\n")).unwrap();
    let opted_out = bench.emit(&out, 4);
    expected.extend(bench.emit(&bench.project("widgets"), 1));
    let report = bench.sync();
    assert_eq!((report.delivered, report.pending), (3, 3));
    assert_eq!(report.stopped.unwrap().word(), "project");
    let stored = stored_ids(&stored);
    assert_eq!(stored, expected);
    assert!(!opted_out.iter().any(|id| stored.contains(id)));
    settled(&bench, (3, 3, 0, 0));
}

#[test]
fn one_request_carries_one_project_and_every_project_arrives() {
    let (server, stored) = server(|_, _| None);
    let bench = Bench::new();
    bench.sign_in(&server, ALICE.0, ALICE.1);
    let mut expected = BTreeSet::new();
    for _ in 0..20 {
        for name in ["one", "two", "three"] {
            expected.extend(bench.emit(&bench.project(name), 1));
        }
    }
    assert_eq!(bench.sync().delivered, 60);
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    for request in requests {
        let body = request.json();
        let events = body["events"].as_array().unwrap();
        let project = &events[0]["project_uuid"];
        assert!(events.iter().all(|event| event["project_uuid"] == *project));
    }
    let stored: BTreeSet<_> = stored_ids(&stored).into_iter().collect();
    assert_eq!(stored, expected);
    settled(&bench, (0, 60, 0, 0));
}

#[test]
fn a_project_that_the_server_does_not_take_leaves_the_others_alone() {
    let (server, stored) = server(|request, _| {
        let uuid = request.json()["events"][0]["project_uuid"].clone();
        (uuid == uuid_of("two").as_str()).then(|| {
            let refuse = |id: String| {
                json!({"event_id": id, "status": "rejected",
                       "error_category": "project_not_admitted", "error": "no"})
            };
            let results: Vec<Value> = ids_of(request).into_iter().map(refuse).collect();
            Reply::json(200, &json!({"results": results}))
        })
    });
    let bench = Bench::new();
    bench.sign_in(&server, ALICE.0, ALICE.1);
    let one = bench.emit(&bench.project("one"), 3);
    bench.emit(&bench.project("two"), 2);
    let three = bench.emit(&bench.project("three"), 3);
    let report = bench.sync();
    assert_eq!((report.delivered, report.parked), (6, 2));
    assert_eq!(report.categories().get("project-not-admitted"), Some(&2));
    assert_eq!(stored_ids(&stored), [one, three].concat());
    settled(&bench, (0, 6, 0, 2));
}

#[test]
fn two_servers_that_disagree_get_nothing() {
    let (server, stored) = server(|_, _| None);
    let (mut bench, _) = ready(&server, 2);
    bench.config.sync.server_url = ServerUrl::parse("http://127.0.0.1:9").ok();
    assert_eq!(bench.stopped().as_deref(), Some("signed-in"));
    assert!(server.requests().is_empty() && stored.lock().unwrap().is_empty());
}
