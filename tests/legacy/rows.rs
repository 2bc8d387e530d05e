//! What is imported, in what order, how often, and whose it is.

use serde_json::json;

use super::support::{
    Bench, QueueRow, all_fixtures, copy_tree, event, fill, id, in_order, make_queue, picture, row,
    row_with, rows_of, small_fixtures,
};

#[test]
fn events_come_by_their_clock_then_by_the_queue_and_byte_for_byte() {
    let bench = Bench::new();
    let path = bench.path("queue.db");
    let mut rows: Vec<_> = (1..=40).map(row).collect();
    // The original coalesces: a row keeps its place and gets a later event.
    rows[3].data = event(4, "99", r#"{"n": 1e2, "t": "\u00e9\ud83d\udc08"}"#).into_bytes();
    rows[7].timestamp += 5;
    rows[8].data = event(9, "8", "{}").into_bytes();
    drop(make_queue(&path, &rows));
    let report = bench.import(&path).ok();
    assert_eq!(report["imported"], 40);
    assert_eq!(report["clock"], 100);
    assert_eq!(bench.stored(), in_order(rows));
    assert_eq!(bench.emit("after")["lamport_clock"], 101);
}

#[test]
fn importing_twice_adds_nothing_and_not_even_a_clock_value() {
    let bench = Bench::new();
    let path = bench.path("queue.db");
    drop(make_queue(&path, &[row(1), row(2)]));
    let first = bench.import(&path).ok();
    let log = picture(&bench.path("home/log"));
    let second = bench.import(&path).ok();
    assert_eq!(
        (&second["imported"], &second["already_present"]),
        (&json!(0), &json!(2))
    );
    assert_eq!(second["clock"], first["clock"]);
    assert_eq!(picture(&bench.path("home/log")), log);
}

#[test]
fn a_dry_run_says_the_same_and_writes_nothing() {
    let bench = Bench::new();
    let path = bench.path("queue.db");
    drop(make_queue(&path, &[row(1), row_with(2, "nonsense")]));
    let planned = bench.run(&["--json", "log", "import", "--dry-run", "queue.db"]);
    assert_eq!(planned.code, Some(8));
    assert!(!bench.path("home").exists());
    let done = bench.import(&path).report();
    for key in [
        "imported",
        "already_present",
        "refused_total",
        "conflicts",
        "clock",
    ] {
        assert_eq!(planned.report()[key], done[key], "{key}");
    }
}

#[test]
fn another_event_of_a_known_id_is_reported_and_kept_aside() {
    let bench = Bench::new();
    let (one, two) = (bench.path("queue.db"), bench.path("other.db"));
    drop(make_queue(&one, &[row(1), row(2)]));
    let other = event(2, "2", r#"{"changed": true}"#);
    drop(make_queue(
        &two,
        &[row(1), row_with(2, other.clone()), row(3)],
    ));
    bench.import(&one).ok();
    for _ in 0..2 {
        let ran = bench.import(&two);
        assert_eq!(ran.code, Some(8), "{ran:?}");
        assert_eq!(ran.report()["conflicts"], json!([id(2)]));
    }
    assert_eq!(bench.stored().len(), 3);
    assert!(!bench.stored().contains(&other));
    let aside = std::fs::read_to_string(bench.path("home/import-aside.ndjson")).unwrap();
    assert_eq!(aside.lines().count(), 1, "{aside}");
    let kept: serde_json::Value = serde_json::from_str(&aside).unwrap();
    assert_eq!(kept["data"], json!(other));
}

#[test]
fn whitespace_escapes_and_order_of_keys_make_no_other_event() {
    let bench = Bench::new();
    std::fs::write(
        bench.path("a.ndjson"),
        "{\"event_id\":\"a\",\"event_type\":\"X\",\"lamport_clock\":1,\"payload\":{\"t\":\"\\u00e9\"}}\n",
    )
    .unwrap();
    std::fs::write(
        bench.path("b.ndjson"),
        "{\"lamport_clock\": 1, \"payload\": {\"t\": \"é\"}, \"event_type\": \"X\", \"event_id\": \"a\"}\n",
    )
    .unwrap();
    bench.import(&bench.path("a.ndjson")).ok();
    assert_eq!(
        bench.import(&bench.path("b.ndjson")).ok()["already_present"],
        1
    );
}

#[test]
fn a_whole_home_comes_in_one_call_and_each_queue_goes_to_its_account() {
    let bench = Bench::new();
    let old = bench.path(".spec-kitty");
    copy_tree(&small_fixtures().join("home-logged-in/.spec-kitty"), &old);
    let before = picture(&old);
    let report = bench.import(&old).ok();
    assert_eq!(picture(&old), before, "the original was touched");
    assert_eq!(
        (&report["imported"], &report["clock"]),
        (&json!(42), &json!(6017))
    );
    let accounts: Vec<_> = report["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|source| source["account"].clone())
        .collect();
    let alice = "https://spec-kitty-dev.fly.dev|alice@example.com|acme-corp";
    assert_eq!(accounts, [json!(alice), json!(null), json!(null)]);
    let mut rows = rows_of(&old.join("queue.db"));
    rows.extend(rows_of(&old.join("queues/queue-272b48816140535c.db")));
    assert_eq!(bench.stored(), in_order(rows));
    // Here the old home and the new one are two; most often they are one.
    let again = bench
        .run_in(".spec-kitty", &["--json", "log", "import", ".spec-kitty"])
        .ok();
    assert_eq!(again["imported"], 42);
    let status = bench.run_in(".spec-kitty", &["--json", "sync", "status"]);
    let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(status["pending"], 42);
}

#[test]
fn a_queue_of_an_unknown_account_is_nobody_elses() {
    let bench = Bench::new();
    let path = bench.path("queue-0123456789abcdef.db");
    drop(make_queue(&path, &[row(1)]));
    let report = bench.import(&path).ok();
    assert_eq!(report["sources"][0]["account_known"], false);
    let status = bench.run(&["--json", "sync", "status"]);
    assert!(status.stdout.contains("\"pending\":1"), "{status:?}");
}

#[test]
fn the_first_schema_and_uuids_and_later_words_are_kept_as_they_are() {
    let bench = Bench::new();
    let path = bench.path("v1.db");
    let uuid = "44a34391-86d8-4159-abf1-e0b4d3abc746";
    let data = event(
        1,
        "7",
        r#"{"artifact_key": "spec.md", "feature_slug": "028-x"}"#,
    )
    .replace(&id(1), uuid)
    .replace("WPStatusChanged", "MissionDossierArtifactIndexed");
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch("CREATE TABLE queue (id INTEGER PRIMARY KEY, event_id TEXT, event_type TEXT, data TEXT, timestamp INTEGER)")
        .unwrap();
    db.execute("INSERT INTO queue VALUES (1, 'x', 'y', ?1, 5)", [&data])
        .unwrap();
    drop(db);
    assert_eq!(bench.import(&path).ok()["imported"], 1);
    assert_eq!(bench.stored(), [data]);
    let found = bench.run(&[
        "log",
        "tail",
        "--type",
        "missiondossierartifactindexed",
        "--feature",
        "028",
    ]);
    assert_eq!(found.stdout.lines().count(), 1, "{found:?}");
}

#[test]
fn a_clock_file_raises_the_clock_and_an_absurd_one_does_not() {
    let bench = Bench::new();
    let clock = bench.path("clock.json");
    let import = |value: &str| {
        std::fs::write(
            &clock,
            format!("{{\"value\": {value}, \"node_id\": \"b805cd5cee74\"}}"),
        )
        .unwrap();
        bench.import(&clock)
    };
    assert_eq!(import("42").ok()["clock"], 43);
    for absurd in [
        "9223372036854775807",
        "18446744073709551616",
        "1e30",
        "-5",
        "42.5",
        "true",
        "null",
        "\"42\"",
        "9007199254740991",
        "1000000000000",
    ] {
        let ran = import(absurd);
        assert_eq!(ran.code, Some(8), "{absurd}");
        assert_eq!(ran.report()["clock"], 43, "{absurd}");
    }
    assert_eq!(import("10").ok()["clock"], 43);
    assert_eq!(bench.emit("then")["lamport_clock"], 44);
}

#[test]
fn an_absurd_clock_of_an_event_does_not_move_ours() {
    let bench = Bench::new();
    let path = bench.path("queue.db");
    let far = event(2, "9223372036854775807", "{}");
    drop(make_queue(&path, &[row(1), row_with(2, far.clone())]));
    let ran = bench.import(&path);
    assert_eq!(
        ran.ok()["beyond"],
        json!({"events": 1, "highest": i64::MAX})
    );
    assert_eq!(ran.report()["clock"], 2);
    assert_eq!(bench.stored()[1], far);
    assert_eq!(bench.emit("then")["lamport_clock"], 3);
}

#[test]
fn the_clock_of_the_home_counts_also_when_only_a_queue_is_imported() {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.path("home")).unwrap();
    std::fs::write(
        bench.path("home/clock.json"),
        "{\"value\": 500, \"node_id\": \"b805cd5cee74\"}",
    )
    .unwrap();
    drop(make_queue(&bench.path("queue.db"), &[row(1)]));
    assert_eq!(bench.import(&bench.path("queue.db")).ok()["clock"], 501);
}

#[test]
fn a_queue_in_use_is_read_as_it_was_committed() {
    let bench = Bench::new();
    let path = bench.path("queue.db");
    let db = make_queue(&path, &[row(1), row(2)]);
    db.execute_batch("BEGIN IMMEDIATE; DELETE FROM queue WHERE id = 1")
        .unwrap();
    assert_eq!(bench.import(&path).ok()["imported"], 2);
    db.execute_batch("COMMIT").unwrap();
    fill(&db, &[row(3)]);
    assert_eq!(bench.import(&path).ok()["imported"], 1);
}

#[test]
fn a_write_ahead_log_that_was_not_taken_in_is_read() {
    let bench = Bench::new();
    let path = bench.path("queue.db");
    let db = make_queue(&path, &[row(1)]);
    db.execute_batch("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0")
        .unwrap();
    fill(&db, &[row(2), row(3)]);
    let old = bench.path("old");
    std::fs::create_dir_all(&old).unwrap();
    for suffix in ["", "-wal"] {
        std::fs::copy(
            bench.path(&format!("queue.db{suffix}")),
            old.join(format!("queue.db{suffix}")),
        )
        .unwrap();
    }
    let before = picture(&old);
    assert_eq!(bench.import(&old.join("queue.db")).ok()["imported"], 3);
    assert_eq!(picture(&old), before);
}

#[test]
fn another_homes_log_is_imported_with_its_recipients() {
    let bench = Bench::new();
    for text in ["one", "two"] {
        let payload = format!(r#"{{"wp_id":"WP01","entry_type":"note","entry_content":"{text}"}}"#);
        bench.run_in("other", &["emit", "HistoryAdded", "--payload", &payload]);
    }
    let report = bench.import(&bench.path("other")).ok();
    assert_eq!(
        (&report["imported"], &report["clock"]),
        (&json!(2), &json!(3))
    );
    assert_eq!(bench.stored(), bench.stored_in("other"));
    assert_eq!(
        bench.import(&bench.path("other/log")).ok()["already_present"],
        2
    );
    let own = bench.import(&bench.path("home"));
    assert_eq!(
        own.code,
        Some(3),
        "its own log is nothing to import: {own:?}"
    );
}

#[test]
fn every_fixture_comes_in_row_by_row() {
    let Some(fixtures) = all_fixtures() else {
        return;
    };
    for name in [
        "queue-201",
        "queue-retry-spread",
        "queue-body-uploads",
        "queue-evicted-cap50",
        "queue-v1-no-coalesce",
        "queue-v1-028-vocabulary",
        "queue-no-project-uuid",
        "queue-empty",
        "queue-5000-all-types",
    ] {
        let bench = Bench::new();
        let path = bench.path("queue.db");
        std::fs::write(
            &path,
            std::fs::read(fixtures.join(format!("queues/{name}.db"))).unwrap(),
        )
        .unwrap();
        let rows: Vec<QueueRow> = rows_of(&path);
        let report = bench.import(&path).ok();
        assert_eq!(report["imported"], rows.len(), "{name}");
        assert_eq!(bench.stored(), in_order(rows), "{name}");
    }
    for (name, expected) in [("wal", 70), ("hot-journal", 300)] {
        let bench = Bench::new();
        copy_tree(&fixtures.join("queues").join(name), &bench.path("q"));
        let before = picture(&bench.path("q"));
        let report = bench.import(&bench.path("q/queue.db")).ok();
        assert_eq!(report["imported"], expected, "{name}");
        assert_eq!(picture(&bench.path("q")), before, "{name}");
        // SQLite recovers the copy by itself, and is believed.
        assert_eq!(
            bench.stored(),
            in_order(rows_of(&bench.path("q/queue.db"))),
            "{name}"
        );
    }
}

#[test]
fn retry_counts_come_along_and_go_back() {
    let bench = Bench::new();
    let path = bench.path("queue.db");
    let mut rows = vec![row(1), row(2), row(3)];
    rows[1].retry_count = 4;
    rows[2].retry_count = 1000;
    drop(make_queue(&path, &rows));
    bench.import(&path).ok();
    let tail = bench.run(&["--json", "log", "tail", "-n", "all"]);
    let attempts: Vec<_> = tail
        .stdout
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["local"]["attempts"].clone()
        })
        .collect();
    assert_eq!(attempts, [json!(0), json!(4), json!(31)]);
    bench
        .run(&["--json", "log", "export", "--format", "sqlite", "back.db"])
        .ok();
    let back: Vec<_> = rows_of(&bench.path("back.db"))
        .iter()
        .map(|row| row.retry_count)
        .collect();
    assert_eq!(back, [0, 4, 31]);
}
