//! An import that is killed, wherever that is, is finished by repeating it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use spec_kitty::emitter::log_of;
use spec_kitty::event::EventHeader;
use spec_kitty::home::Home;
use spec_kitty::legacy::{
    Format, Imported, LegacyError, OwnerOf, Purpose, Setting, carry_out, find, gather,
};
use spec_kitty::log::ambient::System;
use spec_kitty::log::append::{Log, LogOptions};
use spec_kitty::log::read::ReadError;
use spec_kitty::log::segment::LogDir;
use spec_kitty::log::storage::{Disk, Storage};

use super::faulty::Faulty;
use super::support::{Bench, QueueRow, id, make_queue, row, row_with};

/// When an import is killed: as soon as there are so many bytes.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// In its temporary files.
    Copied(u64),
    /// In the log.
    Appended(u64),
}

/// How many bytes the files below a directory have.
fn bytes_in(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return 0;
    };
    let sizes = entries
        .filter_map(Result::ok)
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_in(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        });
    sizes.sum()
}

/// Imports and kills at that moment; says whether it came to that.
fn killed(bench: &Bench, home: &str, moment: Moment) -> bool {
    let temp = bench.path("tmp");
    let mut child = bench
        .command(home, &["--json", "log", "import", "queue.db"])
        .env("TMPDIR", &temp)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let log = bench.path(home).join("log");
    loop {
        let is_now = match moment {
            Moment::Copied(bytes) => bytes_in(&temp) >= bytes,
            Moment::Appended(bytes) => bytes_in(&log) >= bytes,
        };
        if is_now {
            let _ = child.kill();
            return !child.wait().unwrap().success();
        }
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Everything that an import leaves behind.
fn end_state(bench: &Bench, home: &str) -> (Vec<String>, Vec<String>, Value) {
    let aside = std::fs::read_to_string(bench.path(&format!("{home}/import-aside.ndjson")));
    let aside = aside.unwrap().lines().map(str::to_owned).collect();
    let clock = [
        "--json",
        "log",
        "export",
        "--format",
        "clock",
        "clock-of-it.json",
    ];
    let _ = std::fs::remove_file(bench.path("clock-of-it.json"));
    let clock = bench.run_in(home, &clock).ok()["clock"].clone();
    (bench.stored_in(home), aside, clock)
}

fn left_over(temp: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(temp).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn killed_anywhere_and_repeated_it_ends_in_the_same_state() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("tmp")).unwrap();
    let mut rows: Vec<QueueRow> = (1..=3000).map(row).collect();
    rows[1500] = QueueRow {
        id: 1501,
        ..row_with(1501, "{\"no\": \"event\"}")
    };
    rows[2500] = QueueRow {
        id: 2501,
        ..row_with(2501, "NaN")
    };
    rows[2600].event_id = id(9999);
    drop(make_queue(&bench.path("queue.db"), &rows));
    let import = |home: &str| {
        let mut command = bench.command(home, &["--json", "log", "import", "queue.db"]);
        let output = command.env("TMPDIR", bench.path("tmp")).output().unwrap();
        assert_eq!(output.status.code(), Some(8), "{output:?}");
    };
    import("straight");
    let expected = end_state(&bench, "straight");
    assert_eq!((expected.0.len(), expected.1.len()), (2998, 2));
    let whole = bytes_in(&bench.path("straight/log"));
    let mut kills = 0;
    for sixth in 0..6 {
        let appended = 1 + whole * sixth / 6;
        for moment in [
            Moment::Copied(1 + sixth * 200_000),
            Moment::Appended(appended),
        ] {
            let home = format!("home-{moment:?}");
            kills += u32::from(killed(&bench, &home, moment));
            let stored = bench.stored_in(&home);
            assert!(stored.len() <= 2998, "{moment:?}");
            if !stored.is_empty() {
                let clock = ["--json", "log", "export", "--format", "clock", "clock.json"];
                let clock = bench.run_in(&home, &clock).ok()["clock"].clone();
                assert!(
                    clock.as_u64().unwrap() > 3000,
                    "the clock goes first: {moment:?}"
                );
            }
            import(&home);
            let (stored, aside, clock) = end_state(&bench, &home);
            assert!(stored == expected.0 && aside == expected.1, "{moment:?}");
            // A kill may cost values that were leased, and gives none twice.
            assert!(clock.as_u64() >= expected.2.as_u64(), "{moment:?}");
        }
    }
    assert!(kills >= 6, "only {kills} of them were killed");
    assert_eq!(left_over(&bench.path("tmp")), Vec::<PathBuf>::new());
}

#[test]
fn the_copy_of_a_killed_import_is_gone_after_the_next_look() {
    let bench = Bench::new();
    let temp = bench.path("tmp");
    std::fs::create_dir(&temp).unwrap();
    drop(make_queue(
        &bench.path("queue.db"),
        &(1..=2000).map(row).collect::<Vec<_>>(),
    ));
    assert!(killed(&bench, "home", Moment::Copied(1_000)));
    assert!(
        !left_over(&temp).is_empty(),
        "nobody was there to remove it"
    );
    let look = ["--json", "log", "import", "--dry-run", "queue.db"];
    let output = bench
        .command("home", &look)
        .env("TMPDIR", &temp)
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["imported"], json!(2000));
    assert_eq!(left_over(&temp), Vec::<PathBuf>::new());
}

/// Imports over `storage`, into segments of a few events each.
fn import_over(
    storage: Arc<dyn Storage>,
    bench: &Bench,
    home: &str,
) -> Result<Imported, LegacyError> {
    let home = Home::at(bench.path(home));
    let options = LogOptions {
        segment_bytes: 4096,
        ..*log_of(&home).options()
    };
    let log = Log::new(
        LogDir::new(home.log_dir(), storage),
        Arc::new(System),
        options,
    );
    let as_recorded = |_: &LogDir| -> Result<Box<OwnerOf<'static>>, ReadError> {
        Ok(Box::new(|_, header: &EventHeader<'_>| header.target))
    };
    let path = bench.path("queue.db");
    let sources = find(&path, Format::Sqlite, &home.log_dir(), &[])?;
    let gathered = gather(
        &home,
        &log,
        &sources,
        &as_recorded,
        Purpose::Import,
        &mut |_| true,
    )?;
    let setting = Setting {
        home: &home,
        log: &log,
        timeout: Duration::from_secs(5),
    };
    carry_out(&gathered, &sources, &setting, &mut |_| true)
}

/// At every call that an import makes to the log: that one fails, and all behind
/// it. The next import, with a disk that works, ends as one that was never
/// interrupted.
#[test]
fn after_whatever_call_it_ends_the_next_import_brings_the_same_end() {
    let bench = Bench::new();
    let mut rows: Vec<QueueRow> = (1..=40).map(row).collect();
    rows[20] = QueueRow {
        id: 21,
        ..row_with(21, "{\"no\": \"event\"}")
    };
    drop(make_queue(&bench.path("queue.db"), &rows));
    let aside = |home: &str| {
        let text = std::fs::read_to_string(bench.path(&format!("{home}/import-aside.ndjson")));
        text.unwrap().lines().count()
    };
    let straight = import_over(Arc::new(Disk), &bench, "straight").unwrap();
    let expected = bench.stored_in("straight");
    assert_eq!(
        (straight.events, expected.len(), aside("straight")),
        (39, 39, 1)
    );
    let mut ends_seen = std::collections::BTreeSet::new();
    for calls in 0.. {
        let home = format!("home-{calls}");
        let faulty = Faulty::new(Arc::new(Disk));
        faulty.die_after(calls);
        let first = import_over(Arc::new(faulty), &bench, &home);
        let left = first.as_ref().map_or(0, |imported| imported.events);
        let second = import_over(Arc::new(Disk), &bench, &home).unwrap();
        ends_seen.insert(second.events);
        assert!(left + second.events <= 39, "after {calls} calls");
        assert_eq!(aside(&home), 1, "after {calls} calls");
        // Asking the program costs a process; what it would say is in the numbers
        // until something is different.
        let again = import_over(Arc::new(Disk), &bench, &home).unwrap();
        assert_eq!(again.events, 0, "after {calls} calls");
        let sampled = calls % 16 == 0 || first.is_ok();
        if sampled {
            assert_eq!(bench.stored_in(&home), expected, "after {calls} calls");
        }
        if first.is_ok() {
            assert!(calls > 30, "only {calls} calls");
            break;
        }
        std::fs::remove_dir_all(bench.path(&home)).unwrap();
    }
    assert!(
        ends_seen.len() > 3,
        "it ended at different places: {ends_seen:?}"
    );
}
