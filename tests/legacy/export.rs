//! Out again: to the Python tool, to lines, and back.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::support::{Bench, event, id, in_order, make_queue, row, row_with, rows_of};

#[test]
fn lines_that_were_exported_come_back_as_the_same_events() {
    let bench = Bench::new();
    let path = bench.path("queue.db");
    drop(make_queue(&path, &(1..=30).map(row).collect::<Vec<_>>()));
    bench.import(&path).ok();
    bench.emit("one of our own");
    let report = bench.run(&["--json", "log", "export", "out.ndjson"]).ok();
    assert_eq!(report["events"], 31);
    let back = bench
        .run_in("back", &["--json", "log", "import", "out.ndjson"])
        .ok();
    assert_eq!(back["imported"], 31);
    assert_eq!(bench.stored_in("back"), bench.stored());
    let again = bench.import(&bench.path("out.ndjson")).ok();
    assert_eq!(again["already_present"], 31);
}

#[test]
fn a_queue_for_the_original_holds_what_waits_and_comes_back_as_the_same_events() {
    let bench = Bench::new();
    drop(make_queue(&bench.path("old.db"), &[row(1), row(2)]));
    bench.import(&bench.path("old.db")).ok();
    bench.emit("one of our own");
    let report = bench
        .run(&["--json", "log", "export", "--format", "sqlite", "queue.db"])
        .ok();
    assert_eq!(report["events"], 3);
    let rows = rows_of(&bench.path("queue.db"));
    let data: Vec<Value> = rows
        .iter()
        .map(|row| serde_json::from_slice(&row.data).unwrap())
        .collect();
    assert_eq!(rows[0].data, row(1).data, "byte for byte");
    assert_eq!(
        data[2]["team_slug"], "local",
        "as the original queues what has no team"
    );
    let again = bench
        .run(&["--json", "log", "export", "--format", "sqlite", "queue.db"])
        .ok();
    assert_eq!(
        (&again["events"], &again["already_present"]),
        (&json!(0), &json!(3))
    );
    assert_eq!(
        bench.import(&bench.path("queue.db")).ok()["already_present"],
        3
    );
    let back = bench
        .run_in("back", &["--json", "log", "import", "queue.db"])
        .ok();
    assert_eq!(back["imported"], 3);
}

#[test]
fn filters_choose_what_is_exported() {
    let bench = Bench::new();
    drop(make_queue(
        &bench.path("old.db"),
        &(1..=9).map(row).collect::<Vec<_>>(),
    ));
    bench.import(&bench.path("old.db")).ok();
    let count = |arguments: &[&str]| {
        let all = [&["log", "export"], arguments].concat();
        bench.run(&all).stdout.lines().count()
    };
    assert_eq!(count(&["--lamport", "3..5"]), 3);
    assert_eq!(count(&["--wp", "WP02"]), 0);
    assert_eq!(count(&["--limit", "2"]), 2);
    assert_eq!(count(&["--after", &id(7)]), 2);
}

#[test]
fn a_clock_file_is_raised_and_never_lowered() {
    let bench = Bench::new();
    bench.emit("one");
    let export = || {
        bench
            .run(&["--json", "log", "export", "--format", "clock", "clock.json"])
            .ok()["clock"]
            .clone()
    };
    assert_eq!(export(), 1);
    std::fs::write(
        bench.path("clock.json"),
        "{\"value\": 90, \"node_id\": \"b805cd5cee74\"}",
    )
    .unwrap();
    let before = std::fs::read(bench.path("clock.json")).unwrap();
    assert_eq!(export(), 90);
    assert_eq!(std::fs::read(bench.path("clock.json")).unwrap(), before);
    assert_eq!(bench.import(&bench.path("clock.json")).ok()["clock"], 91);
    bench.emit("two");
    assert_eq!(export(), 92);
}

#[test]
fn an_export_needs_a_place_and_leaves_other_files_alone() {
    let bench = Bench::new();
    assert_eq!(
        bench.run(&["log", "export", "--format", "sqlite"]).code,
        Some(2)
    );
    std::fs::write(bench.path("x.db"), "something else").unwrap();
    let ran = bench.run(&["log", "export", "--format", "sqlite", "x.db"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(
        std::fs::read(bench.path("x.db")).unwrap(),
        b"something else"
    );
}

/// Types of today and of later, ours and others.
const TYPES: [&str; 11] = [
    "WPStatusChanged",
    "WPCreated",
    "WPAssigned",
    "FeatureCreated",
    "FeatureCompleted",
    "HistoryAdded",
    "ErrorLogged",
    "DependencyResolved",
    "MissionDossierArtifactIndexed",
    "MissionDossierSnapshotComputed",
    "SomethingFromTheFuture",
];

/// Numbers as they may be spelled.
const NUMBERS: [&str; 9] = [
    "18446744073709551615",
    "-9223372036854775808",
    "1.10",
    "1e2",
    "-0",
    "0.1000000000000000055511151231257827",
    "-1E-7",
    "100000000000000000000.5",
    "0",
];

/// A text as JSON, with everything beyond ASCII escaped or not.
fn text_json() -> impl Strategy<Value = String> {
    (any::<String>(), any::<bool>()).prop_map(|(text, escape)| {
        let json = Value::from(text).to_string();
        if !escape {
            return json;
        }
        let units = json.encode_utf16().map(|unit| match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() => char::from(byte).to_string(),
            _ => format!("\\u{unit:04x}"),
        });
        units.collect()
    })
}

/// Any JSON, spelled in many ways.
fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        prop::sample::select(&NUMBERS[..]).prop_map(str::to_owned),
        any::<i64>().prop_map(|number| number.to_string()),
        text_json(),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|all| format!("[{}]", all.join(" , "))),
            prop::collection::btree_map("[a-z]{1,6}", inner, 0..4).prop_map(|members| {
                let members = members
                    .iter()
                    .map(|(key, value)| format!("\"{key}\" :{value}"));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    /// Queue, log, lines, log, queue, log: the same bytes everywhere.
    #[test]
    fn out_and_in_again_is_the_same_whatever_it_holds(
        events in prop::collection::vec(
            (prop::sample::select(&TYPES[..]), any_json(), any_json(), 0_u64..50, any::<bool>()),
            1..12,
        ),
    ) {
        let bench = Bench::new();
        let rows: Vec<_> = (1..)
            .zip(&events)
            .map(|(n, (event_type, payload, unknown, lamport, is_uuid))| {
                let text = event(n, &lamport.to_string(), &format!("{{\"any\": {payload}}}"))
                    .replace("WPStatusChanged", event_type)
                    .replace("[1.10, ", &format!("[{unknown}, "));
                let uuid = format!("44a34391-86d8-4159-abf1-e0b4d3ab{n:04x}");
                row_with(n, if *is_uuid { text.replace(&id(n), &uuid) } else { text })
            })
            .collect();
        drop(make_queue(&bench.path("queue.db"), &rows));
        prop_assert_eq!(&bench.import(&bench.path("queue.db")).ok()["imported"], rows.len());
        prop_assert_eq!(bench.stored(), in_order(rows.clone()));
        bench.run(&["--json", "log", "export", "out.ndjson"]).ok();
        bench.run_in("two", &["--json", "log", "import", "out.ndjson"]).ok();
        prop_assert_eq!(bench.stored_in("two"), bench.stored());
        bench.run_in("two", &["--json", "log", "export", "--format", "sqlite", "out.db"]).ok();
        let back: Vec<_> = rows_of(&bench.path("out.db")).into_iter().map(|row| row.data).collect();
        let expected: Vec<_> = in_order(rows).into_iter().map(String::into_bytes).collect();
        prop_assert_eq!(back, expected);
        bench.run_in("three", &["--json", "log", "import", "out.db"]).ok();
        prop_assert_eq!(bench.stored_in("three"), bench.stored());
    }
}
