//! What moving over costs: `cargo bench --bench legacy`.
//!
//! The aim: 100,000 rows of a queue in seconds, and in the same memory as ten.

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;
use std::time::Duration;

use divan::{Bencher, black_box};
use rusqlite::{Connection, params};
use spec_kitty::emitter::log_of;
use spec_kitty::event::EventHeader;
use spec_kitty::home::Home;
use spec_kitty::legacy::{Format, Imported, OwnerOf, Purpose, Setting, carry_out, find, gather};
use spec_kitty::log::read::ReadError;
use spec_kitty::log::segment::LogDir;

const WAIT: Duration = Duration::from_secs(20);

fn main() {
    divan::main();
}

/// A queue of ordinary events, the newest clock value first.
fn queue(path: &Path, rows: u32) {
    let db = Connection::open(path).unwrap();
    db.execute_batch(
        "CREATE TABLE queue (id INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT UNIQUE NOT NULL,
            event_type TEXT NOT NULL, data TEXT NOT NULL, timestamp INTEGER NOT NULL,
            retry_count INTEGER DEFAULT 0, coalesce_key TEXT);
         BEGIN",
    )
    .unwrap();
    let mut insert = db
        .prepare("INSERT INTO queue (event_id, event_type, data, timestamp) VALUES (?1, 'WPStatusChanged', ?2, ?3)")
        .unwrap();
    for n in 0..rows {
        let (id, clock) = (format!("01M81B{n:020}"), rows - n);
        let data = format!(
            r#"{{"event_id": "{id}", "event_type": "WPStatusChanged", "aggregate_id": "WP01", "aggregate_type": "WorkPackage", "payload": {{"wp_id": "WP01", "from_lane": "planned", "to_lane": "in_progress", "actor": "user", "feature_slug": "028-cli-event-emission-sync", "policy_metadata": null}}, "node_id": "b805cd5cee74", "lamport_clock": {clock}, "causation_id": null, "timestamp": "2026-11-22T10:11:33.702142+00:00", "team_slug": "acme-corp", "project_uuid": "44a34391-86d8-4159-abf1-e0b4d3abc746", "project_slug": "widgets", "git_branch": "main", "head_commit_sha": "409ce863c69ac30e0cef7d21797a1f45928a0084", "repo_slug": "acme/widgets"}}"#
        );
        insert
            .execute(params![id, data, 1_770_120_000 + n / 50])
            .unwrap();
    }
    drop(insert);
    db.execute_batch("COMMIT").unwrap();
}

fn as_recorded(_: &LogDir) -> Result<Box<OwnerOf<'static>>, ReadError> {
    Ok(Box::new(|_, header: &EventHeader<'_>| header.target))
}

fn import(home: &Home, path: &Path) -> Imported {
    let log = log_of(home);
    let sources = find(path, Format::Sqlite, &home.log_dir(), &[]).unwrap();
    let go_on = &mut |_| true;
    let gathered = gather(home, &log, &sources, &as_recorded, Purpose::Import, go_on).unwrap();
    let setting = Setting {
        home,
        log: &log,
        timeout: WAIT,
    };
    carry_out(&gathered, &sources, &setting, go_on).unwrap()
}

#[divan::bench(args = [10_000, 100_000], sample_count = 3, sample_size = 1)]
fn import_rows(bencher: Bencher<'_, '_>, rows: u32) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("queue.db");
    queue(&path, rows);
    bencher
        .with_inputs(|| tempfile::tempdir_in(dir.path()).unwrap())
        .bench_refs(|dir| {
            let imported = import(&Home::at(dir.path().join("home")), &path);
            assert_eq!(imported.events, u64::from(rows));
            black_box(imported.clock)
        });
}
