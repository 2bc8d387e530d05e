//! Following while others write.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::thread;

use crate::support::{Bench, context, emit, log_prepared};
use serde_json::Value;

/// A follower that does not outlive its test.
struct Follower(Child);

impl Follower {
    fn start(bench: &Bench, arguments: &[&str]) -> Self {
        let mut all = vec!["log", "tail", "-f"];
        all.extend(arguments);
        let child = bench
            .command(&all)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self(child)
    }

    fn lines(&mut self) -> impl Iterator<Item = String> + use<> {
        BufReader::new(self.0.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap)
    }

    /// Its exit code and what it said on stderr.
    fn end(mut self) -> (Option<i32>, String) {
        let mut errors = String::new();
        self.0
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut errors)
            .unwrap();
        (self.0.wait().unwrap().code(), errors)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const WRITERS: u64 = 4;
const EACH: u64 = 50;
/// A segment takes about ten of these events.
const SEGMENT_BYTES: u64 = 8 * 1024;

#[test]
fn through_many_rolls_and_four_writers_each_event_comes_once_and_in_order() {
    follow_four_writers(0);
}

/// What is added does not make the file longer.
#[test]
fn what_is_written_into_prepared_space_is_followed_as_well() {
    follow_four_writers(SEGMENT_BYTES / 2);
}

fn follow_four_writers(prepared_bytes: u64) {
    let bench = Bench::with_segments(SEGMENT_BYTES);
    let count = (WRITERS * EACH).to_string();
    // From the first event on, however far the writers are when it starts.
    let arguments = [
        "--json",
        "-n",
        "all",
        "--limit",
        &count,
        "--idle-exit",
        "60s",
    ];
    let mut follower = Follower::start(&bench, &arguments);
    let home = bench.home();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let home = home.clone();
            thread::spawn(move || {
                let log = log_prepared(&home, SEGMENT_BYTES, prepared_bytes);
                for n in 0..EACH {
                    let n = writer * 1000 + n;
                    let payload =
                        format!(r#"{{"wp_id":"WP01","entry_type":"note","entry_content":"{n}"}}"#);
                    emit(&log, n, &context(n), "HistoryAdded", &payload);
                }
            })
        })
        .collect();
    let events: Vec<Value> = follower
        .lines()
        .map(|line| serde_json::from_str(&line).unwrap())
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    assert_eq!(follower.end(), (Some(0), String::new()));
    let seqs: Vec<_> = events
        .iter()
        .map(|event| event["local"]["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(seqs, (1..=WRITERS * EACH).collect::<Vec<_>>());
    let last = events.last().unwrap()["local"]["segment"].as_u64().unwrap();
    assert!(last > 10, "only {last} segments");
    let lamport = |event: &Value| event["lamport_clock"].as_u64().unwrap();
    assert!(
        events
            .windows(2)
            .all(|two| lamport(&two[0]) < lamport(&two[1]))
    );
}

#[test]
fn it_begins_with_the_last_few_and_goes_on() {
    let bench = Bench::new();
    for n in 0..5 {
        bench.note(&n.to_string());
    }
    let mut follower = Follower::start(&bench, &["-n", "2", "--limit", "4", "-o", "raw"]);
    let mut lines = follower.lines();
    let mut text = || -> String {
        let event: Value = serde_json::from_str(&lines.next().unwrap()).unwrap();
        event["payload"]["entry_content"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!([text(), text()], ["3", "4"]);
    bench.note("5");
    assert_eq!(text(), "5");
    bench.note("6");
    assert_eq!(text(), "6");
    assert_eq!(follower.end(), (Some(0), String::new()));
}

#[test]
fn a_log_that_does_not_exist_yet_is_waited_for() {
    let bench = Bench::new();
    let mut follower = Follower::start(&bench, &["--limit", "1"]);
    let mut errors = BufReader::new(follower.0.stderr.take().unwrap());
    let mut said = String::new();
    errors.read_line(&mut said).unwrap();
    assert_eq!(said, "no events yet; record one: spec-kitty emit --help\n");
    bench.note("first");
    assert!(follower.lines().next().unwrap().contains("“first”"));
    assert_eq!(follower.0.wait().unwrap().code(), Some(0));
}

#[test]
fn only_what_matches_is_printed() {
    let bench = Bench::new();
    let mut follower = Follower::start(&bench, &["--wp", "WP03", "--limit", "2", "-n", "all"]);
    for wp in ["WP01", "WP03", "WP02", "WP03"] {
        bench.moved(wp, "planned", "doing", "x");
    }
    let lines: Vec<_> = follower.lines().collect();
    assert!(
        lines.len() == 2 && lines.iter().all(|line| line.contains("\tWP03\t")),
        "{lines:?}"
    );
    drop(follower);
    let ran = bench.run(&[
        "log",
        "tail",
        "-f",
        "--wp",
        "WP03",
        "-n",
        "0",
        "--idle-exit",
        "1ms",
    ]);
    assert_eq!(
        (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
        (Some(0), "", "")
    );
}

#[test]
#[cfg(unix)]
fn a_signal_ends_it_after_what_was_printed() {
    use rustix::process::{Pid, Signal, kill_process};

    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let bench = Bench::new();
        bench.note("one");
        let mut follower = Follower::start(&bench, &[]);
        let mut lines = follower.lines();
        let first = lines.next().unwrap();
        assert!(first.contains("“one”"));
        let id = i32::try_from(follower.0.id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
        assert_eq!(follower.end(), (Some(code), String::new()));
    }
}

#[test]
#[cfg(unix)]
fn a_reader_that_has_gone_ends_it_without_another_event() {
    let bench = Bench::new();
    bench.note("one");
    let mut follower = Follower::start(&bench, &[]);
    let first = follower.lines().next().unwrap();
    assert!(first.contains("“one”"));
    assert_eq!(follower.end(), (Some(0), String::new()));
}
