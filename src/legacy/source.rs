//! What there is to import in a file or a directory.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::legacy::LegacyError;
use crate::legacy::clock_file::ClockFile;
use crate::legacy::journal::log_in;
use crate::legacy::scope::{Owner, Scope};
use crate::legacy::snapshot::MAGIC;
use crate::platform;
use crate::private_file;
use crate::target::Target;

/// What a file is said to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// To be found out.
    #[default]
    Auto,
    /// One event a line.
    Ndjson,
    /// A `queue.db`.
    Sqlite,
    /// A `clock.json`.
    Clock,
}

/// What a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A `queue.db` or a scoped queue.
    Queue,
    /// One event a line.
    Ndjson,
    /// A `clock.json`.
    Clock,
    /// The log of another home.
    Log,
}

impl Kind {
    /// The word for it in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Ndjson => "ndjson",
            Self::Clock => "clock",
            Self::Log => "log",
        }
    }
}

/// One thing to import from.
#[derive(Clone, Debug)]
pub struct Source {
    /// Where it is.
    pub path: PathBuf,
    /// What it is.
    pub kind: Kind,
    pub(super) owner: Owner,
}

impl Source {
    /// The account that its events belong to, where one is known.
    #[must_use]
    pub fn account(&self) -> Option<&Target> {
        match &self.owner {
            Owner::Account(target) => Some(target),
            _ => None,
        }
    }

    /// Whether its events belong to an account that could not be found out.
    #[must_use]
    pub fn is_of_unknown_account(&self) -> bool {
        matches!(self.owner, Owner::Unknown(_))
    }
}

/// `active_queue_scope` holds one line.
const MAX_SCOPE_BYTES: u64 = 4096;

/// What there is to import at `path`: the file itself, or what a directory
/// holds. `own_log` is left out. `accounts` are those that may own a queue,
/// beside the one that `active_queue_scope` names.
///
/// # Errors
/// [`LegacyError`] when there is nothing.
pub fn find(
    path: &Path,
    format: Format,
    own_log: &Path,
    accounts: &[Target],
) -> Result<Vec<Source>, LegacyError> {
    let metadata = match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(LegacyError::NotFound {
                path: path.to_owned(),
            });
        }
        other => other.map_err(LegacyError::io("look at", path))?,
    };
    if metadata.is_dir() {
        let found = in_directory(path, own_log, accounts)?;
        if found.is_empty() {
            let path = path.to_owned();
            return Err(LegacyError::NothingThere { path });
        }
        return Ok(found);
    }
    let kind = match format {
        Format::Auto => kind_of(path)?,
        Format::Ndjson => Kind::Ndjson,
        Format::Sqlite => Kind::Queue,
        Format::Clock => Kind::Clock,
    };
    // A scoped queue lies in `queues`, its scope in the directory above.
    let dir = path.parent().unwrap_or(Path::new("."));
    let above = dir.parent().unwrap_or(dir);
    let scopes: Vec<_> = [dir, above]
        .into_iter()
        .filter_map(active_scope)
        .chain(accounts.iter().map(Scope::of))
        .collect();
    Ok(vec![source(path.to_owned(), kind, &scopes)])
}

fn source(path: PathBuf, kind: Kind, scopes: &[Scope]) -> Source {
    let owner = match kind {
        Kind::Queue => Owner::of(&path, scopes),
        _ => Owner::Nobody,
    };
    Source { path, kind, owner }
}

/// Scoped queues come first, so that an event that is in two queues is the
/// known account's.
fn in_directory(
    dir: &Path,
    own_log: &Path,
    accounts: &[Target],
) -> Result<Vec<Source>, LegacyError> {
    let scopes: Vec<_> = active_scope(dir)
        .into_iter()
        .chain(accounts.iter().map(Scope::of))
        .collect();
    let mut found = Vec::new();
    for log in [dir.to_owned(), dir.join("log")] {
        let is_log = log_in(&log)
            .ordinals()
            .is_ok_and(|ordinals| !ordinals.is_empty());
        if is_log && !is_same(&log, own_log) {
            found.push(source(log, Kind::Log, &scopes));
        }
    }
    let mut queues = databases(&dir.join("queues"))?;
    // The directory of scoped queues may be named by itself.
    let is_queues = dir.file_name().is_some_and(|name| name == "queues");
    queues.extend(if is_queues {
        databases(dir)?
    } else {
        Vec::new()
    });
    let left_over = dir.join("queue.db");
    if left_over.is_file() && !queues.contains(&left_over) {
        queues.push(left_over);
    }
    found.extend(
        queues
            .into_iter()
            .map(|path| source(path, Kind::Queue, &scopes)),
    );
    let clock = dir.join("clock.json");
    if clock.is_file() {
        found.push(source(clock, Kind::Clock, &scopes));
    }
    Ok(found)
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (std::fs::canonicalize(one), std::fs::canonicalize(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

/// The databases in a directory, by name; none when it does not exist.
fn databases(dir: &Path) -> Result<Vec<PathBuf>, LegacyError> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => return Ok(Vec::new()),
        other => other.map_err(LegacyError::io("list", dir))?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(LegacyError::io("list", dir))?.path();
        if path.extension().is_some_and(|extension| extension == "db") && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn active_scope(dir: &Path) -> Option<Scope> {
    let file = private_file::read(&dir.join("active_queue_scope"), MAX_SCOPE_BYTES).ok()??;
    Scope::parse(&file.text)
}

/// What a file is, by how it begins; where that says nothing, by its name.
fn kind_of(path: &Path) -> Result<Kind, LegacyError> {
    const LOOKED_AT: u64 = 4096;
    let read = |(file, _): (File, _)| {
        let mut start = Vec::new();
        file.take(LOOKED_AT).read_to_end(&mut start).map(|_| start)
    };
    let start = platform::open_regular(path)
        .and_then(read)
        .map_err(LegacyError::io("read", path))?;
    let named = |ending: &str| {
        path.extension()
            .is_some_and(|extension| extension == ending)
    };
    let is_clock = path.file_name().is_some_and(|name| name == "clock.json");
    Ok(if start.starts_with(MAGIC) {
        Kind::Queue
    } else if is_clock {
        Kind::Clock
    } else if named("db") || named("sqlite") {
        Kind::Queue
    } else if named("json") && ClockFile::parse(&start).is_ok() {
        Kind::Clock
    } else if named("ndjson") || named("jsonl") || looks_like_events(&start) {
        Kind::Ndjson
    } else if named("json") {
        Kind::Clock
    } else {
        Kind::Queue
    })
}

fn looks_like_events(start: &[u8]) -> bool {
    let start = start.strip_prefix("\u{feff}".as_bytes()).unwrap_or(start);
    start.trim_ascii_start().starts_with(b"{")
        && start.windows(10).any(|piece| piece == b"\"event_id\"")
}
