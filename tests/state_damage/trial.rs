//! A home with a history, what happens to it, and what must hold afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use spec_kitty::dev_server::Running;
use spec_kitty::home::Home;

use crate::stage::{Recorded, Stage, events_left, give, line, server, stored, texts};

/// A signed-in home, what was ever confirmed to have been recorded in it, and
/// what the user was told.
pub struct Trial {
    pub stage: Stage,
    pub server: Running,
    pub home: Home,
    /// Every event that was ever confirmed, by id.
    known: BTreeMap<String, Recorded>,
    /// Those of them that need not be in this home any more.
    elsewhere: BTreeMap<String, Recorded>,
    warnings: Vec<String>,
    emissions: usize,
    /// How `log verify` and `sync status` end.
    pub verdict: i32,
}

/// Whose events may be at the server.
const TEAM: &str = "demo-team";

impl Trial {
    /// Ten events delivered, seven more recorded; several segments.
    pub fn new() -> Self {
        let stage = Stage::new();
        let server = server(&stage.path("server"));
        let home = stage.home("home");
        stage.sign_in(&home, &server);
        let mut trial = Self {
            stage,
            server,
            home,
            known: BTreeMap::new(),
            elsewhere: BTreeMap::new(),
            warnings: Vec::new(),
            emissions: 0,
            verdict: 0,
        };
        trial.record(10);
        trial.deliver();
        trial.record(7);
        assert_eq!(trial.told(), "", "an ordinary life is a quiet one");
        trial
    }

    pub fn state(&self) -> PathBuf {
        self.home.state_dir()
    }

    pub fn log(&self) -> PathBuf {
        self.home.log_dir()
    }

    /// Runs a command that has to succeed, and listens.
    pub fn expect(&mut self, arguments: &[&str]) -> Output {
        let output = self.stage.run(&self.home, arguments);
        self.listen(&output);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {stderr}");
        output
    }

    fn listen(&mut self, output: &Output) {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let warnings = stderr.lines().filter(|line| line.starts_with("warning: "));
        self.warnings.extend(warnings.map(str::to_owned));
    }

    /// Records `count` events in one process; what was confirmed is known.
    pub fn record(&mut self, count: usize) {
        self.emissions += 1;
        let texts = texts(&format!("{}", self.emissions), count);
        let output = self.stage.emit(&self.home, &texts);
        self.listen(&output);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        let receipts = String::from_utf8(output.stdout).unwrap();
        let here = by_id(&self.home);
        for line in receipts.lines() {
            let receipt: Value = serde_json::from_str(line).unwrap();
            assert_eq!(receipt["status"], "recorded", "{receipt}");
            let id = receipt["event_id"].as_str().unwrap();
            let recorded = here[id].clone();
            assert_eq!(receipt["lamport_clock"], recorded.clock);
            assert!(self.known.insert(id.to_owned(), recorded).is_none());
        }
    }

    /// Delivers all that waits; the number of events that were sent.
    pub fn deliver(&mut self) -> u64 {
        let output = self.expect(&["--json", "sync", "now"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["pending"], 0, "{report}");
        report["sent"].as_u64().unwrap()
    }

    /// Life goes on: recording with a new segment, delivering, looking. Then
    /// everything must hold; the number of events that were sent.
    pub fn goes_on(&mut self) -> u64 {
        self.record(7);
        self.record(2);
        let sent = self.deliver();
        for arguments in [["sync", "status"], ["log", "verify"]] {
            let output = self.stage.run(&self.home, &arguments);
            self.listen(&output);
            let code = output.status.code();
            assert_eq!(code, Some(self.verdict), "{arguments:?}");
        }
        self.expect(&["log", "tail"]);
        self.holds();
        sent
    }

    /// Every promise, looked at from the log and from the server.
    pub fn holds(&self) {
        let here = by_id(&self.home);
        for (id, recorded) in &self.known {
            let found = here.get(id).unwrap_or_else(|| panic!("{id} is lost"));
            assert_eq!((found.seq, found.clock), (recorded.seq, recorded.clock));
        }
        self.clocks_hold(here.values());
        self.server_holds(here.keys());
        for (id, state) in self.stage.states(&self.home) {
            assert!(matches!(state.as_str(), "delivered" | "duplicate"), "{id}");
        }
    }

    /// No node has issued a value twice, here or in what the server knows; and
    /// in this log it has only gone up.
    pub fn clocks_hold<'a>(&'a self, here: impl Iterator<Item = &'a Recorded>) {
        let here: Vec<&Recorded> = here.collect();
        let mut issued = BTreeMap::new();
        let stored = stored(&self.server);
        let others = self.known.values().chain(self.elsewhere.values());
        let logged = here.iter().copied().chain(others);
        for event in logged.map(|recorded| &recorded.event).chain(&stored) {
            let value = (
                event["node_id"].to_string(),
                event["lamport_clock"].as_u64().unwrap(),
            );
            let id = event["event_id"].to_string();
            let first = issued.entry(value.clone()).or_insert_with(|| id.clone());
            assert_eq!(*first, id, "{value:?} was issued twice");
        }
        let mut in_order = here;
        in_order.sort_by_key(|recorded| recorded.seq);
        let mut last = BTreeMap::new();
        for recorded in in_order {
            let before = last.insert(recorded.node(), recorded.clock);
            assert!(before < Some(recorded.clock), "{recorded:?}");
        }
    }

    /// The server has each event that is known once, and from this team.
    fn server_holds<'a>(&'a self, here: impl Iterator<Item = &'a String>) {
        let stored = stored(&self.server);
        let there: BTreeSet<String> = stored.iter().map(id_of).collect();
        assert_eq!(there.len(), stored.len(), "the server has an event twice");
        assert!(stored.iter().all(|event| event["team_slug"] == TEAM));
        let expected: BTreeSet<String> = here.cloned().collect();
        assert!(expected.is_subset(&there), "an event never arrived");
    }

    /// Says that what is not in the log of this home need not be there: it was
    /// taken away on purpose. How many events that are. The clock values that
    /// they used stay used.
    pub fn concede(&mut self) -> usize {
        let here = by_id(&self.home);
        let known = std::mem::take(&mut self.known);
        let (kept, gone) = known.into_iter().partition(|(id, _)| here.contains_key(id));
        self.known = kept;
        let gone: BTreeMap<String, Recorded> = gone;
        let count = gone.len();
        self.elsewhere.extend(gone);
        count
    }

    /// The warnings since the last time, one a line.
    pub fn told(&mut self) -> String {
        std::mem::take(&mut self.warnings).join("\n")
    }

    /// Expects one warning with these words in it, and no other.
    pub fn told_once(&mut self, words: &str) {
        let told = self.told();
        assert!(told.contains(words), "{told:?} does not speak of {words:?}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }

    /// A home of another node, with another clock, delivered to the same server.
    pub fn other_home(&mut self, name: &str) -> Home {
        let other = self.stage.home(name);
        self.stage.sign_in(&other, &self.server);
        let input: String = texts(name, 23).iter().map(|text| line(text)).collect();
        let mut command = self.stage.command(&other, &["emit", "--stdin"]);
        command.env("LOGNAME", name);
        let output = give(command, &input);
        assert_eq!(output.status.code(), Some(0));
        self.stage.synced(&other);
        other
    }
}

pub fn by_id(home: &Home) -> BTreeMap<String, Recorded> {
    let events = events_left(home).into_iter();
    events.map(|event| (event.id().to_owned(), event)).collect()
}

fn id_of(event: &Value) -> String {
    event["event_id"].as_str().unwrap().to_owned()
}

/// `cp -a`.
pub fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(status.unwrap().success());
}

/// Puts a copy of `from` in the place of `to`.
pub fn replace(from: &Path, to: &Path) {
    fs::remove_dir_all(to).unwrap();
    copy(from, to);
}

/// Every file below `dir`, in order.
pub fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
