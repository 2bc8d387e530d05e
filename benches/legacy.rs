//! What moving over costs: `cargo bench --bench legacy`.
//!
//! The aim: 100,000 rows of a queue in seconds, and in the same memory as ten.
//! `floor` is what cannot be done without: SQLite reads the rows, the log takes
//! them, in the same batches. Exports are runs of the program.

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use divan::{Bencher, black_box};
use rusqlite::{Connection, params};
use spec_kitty::emitter::log_of;
use spec_kitty::event::{EventHeader, Flags, Foreign, encode_body};
use spec_kitty::home::Home;
use spec_kitty::legacy::{Format, Imported, OwnerOf, Purpose, Setting, carry_out, find, gather};
use spec_kitty::log::append::{Record, Refused, Stamp, Tick};
use spec_kitty::log::frame::Kind;
use spec_kitty::log::read::ReadError;
use spec_kitty::log::segment::LogDir;
use spec_kitty::target::TargetId;

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

/// An event as the floor appends it.
struct Bare(String);

impl Record for Bare {
    fn kind(&self) -> Kind {
        Kind::ForeignEvent
    }

    fn tick(&self) -> Tick {
        Tick::Still
    }

    fn encode(&mut self, _: &Stamp<'_>, out: &mut Vec<u8>) -> Result<(), Refused> {
        let json = self.0.as_bytes();
        let event = Foreign::read(json).unwrap();
        let header = event.header(TargetId::SIGNED_OUT, Flags::default(), 0);
        encode_body(&header, json, out).unwrap();
        Ok(())
    }
}

/// Reads the rows in their order and appends them, a thousand at a time.
fn read_and_append(home: &Home, path: &Path) -> u64 {
    let log = log_of(home);
    let db = Connection::open(path).unwrap();
    let mut query = db.prepare("SELECT data FROM queue ORDER BY rowid").unwrap();
    let mut rows = query.query_map([], |row| row.get(0)).unwrap().peekable();
    let mut appended = 0;
    while rows.peek().is_some() {
        let mut batch: Vec<Bare> = rows
            .by_ref()
            .take(1024)
            .map(|row| Bare(row.unwrap()))
            .collect();
        let mut records: Vec<&mut dyn Record> = batch
            .iter_mut()
            .map(|record| -> &mut dyn Record { record })
            .collect();
        let done = log.append(&mut records, None, WAIT);
        assert!(done.failure.is_none());
        appended += done.outcomes.len() as u64;
    }
    appended
}

#[divan::bench(args = [10_000, 100_000], sample_count = 3, sample_size = 1)]
fn floor(bencher: Bencher<'_, '_>, rows: u32) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("queue.db");
    queue(&path, rows);
    bencher
        .with_inputs(|| tempfile::tempdir_in(dir.path()).unwrap())
        .bench_refs(|dir| {
            let appended = read_and_append(&Home::at(dir.path().join("home")), &path);
            assert_eq!(appended, u64::from(rows));
        });
}

#[divan::bench(args = [10_000, 100_000], sample_count = 3, sample_size = 1)]
fn import_again(bencher: Bencher<'_, '_>, rows: u32) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("queue.db");
    queue(&path, rows);
    let home = Home::at(dir.path().join("home"));
    import(&home, &path);
    bencher.bench_local(|| assert_eq!(import(&home, &path).events, 0));
}

fn export(bencher: Bencher<'_, '_>, rows: u32, format: &str) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("queue.db");
    queue(&path, rows);
    let home = dir.path().join("home");
    import(&Home::at(home.clone()), &path);
    bencher
        .with_inputs(|| tempfile::tempdir_in(dir.path()).unwrap())
        .bench_refs(|out| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_spec-kitty"));
            command
                .args(["--quiet", "log", "export", "--format", format])
                .arg(out.path().join("out"))
                .env("SPEC_KITTY_NO_DAEMON", "1")
                .env("SPEC_KITTY_HOME", &home);
            assert!(command.status().unwrap().success());
        });
}

#[divan::bench(args = [10_000, 100_000], sample_count = 3, sample_size = 1)]
fn export_queue(bencher: Bencher<'_, '_>, rows: u32) {
    export(bencher, rows, "sqlite");
}

#[divan::bench(args = [10_000, 100_000], sample_count = 3, sample_size = 1)]
fn export_lines(bencher: Bencher<'_, '_>, rows: u32) {
    export(bencher, rows, "ndjson");
}
