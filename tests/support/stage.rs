//! A directory of a test's own with homes, a project, the binary and the
//! embedded server, cut off from everything real.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use serde_json::{Value, json};
use spec_kitty::dev_server::{Account, DevServer, Options, Running};
use spec_kitty::event::decode_body;
use spec_kitty::home::Home;
use spec_kitty::log::read::{Damage, Step};
use spec_kitty::log::reader::Reader;
use spec_kitty::log::segment::LogDir;
use spec_kitty::log::storage::Disk;
use spec_kitty::position::Seq;

pub const PASSWORD: &str = "a password";

/// A directory with a project, and homes that are used from it.
pub struct Stage {
    dir: tempfile::TempDir,
}

/// An event as it lies in the log.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub seq: u64,
    pub clock: u64,
    pub event: Value,
}

impl Recorded {
    pub fn id(&self) -> &str {
        self.event["event_id"].as_str().unwrap()
    }

    pub fn text(&self) -> &str {
        self.event["payload"]["entry_content"].as_str().unwrap()
    }

    pub fn node(&self) -> &str {
        self.event["node_id"].as_str().unwrap()
    }
}

impl Stage {
    pub fn new() -> Self {
        let stage = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        fs::create_dir_all(stage.path("project/.kittify")).unwrap();
        stage
    }

    pub fn path(&self, inside: &str) -> PathBuf {
        self.dir.path().join(inside)
    }

    /// A home that rolls all the time, with nothing but its settings in it.
    pub fn home(&self, name: &str) -> Home {
        let home = Home::at(self.path(name));
        home.create().unwrap();
        fs::write(home.config_file(), "[log]\nsegment_bytes = 4096\n").unwrap();
        home
    }

    /// The binary in `home`, with pipes on all sides.
    pub fn command(&self, home: &Home, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spec-kitty"));
        command
            .args(arguments)
            .env("SPEC_KITTY_HOME", home.root())
            .env("SPEC_KITTY_NO_DAEMON", "1")
            .env("HOME", self.path("nobody"))
            // What a killed process leaves goes with the stage.
            .env("TMPDIR", self.dir.path())
            .env_remove("SPECIFY_REPO_ROOT")
            .current_dir(self.path("project"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn run(&self, home: &Home, arguments: &[&str]) -> Output {
        self.command(home, arguments).output().unwrap()
    }

    /// The binary with `input` on its stdin.
    pub fn feed(&self, home: &Home, arguments: &[&str], input: &str) -> Output {
        give(self.command(home, arguments), input)
    }

    /// Records events with these texts in one process; what it said.
    pub fn emit(&self, home: &Home, texts: &[String]) -> Output {
        let input: String = texts.iter().map(|text| line(text)).collect();
        self.feed(home, &["--json", "emit", "--stdin"], &input)
    }

    /// Records events and expects all of them to be recorded; what was said on
    /// stderr.
    pub fn recorded(&self, home: &Home, texts: &[String]) -> String {
        let output = self.emit(home, texts);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        stderr
    }

    pub fn sign_in(&self, home: &Home, server: &Running) {
        let arguments = [
            "auth",
            "login",
            "--server",
            server.url(),
            "-u",
            "demo",
            "--password-stdin",
        ];
        let output = self.feed(home, &arguments, PASSWORD);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{stderr}");
    }

    /// Delivers what waits and expects all of it to be delivered; what was said
    /// on stderr.
    pub fn synced(&self, home: &Home) -> String {
        let output = self.run(home, &["--json", "sync", "now"]);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["pending"], 0, "{report}");
        stderr
    }

    /// What `log verify --json` says of a sound log.
    pub fn verified(&self, home: &Home) -> Value {
        let output = self.run(home, &["--json", "log", "verify"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{report}");
        assert_eq!(report["ok"], true, "{report}");
        report
    }

    /// The delivery state of every event, by id, as the inspector shows it.
    pub fn states(&self, home: &Home) -> BTreeMap<String, String> {
        let output = self.run(home, &["--json", "log", "tail", "-n", "all"]);
        let text = String::from_utf8(output.stdout).unwrap();
        let events = text.lines().map(|line| {
            let event: Value = serde_json::from_str(line).unwrap();
            let word = |value: &Value| value.as_str().unwrap().to_owned();
            (word(&event["event_id"]), word(&event["local"]["state"]))
        });
        events.collect()
    }
}

/// Runs a command with `input` on its stdin.
pub fn give(mut command: Command, input: &str) -> Output {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let feeder = std::thread::spawn(move || {
        // A command that has had enough closes its end.
        let _ = stdin.write_all(input.as_bytes());
    });
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    output
}

/// Every event in the log of `home`, in order; damage is a failure.
pub fn events(home: &Home) -> Vec<Recorded> {
    events_beside(home, |damage| panic!("{damage:?}"))
}

/// Every event that is left in a log that has lost some.
pub fn events_left(home: &Home) -> Vec<Recorded> {
    events_beside(home, |_| ())
}

fn events_beside(home: &Home, on_damage: impl Fn(Damage)) -> Vec<Recorded> {
    let mut reader = Reader::new(LogDir::new(home.log_dir(), Arc::new(Disk)), Seq(1));
    let mut events = Vec::new();
    loop {
        match reader.step().unwrap() {
            Step::Frame(item) if item.kind.is_event() => {
                let (_, json) = decode_body(item.body).unwrap();
                events.push(Recorded {
                    seq: item.seq.0,
                    clock: item.clock.0,
                    event: serde_json::from_slice(json).unwrap(),
                });
            }
            Step::Frame(_) => {}
            Step::Damage(damage) => on_damage(damage),
            Step::Idle => return events,
        }
    }
}

/// A line for `emit --stdin`.
pub fn line(text: &str) -> String {
    let payload = json!({"wp_id": "WP01", "entry_type": "note", "entry_content": text});
    format!(
        "{}\n",
        json!({"event_type": "HistoryAdded", "payload": payload})
    )
}

/// `prefix-0`, `prefix-1`, …
pub fn texts(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{prefix}-{n}")).collect()
}

/// The embedded server, with a colleague of the same team and a stranger.
pub fn server(data: &Path) -> Running {
    fs::create_dir_all(data).unwrap();
    let mut options = Options::new(data, PASSWORD.into());
    for (name, team) in [("colleague", "demo-team"), ("stranger", "other-team")] {
        options.accounts.push(Account {
            name: name.into(),
            team: Some(team.into()),
        });
    }
    DevServer::start(options).unwrap()
}

/// What the server has stored, in the order in which it came.
pub fn stored(server: &Running) -> Vec<Value> {
    let text = fs::read_to_string(server.data_file()).unwrap();
    let events = text.lines().map(|line| serde_json::from_str(line).unwrap());
    events.collect()
}

/// The server holds each of these events once, and nothing else.
pub fn expect_delivered(server: &Running, expected: &[Recorded]) {
    let stored = stored(server);
    let ids = |events: &mut dyn Iterator<Item = &Value>| {
        let mut ids: Vec<_> = events.map(|event| event["event_id"].to_string()).collect();
        ids.sort();
        ids
    };
    let got = ids(&mut stored.iter());
    let wanted = ids(&mut expected.iter().map(|recorded| &recorded.event));
    assert_eq!(got.len(), wanted.len());
    assert!(got == wanted, "the server holds other events");
}
