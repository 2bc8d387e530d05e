//! What is wrong is refused and named; what is right passes, to the limit.

use super::*;
use crate::event::MAX_OWN_JSON;

const EVENT: &str = r#"{"event_id":"01M81BTPP6PS3R3G0D5WC0XV38","event_type":"HistoryAdded","aggregate_id":"WP01","aggregate_type":"WorkPackage","payload":{"wp_id":"WP01","entry_type":"note","entry_content":"x"},"node_id":"b805cd5cee74","lamport_clock":3,"timestamp":"2026-11-22T10:11:33Z","team_slug":"acme"}"#;

fn refused(json: impl AsRef<[u8]>) -> (String, Reason) {
    let invalid = validate_wire(json.as_ref()).unwrap_err();
    (invalid.field, invalid.reason)
}

/// The event with one passage replaced by another.
fn with(passage: &str, other: &str) -> String {
    assert!(EVENT.contains(passage), "{passage}");
    EVENT.replace(passage, other)
}

#[test]
fn the_field_that_is_wrong_is_named() {
    validate_wire(EVENT.as_bytes()).unwrap();
    for (passage, other, field, reason) in [
        (
            "\"WP01\",\"entry",
            "\"WP1\",\"entry",
            "payload.wp_id",
            Reason::NotWpId,
        ),
        (
            "\"entry_content\":\"x\"",
            "\"entry_content\":\"\"",
            "payload.entry_content",
            Reason::Empty,
        ),
        (
            ",\"entry_content\":\"x\"",
            "",
            "payload.entry_content",
            Reason::Missing,
        ),
        (
            "\"entry_content\":\"x\"",
            "\"entry_content\":1",
            "payload.entry_content",
            Reason::NotText,
        ),
        (
            "\"note\"",
            "\"novel\"",
            "payload.entry_type",
            Reason::NotOneOf(crate::event::EntryType::WORDS),
        ),
        (
            "\"HistoryAdded\"",
            "\"Nothing\"",
            "event_type",
            Reason::NotOneOf(EventType::WORDS),
        ),
        ("clock\":3", "clock\":-3", "lamport_clock", Reason::NotCount),
        (
            "clock\":3",
            "clock\":3.0",
            "lamport_clock",
            Reason::NotCount,
        ),
        ("10:11:33Z", "10:11:33", "timestamp", Reason::NotDateTime),
        (
            "\"team_slug\":\"acme\"",
            "\"team_slug\":null",
            "team_slug",
            Reason::NotText,
        ),
        (
            "\"event_id\":\"01",
            "\"event_id\":\"81",
            "event_id",
            Reason::NotUlid,
        ),
        (
            "\"node_id\"",
            "\"causation_id\":1,\"node_id\"",
            "causation_id",
            Reason::NotTextOrNull,
        ),
    ] {
        assert_eq!(
            refused(with(passage, other)),
            (field.to_owned(), reason),
            "{other}"
        );
    }
    let list = with(
        "{\"wp_id\":\"WP01\",\"entry_type\":\"note\",\"entry_content\":\"x\"}",
        "[]",
    );
    assert_eq!(refused(list), ("payload".to_owned(), Reason::NotObject));
}

#[test]
fn a_key_that_is_there_twice_is_refused_however_it_is_spelled() {
    for (passage, other, field) in [
        ("\"node_id\"", "\"node_id\":\"b\",\"node_id\"", "node_id"),
        (
            "\"node_id\"",
            "\"n\\u006fde_id\":\"b\",\"node_id\"",
            "node_id",
        ),
        (
            "\"node_id\"",
            "\"project_uuid\":1,\"project_uuid\":2,\"node_id\"",
            "project_uuid",
        ),
        (
            "{\"wp_id\"",
            "{\"wp_id\":\"WP02\",\"wp_id\"",
            "payload.wp_id",
        ),
        ("{\"wp_id\"", "{\"x\":1,\"x\":1,\"wp_id\"", "payload.x"),
    ] {
        assert_eq!(
            refused(with(passage, other)),
            (field.to_owned(), Reason::Duplicate)
        );
    }
    let deeper = with("{\"wp_id\"", "{\"x\":{\"y\":1,\"y\":2},\"wp_id\"");
    validate_wire(deeper.as_bytes()).unwrap();
}

#[test]
fn what_some_reader_could_not_read_is_refused() {
    for bad in [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "\"\\ud83d\"",
        "\"\\ude00\"",
        "\"\\ud83d\\u0041\"",
        "\"\t\"",
        "\"\\x\"",
        "01",
        "+1",
        "1.",
        ".5",
        "'x'",
        "tru",
        "{\"\\ud800\":1}",
        "[1,]",
        "{\"a\":1,}",
        "\"",
        "// x",
    ] {
        for (passage, other) in [
            ("\"node_id\"", format!("\"extra\":{bad},\"node_id\"")),
            ("{\"wp_id\"", format!("{{\"extra\":[{bad}],\"wp_id\"")),
        ] {
            let (field, reason) = refused(with(passage, &other));
            if bad.starts_with("\"\\ud") || bad == "1e999" {
                assert!(field.is_empty() || field == "payload");
            }
            assert!(matches!(reason, Reason::NotJson(_)), "{bad}: {reason:?}");
        }
    }
    assert!(matches!(refused("").1, Reason::NotJson(_)));
    assert!(matches!(
        refused(format!("\u{feff}{EVENT}")).1,
        Reason::NotJson(_)
    ));
    assert!(matches!(
        refused(format!("{EVENT}{EVENT}")).1,
        Reason::NotJson(_)
    ));
    assert_eq!(refused("[{}]").1, Reason::NotObject);
    assert_eq!(refused("null").1, Reason::NotObject);
}

#[test]
fn bytes_that_are_not_utf8_are_refused_with_their_place() {
    let mut bytes = EVENT.as_bytes().to_vec();
    let at = EVENT.find("acme").unwrap();
    bytes[at] = 0xFF;
    assert_eq!(refused(bytes).1, Reason::NotUtf8 { valid_bytes: at });
}

#[test]
fn nesting_is_allowed_down_to_the_limit_and_no_deeper() {
    let nested = |levels: usize, open: &str, close: &str| {
        let value = format!("{}1{}", open.repeat(levels), close.repeat(levels));
        [
            (
                MAX_DEPTH - 1,
                with("\"node_id\"", &format!("\"x\":{value},\"node_id\"")),
            ),
            (
                MAX_DEPTH - 2,
                with("{\"wp_id\"", &format!("{{\"x\":{value},\"wp_id\"")),
            ),
        ]
    };
    for (open, close) in [("[", "]"), ("{\"y\":", "}")] {
        for levels in [
            1,
            MAX_DEPTH - 2,
            MAX_DEPTH - 1,
            MAX_DEPTH,
            127,
            128,
            100_000,
        ] {
            for (deepest, json) in nested(levels, open, close) {
                if levels <= deepest {
                    validate_wire(json.as_bytes()).unwrap();
                } else {
                    assert_eq!(refused(json).1, Reason::TooDeep, "{levels}");
                }
            }
        }
    }
}

#[test]
fn an_event_of_ours_may_be_so_long_and_an_imported_one_twice_that() {
    let padded = |bytes: usize| {
        let text = "x".repeat(bytes - EVENT.len() + 1);
        with("\"x\"", &format!("\"{text}\""))
    };
    let (own, imported) = (padded(MAX_OWN_JSON), padded(MAX_IMPORTED_JSON));
    assert_eq!(own.len(), MAX_OWN_JSON);
    validate_recorded(own.as_bytes()).unwrap();
    validate_wire(imported.as_bytes()).unwrap();
    let longer = Reason::TooLong {
        bytes: MAX_OWN_JSON + 1,
        max: MAX_OWN_JSON,
    };
    let invalid = validate_recorded(padded(MAX_OWN_JSON + 1).as_bytes()).unwrap_err();
    assert_eq!(invalid.reason, longer);
    assert!(validate_wire(padded(MAX_IMPORTED_JSON + 1).as_bytes()).is_err());
}

#[test]
fn only_the_recorded_form_does_without_a_team() {
    let json = with(",\"team_slug\":\"acme\"", "");
    validate_recorded(json.as_bytes()).unwrap();
    assert_eq!(refused(&json), ("team_slug".to_owned(), Reason::Missing));
    let empty = with("\"acme\"", "\"\"");
    assert_eq!(
        validate_recorded(empty.as_bytes()).unwrap_err().reason,
        Reason::Empty
    );
}

#[test]
fn the_message_names_the_field_and_never_the_value() {
    let json = with("\"WP01\",\"entry", "\"secret\",\"entry");
    let invalid = validate_wire(json.as_bytes()).unwrap_err();
    assert_eq!(
        invalid.to_string(),
        "payload.wp_id must be WP and two digits, such as WP01"
    );
    let key = "k".repeat(100_000);
    let json = with(
        "\"node_id\"",
        &format!("\"{key}\":1,\"{key}\":1,\"node_id\""),
    );
    assert!(refused(json).0.chars().count() < 80, "a hostile key is cut");
}
