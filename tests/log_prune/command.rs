//! The command: plan, consent, report.

use serde_json::json;

use crate::support::bench::server;
use crate::{bench, run, segments, seqs, signed_in};

const NOW: &str = "retention_days = 0";

#[test]
fn a_plan_is_shown_and_nothing_goes_without_a_yes() {
    let (server, _) = server(|_, _| None);
    let bench = signed_in(&server, NOW);
    bench.emit(&bench.project("widgets"), 30);
    bench.sync();
    let before = segments(&bench);
    let shown = run(&bench, &["log", "prune", "--dry-run"]);
    assert_eq!((shown.code, shown.stderr.as_str()), (Some(0), ""));
    assert!(shown.stdout.contains("0000000001.seg"), "{}", shown.stdout);
    assert!(shown.stdout.contains("is in use"), "{}", shown.stdout);
    let asked = run(&bench, &["log", "prune"]);
    assert_eq!(asked.code, Some(9));
    assert_eq!(asked.stdout, shown.stdout, "the plan is the same");
    assert!(
        asked.stderr.contains("error[needs-yes]"),
        "{}",
        asked.stderr
    );
    let asked = run(&bench, &["--json", "log", "prune"]);
    assert_eq!(
        (asked.code, asked.error_code().as_str()),
        (Some(9), "needs-yes")
    );
    assert_eq!(segments(&bench), before, "nothing has changed");
}

#[test]
fn what_is_delivered_and_over_goes_and_everything_goes_on() {
    let (server, stored) = server(|_, _| None);
    let bench = signed_in(&server, NOW);
    let widgets = bench.project("widgets");
    bench.emit(&widgets, 30);
    bench.sync();
    let before = segments(&bench);
    let ran = run(&bench, &["--json", "log", "prune", "--yes"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let report = ran.json();
    assert_eq!(
        (report["kind"].clone(), report["v"].clone()),
        (json!("log-prune"), json!(1))
    );
    assert_eq!(report["dry_run"], json!(false));
    let removed = report["removed"].as_array().unwrap();
    assert_eq!(removed.len(), before.len() - 1);
    assert_eq!(removed[0]["segment"], json!(1));
    assert_eq!(removed[0]["from_seq"], json!(1));
    assert_eq!(removed[0]["because"], json!("retention"));
    assert_eq!(
        report["stopped_by"],
        json!({"segment": before.last(), "reason": "newest", "waiting": {}, "until": null})
    );
    assert_eq!(segments(&bench), [*before.last().unwrap()]);
    assert_eq!(run(&bench, &["log", "verify"]).code, Some(0));
    assert!(!bench.status().disagrees(), "{:?}", bench.status());
    let again = run(&bench, &["log", "prune"]);
    assert_eq!(again.code, Some(0), "nothing to do needs no consent");
    assert!(
        again.stdout.starts_with("Nothing to prune."),
        "{}",
        again.stdout
    );
    // What comes after has the next numbers, and is sent once.
    bench.emit(&widgets, 3);
    assert_eq!(bench.sync().delivered, 3);
    assert_eq!(seqs(&bench).1, 33);
    assert_eq!(stored.lock().unwrap().len(), 33);
}

#[test]
fn recent_events_stay_and_it_is_said_until_when() {
    let (server, _) = server(|_, _| None);
    let bench = signed_in(&server, "");
    bench.emit(&bench.project("widgets"), 20);
    bench.sync();
    let report = run(&bench, &["--json", "log", "prune", "--dry-run"]).json();
    assert_eq!(report["removed"], json!([]));
    assert_eq!(report["stopped_by"]["reason"], json!("recent"));
    assert!(report["stopped_by"]["until"].is_string());
}

#[test]
fn an_empty_home_has_nothing_to_prune() {
    let bench = bench("");
    let ran = run(&bench, &["log", "prune"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), "Nothing to prune.\n")
    );
    assert!(!bench.home.log_dir().exists(), "looking creates nothing");
}
