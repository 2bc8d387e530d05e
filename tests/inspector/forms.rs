//! The forms of output, to the letter.

use crate::support::{Bench, id};

fn bench() -> Bench {
    bench_and_offset().0
}

/// A home with two events, and where the second one lies.
fn bench_and_offset() -> (Bench, u64) {
    let bench = Bench::new();
    bench.moved("WP01", "planned", "doing", "claude");
    let placed = bench.emit(
        "HistoryAdded",
        r#"{"wp_id":"WP01","entry_type":"review","entry_content":"a,\tb \"c\"","author":"bob","n":1.10}"#,
    );
    (bench, placed.offset.0)
}

#[test]
fn piped_lines_are_tab_separated_in_utc_with_whole_ids() {
    let bench = bench();
    let expected = format!(
        "2026-02-03T12:00:00.000Z\tpending\t1\t{}\tWPStatusChanged\tWP01\tplanned → doing\tclaude\n\
         2026-02-03T12:01:00.000Z\tpending\t2\t{}\tHistoryAdded\tWP01\treview “a,␉b \"c\"”\tbob\n",
        id(0),
        id(1)
    );
    assert_eq!(bench.prints(&["log", "tail"]), expected);
    assert_eq!(
        bench.prints(&["--color", "always", "log", "tail", "-o", "line"]),
        expected
    );
}

#[test]
fn csv_has_a_header_also_when_there_is_nothing_else() {
    let bench = bench();
    let header = "time,state,seq,lamport,event_id,event_type,aggregate_type,aggregate_id,feature,node,\
                  team,project,causation_id,attempts,last_error,payload";
    let expected = format!(
        "{header}\n2026-02-03T12:01:00.000Z,pending,2,2,{},HistoryAdded,WorkPackage,WP01,,b805cd5cee74,\
         acme-corp,44a34391-86d8-4159-abf1-e0b4d3abc746,,0,,{}\n",
        id(1),
        r#""{""wp_id"":""WP01"",""entry_type"":""review"",""entry_content"":""a,\tb \""c\"""",""author"":""bob"",""n"":1.10}""#
    );
    assert_eq!(
        bench.prints(&["log", "tail", "-o", "csv", "-n", "1"]),
        expected
    );
    assert_eq!(
        bench.prints(&["log", "tail", "-o", "csv", "-n", "0"]),
        format!("{header}\n")
    );
}

#[test]
fn json_is_what_was_recorded_and_what_is_known_here() {
    let (bench, offset) = bench_and_offset();
    let raw = bench.prints(&["log", "tail", "-o", "raw", "-n", "1"]);
    let (members, _) = raw.trim_end().rsplit_once('}').unwrap();
    let local = format!(
        "\"local\":{{\"v\":1,\"seq\":2,\"segment\":1,\"offset\":{offset},\"state\":\"pending\",\
         \"attempts\":0,\"last_error\":null,\"recorded_at\":\"2026-02-03T12:01:00.000Z\"}}"
    );
    let expected = format!("{members},{local}}}\n");
    assert_eq!(
        bench.prints(&["--json", "log", "tail", "-n", "1"]),
        expected
    );
    assert_eq!(
        bench.prints(&["log", "tail", "-o", "json", "-n", "1"]),
        expected
    );
    assert!(
        raw.contains(r#""entry_content":"a,\tb \"c\"","author":"bob","n":1.10}"#),
        "{raw}"
    );
}

#[test]
fn every_line_has_the_same_fields() {
    let bench = bench();
    bench.emit_with(
        "HistoryAdded",
        r#"{"wp_id":"WP01","entry_type":"note","entry_content":"x"}"#,
        |context| {
            *context = spec_kitty::event::Context {
                node_id: "n".into(),
                ..Default::default()
            };
        },
    );
    bench.foreign("other", "Other", r#"{"event_id":"other","event_type":"Other","aggregate_id":"a","aggregate_type":"b","payload":{},"node_id":"n","lamport_clock":1,"timestamp":"t"}"#);
    let keys: Vec<Vec<String>> = bench
        .json(&["log", "tail"])
        .iter()
        .map(|event| event.as_object().unwrap().keys().cloned().collect())
        .collect();
    assert_eq!(keys.len(), 4);
    let first = keys[0].clone();
    assert!(
        keys.iter().all(|keys| *keys == first && keys.len() == 16),
        "{keys:?}"
    );
}

#[test]
fn full_is_a_name_and_a_value_a_line() {
    let bench = bench();
    let shown = bench.prints(&["log", "tail", "-o", "full"]);
    let events: Vec<_> = shown.split("\n\n").collect();
    assert_eq!(events.len(), 2);
    assert_eq!(
        events[0].lines().count(),
        events[1].trim_end().lines().count()
    );
    assert!(events[0].starts_with(&format!(
        "event_id\t{}\nevent_type\tWPStatusChanged\n",
        id(0)
    )));
}

#[test]
#[cfg(target_os = "linux")]
fn a_terminal_gets_columns_that_fit() {
    let bench = bench();
    let Some((shown, code)) = bench.screen(80, "log tail --utc") else {
        return;
    };
    assert_eq!(code, 0);
    assert_eq!(
        shown,
        "  Tuesday 3 February 2026\n\
         \x20 12:00:00 ○     1  WPStatusChanged    WP01 planned → doing           claude\n\
         \x20 12:01:00 ○     2  HistoryAdded       WP01 review “a,␉b \"c\"”         bob\n"
    );
    let (shown, _) = bench.screen(40, "log tail").unwrap();
    assert_eq!(
        shown,
        "Tuesday 3 February 2026\n\
         12:00 ○ WPStatusChanged WP01 → doing\n\
         12:01 ○ HistoryAdded WP01 review “a,␉b …\n"
    );
}

#[test]
#[cfg(target_os = "linux")]
fn colours_are_for_terminals_and_only_when_wanted() {
    let bench = bench();
    let home = bench.home();
    let mut command = std::process::Command::new("script");
    let line = format!(
        "{} --home {} --color always log tail -n 1",
        env!("CARGO_BIN_EXE_spec-kitty"),
        home.display()
    );
    let output = command
        .args(["-qec", &line, "/dev/null"])
        .env("COLUMNS", "80")
        .env("SPEC_KITTY_NO_DAEMON", "1")
        .output();
    let Ok(output) = output else { return };
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("\u{1b}[33m○\u{1b}[0m"), "{shown:?}");
}
