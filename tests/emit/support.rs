//! A home and a project of a test's own, and the binary run in them.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
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
pub struct World {
    dir: tempfile::TempDir,
}

impl World {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("project/.kittify")).unwrap();
        Self { dir }
    }

    pub fn path(&self, inside: &str) -> PathBuf {
        self.dir.path().join(inside)
    }

    pub fn home(&self) -> Home {
        Home::at(self.path("home"))
    }

    pub fn environment(&self) -> [(&'static str, PathBuf); 3] {
        [
            ("SPEC_KITTY_NO_DAEMON", "1".into()),
            ("SPEC_KITTY_HOME", self.path("home")),
            ("HOME", self.path("nobody")),
        ]
    }

    pub fn emit(&self, arguments: &[&str]) -> Output {
        self.emit_in("project", arguments, b"")
    }

    pub fn emit_in(&self, directory: &str, arguments: &[&str], stdin: &[u8]) -> Output {
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
    pub fn stream(&self) -> Stream {
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
    pub fn events(&self) -> Vec<(u64, u64, Value)> {
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

    pub fn failures(&self) -> u64 {
        let failures = State::at(self.home().state_dir()).failures();
        failures.read().unwrap().total()
    }
}

pub struct Stream {
    pub child: Child,
    pub input: Option<ChildStdin>,
    pub output: BufReader<ChildStdout>,
}

impl Stream {
    pub fn send(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(line.as_bytes()).unwrap();
        input.write_all(b"\n").unwrap();
    }

    pub fn receipt(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    pub fn finish(mut self) -> i32 {
        drop(self.input.take());
        self.child.wait().unwrap().code().unwrap()
    }
}

pub fn note(text: &str) -> Value {
    json!({"wp_id": "WP01", "entry_type": "note", "entry_content": text})
}

pub fn line(text: &str) -> String {
    json!({"event_type": "HistoryAdded", "payload": note(text)}).to_string()
}

pub fn exit(output: &Output) -> i32 {
    output.status.code().unwrap()
}

pub fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

pub fn receipts(output: &Output) -> Vec<Value> {
    text(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The error object on the last line of stderr.
pub fn error(output: &Output) -> Value {
    let last = text(&output.stderr).lines().last().unwrap_or_default();
    let object: Value = serde_json::from_str(last).unwrap();
    object["error"].clone()
}

pub const KEYS: [&str; 7] = [
    "error",
    "event_id",
    "kind",
    "lamport_clock",
    "seq",
    "status",
    "v",
];

pub fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys
}
