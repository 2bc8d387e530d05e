//! The fuzz targets on stable: every checked-in input of every target, through
//! the very functions that libFuzzer calls (`fuzz/src/`). An input that once
//! broke something stays in the corpus and is tried here for ever.
//!
//! The seeds are made of the golden segments and of a few events, so that they
//! cannot fall behind the format:
//! `SPEC_KITTY_WRITE_CORPUS=1 cargo test --test fuzz_corpus`.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::Once;

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

use fuzz::TARGETS;
use spec_kitty::event::{Draft, EventType};

const HEADER_BYTES: usize = 1024;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn golden(segment: u32) -> Vec<u8> {
    fs::read(root().join(format!("tests/golden/log-v1/{segment:010}.seg"))).unwrap()
}

fn segment_id(segment: &[u8]) -> &[u8] {
    &segment[24..40]
}

/// The first frame of a golden segment.
fn first_frame(segment: &[u8]) -> &[u8] {
    let frames = &segment[HEADER_BYTES..];
    let body = u32::from_le_bytes(frames[8..12].try_into().unwrap());
    &frames[..body as usize + 40]
}

const PAYLOADS: &[&str] = &[
    r#"{"wp_id":"WP01","previous_status":"planned","new_status":"doing","changed_by":"claude","feature_slug":"028-demo"}"#,
    r#"{"wp_id":"WP01","title":"Lay the foundations","dependencies":["WP00"],"feature_slug":"028-demo"}"#,
    r#"{"wp_id":"WP01","agent_id":"claude","phase":"implementation","retry_count":0}"#,
    r#"{"feature_slug":"028-demo","feature_number":"028","target_branch":"main","wp_count":4}"#,
    r#"{"feature_slug":"028-demo","completed_at":"2026-02-03T12:00:00Z","total_wps":4}"#,
    r#"{ "wp_id" : "WP01", "entry_type" : "note", "entry_content" : "begun \ud83d\udc08", "author" : "user" }"#,
    r#"{"error_type":"runtime","error_message":"it broke","stack_trace":null}"#,
    r#"{"wp_id":"WP02","dependency_wp_id":"WP01","resolution_type":"completed"}"#,
];

const RESULTS: &str = r#"{"results":[{"event_id":"01KGHD00000000000000000001","status":"success"},{"event_id":"01KGHD00000000000000000002","status":"rejected","error":"no","error_category":"schema_mismatch","retryable":false},{"event_id":"not-a-ulid","status":"duplicate"}]}"#;

const DETAILS: &str = r#"{"error":"bad","details":[{"event_id":"01KGHD00000000000000000002","index":1,"error":"no"}]}"#;

const LIMITS: &str = r#"{"error":"sync_batch_too_large","limits":{"max_events_per_batch":100,"max_decompressed_bytes_per_batch":65536}}"#;

const WORK_PACKAGE: &str = "---
work_package_id: \"WP01\"
title: 'Lay the foundations'
lane: planned  # where it stands
dependencies: []
agent: \"\"
history:
- timestamp: \"2026-02-03T12:00:00Z\"
  lane: planned
---
# WP01

## Review Feedback

*none*

---

## Activity Log

- 2026-02-03T12:00:00Z – system – lane=planned – Prompt created
";

const TASKS: &str = "# Tasks

## Work Package WP01: Lay the foundations
- [x] T001 Dig
- [ ] T002 Pour

```md
- [ ] T009 an example
```

### WP02 - Build
* [ ] T003 Build
";

/// The seeds of a target: names and bytes.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let (one, two) = (golden(1), golden(2));
    let named = |name: &str, parts: &[&[u8]]| (name.to_owned(), parts.concat());
    match target {
        "frame_decode" => vec![
            named("golden", &[&[0], segment_id(&one), first_frame(&one)]),
            named("mended", &[&[1], &[7; 16], first_frame(&two)]),
        ],
        "header_decode" => vec![
            named("golden", &[&[0], &one[..HEADER_BYTES]]),
            named("mended", &[&[1], &two[..HEADER_BYTES / 2]]),
        ],
        "segment_scan" => {
            let frames = &one[HEADER_BYTES..];
            let numbers: [&[u8]; 2] = [&9_u64.to_le_bytes(), &1_u16.to_le_bytes()];
            let [last, first] = numbers;
            let torn = &frames[..frames.len() - 20];
            vec![
                named("open", &[&[0], last, first, segment_id(&one), frames]),
                named("final", &[&[2], last, first, segment_id(&one), frames]),
                named("mended", &[&[1], last, first, &[7; 16], frames]),
                named("torn", &[&[0], last, first, segment_id(&one), torn]),
            ]
        }
        "event_body" => {
            let frame = first_frame(&one);
            let body = &frame[32..frame.len() - 8];
            let json = body.iter().position(|byte| *byte == b'{').unwrap();
            vec![named("golden", &[body]), named("json", &[&body[json..]])]
        }
        "draft_json" => {
            let payloads = PAYLOADS.iter().enumerate();
            payloads
                .map(|(index, text)| {
                    (
                        format!("type-{index}"),
                        [&[index as u8], text.as_bytes()].concat(),
                    )
                })
                .collect()
        }
        "reader_dir" => vec![
            named("one", &[&[1, 0, 0, 3, 9, 0, 5, 0, 2, 0, 0]]),
            named("three", &[&[1], &[0, 0, 2, 9, 0, 5, 0, 0].repeat(3)]),
            named(
                "damaged",
                &[&[1], &[0, 0, 2, 60, 0, 5, 0, 1, 0x10, 0x04, 8].repeat(3)],
            ),
            named(
                "skewed",
                &[
                    &[0],
                    &[0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 2, 9, 0, 5, 1, 0].repeat(2),
                ],
            ),
            named("raw", &[&[1, 129], &(two.len() as u16).to_le_bytes(), &two]),
        ],
        "batch_response" => {
            let answer = |status: u16, retry: &str, body: &str| {
                let head = [&[0], &status.to_le_bytes()[..], &[retry.len() as u8]].concat();
                [&head, retry.as_bytes(), body.as_bytes()].concat()
            };
            vec![
                ("results".to_owned(), answer(200, "", RESULTS)),
                ("details".to_owned(), answer(400, "", DETAILS)),
                ("limits".to_owned(), answer(413, "", LIMITS)),
                (
                    "wait".to_owned(),
                    answer(429, "Sun, 06 Nov 1994 08:49:37 GMT", "{}"),
                ),
                ("html".to_owned(), answer(503, "120", "<html>later</html>")),
            ]
        }
        "server_frame" => {
            let refused = r#"{"type":"error","event_id":"A","status":"rejected","error":"no","error_category":"schema_mismatch","retryable":false}"#;
            let snapshot =
                r#"{"type":"snapshot","lamport_clock":4,"work_packages":[{"lamport_clock":9},7]}"#;
            vec![
                named("snapshot", &[snapshot.as_bytes()]),
                named(
                    "event",
                    &[br#"{"type":"event","lamport_clock":7,"server_clock":8}"#],
                ),
                named("ping", &[br#"{"type":"ping","timestamp":1.50}"#]),
                named(
                    "ack",
                    &[br#"{"type":"ack","event_id":"A","status":"accepted"}"#],
                ),
                named("error", &[refused.as_bytes()]),
            ]
        }
        "import" => {
            let queue = fs::read(
                root().join("tests/fixtures/python-home/queues/queue-v1-028-vocabulary.db"),
            )
            .unwrap();
            let lines =
                fs::read(root().join("tests/fixtures/python-home/examples/events.jsonl")).unwrap();
            let clock = br#"{"value": 42, "node_id": "b805cd5cee74"}"#;
            vec![
                named("queue", &[&[0], &queue]),
                named("headless", &[&[2], &[0; 100], &queue[100..]]),
                named("cut", &[&[2], &queue[..queue.len() / 2]]),
                named("lines", &[&[1], &lines]),
                named("clock", &[&[3], clock]),
                named("scope", &[&[0], b"https://a.org|alice|acme"]),
            ]
        }
        "front_matter" => vec![
            named("plain", &[&[5], b"doing", WORK_PACKAGE.as_bytes()]),
            named(
                "crlf",
                &[&[4], b"a: b", WORK_PACKAGE.replace('\n', "\r\n").as_bytes()],
            ),
        ],
        "task_files" => vec![
            named("work-package", &[&[5], b"begun", WORK_PACKAGE.as_bytes()]),
            named("tasks", &[&[0], TASKS.as_bytes()]),
        ],
        other => panic!("{other} has no seeds"),
    }
}

/// Where the inputs of a target are; the seeds are written first when asked for.
fn corpus(target: &str) -> PathBuf {
    static WRITTEN: Once = Once::new();
    let corpora = root().join("fuzz/corpus");
    if std::env::var_os("SPEC_KITTY_WRITE_CORPUS").is_some() {
        WRITTEN.call_once(|| {
            for (target, _) in TARGETS {
                let dir = corpora.join(target);
                fs::create_dir_all(&dir).unwrap();
                for (name, bytes) in seeds(target) {
                    fs::write(dir.join(format!("seed-{name}")), bytes).unwrap();
                }
            }
        });
    }
    corpora.join(target)
}

fn inputs(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(corpus(target)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

#[test]
fn every_checked_in_input_keeps_the_promises() {
    let mut broken = Vec::new();
    for (target, run) in TARGETS {
        for (path, input) in inputs(target) {
            if catch_unwind(|| run(&input)).is_err() {
                broken.push(path.display().to_string());
            }
        }
    }
    assert!(
        broken.is_empty(),
        "these inputs break a promise: {broken:#?}"
    );
}

#[test]
fn the_seeds_are_what_the_format_says_today() {
    for (target, _) in TARGETS {
        for (name, bytes) in seeds(target) {
            let path = corpus(target).join(format!("seed-{name}"));
            let stored = fs::read(&path).unwrap_or_default();
            assert!(stored == bytes, "{} is not up to date", path.display());
        }
    }
}

#[test]
fn the_payloads_among_the_seeds_are_accepted() {
    for (event_type, payload) in EventType::ALL.iter().zip(PAYLOADS) {
        let draft = Draft::from_json(event_type.as_str(), payload, None);
        assert!(draft.is_ok(), "{}: {draft:?}", event_type.as_str());
    }
}

/// A target that is not in all three places is not fuzzed, or not replayed.
#[test]
fn every_target_has_its_program_its_manifest_entry_and_its_corpus() {
    let listed: BTreeSet<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let programs: BTreeSet<_> = fs::read_dir(root().join("fuzz/fuzz_targets"))
        .unwrap()
        .map(|entry| {
            entry
                .unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(listed, programs);
    let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    let manifest: toml_edit::DocumentMut = manifest.parse().unwrap();
    let binaries = manifest["bin"].as_array_of_tables().unwrap();
    let entries: BTreeSet<_> = binaries
        .iter()
        .map(|table| table["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(listed, entries);
    let corpora: BTreeSet<_> = fs::read_dir(root().join("fuzz/corpus"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(listed, corpora);
}

/// Every program calls the function of its own name.
#[test]
fn every_program_runs_its_own_target() {
    for (name, _) in TARGETS {
        let program = root().join(format!("fuzz/fuzz_targets/{name}.rs"));
        let text = fs::read_to_string(program).unwrap();
        assert!(
            text.contains(&format!("spec_kitty_fuzz::{name}::run")),
            "{name}"
        );
    }
}
