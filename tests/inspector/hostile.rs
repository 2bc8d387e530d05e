//! What comes from outside: it can neither drive a terminal nor break a line.

use crate::support::{Bench, NOON_US, PROJECT, id, ran, rejected};
use proptest::prelude::*;
use serde_json::{Value, json};
use spec_kitty::cli::output::width;
use spec_kitty::state::Retry;

/// Texts that terminals and readers stumble over.
const TEXTS: [&str; 8] = [
    "\u{1b}[2J\u{1b}]0;owned\u{7}",
    "\u{9b}31m\u{85}\u{7f}",
    "abc\u{202e}txt.exe\u{2066}",
    "日本語 \u{1f600} e\u{301}",
    "tab\tline\nreturn\r\0",
    "\\u001b[31m \\\\ \"local\":{\"state\":\"delivered\"}",
    "\u{feff}\u{200b}\u{2028}\u{2029}",
    "a,b;\"c\"='d'|$(e)`f`",
];

fn bench() -> Bench {
    let bench = Bench::new();
    for text in TEXTS {
        bench.note(text);
        let created =
            json!({"wp_id": "WP01", "title": text, "dependencies": [], "feature_slug": "028-x"});
        bench.emit("WPCreated", &created.to_string());
        let failed = json!({"error_type": "runtime", "error_message": text, "agent_id": text});
        bench.emit("ErrorLogged", &failed.to_string());
    }
    // An import is checked when it is imported; a forged log is not.
    let json =
        json!({"event_id": TEXTS[0], "payload": {"x": TEXTS[2]}, "local": {"state": "delivered"}});
    bench.foreign("\u{1b}[31m", "\u{9b}31m\u{202e}", json.to_string());
    bench
}

fn is_harmless(shown: &str) -> bool {
    let bad = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || spec_kitty::cli::output::is_hostile(c) && !c.is_control()
    };
    !shown.chars().any(bad)
}

#[test]
fn nothing_for_people_can_drive_a_terminal() {
    let bench = bench();
    let last = bench.json(&["log", "tail", "-n", "1"]);
    let seq = last[0]["local"]["seq"].to_string();
    for arguments in [
        &["log", "tail", "-n", "all"][..],
        &["log", "tail", "-n", "all", "-o", "full"],
        &["log", "show", &seq],
        &["log", "stats"],
    ] {
        let shown = bench.prints(arguments);
        assert!(is_harmless(&shown), "{arguments:?}: {shown:?}");
    }
    assert_eq!(
        bench.prints(&["log", "tail", "-n", "all"]).lines().count(),
        TEXTS.len() * 3 + 1
    );
}

#[test]
#[cfg(target_os = "linux")]
fn not_even_data_can_drive_a_terminal_and_it_stays_the_same_data() {
    let bench = bench();
    for form in ["line", "full", "json", "raw", "csv"] {
        for columns in [120, 80, 40] {
            let arguments = format!("log tail -n all --utc -o {form}");
            let Some((shown, code)) = bench.screen(columns, &arguments) else {
                return;
            };
            assert_eq!(code, 0, "{form}: {shown}");
            assert!(is_harmless(&shown), "{form}: {shown:?}");
            if form == "line" {
                let columns = usize::try_from(columns).unwrap();
                let wide = shown
                    .lines()
                    .find(|line| spec_kitty::cli::output::width(line) > columns);
                assert_eq!(wide, None);
            }
        }
    }
    let (shown, _) = bench.screen(80, "log tail -n all -o json").unwrap();
    let on_terminal: Vec<Value> = shown
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(on_terminal, bench.json(&["log", "tail", "-n", "all"]));
}

#[test]
fn numbers_unknown_keys_and_look_alikes_survive_byte_for_byte() {
    let bench = Bench::new();
    let payload = concat!(
        r#"{"wp_id":"WP01","entry_type":"note","entry_content":"\u00e9\/ \"team_slug\":null","#,
        r#""n":1.10,"big":123456789012345678901234567890,"e":1e5,"neg":-0.0,"E":1E+2,"#,
        r#""team_slug":"inner","local":{"v":9},"nested":{"a":[1.0,[],{}]}}"#
    );
    bench.emit("HistoryAdded", payload);
    let raw = bench.prints(&["log", "tail", "-o", "raw"]);
    let line = bench.prints(&["log", "tail", "--json"]);
    for text in [&raw, &line] {
        assert!(
            text.contains(&format!("\"payload\":{payload},\"node_id\"")),
            "{text}"
        );
    }
    assert!(line.starts_with(raw.trim_end().strip_suffix('}').unwrap()));
}

#[test]
fn stored_line_breaks_do_not_break_lines() {
    let bench = Bench::new();
    let pretty =
        serde_json::to_string_pretty(&json!({"event_id": "x", "payload": {"a": "b\nc"}})).unwrap();
    bench.foreign("x", "Other", &pretty);
    assert_eq!(
        bench.prints(&["log", "tail", "-o", "raw"]).lines().count(),
        1
    );
    assert_eq!(bench.json(&["log", "tail"])[0]["payload"]["a"], "b\nc");
}

#[test]
fn what_is_no_json_is_named_and_the_rest_goes_on() {
    let bench = Bench::new();
    bench.note("before");
    bench.foreign("x", "Other", "{not json}");
    bench.note("after");
    let ran = bench.run(&["log", "tail", "--json"]);
    assert_eq!((ran.code, ran.stdout.lines().count()), (Some(0), 2));
    assert!(
        ran.stderr.starts_with("warning: event 2 is no JSON object"),
        "{}",
        ran.stderr
    );
    let shown = bench.prints(&["log", "tail"]);
    assert_eq!(shown.lines().count(), 3);
}

#[test]
fn a_time_beyond_every_calendar_is_its_end() {
    let bench = Bench::new();
    for at_us in [i64::MIN, i64::MAX, -1, NOON_US] {
        let payload = r#"{"wp_id":"WP01","entry_type":"note","entry_content":"x"}"#;
        bench.emit_with("HistoryAdded", payload, |context| {
            context.timestamp_us = at_us
        });
    }
    assert_eq!(bench.prints(&["log", "tail"]).lines().count(), 4);
    assert_eq!(
        bench
            .prints(&["log", "tail", "-o", "full"])
            .split("\n\n")
            .count(),
        4
    );
    bench.prints(&["log", "stats"]);
}

/// A home in which everything that others can choose is one of these texts.
fn chosen_by_others(text: &str, words: &str) -> Bench {
    let bench = Bench::new();
    bench.sign_in("alice");
    bench.note(&format!("x{text}"));
    let failed =
        json!({"error_type": "runtime", "error_message": format!("x{words}"), "agent_id": text});
    bench.caused(&id(0), &format!("x{words}"));
    bench.emit("ErrorLogged", &failed.to_string());
    bench.foreign_with(&format!("x{text}"), words, failed.to_string(), |header| {
        header.causation_id = Some("01ARZ3NDEKTSV4RRFFQ69G5FAV");
    });
    let refused = rejected(Retry::Never, words);
    bench.answered(PROJECT, &[(1, id(0), refused)]);
    bench
}

/// What may be longer than a line: commands, which are there to be copied.
fn is_command(line: &str) -> bool {
    line.contains("spec-kitty ") || line.trim_start().starts_with("fix:")
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 6,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Of every command for people: no control character but line breaks, nothing
    /// that reorders or hides, no line that is too wide.
    #[test]
    fn no_bytes_in_an_event_or_an_answer_drive_any_command(
        text in "[\\PC\\x00-\\x1f\\x7f\\u{80}-\\u{9f}\\u{202e}\\u{200d}\\u{fe0f}❤👩🏳日]{1,40}",
        words in any::<String>(),
    ) {
        let words: String = words.chars().take(60).collect();
        let bench = chosen_by_others(&text, &words);
        let asked = text.replace('\0', "0");
        for columns in [80, 40] {
            for arguments in [
                &["log", "tail", "-n", "all"][..],
                &["log", "tail", "-n", "all", "-o", "full"],
                &["log", "show", "1"],
                &["log", "why", "1"],
                &["log", "why", "4"],
                &["log", "why", &asked],
                &["log", "tail", "--type", &asked],
                &["log", "stats"],
                &["log", "verify"],
                &["sync", "status"],
                &["sync", "failures"],
                &["sync", "failures", "retry", &asked],
                &["-v", "doctor"],
            ] {
                let shown = bench.page(columns, arguments);
                prop_assert!(shown.code.is_some_and(|code| code != 101), "{:?}", shown);
                for printed in [&shown.stdout, &shown.stderr] {
                    let bad = printed.chars().find(|c| *c != '\n' && spec_kitty::cli::output::is_hostile(*c));
                    prop_assert_eq!(bad, None, "{:?}: {:?}", arguments, printed);
                }
                let is_payload = arguments.contains(&"full") || arguments.contains(&"show");
                let wide = shown.stdout.lines().find(|line| width(line) > columns && !is_command(line));
                prop_assert!(wide.is_none() || is_payload, "{:?}: {:?}", arguments, wide);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 8,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// A forged log can hold any bytes at all: in a text of the payload, and where
    /// the whole event should be. In every form, data included, a terminal gets
    /// UTF-8 without a single control character.
    #[test]
    fn no_bytes_at_all_drive_a_terminal_in_any_form(
        bytes in prop::collection::vec(any::<u8>(), 2..60),
        seeded in prop::collection::vec(prop::sample::select(vec![
            0x1b_u8, 0x9b, 0x07, 0x0d, 0x7f, 0x00, 0x85, b'[', b'm', 0xe2, 0x80, 0xae, 0xc2,
        ]), 2..40),
    ) {
        let bench = Bench::new();
        for bytes in [&bytes, &seeded] {
            let within = [&b"{\"event_id\":\"x\",\"payload\":{\"a\":\""[..], bytes, b"\"}}"];
            bench.foreign("x", "Other", within.concat());
            bench.foreign("y", "Other", bytes);
        }
        for arguments in [
            &["log", "tail", "-n", "all"][..],
            &["log", "tail", "-n", "all", "-o", "full"],
            &["log", "tail", "-n", "all", "-o", "json"],
            &["log", "tail", "-n", "all", "-o", "raw"],
            &["log", "tail", "-n", "all", "-o", "csv"],
            &["log", "show", "1"],
            &["log", "show", "2"],
            &["--json", "log", "show", "2"],
            &["log", "why", "1"],
            &["log", "stats"],
            &["log", "verify"],
            &["doctor"],
        ] {
            let mut command = bench.command(arguments);
            command.env("SPEC_KITTY_FORCE_TTY", "1").env("COLUMNS", "80");
            let output = command.output().unwrap();
            prop_assert!(output.status.code().is_some_and(|code| code != 101));
            for printed in [&output.stdout, &output.stderr] {
                let shown = std::str::from_utf8(printed);
                prop_assert!(shown.is_ok(), "{arguments:?}: {printed:?}");
                let hostile = |c: &char| *c != '\n' && spec_kitty::cli::output::is_hostile(*c);
                let bad = shown.unwrap_or_default().chars().find(hostile);
                prop_assert_eq!(bad, None, "{:?}: {:?}", arguments, shown);
            }
        }
    }
}

#[test]
fn a_terminal_without_letters_gets_ascii_of_the_same_width() {
    let bench = chosen_by_others("日本 é\u{1b}[31m", "→ “no”");
    for arguments in [
        &["log", "tail", "-n", "all"][..],
        &["log", "show", "1"],
        &["log", "why", "1"],
        &["log", "stats"],
        &["-v", "doctor"],
        &["--json", "log", "why", "1"],
    ] {
        let usual = bench.page(80, arguments);
        let mut plain = bench.command(arguments);
        plain
            .env("SPEC_KITTY_FORCE_TTY", "1")
            .env("COLUMNS", "80")
            .env("LC_ALL", "C");
        let plain = ran(&mut plain);
        assert!(plain.stdout.is_ascii(), "{arguments:?}: {}", plain.stdout);
        if !arguments.contains(&"--json") && !arguments.contains(&"doctor") {
            let widths = |text: &str| text.lines().map(width).collect::<Vec<_>>();
            assert_eq!(
                widths(&plain.stdout),
                widths(&usual.stdout),
                "{arguments:?}"
            );
        }
    }
    // A pipe has no letters of its own: it gets what was recorded.
    let mut piped = bench.command(&["log", "tail"]);
    let piped = ran(piped.env("LC_ALL", "C"));
    assert!(piped.stdout.contains("日本"), "{}", piped.stdout);
}
