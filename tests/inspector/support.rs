//! Logs made by the library, read by the program.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use spec_kitty::event::{Context, Draft, EventHeader, EventId, Flags, encode_body, encode_event};
use spec_kitty::home::Home;
use spec_kitty::log::ambient::System;
use spec_kitty::log::append::{
    Log, LogOptions, NodeIdentity, Outcome, Placed, Record, Refused, Stamp, Tick,
};
use spec_kitty::log::frame::Kind;
use spec_kitty::log::header::NodeId;
use spec_kitty::log::segment::LogDir;
use spec_kitty::log::storage::Disk;
use spec_kitty::position::{Ordinal, Seq};
use spec_kitty::private_file;
use spec_kitty::state::{
    Commit, EventKey, Outcome as Answered, Project, Refusal, Retry, State, Trouble,
};
use spec_kitty::sync::control::Control;
use spec_kitty::target::{Target, TargetId};
use ulid::Ulid;

pub const WAIT: Duration = Duration::from_secs(20);
/// 3 February 2026, 12:00 UTC.
pub const NOON_US: i64 = 1_770_120_000_000_000;
pub const MINUTE_US: i64 = 60_000_000;
pub const PROJECT: &str = "44a34391-86d8-4159-abf1-e0b4d3abc746";
pub const NODE: &str = "b805cd5cee74";

/// Who the events of these tests are for.
pub fn acme() -> Target {
    Target::new("https://kitty.example", "alice", Some("acme-corp"))
}

/// A home in a temporary directory, with a log that grows by a minute an event.
pub struct Bench {
    dir: tempfile::TempDir,
    pub log: Log,
    next: Cell<u64>,
}

/// What a run of the program gave.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// One event, as the log's writer asks for it.
struct Event<'a> {
    draft: &'a Draft,
    context: &'a Context,
    id: EventId,
}

impl Record for Event<'_> {
    fn kind(&self) -> Kind {
        Kind::Event
    }

    fn tick(&self) -> Tick {
        Tick::Own
    }

    fn encode(&mut self, stamp: &Stamp<'_>, out: &mut Vec<u8>) -> Result<(), Refused> {
        encode_event(self.draft, self.context, &self.id, stamp.clock, out)
            .map_err(|error| Refused::Invalid(error.to_string()))
    }
}

/// Bytes of another kind of frame.
struct Bytes(Kind, Vec<u8>);

impl Record for Bytes {
    fn kind(&self) -> Kind {
        self.0
    }

    fn tick(&self) -> Tick {
        Tick::Still
    }

    fn encode(&mut self, _stamp: &Stamp<'_>, out: &mut Vec<u8>) -> Result<(), Refused> {
        out.extend_from_slice(&self.1);
        Ok(())
    }
}

/// A log in `home` whose segments take so many bytes.
pub fn log_in(home: &Path, segment_bytes: u64) -> Log {
    log_prepared(home, segment_bytes, 0)
}

/// The same with so much space prepared.
pub fn log_prepared(home: &Path, segment_bytes: u64, prepared_bytes: u64) -> Log {
    let node_id = NodeId::parse(NODE).unwrap();
    let options = LogOptions {
        segment_bytes,
        prepared_bytes,
        ..LogOptions::for_node(NodeIdentity {
            node_id,
            facts: [9; 8],
        })
    };
    let dir = LogDir::new(Home::at(home).log_dir(), Arc::new(Disk));
    Log::new(dir, Arc::new(System), options)
}

/// Appends and expects it to be durable.
pub fn append(log: &Log, record: &mut dyn Record) -> Placed {
    let appended = log.append(&mut [record], None, WAIT);
    match appended.outcomes.as_slice() {
        [Outcome::Recorded(placed)] => *placed,
        other => panic!("{other:?}: {:?}", appended.failure),
    }
}

/// The id of the event that was made as number `n`.
pub fn id(n: u64) -> String {
    let at_ms = u64::try_from(NOON_US / 1000).unwrap() + 60_000 * n;
    Ulid::from_parts(at_ms, u128::from(n) * 0x1_0000_0000_0001).to_string()
}

pub fn context(n: u64) -> Context {
    Context {
        node_id: NODE.to_owned(),
        team_slug: Some("acme-corp".to_owned()),
        project_uuid: Some(PROJECT.to_owned()),
        project_slug: Some("widgets".to_owned()),
        git_branch: Some("main".to_owned()),
        head_commit_sha: Some("409ce863c69ac30e0cef7d21797a1f45928a0084".to_owned()),
        repo_slug: Some("acme/widgets".to_owned()),
        timestamp_us: NOON_US + MINUTE_US * i64::try_from(n).unwrap(),
        target: acme().id(),
        opted_out: false,
    }
}

/// Appends event number `n` to `log`.
pub fn emit(log: &Log, n: u64, context: &Context, event_type: &str, payload: &str) -> Placed {
    emit_caused(log, n, context, (event_type, payload), None)
}

fn emit_caused(
    log: &Log,
    n: u64,
    context: &Context,
    (event_type, payload): (&str, &str),
    cause: Option<&str>,
) -> Placed {
    let cause = cause.map(|cause| EventId::parse(cause).unwrap());
    let draft = Draft::from_json(event_type, payload, cause).unwrap();
    let id = EventId::parse(&id(n)).unwrap();
    append(
        log,
        &mut Event {
            draft: &draft,
            context,
            id,
        },
    )
}

impl Bench {
    pub fn new() -> Self {
        Self::with_segments(1024 * 1024)
    }

    pub fn with_segments(segment_bytes: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = log_in(&dir.path().join("home"), segment_bytes);
        Self {
            dir,
            log,
            next: Cell::new(0),
        }
    }

    /// With a log as the program itself would make it, here and now.
    #[allow(dead_code, reason = "for the tests of doctor")]
    pub fn of_this_machine() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = spec_kitty::emitter::log_of(&Home::at(dir.path().join("home")));
        Self {
            dir,
            log,
            next: Cell::new(0),
        }
    }

    pub fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    pub fn segment(&self, ordinal: u64) -> PathBuf {
        self.log.dir().segment_path(Ordinal(ordinal))
    }

    /// Records an event for acme; the first one is number 0, at noon.
    pub fn emit(&self, event_type: &str, payload: &str) -> Placed {
        self.emit_with(event_type, payload, |_| {})
    }

    pub fn emit_with(
        &self,
        event_type: &str,
        payload: &str,
        change: impl FnOnce(&mut Context),
    ) -> Placed {
        let n = self.next.get();
        self.next.set(n + 1);
        let mut context = context(n);
        change(&mut context);
        emit(&self.log, n, &context, event_type, payload)
    }

    pub fn note(&self, text: &str) -> Placed {
        let payload =
            serde_json::json!({"wp_id": "WP01", "entry_type": "note", "entry_content": text});
        self.emit("HistoryAdded", &payload.to_string())
    }

    pub fn moved(&self, wp: &str, from: &str, to: &str, by: &str) -> Placed {
        let payload = format!(
            r#"{{"wp_id":"{wp}","previous_status":"{from}","new_status":"{to}","changed_by":"{by}","feature_slug":"028-cli-sync"}}"#
        );
        self.emit("WPStatusChanged", &payload)
    }

    /// Records a note that another event led to.
    pub fn caused(&self, cause: &str, text: &str) -> Placed {
        let n = self.next.get();
        self.next.set(n + 1);
        let payload =
            serde_json::json!({"wp_id": "WP01", "entry_type": "note", "entry_content": text});
        let payload = payload.to_string();
        let event = ("HistoryAdded", payload.as_str());
        emit_caused(&self.log, n, &context(n), event, Some(cause))
    }

    /// Adds an event that was made elsewhere, with this JSON.
    pub fn foreign(&self, event_id: &str, event_type: &str, json: impl AsRef<[u8]>) -> Placed {
        self.foreign_with(event_id, event_type, json, |_| {})
    }

    pub fn foreign_with(
        &self,
        event_id: &str,
        event_type: &str,
        json: impl AsRef<[u8]>,
        change: impl FnOnce(&mut EventHeader<'_>),
    ) -> Placed {
        let n = self.next.get();
        self.next.set(n + 1);
        let mut header = EventHeader {
            event_id,
            event_type,
            aggregate_type: "WorkPackage",
            aggregate_id: "WP09",
            node_id: "feedfacecafe",
            lamport: 7000 + n,
            timestamp_us: NOON_US + MINUTE_US * i64::try_from(n).unwrap(),
            team: Some("acme-corp"),
            project: Some(PROJECT),
            feature: None,
            causation_id: None,
            target: acme().id(),
            flags: Flags::default(),
        };
        change(&mut header);
        let mut body = Vec::new();
        // A forged log holds what no encoder would write: the bytes come in behind it.
        let json = json.as_ref();
        if encode_body(&header, json, &mut body).is_err() {
            let object = format!("{{{}}}", " ".repeat(json.len() - 2));
            body.clear();
            encode_body(&header, object.as_bytes(), &mut body).unwrap();
            body.truncate(body.len() - json.len());
            body.extend_from_slice(json);
        }
        append(&self.log, &mut Bytes(Kind::ForeignEvent, body))
    }

    pub fn frame(&self, kind: Kind, body: &[u8]) -> Placed {
        append(&self.log, &mut Bytes(kind, body.to_vec()))
    }

    /// Records that what was made while signed out belongs to acme.
    pub fn bind(&self) -> Placed {
        let control = Control::Bind {
            from: TargetId::SIGNED_OUT,
            to: acme(),
        };
        self.frame(Kind::Control, &control.encode())
    }

    /// Commits what acme's server said: position, event and answer.
    pub fn answered(&self, stream: &str, answers: &[(u64, String, Answered)]) {
        let state = State::at(Home::at(self.home()).state_dir());
        let sender = state.sender_lock(WAIT).unwrap().unwrap();
        let mut ledger = state.open_ledger(sender, WAIT).unwrap().value;
        let mut commit = Commit::new(acme().id(), 1_770_123_000_000);
        let project = Project::new(stream).unwrap();
        for (seq, event, answer) in answers {
            let event = EventKey::new(event).unwrap();
            commit.settle(Some(&project), Seq(*seq), event, answer.clone());
        }
        ledger.commit(&commit, WAIT).unwrap();
    }

    /// The server confirms these events: their positions, their ids, and how many
    /// milliseconds after they were recorded.
    pub fn confirmed_after(&self, answers: &[(u64, String, u64)]) {
        let state = State::at(Home::at(self.home()).state_dir());
        let sender = state.sender_lock(WAIT).unwrap().unwrap();
        let mut ledger = state.open_ledger(sender, WAIT).unwrap().value;
        let at_ms = 1_770_123_000_000;
        let mut commit = Commit::new(acme().id(), at_ms);
        let project = Project::new(PROJECT).unwrap();
        for (seq, event, took_ms) in answers {
            let event = EventKey::new(event).unwrap();
            commit.settle(Some(&project), Seq(*seq), event, Answered::Delivered);
            let recorded_ms = i64::try_from(at_ms - took_ms).unwrap();
            commit.time(Some(&project), Seq(*seq), recorded_ms, at_ms);
        }
        ledger.commit(&commit, WAIT).unwrap();
    }

    /// Signs acme's account in, or another one of the same server.
    pub fn sign_in(&self, user: &str) {
        self.sign_in_at("https://kitty.example", user);
    }

    pub fn sign_in_at(&self, url: &str, user: &str) {
        let text = format!(
            "[tokens]\naccess = \"SECRET-A\"\nrefresh = \"SECRET-R\"\n\
             access_expires_at = \"2099-01-01T00:00:00Z\"\n\
             refresh_expires_at = \"2099-01-01T00:00:00Z\"\n\
             [user]\nusername = \"{user}\"\nteam_slug = \"acme-corp\"\n\
             [server]\nurl = \"{url}\"\n"
        );
        let home = Home::at(self.home());
        home.create().unwrap();
        private_file::replace(&home.credentials_file(), text.as_bytes()).unwrap();
    }

    /// Changes one byte of a segment.
    pub fn flip(&self, ordinal: u64, at: u64) {
        let mut bytes = std::fs::read(self.segment(ordinal)).unwrap();
        bytes[usize::try_from(at).unwrap()] ^= 0x20;
        std::fs::write(self.segment(ordinal), bytes).unwrap();
    }

    /// The program, with nothing around it that could matter.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program();
        command.arg("--home").arg(self.home()).args(arguments);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        ran(&mut self.command(arguments))
    }

    /// What the program prints, which must end well and say nothing else.
    pub fn prints(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(
            (ran.code, ran.stderr.as_str()),
            (Some(0), ""),
            "{arguments:?}"
        );
        ran.stdout
    }

    /// The JSON lines that the program prints.
    pub fn json(&self, arguments: &[&str]) -> Vec<serde_json::Value> {
        let mut all = vec!["--json"];
        all.extend(arguments);
        let lines = self.prints(&all);
        lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The texts of the notes that `log tail` prints.
    pub fn notes(&self, arguments: &[&str]) -> Vec<String> {
        let mut all = vec!["log", "tail"];
        all.extend(arguments);
        let text = |event: serde_json::Value| {
            event["payload"]["entry_content"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        self.json(&all).into_iter().map(text).collect()
    }

    /// What the program lays out for a terminal of so many columns, and what it
    /// says beside it.
    pub fn page(&self, columns: usize, arguments: &[&str]) -> Ran {
        let mut command = self.command(arguments);
        command
            .env("SPEC_KITTY_FORCE_TTY", "1")
            .env("COLUMNS", columns.to_string());
        ran(&mut command)
    }

    /// What a terminal of so many columns shows, without colours; `None` where
    /// there is no `script` to make a terminal with.
    pub fn screen(&self, columns: u32, arguments: &str) -> Option<(String, i32)> {
        let program = env!("CARGO_BIN_EXE_spec-kitty");
        let home = self.home();
        let line = format!("{program} --home {} {arguments}", home.display());
        let mut command = Command::new("script");
        clean(&mut command);
        command
            .args(["-qec", &line, "/dev/null"])
            .env("COLUMNS", columns.to_string())
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        let output = match command.output() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            other => other.unwrap(),
        };
        let shown = String::from_utf8(output.stdout)
            .unwrap()
            .replace("\r\n", "\n");
        Some((shown, output.status.code().unwrap()))
    }
}

pub fn rejected(retry: Retry, words: &str) -> Answered {
    Answered::Refused(Refusal {
        retry,
        trouble: Trouble::new("validation", words, Some(422)),
    })
}

pub fn clean(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let matters = ["SPEC_KITTY_", "SPECIFY_", "CLICOLOR", "COLUMNS", "NO_COLOR"];
        if matters.iter().any(|start| text.starts_with(start)) {
            command.env_remove(&name);
        }
    }
    command
        .env("SPEC_KITTY_NO_DAEMON", "1")
        .env("TZ", "UTC")
        .env("TERM", "xterm");
}

pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spec-kitty"));
    clean(&mut command);
    command.stdin(Stdio::null());
    command
}

pub fn ran(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
