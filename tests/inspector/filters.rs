//! Filters: repeated means or, different means and.

use crate::support::{Bench, MINUTE_US};
use serde_json::Value;
use spec_kitty::target::TargetId;

fn bench() -> Bench {
    let bench = Bench::with_segments(4000);
    bench.emit(
        "FeatureCreated",
        r#"{"feature_slug":"028-cli-sync","feature_number":"028","target_branch":"2.x","wp_count":2}"#,
    );
    bench.emit(
        "WPCreated",
        r#"{"wp_id":"WP01","title":"Café factory","dependencies":[],"feature_slug":"028-cli-sync"}"#,
    );
    bench.emit(
        "WPCreated",
        r#"{"wp_id":"WP02","title":"Ledger","dependencies":["WP01"],"feature_slug":"0280-other"}"#,
    );
    bench.moved("WP01", "planned", "doing", "claude");
    bench.emit_with(
        "ErrorLogged",
        r#"{"error_type":"runtime","error_message":"2 Failed","wp_id":"WP02"}"#,
        |context| {
            context.team_slug = None;
            context.target = TargetId::SIGNED_OUT;
        },
    );
    bench.foreign(
        "44a34391-86d8-4159-abf1-e0b4d3abc746",
        "ReviewClaimed",
        r#"{"payload":{"note":"caf\u00e9"}}"#,
    );
    bench
}

fn seqs(bench: &Bench, arguments: &[&str]) -> Vec<u64> {
    let mut all = vec!["log", "tail"];
    all.extend(arguments);
    let seq = |event: Value| event["local"]["seq"].as_u64().unwrap();
    bench.json(&all).into_iter().map(seq).collect()
}

#[test]
fn every_filter_chooses_what_it_says() {
    let bench = bench();
    for (arguments, chosen) in [
        (&["--type", "WPCreated"][..], &[2, 3][..]),
        (&["--type", "wpcreated,errorlogged"], &[2, 3, 5]),
        (&["-t", "WPCreated", "-t", "reviewclaimed"], &[2, 3, 6]),
        (&["--wp", "WP01"], &[2, 4]),
        (&["--wp", "wp02", "--wp", "WP01"], &[2, 3, 4, 5]),
        (&["--feature", "028"], &[1, 2, 4]),
        (&["--feature", "028-CLI-sync"], &[1, 2, 4]),
        (&["--feature", "028-cli"], &[1, 2, 4]),
        (&["--feature", "028-c"], &[]),
        (&["--node", "b805"], &[1, 2, 3, 4, 5]),
        (&["--node", "me"], &[1, 2, 3, 4, 5]),
        (&["--node", "feedfacecafe"], &[6]),
        (&["--team", "ACME-corp"], &[1, 2, 3, 4, 6]),
        (&["--lamport", "2..3"], &[2, 3]),
        (&["--lamport", "5.."], &[5, 6]),
        (&["--grep", "failed"], &[5]),
        (&["--grep", "FAILED"], &[]),
        (&["-g", "café"], &[2, 6]),
        (&["-g", "44a34391"], &[]),
        (&["--state", "pending"], &[1, 2, 3, 4, 5, 6]),
        (&["--state", "delivered,parked"], &[]),
        (&["-u"], &[1, 2, 3, 4, 5, 6]),
        (&["--since", "2026-02-03T12:04:00Z"], &[5, 6]),
        (&["--since", "2026-02-03 12:04", "--utc"], &[5, 6]),
        (&["--until", "2026-02-03T12:01:00Z"], &[1]),
        (
            &[
                "--since",
                "2026-02-03T13:01:00+01:00",
                "--until",
                "2026-02-03T12:02:00Z",
            ],
            &[2],
        ),
        (&["--since", "1h"], &[]),
        (&["--wp", "WP02", "--type", "WPCreated"], &[3]),
        (&["--wp", "WP02", "--type", "WPStatusChanged"], &[]),
        (&["--node", "me", "-n", "2"], &[4, 5]),
        (&["--node", "me", "-n", "2", "-r"], &[5, 4]),
        (&["--wp", "WP02", "-n", "1"], &[5]),
    ] {
        assert_eq!(seqs(&bench, arguments), chosen, "{arguments:?}");
    }
}

#[test]
fn since_means_everything_since_then_and_not_the_newest_twenty() {
    let bench = Bench::new();
    for n in 0..30 {
        bench.note(&n.to_string());
    }
    assert_eq!(bench.notes(&["--since", "2026-02-03"]).len(), 30);
    assert_eq!(bench.notes(&["--until", "2026-02-04"]).len(), 20);
    let (day, next) = ("2026-02-03", "2026-02-04");
    let ran = bench.run(&["-v", "log", "tail", "--since", day, "--until", next]);
    assert_eq!(
        ran.stderr,
        "events since 2026-02-03T00:00:00.000Z and before 2026-02-04T00:00:00.000Z\n"
    );
    assert_eq!(bench.notes(&["--since", "2026-02-03", "-n", "4"]).len(), 4);
}

#[test]
fn today_is_a_day_of_the_zone_in_which_it_is_asked() {
    let bench = Bench::new();
    let now = jiff::Timestamp::now().as_microsecond();
    bench.emit_with(
        "HistoryAdded",
        r#"{"wp_id":"WP01","entry_type":"note","entry_content":"now"}"#,
        |context| {
            context.timestamp_us = now;
        },
    );
    bench.emit_with(
        "HistoryAdded",
        r#"{"wp_id":"WP01","entry_type":"note","entry_content":"old"}"#,
        |context| {
            context.timestamp_us = now - 2 * 24 * 60 * MINUTE_US;
        },
    );
    assert_eq!(bench.notes(&["--since", "1h"]), ["now"]);
    assert_eq!(bench.notes(&["--until", "1 day ago"]), ["old"]);
}
