//! Clock values that no honest clock has, in `clock.json` and in rows: each line
//! of what the original does with them, and what is done here.

use serde_json::json;

use super::support::{Bench, event, id, make_queue, row, row_with};

/// What an import makes of a `clock.json` with this content: exit and clock.
fn imported(content: &[u8]) -> (Option<i32>, u64) {
    let bench = Bench::new();
    bench.emit("one");
    std::fs::write(bench.path("clock.json"), content).unwrap();
    let ran = bench.import(&bench.path("clock.json"));
    let clock = ran.report()["clock"].as_u64().unwrap();
    // Whatever it was, the next event goes on from there.
    assert_eq!(bench.emit("then")["lamport_clock"], clock + 1, "{ran:?}");
    (ran.code, clock)
}

#[test]
fn a_clock_file_is_believed_when_a_clock_can_go_on_from_it() {
    for (content, clock) in [
        (
            r#"{"value": 42, "node_id": "b805cd5cee74", "updated_at": "2026-02-03T12:00:00+00:00"}"#,
            43,
        ),
        ("\u{feff}{\"value\": 42, \"node_id\": \"b805cd5cee74\"}", 43),
        (r#"{"value": 42, "node_id": "somebody else's"}"#, 43),
        (r#"{"value": 42}"#, 43),
        (r#"{"value": 0, "node_id": "b805cd5cee74"}"#, 1),
        (
            r#"{"value": 1, "later": {"a": [NULL]}}"#.replace("NULL", "null").as_str(),
            2,
        ),
    ] {
        assert_eq!(imported(content.as_bytes()), (Some(0), clock), "{content}");
    }
}

#[test]
fn every_other_clock_file_is_named_and_moves_nothing() {
    for content in [
        &b"{\"value\": 42, \"node_id\": \"b8"[..],
        b"",
        b"[]",
        b"42",
        b"\xff\xfe{\0}\0",
        b"{\"node_id\": \"b805cd5cee74\"}",
        b"{\"value\": 9223372036854775807, \"node_id\": \"b805cd5cee74\"}",
        b"{\"value\": 9223372036854775808, \"node_id\": \"b805cd5cee74\"}",
        b"{\"value\": 18446744073709551616, \"node_id\": \"b805cd5cee74\"}",
        b"{\"value\": 1e30, \"node_id\": \"b805cd5cee74\"}",
        b"{\"value\": -5}",
        b"{\"value\": 42.5}",
        b"{\"value\": 42.0}",
        b"{\"value\": true}",
        b"{\"value\": null}",
        b"{\"value\": \"42\"}",
        b"{\"value\": NaN}",
    ] {
        let text = String::from_utf8_lossy(content).into_owned();
        assert_eq!(imported(content), (Some(8), 1), "{text}");
    }
}

#[test]
fn the_clock_of_a_row_is_a_whole_number_that_a_clock_can_have_or_the_row_is_named() {
    let bench = Bench::new();
    let bad = [
        "-1",
        "42.5",
        "42.0",
        "1e3",
        "true",
        "null",
        "\"42\"",
        "[42]",
        "{}",
        "9223372036854775808",
        "18446744073709551616",
        "1e30",
    ];
    let mut rows = vec![row(1)];
    rows.extend(
        bad.iter()
            .zip(2..)
            .map(|(clock, n)| row_with(n, event(n, clock, "{}"))),
    );
    rows.push(row(90));
    drop(make_queue(&bench.path("queue.db"), &rows));
    let ran = bench.import(&bench.path("queue.db"));
    let report = ran.report();
    assert_eq!(
        (ran.code, &report["imported"]),
        (Some(8), &json!(2)),
        "{report}"
    );
    assert_eq!(report["clock"], 91);
    for (refused, (clock, n)) in report["refused"]
        .as_array()
        .unwrap()
        .iter()
        .zip(bad.iter().zip(2..))
    {
        assert_eq!(refused["row"], json!(n), "{clock}");
        let reason = refused["reason"].as_str().unwrap();
        assert!(
            reason.contains("lamport_clock") || reason.contains("64 bits"),
            "{clock}: {reason}"
        );
    }
    assert!(!ran.stdout.contains(&id(91)));
}
