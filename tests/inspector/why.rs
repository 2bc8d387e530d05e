//! `log why`: what led to an event, what followed, why it is not delivered.

use crate::support::{Bench, PROJECT, id, ran, rejected};
use serde_json::{Value, json};
use spec_kitty::state::{Outcome, Retry};
use spec_kitty::sync::control::Control;
use spec_kitty::target::TargetId;

fn why(bench: &Bench, name: &str) -> Value {
    let mut all = bench.json(&["log", "why", name]);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn numbers(of: &Value) -> Vec<u64> {
    let each = of.as_array().unwrap().iter();
    each.map(|link| link["seq"].as_u64().unwrap()).collect()
}

#[test]
fn causes_lead_up_and_effects_down() {
    let bench = Bench::new();
    bench.note("the first");
    bench.caused(&id(0), "its effect");
    bench.note("another");
    bench.caused(&id(1), "effect of the effect");
    bench.caused(&id(1), "and another one");
    bench.caused(&id(3), "at the end");
    let story = why(&bench, "4");
    assert_eq!((&story["kind"], &story["v"]), (&json!("why"), &json!(1)));
    assert_eq!(story["event"], bench.json(&["log", "show", "4"])[0]);
    assert_eq!(numbers(&story["causes"]), [2, 1]);
    assert_eq!(story["causes_end"], "first");
    assert_eq!(numbers(&story["effects"]), [6]);
    let story = why(&bench, "1");
    assert_eq!(numbers(&story["effects"]), [2, 4, 5, 6]);
    let distances = story["effects"].as_array().unwrap().iter();
    let distances: Vec<_> = distances.map(|link| link["distance"].clone()).collect();
    assert_eq!(distances, [1, 2, 2, 3]);
    let shown = bench.prints(&["log", "why", "6"]);
    assert!(shown.contains("Because   4 HistoryAdded"), "{shown}");
    assert!(shown.contains("Led to    nothing yet"), "{shown}");
}

#[test]
fn a_cause_that_is_not_here_is_said_and_what_shares_it_is_named() {
    let bench = Bench::new();
    let reason = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    for text in ["a", "b", "c"] {
        bench.caused(reason, text);
    }
    let story = why(&bench, "2");
    assert_eq!(story["causes_end"], "missing");
    assert_eq!(story["missing_cause"], reason);
    assert_eq!(numbers(&story["together"]), [1, 3]);
    assert_eq!(numbers(&story["causes"]), [0_u64; 0]);
}

#[test]
fn chains_that_lead_back_or_never_end_are_harmless() {
    let bench = Bench::new();
    let of = |at: u64| match at {
        1 => "01ARZ3NDEKTSV4RRFFQ69G5FA1",
        2 => "01ARZ3NDEKTSV4RRFFQ69G5FA2",
        _ => "01ARZ3NDEKTSV4RRFFQ69G5FA3",
    };
    for (own, cause) in [(1, 2), (2, 3), (3, 1)] {
        bench.foreign_with(of(own), "Other", "{}", |header| {
            header.causation_id = Some(of(cause));
        });
    }
    bench.foreign_with("01ARZ3NDEKTSV4RRFFQ69G5FA4", "Other", "{}", |header| {
        header.causation_id = Some("01ARZ3NDEKTSV4RRFFQ69G5FA4");
    });
    let story = why(&bench, "1");
    // The cause of the first stands behind it: an import brought it later.
    assert_eq!(numbers(&story["causes"]), [2, 3]);
    assert_eq!(story["causes_end"], "circle");
    assert_eq!(numbers(&story["effects"]), [3, 2].map(|_| 3)[..1]);
    assert_eq!(why(&bench, "4")["causes_end"], "circle");
    bench.note("0");
    let mut last = id(4);
    for n in 5..60 {
        bench.caused(&last, "on and on");
        last = id(n);
    }
    let story = why(&bench, &last);
    assert_eq!(story["causes_end"], "long");
    assert_eq!(story["causes"].as_array().unwrap().len(), 32);
    let story = why(&bench, &id(4));
    assert_eq!(story["effects"].as_array().unwrap().len(), 55);
    assert_eq!(story["more_effects"], 0);
}

#[test]
fn show_why_and_after_read_the_same_names() {
    let bench = Bench::new();
    for text in ["a", "b", "c"] {
        bench.note(text);
    }
    let by_seq = bench.json(&["log", "show", "2"]);
    let whole = id(1);
    for name in ["2", "@2", &whole, &whole.to_lowercase(), &whole[..14]] {
        assert_eq!(bench.json(&["log", "show", name]), by_seq, "{name}");
        assert_eq!(why(&bench, name)["event"], by_seq[0], "{name}");
        assert_eq!(bench.notes(&["--after", name]), ["c"], "{name}");
    }
    bench.foreign_with("01ARZ3NDEKTSV4RRFFQ69G5FAV", "Other", "{}", |header| {
        header.lamport = 2;
    });
    for command in [
        &["log", "why", "@2"][..],
        &["log", "show", "@2"],
        &["log", "tail", "--after", "@2"],
    ] {
        let ran = bench.run(command);
        assert_eq!(ran.code, Some(2), "{command:?}");
        let both = format!(
            "error[ambiguous-id]: 2 events have the clock value 2:\n  01ARZ3NDEKTSV4RRFFQ69G5FAV\n  {}\n  next: name one by its id\n",
            id(1)
        );
        assert_eq!(ran.stderr, both);
    }
    assert_eq!(bench.run(&["log", "why", "@77"]).code, Some(3));
    assert_eq!(bench.run(&["log", "why", "9"]).code, Some(3));
}

/// The first closed gate and the command that opens it, in the fixed order.
#[test]
fn an_event_that_waits_says_what_for() {
    let bench = Bench::new();
    bench.note("acme's own");
    bench.emit_with(
        "HistoryAdded",
        r#"{"wp_id":"WP01","entry_type":"note","entry_content":"homeless"}"#,
        |context| context.project_uuid = None,
    );
    bench.emit_with(
        "HistoryAdded",
        r#"{"wp_id":"WP01","entry_type":"note","entry_content":"kept"}"#,
        |context| context.opted_out = true,
    );
    bench.emit_with(
        "HistoryAdded",
        r#"{"wp_id":"WP01","entry_type":"note","entry_content":"nobody's"}"#,
        |context| {
            context.target = TargetId::SIGNED_OUT;
            context.team_slug = None;
        },
    );
    let gate = |name: &str| why(&bench, name)["delivery"]["gate"]["name"].clone();
    assert_eq!(gate("1"), "signed-in");
    bench.sign_in("bob");
    assert_eq!(gate("1"), "signed-in", "it is not his");
    bench.sign_in("alice");
    assert_eq!(gate("1"), Value::Null);
    let delivery = &why(&bench, "1")["delivery"];
    assert_eq!(delivery["next"], json!(["spec-kitty sync now"]));
    assert_eq!(delivery["target"]["user"], "alice");
    assert_eq!(gate("2"), "project");
    assert_eq!(gate("4"), "signed-in");
    let kept = &why(&bench, "3")["delivery"];
    assert_eq!(
        (&kept["never"], &kept["next"]),
        (&json!("its project opted out"), &json!([]))
    );
    let mut off = bench.command(&["--json", "log", "why", "1"]);
    let off = ran(off.env("SPEC_KITTY_SYNC_DISABLE", "1"));
    let off: Value = serde_json::from_str(&off.stdout).unwrap();
    assert_eq!(off["delivery"]["gate"]["name"], "sync");
    assert_eq!(
        off["delivery"]["next"],
        json!(["unset SPEC_KITTY_SYNC_DISABLE"])
    );
}

#[test]
fn a_refused_event_says_why_how_often_and_what_to_do() {
    let bench = Bench::new();
    bench.sign_in("alice");
    for n in 0..3 {
        bench.note(&n.to_string());
    }
    let far_ms = 4_000_000_000_000;
    bench.answered(
        PROJECT,
        &[
            (
                1,
                id(0),
                rejected(Retry::At(far_ms), "later\u{1b}[2J\u{202e}"),
            ),
            (2, id(1), rejected(Retry::Never, "never")),
            (3, id(2), Outcome::Delivered),
        ],
    );
    let story = &why(&bench, "1")["delivery"];
    assert_eq!(
        (&story["state"], &story["attempts"]),
        (&json!("rejected"), &json!(1))
    );
    assert_eq!(
        (&story["category"], &story["http_status"]),
        (&json!("validation"), &json!(422))
    );
    assert_eq!(story["next_try_at"], "2096-10-02T07:06:40.000Z");
    assert_eq!(story["refused_at"], "2026-02-03T12:50:00.000Z");
    let retry = format!("spec-kitty sync failures retry {}", id(0));
    let drop = format!("spec-kitty sync failures drop {}", id(0));
    assert_eq!(story["next"], json!([retry, drop]));
    let shown = bench.prints(&["log", "why", "1"]);
    assert!(
        shown.contains("refused it (422)") && shown.contains("1 try so far"),
        "{shown}"
    );
    assert!(shown.contains("validation: “later␛[2J<U+202E>”"), "{shown}");
    let parked = bench.prints(&["log", "why", "2"]);
    assert!(
        parked.contains("It is not tried again by itself"),
        "{parked}"
    );
    assert_eq!(why(&bench, "2")["delivery"]["next_try_at"], Value::Null);
    let done = &why(&bench, "3")["delivery"];
    assert_eq!(
        (&done["state"], &done["next"]),
        (&json!("delivered"), &json!([]))
    );
    // What it tells one to do can be done.
    let dropped: Vec<_> = drop.split(' ').skip(1).collect();
    assert_eq!(bench.run(&dropped).code, Some(0));
    assert_eq!(why(&bench, "1")["delivery"]["never"], "a person gave it up");
}

#[test]
fn what_is_no_event_and_what_is_damaged_is_said() {
    let bench = Bench::new();
    bench.note("a");
    let control = Control::Bind {
        from: TargetId::SIGNED_OUT,
        to: crate::support::acme(),
    };
    bench.frame(spec_kitty::log::frame::Kind::Control, &control.encode());
    let ran = bench.run(&["log", "why", "2"]);
    assert_eq!(ran.code, Some(3));
    assert!(
        ran.stderr.contains("record 2 is no event"),
        "{}",
        ran.stderr
    );
    let damaged = bench.note("b");
    bench.caused("01ARZ3NDEKTSV4RRFFQ69G5FAV", "c");
    bench.flip(1, damaged.offset.0 + 100);
    assert_eq!(why(&bench, "4")["incomplete"], true);
    let shown = bench.prints(&["log", "why", "4"]);
    assert!(shown.contains("spec-kitty log verify"), "{shown}");
}
