//! What the pages give is what SQLite wrote, and never what it deleted.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use rusqlite::{Connection, params};

use super::*;

/// The rows that the pages give, by number, and what was broken.
fn found(path: &Path) -> (BTreeMap<i64, Vec<u8>>, Vec<String>) {
    let (mut rows, mut broken) = (BTreeMap::new(), Vec::new());
    let done: Result<(), ()> = salvage(path, &mut |found| {
        match found {
            Found::Row(row) => drop(rows.insert(row.id, row.data.unwrap().to_vec())),
            Found::Broken(place, why) => broken.push(format!("{place}: {why}")),
        }
        Ok(())
    });
    done.unwrap();
    (rows, broken)
}

fn event(n: i64, filler: usize) -> String {
    format!(r#"{{"event_id":"e{n}","text":"{}"}}"#, "é".repeat(filler))
}

const TABLE: &str = "CREATE TABLE queue (id INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT UNIQUE NOT NULL, event_type TEXT NOT NULL, data TEXT NOT NULL,
    timestamp INTEGER NOT NULL, retry_count INTEGER DEFAULT 0, coalesce_key TEXT);
    CREATE TABLE other (id INTEGER PRIMARY KEY, a TEXT, b TEXT, c TEXT, d TEXT);";

fn insert(db: &Connection, n: i64, data: &str) {
    db.execute(
        "INSERT INTO queue (id, event_id, event_type, data, timestamp, retry_count)
         VALUES (?1, ?2, 'WPCreated', ?3, ?4, ?1 % 7)",
        params![n, format!("e{n}"), data, 1_770_000_000 + n],
    )
    .unwrap();
    db.execute(
        "INSERT INTO other (a, b, c, d) VALUES ('x', 'y', '{}', ?1)",
        [data],
    )
    .unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn without_its_first_page_every_row_is_found(
        size in 0_u32..8,
        encoding in prop_oneof![Just("UTF-8"), Just("UTF-16le"), Just("UTF-16be")],
        vacuum in 0..2,
        fillers in prop::collection::vec(prop_oneof![0_usize..60, 0_usize..30_000], 30..60),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("queue.db");
        let db = Connection::open(&path).unwrap();
        let page_bytes = 512 << size;
        db.execute_batch(&format!(
            "PRAGMA page_size={page_bytes}; PRAGMA encoding='{encoding}';
             PRAGMA auto_vacuum={vacuum}; {TABLE} BEGIN"
        )).unwrap();
        let rows: BTreeMap<i64, Vec<u8>> = (1..)
            .zip(fillers)
            .map(|(n, filler)| (n * 3, event(n * 3, filler).into_bytes()))
            .collect();
        for (n, data) in &rows {
            insert(&db, *n, std::str::from_utf8(data).unwrap());
        }
        db.execute_batch("COMMIT").unwrap();
        drop(db);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[..page_bytes].fill(0x5A);
        std::fs::write(&path, &bytes).unwrap();
        prop_assert_eq!(found(&path), (rows, Vec::new()));
    }

    #[test]
    fn whatever_is_written_over_it_no_row_is_made_up(
        holes in prop::collection::vec((any::<prop::sample::Index>(), 1_usize..600, any::<u8>()), 1..20),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("queue.db");
        let db = Connection::open(&path).unwrap();
        db.execute_batch(&format!("PRAGMA page_size=1024; {TABLE} BEGIN")).unwrap();
        for n in 1..60 {
            insert(&db, n, &event(n, if n % 5 == 0 { 900 } else { 40 }));
        }
        db.execute_batch("COMMIT").unwrap();
        drop(db);
        let mut bytes = std::fs::read(&path).unwrap();
        for (at, length, value) in holes {
            let at = at.index(bytes.len());
            let end = (at + length).min(bytes.len());
            bytes[at..end].fill(value);
        }
        std::fs::write(&path, &bytes).unwrap();
        for (_, data) in found(&path).0 {
            // What is handed out is an event with an id, or no JSON at all:
            // that is refused where it is taken in.
            if let Ok(event) = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&data) {
                prop_assert!(event.get("event_id").and_then(|id| id.as_str()).is_some_and(|id| id.starts_with('e')));
            }
        }
    }
}

#[test]
fn what_was_delivered_and_deleted_is_not_brought_back() {
    let dir = tempfile::tempdir().unwrap();
    for (name, delete) in [
        ("one by one", "DELETE FROM queue WHERE id <= 700"),
        ("every other", "DELETE FROM queue WHERE id % 2 = 0"),
        ("all", "DELETE FROM queue"),
        ("late", "DELETE FROM queue WHERE id > 300"),
    ] {
        let path = dir.path().join(name);
        let db = Connection::open(&path).unwrap();
        db.execute_batch(&format!("{TABLE} BEGIN")).unwrap();
        for n in 1..=1000 {
            insert(&db, n, &event(n, if n % 50 == 0 { 9000 } else { 60 }));
        }
        db.execute_batch(&format!("COMMIT; {delete}")).unwrap();
        let left: BTreeMap<i64, Vec<u8>> = db
            .prepare("SELECT id, CAST(data AS BLOB) FROM queue")
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        drop(db);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[..4096].fill(0);
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(found(&path), (left, Vec::new()), "{name}");
    }
}

#[test]
fn what_only_the_write_ahead_log_has_is_found_with_the_first_page_lost() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("queue.db");
    let db = Connection::open(&path).unwrap();
    db.execute_batch(&format!(
        "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; {TABLE}"
    ))
    .unwrap();
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    for n in 1..=40 {
        insert(&db, n, &event(n, 200));
    }
    db.execute_batch("BEGIN").unwrap();
    for n in 41..=60 {
        insert(&db, n, &event(n, 200));
    }
    let copy = dir.path().join("copy.db");
    let wal = std::fs::read(dir.path().join("queue.db-wal")).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[..4096].fill(0x11);
    std::fs::write(&copy, bytes).unwrap();
    // Torn in the middle of what was being written.
    std::fs::write(dir.path().join("copy.db-wal"), &wal[..wal.len() - 100]).unwrap();
    let (rows, broken) = found(&copy);
    assert!(broken.is_empty(), "{broken:?}");
    let numbers: Vec<i64> = rows.into_keys().collect();
    assert!(
        numbers.len() >= 39 && numbers.iter().copied().eq((1..).take(numbers.len())),
        "{numbers:?}"
    );
}

#[test]
fn a_row_whose_end_is_lost_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("queue.db");
    let db = Connection::open(&path).unwrap();
    db.execute_batch(TABLE).unwrap();
    for n in 1..=5 {
        insert(&db, n, &event(n, if n == 3 { 20_000 } else { 30 }));
    }
    drop(db);
    let bytes = std::fs::read(&path).unwrap();
    // The pages on which rows go on are the last ones.
    std::fs::write(&path, &bytes[..bytes.len() - 90_000.min(bytes.len() / 2)]).unwrap();
    let (rows, broken) = found(&path);
    assert_eq!(rows.into_keys().collect::<Vec<_>>(), [1, 2, 4, 5]);
    assert_eq!(broken, ["row 3: a part of the row is lost"]);
}
