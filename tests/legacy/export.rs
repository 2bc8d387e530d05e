//! Out again: to the Python tool, to lines, and back.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::support::{Bench, event, id, make_queue, row, row_with, rows_of};

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

fn payload() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!(1.5)),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn what_goes_in_comes_out_whatever_it_holds(
        payloads in prop::collection::vec((payload(), 0_u64..50), 1..12),
    ) {
        let bench = Bench::new();
        let rows: Vec<_> = payloads
            .iter()
            .zip(1..)
            .map(|((payload, lamport), n)| {
                let payload = json!({ "any": payload }).to_string();
                row_with(n, event(n, &lamport.to_string(), &payload))
            })
            .collect();
        drop(make_queue(&bench.path("queue.db"), &rows));
        prop_assert_eq!(&bench.import(&bench.path("queue.db")).ok()["imported"], rows.len());
        bench.run(&["--json", "log", "export", "--format", "sqlite", "out.db"]).ok();
        let back = rows_of(&bench.path("out.db"));
        let mut texts: Vec<_> = back.iter().map(|row| row.data.clone()).collect();
        let mut expected: Vec<_> = rows.iter().map(|row| row.data.clone()).collect();
        texts.sort();
        expected.sort();
        prop_assert_eq!(texts, expected);
    }
}
