//! What the server received: one NDJSON file, and an index of it in memory.
//!
//! Invariants: an event is one line, byte for byte as it came (a line break
//! between two tokens becomes a space); a line is written once and never
//! changed; nothing is answered before the line is durable; an id stands for
//! one content for ever. A line without its end was never answered, so it is
//! cut off when the file is opened; any other line that cannot be read is
//! damage, and the server does not start on it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::board::Board;
use crate::platform;

/// How long the file may still be held by a server that has just ended: a program
/// that was being started meanwhile has its descriptors for a moment.
const HANDOVER: Duration = Duration::from_millis(500);

/// Why the stored events cannot be used.
///
/// ```
/// use spec_kitty::dev_server::{DevServer, Options, StartError, StoreError};
///
/// let data = tempfile::tempdir()?;
/// std::fs::write(data.path().join("events.ndjson"), "no event\n")?;
/// let started = DevServer::start(Options::new(data.path(), "sesame".into()));
/// let Some(StartError::Store(StoreError::Damaged { line, .. })) = started.err() else {
///     panic!("it starts on no damage");
/// };
/// assert_eq!(line, 1);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file cannot be opened, read or mended.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another server works on this file.
    #[error("{} is in use by another dev-server", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A whole line is not an event.
    #[error("{} line {line} is not an event: {source}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What the parser said.
        source: serde_json::Error,
    },
}

/// The fields of an event that the server works with.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Face<'a> {
    #[serde(borrow)]
    pub(crate) event_id: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) event_type: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) node_id: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) team_slug: Cow<'a, str>,
    pub(crate) lamport_clock: u64,
    #[serde(borrow, default)]
    pub(crate) project_uuid: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) payload: &'a serde_json::value::RawValue,
}

/// Where a stored event lies, and the digest of its line.
#[derive(Clone, Copy)]
struct Stored {
    offset: u64,
    length: usize,
    digest: [u8; 32],
}

/// Whether an id was seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// Never.
    New,
    /// With this very content.
    Same,
    /// With other content, which stays.
    Different,
}

/// All events received so far.
pub(crate) struct Store {
    path: PathBuf,
    file: File,
    length: u64,
    index: HashMap<Box<str>, Stored>,
    /// The team that each project's first event came from.
    projects: HashMap<Box<str>, Box<str>>,
    board: Board,
    /// After a failed write nobody knows what is in the file: nothing more is taken.
    failed: bool,
}

impl Drop for Store {
    /// Gives the file back at once, also when a child process that is about to
    /// begin still shares the descriptor.
    fn drop(&mut self) {
        // When it cannot be given back so, closing the file does it.
        let _ = platform::unlock(&self.file);
    }
}

impl Store {
    /// Opens the file, made when missing, and reads all of it.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let io = |source| StoreError::Io {
            path: path.to_owned(),
            source,
        };
        let file = platform::private_options()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(io)?;
        let Some(file) = platform::lock_exclusive(file, HANDOVER).map_err(io)? else {
            return Err(StoreError::InUse {
                path: path.to_owned(),
            });
        };
        let mut store = Self {
            path: path.to_owned(),
            file,
            length: 0,
            index: HashMap::new(),
            projects: HashMap::new(),
            board: Board::default(),
            failed: false,
        };
        store.load()?;
        if let Some(dir) = path.parent() {
            platform::sync_dir(dir).map_err(io)?;
        }
        Ok(store)
    }

    fn load(&mut self) -> Result<(), StoreError> {
        let path = self.path.clone();
        let io = |source| StoreError::Io {
            path: path.clone(),
            source,
        };
        let mut lines = BufReader::new(File::open(&self.path).map_err(io)?);
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            lines.read_until(b'\n', &mut line).map_err(io)?;
            let Some((b'\n', event)) = line.split_last() else {
                break;
            };
            let face = serde_json::from_slice(event).map_err(|source| StoreError::Damaged {
                path: path.clone(),
                line: number,
                source,
            })?;
            self.remember(&face, event);
        }
        if !line.is_empty() {
            self.file.set_len(self.length).map_err(io)?;
            self.file.sync_all().map_err(io)?;
        }
        Ok(())
    }

    /// Whether this id was seen before; `event` is the JSON that came with it now.
    pub(crate) fn known(&self, event_id: &str, event: &str) -> io::Result<Known> {
        let Some(stored) = self.index.get(event_id) else {
            return Ok(Known::New);
        };
        if stored.digest == digest(one_line(event).as_bytes()) {
            return Ok(Known::Same);
        }
        let mut before = vec![0; stored.length];
        let read = platform::read_at(&self.file, &mut before, stored.offset)?;
        if read != stored.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(compare(&before, event.as_bytes()))
    }

    /// The team that a project belongs to, once an event of it is stored.
    pub(crate) fn team_of(&self, project_uuid: &str) -> Option<&str> {
        self.projects.get(project_uuid).map(AsRef::as_ref)
    }

    pub(crate) fn board(&self) -> &Board {
        &self.board
    }

    /// Stores new events in this order; when it returns they are durable.
    pub(crate) fn append(&mut self, events: &[(Face<'_>, &str)]) -> io::Result<()> {
        if self.failed {
            return Err(io::Error::other("an earlier write failed"));
        }
        if events.is_empty() {
            return Ok(());
        }
        let lines: Vec<_> = events.iter().map(|(_, event)| one_line(event)).collect();
        let mut bytes = Vec::new();
        for line in &lines {
            bytes.extend_from_slice(line.as_bytes());
            bytes.push(b'\n');
        }
        let written = self.file.write_all(&bytes);
        if let Err(error) = written.and_then(|()| self.file.sync_data()) {
            self.failed = true;
            return Err(error);
        }
        for ((face, _), line) in events.iter().zip(&lines) {
            self.remember(face, line.as_bytes());
        }
        Ok(())
    }

    fn remember(&mut self, face: &Face<'_>, line: &[u8]) {
        let stored = Stored {
            offset: self.length,
            length: line.len(),
            digest: digest(line),
        };
        let bytes = u64::try_from(line.len()).unwrap_or(u64::MAX);
        self.length = self.length.saturating_add(bytes).saturating_add(1);
        self.index
            .entry(face.event_id.as_ref().into())
            .or_insert(stored);
        if let Some(project) = &face.project_uuid {
            self.projects
                .entry(project.as_ref().into())
                .or_insert_with(|| face.team_slug.as_ref().into());
        }
        self.board.apply(face);
    }
}

/// Whether two texts are the same JSON, whatever their spaces and key order.
pub(crate) fn compare(one: &[u8], other: &[u8]) -> Known {
    let parse = |bytes| serde_json::from_slice::<serde_json::Value>(bytes);
    match (parse(one), parse(other)) {
        (Ok(one), Ok(other)) if one == other => Known::Same,
        _ => Known::Different,
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// In valid JSON a raw line break can only stand between tokens.
fn one_line(event: &str) -> Cow<'_, str> {
    if event.contains(['\n', '\r']) {
        Cow::Owned(event.replace(['\n', '\r'], " "))
    } else {
        Cow::Borrowed(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, clock: u64) -> String {
        format!(
            r#"{{"event_id":"{id}","event_type":"WPStatusChanged","node_id":"n","team_slug":"acme","lamport_clock":{clock},"project_uuid":"p","payload":{{"wp_id":"WP01","new_status":"doing"}}}}"#
        )
    }

    fn put(store: &mut Store, text: &str) {
        let face = serde_json::from_str(text).unwrap();
        store.append(&[(face, text)]).unwrap();
    }

    #[test]
    fn what_was_stored_is_known_after_a_restart_and_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.ndjson");
        let mut store = Store::open(&path).unwrap();
        put(&mut store, &event("A", 1));
        put(&mut store, &event("B", 2).replace(",\"", ",\n\""));
        drop(store);
        let store = Store::open(&path).unwrap();
        assert_eq!(store.known("A", &event("A", 1)).unwrap(), Known::Same);
        assert_eq!(store.known("A", &event("A", 3)).unwrap(), Known::Different);
        assert_eq!(store.known("B", &event("B", 2)).unwrap(), Known::Same);
        assert_eq!(store.known("C", &event("C", 2)).unwrap(), Known::New);
        assert_eq!(store.team_of("p"), Some("acme"));
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 2);
    }

    #[test]
    fn a_line_without_its_end_was_never_answered_and_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.ndjson");
        put(&mut Store::open(&path).unwrap(), &event("A", 1));
        let whole = std::fs::read(&path).unwrap();
        let next = event("B", 2);
        for cut in 1..=next.len() {
            std::fs::write(&path, [&whole, &next.as_bytes()[..cut]].concat()).unwrap();
            let mut store = Store::open(&path).unwrap();
            assert_eq!(store.known("B", &next).unwrap(), Known::New);
            put(&mut store, &next);
            drop(store);
            let text = std::fs::read_to_string(&path).unwrap();
            assert_eq!(text, format!("{}\n{next}\n", event("A", 1)));
        }
    }

    #[test]
    fn a_whole_line_that_is_no_event_is_damage_and_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.ndjson");
        std::fs::write(&path, format!("{}\nnonsense\n", event("A", 1))).unwrap();
        let error = Store::open(&path).err().unwrap();
        assert!(
            matches!(error, StoreError::Damaged { line: 2, .. }),
            "{error}"
        );
    }

    #[test]
    fn two_servers_do_not_share_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.ndjson");
        let _first = Store::open(&path).unwrap();
        let error = Store::open(&path).err().unwrap();
        assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    }
}
