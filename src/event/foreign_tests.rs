//! What is taken in from elsewhere, and what is not.

use proptest::prelude::*;

use super::*;

const LATER: &str = r#"{"event_id": "44a34391-86d8-4159-abf1-e0b4d3abc746", "event_type": "MissionDossierSnapshotComputed", "aggregate_id": "m1", "aggregate_type": "MissionDossier", "payload": {"feature_slug": "028-x", "from_lane": "planned", "to_lane": "in_progress", "n": 1.10}, "node_id": "b805cd5cee74", "lamport_clock": 41, "causation_id": null, "timestamp": "2026-11-22T09:52:03.078339+00:00", "team_slug": "local", "project_uuid": null, "new": [1, 2]}"#;

fn refused(json: &str) -> String {
    Foreign::read(json.as_bytes()).unwrap_err().to_string()
}

fn with(lamport: &str, payload: &str) -> String {
    format!(
        r#"{{"event_id":"01M81BTPP6PS3R3G0D5WC0XV38","event_type":"X","lamport_clock":{lamport},"payload":{payload}}}"#
    )
}

#[test]
fn a_later_vocabulary_and_a_uuid_are_taken_as_they_are() {
    let event = Foreign::read(LATER.as_bytes()).unwrap();
    let header = event.header(TargetId([7; 16]), Flags::default(), 0);
    assert_eq!(header.event_id, "44a34391-86d8-4159-abf1-e0b4d3abc746");
    assert_eq!(header.event_type, "MissionDossierSnapshotComputed");
    assert_eq!(
        (header.lamport, header.timestamp_us),
        (41, 1_795_341_123_078_339)
    );
    assert_eq!(
        (header.team, header.project),
        (None, None),
        "`local` is the word for no team"
    );
    assert_eq!(header.feature, Some("028-x"));
}

#[test]
fn a_time_that_cannot_be_read_is_replaced_and_nothing_else_is() {
    let json = LATER.replace("2026-11-22T09:52:03.078339+00:00", "yesterday");
    let event = Foreign::read(json.as_bytes()).unwrap();
    assert_eq!(
        event
            .header(TargetId::SIGNED_OUT, Flags::default(), 5)
            .timestamp_us,
        5
    );
}

#[test]
fn absurd_clock_values_are_refused_by_name() {
    for value in [
        "9223372036854775808",
        "18446744073709551617",
        "-1",
        "42.5",
        "42.0",
        "4e2",
        "\"42\"",
        "null",
        "true",
        "[1]",
    ] {
        assert!(
            refused(&with(value, "{}")).starts_with("lamport_clock must be"),
            "{value}"
        );
    }
    let json = with("9223372036854775807", "{}");
    assert_eq!(
        Foreign::read(json.as_bytes()).unwrap().lamport,
        i64::MAX.unsigned_abs()
    );
}

#[test]
fn what_a_strict_reader_would_refuse_is_refused() {
    for (payload, said) in [
        (r#"{"n":NaN}"#, "not valid JSON"),
        (r#"{"n":Infinity}"#, "not valid JSON"),
        (r#"{"n":1e999}"#, "not valid JSON"),
        (r#"{"t":"\ud83d"}"#, "not valid JSON"),
        (r#"{"\udc00":1}"#, "not valid JSON"),
        (r#"{"n":18446744073709551616}"#, "64 bits"),
        (r#"{"n":[-9223372036854775809]}"#, "64 bits"),
        (r#"{"n":1,"n":2}"#, "twice"),
        ("[]", "must be a JSON object"),
    ] {
        assert!(
            refused(&with("1", payload)).contains(said),
            "{payload}: {}",
            refused(&with("1", payload))
        );
    }
    let deep = format!("{{\"n\":{}{}}}", "[".repeat(100), "]".repeat(100));
    assert!(refused(&with("1", &deep)).contains("deep"));
    let very_deep = format!("{{\"n\":{}", "[".repeat(100_000));
    assert!(Foreign::read(with("1", &very_deep).as_bytes()).is_err());
    for json in ["", "{}", "[]", "nonsense", "{\"event_id\":1}", "{\"a\":1}{"] {
        assert!(Foreign::read(json.as_bytes()).is_err(), "{json}");
    }
    assert!(Foreign::read(b"{\"event_id\":\"\xff\"}").is_err());
}

#[test]
fn long_digits_in_texts_and_fractions_are_no_huge_integers() {
    let fine = r#"{"n":18446744073709551615,"f":1.00000000000000000000000001,"e":1e30,"t":"99999999999999999999999"}"#;
    assert!(Foreign::read(with("1", fine).as_bytes()).is_ok());
}

proptest! {
    #[test]
    fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0_usize..400, byte: u8) {
        let _ = Foreign::read(&bytes);
        let mut json = LATER.as_bytes().to_vec();
        if let Some(place) = json.get_mut(at) {
            *place = byte;
        }
        if let Ok(event) = Foreign::read(&json) {
            let header = event.header(TargetId::SIGNED_OUT, Flags::default(), 0);
            let mut body = Vec::new();
            prop_assert!(crate::event::encode_body(&header, &json, &mut body).is_ok());
            let (read, stored) = crate::event::decode_body(&body).unwrap();
            prop_assert_eq!(read, header);
            prop_assert_eq!(stored, &json[..]);
        }
    }
}
