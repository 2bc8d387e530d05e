//! Following while the log rolls, is pruned, and grows by an import.
//!
//! cli-anchors §6.1, with processes as they are used: four that record, one
//! that follows, and the commands that change the log under it. How far the
//! follower is, is decided by the pipe that it writes to: while nobody reads
//! that, it stands in the segment whose first event was read last, for a segment
//! is several times larger than what the pipe holds.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use spec_kitty::home::Home;
use spec_kitty::log::segment::LogDir;
use spec_kitty::log::storage::Disk;

use crate::stage::{Stage, line, server, texts};

const WRITERS: u64 = 4;
const EACH: u64 = 2_500;
const IMPORTED: usize = 200;
/// Several times what a pipe holds, and twice what the writers may have under way.
const SEGMENT_BYTES: u64 = 384 * 1024;
/// The lines that a writer is given before it answered.
const WINDOW: u64 = 50;
const PATIENCE: Duration = Duration::from_secs(300);

/// Four processes that record, each fed with no more than it has answered for.
struct Writers {
    open: Arc<AtomicBool>,
    /// Nothing is fed while there is a segment with this number.
    hold_at: Arc<AtomicU64>,
    /// Whether the last event of each may be recorded.
    may_end: Arc<AtomicBool>,
    recorded: Arc<AtomicU64>,
    fed: Arc<AtomicU64>,
    threads: Vec<thread::JoinHandle<Vec<String>>>,
}

impl Writers {
    fn start(stage: &Stage, home: &Home, hold_at: u64) -> Self {
        let mut writers = Self {
            open: Arc::new(AtomicBool::new(true)),
            hold_at: Arc::new(AtomicU64::new(hold_at)),
            may_end: Arc::default(),
            recorded: Arc::default(),
            fed: Arc::default(),
            threads: Vec::new(),
        };
        for name in 0..WRITERS {
            let mut command = stage.command(home, &["--json", "emit", "--stdin"]);
            command.stdin(Stdio::piped()).stderr(Stdio::inherit());
            let child = command.spawn().unwrap();
            writers
                .threads
                .push(writers.writer(child, name, home.clone()));
        }
        writers
    }

    fn writer(&self, mut child: Child, name: u64, home: Home) -> thread::JoinHandle<Vec<String>> {
        let mut input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mine = Arc::new(AtomicU64::new(0));
        let answered = Arc::clone(&mine);
        let (open, fed) = (Arc::clone(&self.open), Arc::clone(&self.fed));
        let hold_at = Arc::clone(&self.hold_at);
        let may_end = Arc::clone(&self.may_end);
        thread::spawn(move || {
            for number in 0..EACH {
                let is_free = || {
                    let under_way = number - answered.load(Ordering::SeqCst);
                    let is_held = number + 1 == EACH && !may_end.load(Ordering::SeqCst);
                    under_way < WINDOW
                        && open.load(Ordering::SeqCst)
                        && !is_held
                        && newest(&home) < hold_at.load(Ordering::SeqCst)
                };
                wait_until("a writer may go on", is_free);
                fed.fetch_add(1, Ordering::SeqCst);
                let line = line(&format!("{name}-{number}"));
                if input.write_all(line.as_bytes()).is_err() {
                    return;
                }
            }
        });
        let recorded = Arc::clone(&self.recorded);
        thread::spawn(move || {
            let ids = output.lines().map(|line| {
                let receipt: Value = serde_json::from_str(&line.unwrap()).unwrap();
                assert_eq!(receipt["status"], "recorded", "{receipt}");
                mine.fetch_add(1, Ordering::SeqCst);
                recorded.fetch_add(1, Ordering::SeqCst);
                receipt["event_id"].as_str().unwrap().to_owned()
            });
            let ids = ids.collect();
            assert_eq!(child.wait().unwrap().code(), Some(0));
            ids
        })
    }

    /// Nothing is under way any more, until they may go on.
    fn pause(&self) {
        self.open.store(false, Ordering::SeqCst);
        let count = |of: &AtomicU64| of.load(Ordering::SeqCst);
        // A feeder that had looked already may still feed one line.
        thread::sleep(Duration::from_millis(50));
        wait_until("the writers are quiet", || {
            count(&self.fed) == count(&self.recorded)
        });
    }

    fn resume(&self) {
        self.hold_at.store(u64::MAX, Ordering::SeqCst);
        self.open.store(true, Ordering::SeqCst);
    }

    fn let_end(&self) {
        self.may_end.store(true, Ordering::SeqCst);
    }

    /// The ids of everything that was recorded.
    fn end(self) -> Vec<String> {
        let threads = self.threads.into_iter();
        threads.flat_map(|thread| thread.join().unwrap()).collect()
    }
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "waited for: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// A follower whose output is read event by event; it does not outlive its test.
struct Follower {
    child: Child,
    output: BufReader<ChildStdout>,
    events: Vec<Value>,
}

impl Follower {
    fn start(stage: &Stage, home: &Home, arguments: &[&str]) -> Self {
        let all = ["--json", "log", "tail", "-f", "-n", "all"];
        let all: Vec<_> = all.iter().chain(arguments).copied().collect();
        let mut child = stage.command(home, &all).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            output,
            events: Vec::new(),
        }
    }

    /// Reads until an event is the one, or to the end.
    fn read_until(&mut self, is_it: impl Fn(&Value) -> bool) -> Option<&Value> {
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            self.events.push(serde_json::from_str(&line).unwrap());
            if self.events.last().is_some_and(&is_it) {
                return self.events.last();
            }
        }
    }

    /// Everything that it printed, its exit code and what it said beside.
    fn end(mut self) -> (Vec<Value>, Option<i32>, String) {
        self.read_until(|_| false);
        let said = std::io::read_to_string(self.child.stderr.take().unwrap()).unwrap();
        let code = self.child.wait().unwrap().code();
        (std::mem::take(&mut self.events), code, said)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn local(event: &Value, key: &str) -> u64 {
    event["local"][key].as_u64().unwrap()
}

fn newest(home: &Home) -> u64 {
    let dir = LogDir::new(home.log_dir(), Arc::new(Disk));
    let ordinals = dir.ordinals().unwrap_or_default();
    ordinals.last().map_or(0, |ordinal| ordinal.0)
}

/// A home whose segments take so many bytes, and whose events may go as soon as
/// they are delivered.
fn home(stage: &Stage, segment_bytes: u64) -> Home {
    let home = stage.home("home");
    let settings = format!("[log]\nsegment_bytes = {segment_bytes}\nretention_days = 0\n");
    fs::write(home.config_file(), settings).unwrap();
    home
}

/// The numbers of the segments that a prune removes.
fn prune(stage: &Stage, home: &Home) -> Vec<u64> {
    let output = stage.run(home, &["--json", "log", "prune", "--yes"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{report}");
    let removed = report["removed"].as_array().unwrap().iter();
    removed
        .map(|segment| segment["segment"].as_u64().unwrap())
        .collect()
}

/// A file with events of another home, and their ids.
fn of_another_home(stage: &Stage) -> (String, Vec<String>) {
    let other = stage.home("other");
    stage.recorded(&other, &texts("imported", IMPORTED));
    let path = stage.path("other.ndjson").display().to_string();
    let output = stage.run(&other, &["log", "export", &path]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = fs::read_to_string(&path).unwrap();
    let ids = text.lines().map(|line| {
        let event: Value = serde_json::from_str(line).unwrap();
        event["event_id"].as_str().unwrap().to_owned()
    });
    (path, ids.collect())
}

#[test]
fn through_rolls_a_prune_and_an_import_each_event_comes_once_and_in_order() {
    let stage = Stage::new();
    let server = server(&stage.path("server"));
    let home = home(&stage, SEGMENT_BYTES);
    stage.sign_in(&home, &server);
    let (file, imported) = of_another_home(&stage);
    let total = WRITERS * EACH + imported.len() as u64;
    let limit = total.to_string();
    let mut follower = Follower::start(&stage, &home, &["--limit", &limit, "--idle-exit", "200s"]);
    let writers = Writers::start(&stage, &home, 4);

    // It has just come to the third segment. That one is filled, the next one
    // begun, and everything that is there so far delivered.
    follower
        .read_until(|event| local(event, "segment") == 3)
        .unwrap();
    wait_until("the next segment", || newest(&home) == 4);
    writers.pause();
    assert_eq!(newest(&home), 4, "what is under way fits into a segment");
    stage.synced(&home);
    writers.resume();
    // So the three go: two that it has passed, and the one that it stands in.
    assert_eq!(prune(&stage, &home), [1, 2, 3]);
    let dir = LogDir::new(home.log_dir(), Arc::new(Disk));
    assert!(!dir.segment_path(spec_kitty::position::Ordinal(3)).exists());
    let in_third = follower
        .events
        .iter()
        .filter(|event| local(event, "segment") == 3);
    let read_before = in_third.count();

    // It goes on reading what is gone; halfway through comes the import, which
    // is over before the last of the writers.
    follower
        .read_until(|event| local(event, "seq") > WRITERS * EACH / 2)
        .unwrap();
    let import = stage.run(&home, &["--json", "log", "import", &file]);
    writers.let_end();
    let (events, code, said) = follower.end();
    let report: Value = serde_json::from_slice(&import.stdout).unwrap();
    assert_eq!(
        (&report["imported"], import.status.code()),
        (&imported.len().into(), Some(0))
    );
    let recorded = writers.end();
    assert_eq!((code, said.as_str()), (Some(0), ""));

    assert!(
        events
            .windows(2)
            .all(|two| local(&two[0], "seq") < local(&two[1], "seq"))
    );
    let shown: Vec<&str> = events
        .iter()
        .map(|event| event["event_id"].as_str().unwrap())
        .collect();
    let once: BTreeSet<&str> = shown.iter().copied().collect();
    let expected: BTreeSet<&str> = recorded
        .iter()
        .chain(&imported)
        .map(String::as_str)
        .collect();
    assert_eq!(
        (shown.len() as u64, once.len() as u64),
        (total, total),
        "each comes once"
    );
    assert!(
        once == expected,
        "other events were shown than were recorded"
    );
    let segments: BTreeSet<u64> = events.iter().map(|event| local(event, "segment")).collect();
    let without_a_hole = (1..=newest(&home)).collect();
    assert_eq!(segments, without_a_hole, "each segment was met");
    assert!(segments.len() > 10, "only {} segments", segments.len());
    let in_third = events.iter().filter(|event| local(event, "segment") == 3);
    assert!(
        in_third.count() > read_before + 100,
        "it was in it while it went"
    );
    // What the importer and the writers wrote lies between each other.
    let is_imported =
        |event: &Value| imported.contains(&event["event_id"].as_str().unwrap().to_owned());
    let last_imported = events.iter().rposition(is_imported).unwrap();
    assert!(
        last_imported + 1 < events.len(),
        "the writers were still there"
    );
}

/// What is pruned before a follower could read it, it cannot show; then it says so.
#[test]
fn what_goes_before_it_was_read_is_said_to_be_missing() {
    let stage = Stage::new();
    let server = server(&stage.path("server"));
    let home = home(&stage, 4096);
    stage.sign_in(&home, &server);
    stage.recorded(&home, &texts("early", 600));
    let mut follower = Follower::start(&stage, &home, &["--idle-exit", "3s"]);
    follower.read_until(|_| true).unwrap();
    stage.synced(&home);
    let gone = prune(&stage, &home);
    assert_eq!(*gone.last().unwrap() + 1, newest(&home));
    stage.recorded(&home, &texts("late", 5));
    let (events, code, said) = follower.end();
    assert_eq!(code, Some(0));
    let seqs: Vec<u64> = events.iter().map(|event| local(event, "seq")).collect();
    let holes: Vec<_> = seqs.windows(2).filter(|two| two[1] != two[0] + 1).collect();
    let [hole] = holes.as_slice() else {
        panic!("{holes:?}");
    };
    let (from, to) = (hole[0] + 1, hole[1] - 1);
    let count = to - from + 1;
    assert_eq!(
        said,
        format!(
            "warning: {count} records, {from} to {to} are not shown: they went with a log prune \
             before they could be read\n"
        )
    );
    assert_eq!((seqs[0], seqs.last()), (1, Some(&605)));
}
