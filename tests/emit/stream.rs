//! `emit --stdin`: every line answered, many writers, signals and kills.

use std::collections::HashSet;
use std::io::{BufRead, Write};
use std::process::Command as Process;

use serde_json::Value;

use crate::support::{KEYS, World, error, exit, keys, line, note, receipts, text};

#[test]
fn a_stream_answers_for_every_line_and_goes_on_after_a_bad_one() {
    let world = World::new();
    let mut input = Vec::new();
    let good = line("good");
    let overlong = "x".repeat(3 * 1024 * 1024);
    let unknown_key = good.replace("\"payload\"", "\"paylaod\"");
    let surrogate = good.replace("good", "\\ud83d");
    for piece in [
        format!("\u{feff}{good}"),
        "nonsense".to_owned(),
        String::new(),
        "   ".to_owned(),
        overlong,
        unknown_key,
        surrogate,
        good.replace("\"good\"", "NaN"),
        good.replace("HistoryAdded", "WPMoved"),
        "null".to_owned(),
        "{}".to_owned(),
        format!("{good}\r"),
    ] {
        input.extend_from_slice(piece.as_bytes());
        input.push(b'\n');
    }
    input.extend_from_slice(b"{\"event_type\":\"\xff\xfe\"}\n");
    input.extend_from_slice(good.as_bytes());
    let output = world.emit_in("project", &["--stdin", "--json"], &input);
    assert_eq!(exit(&output), 8, "{}", text(&output.stderr));
    let receipts = receipts(&output);
    let status: Vec<&str> = receipts
        .iter()
        .map(|r| r["status"].as_str().unwrap())
        .collect();
    let mut expected = vec!["refused"; 12];
    for recorded in [0, 9, 11] {
        expected[recorded] = "recorded";
    }
    assert_eq!(status, expected);
    assert!(receipts.iter().all(|receipt| keys(receipt) == KEYS));
    assert_eq!(world.events().len(), 3);
    assert_eq!(error(&output)["code"], "partly-recorded");
}

#[test]
fn a_stream_of_good_lines_ends_with_0_and_an_empty_one_too() {
    let world = World::new();
    let input: String = (0..3000).map(|n| line(&n.to_string()) + "\n").collect();
    let output = world.emit_in("project", &["--stdin", "--json"], input.as_bytes());
    assert_eq!(exit(&output), 0, "{}", text(&output.stderr));
    let ids: HashSet<String> = receipts(&output)
        .iter()
        .map(|receipt| receipt["event_id"].to_string())
        .collect();
    assert_eq!(ids.len(), 3000);
    let contents: Vec<Value> = world
        .events()
        .into_iter()
        .map(|(_, _, event)| event["payload"]["entry_content"].clone())
        .collect();
    let expected: Vec<String> = (0..3000).map(|n| n.to_string()).collect();
    assert_eq!(contents, expected);
    assert_eq!(exit(&world.emit_in("project", &["--stdin"], b"")), 0);
}

#[test]
fn a_receipt_comes_before_the_end_of_input() {
    let world = World::new();
    let mut stream = world.stream();
    for n in 1..=3 {
        stream.send(&line("x"));
        let receipt = stream.receipt();
        assert_eq!(receipt["seq"], n);
        assert_eq!(world.events().len(), n, "a receipt is of a durable event");
    }
    stream.send("nonsense");
    assert_eq!(stream.receipt()["status"], "refused");
    assert_eq!(stream.finish(), 8);
}

#[cfg(unix)]
#[test]
fn a_signal_ends_a_stream_after_every_receipt_is_out() {
    for (signal, expected) in [("INT", 130), ("TERM", 143)] {
        let world = World::new();
        let mut stream = world.stream();
        stream.send(&line("x"));
        assert_eq!(stream.receipt()["status"], "recorded");
        let input = stream.input.as_mut().unwrap();
        input.write_all(line("cut").as_bytes()).unwrap();
        let id = stream.child.id().to_string();
        let kill = Process::new("kill").args(["-s", signal, &id]).status();
        assert!(kill.unwrap().success());
        let code = stream.child.wait().unwrap().code();
        assert_eq!(code, Some(expected));
        let mut rest = String::new();
        stream.output.read_line(&mut rest).unwrap();
        assert_eq!(rest, "", "a line without an end is no event");
        assert_eq!(world.events().len(), 1);
    }
}

#[test]
fn a_killed_stream_loses_nothing_that_had_a_receipt() {
    let world = World::new();
    let mut known = Vec::new();
    for round in 0..5 {
        let mut stream = world.stream();
        let mut input = stream.input.take().unwrap();
        let feeder = std::thread::spawn(move || {
            // Ends when the process at the other end is gone.
            while input.write_all((line("x") + "\n").as_bytes()).is_ok() {}
        });
        for _ in 0..50 * (round + 1) {
            known.push(stream.receipt()["event_id"].clone());
        }
        stream.child.kill().unwrap();
        stream.child.wait().unwrap();
        feeder.join().unwrap();
    }
    let output = world.emit(&["HistoryAdded", "--payload", &note("after").to_string()]);
    assert_eq!(exit(&output), 0, "{}", text(&output.stderr));
    let events = world.events();
    let found: HashSet<&str> = events
        .iter()
        .map(|(_, _, event)| event["event_id"].as_str().unwrap())
        .collect();
    assert_eq!(found.len(), events.len(), "no id twice");
    assert!(known.iter().all(|id| found.contains(id.as_str().unwrap())));
    assert!(
        events
            .iter()
            .map(|event| event.0)
            .eq(1..=events.len() as u64),
        "seq is dense"
    );
    assert!(
        events.is_sorted_by(|one, two| one.1 < two.1),
        "the clock only grows"
    );
}

#[test]
fn eight_processes_lose_nothing_and_never_repeat_a_clock_value() {
    eight_processes("");
}

/// They write over each other's zeros, within a length that hardly ever changes.
#[test]
fn eight_processes_that_share_prepared_space_lose_nothing_either() {
    eight_processes("[log]\nsegment_bytes = 262144\nprepared_bytes = 16384\n");
}

fn eight_processes(config: &str) {
    const PROCESSES: usize = 8;
    const EVENTS: usize = 200;
    let world = World::new();
    std::fs::create_dir(world.path("home")).unwrap();
    std::fs::write(world.home().config_file(), config).unwrap();
    let mut known: Vec<(u64, String, u64)> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..PROCESSES)
            .map(|writer| {
                let mut stream = world.stream();
                scope.spawn(move || {
                    let receipts: Vec<_> = (0..EVENTS)
                        .map(|n| {
                            stream.send(&line(&format!("{writer}-{n}")));
                            let receipt = stream.receipt();
                            let id = receipt["event_id"].as_str().unwrap().to_owned();
                            let clock = receipt["lamport_clock"].as_u64().unwrap();
                            (receipt["seq"].as_u64().unwrap(), id, clock)
                        })
                        .collect();
                    assert_eq!(stream.finish(), 0);
                    receipts
                })
            })
            .collect();
        writers
            .into_iter()
            .flat_map(|writer| writer.join().unwrap())
            .collect()
    });
    known.sort();
    let events = world.events();
    let seqs: Vec<u64> = events.iter().map(|(seq, _, _)| *seq).collect();
    assert_eq!(seqs, (1..=1600).collect::<Vec<_>>(), "seq is dense");
    assert!(
        events.is_sorted_by(|one, two| one.1 < two.1),
        "the clock only grows"
    );
    let found: Vec<(u64, String, u64)> = events
        .iter()
        .map(|(seq, clock, event)| {
            assert_eq!(event["lamport_clock"], *clock);
            (*seq, event["event_id"].as_str().unwrap().to_owned(), *clock)
        })
        .collect();
    assert_eq!(found, known, "each receipt names the event it stands for");
    let contents: HashSet<String> = events
        .iter()
        .map(|(_, _, event)| event["payload"]["entry_content"].to_string())
        .collect();
    assert_eq!(contents.len(), PROCESSES * EVENTS);
    assert_eq!(world.failures(), 0);
    let projects: HashSet<String> = events
        .iter()
        .map(|(_, _, event)| event["project_uuid"].to_string())
        .collect();
    assert_eq!(projects.len(), 1, "eight processes made up one identity");
}
