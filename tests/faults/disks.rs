//! Real disks that are full, limited or read-only, under the binary.
//!
//! Mounting takes a user namespace; where the system gives none, the tests that
//! need one say so and pass.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::stage::{Stage, events, line, texts};

const BINARY: &str = env!("CARGO_BIN_EXE_spec-kitty");

/// Runs a script in which it is allowed to mount; `None` where it is not.
fn in_a_namespace(stage: &Stage, script: &str) -> Option<Output> {
    let probe = Command::new("unshare")
        .args(["-Urm", "mount", "-t", "tmpfs", "none", "/mnt"])
        .output();
    if !probe.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no user namespace to mount in");
        return None;
    }
    let mut command = Command::new("unshare");
    command.args(["-Urm", "sh", "-eu", "-c", script]);
    Some(surrounded(stage, command))
}

/// Runs a script that knows the binary, a home and where to leave its answers.
fn surrounded(stage: &Stage, mut command: Command) -> Output {
    let answers = stage.path("answers");
    fs::create_dir_all(&answers).unwrap();
    let input: String = texts("more", 40).iter().map(|text| line(text)).collect();
    fs::write(answers.join("input"), input).unwrap();
    command
        .env("SK", BINARY)
        .env("OUT", &answers)
        .env("SPEC_KITTY_HOME", stage.path("home"))
        .env("SPEC_KITTY_NO_DAEMON", "1")
        .env("HOME", stage.path("nobody"))
        .current_dir(stage.path("project"));
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

fn answer(stage: &Stage, name: &str) -> String {
    fs::read_to_string(stage.path("answers").join(name)).unwrap()
}

fn code(stage: &Stage, name: &str) -> i32 {
    answer(stage, name).trim().parse().unwrap()
}

/// The ids of the receipts with this status.
fn ids(stage: &Stage, name: &str, status: &str) -> Vec<String> {
    let text = answer(stage, name);
    let receipts = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    receipts
        .filter(|receipt| receipt["status"] == status)
        .map(|receipt| receipt["event_id"].as_str().unwrap_or_default().to_owned())
        .collect()
}

fn in_the_log(stage: &Stage, name: &str) -> Vec<String> {
    let text = answer(stage, name);
    let events = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    events
        .map(|event| event["event_id"].as_str().unwrap().to_owned())
        .collect()
}

/// The last page of the disk is filled in mid-frame. What is there stays
/// readable while the disk is full, and recording goes on when there is room.
#[test]
fn a_disk_that_is_really_full_costs_nothing_that_was_confirmed() {
    let stage = Stage::new();
    let script = r#"
        mkdir "$OUT/disk"
        mount -t tmpfs -o size=8m none "$OUT/disk"
        export SPEC_KITTY_HOME="$OUT/disk/home"
        mkdir -m 700 "$SPEC_KITTY_HOME"
        head -n 3 "$OUT/input" | "$SK" --json emit --stdin > "$OUT/before"
        dd if=/dev/zero of="$OUT/disk/filler" bs=4k 2> /dev/null || true
        truncate -s -8192 "$OUT/disk/filler"
        code=0
        "$SK" --json emit --stdin < "$OUT/input" > "$OUT/full" 2> "$OUT/full.err" || code=$?
        echo "$code" > "$OUT/full.code"
        "$SK" --json log tail -n all > "$OUT/log.full" 2> "$OUT/log.err"
        "$SK" log verify > "$OUT/verify.full"
        rm "$OUT/disk/filler"
        "$SK" --json emit --stdin < "$OUT/input" > "$OUT/after"
        "$SK" --json log tail -n all > "$OUT/log.after"
        "$SK" log verify > "$OUT/verify.after"
    "#;
    if in_a_namespace(&stage, script).is_none() {
        return;
    }
    assert_ne!(code(&stage, "full.code"), 0, "somebody is told");
    let refused = ids(&stage, "full", "refused");
    assert!(!refused.is_empty(), "{}", answer(&stage, "full"));
    assert!(answer(&stage, "full").contains("disk-full"));
    let mut confirmed = ids(&stage, "before", "recorded");
    confirmed.extend(ids(&stage, "full", "recorded"));
    let unknown = ids(&stage, "full", "unknown");
    let there = in_the_log(&stage, "log.full");
    assert!(confirmed.iter().all(|id| there.contains(id)));
    let others = there.iter().filter(|id| !confirmed.contains(id));
    assert!(others.into_iter().all(|id| unknown.contains(id)));
    let after = ids(&stage, "after", "recorded");
    assert_eq!(after.len(), 40, "it goes on when there is room");
    let there_after = in_the_log(&stage, "log.after");
    assert_eq!(there_after.len(), there.len() + 40);
    assert!(there_after.starts_with(&there) && there_after.ends_with(&after));
}

/// A limit on the size of files stops a write short, with another error than a
/// full disk does.
#[cfg(unix)]
#[test]
fn a_limit_on_the_size_of_files_costs_nothing_that_was_confirmed() {
    let stage = Stage::new();
    let home = stage.home("home");
    fs::write(home.config_file(), "").unwrap();
    stage.recorded(&home, &texts("before", 1));
    let size = fs::metadata(home.log_dir().join("0000000001.seg")).unwrap();
    let blocks = size.len() / 512 + 3;
    // The shell counts in blocks of 512 bytes; the signal is not wanted.
    let script = format!(
        r#"(
            trap '' XFSZ; ulimit -f {blocks}; code=0
            "$SK" --json emit --stdin < "$OUT/input" 2> /dev/null || code=$?
            echo "$code" > "$OUT/limited.code"
        ) | cat > "$OUT/limited""#
    );
    let mut command = Command::new("sh");
    command.args(["-eu", "-c", &script]);
    surrounded(&stage, command);
    assert_ne!(code(&stage, "limited.code"), 0);
    let (recorded, unknown) = (
        ids(&stage, "limited", "recorded"),
        ids(&stage, "limited", "unknown"),
    );
    let there: Vec<_> = events(&home).iter().map(|e| e.id().to_owned()).collect();
    assert!(there.len() < 41, "the limit was reached");
    assert!(recorded.iter().all(|id| there.contains(id)));
    assert!(
        there
            .iter()
            .skip(1)
            .all(|id| recorded.contains(id) || unknown.contains(id))
    );
    stage.recorded(&home, &texts("after", 2));
    assert_eq!(events(&home).len(), there.len() + 2);
    stage.verified(&home);
}

fn files(dir: &Path) -> Vec<(std::ffi::OsString, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name(), fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    files
}

/// On read-only media everything that reads works, and recording says why not.
#[test]
fn a_home_on_read_only_media_is_read_and_not_written() {
    let stage = Stage::new();
    let home = stage.home("home");
    stage.recorded(&home, &texts("before", 9));
    let before = files(&home.log_dir());
    let script = r#"
        mount --bind "$SPEC_KITTY_HOME" "$SPEC_KITTY_HOME"
        mount -o remount,ro,bind "$SPEC_KITTY_HOME"
        "$SK" --json log tail -n all > "$OUT/tail"
        "$SK" --json log tail -n 2 > "$OUT/last"
        "$SK" log stats > "$OUT/stats"
        "$SK" log verify > "$OUT/verify"
        "$SK" sync status > "$OUT/status"
        code=0
        "$SK" --json emit --stdin < "$OUT/input" > "$OUT/emit" 2> "$OUT/emit.err" || code=$?
        echo "$code" > "$OUT/emit.code"
    "#;
    if in_a_namespace(&stage, script).is_none() {
        return;
    }
    let expected: Vec<_> = events(&home).iter().map(|e| e.id().to_owned()).collect();
    assert_eq!(in_the_log(&stage, "tail"), expected);
    assert_eq!(in_the_log(&stage, "last"), expected[7..]);
    assert!(answer(&stage, "verify").starts_with("Sound."));
    assert_ne!(code(&stage, "emit.code"), 0);
    let receipts = answer(&stage, "emit");
    assert_eq!(receipts.lines().count(), 40);
    assert!(receipts.lines().all(|line| line.contains("\"refused\"")));
    assert!(receipts.contains("home-not-writable"), "{receipts}");
    assert!(files(&home.log_dir()) == before, "nothing was touched");
    stage.recorded(&home, &texts("after", 1));
}
