//! Queues that nobody expected: other schemas, other kinds of values, other
//! files in the place of a queue.

use rusqlite::{Connection, params};
use serde_json::{Value, json};

use super::support::{Bench, event, id, in_order, make_queue, picture, row, row_with};

/// A database that `schema` makes, with rows 1 to 30 in its `queue`.
fn strange(bench: &Bench, schema: &str) -> std::path::PathBuf {
    let path = bench.path("queue.db");
    let db = Connection::open(&path).unwrap();
    db.execute_batch(schema).unwrap();
    for n in 1..=30 {
        let row = row(n);
        let text = String::from_utf8(row.data).unwrap();
        db.execute(
            "INSERT INTO queue (id, event_id, event_type, data, timestamp, retry_count)
             VALUES (?1, ?2, 'WPStatusChanged', ?3, ?4, 2)",
            params![row.id, row.event_id, text, row.timestamp],
        )
        .unwrap();
    }
    path
}

#[test]
fn whatever_the_schema_is_every_event_comes_in() {
    const COLUMNS: &str = "id INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT UNIQUE NOT NULL,
        event_type TEXT NOT NULL, data TEXT NOT NULL, timestamp INTEGER NOT NULL,
        retry_count INTEGER DEFAULT 0";
    for (name, schema) in [
        (
            "another order",
            "CREATE TABLE queue (retry_count INTEGER, timestamp INTEGER, data TEXT,
             event_type TEXT, event_id TEXT, id INTEGER PRIMARY KEY)"
                .to_owned(),
        ),
        (
            "columns and tables of the future",
            format!(
                "CREATE TABLE queue ({COLUMNS}, coalesce_key TEXT, priority REAL DEFAULT 1.5,
                 blob BLOB); CREATE TABLE body_upload_failure_log (x); CREATE TABLE outbox (y)"
            ),
        ),
        (
            "columns in capitals",
            "CREATE TABLE Queue (ID INTEGER PRIMARY KEY, Event_Id, Event_Type, DATA, Timestamp,
             Retry_Count)"
                .to_owned(),
        ),
        (
            "generated columns",
            format!(
                "CREATE TABLE queue ({COLUMNS}, size INTEGER AS (length(data)) VIRTUAL,
                 kind TEXT AS (upper(event_type)) STORED)"
            ),
        ),
        (
            "a trigger",
            format!(
                "CREATE TABLE queue ({COLUMNS}); CREATE TABLE t(x); CREATE TRIGGER after_it
                 AFTER DELETE ON queue BEGIN DELETE FROM queue; END"
            ),
        ),
        (
            "no numbers of rows",
            "CREATE TABLE queue (id INTEGER PRIMARY KEY, event_id TEXT, event_type TEXT,
             data TEXT, timestamp INTEGER, retry_count INTEGER) WITHOUT ROWID"
                .to_owned(),
        ),
        (
            "UTF-16",
            format!("PRAGMA encoding='UTF-16'; CREATE TABLE queue ({COLUMNS})"),
        ),
        (
            "UTF-16be",
            format!("PRAGMA encoding='UTF-16be'; CREATE TABLE queue ({COLUMNS})"),
        ),
        (
            "small pages",
            format!("PRAGMA page_size=512; CREATE TABLE queue ({COLUMNS})"),
        ),
        (
            "large pages",
            format!("PRAGMA page_size=65536; CREATE TABLE queue ({COLUMNS})"),
        ),
        (
            "vacuumed",
            format!("PRAGMA auto_vacuum=FULL; CREATE TABLE queue ({COLUMNS})"),
        ),
        (
            "vacuumed at times",
            format!("PRAGMA auto_vacuum=INCREMENTAL; CREATE TABLE queue ({COLUMNS})"),
        ),
        ("strict", format!("CREATE TABLE queue ({COLUMNS}) STRICT")),
    ] {
        let bench = Bench::new();
        let path = strange(&bench, &schema);
        let before = picture(&bench.path(""));
        let ran = bench.import(&path);
        assert_eq!(ran.code, Some(0), "{name}: {ran:?}");
        assert_eq!(ran.report()["imported"], 30, "{name}");
        assert_eq!(
            bench.stored(),
            in_order((1..=30).map(row).collect()),
            "{name}"
        );
        for (path, was) in before {
            assert!(
                picture(&bench.path("")).get(&path) == Some(&was),
                "{name}: {path:?}"
            );
        }
    }
}

#[test]
fn values_of_other_kinds_are_read_where_they_are_events_and_named_where_not() {
    let bench = Bench::new();
    let path = bench.path("queue.db");
    let db = Connection::open(&path).unwrap();
    db.execute_batch(
        "CREATE TABLE queue (id INTEGER PRIMARY KEY, event_id, event_type, data, timestamp,
         retry_count)",
    )
    .unwrap();
    let insert = |n: i64, data: &dyn rusqlite::ToSql, timestamp: &str, retries: &str| {
        let sql = format!("INSERT INTO queue VALUES (?1, NULL, x'00', ?2, {timestamp}, {retries})");
        db.execute(&sql, params![n, data]).unwrap();
    };
    insert(-5, &event(1, "1", "{}"), "NULL", "NULL");
    insert(2, &event(2, "2", "{}").into_bytes(), "'soon'", "-9");
    insert(3, &event(3, "3", "{}"), "1e300", "'many'");
    insert(
        4,
        &event(4, "4", "{}"),
        "9223372036854775807",
        "9223372036854775807",
    );
    insert(5, &rusqlite::types::Null, "5", "0");
    insert(6, &17_i64, "5", "0");
    insert(7, &1.5_f64, "5", "0");
    insert(8, &"", "5", "0");
    insert(
        9,
        &format!("{}{}", event(9, "9", "{}"), " ".repeat(3_000_000)),
        "5",
        "0",
    );
    insert(
        10,
        &event(10, "10", &format!(r#"{{"t":"{}"}}"#, "x".repeat(2_000_000))),
        "5",
        "0",
    );
    insert(i64::MAX, &event(11, "11", "{}"), "5", "0");
    drop(db);
    let ran = bench.import(&path);
    assert_eq!(ran.code, Some(8), "{ran:?}");
    let report = ran.report();
    let named: Vec<&Value> = report["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| &r["row"])
        .collect();
    assert_eq!(named, [5, 6, 7, 8, 10], "{report}");
    // The blanks behind an event are no part of it.
    assert_eq!(report["imported"], 6, "{report}");
}

#[test]
fn an_id_in_two_queues_is_one_event_or_a_conflict() {
    let bench = Bench::new();
    let old = bench.path("old");
    std::fs::create_dir_all(old.join("queues")).unwrap();
    let other = event(2, "2", r#"{"other": true}"#);
    drop(make_queue(&old.join("queue.db"), &[row(1), row(2)]));
    drop(make_queue(
        &old.join("queues/queue-0123456789abcdef.db"),
        &[row(1), row_with(2, other)],
    ));
    let ran = bench.import(&old);
    let report = ran.report();
    assert_eq!(
        (ran.code, &report["imported"]),
        (Some(8), &json!(2)),
        "{report}"
    );
    assert_eq!(report["conflicts"], json!([id(2)]));
    assert_eq!(report["already_present"], 1);
}

#[test]
fn a_directory_with_hundreds_of_queues_comes_in_at_once() {
    let bench = Bench::new();
    let old = bench.path("old/queues");
    std::fs::create_dir_all(&old).unwrap();
    for n in 1..=250_u64 {
        drop(make_queue(
            &old.join(format!("queue-{n:016x}.db")),
            &[row(n)],
        ));
    }
    let report = bench.import(&bench.path("old")).ok();
    assert_eq!(report["imported"], 250);
    assert_eq!(report["sources"].as_array().unwrap().len(), 250);
    assert_eq!(bench.stored(), in_order((1..=250).map(row).collect()));
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_pipes_and_locked_files_hold_nothing_up() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let bench = Bench::new();
    let old = bench.path("old");
    std::fs::create_dir_all(old.join("queues")).unwrap();
    drop(make_queue(&bench.path("elsewhere.db"), &[row(1)]));
    symlink(bench.path("elsewhere.db"), old.join("queue.db")).unwrap();
    symlink(
        bench.path("nowhere.db"),
        old.join("queues/queue-0000000000000001.db"),
    )
    .unwrap();
    symlink(&old, old.join("queues/queue-0000000000000002.db")).unwrap();
    let pipe = old.join("queues/queue-0000000000000003.db");
    let made = std::process::Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .unwrap();
    assert!(made.success());
    let locked = old.join("queues/queue-0000000000000004.db");
    drop(make_queue(&locked, &[row(2)]));
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o000)).unwrap();
    // Who may read everything reads this, too.
    let readable = std::fs::read(&locked).is_ok();
    let report = bench.import(&old).report();
    let expected = if readable { (2, 0) } else { (1, 1) };
    assert_eq!(
        (
            report["imported"].as_u64(),
            report["refused_total"].as_u64()
        ),
        (Some(expected.0), Some(expected.1)),
        "{report}"
    );
    let ran = bench.import(&pipe);
    assert!(matches!(ran.code, Some(1 | 2 | 3 | 8)), "{ran:?}");
}

#[test]
fn what_is_encrypted_or_another_database_is_said_to_be_that() {
    let bench = Bench::new();
    let mut state = 88_172_645_463_325_252_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    })
    .take(200_000)
    .collect();
    std::fs::write(bench.path("sealed.db"), noise).unwrap();
    let other = Connection::open(bench.path("other.db")).unwrap();
    other
        .execute_batch(
            "CREATE TABLE queue (id INTEGER PRIMARY KEY, message TEXT);
                        INSERT INTO queue VALUES (1, '{\"event_id\":\"x\"}')",
        )
        .unwrap();
    drop(other);
    for (name, said) in [
        ("sealed.db", "encrypted"),
        ("other.db", "no queue of events"),
    ] {
        let ran = bench.import(&bench.path(name));
        let report = ran.report();
        assert_eq!(
            (ran.code, &report["imported"]),
            (Some(8), &json!(0)),
            "{name}"
        );
        let reason = report["refused"][0]["reason"].as_str().unwrap();
        assert!(reason.contains(said), "{name}: {reason}");
    }
}
