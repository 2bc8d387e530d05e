//! Delivery states: what the sender wrote down, and no more than that.

use crate::support::{Bench, PROJECT, id, rejected};
use serde_json::{Value, json};
use spec_kitty::state::{Outcome, Retry};
use spec_kitty::target::TargetId;

fn states(bench: &Bench, arguments: &[&str]) -> Vec<Value> {
    let mut all = vec!["log", "tail"];
    all.extend(arguments);
    let state = |event: Value| event["local"]["state"].clone();
    bench.json(&all).into_iter().map(state).collect()
}

#[test]
fn every_state_is_shown_and_can_be_asked_for() {
    let bench = Bench::new();
    for n in 0..6 {
        bench.note(&n.to_string());
    }
    bench.emit_with(
        "HistoryAdded",
        r#"{"wp_id":"WP01","entry_type":"note","entry_content":"kept"}"#,
        |context| {
            context.opted_out = true;
        },
    );
    bench.answered(
        PROJECT,
        &[
            (1, id(0), Outcome::Delivered),
            (2, id(1), Outcome::Duplicate),
            (3, id(2), rejected(Retry::At(1), "later")),
            (4, id(3), rejected(Retry::Never, "never")),
        ],
    );
    let all = json!([
        "delivered",
        "duplicate",
        "rejected",
        "parked",
        "pending",
        "pending",
        null
    ]);
    assert_eq!(Value::from(states(&bench, &[])), all);
    assert_eq!(
        states(&bench, &["--state", "parked,rejected"]),
        ["rejected", "parked"]
    );
    assert_eq!(
        states(&bench, &["-u", "-n", "3"]),
        ["parked", "pending", "pending"]
    );
    let refused = &bench.json(&["log", "show", "3"])[0]["local"];
    assert_eq!(
        (&refused["attempts"], &refused["last_error"]),
        (&json!(1), &json!("later"))
    );
    let stats = &bench.json(&["log", "stats"])[0]["delivery"];
    assert_eq!(
        *stats,
        json!({"pending": 2, "sent": 0, "delivered": 1, "duplicate": 1, "rejected": 1, "parked": 1})
    );
    let shown = bench.prints(&["log", "tail", "-n", "1"]);
    assert_eq!(shown.split('\t').nth(1), Some("-"));
}

#[test]
fn what_was_recorded_signed_out_belongs_to_whom_the_log_says_later() {
    let bench = Bench::new();
    for text in ["a", "b"] {
        let payload = format!(r#"{{"wp_id":"WP01","entry_type":"note","entry_content":"{text}"}}"#);
        bench.emit_with("HistoryAdded", &payload, |context| {
            context.target = TargetId::SIGNED_OUT;
            context.team_slug = None;
        });
    }
    let adopted = format!("\u{1}{PROJECT}");
    bench.answered(&adopted, &[(1, id(0), Outcome::Delivered)]);
    assert_eq!(
        states(&bench, &[]),
        ["pending", "pending"],
        "bound to nobody"
    );
    bench.bind();
    for arguments in [["-n", "all"], ["-n", "2"]] {
        assert_eq!(
            states(&bench, &arguments),
            ["delivered", "pending"],
            "{arguments:?}"
        );
    }
    assert_eq!(states(&bench, &["-r"]), ["pending", "delivered"]);
    assert_eq!(
        states(&bench, &["--state", "delivered", "-n", "1"]),
        ["delivered"]
    );
    assert_eq!(
        bench.json(&["log", "show", "1"])[0]["local"]["state"],
        "delivered"
    );
    assert_eq!(bench.json(&["log", "stats"])[0]["delivery"]["delivered"], 1);
}

#[test]
fn a_cursor_that_does_not_fit_the_log_proves_nothing() {
    let bench = Bench::new();
    for n in 0..3 {
        bench.note(&n.to_string());
    }
    bench.answered(
        PROJECT,
        &[(
            2,
            "01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned(),
            Outcome::Delivered,
        )],
    );
    assert_eq!(states(&bench, &[]), ["pending", "pending", "pending"]);
}

#[test]
fn a_ledger_that_cannot_be_read_is_said_and_claims_nothing() {
    let bench = Bench::new();
    bench.note("a");
    let view = bench.home().join("state/delivery.view");
    std::fs::create_dir_all(view.parent().unwrap()).unwrap();
    std::fs::write(&view, "garbage").unwrap();
    let ran = bench.run(&["--json", "log", "tail"]);
    assert_eq!(ran.code, Some(0));
    assert!(
        ran.stderr.contains("delivery states are not known"),
        "{}",
        ran.stderr
    );
    let event: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(event["local"]["state"], Value::Null);
}

/// It was called delivered where the log was read forward: the frame that says
/// otherwise lies behind it.
#[test]
fn what_a_person_gave_up_is_nowhere_called_delivered() {
    let bench = Bench::new();
    for n in 0..3 {
        bench.note(&n.to_string());
    }
    let refused = rejected(Retry::Never, "never");
    let answers = [(1, id(0), Outcome::Delivered), (2, id(1), refused)];
    bench.answered(PROJECT, &answers);
    bench.prints(&["sync", "failures", "drop", &id(1)]);
    let all = json!(["delivered", null, "pending"]);
    for arguments in [&[][..], &["-n", "all"], &["--since", "2026-01-01"]] {
        assert_eq!(Value::from(states(&bench, arguments)), all, "{arguments:?}");
    }
    let shown = &bench.json(&["log", "show", "2"])[0]["local"]["state"];
    assert_eq!(*shown, Value::Null);
    let stats = &bench.json(&["log", "stats"])[0]["delivery"];
    assert_eq!(stats["delivered"], 1);
}
