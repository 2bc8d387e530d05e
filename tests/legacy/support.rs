//! Homes, queues as the original makes them, and the program.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use rusqlite::{Connection, params};
use serde_json::Value;

pub const PROJECT: &str = "44a34391-86d8-4159-abf1-e0b4d3abc746";

/// What a run of the program gave.
#[derive(Debug)]
#[allow(dead_code)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// The report on stdout.
    pub fn report(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The same, of a run that ended well.
    pub fn ok(&self) -> Value {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.report()
    }
}

/// A temporary directory with a home in it.
pub struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    pub fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.run_in("home", arguments)
    }

    /// Runs the program with the home of this name.
    pub fn run_in(&self, home: &str, arguments: &[&str]) -> Ran {
        let output = self.command(home, arguments).output().unwrap();
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub fn command(&self, home: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spec-kitty"));
        command
            .env_clear()
            .env("HOME", self.dir.path())
            .env("SPEC_KITTY_HOME", self.path(home))
            .env("SPEC_KITTY_NO_DAEMON", "1")
            .current_dir(self.dir.path())
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    pub fn import(&self, path: &Path) -> Ran {
        self.run(&["--json", "log", "import", path.to_str().unwrap()])
    }

    /// What the log of the home holds: each event's bytes, in order.
    pub fn stored(&self) -> Vec<String> {
        self.stored_in("home")
    }

    pub fn stored_in(&self, home: &str) -> Vec<String> {
        let ran = self.run_in(home, &["log", "export"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        ran.stdout.lines().map(str::to_owned).collect()
    }

    /// A note of our own; returns its receipt.
    pub fn emit(&self, text: &str) -> Value {
        let payload = format!(r#"{{"wp_id":"WP01","entry_type":"note","entry_content":"{text}"}}"#);
        self.run(&["--json", "emit", "HistoryAdded", "--payload", &payload])
            .ok()
    }
}

/// One row of a queue.
#[derive(Clone, Debug)]
pub struct QueueRow {
    pub id: i64,
    pub event_id: String,
    pub data: Vec<u8>,
    pub timestamp: i64,
    pub retry_count: i64,
}

/// The id of the event with this number.
pub fn id(n: u64) -> String {
    ulid::Ulid::from_parts(1_770_120_000_000 + n, u128::from(n)).to_string()
}

/// An event as the original queues it.
pub fn event(n: u64, lamport: &str, payload: &str) -> String {
    format!(
        r#"{{"event_id": "{}", "event_type": "WPStatusChanged", "aggregate_id": "WP01", "aggregate_type": "WorkPackage", "payload": {payload}, "node_id": "b805cd5cee74", "lamport_clock": {lamport}, "causation_id": null, "timestamp": "2026-02-03T12:00:00+00:00", "team_slug": "local", "project_uuid": "{PROJECT}", "later": [1.10, "na\u00efve"]}}"#,
        id(n)
    )
}

/// A row with an ordinary event.
pub fn row(n: u64) -> QueueRow {
    row_with(
        n,
        event(
            n,
            &n.to_string(),
            r#"{"wp_id": "WP01", "from_lane": "planned", "to_lane": "done"}"#,
        ),
    )
}

pub fn row_with(n: u64, data: impl Into<Vec<u8>>) -> QueueRow {
    QueueRow {
        id: n as i64,
        event_id: id(n),
        data: data.into(),
        timestamp: 1_770_120_000,
        retry_count: 0,
    }
}

/// Makes a queue in the schema of 2.1.0.
pub fn make_queue(path: &Path, rows: &[QueueRow]) -> Connection {
    let db = Connection::open(path).unwrap();
    db.execute_batch(
        "CREATE TABLE queue (id INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT UNIQUE NOT NULL,
            event_type TEXT NOT NULL, data TEXT NOT NULL, timestamp INTEGER NOT NULL,
            retry_count INTEGER DEFAULT 0, coalesce_key TEXT);
         CREATE INDEX idx_timestamp ON queue(timestamp);",
    )
    .unwrap();
    fill(&db, rows);
    db
}

pub fn fill(db: &Connection, rows: &[QueueRow]) {
    db.execute_batch("BEGIN").unwrap();
    for row in rows {
        db.execute(
            "INSERT INTO queue (id, event_id, event_type, data, timestamp, retry_count)
             VALUES (?1, ?2, 'WPStatusChanged', CAST(?3 AS TEXT), ?4, ?5)",
            params![
                row.id,
                row.event_id,
                row.data,
                row.timestamp,
                row.retry_count
            ],
        )
        .unwrap();
    }
    db.execute_batch("COMMIT").unwrap();
}

/// The rows of a queue, in the order in which the original sends them.
pub fn rows_of(path: &Path) -> Vec<QueueRow> {
    let db = Connection::open(path).unwrap();
    let mut query = db
        .prepare("SELECT id, event_id, CAST(data AS BLOB), timestamp, retry_count FROM queue ORDER BY timestamp, id")
        .unwrap();
    let rows = query.query_map([], |row| {
        Ok(QueueRow {
            id: row.get(0)?,
            event_id: row.get(1)?,
            data: row.get(2)?,
            timestamp: row.get(3)?,
            retry_count: row.get(4)?,
        })
    });
    rows.unwrap().map(Result::unwrap).collect()
}

pub fn lamport(data: &[u8]) -> u64 {
    serde_json::from_slice::<Value>(data).unwrap()["lamport_clock"]
        .as_u64()
        .unwrap()
}

/// The texts in the order in which they belong into the log.
pub fn in_order(mut rows: Vec<QueueRow>) -> Vec<String> {
    rows.sort_by_key(|row| (lamport(&row.data), row.timestamp, row.id));
    rows.into_iter()
        .map(|row| String::from_utf8(row.data).unwrap())
        .collect()
}

/// Copies a directory of fixtures, so that nothing can happen to them.
pub fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            std::fs::write(&target, std::fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}

/// Every file below a directory: its bytes and when it was changed.
pub fn picture(dir: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(picture(&path));
        } else {
            let changed = std::fs::metadata(&path).unwrap().modified().unwrap();
            files.insert(path.clone(), (std::fs::read(&path).unwrap(), changed));
        }
    }
    files
}

/// The fixtures that are in the repository.
pub fn small_fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/python-home")
}

/// All fixtures, where they are at hand.
pub fn all_fixtures() -> Option<PathBuf> {
    let named = std::env::var_os("SPEC_KITTY_SHARED").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let shared = named.unwrap_or(beside).join("fixtures/python-home");
    if shared.is_dir() {
        return Some(shared);
    }
    println!("skipped: set SPEC_KITTY_SHARED to the directory that holds fixtures/python-home");
    None
}
