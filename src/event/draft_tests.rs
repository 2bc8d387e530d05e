//! What makes a draft, and what is refused before it becomes one.

use super::*;
use crate::event::{
    DependencyResolved, EntryType, ErrorKind, ErrorLogged, FeatureCompleted, FeatureCreated,
    HistoryAdded, Lane, Payload, Phase, Resolution, WpAssigned, WpCreated, WpStatusChanged,
};

fn refused(event_type: &str, payload: &str) -> (String, Reason) {
    let invalid = Draft::from_json(event_type, payload, None).unwrap_err();
    (invalid.field, invalid.reason)
}

fn about(draft: Result<Draft, Invalid>) -> (AggregateType, String, Option<String>) {
    let draft = draft.unwrap();
    let feature = draft.feature().map(str::to_owned);
    (draft.aggregate_type(), draft.aggregate_id, feature)
}

#[test]
fn every_builder_makes_a_draft_about_the_right_thing() {
    use AggregateType::{Feature, WorkPackage};
    let wp = |feature: Option<&str>| (WorkPackage, "WP01".to_owned(), feature.map(str::to_owned));
    let whole = |slug: &str| (Feature, slug.to_owned(), Some(slug.to_owned()));

    let moved = WpStatusChanged::new("WP01", Lane::Planned, Lane::Doing).changed_by("claude");
    assert_eq!(about(moved.clone().into_draft()), wp(None));
    assert_eq!(
        about(moved.feature("028-x").into_draft()),
        wp(Some("028-x"))
    );
    let created = WpCreated::new("WP01", "Factory", "028-x").dependencies(["WP02", "WP03"]);
    assert_eq!(about(created.into_draft()), wp(Some("028-x")));
    let assigned = WpAssigned::new("WP01", "claude", Phase::Review).retry_count(2);
    assert_eq!(about(assigned.feature("f").into_draft()), wp(Some("f")));
    let begun = FeatureCreated::new("028-x", "028", "main", 7).created_at("2026-02-03T12:00:00Z");
    assert_eq!(about(begun.into_draft()), whole("028-x"));
    let ended = FeatureCompleted::new("028-x", 7)
        .completed_at("2026-02-04T13:54:11Z")
        .total_duration("PT26H");
    assert_eq!(about(ended.into_draft()), whole("028-x"));
    let line = HistoryAdded::new("WP01", EntryType::Note, "begun").author("codex");
    assert_eq!(about(line.feature("f").into_draft()), wp(Some("f")));
    let error = ErrorLogged::new(ErrorKind::Runtime, "failed").wp_id("WP01");
    let error = error.agent_id("claude").stack_trace("at").feature("f");
    assert_eq!(about(error.try_into()), wp(Some("f")));
    let resolved = DependencyResolved::new("WP01", "WP02", Resolution::Merged).feature("f");
    assert_eq!(about(resolved.try_into()), wp(Some("f")));
}

#[test]
fn an_error_of_no_work_package_is_about_error() {
    let nothing = (AggregateType::Feature, "error".to_owned(), None);
    let payloads = [
        r#"{"error_type":"auth","error_message":"x"}"#,
        r#"{"error_type":"auth","error_message":"x","wp_id":null}"#,
        r#"{"error_type":"auth","error_message":"x","wp_id":""}"#,
    ];
    for payload in payloads {
        assert_eq!(
            about(Draft::from_json("ErrorLogged", payload, None)),
            nothing
        );
    }
}

#[test]
fn what_is_not_known_is_left_out() {
    let draft = ErrorLogged::new(ErrorKind::Unknown, "x")
        .into_draft()
        .unwrap();
    assert_eq!(
        draft.payload(),
        r#"{"error_type":"unknown","error_message":"x"}"#
    );
}

#[test]
fn a_builder_is_held_to_the_schema_too() {
    let invalid = WpStatusChanged::new("WP1", Lane::Planned, Lane::Done).into_draft();
    let invalid = invalid.unwrap_err();
    assert_eq!(
        (invalid.field.as_str(), invalid.reason),
        ("payload.wp_id", Reason::NotWpId)
    );
}

#[test]
fn numbers_and_unknown_keys_survive_byte_for_byte() {
    let kept = r#"{"wp_id":"WP01","entry_type":"note","entry_content":"\u0041 é \/ ","big":123456789012345678901234567890,"n":[1.0,1e2,-0,1.50],"dup":{"a":1,"a":2}}"#;
    let spaced = kept
        .replace(",\"", " ,\r\n\t\"")
        .replace("{\"wp", " { \"wp");
    for payload in [kept, spaced.as_str()] {
        let draft = Draft::from_json("HistoryAdded", payload, None).unwrap();
        assert_eq!(draft.payload(), kept);
    }
}

#[test]
fn a_mistyped_event_type_is_answered_with_the_one_that_was_meant() {
    let meant = |typed| refused(typed, "{}").1;
    assert_eq!(
        meant("WPStatusChange"),
        Reason::UnknownType(Some(EventType::WpStatusChanged))
    );
    assert_eq!(
        meant("history-added"),
        Reason::UnknownType(Some(EventType::HistoryAdded))
    );
    assert_eq!(
        meant("MissionDossierSnapshotComputed"),
        Reason::UnknownType(None)
    );
    let text = Draft::from_json("WPCreate", "{}", None)
        .unwrap_err()
        .to_string();
    assert_eq!(text, "event_type is not known; did you mean WPCreated?");
}

#[test]
fn a_cause_must_be_a_ulid() {
    let payload = r#"{"error_type":"auth","error_message":"x"}"#;
    let given = |cause| Draft::from_json("ErrorLogged", payload, Some(cause));
    let uuid = EventId::parse("44a34391-86d8-4159-abf1-e0b4d3abc746").unwrap();
    let invalid = given(uuid).unwrap_err();
    assert_eq!(
        (invalid.field.as_str(), invalid.reason),
        ("causation_id", Reason::NotUlid)
    );
    let ulid = EventId::parse("01M81BTPNANWTPPA4TQHDBEJEJ").unwrap();
    assert_eq!(given(ulid.clone()).unwrap().causation_id(), ulid.ulid());
}

#[test]
fn what_stands_in_the_header_is_bounded() {
    let long = "x".repeat(MAX_ID_BYTES + 1);
    let too_long = |field: &str| {
        let bytes = long.len();
        (
            field.to_owned(),
            Reason::TooLong {
                bytes,
                max: MAX_ID_BYTES,
            },
        )
    };
    let error = format!(r#"{{"error_type":"auth","error_message":"x","wp_id":"{long}"}}"#);
    assert_eq!(refused("ErrorLogged", &error), too_long("payload.wp_id"));
    let feature = format!(r#"{{"wp_id":"WP01","title":"x","feature_slug":"{long}"}}"#);
    assert_eq!(
        refused("WPCreated", &feature),
        too_long("payload.feature_slug")
    );
    let nameless = r#"{"feature_slug":"","total_wps":1}"#;
    let empty = ("payload.feature_slug".to_owned(), Reason::Empty);
    assert_eq!(refused("FeatureCompleted", nameless), empty);
}

#[test]
fn an_oversized_payload_is_refused_before_it_is_read() {
    let payload = " ".repeat(MAX_OWN_JSON + 1);
    let (field, reason) = refused("WPCreated", &payload);
    assert_eq!(field, "payload");
    assert!(matches!(
        reason,
        Reason::TooLong {
            max: MAX_OWN_JSON,
            ..
        }
    ));
}
