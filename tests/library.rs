//! The functions of the library that record through the emitter of the process.
//!
//! That emitter lives as long as the process and takes its home from the
//! environment, so the test runs itself once more with an environment of its
//! own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use serde_json::Value;
use spec_kitty::emitter::{
    emit_dependency_resolved, emit_error_logged, emit_event, emit_feature_completed,
    emit_feature_created, emit_history_added, emit_wp_assigned, emit_wp_created,
    emit_wp_status_changed, generate_causation_id, get_emitter,
};
use spec_kitty::event::{
    DependencyResolved, EntryType, ErrorKind, ErrorLogged, EventId, EventType, FeatureCompleted,
    FeatureCreated, HistoryAdded, Lane, Phase, Resolution, WpAssigned, WpCreated, WpStatusChanged,
    decode_body,
};
use spec_kitty::log::read::Step;
use spec_kitty::log::reader::Reader;
use spec_kitty::log::segment::LogDir;
use spec_kitty::log::storage::Disk;
use spec_kitty::position::Seq;

/// Set in the process that does the recording.
const INSIDE: &str = "SPEC_KITTY_TEST_INSIDE";

#[test]
fn every_function_records_its_event_in_the_home_of_the_environment() {
    if std::env::var_os(INSIDE).is_some() {
        return record_one_of_each();
    }
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("project/.kittify")).unwrap();
    let this_test = "every_function_records_its_event_in_the_home_of_the_environment";
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", this_test, "--nocapture"])
        .env(INSIDE, "1")
        .env("SPEC_KITTY_HOME", dir.path().join("home"))
        .env("SPECIFY_REPO_ROOT", dir.path().join("project"))
        .env("SPEC_KITTY_LOCK_TIMEOUT", "2s")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let events = events_in(dir.path().join("home/log"));
    let types: Vec<&str> = events
        .iter()
        .map(|e| e["event_type"].as_str().unwrap())
        .collect();
    let mut expected: Vec<&str> = EventType::WORDS.to_vec();
    expected.push("HistoryAdded");
    assert_eq!(types, expected);
    let config = fs::read_to_string(dir.path().join("project/.kittify/config.yaml")).unwrap();
    for event in &events {
        let project = event["project_uuid"].as_str().unwrap();
        assert!(config.contains(project), "the project of SPECIFY_REPO_ROOT");
    }
    let causes: Vec<&Value> = events.iter().map(|event| &event["causation_id"]).collect();
    assert!(
        causes[..8]
            .iter()
            .all(|cause| *cause == causes[0] && cause.is_string())
    );
    assert_eq!(
        causes[8], &events[7]["event_id"],
        "caused by the one before"
    );
}

/// One event of every type, in the order of the schema, and one given as JSON.
fn record_one_of_each() {
    let cause = Some(generate_causation_id());
    let lanes = (Lane::Planned, Lane::Doing);
    let emissions = [
        emit_wp_status_changed(WpStatusChanged::new("WP01", lanes.0, lanes.1), cause),
        emit_wp_created(WpCreated::new("WP01", "Begin", "028-x"), cause),
        emit_wp_assigned(WpAssigned::new("WP01", "claude", Phase::Review), cause),
        emit_feature_created(FeatureCreated::new("028-x", "028", "main", 2), cause),
        emit_feature_completed(FeatureCompleted::new("028-x", 2), cause),
        emit_history_added(HistoryAdded::new("WP01", EntryType::Note, "x"), cause),
        emit_error_logged(ErrorLogged::new(ErrorKind::Runtime, "broke"), cause),
        emit_dependency_resolved(
            DependencyResolved::new("WP02", "WP01", Resolution::Completed),
            cause,
        ),
    ];
    for emission in &emissions {
        assert!(emission.is_recorded(), "{emission:?}");
    }
    let last: Option<EventId> = emissions[7].last_id().cloned();
    let payload = r#"{"wp_id":"WP01","entry_type":"note","entry_content":"by hand"}"#;
    assert!(emit_event("HistoryAdded", payload, last).is_recorded());
    assert!(!emit_event("HistoryAdded", "{}", None).is_recorded());
    assert!(get_emitter().directory().ends_with("project"));
}

fn events_in(log: PathBuf) -> Vec<Value> {
    let mut reader = Reader::new(LogDir::new(log, Arc::new(Disk)), Seq(1));
    let mut events = Vec::new();
    while let Step::Frame(item) = reader.step().unwrap() {
        let (_, json) = decode_body(item.body).unwrap();
        events.push(serde_json::from_slice(json).unwrap());
    }
    events
}
