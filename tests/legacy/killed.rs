//! An import that is killed, wherever that is, is finished by repeating it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

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
