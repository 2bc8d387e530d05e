//! `log show`.

use crate::support::{Bench, id, rejected};
use spec_kitty::state::Retry;

fn bench() -> Bench {
    let bench = Bench::new();
    bench.moved("WP01", "planned", "doing", "claude");
    bench.note("begun");
    bench
}

#[test]
fn an_event_is_found_by_number_by_id_and_by_how_its_id_begins() {
    let bench = bench();
    let whole = bench.prints(&["log", "show", &id(1)]);
    assert!(whole.starts_with(&format!("event_id\t{}\n", id(1))));
    let start = &id(1)[..14];
    for name in ["2", start, &start.to_lowercase(), &id(1).to_lowercase()] {
        assert_eq!(bench.prints(&["log", "show", name]), whole, "{name}");
    }
    let event = &bench.json(&["log", "show", "2"])[0];
    assert_eq!(*event, bench.json(&["log", "tail", "-n", "1"])[0]);
}

#[test]
fn what_does_not_exist_is_answered_with_what_may_have_been_meant() {
    let bench = bench();
    let mut wrong = id(1);
    wrong.replace_range(12..13, "Z");
    let ran = bench.run(&["log", "show", &wrong]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), ""));
    assert_eq!(
        ran.stderr,
        format!(
            "error[no-such-event]: no event has the id {wrong}\n  did you mean {}?\n  next: see what there is: spec-kitty log tail\n",
            id(1)
        )
    );
    for name in ["3", "99999999999999999999", "nothing\u{1b}[31m"] {
        let ran = bench.run(&["log", "show", name]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), ""), "{name}");
        assert!(!ran.stderr.contains('\u{1b}'));
    }
    assert_eq!(bench.run(&["log", "show", ""]).code, Some(2));
    bench.bind();
    let ran = bench.run(&["log", "show", "3"]);
    assert_eq!(ran.code, Some(3));
    assert!(
        ran.stderr.contains("record 3 is no event"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_beginning_that_several_share_names_them() {
    let bench = bench();
    let ran = bench.run(&["log", "show", "01KG"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert_eq!(
        ran.stderr,
        format!(
            "error[ambiguous-id]: 2 events have an id that begins with 01KG:\n  {}\n  {}\n  next: name more of the id\n",
            id(0),
            id(1)
        )
    );
    for _ in 0..20 {
        bench.note("more");
    }
    let ran = bench.run(&["log", "show", "01KG"]);
    assert!(
        ran.stderr.contains("22 events") && ran.stderr.contains("and 20 more"),
        "{}",
        ran.stderr
    );
}

#[test]
fn an_event_that_is_damaged_is_not_called_unknown_without_a_word() {
    let bench = bench();
    let placed = bench.note("damaged");
    bench.note("behind");
    bench.flip(1, placed.offset.0 + 100);
    for name in [placed.seq.to_string(), id(2)] {
        let ran = bench.run(&["log", "show", &name]);
        assert_eq!(ran.code, Some(3));
        assert!(
            ran.stderr.contains("spec-kitty log verify"),
            "{name}: {}",
            ran.stderr
        );
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_person_gets_a_page() {
    let bench = bench();
    let project = crate::support::PROJECT;
    bench.answered(
        project,
        &[(1, id(0), rejected(Retry::Never, "WP01 has\nopen subtasks"))],
    );
    let Some((shown, code)) = bench.screen(80, "log show 1") else {
        return;
    };
    assert_eq!(code, 0);
    let expected = format!(
        "  {}  WPStatusChanged

  About      WP01 (WorkPackage)
  What       planned → doing · claude
  Recorded   2026-02-03 12:00:00.000 +00:00
  Clock      1 (Lamport), node b805cd5cee74
  Position   1, 0000000001.seg byte 1,024
  Feature    028-cli-sync
  Team       acme-corp
  Project    widgets · 44a34391-86d8-4159-abf1-e0b4d3abc746
  Git        main · 409ce863c69ac30e0cef7d21797a1f45928a0084 · acme/widgets
  Delivery   ✗ parked after 1 try
             WP01 has␊open subtasks

  Payload
    {{
      \"wp_id\": \"WP01\",
      \"previous_status\": \"planned\",
      \"new_status\": \"doing\",
      \"changed_by\": \"claude\",
      \"feature_slug\": \"028-cli-sync\"
    }}
",
        id(0)
    );
    assert_eq!(shown, expected);
}
