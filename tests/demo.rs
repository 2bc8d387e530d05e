//! The guided run as a newcomer and as CI start it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

/// The demo with nothing but `temp` to write to.
fn demo(temp: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spec-kitty"));
    command
        .arg("demo")
        .env("TMPDIR", temp)
        .env("SPEC_KITTY_NO_DAEMON", "1")
        .env("SPEC_KITTY_HOME", temp.join("must-not-appear"))
        .current_dir(temp);
    command
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

fn names_in(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn the_demo_proves_its_point_in_plain_words_and_leaves_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let output = demo(temp.path()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{text}\n{errors}");
    assert!(text.contains("Proved. "), "{text}");
    assert!(!text.contains('\u{1b}'), "no styles into a pipe");
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(names_in(temp.path()).is_empty());
}

#[test]
fn the_report_counts_what_both_sides_hold() {
    let temp = tempfile::tempdir().unwrap();
    let output = demo(temp.path())
        .args(["--json", "--keep", "kept"])
        .output()
        .unwrap();
    let report = report(&output);
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    assert_eq!((&report["kind"], &report["v"]), (&json!("demo"), &json!(1)));
    assert_eq!(
        (&report["ok"], &report["in_order"]),
        (&json!(true), &json!(true))
    );
    let kept = temp.path().join("kept");
    let received = std::fs::read_to_string(kept.join("server/events.ndjson")).unwrap();
    assert_eq!(report["received"], received.lines().count());
    assert_eq!(report["received"], report["recorded"]);
    for step in report["steps"].as_array().unwrap() {
        assert_eq!(step["exit"], step["expected_exit"], "{step}");
    }
    let offline = report["steps"].as_array().unwrap().iter();
    assert!(
        offline.clone().any(|step| step["exit"] == 7),
        "it was offline once"
    );
    assert!(kept.join("home/log").is_dir());
    assert!(kept.join("project/.git").is_dir());
    assert_eq!(names_in(temp.path()), ["kept"]);
    let again = demo(temp.path())
        .args(["--json", "--keep", "kept"])
        .output()
        .unwrap();
    assert_eq!(
        again.status.code(),
        Some(2),
        "a directory in use is not touched"
    );
}

#[test]
fn the_demo_walks_the_whole_life_of_a_feature() {
    let temp = tempfile::tempdir().unwrap();
    let output = demo(temp.path())
        .args(["--json", "--keep", "kept"])
        .output()
        .unwrap();
    let report = report(&output);
    assert_eq!(report["ok"], true, "{report:#}");
    let received = std::fs::read_to_string(temp.path().join("kept/server/events.ndjson")).unwrap();
    let life: Vec<String> = received.lines().map(told).collect();
    let expected = [
        "FeatureCreated",
        "WPCreated WP01 []",
        "WPCreated WP02 [\"WP01\"]",
        "WPCreated WP03 [\"WP02\"]",
        "WPStatusChanged WP01 planned doing",
        "HistoryAdded WP01",
        "WPStatusChanged WP01 doing for_review",
        "WPStatusChanged WP02 planned doing",
        "HistoryAdded WP02",
        "WPStatusChanged WP03 planned doing",
        "HistoryAdded WP02",
        "HistoryAdded WP03",
        "WPStatusChanged WP02 doing for_review",
        "WPStatusChanged WP03 doing for_review",
        "WPStatusChanged WP01 for_review done",
        "WPStatusChanged WP02 for_review done",
        "WPStatusChanged WP03 for_review done",
    ];
    assert_eq!(life, expected);
    let project = temp.path().join("kept/project");
    for file in ["duration.sh", "countdown.sh", "ring.sh"] {
        assert!(project.join(file).exists(), "{file} was merged");
    }
    let meta = std::fs::read_to_string(project.join("kitty-specs/001-tea-timer/meta.json"));
    let meta: Value = serde_json::from_str(&meta.unwrap()).unwrap();
    assert_eq!(meta["accepted_by"], "Ada");
}

/// An event of the server's file in a few words.
fn told(line: &str) -> String {
    let event: Value = serde_json::from_str(line).unwrap();
    let payload = &event["payload"];
    let mut words = event["event_type"].as_str().unwrap().to_owned();
    for key in ["wp_id", "previous_status", "new_status"] {
        if let Some(word) = payload[key].as_str() {
            words.push_str(&format!(" {word}"));
        }
    }
    if let (Some(_), Some(ids)) = (payload.get("wp_id"), payload.get("dependencies")) {
        words.push_str(&format!(" {ids}"));
    }
    words
}

#[test]
fn the_surroundings_of_the_user_do_not_reach_the_demo() {
    let temp = tempfile::tempdir().unwrap();
    let output = demo(temp.path())
        .arg("--json")
        .env("GIT_DIR", "/nowhere")
        .env("GIT_INDEX_FILE", "/nowhere/index")
        .env("SPECIFY_FEATURE", "999-other")
        .env("SPECIFY_REPO_ROOT", "/nowhere")
        .env("SPEC_KITTY_SERVER_URL", "https://elsewhere.invalid")
        .env("SPEC_KITTY_USER", "somebody")
        .env("SPEC_KITTY_COLOR", "always")
        .env("HTTP_PROXY", "http://127.0.0.1:9")
        .env("http_proxy", "http://127.0.0.1:9")
        .env("ALL_PROXY", "http://127.0.0.1:9")
        .output()
        .unwrap();
    assert_eq!(report(&output)["ok"], true);
    assert_eq!(output.status.code(), Some(0));
    assert!(names_in(temp.path()).is_empty());
}

#[test]
fn without_git_the_demo_says_so() {
    let temp = tempfile::tempdir().unwrap();
    let output = demo(temp.path())
        .arg("--json")
        .env("PATH", "")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error["error"]["code"], "no-git");
    assert!(output.stdout.is_empty());
    assert!(names_in(temp.path()).is_empty());
}

#[cfg(unix)]
#[test]
fn an_interrupted_demo_cleans_up() {
    use std::io::{BufRead, BufReader};

    use rustix::process::{Pid, Signal, kill_process};

    let temp = tempfile::tempdir().unwrap();
    let mut child = demo(temp.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let mut lines = stdout.lines().map(Result::unwrap);
    lines.find(|line| line.contains("auth login")).unwrap();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    // Reading on keeps the pipe open: the signal alone ends it.
    lines.for_each(drop);
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(names_in(temp.path()).is_empty());
}
