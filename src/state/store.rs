//! One operation on sled at a time: lock, open, work, close, make durable.
//!
//! sled 0.34 belongs to one process while it is open, asserts its way through
//! damaged files, and may spin. So every operation runs
//! * under `state/LOCK`, which only waits its turn up to a deadline,
//! * on a thread of its own, whose panic is an answer like any other and whose
//!   endlessness costs the caller a bounded wait,
//! * with files made private before sled finds them.
//!
//! A store that fails although the disk is well is set aside (never deleted,
//! never merely because it is locked) and made anew: see [`healing`].

use std::fs::File;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use crate::platform::{self, Worker};
use crate::state::{Note, Noted, StateError, lock};

mod files;
mod healing;

/// How long sled itself may take once the lock is held. It needs about 10 ms;
/// this is for a machine that is busy, and against a store that never ends.
const WORK_LIMIT: Duration = Duration::from_secs(5);

/// Part of the store: another value cannot open it. Never change it.
const SEGMENT_BYTES: usize = 64 * 1024;

/// What sled may keep in memory; the whole store is far smaller.
const CACHE_BYTES: u64 = 4 * 1024 * 1024;

/// The version of what we keep in the store, in the tree `meta`.
const VERSION: u8 = 1;

/// The name of the thread that sled runs on.
const THREAD: &str = "state-store";

/// The open store.
pub(super) struct Trees {
    pub(super) clock: sled::Tree,
    pub(super) delivery: sled::Tree,
    /// Which store this is; a store that was made anew has another id.
    pub(super) id: [u8; 16],
}

/// What an operation does with the open store. It may be done twice: once more
/// on a new store when the first was damaged.
pub(super) type Job<T> = Box<dyn Fn(&Trees) -> sled::Result<T> + Send>;

/// Where the store is.
#[derive(Clone, Debug)]
pub(super) struct Store {
    dir: PathBuf,
    /// What sled works on. Opening it takes 6 MiB, which the thread that did so
    /// keeps for the next time.
    worker: Arc<Worker>,
}

/// Why one attempt failed.
enum Fault {
    Busy(PathBuf),
    /// The store has a format of the future.
    Newer,
    Error(sled::Error),
    Panic,
}

impl Store {
    pub(super) fn in_dir(state_dir: &Path) -> Self {
        Self {
            dir: state_dir.to_owned(),
            worker: Arc::new(Worker::named(THREAD)),
        }
    }

    pub(super) fn sled_dir(&self) -> PathBuf {
        self.dir.join("sled")
    }

    /// Does `job` on the open store and makes its writes durable.
    ///
    /// Waits at most `deadline` for the store to be free.
    pub(super) fn run<T: Send + 'static>(
        &self,
        deadline: Duration,
        job: Job<T>,
    ) -> Result<Noted<T>, StateError> {
        let started = Instant::now();
        let lock = self.lock(deadline)?;
        let free_by = started.checked_add(deadline).unwrap_or(started);
        let dir = self.dir.clone();
        let begun = self.worker.begin(move || {
            let answer = Self::in_dir(&dir).run_locked(free_by, &job);
            drop(lock);
            answer
        });
        let receiver = begun
            .map_err(|source| StateError::io("start a thread for", &self.sled_dir(), source))?;
        receiver.recv_timeout(WORK_LIMIT).unwrap_or_else(|error| {
            self.worker.abandon();
            Err(self.unanswered(error))
        })
    }

    fn unanswered(&self, error: RecvTimeoutError) -> StateError {
        let path = self.sled_dir();
        match error {
            RecvTimeoutError::Timeout => StateError::Slow {
                path,
                limit_ms: u64::try_from(WORK_LIMIT.as_millis()).unwrap_or(u64::MAX),
            },
            RecvTimeoutError::Disconnected => StateError::Broken {
                path,
                reason: "its thread ended without an answer".into(),
            },
        }
    }

    /// Does `work` while nobody has the store open, waiting at most `deadline`.
    pub(super) fn while_closed<T>(
        &self,
        deadline: Duration,
        work: impl FnOnce() -> Result<T, StateError>,
    ) -> Result<T, StateError> {
        let started = Instant::now();
        let free_by = started.checked_add(deadline).unwrap_or(started);
        let _lock = self.lock(deadline)?;
        // Without its file it cannot be open.
        if let Err(Fault::Busy(path)) = self.wait_until_closed(free_by) {
            return Err(StateError::Busy { path });
        }
        work()
    }

    fn lock(&self, deadline: Duration) -> Result<File, StateError> {
        let path = self.dir.join("LOCK");
        lock::acquire(&path, deadline)
            .map_err(|source| StateError::io("lock", &path, source))?
            .ok_or(StateError::Busy { path })
    }

    /// `state/LOCK` is held throughout.
    fn run_locked<T>(&self, free_by: Instant, job: &Job<T>) -> Result<Noted<T>, StateError> {
        healing::keep_panics_quiet(THREAD);
        let mut notes = Vec::new();
        let fault = match self.attempt(free_by, job) {
            Ok(value) => return Ok(Noted { value, notes }),
            Err(fault) => fault,
        };
        let reason = healing::reason_to_set_aside(&self.dir, fault)?;
        let moved_to = healing::set_aside(&self.dir)?;
        notes.push(Note::Healed { moved_to, reason });
        match self.attempt(free_by, job) {
            Ok(value) => Ok(Noted { value, notes }),
            Err(fault) => Err(StateError::Broken {
                path: self.sled_dir(),
                reason: fault.to_string(),
            }),
        }
    }

    fn attempt<T>(&self, free_by: Instant, job: &Job<T>) -> Result<T, Fault> {
        let sled_dir = self.sled_dir();
        let is_new = files::prepare(&sled_dir).map_err(sled::Error::Io)?;
        self.wait_until_closed(free_by)?;
        let result = panic::catch_unwind(AssertUnwindSafe(|| {
            let db = open(&sled_dir)?;
            let value = job(&trees(&db)?)?;
            db.flush()?;
            Ok::<_, Fault>(value)
        }));
        let value = result.map_err(|_| Fault::Panic)??;
        files::tighten(&sled_dir).map_err(sled::Error::Io)?;
        files::sync(&sled_dir, is_new).map_err(sled::Error::Io)?;
        Ok(value)
    }

    /// sled closes its file a little after it says so, and another program may
    /// have the store open: waits until the file is free, then lets go of it.
    /// Nobody who respects `state/LOCK` can take it in between.
    fn wait_until_closed(&self, free_by: Instant) -> Result<(), Fault> {
        let path = files::db_path(&self.sled_dir());
        let file = File::open(&path).map_err(sled::Error::Io)?;
        let left = free_by.saturating_duration_since(Instant::now());
        match platform::lock_exclusive(file, left).map_err(sled::Error::Io)? {
            // By name: a child process that is about to begin may share the
            // descriptor, and closing it would not give the lock back yet.
            Some(file) => Ok(platform::unlock(&file).map_err(sled::Error::Io)?),
            None => Err(Fault::Busy(path)),
        }
    }
}

fn open(sled_dir: &Path) -> sled::Result<sled::Db> {
    sled::Config::new()
        .path(sled_dir)
        .mode(sled::Mode::LowSpace)
        .cache_capacity(CACHE_BYTES)
        .flush_every_ms(None)
        .segment_size(SEGMENT_BYTES)
        .open()
}

fn trees(db: &sled::Db) -> Result<Trees, Fault> {
    let meta = db.open_tree("meta")?;
    let version = meta.get("version")?;
    match version.as_deref() {
        Some([VERSION]) => {}
        Some([newer]) if *newer > VERSION => return Err(Fault::Newer),
        Some(_) => return Err(sled::Error::Unsupported("no version of ours".into()).into()),
        None => {
            meta.insert("version", &[VERSION])?;
        }
    }
    let kept = meta.get("id")?;
    let id = match kept.and_then(|id| <[u8; 16]>::try_from(id.as_ref()).ok()) {
        Some(id) => id,
        None => {
            let id = uuid::Uuid::new_v4().into_bytes();
            meta.insert("id", &id)?;
            id
        }
    };
    Ok(Trees {
        clock: db.open_tree("clock")?,
        delivery: db.open_tree("delivery")?,
        id,
    })
}

impl From<sled::Error> for Fault {
    fn from(error: sled::Error) -> Self {
        Self::Error(error)
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Busy(path) => write!(f, "{} is in use", path.display()),
            Self::Newer => f.write_str("its format is newer than this program"),
            Self::Error(error) => error.fmt(f),
            Self::Panic => f.write_str("sled panicked"),
        }
    }
}

/// Whether the error speaks of the disk or of permissions, not of the store.
fn is_of_the_system(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::PermissionDenied
            | Kind::ReadOnlyFilesystem
            | Kind::StorageFull
            | Kind::QuotaExceeded
            | Kind::OutOfMemory
            | Kind::ResourceBusy
            | Kind::StaleNetworkFileHandle
    )
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
