//! The server's clock, where its answers tell it.

use serde_json::{Value, json};

use crate::commands::{run, spec_kitty};
use crate::support::Reply;
use crate::support::bench::{BATCH, Bench, ids_of, server};
use crate::{ready, settled};

/// The clock of the next event that is recorded in `bench`.
fn next_clock(bench: &Bench) -> u64 {
    let payload = r#"{"wp_id":"WP01","entry_type":"note","entry_content":"x"}"#;
    let args = ["--json", "emit", "HistoryAdded", "--payload", payload];
    let output = spec_kitty(bench, &bench.project("widgets"), &args, "");
    let receipt: Value = serde_json::from_slice(&output.stdout).unwrap();
    receipt["lamport_clock"].as_u64().unwrap()
}

/// Refused events stay as recorded and are tried again; what follows is above
/// the server's clock.
#[test]
fn a_clock_that_is_behind_moves_forward_and_nothing_recorded_changes() {
    let mut first = true;
    let (server, stored) = server(move |request, _| {
        (request.path == BATCH && std::mem::take(&mut first)).then(|| {
            let refuse = |id| {
                json!({"event_id": id, "status": "rejected", "error": "clock behind",
                       "error_category": "clock_behind", "server_clock": 5000})
            };
            let results: Vec<Value> = ids_of(request).into_iter().map(refuse).collect();
            Reply::json(200, &json!({"results": results}))
        })
    });
    let (bench, _) = ready(&server, 2);
    let (code, report, _) = run(&bench, &["sync", "now"]);
    assert_eq!((code, &report["rejected"]), (8, &json!(2)));
    assert_eq!(next_clock(&bench), 5002);
    let (code, report, _) = run(&bench, &["sync", "now"]);
    assert_eq!((code, &report["delivered"]), (0, &json!(3)));
    let clocks: Vec<_> = stored
        .lock()
        .unwrap()
        .iter()
        .map(|e| e["lamport_clock"].clone())
        .collect();
    assert_eq!(clocks, [json!(5002), json!(1), json!(2)]);
    let (code, verified, _) = run(&bench, &["log", "verify"]);
    assert_eq!((code, &verified["ok"]), (0, &json!(true)));
}

#[test]
fn a_clock_that_is_not_believed_is_told_and_moves_nothing() {
    for value in [(1_u64 << 32) + 1000, (1 << 53) - 1, u64::MAX] {
        let (server, _) = server(move |request, _| {
            let answer = |id| json!({"event_id": id, "status": "success"});
            let results: Vec<Value> = ids_of(request).into_iter().map(answer).collect();
            Some(Reply::json(
                200,
                &json!({"results": results, "server_clock": value}),
            ))
        });
        let (bench, _) = ready(&server, 2);
        let output = spec_kitty(&bench, &bench.nowhere(), &["sync", "now"], "");
        assert_eq!(output.status.code(), Some(0));
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains("too far apart to be believed"), "{told}");
        assert_eq!(next_clock(&bench), 3, "{value}");
    }
}

/// A server that insists: five refusals, then the event waits for a person, with
/// the server's reason, as it was recorded. What is recorded next is above the
/// server's clock and goes through.
#[test]
fn an_event_whose_clock_the_server_insists_on_is_parked_with_the_reason() {
    let (server, stored) = server(move |request, stored| {
        (request.path == BATCH).then(|| {
            let body = request.json();
            let mut results = Vec::new();
            for event in body["events"].as_array().unwrap() {
                let id = &event["event_id"];
                if event["lamport_clock"].as_u64() <= Some(5000) {
                    results.push(json!({"event_id": id, "status": "rejected",
                        "error": "clock 1 is behind 5000", "error_category": "clock_behind",
                        "server_clock": 5000}));
                    continue;
                }
                results.push(json!({"event_id": id, "status": "success"}));
                stored.lock().unwrap().push(event.clone());
            }
            Reply::json(200, &json!({"results": results}))
        })
    });
    let (bench, ids) = ready(&server, 1);
    for (attempt, expected) in [
        (1, (8, 1, 0)),
        (2, (8, 1, 0)),
        (3, (8, 1, 0)),
        (4, (8, 1, 0)),
        (5, (8, 0, 1)),
    ] {
        let (code, report, _) = run(&bench, &["sync", "now"]);
        let count = |key: &str| report[key].as_u64().unwrap();
        let found = (code, count("rejected"), count("parked"));
        assert_eq!(found, expected, "attempt {attempt}: {report}");
    }
    let (_, listed, _) = run(&bench, &["sync", "failures", "list"]);
    let failure = &listed["failures"][0];
    assert_eq!(failure["event_id"], ids[0].as_str(), "{listed}");
    assert_eq!(
        (&failure["state"], &failure["attempts"]),
        (&json!("parked"), &json!(5))
    );
    assert!(
        failure.to_string().contains("clock 1 is behind 5000"),
        "{listed}"
    );
    let (_, shown, _) = run(&bench, &["log", "show", &ids[0]]);
    assert_eq!(shown["lamport_clock"], 1, "as it was recorded");
    assert_eq!(next_clock(&bench), 5002);
    let (code, report, _) = run(&bench, &["sync", "now"]);
    assert_eq!((code, &report["delivered"]), (0, &json!(1)), "{report}");
    assert_eq!(stored.lock().unwrap().len(), 1);
    settled(&bench, (0, 1, 0, 1));
}
