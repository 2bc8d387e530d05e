//! Damage: named, counted, and never in the way of what is sound.

use std::io::Write;

use crate::support::{Bench, PROJECT, acme, id, rejected};
use serde_json::json;
use spec_kitty::home::Home;
use spec_kitty::log::frame::Kind;
use spec_kitty::log::storage::{Disk, Storage};
use spec_kitty::state::{Mark, Outcome, Retry, State};
use spec_kitty::target::TargetId;

/// Five notes in one segment, the third of them damaged.
fn bench() -> (Bench, u64) {
    let bench = Bench::new();
    let placed: Vec<_> = (1..=5).map(|n| bench.note(&format!("note {n}"))).collect();
    bench.flip(1, placed[2].offset.0 + 200);
    (bench, placed[2].offset.0)
}

#[test]
fn tail_shows_the_rest_and_says_what_is_missing() {
    let (bench, offset) = bench();
    let ran = bench.run(&["log", "tail"]);
    assert_eq!((ran.code, ran.stdout.lines().count()), (Some(0), 4));
    let offset = spec_kitty::cli::columns::grouped(offset);
    assert_eq!(
        ran.stderr,
        format!(
            "warning: 0000000001.seg, byte {offset}: a checksum is wrong: the bytes changed on disk; record 3 is lost; see: spec-kitty log verify\n"
        )
    );
    let ran = bench.run(&["log", "tail", "-r"]);
    assert_eq!(ran.stdout.lines().count(), 4);
    assert_eq!(
        ran.stderr,
        "warning: record 3 is lost; see: spec-kitty log verify\n"
    );
    assert_eq!(
        bench.prints(&["log", "tail", "-n", "2"]).lines().count(),
        2,
        "damage before it is not its matter"
    );
}

/// Frames that were met on the way back are not read again; what reading
/// forward says of their segment is told all the same.
#[test]
fn the_newest_events_do_not_hide_a_damaged_header() {
    let bench = Bench::new();
    for n in 1..=5 {
        bench.note(&format!("note {n}"));
    }
    bench.flip(1, 20);
    let said = "warning: 0000000001.seg, byte 0: one of two copies of the header is unreadable; \
                nothing is lost; see: spec-kitty log verify\n";
    for lines in ["2", "20", "all"] {
        let ran = bench.run(&["log", "tail", "-n", lines]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), said), "{lines}");
    }
}

#[test]
fn verify_names_the_place_and_what_is_lost() {
    let (bench, offset) = bench();
    let ran = bench.run(&["--json", "log", "verify"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(5), ""));
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let bytes = report["damage"][0]["bytes"].clone();
    assert_eq!(
        report,
        json!({
            "kind": "log-verify", "v": 1, "ok": false, "segments": 1, "events": 4, "torn_bytes": 0,
            "damage": [{"segment": 1, "offset": offset, "bytes": bytes, "reason": "bad-checksum"}],
            "lost": [{
                "from_seq": 3, "to_seq": 3, "possibly_unacknowledged": true,
                "lamport_after": 2, "lamport_before": 4,
                "recorded_after": "2026-02-03T12:01:00.000Z",
                "recorded_before": "2026-02-03T12:03:00.000Z",
                "delivered": false, "refused": 0, "targets": [],
            }],
        })
    );
    bench.answered(PROJECT, &[(4, id(3), Outcome::Delivered)]);
    let lost = &report_of(&bench)["lost"][0];
    assert_eq!(lost["possibly_unacknowledged"], false);
    assert_eq!(
        (&lost["delivered"], &lost["targets"]),
        (&json!(false), &json!([acme().id().to_string()]))
    );
}

/// The report of a `log verify` that finds something.
fn report_of(bench: &Bench) -> serde_json::Value {
    let ran = bench.run(&["--json", "log", "verify"]);
    assert_eq!(ran.code, Some(5), "{}", ran.stdout);
    serde_json::from_str(&ran.stdout).unwrap()
}

fn settled(numbers: std::ops::RangeInclusive<u64>) -> Vec<(u64, String, Outcome)> {
    numbers
        .map(|n| (n, id(n - 1), Outcome::Delivered))
        .collect()
}

/// Five were confirmed and four of them are here: the fifth is the lost one.
#[test]
fn a_loss_that_the_server_has_is_proven_by_counting() {
    let (bench, _) = bench();
    bench.answered(PROJECT, &settled(1..=5));
    let lost = &report_of(&bench)["lost"][0];
    assert_eq!(lost["delivered"], true);
    assert_eq!(lost["targets"], json!([acme().id().to_string()]));
    let shown = bench.run(&["log", "verify"]).stdout;
    assert!(
        shown.contains("\nKnown  delivered before: the server has it\n"),
        "{shown}"
    );
}

/// One of four is lost, and three were confirmed: it may be any of them.
#[test]
fn nothing_is_called_delivered_that_does_not_add_up() {
    let (other, _) = bench();
    let mut answers = settled(1..=5);
    answers.remove(2);
    other.answered(PROJECT, &answers);
    let lost = &report_of(&other)["lost"][0];
    assert_eq!(
        (&lost["delivered"], &lost["refused"]),
        (&json!(false), &json!(0))
    );
    // A ledger of another log proves nothing.
    let (bench, _) = bench();
    let mut answers = settled(1..=5);
    answers[4].1 = id(77);
    bench.answered(PROJECT, &answers);
    assert_eq!(report_of(&bench)["lost"][0]["delivered"], false);
    // Whose it was may have stood in what is lost.
    let bench = Bench::new();
    let third = [0, 1, 2].map(|n| bench.note(&n.to_string()))[2];
    bench.emit_with("HistoryAdded", NOTE, |context| {
        context.target = TargetId::SIGNED_OUT;
        context.team_slug = None;
    });
    bench.note("last");
    bench.flip(1, third.offset.0 + 200);
    bench.answered(PROJECT, &settled(1..=5));
    assert_eq!(report_of(&bench)["lost"][0]["delivered"], false);
}

const NOTE: &str = r#"{"wp_id":"WP01","entry_type":"note","entry_content":"x"}"#;

#[test]
fn what_the_server_had_refused_is_not_called_delivered() {
    let (bench, _) = bench();
    let mut answers = settled(1..=5);
    answers[2].2 = rejected(Retry::Never, "no");
    bench.answered(PROJECT, &answers);
    let lost = &report_of(&bench)["lost"][0];
    assert_eq!(
        (&lost["delivered"], &lost["refused"]),
        (&json!(false), &json!(1))
    );
    let shown = bench.run(&["log", "verify"]).stdout;
    assert!(
        shown.contains("\nKnown  the server had refused it\n"),
        "{shown}"
    );
}

#[test]
fn an_end_that_was_confirmed_to_a_command_is_missed_without_a_sender() {
    let bench = Bench::new();
    bench.note("a");
    let second = bench.note("b");
    let state = State::at(Home::at(bench.home()).state_dir());
    std::fs::create_dir_all(state.dir()).unwrap();
    let mark = Mark {
        log: Disk.identity_of(&bench.log.dir().lock_path()).unwrap(),
        seq: second.seq,
        clock: second.clock,
        highest: None,
    };
    assert!(state.set_mark(mark));
    assert_eq!(bench.json(&["log", "verify"])[0]["ok"], true);
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(bench.segment(1))
        .unwrap();
    file.set_len(second.offset.0 + 50).unwrap();
    let ran = bench.run(&["log", "verify"]);
    assert_eq!(ran.code, Some(5));
    let at = spec_kitty::cli::columns::grouped(second.offset.0);
    assert_eq!(
        ran.stdout,
        format!(
            "\
Damage: 1 record is lost. 1 event can be read.

Where  the end of the log
What   more was recorded here than the log holds
Lost   record 2, Lamport 2 or later
When   after 2026-02-03 12:00:00
Known  it was confirmed to the command that wrote it
Note: 50 bytes at the end of 0000000001.seg, byte {at} are no whole record.

Safe   everything else; the log stays writable
next:  spec-kitty log tail -n all --json
       (copies what can be read)
"
        )
    );
}

#[test]
fn a_person_reads_where_what_and_what_next() {
    let (bench, offset) = bench();
    let ran = bench.run(&["log", "verify"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(5), ""));
    let offset = spec_kitty::cli::columns::grouped(offset);
    let expected = format!(
        "Damage: 1 record is lost. 4 events can be read.

Where  0000000001.seg, byte {offset} (704 B)
What   a checksum is wrong: the bytes changed on disk
Lost   record 3, Lamport 3
When   between 2026-02-03 12:01:00 and 2026-02-03 12:03:00
Known  perhaps never confirmed to the command that wrote it

Safe   everything else; the log stays writable
next:  spec-kitty log tail -n all --json
       (copies what can be read)
"
    );
    assert_eq!(ran.stdout, expected);
    let Some((shown, code)) = bench.screen(40, "log verify") else {
        return;
    };
    assert_eq!(code, 5);
    assert!(
        shown.starts_with("  Damage: 1 record is lost. 4 events can\n  be read.\n"),
        "{shown}"
    );
    let too_wide = |line: &&str| spec_kitty::cli::output::width(line) > 40;
    assert_eq!(shown.lines().find(too_wide), None);
}

#[test]
fn a_torn_tail_is_a_note() {
    let bench = Bench::new();
    bench.note("whole");
    let bytes = std::fs::read(bench.segment(1)).unwrap();
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(bench.segment(1))
        .unwrap();
    file.write_all(&bytes[1024..1085]).unwrap();
    let shown = bench.prints(&["log", "verify"]);
    let at = spec_kitty::cli::columns::grouped(bytes.len() as u64);
    assert_eq!(
        shown,
        format!(
            "Sound. 1 event in 1 segment.\nNote: 61 bytes of an unfinished write at the end of 0000000001.seg, byte {at}; never confirmed to any command.\n"
        )
    );
    let report = &bench.json(&["log", "verify"])[0];
    assert_eq!(
        (&report["ok"], &report["torn_bytes"]),
        (&json!(true), &json!(61))
    );
    assert_eq!(bench.prints(&["log", "tail"]).lines().count(), 1);
}

#[test]
fn an_end_that_is_missing_is_noticed_when_the_sender_was_there() {
    let bench = Bench::new();
    bench.note("a");
    let second = bench.note("b");
    bench.note("c");
    bench.answered(
        PROJECT,
        &[
            (1, id(0), Outcome::Delivered),
            (2, id(1), Outcome::Delivered),
            (3, id(2), Outcome::Delivered),
        ],
    );
    assert_eq!(bench.json(&["log", "verify"])[0]["ok"], true);
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(bench.segment(1))
        .unwrap();
    file.set_len(second.offset.0).unwrap();
    let ran = bench.run(&["--json", "log", "verify"]);
    assert_eq!(ran.code, Some(5));
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["damage"], json!([]));
    assert_eq!(
        report["lost"],
        json!([{
            "from_seq": 2, "to_seq": 3, "possibly_unacknowledged": false,
            "lamport_after": 1, "lamport_before": null,
            "recorded_after": "2026-02-03T12:00:00.000Z", "recorded_before": null,
            "delivered": true, "refused": 0, "targets": [acme().id().to_string()],
        }])
    );
    let ran = bench.run(&["log", "verify"]);
    assert!(
        ran.stdout
            .starts_with("Damage: 2 records are lost. 1 event can be read.\n"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_missing_segment_is_damage() {
    let bench = Bench::with_segments(2000);
    for n in 0..10 {
        bench.note(&n.to_string());
    }
    std::fs::remove_file(bench.segment(2)).unwrap();
    let ran = bench.run(&["log", "tail", "-n", "all"]);
    assert_eq!(
        ran.stderr,
        "warning: 0000000001.seg, at byte 1,723: records are missing; record 2 is lost; see: spec-kitty log verify\n"
    );
    assert_eq!(bench.run(&["log", "verify"]).code, Some(5));
}

#[test]
fn a_whole_record_that_holds_no_event_is_named() {
    let bench = Bench::new();
    bench.note("fine");
    let no_json = bench.foreign("x", "Other", "{not json}");
    let no_header = bench.frame(Kind::Event, &[1, 255, 255]);
    let ran = bench.run(&["--json", "log", "verify"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(5), ""));
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&report["events"], &report["lost"]),
        (&json!(1), &json!([]))
    );
    let reasons = |n: usize| {
        (
            &report["damage"][n]["offset"],
            &report["damage"][n]["reason"],
        )
    };
    let why = json!("unreadable-event");
    assert_eq!(reasons(0), (&json!(no_json.offset.0), &why));
    assert_eq!(reasons(1), (&json!(no_header.offset.0), &why));
    let ran = bench.run(&["log", "verify"]);
    let headline = "Damage: 2 events are not understood. 1 event can be read.\n";
    assert!(ran.stdout.starts_with(headline), "{}", ran.stdout);
    let ran = bench.run(&["log", "tail"]);
    assert_eq!((ran.code, ran.stdout.lines().count()), (Some(0), 2));
    assert!(
        ran.stderr.contains("record 3 is left out"),
        "{}",
        ran.stderr
    );
    for (form, record) in [("--json", "2"), ("--quiet", "3")] {
        let ran = bench.run(&[form, "log", "show", record]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(5), ""), "{record}");
        assert!(ran.stderr.contains("left out"), "{}", ran.stderr);
    }
}

#[test]
fn what_a_newer_version_wrote_is_no_damage() {
    let bench = Bench::new();
    bench.frame(Kind::Event, &[2, 0, 0]);
    let ran = bench.run(&["--json", "log", "verify"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(10), ""));
}
