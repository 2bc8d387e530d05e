//! A private copy of somebody's database, as it was at one moment.
//!
//! SQLite repairs what it opens: it rolls a hot journal back, takes a
//! write-ahead log in, creates files beside the database. So the original is
//! never worked on. An ordinary database is copied while a read lock keeps its
//! writers from changing it, which they survive: they wait, for as long as the
//! copy takes. Where SQLite would have to write (a journal, a write-ahead log,
//! damage) all files are copied together, again and again until none of them
//! changed meanwhile; such a copy is what a crash would have left, and SQLite
//! knows how to recover from that.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OpenFlags};

use crate::legacy::LegacyError;
use crate::platform;
use crate::scratch::Scratch;

/// What every SQLite database begins with.
pub(super) const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// The length of a database's header.
pub(super) const HEADER_BYTES: usize = 100;

/// Where the header says whether there may be a write-ahead log.
const VERSIONS_AT: usize = 18;

/// How long to wait for a writer before reading without its consent.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);

/// How often a copy is tried again when the files changed meanwhile.
const TRIES: u32 = 60;
const PAUSE: Duration = Duration::from_millis(25);

/// A copy that nobody else knows of; gone when dropped.
#[derive(Debug)]
pub(super) struct Snapshot {
    _dir: Scratch,
    db: PathBuf,
}

/// Whether a copy could be made.
#[derive(Debug)]
pub(super) enum Taken {
    Copy(Snapshot),
    /// The files changed whenever they were looked at.
    Unsteady,
}

impl Snapshot {
    /// Copies the database at `path`, with what lies beside it.
    pub(super) fn take(path: &Path) -> Result<Taken, LegacyError> {
        let dir = Scratch::create()?;
        let db = dir.path().join("copy.db");
        let copied = copy_locked(path, &db).map_err(LegacyError::io("copy", path))?;
        if !copied && !copy_steady(path, &db).map_err(LegacyError::io("copy", path))? {
            return Ok(Taken::Unsteady);
        }
        Ok(Taken::Copy(Self { _dir: dir, db }))
    }

    /// The copy.
    pub(super) fn path(&self) -> &Path {
        &self.db
    }
}

/// The file beside a database that `suffix` names.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Copies a sound database in the rollback mode while its writers are kept
/// waiting; says whether that was possible.
fn copy_locked(from: &Path, to: &Path) -> io::Result<bool> {
    let (mut file, metadata) = platform::open_regular(from)?;
    let mut header = [0; HEADER_BYTES];
    let is_whole = io::Read::read_exact(&mut file, &mut header).is_ok();
    let versions = header.get(VERSIONS_AT..VERSIONS_AT + 2);
    let is_ordinary = header.starts_with(MAGIC) && versions == Some(&[1, 1]);
    if !is_whole || metadata.len() == 0 || !is_ordinary || exists(&beside(from, "-wal")) {
        return Ok(false);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let Ok(reader) = Connection::open_with_flags(from, flags) else {
        return Ok(false);
    };
    // A hot journal makes this fail: a reader may not roll it back.
    let locked = reader
        .busy_timeout(LOCK_PATIENCE)
        .and_then(|()| reader.execute_batch("BEGIN"))
        .and_then(|()| reader.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())));
    if locked.is_err() {
        return Ok(false);
    }
    // The file that is open already is read on: closing any other descriptor
    // of it would give the lock away before the copy is done.
    io::Seek::rewind(&mut file)?;
    write_copy(&mut file, to)?;
    drop(reader);
    Ok(true)
}

fn exists(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}

/// Copies the database, its journal and its write-ahead log; says whether they
/// ever stood still long enough.
fn copy_steady(from: &Path, to: &Path) -> io::Result<bool> {
    const SUFFIXES: [&str; 3] = ["", "-journal", "-wal"];
    for attempt in 0..TRIES {
        if attempt > 0 {
            thread::sleep(PAUSE);
        }
        let before = SUFFIXES.map(|suffix| Stamp::of(&beside(from, suffix)));
        for suffix in SUFFIXES {
            let copy = beside(to, suffix);
            let _ = std::fs::remove_file(&copy);
            match platform::open_regular(&beside(from, suffix)) {
                Ok((mut file, _)) => write_copy(&mut file, &copy)?,
                Err(error) if suffix.is_empty() => return Err(error),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        let after = SUFFIXES.map(|suffix| Stamp::of(&beside(from, suffix)));
        if before == after {
            return Ok(true);
        }
    }
    Ok(false)
}

fn write_copy(from: &mut File, to: &Path) -> io::Result<()> {
    let mut options = platform::private_options();
    let mut copy = options.write(true).create_new(true).open(to)?;
    io::copy(from, &mut copy).map(drop)
}

/// By what a change of a file is noticed.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
    header: Vec<u8>,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        let mut header = vec![0; HEADER_BYTES];
        let (file, _) = platform::open_regular(path).ok()?;
        let read = platform::read_at(&file, &mut header, 0).ok()?;
        header.truncate(read);
        Some(Self {
            bytes: metadata.len(),
            modified: metadata.modified().ok(),
            header,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(dir).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_copy_leaves_nothing_beside_the_original_and_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("queue.db");
        let writer = Connection::open(&path).unwrap();
        writer
            .execute_batch("CREATE TABLE queue(data); BEGIN IMMEDIATE; INSERT INTO queue VALUES(1)")
            .unwrap();
        let before = std::fs::read(&path).unwrap();
        let Taken::Copy(copy) = Snapshot::take(&path).unwrap() else {
            panic!("unsteady");
        };
        let copied = Connection::open(copy.path()).unwrap();
        let rows = copied.query_row("SELECT count(*) FROM queue", [], |row| row.get::<_, i64>(0));
        assert_eq!(rows.unwrap(), 0, "what is not committed is not there");
        writer.execute_batch("COMMIT").unwrap();
        assert_ne!(std::fs::read(&path).unwrap(), before);
        assert_eq!(names(dir.path()), ["queue.db"]);
        assert!(!platform::open_to_others(
            &std::fs::metadata(copy.path()).unwrap()
        ));
    }

    #[test]
    fn a_journal_and_a_write_ahead_log_come_along() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("queue.db");
        let writer = Connection::open(&path).unwrap();
        writer
            .execute_batch(
                "PRAGMA journal_mode=WAL; CREATE TABLE queue(data); INSERT INTO queue VALUES(1)",
            )
            .unwrap();
        let before = names(dir.path());
        let Taken::Copy(copy) = Snapshot::take(&path).unwrap() else {
            panic!("unsteady");
        };
        let copied = Connection::open(copy.path()).unwrap();
        let rows = copied.query_row("SELECT count(*) FROM queue", [], |row| row.get::<_, i64>(0));
        assert_eq!(rows.unwrap(), 1);
        assert_eq!(names(dir.path()), before);
    }
}
