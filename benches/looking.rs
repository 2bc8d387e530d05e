//! What it costs to look: `cargo bench --bench looking`.
//!
//! Whole processes, from their start to their end, on a log of 1 GiB, each held to
//! the bar of the acceptance checks (cli-anchors §6.2 and §6.5):
//!
//! * `log tail --json -n all | head -1` ends with 0, says nothing on stderr, and takes
//!   less than 100 ms: who wants one line does not wait for all of them.
//! * `sync status` where there is no network at all ends with 0 in less than 50 ms.
//!
//! `BYTES` makes another size of log, `ROUNDS` more or fewer rounds, `SPEC_KITTY_BIN`
//! measures another program. The log is written below `TMPDIR` and removed.

#![allow(clippy::unwrap_used, missing_docs)]

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use spec_kitty::emitter::log_of;
use spec_kitty::event::{EventHeader, Flags, Foreign, encode_body};
use spec_kitty::home::Home;
use spec_kitty::log::append::{Record, Refused, Stamp, Tick};
use spec_kitty::log::frame::Kind;
use spec_kitty::private_file;
use spec_kitty::target::TargetId;

const WAIT: Duration = Duration::from_secs(20);
const NOTE: &str = r#"{"wp_id":"WP01","entry_type":"note","entry_content":"x"}"#;
/// Events of one append.
const BATCH: u64 = 4096;

fn main() {
    // `cargo test --benches` runs it too: then there is nothing to measure.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let (bytes, rounds) = (number("BYTES", 1 << 30), number("ROUNDS", 50));
    let dir = tempfile::tempdir().unwrap();
    let home = Home::at(dir.path().join("home"));
    // The first event is a command's, so that the home is one as commands make it.
    run(&home, &["emit", "HistoryAdded", "--payload", NOTE]);
    let events = fill(&home, bytes);
    sign_in(&home);
    // What is in full segments is counted once, by whoever looks first.
    run(&home, &["sync", "status"]);
    println!(
        "{} bytes, {events} events, {rounds} rounds; load {}",
        home_bytes(&home),
        load()
    );
    row("log tail --json -n all | head -1", 100, rounds, || {
        first_line(&home)
    });
    row("sync status, no network", 50, rounds, || status(&home));
}

fn number(name: &str, usual: u64) -> u64 {
    let told = std::env::var(name).ok();
    told.map_or(usual, |text| text.parse().unwrap())
}

fn load() -> String {
    std::fs::read_to_string("/proc/loadavg")
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// An event of an ordinary size.
struct Event(u64);

impl Record for Event {
    fn kind(&self) -> Kind {
        Kind::ForeignEvent
    }

    fn tick(&self) -> Tick {
        Tick::Still
    }

    fn encode(&mut self, _: &Stamp<'_>, out: &mut Vec<u8>) -> Result<(), Refused> {
        let (id, clock) = (format!("01M81B{:020}", self.0), self.0 + 1);
        let json = format!(
            r#"{{"event_id":"{id}","event_type":"WPStatusChanged","aggregate_id":"WP01","aggregate_type":"WorkPackage","payload":{{"wp_id":"WP01","previous_status":"planned","new_status":"doing","changed_by":"user","feature_slug":"028-cli-event-emission-sync"}},"node_id":"b805cd5cee74","lamport_clock":{clock},"causation_id":null,"timestamp":"2026-11-22T10:11:33.702142+00:00","team_slug":"acme-corp","project_uuid":"44a34391-86d8-4159-abf1-e0b4d3abc746","project_slug":"widgets","git_branch":"main","head_commit_sha":"409ce863c69ac30e0cef7d21797a1f45928a0084","repo_slug":"acme/widgets"}}"#
        );
        let event = Foreign::read(json.as_bytes()).unwrap();
        let header: EventHeader<'_> = event.header(TargetId::SIGNED_OUT, Flags::default(), 0);
        encode_body(&header, json.as_bytes(), out).unwrap();
        Ok(())
    }
}

/// Appends events until the log has so many bytes; how many they are.
fn fill(home: &Home, bytes: u64) -> u64 {
    let log = log_of(home);
    let mut events = 0;
    while home_bytes(home) < bytes {
        let mut batch: Vec<Event> = (events..events + BATCH).map(Event).collect();
        let mut records: Vec<&mut dyn Record> = batch
            .iter_mut()
            .map(|record| -> &mut dyn Record { record })
            .collect();
        let done = log.append(&mut records, None, WAIT);
        assert!(done.failure.is_none(), "{:?}", done.failure);
        events += BATCH;
    }
    events
}

fn home_bytes(home: &Home) -> u64 {
    let entries = std::fs::read_dir(home.log_dir()).into_iter().flatten();
    entries
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum()
}

/// Somebody with a server that has a name: what would be asked for, if anything were.
fn sign_in(home: &Home) {
    let text = "[tokens]\naccess = \"A\"\nrefresh = \"R\"\n\
        access_expires_at = \"2099-01-01T00:00:00Z\"\nrefresh_expires_at = \"2099-01-01T00:00:00Z\"\n\
        [user]\nusername = \"alice\"\nteam_slug = \"acme-corp\"\n\
        [server]\nurl = \"https://kitty.example\"\n";
    private_file::replace(&home.credentials_file(), text.as_bytes()).unwrap();
}

fn run(home: &Home, arguments: &[&str]) {
    let mut command = surrounded(Command::new(program()), home.root());
    let output = command.args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

fn program() -> PathBuf {
    let named = std::env::var_os("SPEC_KITTY_BIN").map(PathBuf::from);
    named.unwrap_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_spec-kitty")))
}

fn surrounded(mut command: Command, home: &Path) -> Command {
    command
        .env("SPEC_KITTY_HOME", home)
        .env("SPEC_KITTY_NO_DAEMON", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// As `| head -1`: one line is read, then nobody reads any more.
fn first_line(home: &Home) -> Option<()> {
    let mut command = surrounded(Command::new(program()), home.root());
    command.args(["log", "tail", "--json", "-n", "all"]);
    let mut child = command.spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    drop(output);
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    let code = child.wait().unwrap().code();
    assert!(line.starts_with("{\"event_id\""), "{line}");
    assert_eq!((code, said.as_str()), (Some(0), ""));
    Some(())
}

/// In a namespace without a network, which has its price: that of one more program
/// that starts. `None` where none can be made.
fn status(home: &Home) -> Option<()> {
    let mut command = surrounded(Command::new("unshare"), home.root());
    command
        .args(["--net", "--map-root-user"])
        .arg(program())
        .args(["--json", "sync", "status"]);
    let output = command.output().ok()?;
    if !output.status.success() && output.stdout.is_empty() {
        return None;
    }
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    Some(())
}

/// One measured row: median, 99th percentile and best round against the bar.
fn row(what: &str, bar_ms: u64, rounds: u64, mut once: impl FnMut() -> Option<()>) {
    let mut took = Vec::new();
    // The first round warms up what all of them share.
    for _ in 0..=rounds {
        let begun = Instant::now();
        if once().is_none() {
            println!("{what}: skipped, it cannot be done here");
            return;
        }
        took.push(begun.elapsed());
    }
    let first = took.remove(0);
    took.sort();
    let at = |share: usize| took.get((took.len() * share / 100).min(took.len().saturating_sub(1)));
    let ms = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1000.0);
    let median = ms(at(50));
    let met = if median < bar_ms as f64 {
        "met"
    } else {
        "NOT met"
    };
    println!(
        "{what}: median {median:.1} ms, p99 {:.1}, best {:.1}, first {:.1}; bar {bar_ms} ms: {met} by the median",
        ms(at(99)),
        ms(took.first()),
        ms(Some(&first)),
    );
}
