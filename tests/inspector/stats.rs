//! `log stats`.

use crate::support::{Bench, MINUTE_US, NODE, PROJECT, id};
use serde_json::json;
use spec_kitty::state::Outcome;

fn bench() -> Bench {
    let bench = Bench::new();
    for n in 0..3 {
        bench.emit_with(
            "HistoryAdded",
            r#"{"wp_id":"WP01","entry_type":"note","entry_content":"x"}"#,
            |context| context.timestamp_us += n * 24 * 60 * MINUTE_US,
        );
    }
    bench.moved("WP01", "planned", "doing", "claude");
    bench.foreign("elsewhere", "Other", r#"{"payload":{}}"#);
    bench
}

#[test]
fn the_report_counts_everything_once() {
    let bench = bench();
    let bytes = std::fs::metadata(bench.segment(1)).unwrap().len();
    let expected = json!({
        "kind": "log-stats", "v": 1, "events": 5, "bytes": bytes, "segments": 1,
        "by_type": {"HistoryAdded": 3, "Other": 1, "WPStatusChanged": 1},
        "by_node": {NODE: 4, "feedfacecafe": 1},
        "by_day": {"2026-02-03": 3, "2026-02-04": 1, "2026-02-05": 1},
        "lamport": {"min": 1, "max": 7004},
        "delivery": {"pending": 5, "sent": 0, "delivered": 0, "duplicate": 0, "rejected": 0, "parked": 0},
        "latency": {"count": 0, "early": 0, "p50_ms": null, "p90_ms": null, "p99_ms": null, "max_ms": null},
    });
    assert_eq!(bench.json(&["log", "stats"]), [expected]);
}

#[test]
fn filters_count_events_and_leave_the_size_alone() {
    let bench = bench();
    let stats = &bench.json(&[
        "log",
        "stats",
        "--since",
        "2026-02-04",
        "--until",
        "2026-02-05",
    ])[0];
    assert_eq!(
        (&stats["events"], &stats["segments"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(stats["latency"], json!(null), "it is about all events");
    let none = &bench.json(&["log", "stats", "--wp", "WP77"])[0];
    assert_eq!(none["lamport"], json!({"min": null, "max": null}));
}

#[test]
fn an_empty_home_counts_nothing() {
    let bench = Bench::new();
    let stats = &bench.json(&["log", "stats"])[0];
    assert_eq!(
        (&stats["events"], &stats["by_type"]),
        (&json!(0), &json!({}))
    );
    assert!(!bench.home().exists());
}

#[test]
fn piped_it_is_rows() {
    let bench = bench();
    let shown = bench.prints(&["log", "stats"]);
    assert!(shown.starts_with("events\t\t5\nbytes\t\t"), "{shown}");
    assert!(
        shown.contains("\ntype\tHistoryAdded\t3\n") && shown.contains("\ndelivery\tpending\t5\n")
    );
    assert!(shown.lines().all(|line| line.split('\t').count() == 3));
}

#[test]
#[cfg(target_os = "linux")]
fn a_person_gets_a_page() {
    let bench = bench();
    let Some((shown, _)) = bench.screen(80, "log stats") else {
        return;
    };
    let bytes = std::fs::metadata(bench.segment(1)).unwrap().len();
    let size = |bytes| spec_kitty::cli::columns::size(bytes);
    let expected = format!(
        "  5 events on 3 days, most on 2026-02-03 (3)

  HistoryAdded       3  ███
  Other              1  █
  WPStatusChanged    1  █

  By day    █▃▃  2026-02-03 to 2026-02-05
  By node   b805cd5cee74 4   feedfacecafe 1
  Delivery  pending 5
  Lamport   1 to 7004
  Size      {} in 1 segment, {} an event
",
        size(bytes),
        size(bytes / 5)
    );
    assert_eq!(shown, expected);
    let (narrow, _) = bench.screen(40, "log stats").unwrap();
    assert!(
        narrow
            .lines()
            .all(|line| spec_kitty::cli::output::width(line) <= 40),
        "{narrow}"
    );
}

/// A week without an event is a week in the picture.
#[test]
fn a_picture_of_days_keeps_to_the_calendar() {
    let bench = Bench::new();
    let payload = r#"{"wp_id":"WP01","entry_type":"note","entry_content":"x"}"#;
    for days in [0, 7, 7] {
        bench.emit_with("HistoryAdded", payload, |context| {
            context.timestamp_us += days * 24 * 60 * MINUTE_US;
        });
    }
    let shown = bench.page(80, &["log", "stats"]).stdout;
    assert!(
        shown.contains("HistoryAdded       3  ▄      █\n"),
        "{shown}"
    );
    assert!(shown.contains("2026-02-03 to 2026-02-10"), "{shown}");
}

#[test]
fn what_is_not_known_of_delivery_is_not_made_up_and_what_could_go_is_said() {
    let bench = Bench::with_segments(1300);
    let answers: Vec<_> = (1..=12)
        .map(|seq| {
            bench.note("old and delivered");
            (seq, id(seq - 1), Outcome::Delivered)
        })
        .collect();
    bench.answered(PROJECT, &answers);
    let now = b"[log]\nretention_days = 0\n";
    spec_kitty::private_file::replace(&bench.home().join("config.toml"), now).unwrap();
    let shown = bench.page(80, &["log", "stats"]).stdout;
    assert!(shown.contains("  Latency   no latencies yet\n"), "{shown}");
    assert!(shown.contains("could go: spec-kitty log prune"), "{shown}");
    let rows = bench.prints(&["log", "stats"]);
    assert!(
        rows.contains("confirmed\tlast\t2026-02-03T12:50:00.000Z\n"),
        "{rows}"
    );
    let plan = &bench.json(&["log", "prune", "--dry-run"])[0]["freed_bytes"];
    assert!(
        rows.contains(&format!("prunable\tbytes\t{plan}\n")),
        "{rows}"
    );
}

/// Percentiles are at most an eighth too high, and nothing breaks a figure in two.
#[test]
fn how_long_deliveries_took_is_told_as_percentiles() {
    let bench = Bench::new();
    let took = [40, 45, 50, 900, 1_250, 90_000, 7_200_000];
    let answers: Vec<_> = (1..=7)
        .zip(took)
        .map(|(seq, took_ms)| {
            bench.note("delivered");
            (seq, id(seq - 1), took_ms)
        })
        .collect();
    bench.confirmed_after(&answers);
    let told = &bench.json(&["log", "stats"])[0]["latency"];
    let figure = |name: &str| told[name].as_u64().unwrap();
    assert_eq!((figure("count"), figure("early")), (7, 0));
    assert!((900..1_013).contains(&figure("p50_ms")), "{told}");
    assert_eq!((figure("p90_ms"), figure("p99_ms")), (7_200_000, 7_200_000));
    assert_eq!(figure("max_ms"), 7_200_000);
    let shown = bench.page(80, &["log", "stats"]).stdout;
    let line = "  Latency   p50 959 ms   p90 2 h   p99 2 h   max 2 h   of 7 deliveries\n";
    assert!(shown.contains(line), "{shown}");
    let narrow = bench.page(40, &["log", "stats"]).stdout;
    let lines = "  Latency   p50 959 ms   p90 2 h\n            p99 2 h   max 2 h\n            of 7 deliveries\n";
    assert!(narrow.contains(lines), "{narrow}");
    let rows = bench.prints(&["log", "stats"]);
    assert!(rows.contains("\nlatency\tcount\t7\n"), "{rows}");
    assert!(rows.contains("\nlatency\tmax_ms\t7200000\n"), "{rows}");
    let some = bench
        .page(80, &["log", "stats", "--type", "HistoryAdded"])
        .stdout;
    assert!(
        !some.contains("Latency"),
        "it is not about these alone: {some}"
    );
}
