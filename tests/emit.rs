//! `emit` as a process: receipts, bad input, many writers, homes in trouble.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command as Process, Output, Stdio};
use std::sync::Arc;

use assert_cmd::Command;
use serde_json::{Value, json};
use spec_kitty::event::decode_body;
use spec_kitty::home::Home;
use spec_kitty::log::read::Step;
use spec_kitty::log::reader::Reader;
use spec_kitty::log::segment::LogDir;
use spec_kitty::log::storage::Disk;
use spec_kitty::position::Seq;
use spec_kitty::state::State;

/// A home and a project in a temporary directory, cut off from the real ones.
struct World {
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("project/.kittify")).unwrap();
        Self { dir }
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.dir.path().join(inside)
    }

    fn home(&self) -> Home {
        Home::at(self.path("home"))
    }

    fn environment(&self) -> [(&'static str, PathBuf); 2] {
        [
            ("SPEC_KITTY_HOME", self.path("home")),
            ("HOME", self.path("nobody")),
        ]
    }

    fn emit(&self, arguments: &[&str]) -> Output {
        self.emit_in("project", arguments, b"")
    }

    fn emit_in(&self, directory: &str, arguments: &[&str], stdin: &[u8]) -> Output {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("spec-kitty"));
        command
            .envs(self.environment())
            .env_remove("SPECIFY_REPO_ROOT")
            .current_dir(self.path(directory))
            .arg("emit")
            .args(arguments)
            .write_stdin(stdin)
            .output()
            .unwrap()
    }

    /// Starts `emit --stdin --json` with pipes on both sides.
    fn stream(&self) -> Stream {
        let mut child = Process::new(assert_cmd::cargo::cargo_bin!("spec-kitty"))
            .envs(self.environment())
            .current_dir(self.path("project"))
            .args(["--json", "emit", "--stdin"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Stream {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    /// Every event of the log, with its position: `(seq, clock, event)`.
    fn events(&self) -> Vec<(u64, u64, Value)> {
        let dir = LogDir::new(self.home().log_dir(), Arc::new(Disk));
        let mut reader = Reader::new(dir, Seq(1));
        let mut events = Vec::new();
        loop {
            match reader.step().unwrap() {
                Step::Frame(item) => {
                    let (_, json) = decode_body(item.body).unwrap();
                    let event = serde_json::from_slice(json).unwrap();
                    events.push((item.seq.0, item.clock.0, event));
                }
                Step::Damage(damage) => panic!("{damage:?}"),
                Step::Idle => return events,
            }
        }
    }

    fn failures(&self) -> u64 {
        let failures = State::at(self.home().state_dir()).failures();
        failures.read().unwrap().total()
    }
}

struct Stream {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Stream {
    fn send(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(line.as_bytes()).unwrap();
        input.write_all(b"\n").unwrap();
    }

    fn receipt(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn finish(mut self) -> i32 {
        drop(self.input.take());
        self.child.wait().unwrap().code().unwrap()
    }
}

fn note(text: &str) -> Value {
    json!({"wp_id": "WP01", "entry_type": "note", "entry_content": text})
}

fn line(text: &str) -> String {
    json!({"event_type": "HistoryAdded", "payload": note(text)}).to_string()
}

fn exit(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn receipts(output: &Output) -> Vec<Value> {
    text(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The error object on the last line of stderr.
fn error(output: &Output) -> Value {
    let last = text(&output.stderr).lines().last().unwrap_or_default();
    let object: Value = serde_json::from_str(last).unwrap();
    object["error"].clone()
}

const KEYS: [&str; 7] = [
    "error",
    "event_id",
    "kind",
    "lamport_clock",
    "seq",
    "status",
    "v",
];

fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys
}

#[test]
fn a_receipt_says_where_the_event_is() {
    let world = World::new();
    let payload = note("begun").to_string();
    let output = world.emit(&["HistoryAdded", "--payload", &payload, "--json"]);
    assert_eq!(exit(&output), 0, "{output:?}");
    let receipt = receipts(&output).remove(0);
    assert_eq!(keys(&receipt), KEYS);
    assert_eq!(receipt["status"], "recorded");
    assert_eq!(receipt["error"], Value::Null);
    let (seq, clock, event) = world.events().remove(0);
    assert_eq!(receipt["seq"], seq);
    assert_eq!(receipt["lamport_clock"], clock);
    assert_eq!(receipt["event_id"], event["event_id"]);
    assert_eq!(event["payload"], note("begun"));
    let human = world.emit(&["HistoryAdded", "--payload", &payload]);
    assert_eq!(text(&human.stdout).lines().count(), 1);
    assert!(human.stderr.is_empty(), "{}", text(&human.stderr));
}

#[test]
fn a_payload_comes_from_an_argument_a_file_or_stdin() {
    let world = World::new();
    let cause = "01M81BTPP6PS3R3G0D5WC0XV38";
    fs::write(world.path("payload.json"), note("file").to_string()).unwrap();
    let file = format!("@{}", world.path("payload.json").display());
    let arguments = ["HistoryAdded", "--causation", cause, "--payload"];
    let with = |payload: &str, stdin: &[u8]| {
        let output = world.emit_in("project", &[&arguments[..], &[payload]].concat(), stdin);
        assert_eq!(exit(&output), 0, "{output:?}");
    };
    with(&note("argument").to_string(), b"");
    with(&file, b"");
    with("-", format!(" {} \n", note("stdin")).as_bytes());
    let events = world.events();
    let contents: Vec<&Value> = events
        .iter()
        .map(|(_, _, event)| &event["payload"]["entry_content"])
        .collect();
    assert_eq!(contents, ["argument", "file", "stdin"]);
    assert!(
        events
            .iter()
            .all(|(_, _, event)| event["causation_id"] == cause)
    );
}

#[test]
fn a_refused_event_names_its_field_and_leaves_no_trace() {
    let world = World::new();
    let long = format!("{:?}", "x".repeat(600 * 1024));
    let long = format!(r#"{{"wp_id":"WP01","entry_type":"note","entry_content":{long}}}"#);
    fs::write(world.path("long.json"), &long).unwrap();
    fs::write(world.path("bytes.json"), b"{\"wp_id\":\"\xff\"}").unwrap();
    let (long, bytes) = (world.path("long.json"), world.path("bytes.json"));
    let (long, bytes) = (
        format!("@{}", long.display()),
        format!("@{}", bytes.display()),
    );
    let good = note("x").to_string();
    for (arguments, named) in [
        (vec!["WPMoved", "--payload", "{}"], "event_type"),
        (vec!["HistoryAdded"], "payload.wp_id"),
        (vec!["HistoryAdded", "--payload", ""], "payload"),
        (vec!["HistoryAdded", "--payload", "{"], "payload"),
        (vec!["HistoryAdded", "--payload", "[]"], "payload"),
        (
            vec!["HistoryAdded", "--payload", r#"{"wp_id":"WP1"}"#],
            "payload.wp_id",
        ),
        (
            vec!["HistoryAdded", "--payload", r#"{"wp_id":NaN}"#],
            "payload",
        ),
        (
            vec!["HistoryAdded", "--payload", r#"{"wp_id":"\ud83d"}"#],
            "payload",
        ),
        (vec!["HistoryAdded", "--payload", &long], "payload"),
        (vec!["HistoryAdded", "--payload", &bytes], "payload"),
        (
            vec!["HistoryAdded", "--payload", &good, "--causation", "x"],
            "causation_id",
        ),
    ] {
        let output = world.emit(&[&["--json"], arguments.as_slice()].concat());
        assert_eq!(exit(&output), 2, "{arguments:?}");
        let receipt = receipts(&output).remove(0);
        assert_eq!(keys(&receipt), KEYS);
        assert_eq!(receipt["status"], "refused");
        assert_eq!(receipt["error"]["code"], "invalid-event");
        let message = receipt["error"]["message"].as_str().unwrap();
        assert!(message.starts_with(named), "{message}");
        assert_eq!(error(&output)["exit"], 2);
        assert!(error(&output)["hint"].is_string());
    }
    assert!(
        !world.path("home/log").exists(),
        "nothing is made for nothing"
    );
    assert_eq!(exit(&world.emit(&[])), 2);
    assert_eq!(exit(&world.emit(&["HistoryAdded", "--stdin"])), 2);
    assert_eq!(
        exit(&world.emit(&["HistoryAdded", "--payload", "@/no/such/file"])),
        1
    );
}

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
fn eight_processes_lose_nothing_and_never_repeat_a_clock_value() {
    const PROCESSES: usize = 8;
    const EVENTS: usize = 200;
    let world = World::new();
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

#[test]
fn two_projects_and_no_project_are_told_apart() {
    let world = World::new();
    fs::create_dir_all(world.path("other/.kittify")).unwrap();
    fs::create_dir(world.path("nowhere")).unwrap();
    let payload = note("x").to_string();
    let project_of = |directory: &str| {
        let arguments = ["HistoryAdded", "--payload", &payload];
        let output = world.emit_in(directory, &arguments, b"");
        assert_eq!(exit(&output), 0, "{}", text(&output.stderr));
        world.events().pop().unwrap().2["project_uuid"].clone()
    };
    let (one, two) = (project_of("project"), project_of("other"));
    assert!(one.is_string() && two.is_string() && one != two);
    assert_eq!(project_of("nowhere"), Value::Null);
    assert_eq!(project_of("project"), one);
}

#[test]
fn a_project_that_cannot_be_written_is_warned_of_and_recorded() {
    let world = World::new();
    fs::write(
        world.path("project/.kittify/config.yaml"),
        "- not\n- a mapping\n",
    )
    .unwrap();
    let output = world.emit(&["HistoryAdded", "--payload", &note("x").to_string()]);
    assert_eq!(exit(&output), 0);
    let warning = text(&output.stderr);
    assert!(
        warning.starts_with("warning: ") && warning.contains("config.yaml"),
        "{warning}"
    );
    assert_eq!(warning.lines().count(), 1, "{warning}");
    assert_eq!(world.events().remove(0).2["project_uuid"], Value::Null);
}

#[test]
fn corrupt_settings_and_credentials_cost_no_event() {
    let world = World::new();
    fs::create_dir(world.path("home")).unwrap();
    for garbage in [&b"[log"[..], b"\xff\xfe\x00", b"= = ="] {
        fs::write(world.home().config_file(), garbage).unwrap();
        fs::write(world.home().credentials_file(), garbage).unwrap();
        fs::write(world.home().legacy_clock_file(), garbage).unwrap();
        let output = world.emit(&["HistoryAdded", "--payload", &note("x").to_string()]);
        assert_eq!(exit(&output), 0);
        let stderr = text(&output.stderr);
        assert!(
            stderr.contains("config.toml") && stderr.contains("credentials"),
            "{stderr}"
        );
    }
    assert_eq!(world.events().len(), 3);
}

#[test]
fn a_busy_log_ends_with_6_after_the_wait_that_was_asked_for() {
    let world = World::new();
    let payload = note("x").to_string();
    assert_eq!(
        exit(&world.emit(&["HistoryAdded", "--payload", &payload])),
        0
    );
    let lock = fs::File::options()
        .write(true)
        .open(world.home().log_dir().join("LOCK"))
        .unwrap();
    assert!(spec_kitty::platform::try_lock_exclusive(&lock).unwrap());
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("spec-kitty"));
    let output = command
        .envs(world.environment())
        .env("SPEC_KITTY_LOCK_TIMEOUT", "30ms")
        .current_dir(world.path("project"))
        .args(["--json", "emit", "HistoryAdded", "--payload", &payload])
        .output()
        .unwrap();
    assert_eq!(exit(&output), 6);
    assert_eq!(receipts(&output)[0]["error"]["code"], "busy");
    assert_eq!(error(&output)["code"], "busy");
    drop(lock);
    assert_eq!(world.events().len(), 1);
    assert_eq!(world.failures(), 1, "what could not be recorded is counted");
}

#[test]
fn a_log_that_fills_up_warns_first_and_then_refuses() {
    let world = World::new();
    fs::create_dir(world.path("home")).unwrap();
    let config = "[log]\nmax_bytes = 65536\nsegment_bytes = 4096\n";
    fs::write(world.home().config_file(), config).unwrap();
    let payload = note(&"x".repeat(2000)).to_string();
    let mut warned = false;
    for recorded in 0..100 {
        let output = world.emit(&["HistoryAdded", "--payload", &payload]);
        let stderr = text(&output.stderr);
        if exit(&output) == 0 {
            assert!(
                !warned || stderr.starts_with("warning: "),
                "once high, always said"
            );
            warned |= stderr.starts_with("warning: ");
            continue;
        }
        assert!(warned, "the refusal does not come out of the blue");
        assert_eq!(exit(&output), 1);
        assert!(stderr.starts_with("error[log-full]"), "{stderr}");
        assert_eq!(world.events().len(), recorded);
        assert_eq!(world.failures(), 1);
        return;
    }
    panic!("the limit was never reached");
}

#[test]
fn a_log_of_a_newer_version_ends_with_10_and_is_left_alone() {
    let world = World::new();
    let payload = note("x").to_string();
    assert_eq!(
        exit(&world.emit(&["HistoryAdded", "--payload", &payload])),
        0
    );
    let segment = world.home().log_dir().join("0000000001.seg");
    let mut bytes = fs::read(&segment).unwrap();
    for copy in bytes[..1024].chunks_exact_mut(512) {
        copy[8..10].copy_from_slice(&99_u16.to_le_bytes());
        let crc = crc32fast::hash(&copy[..508]);
        copy[508..].copy_from_slice(&crc.to_le_bytes());
    }
    fs::write(&segment, &bytes).unwrap();
    let output = world.emit(&["HistoryAdded", "--payload", &payload]);
    assert_eq!(exit(&output), 10, "{}", text(&output.stderr));
    let output = world.emit_in("project", &["--stdin"], (line("y") + "\n").as_bytes());
    assert_eq!(exit(&output), 10);
    assert_eq!(fs::read(&segment).unwrap(), bytes);
}

#[test]
fn a_home_that_cannot_be_made_ends_with_1_and_one_clear_message() {
    let world = World::new();
    fs::write(world.path("home"), "a file in the way").unwrap();
    let payload = note("x").to_string();
    let output = world.emit(&["HistoryAdded", "--payload", &payload]);
    assert_eq!(exit(&output), 1);
    let stderr = text(&output.stderr);
    assert!(
        stderr.starts_with("error[") && stderr.contains("next: "),
        "{stderr}"
    );
    assert_eq!(stderr.lines().count(), 2, "{stderr}");
    assert!(output.stdout.is_empty());
    let output = world.emit_in(
        "project",
        &["--stdin", "--json"],
        (line("y") + "\n").as_bytes(),
    );
    assert_eq!(exit(&output), 1);
    assert_eq!(receipts(&output)[0]["status"], "refused");
    assert_eq!(fs::read(world.path("home")).unwrap(), b"a file in the way");
}

#[cfg(unix)]
#[test]
fn a_read_only_home_loses_nothing_that_was_there() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let payload = note("x").to_string();
    assert_eq!(
        exit(&world.emit(&["HistoryAdded", "--payload", &payload])),
        0
    );
    let dirs = [
        world.home().log_dir(),
        world.home().state_dir(),
        world.path("home"),
    ];
    let set_modes = |dir_mode, file_mode| {
        for dir in &dirs {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_file() {
                    fs::set_permissions(path, fs::Permissions::from_mode(file_mode)).unwrap();
                }
            }
            fs::set_permissions(dir, fs::Permissions::from_mode(dir_mode)).unwrap();
        }
    };
    set_modes(0o500, 0o400);
    // The superuser writes where it likes; there is nothing to see then.
    let is_enforced = fs::File::create(world.path("home/probe")).is_err();
    let output = world.emit(&["HistoryAdded", "--payload", &payload]);
    set_modes(0o700, 0o600);
    if is_enforced {
        assert_eq!(exit(&output), 1);
        assert!(text(&output.stderr).contains("error[home-not-writable]"));
        assert_eq!(world.events().len(), 1);
    }
}

/// Runs `script` where `$1` is a file system of 64 KiB; `None` where a process
/// may not mount one.
#[cfg(target_os = "linux")]
fn on_a_small_disk(dir: &Path, script: &str) -> Option<Output> {
    let mount = "mount -t tmpfs -o size=64k none \"$1\" || exit 99; ";
    let output = Process::new("unshare")
        .args(["--mount", "--map-root-user", "sh", "-c"])
        .arg(format!("{mount}{script}"))
        .arg("sh")
        .arg(dir)
        .arg(assert_cmd::cargo::cargo_bin!("spec-kitty"))
        .env("SPEC_KITTY_HOME", dir)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let is_mounted = output.status.code() != Some(99) && !text(&output.stderr).contains("unshare");
    is_mounted.then_some(output)
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_answer_and_what_was_recorded_stays() {
    let world = World::new();
    fs::create_dir(world.path("home")).unwrap();
    let payload = note("x").to_string();
    // The first event finds room, the disk is filled, the second does not.
    let script = format!(
        "\"$2\" --json emit HistoryAdded --payload '{payload}' || exit 98; \
         cat /dev/zero > \"$1/ballast\" 2>/dev/null; \
         i=0; while [ $i -lt 12 ]; do \
         \"$2\" --json emit HistoryAdded --payload '{payload}' 2>/dev/null; echo \"exit $?\"; \
         i=$((i + 1)); done; rm \"$1/ballast\"; \
         \"$2\" --json emit HistoryAdded --payload '{payload}'; echo \"exit $?\"; \
         exit 0"
    );
    let Some(output) = on_a_small_disk(&world.path("home"), &script) else {
        return;
    };
    let stdout = text(&output.stdout);
    assert_eq!(exit(&output), 0, "{stdout}{}", text(&output.stderr));
    let exits: Vec<&str> = stdout
        .lines()
        .filter(|line| line.starts_with("exit"))
        .collect();
    assert!(exits.contains(&"exit 1"), "{stdout}");
    assert_eq!(exits.last(), Some(&"exit 0"), "room again: {stdout}");
    for line in stdout.lines().filter(|line| line.starts_with('{')) {
        let receipt: Value = serde_json::from_str(line).unwrap();
        assert_eq!(keys(&receipt), KEYS, "a whole receipt in every case");
    }
}
