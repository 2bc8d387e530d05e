//! What is saved of what is broken, and that the rest is named.

use serde_json::{Value, json};

use super::support::{
    Bench, all_fixtures, event, id, in_order, make_queue, row, row_with, small_fixtures,
};

/// The rows that a report refuses, with their reasons.
fn refused(report: &Value) -> Vec<(Value, String)> {
    let refused = report["refused"].as_array().unwrap();
    refused
        .iter()
        .map(|one| {
            (
                one["row"].clone(),
                one["reason"].as_str().unwrap().to_owned(),
            )
        })
        .collect()
}

#[test]
fn each_bad_row_is_named_and_every_good_one_is_saved() {
    let bench = Bench::new();
    let path = bench.path("queue.db");
    let bad: [(&str, String); 9] = [
        ("JSON", "not json".to_owned()),
        ("JSON", event(0, "1", r#"{"n": NaN}"#)),
        ("JSON", event(0, "1", r#"{"n": -Infinity}"#)),
        ("JSON", event(0, "1", r#"{"t": "\ud83d"}"#)),
        ("64 bits", event(0, "1", r#"{"n": 18446744073709551617}"#)),
        ("lamport_clock", event(0, "18446744073709551617", "{}")),
        ("lamport_clock", event(0, "-3", "{}")),
        ("lamport_clock", event(0, "\"42\"", "{}")),
        ("event_id", "{\"payload\": {}}".to_owned()),
    ];
    let mut rows = vec![row(1)];
    rows.extend(
        bad.iter()
            .zip(10..)
            .map(|((_, data), n)| row_with(n, data.replace(&id(0), &id(n)))),
    );
    rows.push(row(2));
    rows[10].id = 2;
    drop(make_queue(&path, &rows));
    let ran = bench.import(&path);
    assert_eq!(ran.code, Some(8), "{ran:?}");
    let report = ran.report();
    assert_eq!(report["imported"], 2);
    let refused = refused(&report);
    assert_eq!(refused.len(), bad.len());
    for (((said, data), n), (row, reason)) in bad.iter().zip(10..).zip(&refused) {
        assert_eq!(*row, json!(n));
        assert!(reason.contains(said), "{data}: {reason}");
    }
    let aside = std::fs::read_to_string(bench.path("home/import-aside.ndjson")).unwrap();
    let kept: Vec<Value> = aside
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(kept.len(), bad.len());
    assert_eq!(kept[0]["data"], "not json");
}

#[test]
fn bytes_that_are_no_text_are_kept_as_bytes() {
    let bench = Bench::new();
    drop(make_queue(
        &bench.path("queue.db"),
        &[row_with(1, b"{\"a\":\"\xff\xfe\"}".to_vec()), row(2)],
    ));
    let ran = bench.import(&bench.path("queue.db"));
    assert_eq!((ran.code, &ran.report()["imported"]), (Some(8), &json!(1)));
    let aside = std::fs::read_to_string(bench.path("home/import-aside.ndjson")).unwrap();
    assert!(
        aside.contains("\"data_hex\":\"7b2261223a22fffe227d\""),
        "{aside}"
    );
}

#[test]
fn a_damaged_page_costs_its_rows_and_no_others() {
    const PAGE: usize = 4096;
    let bench = Bench::new();
    let path = bench.path("queue.db");
    let rows: Vec<_> = (1..=200).map(row).collect();
    drop(make_queue(&path, &rows));
    let whole = std::fs::read(&path).unwrap();
    let mut saved_somewhere = false;
    for page in 1..whole.len() / PAGE {
        let mut bytes = whole.clone();
        bytes[page * PAGE..page * PAGE + 600].fill(0xA5);
        std::fs::write(&path, &bytes).unwrap();
        let home = format!("home-{page}");
        let ran = bench.run_in(&home, &["--json", "log", "import", "queue.db"]);
        let report = ran.report();
        let imported = report["imported"].as_u64().unwrap();
        assert!(imported <= 200);
        let told = report["refused_total"].as_u64().unwrap();
        assert_eq!(ran.code, Some(if told == 0 { 0 } else { 8 }), "page {page}");
        assert!(told > 0 || imported == 200, "page {page}: {ran:?}");
        // Only a page of rows costs rows; the root above them costs none.
        assert!(imported > 150, "page {page}: {ran:?}");
        saved_somewhere |= (150..200).contains(&imported);
        for stored in bench.stored_in(&home) {
            assert!(
                rows.iter().any(|row| row.data == stored.as_bytes()),
                "page {page}: {stored}"
            );
        }
    }
    assert!(saved_somewhere);
}

#[test]
fn a_queue_that_was_cut_off_gives_what_is_left() {
    let bench = Bench::new();
    let path = bench.path("queue.db");
    drop(make_queue(&path, &(1..=200).map(row).collect::<Vec<_>>()));
    let whole = std::fs::read(&path).unwrap();
    for percent in [0, 1, 20, 60, 99] {
        std::fs::write(&path, &whole[..whole.len() * percent / 100]).unwrap();
        let home = format!("home-{percent}");
        let ran = bench.run_in(&home, &["--json", "log", "import", "queue.db"]);
        assert_eq!(ran.code, Some(8), "{percent} %: {ran:?}");
        let imported = ran.report()["imported"].as_u64().unwrap();
        assert!(percent < 60 || imported > 50, "{percent} %: {imported}");
    }
}

#[test]
fn a_lost_header_costs_no_row() {
    let bench = Bench::new();
    let path = bench.path("queue.db");
    drop(make_queue(&path, &(1..=50).map(row).collect::<Vec<_>>()));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[..100].fill(0);
    std::fs::write(&path, &bytes).unwrap();
    let ran = bench.import(&path);
    assert_eq!((ran.code, &ran.report()["imported"]), (Some(8), &json!(50)));
    assert_eq!(
        std::fs::read(&path).unwrap(),
        bytes,
        "only the copy is repaired"
    );
}

/// Imports `bytes` as a queue into a home of their own, and returns the report.
fn import_bytes(bench: &Bench, home: &str, bytes: &[u8]) -> Value {
    std::fs::write(bench.path("queue.db"), bytes).unwrap();
    let ran = bench.run_in(home, &["--json", "log", "import", "queue.db"]);
    assert_eq!(ran.code, Some(8), "{home}: {ran:?}");
    assert_eq!(std::fs::read(bench.path("queue.db")).unwrap(), bytes);
    ran.report()
}

#[test]
fn rows_under_a_lost_schema_or_root_are_saved_and_told() {
    const PAGE: usize = 4096;
    let bench = Bench::new();
    let path = bench.path("queue.db");
    let rows: Vec<_> = (1..=200).map(row).collect();
    let db = make_queue(&path, &rows);
    let root: u32 = db
        .query_row(
            "SELECT rootpage FROM sqlite_schema WHERE name='queue'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    let root = root as usize;
    drop(db);
    let whole = std::fs::read(&path).unwrap();
    let lost = |name: &str, from: usize, to: usize, value: u8| {
        let mut bytes = whole.clone();
        bytes[from..to].fill(value);
        (name.to_owned(), bytes)
    };
    for (name, bytes) in [
        lost("page-1", 0, PAGE, 0),
        lost("page-1-garbled", 0, PAGE, 0xA5),
        lost("schema", 100, PAGE, 0x5A),
        lost("root", (root - 1) * PAGE, root * PAGE, 0x5A),
        lost("both", 0, root * PAGE, 0x11),
    ] {
        let report = import_bytes(&bench, &name, &bytes);
        assert_eq!(report["imported"], 200, "{name}: {report}");
        assert_eq!(report["recovered"][0]["row"], "1..200", "{name}: {report}");
        assert_eq!(report["sources"][0]["recovered"], 200, "{name}");
        assert_eq!(bench.stored_in(&name), in_order(rows.clone()), "{name}");
        // Repeated, nothing is new and the damage is told again.
        let again = import_bytes(&bench, &name, &bytes);
        assert_eq!(
            (&again["imported"], &again["already_present"]),
            (&json!(0), &json!(200))
        );
    }
    // The fields of the header that SQLite would refuse.
    for (name, from, to) in [("sizes", 16, 24), ("formats", 40, 60)] {
        let (name, bytes) = lost(name, from, to, 0xEE);
        let report = import_bytes(&bench, &name, &bytes);
        assert_eq!(report["imported"], 200, "{name}: {report}");
    }
}

#[test]
fn what_was_deleted_does_not_come_back_with_the_damage() {
    let bench = Bench::new();
    let path = bench.path("queue.db");
    let db = make_queue(&path, &(1..=200).map(row).collect::<Vec<_>>());
    db.execute_batch("DELETE FROM queue WHERE id <= 150")
        .unwrap();
    drop(db);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[..4096].fill(0);
    let report = import_bytes(&bench, "home", &bytes);
    assert_eq!(report["recovered"][0]["row"], "151..200", "{report}");
    assert_eq!(report["imported"], 50);
}

#[test]
fn a_saved_row_that_is_no_event_is_refused_by_name() {
    let bench = Bench::new();
    let path = bench.path("queue.db");
    let mut rows: Vec<_> = (1..=20).map(row).collect();
    rows[4].data = b"{\"event_id\": NaN}".to_vec();
    rows[6].event_id = id(999);
    drop(make_queue(&path, &rows));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[..4096].fill(0);
    let report = import_bytes(&bench, "home", &bytes);
    assert_eq!(report["imported"], 18);
    let refused = refused(&report);
    let named: Vec<_> = refused.iter().filter(|(row, _)| row.is_number()).collect();
    assert_eq!(
        (&named[0].0, &named[1].0),
        (&json!(5), &json!(7)),
        "{report}"
    );
    assert!(named[1].1.contains("different ids"), "{report}");
}

#[test]
fn what_is_no_queue_is_said_to_be_none() {
    let bench = Bench::new();
    let other = rusqlite::Connection::open(bench.path("other.db")).unwrap();
    other
        .execute_batch("CREATE TABLE t(x); CREATE VIEW queue AS SELECT 1 AS data")
        .unwrap();
    drop(other);
    std::fs::write(bench.path("html.db"), "<html>").unwrap();
    std::fs::write(bench.path("empty.db"), "").unwrap();
    for (name, said) in [
        ("other.db", "no queue of events"),
        ("html.db", "no SQLite database"),
        ("empty.db", "empty"),
    ] {
        let ran = bench.import(&bench.path(name));
        assert_eq!(ran.code, Some(8), "{ran:?}");
        assert!(refused(&ran.report())[0].1.contains(said), "{ran:?}");
    }
    assert_eq!(bench.import(&bench.path("missing.db")).code, Some(3));
    assert_eq!(bench.import(&bench.path("")).code, Some(3));
}

#[test]
fn lines_that_are_no_events_are_named_by_their_number() {
    let bench = Bench::new();
    let long = "x".repeat(2 * 1024 * 1024);
    let text = format!(
        "{}\n\n{{\n{long}\n{}",
        event(1, "1", "{}"),
        event(2, "2", "{}")
    );
    std::fs::write(bench.path("events.ndjson"), text).unwrap();
    let ran = bench.import(&bench.path("events.ndjson"));
    assert_eq!((ran.code, &ran.report()["imported"]), (Some(8), &json!(2)));
    let rows: Vec<_> = refused(&ran.report())
        .into_iter()
        .map(|(row, _)| row)
        .collect();
    assert_eq!(rows, [json!(3), json!(4)]);
}

#[test]
fn no_file_that_is_damaged_anyhow_makes_it_panic() {
    let bench = Bench::new();
    let small = std::fs::read(small_fixtures().join("queues/queue-v1-028-vocabulary.db")).unwrap();
    let path = bench.path("queue.db");
    // A cheap sequence of numbers, the same every time.
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    for round in 0..40 {
        let mut bytes = small.clone();
        for _ in 0..1 + round % 8 {
            let at = random() % bytes.len();
            let end = (at + random() % 64).min(bytes.len());
            let value = random() as u8;
            bytes[at..end].fill(value);
        }
        std::fs::write(&path, &bytes).unwrap();
        let ran = bench.run(&["--json", "log", "import", "--dry-run", "queue.db"]);
        assert!(matches!(ran.code, Some(0 | 8)), "round {round}: {ran:?}");
    }
}

#[test]
fn the_damaged_fixtures_give_what_they_hold() {
    let Some(fixtures) = all_fixtures() else {
        return;
    };
    for (name, imported) in [
        ("queue-corrupt-header", 201),
        ("queue-truncated-60pct", 105),
        ("queue-not-sqlite", 0),
        ("queue-zero-bytes", 0),
    ] {
        let bench = Bench::new();
        let path = bench.path("queue.db");
        std::fs::write(
            &path,
            std::fs::read(fixtures.join(format!("queues/{name}.db"))).unwrap(),
        )
        .unwrap();
        let ran = bench.import(&path);
        assert_eq!(
            (ran.code, &ran.report()["imported"]),
            (Some(8), &json!(imported)),
            "{name}: {ran:?}"
        );
    }
    for entry in std::fs::read_dir(fixtures.join("clock")).unwrap() {
        let bench = Bench::new();
        let path = bench.path("clock.json");
        let entry = entry.unwrap();
        std::fs::write(&path, std::fs::read(entry.path()).unwrap()).unwrap();
        let ran = bench.import(&path);
        assert!(
            matches!(ran.code, Some(0 | 8)),
            "{}: {ran:?}",
            entry.path().display()
        );
        assert!(ran.report()["clock"].as_u64().unwrap() <= 43);
    }
}

#[test]
fn a_queue_that_cannot_be_opened_does_not_keep_the_others_out() {
    let bench = Bench::new();
    let old = bench.path("old");
    std::fs::create_dir_all(old.join("queues")).unwrap();
    drop(make_queue(&old.join("queue.db"), &[row(1)]));
    std::fs::write(old.join("queues/queue-0123456789abcdef.db"), "torn").unwrap();
    std::fs::write(old.join("clock.json"), "[]").unwrap();
    let ran = bench.import(&old);
    let report = ran.report();
    assert_eq!(
        (ran.code, &report["imported"]),
        (Some(8), &json!(1)),
        "{ran:?}"
    );
    assert_eq!(report["refused_total"], 2);
}
