//! A queue that somebody else is working on.

use std::time::{Duration, Instant};

use super::support::{Bench, fill, in_order, make_queue, picture, row};

#[test]
fn behind_an_exclusive_lock_there_is_what_was_committed() {
    let bench = Bench::new();
    let dir = bench.path("old");
    std::fs::create_dir(&dir).unwrap();
    let path = dir.join("queue.db");
    let db = make_queue(&path, &(1..=20).map(row).collect::<Vec<_>>());
    // So much that uncommitted rows are in the file already.
    db.execute_batch("PRAGMA cache_size=4; BEGIN EXCLUSIVE; DELETE FROM queue WHERE id < 5")
        .unwrap();
    for n in 21..=600 {
        let row = row(n);
        db.execute(
            "INSERT INTO queue (id, event_id, event_type, data, timestamp) VALUES (?1, ?2, 'T', ?3, 5)",
            rusqlite::params![row.id, row.event_id, String::from_utf8(row.data).unwrap()],
        )
        .unwrap();
    }
    let before = picture(&dir);
    assert_eq!(before.len(), 2, "the journal is hot");
    let begun = Instant::now();
    let report = bench.import(&path).ok();
    assert!(
        begun.elapsed() < Duration::from_secs(60),
        "it waits, but not for ever"
    );
    assert_eq!(report["imported"], 20);
    assert_eq!(bench.stored(), in_order((1..=20).map(row).collect()));
    assert_eq!(picture(&dir), before, "the original was touched");
    db.execute_batch("COMMIT").unwrap();
    assert_eq!(bench.import(&path).ok()["imported"], 580);
}

#[test]
fn while_it_is_written_an_import_sees_one_moment_of_it() {
    let bench = Bench::new();
    let path = bench.path("queue.db");
    let db = make_queue(&path, &[row(1)]);
    db.busy_timeout(Duration::from_secs(20)).unwrap();
    let writer = std::thread::spawn(move || {
        for n in 2..=400 {
            fill(&db, &[row(n)]);
        }
        db
    });
    for _ in 0..3 {
        bench.import(&path).ok();
        let stored = bench.stored();
        let first = (1..).take(stored.len()).map(row).collect();
        assert_eq!(
            stored,
            in_order(first),
            "no row is there without those before it"
        );
    }
    drop(writer.join().unwrap());
    bench.import(&path).ok();
    assert_eq!(bench.stored(), in_order((1..=400).map(row).collect()));
}

#[test]
fn two_imports_at_once_do_not_import_twice() {
    let bench = Bench::new();
    drop(make_queue(
        &bench.path("queue.db"),
        &(1..=500).map(row).collect::<Vec<_>>(),
    ));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| bench.import(&bench.path("queue.db")).ok());
        }
    });
    assert_eq!(bench.stored(), in_order((1..=500).map(row).collect()));
}
