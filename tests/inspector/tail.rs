//! Which events `log tail` prints, and in which order.

use crate::support::{Bench, id, program, ran};
use spec_kitty::log::frame::Kind;

/// Notes 1 to `count`, in small segments.
fn notes(count: u64) -> Bench {
    let bench = Bench::with_segments(3000);
    for n in 1..=count {
        bench.note(&format!("note {n}"));
    }
    bench
}

fn numbered(numbers: impl IntoIterator<Item = u64>) -> Vec<String> {
    numbers.into_iter().map(|n| format!("note {n}")).collect()
}

#[test]
fn the_newest_twenty_oldest_first_unless_told_otherwise() {
    let bench = notes(45);
    assert!(bench.segment(5).exists(), "across segments");
    assert_eq!(bench.notes(&[]), numbered(26..=45));
    assert_eq!(bench.notes(&["-n", "3"]), numbered(43..=45));
    assert_eq!(bench.notes(&["-n", "0"]), numbered([]));
    assert_eq!(bench.notes(&["-n", "all"]), numbered(1..=45));
    assert_eq!(bench.notes(&["-n", "1000"]), numbered(1..=45));
    assert_eq!(bench.notes(&["-r", "-n", "3"]), numbered([45, 44, 43]));
    assert_eq!(bench.notes(&["-r", "-n", "all"]), numbered((1..=45).rev()));
    assert_eq!(
        bench.notes(&["-n", "5", "--limit", "2"]),
        numbered([41, 42])
    );
    assert_eq!(bench.notes(&["-r", "--limit", "2"]), numbered([45, 44]));
    assert_eq!(bench.notes(&["--limit", "0"]), numbered([]));
}

#[test]
fn after_an_event_everything_that_came_later() {
    let bench = notes(45);
    assert_eq!(bench.notes(&["--after", &id(2)]), numbered(4..=45));
    assert_eq!(bench.notes(&["--after", "43"]), numbered([44, 45]));
    assert_eq!(bench.notes(&["--after", "45"]), numbered([]));
    assert_eq!(bench.notes(&["--after", "43", "-r"]), numbered([45, 44]));
    assert_eq!(
        bench.notes(&["--after", "10", "-n", "2"]),
        numbered([44, 45])
    );
    let ran = bench.run(&["log", "tail", "--after", "01ARZ3NDEKTSV4RRFFQ69G5FAV"]);
    assert_eq!(ran.code, Some(3));
    assert_eq!(ran.stdout, "");
}

#[test]
fn what_is_no_event_is_not_shown_and_does_not_count() {
    let bench = notes(2);
    bench.frame(Kind::Clock, &[1, 2, 3]);
    bench.bind();
    bench.frame(Kind::Other(77), b"from later");
    bench.note("note 3");
    assert_eq!(bench.notes(&["-n", "2"]), numbered([2, 3]));
    assert_eq!(bench.notes(&["-r", "-n", "2"]), numbered([3, 2]));
}

#[test]
fn events_made_elsewhere_are_shown_too() {
    let bench = notes(1);
    let json = r#"{"event_id":"44a34391-86d8-4159","payload":{"a":1}}"#;
    bench.foreign("44a34391-86d8-4159", "ReviewClaimed", json);
    let events = bench.json(&["log", "tail"]);
    assert_eq!(events[1]["payload"]["a"], 1);
    assert_eq!(events[1]["local"]["recorded_at"], serde_json::Value::Null);
    assert_eq!(
        events[0]["local"]["recorded_at"],
        "2026-02-03T12:00:00.000Z"
    );
}

#[test]
fn no_log_is_no_error() {
    let bench = Bench::new();
    let ran = bench.run(&["log", "tail"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""));
    assert_eq!(
        ran.stderr,
        "no events yet; record one: spec-kitty emit --help\n"
    );
    assert_eq!(bench.prints(&["--json", "log", "tail"]), "");
    assert_eq!(bench.prints(&["-q", "log", "tail"]), "");
    assert_eq!(
        bench.prints(&["log", "verify"]),
        "Sound. There is no log yet.\n"
    );
    assert!(!bench.home().exists(), "looking creates nothing");
}

#[test]
fn nothing_that_matches_is_said_and_is_no_error() {
    let bench = notes(1);
    let ran = bench.run(&["log", "tail", "--wp", "WP77"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""));
    assert_eq!(ran.stderr, "no event matches\n");
}

#[test]
fn wrong_usage_is_named() {
    let bench = notes(1);
    for (arguments, says) in [
        (&["-f", "-r"][..], "cannot be used with"),
        (&["--idle-exit", "1s"], "--follow"),
        (&["-n", "some"], "write a number, or all"),
        (&["--since", "1M"], "minutes or months"),
        (&["--since", "soon"], "yesterday"),
        (&["--lamport", "5..1"], "larger"),
        (&["--state", "acked"], "delivered"),
        (&["-o", "xml"], "csv"),
        (
            &["--type", "WPStatusChangd"],
            "did you mean WPStatusChanged?\n  the log holds: HistoryAdded 1",
        ),
    ] {
        let mut all = vec!["log", "tail"];
        all.extend(arguments);
        let ran = bench.run(&all);
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (Some(2), ""),
            "{arguments:?}"
        );
        assert!(ran.stderr.contains(says), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
#[cfg(unix)]
fn a_closed_stdin_and_a_read_only_home_are_enough_to_look() {
    use std::os::unix::fs::PermissionsExt;

    let bench = notes(3);
    let log = bench.log.dir().path().to_owned();
    std::fs::set_permissions(&log, std::fs::Permissions::from_mode(0o500)).unwrap();
    let mut shell = std::process::Command::new("sh");
    let line = format!(
        "exec {} --home {} log tail -o raw <&-",
        env!("CARGO_BIN_EXE_spec-kitty"),
        bench.home().display()
    );
    shell.args(["-c", &line]).env("SPEC_KITTY_NO_DAEMON", "1");
    let ran = ran(&mut shell);
    std::fs::set_permissions(&log, std::fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert_eq!(ran.stdout.lines().count(), 3);
}

#[test]
#[cfg(unix)]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    use std::io::{BufRead, BufReader, Read};
    use std::process::Stdio;

    let bench = Bench::new();
    let long = "x".repeat(100_000);
    for _ in 0..20 {
        bench.note(&long);
    }
    let mut child = bench
        .command(&["log", "tail", "--json", "-n", "all"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::with_capacity(64, child.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    let mut errors = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut errors)
        .unwrap();
    assert_eq!(
        (child.wait().unwrap().code(), errors.as_str()),
        (Some(0), "")
    );
    serde_json::from_str::<serde_json::Value>(&first).unwrap();
}

#[test]
fn a_log_of_a_later_format_is_not_guessed_at() {
    let bench = notes(1);
    bench.frame(Kind::Event, &[9, 1, 2, 3]);
    for arguments in [
        &["log", "tail"][..],
        &["log", "stats"],
        &["log", "show", "2"],
    ] {
        let ran = bench.run(arguments);
        assert_eq!(ran.code, Some(10), "{arguments:?}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("error[newer-log]: 0000000001.seg"),
            "{}",
            ran.stderr
        );
    }
}

#[test]
#[cfg(unix)]
fn a_log_that_cannot_be_read_is_named() {
    let bench = notes(1);
    let segment = bench.segment(1);
    std::fs::remove_file(&segment).unwrap();
    std::fs::create_dir(&segment).unwrap();
    for arguments in [&["log", "tail"][..], &["log", "verify"], &["log", "stats"]] {
        let mut command = program();
        command
            .arg("--home")
            .arg(bench.home())
            .arg("--json")
            .args(arguments);
        let ran = ran(&mut command);
        assert_eq!(ran.code, Some(1), "{arguments:?}: {}", ran.stderr);
        let error: serde_json::Value =
            serde_json::from_str(ran.stderr.lines().last().unwrap()).unwrap();
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains("0000000001.seg"), "{message}");
    }
}
