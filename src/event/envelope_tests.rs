//! The envelope: key order, optional parts, and a header that says the same.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::event::EntryType;
use crate::event::id::parse_ulid;
use crate::event::{
    HistoryAdded, Lane, MAX_OWN_JSON, Payload, WpStatusChanged, decode_body, validate_recorded,
    validate_wire,
};

const ID: &str = "01M81BTPP6PS3R3G0D5WC0XV38";

fn context() -> Context {
    Context {
        node_id: "b805cd5cee74".to_owned(),
        timestamp_us: 1_795_342_293_702_142,
        ..Context::default()
    }
}

fn draft() -> Draft {
    WpStatusChanged::new("WP01", Lane::Planned, Lane::Doing)
        .feature("028-x")
        .into_draft()
        .unwrap()
}

fn rendered(context: &Context) -> String {
    let id = EventId::parse(ID).unwrap();
    String::from_utf8(render(&draft(), context, &id, Lamport(3))).unwrap()
}

#[test]
fn the_keys_stand_in_the_order_of_the_original() {
    let context = Context {
        team_slug: Some("acme-corp".to_owned()),
        project_uuid: Some("44a34391-86d8-4159-abf1-e0b4d3abc746".to_owned()),
        project_slug: Some("wídgets \"2\"".to_owned()),
        git_branch: Some("main".to_owned()),
        head_commit_sha: Some("409ce863c69ac30e0cef7d21797a1f45928a0084".to_owned()),
        repo_slug: Some("acme/widgets".to_owned()),
        ..context()
    };
    assert_eq!(
        rendered(&context),
        concat!(
            r#"{"event_id":"01M81BTPP6PS3R3G0D5WC0XV38","event_type":"WPStatusChanged","#,
            r#""aggregate_id":"WP01","aggregate_type":"WorkPackage","#,
            r#""payload":{"wp_id":"WP01","previous_status":"planned","new_status":"doing","#,
            r#""changed_by":"user","feature_slug":"028-x"},"#,
            r#""node_id":"b805cd5cee74","lamport_clock":3,"causation_id":null,"#,
            r#""timestamp":"2026-11-22T10:11:33.702142+00:00","team_slug":"acme-corp","#,
            r#""project_uuid":"44a34391-86d8-4159-abf1-e0b4d3abc746","#,
            r#""project_slug":"wídgets \"2\"","git_branch":"main","#,
            r#""head_commit_sha":"409ce863c69ac30e0cef7d21797a1f45928a0084","#,
            r#""repo_slug":"acme/widgets"}"#,
        )
    );
}

#[test]
fn without_a_team_there_is_no_key_and_what_is_unknown_is_null() {
    let json = rendered(&context());
    assert!(!json.contains("team_slug"));
    assert!(json.ends_with(
        r#""project_uuid":null,"project_slug":null,"git_branch":null,"head_commit_sha":null,"repo_slug":null}"#
    ));
    validate_recorded(json.as_bytes()).unwrap();
    assert_eq!(
        validate_wire(json.as_bytes()).unwrap_err().field,
        "team_slug"
    );
}

#[test]
fn a_spliced_team_is_the_last_key_and_nothing_else_changes() {
    let json = rendered(&context());
    for team in ["acme", "a\"\\\n\u{1}é"] {
        let spliced = splice_team(json.as_bytes(), team);
        assert_eq!(spliced.len(), json.len() + spliced_team_len(team));
        assert!(spliced.starts_with(&json.as_bytes()[..json.len() - 1]));
        validate_wire(&spliced).unwrap();
        let value: Value = serde_json::from_slice(&spliced).unwrap();
        assert_eq!(value["team_slug"], team);
    }
}

#[test]
fn an_imported_event_that_says_it_has_no_team_gets_one_in_that_place() {
    for none in ["null", "\"local\"", "\"\""] {
        let json = format!(r#"{{"payload":{{"team_slug":"x"}}, "team_slug" : {none} ,"n":1.10}} "#);
        let spliced = splice_team(json.as_bytes(), "ac\"me");
        let expected = json.replace(&format!(": {none} ,"), r#": "ac\"me" ,"#);
        assert_eq!(String::from_utf8(spliced).unwrap(), expected);
    }
}

/// Found by fuzzing: an imported event that ended in a blank became no JSON.
#[test]
fn a_team_is_spliced_into_an_event_that_ends_in_blanks() {
    for blanks in [" ", "\r\n", "\t \n"] {
        let json = rendered(&context()) + blanks;
        let spliced = splice_team(json.as_bytes(), "acme");
        assert_eq!(spliced.len(), json.len() + spliced_team_len("acme"));
        validate_wire(&spliced).unwrap();
        assert!(spliced.ends_with(blanks.as_bytes()));
    }
}

#[test]
fn a_cause_is_written_into_json_and_header() {
    let cause = parse_ulid("01M81BTPNANWTPPA4TQHDBEJEJ").unwrap();
    let mut out = Vec::new();
    let id = EventId::parse(ID).unwrap();
    encode_event(
        &draft().caused_by(cause),
        &context(),
        &id,
        Lamport(u64::MAX),
        &mut out,
    )
    .unwrap();
    let (header, json) = decode_body(&out).unwrap();
    let value: Value = serde_json::from_slice(json).unwrap();
    assert_eq!(value["causation_id"], "01M81BTPNANWTPPA4TQHDBEJEJ");
    assert_eq!(header.causation_id, value["causation_id"].as_str());
    assert_eq!(value["lamport_clock"], u64::MAX);
    assert_eq!(header.lamport, u64::MAX);
}

#[test]
fn an_event_that_would_be_refused_later_is_not_written_now() {
    let nameless = Context {
        node_id: String::new(),
        ..context()
    };
    let teamless = Context {
        team_slug: Some(String::new()),
        ..context()
    };
    let id = EventId::parse(ID).unwrap();
    let mut out = b"before".to_vec();
    for (context, field) in [(nameless, "node_id"), (teamless, "team_slug")] {
        let error = encode_event(&draft(), &context, &id, Lamport(1), &mut out).unwrap_err();
        assert!(matches!(error, BodyError::Nameless { field: named } if named == field));
    }
    let long = HistoryAdded::new("WP01", EntryType::Note, "x".repeat(MAX_OWN_JSON - 300));
    let long = long.into_draft().unwrap();
    let error = encode_event(&long, &context(), &id, Lamport(1), &mut out).unwrap_err();
    assert!(matches!(error, BodyError::TooLong { bytes } if bytes > MAX_OWN_JSON));
    assert_eq!(out, b"before", "nothing half written");
}

fn text() -> impl Strategy<Value = String> {
    any::<String>()
}

proptest! {
    #[test]
    fn header_and_json_say_the_same_whatever_the_context(
        node_id in ".{1,12}", team in prop::option::of(".{1,12}"), project in prop::option::of(text()),
        names in prop::collection::vec(prop::option::of(text()), 4),
        timestamp_us: i64, lamport in 0..=i64::MAX as u64, opted_out: bool,
    ) {
        let context = Context {
            node_id,
            team_slug: team,
            project_uuid: project,
            project_slug: names[0].clone(),
            git_branch: names[1].clone(),
            head_commit_sha: names[2].clone(),
            repo_slug: names[3].clone(),
            timestamp_us,
            target: TargetId::SIGNED_OUT,
            opted_out,
        };
        let id = EventId::parse(ID).unwrap();
        let mut out = Vec::new();
        encode_event(&draft(), &context, &id, Lamport(lamport), &mut out).unwrap();
        let (header, json) = decode_body(&out).unwrap();

        prop_assert_eq!(json, render(&draft(), &context, &id, Lamport(lamport)));
        prop_assert_eq!(validate_recorded(json), Ok(()));
        prop_assert!(json.iter().all(|byte| *byte >= 0x20));
        let value: Value = serde_json::from_slice(json).unwrap();
        prop_assert_eq!(value["event_id"].as_str(), Some(header.event_id));
        prop_assert_eq!(value["event_type"].as_str(), Some(header.event_type));
        prop_assert_eq!(value["aggregate_id"].as_str(), Some(header.aggregate_id));
        prop_assert_eq!(value["aggregate_type"].as_str(), Some(header.aggregate_type));
        prop_assert_eq!(value["node_id"].as_str(), Some(header.node_id));
        prop_assert_eq!(value["lamport_clock"].as_u64(), Some(header.lamport));
        prop_assert_eq!(value.get("team_slug").and_then(Value::as_str), header.team);
        prop_assert_eq!(value["project_uuid"].as_str(), header.project);
        prop_assert_eq!(value["payload"]["feature_slug"].as_str(), header.feature);
        prop_assert_eq!(value["project_slug"].as_str(), context.project_slug.as_deref());
        prop_assert_eq!(value["git_branch"].as_str(), context.git_branch.as_deref());
        prop_assert_eq!(value["head_commit_sha"].as_str(), context.head_commit_sha.as_deref());
        prop_assert_eq!(value["repo_slug"].as_str(), context.repo_slug.as_deref());
        prop_assert_eq!(header.timestamp_us, timestamp_us);
        prop_assert_eq!(header.flags.opted_out(), opted_out);
    }
}
