//! Writing what the Python tool reads: a `queue.db` in the schema of 2.1.0, and
//! NDJSON.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params};
use serde::Deserialize;
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::event::EventHeader;
use crate::legacy::LegacyError;
use crate::platform;

/// The tables of 2.1.0, as its own `_init_db` makes them.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS queue (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        event_id TEXT UNIQUE NOT NULL,
        event_type TEXT NOT NULL,
        data TEXT NOT NULL,
        timestamp INTEGER NOT NULL,
        retry_count INTEGER DEFAULT 0,
        coalesce_key TEXT
    );
    CREATE INDEX IF NOT EXISTS idx_timestamp ON queue(timestamp);
    CREATE INDEX IF NOT EXISTS idx_retry ON queue(retry_count);
    CREATE TABLE IF NOT EXISTS body_upload_queue (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        project_uuid TEXT NOT NULL,
        feature_slug TEXT NOT NULL,
        target_branch TEXT NOT NULL,
        mission_key TEXT NOT NULL,
        manifest_version TEXT NOT NULL,
        artifact_path TEXT NOT NULL,
        content_hash TEXT NOT NULL,
        hash_algorithm TEXT NOT NULL DEFAULT 'sha256',
        content_body TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        retry_count INTEGER NOT NULL DEFAULT 0,
        next_attempt_at REAL NOT NULL DEFAULT 0.0,
        created_at REAL NOT NULL,
        last_error TEXT,
        UNIQUE(project_uuid, feature_slug, target_branch, mission_key, manifest_version,
               artifact_path, content_hash)
    );
    CREATE INDEX IF NOT EXISTS idx_body_queue_next_attempt
        ON body_upload_queue(next_attempt_at);
    CREATE INDEX IF NOT EXISTS idx_body_queue_namespace
        ON body_upload_queue(project_uuid, feature_slug, target_branch);";

const INSERT: &str = "INSERT OR IGNORE INTO queue
    (event_id, event_type, data, timestamp, retry_count, coalesce_key)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

/// How long to wait for the Python tool to be done with the file.
const PATIENCE: Duration = Duration::from_secs(5);

/// The types of which the original keeps only the newest waiting event, and by
/// which fields it tells them apart.
const COALESCED: [(&str, &[&str]); 2] = [
    (
        "MissionDossierArtifactIndexed",
        &["project_uuid", "feature_slug", "artifact_key"],
    ),
    (
        "MissionDossierSnapshotComputed",
        &["project_uuid", "feature_slug"],
    ),
];

/// A queue of the Python tool that is being written. All of it is one
/// transaction: until [`QueueFile::finish`] nobody sees any of it.
#[derive(Debug)]
pub struct QueueFile {
    path: PathBuf,
    db: Connection,
    /// The rows drain by this first, so it never decreases.
    last_s: i64,
    now_s: i64,
    written: u64,
    present: u64,
}

impl QueueFile {
    /// Opens the queue at `path`, or makes one there, readable by nobody else.
    /// Rows that are there stay as they are. `now_s` is the time, in seconds
    /// since 1970.
    ///
    /// # Errors
    /// [`LegacyError`], also when the file is something else.
    pub fn open(path: &Path, now_s: i64) -> Result<Self, LegacyError> {
        let mut options = platform::private_options();
        match options.write(true).create_new(true).open(path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            other => drop(other.map_err(LegacyError::io("create", path))?),
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let prepared = Connection::open_with_flags(path, flags).and_then(|db| {
            db.busy_timeout(PATIENCE)?;
            db.execute_batch("PRAGMA trusted_schema=OFF; BEGIN IMMEDIATE")?;
            db.execute_batch(SCHEMA)?;
            let coalesce =
                "SELECT count(*) FROM pragma_table_info('queue') WHERE name='coalesce_key'";
            if db.query_row(coalesce, [], |row| row.get::<_, i64>(0))? == 0 {
                db.execute_batch("ALTER TABLE queue ADD COLUMN coalesce_key TEXT")?;
            }
            db.execute_batch("CREATE INDEX IF NOT EXISTS idx_coalesce_key ON queue(coalesce_key)")?;
            // Everything that a row is written with must be there.
            db.prepare(INSERT)?;
            let newest = "SELECT coalesce(max(timestamp), 0) FROM queue";
            let last_s = db.query_row(newest, [], |row| row.get(0))?;
            Ok((db, last_s))
        });
        let (db, last_s) = prepared.map_err(|error| LegacyError::NotAQueue {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Self {
            path: path.to_owned(),
            db,
            last_s,
            now_s,
            written: 0,
            present: 0,
        })
    }

    /// Adds an event behind those that are there, unless its id is among them.
    /// `json` goes in as it is.
    ///
    /// # Errors
    /// [`LegacyError::NotAQueue`] when SQLite refuses.
    pub fn add(
        &mut self,
        header: &EventHeader<'_>,
        json: &str,
        retries: u32,
    ) -> Result<(), LegacyError> {
        let event_s = header
            .timestamp_us
            .div_euclid(1_000_000)
            .clamp(0, self.now_s.max(0));
        self.last_s = self.last_s.max(event_s);
        let key = coalesce_key(header.event_type, json);
        let values = params![
            header.event_id,
            header.event_type,
            json,
            self.last_s,
            retries,
            key
        ];
        let inserted = self
            .db
            .prepare_cached(INSERT)
            .and_then(|mut insert| insert.execute(values));
        match inserted.map_err(|error| self.failed(&error))? {
            0 => self.present = self.present.saturating_add(1),
            _ => self.written = self.written.saturating_add(1),
        }
        Ok(())
    }

    /// Makes it durable and says how many rows were added, and how many were
    /// there already.
    ///
    /// # Errors
    /// [`LegacyError::NotAQueue`] when SQLite refuses; nothing has changed then.
    pub fn finish(self) -> Result<(u64, u64), LegacyError> {
        self.db
            .execute_batch("COMMIT")
            .map_err(|error| self.failed(&error))?;
        Ok((self.written, self.present))
    }

    fn failed(&self, error: &rusqlite::Error) -> LegacyError {
        LegacyError::NotAQueue {
            path: self.path.clone(),
            reason: error.to_string(),
        }
    }
}

/// The key under which the original replaces a waiting event by a newer one.
fn coalesce_key(event_type: &str, json: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Event {
        #[serde(default)]
        payload: Value,
        #[serde(flatten)]
        members: serde_json::Map<String, Value>,
    }
    let (_, fields) = COALESCED.iter().find(|(known, _)| *known == event_type)?;
    let event: Event = serde_json::from_str(json).ok()?;
    let mut key = event_type.to_owned();
    for field in *fields {
        let own = event.members.get(*field).filter(|value| !value.is_null());
        let value = own.or_else(|| event.payload.get(field));
        key.push('|');
        match value {
            Some(Value::String(text)) => key.push_str(text),
            Some(Value::Null) => key.push_str("None"),
            Some(other) => key.push_str(&other.to_string()),
            None => {}
        }
    }
    Some(key)
}

/// A file of events, one a line. It has its name when it is whole.
#[derive(Debug)]
pub struct LinesFile {
    path: PathBuf,
    out: BufWriter<NamedTempFile<File>>,
}

impl LinesFile {
    /// Begins the file that will be at `path`, readable by nobody else.
    ///
    /// # Errors
    /// [`LegacyError::Io`].
    pub fn create(path: &Path) -> Result<Self, LegacyError> {
        // The temporary file is created with mode 0600.
        let file = tempfile::Builder::new()
            .prefix(".spec-kitty-")
            .tempfile_in(dir_of(path))
            .map_err(LegacyError::io("create", path))?;
        Ok(Self {
            path: path.to_owned(),
            out: BufWriter::with_capacity(256 * 1024, file),
        })
    }

    /// Adds one line, which must not hold a line break.
    ///
    /// # Errors
    /// [`LegacyError::Io`].
    pub fn add(&mut self, line: &str) -> Result<(), LegacyError> {
        let written = self
            .out
            .write_all(line.as_bytes())
            .and_then(|()| self.out.write_all(b"\n"));
        written.map_err(LegacyError::io("write", &self.path))
    }

    /// Makes it durable and gives it its name, replacing what was there.
    ///
    /// # Errors
    /// [`LegacyError::Io`]; what was there is still there then.
    pub fn finish(self) -> Result<(), LegacyError> {
        let Self { path, out } = self;
        let named = out
            .into_inner()
            .map_err(|error| error.into_error())
            .and_then(|file| {
                file.as_file().sync_all()?;
                file.persist(&path).map_err(|error| error.error)?;
                platform::sync_dir(dir_of(&path))
            });
        named.map_err(LegacyError::io("write", &path))
    }
}

fn dir_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_the_one_that_the_original_makes() {
        let json =
            r#"{"project_uuid":"p","payload":{"feature_slug":"028-x","artifact_key":"a|b"}}"#;
        let key = |event_type| coalesce_key(event_type, json);
        assert_eq!(
            key("MissionDossierArtifactIndexed").as_deref(),
            Some("MissionDossierArtifactIndexed|p|028-x|a|b")
        );
        assert_eq!(
            key("MissionDossierSnapshotComputed").as_deref(),
            Some("MissionDossierSnapshotComputed|p|028-x")
        );
        assert_eq!(key("WPCreated"), None);
        let bare = coalesce_key(
            "MissionDossierSnapshotComputed",
            r#"{"project_uuid":null,"payload":{}}"#,
        );
        assert_eq!(bare.as_deref(), Some("MissionDossierSnapshotComputed||"));
    }

    #[test]
    fn what_is_something_else_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.db");
        std::fs::write(&path, "<html>not a database</html>".repeat(50)).unwrap();
        let before = std::fs::read(&path).unwrap();
        assert!(matches!(
            QueueFile::open(&path, 0),
            Err(LegacyError::NotAQueue { .. })
        ));
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[test]
    fn a_file_of_lines_has_its_name_when_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.ndjson");
        let mut file = LinesFile::create(&path).unwrap();
        file.add("{}").unwrap();
        assert!(!path.exists());
        file.finish().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{}\n");
        drop(LinesFile::create(&path).unwrap());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
