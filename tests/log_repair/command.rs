//! `log repair`: a plan, a yes, and nothing that was there is gone.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use spec_kitty::cli::columns::size;
use spec_kitty::state::State;

use crate::support::bench::Bench;
use crate::{command, delivered, flip, json_of, run, segment};

/// Every file of the home and what is in it, but for the lock files.
fn everything(bench: &Bench) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut todo = vec![bench.home.root().to_owned()];
    while let Some(next) = todo.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                todo.push(path);
            } else if !["LOCK", "SENDER"].contains(&name) {
                all.insert(path.clone(), fs::read(path).unwrap());
            }
        }
    }
    all
}

fn leftover(bench: &Bench) -> PathBuf {
    bench.home.log_dir().join(".0000000099.00000000.tmp")
}

#[test]
fn a_home_in_order_needs_nothing_and_gets_nothing() {
    let (bench, _server) = delivered();
    let before = everything(&bench);
    assert_eq!(
        run(&bench, &["log", "repair"]),
        (Some(0), "Nothing to repair.\n".into(), String::new())
    );
    let report = json_of(&bench, &["--json", "log", "repair"]);
    assert_eq!(
        report,
        json!({"kind": "log-repair", "v": 1, "dry_run": false, "steps": [], "ledger": null, "aside": [], "left": []})
    );
    assert_eq!(everything(&bench), before);
    let empty = Bench::new();
    assert_eq!(run(&empty, &["log", "repair"]).0, Some(0));
    assert!(!empty.home.log_dir().exists() && !empty.home.state_dir().exists());
}

#[test]
fn the_plan_is_shown_and_nothing_is_done_without_a_yes() {
    let (bench, _server) = delivered();
    fs::copy(segment(&bench, 2), bench.home.log_dir().join("2.seg")).unwrap();
    fs::write(leftover(&bench), "x").unwrap();
    flip(&bench.home.state_dir().join("delivery.view"), 40);
    let before = everything(&bench);
    let (code, shown, stderr) = run(&bench, &["log", "repair", "--dry-run"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let copy = size(fs::metadata(segment(&bench, 2)).unwrap().len());
    assert_eq!(
        shown,
        format!(
            "\
To be done; nothing is changed yet:

remove    log/.0000000099.00000000.tmp (1 B)
          what an interrupted creation left

set aside log/2.seg ({copy}) → log/aside/2.seg
          a copy of segment 2, which is there

rebuild   state/delivery.view
          its checksum is wrong

"
        )
    );
    let (code, asked, stderr) = run(&bench, &["log", "repair"]);
    assert_eq!((code, asked), (Some(9), shown));
    assert!(
        stderr.contains("error[needs-yes]") && stderr.contains("log repair --yes"),
        "{stderr}"
    );
    assert_eq!(everything(&bench), before, "nothing has changed");
}

#[test]
fn what_is_out_of_order_is_put_in_order_once_and_nothing_is_deleted() {
    let (bench, _server) = delivered();
    fs::copy(segment(&bench, 2), bench.home.log_dir().join("2.seg")).unwrap();
    fs::rename(segment(&bench, 3), segment(&bench, 50)).unwrap();
    fs::write(leftover(&bench), "x").unwrap();
    flip(&bench.home.state_dir().join("delivery.view"), 40);
    fs::write(bench.home.state_dir().join("sled/db"), vec![0xff; 200_000]).unwrap();
    // What sled itself does to a file that it cannot open is not ours to say.
    let mut before = everything(&bench);
    before.retain(|path, content| {
        content != b"x" && !path.starts_with(bench.home.state_dir().join("sled"))
    });
    let report = json_of(&bench, &["--json", "log", "repair", "--yes"]);
    let steps: Vec<_> = report["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| {
            assert_eq!(step["done"], json!(true), "{step}");
            let text = |key| step[key].as_str().unwrap();
            (text("action"), text("path"))
        })
        .collect();
    assert_eq!(
        steps,
        [
            ("remove", "log/.0000000099.00000000.tmp"),
            ("set-aside", "log/2.seg"),
            ("rename", "log/0000000050.seg"),
            ("rebuild", "state/delivery.view"),
            ("rebuild", "state/sled"),
        ]
    );
    assert_eq!(report["left"], json!([]));
    assert_eq!(report["ledger"], json!("nothing"));
    assert_eq!(report["aside"].as_array().unwrap().len(), 2);
    let after: Vec<_> = everything(&bench).into_values().collect();
    for (path, content) in before {
        assert!(after.contains(&content), "{} is gone", path.display());
    }
    assert!(!leftover(&bench).exists());
    assert_eq!(run(&bench, &["log", "verify"]).0, Some(0));
    assert_eq!(run(&bench, &["log", "repair"]).1, "Nothing to repair.\n");
    // Both places were gone: delivery starts over, and the server knows it all.
    let report = bench.sync();
    assert_eq!((report.delivered, report.duplicate), (0, 20));
}

#[test]
fn a_segment_is_never_written_into_and_what_stays_damaged_is_said() {
    let (bench, _server) = delivered();
    flip(&segment(&bench, 2), 1500);
    let before = everything(&bench);
    let (code, stdout, _) = run(&bench, &["log", "repair", "--yes"]);
    assert_eq!(code, Some(0));
    assert_eq!(
        stdout,
        "Nothing to repair.\n1 damaged place stays as it is: nothing is ever written into a segment. See: spec-kitty log verify\n"
    );
    assert_eq!(everything(&bench), before);
    let report = json_of(&bench, &["--json", "log", "repair"]);
    assert_eq!(report["left"][0]["segment"], json!(2));
    assert_eq!(report["left"][0]["reason"], json!("bad-checksum"));
}

#[test]
fn while_another_process_sends_the_state_is_left_alone() {
    let (bench, _server) = delivered();
    flip(&bench.home.state_dir().join("delivery.view"), 40);
    let state = State::at(bench.home.state_dir());
    let sender = state.sender_lock(Duration::ZERO).unwrap().unwrap();
    let before = everything(&bench);
    let (code, _, stderr) = run(&bench, &["log", "repair", "--yes"]);
    assert_eq!(code, Some(6), "{stderr}");
    assert!(stderr.contains("error[sender-busy]"), "{stderr}");
    assert_eq!(everything(&bench), before);
    drop(sender);
    assert_eq!(run(&bench, &["log", "repair", "--yes"]).0, Some(0));
    assert!(!bench.status().disagrees());
}

#[test]
fn what_a_newer_version_wrote_is_left_alone() {
    let (bench, _server) = delivered();
    let path = segment(&bench, 1);
    let mut bytes = fs::read(&path).unwrap();
    for copy in [0, 512] {
        bytes[copy + 8] = 9;
        let crc = crc32fast::hash(&bytes[copy..copy + 508]);
        bytes[copy + 508..copy + 512].copy_from_slice(&crc.to_le_bytes());
    }
    fs::write(&path, bytes).unwrap();
    fs::write(leftover(&bench), "x").unwrap();
    let before = everything(&bench);
    let (code, _, stderr) = run(&bench, &["log", "repair", "--yes"]);
    assert_eq!(code, Some(10), "{stderr}");
    assert_eq!(everything(&bench), before);
}

/// What a repair looks at is a copy of the ledger, which tells whose events went
/// where. Killed, it cannot take that away; the next one does.
#[cfg(unix)]
#[test]
fn a_copy_of_the_ledger_does_not_outlive_a_killed_repair_for_long() {
    let (bench, _server) = delivered();
    let temp = bench.home.root().with_file_name("temp");
    fs::create_dir(&temp).unwrap();
    let copies = || fs::read_dir(&temp).unwrap();
    let is_used = || copies().any(|entry| entry.unwrap().path().join("in-use").exists());
    let repair = || {
        let mut command = command(&bench, &["log", "repair", "--yes"]);
        command.env("TMPDIR", &temp);
        command
    };
    let busy = fs::File::open(bench.home.state_dir().join("LOCK")).unwrap();
    fs2::FileExt::lock_exclusive(&busy).unwrap();
    while !is_used() {
        let mut child = repair().stderr(Stdio::null()).spawn().unwrap();
        while !is_used() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    drop(busy);
    assert!(repair().stderr(Stdio::null()).status().unwrap().success());
    assert_eq!(copies().count(), 0);
}

/// What is looked at is a copy, elsewhere: the home has nothing to do with it.
#[cfg(unix)]
#[test]
fn no_room_for_the_copy_is_not_blamed_on_the_home() {
    let (bench, _server) = delivered();
    let nowhere = bench.home.root().with_file_name("nowhere");
    let said = |args: &[&str]| {
        let output = command(&bench, args).env("TMPDIR", &nowhere).output();
        let output = output.unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    let (code, text) = said(&["log", "repair"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("[state-copy]"), "{text}");
    assert!(
        text.contains("TMPDIR") && !text.contains("SPEC_KITTY_HOME"),
        "{text}"
    );
    let (_, text) = said(&["doctor"]);
    assert!(
        text.contains("TMPDIR") && !text.contains("log repair"),
        "{text}"
    );
}
