//! The batch route: what is stored, what is refused, and why.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::*;

#[test]
fn an_event_is_stored_once_exactly_as_it_came() {
    let bench = bench();
    let odd = event(1).to_string().replace("\"WP01\"", " \"WP01\" ");
    let text = format!("{{\"events\":[{odd},\n{}]}}", event(2));
    assert_eq!(bench.send_text("demo", &text).status(), 200);
    assert_eq!(
        bench.statuses(&[event(1), event(2)]),
        ["duplicate", "duplicate"]
    );
    let file = std::fs::read_to_string(bench.dir.path().join("events.ndjson")).unwrap();
    assert_eq!(file, format!("{odd}\n{}\n", event(2)));
}

#[test]
fn an_id_stands_for_one_content_for_ever() {
    let bench = bench();
    let changed = with(1, "node_id", json!("another"));
    assert_eq!(
        bench.statuses(&[event(1), changed.clone()]),
        ["success", "rejected"]
    );
    let response = body(&bench.send(&[changed]));
    assert_eq!(response["results"][0]["error_category"], "conflict");
    assert_eq!(response["results"][0]["retryable"], false);
    assert_eq!(bench.stored(), [event(1)]);
    assert_eq!(
        bench.statuses(&[event(2), event(2)]),
        ["success", "duplicate"]
    );
}

#[test]
fn a_bad_event_is_refused_with_its_field_and_its_neighbours_are_stored() {
    let bench = bench();
    let mut bad = event(2);
    bad["payload"]["wp_id"] = json!("WP1");
    let no_project = with(3, "project_uuid", Value::Null);
    let response = body(&bench.send(&[event(1), bad, no_project, event(4)]));
    let results = response["results"].as_array().unwrap();
    let words: Vec<_> = results
        .iter()
        .map(|r| r["status"].as_str().unwrap())
        .collect();
    assert_eq!(words, ["success", "rejected", "rejected", "success"]);
    let why = results[1]["error_message"].as_str().unwrap();
    assert!(why.contains("payload.wp_id"), "{why}");
    assert_eq!(results[1]["error_category"], "schema_mismatch");
    assert_eq!(results[2]["error_category"], "project_not_admitted");
    assert_eq!(bench.stored(), [event(1), event(4)]);
}

#[test]
fn events_of_another_team_are_forbidden_and_nothing_of_the_batch_is_stored() {
    let bench = bench();
    let foreign = with(2, "team_slug", json!("other-team"));
    let response = bench.send(&[event(1), foreign]);
    assert_eq!(response.status(), 403);
    let why = body(&response)["error"].as_str().unwrap().to_owned();
    assert!(
        why.starts_with("Insufficient permissions for team 'other-team'"),
        "{why}"
    );
    let text = json!({"events": [event(1)]}).to_string();
    assert_eq!(bench.send_text("loner", &text).status(), 403);
    assert!(bench.stored().is_empty());
}

#[test]
fn a_project_belongs_to_the_team_that_brought_it() {
    let bench = bench();
    assert_eq!(bench.statuses(&[event(1)]), ["success"]);
    let other = with(2, "team_slug", json!("other-team"));
    let response = bench.send_text("other", &json!({"events": [other]}).to_string());
    assert_eq!(
        body(&response)["results"][0]["error_category"],
        "project_not_admitted"
    );
}

#[test]
fn batches_that_cannot_be_answered_per_event_are_refused_as_a_whole() {
    let bench = bench();
    let refusal = |text: &str| {
        let response = bench.send_text("demo", text);
        (response.status(), body(&response))
    };
    assert_eq!(refusal(r#"{"events":[]}"#).1["error"], "No events provided");
    assert_eq!(refusal("{}").1["error"], "No events provided");
    for text in [
        "",
        "[]",
        "null",
        r#"{"events":null}"#,
        "{\"events\":[NaN]}",
        "{\"events\":[",
    ] {
        assert_eq!(refusal(text).0, 400, "{text}");
    }
    let many: Vec<_> = (0..1001).map(event).collect();
    let (status, why) = refusal(&json!({"events": many}).to_string());
    assert_eq!(
        (status, &why["error"]),
        (400, &json!("Max 1000 events per batch"))
    );
    let (status, why) = refusal(&json!({"events": [event(1), {"event_id": 7}]}).to_string());
    assert_eq!(status, 400);
    assert_eq!(why["details"][0]["index"], 1);
    assert!(bench.stored().is_empty());
}

#[test]
fn the_byte_limit_is_on_the_plain_body_and_says_what_it_is() {
    let bench = bench();
    let bearer = format!("Bearer {}", bench.access("demo"));
    let gzip = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let send = |plain: &[u8]| {
        let request = post("/api/v1/events/batch/", gzip(plain))
            .with_header("Content-Encoding", "gzip")
            .with_header("Authorization", &bearer);
        bench.service.handle(&request, at(1))
    };
    let mut text = json!({"events": [event(1)]}).to_string().into_bytes();
    text.resize(1_048_576, b' ');
    assert_eq!(send(&text).status(), 200);
    text.push(b' ');
    let response = send(&text);
    assert_eq!(response.status(), 413);
    let why = body(&response);
    assert_eq!(why["error_code"], "sync_batch_too_large");
    assert_eq!(why["limits"]["max_decompressed_bytes_per_batch"], 1_048_576);
}

#[test]
fn what_is_not_gzipped_json_is_told_so() {
    let bench = bench();
    let bearer = format!("Bearer {}", bench.access("demo"));
    let send = |kind: &str, coding: &str| {
        let request = Request::new("POST", "/api/v1/events/batch/")
            .with_header("Content-Type", kind)
            .with_header("Content-Encoding", coding)
            .with_header("Authorization", &bearer)
            .with_body("{}");
        bench.service.handle(&request, at(1)).status()
    };
    assert_eq!(send("text/plain", "identity"), 415);
    assert_eq!(send("application/json", "br"), 415);
    assert_eq!(send("application/json", "gzip"), 400);
}

/// A valid event, damaged in one place or not at all.
fn damaged_event() -> impl Strategy<Value = String> {
    let keys = prop::sample::select(vec![
        "event_id",
        "event_type",
        "payload",
        "team_slug",
        "lamport_clock",
        "project_uuid",
        "unknown",
    ]);
    let values = prop::sample::select(vec![
        "null",
        "7",
        "-1",
        "\"\"",
        "\"\\u0000\"",
        "[]",
        "{}",
        "1e999",
        "\"\\ud83d\"",
        "NaN",
    ]);
    (0_u64..4, keys, values, any::<bool>()).prop_map(|(n, key, value, whole)| {
        if whole {
            event(n).to_string()
        } else {
            let mut damaged = event(n);
            damaged[key] = json!("@@");
            damaged.to_string().replace("\"@@\"", value)
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_sent_the_file_stays_readable_and_each_id_is_there_once(
        batches in prop::collection::vec(prop::collection::vec(damaged_event(), 0..5), 1..5),
    ) {
        let bench = bench();
        for batch in &batches {
            let text = format!("{{\"events\":[{}]}}", batch.join(","));
            let status = bench.send_text("demo", &text).status();
            prop_assert!([200, 400, 403].contains(&status), "{status} for {text}");
        }
        let stored = bench.stored();
        let mut ids: Vec<_> = stored.iter().map(|event| event["event_id"].to_string()).collect();
        ids.sort();
        ids.dedup();
        prop_assert_eq!(ids.len(), stored.len());
        drop(bench.service);
        prop_assert!(Store::open(&bench.dir.path().join("events.ndjson")).is_ok());
    }
}
