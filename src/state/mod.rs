//! The state store: clock leases, the delivery ledger, its picture for readers,
//! and the count of what could not be recorded.
//!
//! The log is the only truth. What lives here is a lease office and a bookmark:
//! losing all of it costs clock values and repeated deliveries, never an event.
//! This room knows positions and targets; it never reads the log.
//!
//! From outside: [`State::view`] gives the [`Ledger`], which knows of each event
//! whether it was delivered; [`State::failures`] counts what was not recorded.
//!
//! Invariants:
//! * sled is opened only under `state/LOCK`, for one operation, and closed again;
//!   a store that merely is in use is never taken for a damaged one.
//! * Nothing in here waits longer than its caller allows, sled included.
//! * Readers use `state/delivery.view` and `state/failures` only; they take no lock
//!   and write nothing.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::home::{Home, HomeError};
use crate::position::{Lamport, Lease, LeaseFloor};
use crate::scratch::ScratchError;

mod clock;
pub(crate) mod codec;
mod failures;
mod ground;
mod latencies;
mod ledger;
mod ledger_store;
mod lock;
mod mark;
mod note;
mod ranges;
mod rebuild;
mod store;
mod tallies;
mod text;
mod view;

pub use failures::{FailureCounts, FailureReason, Failures, FailuresError};
pub use latencies::Latencies;
pub use ledger::{
    Answer, Commit, Cursor, DeliveryState, Exception, Ledger, LedgerFull, Outcome, Refusal, Retry,
    Standing, Stream, TargetLedger, Trouble,
};
pub use note::Note;
pub use text::{EventKey, Project, TooLong};
pub use view::ViewError;

// Not the library: how the store is kept and put right. Public for `doctor` and
// for the tests, which put a machine of their own under it.
#[doc(hidden)]
pub use clock::LeaseBook;
#[doc(hidden)]
pub use ground::{Disk, Entry, Files, Shelf, Shelved, SledShelf};
#[doc(hidden)]
pub use ledger_store::{Committed, LedgerStore};
#[doc(hidden)]
pub use lock::SenderLock;
#[doc(hidden)]
pub use mark::{Mark, Marker};
#[doc(hidden)]
pub use note::Noted;
#[doc(hidden)]
pub use ranges::SeqRanges;
#[doc(hidden)]
pub use rebuild::{Ailment, Checkup, ClockOfLog, Remains};

use store::Store;

/// Why an operation on the state store did not happen.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StateError {
    /// Another process kept the lock past the deadline.
    #[error("{} is in use by another process", path.display())]
    Busy {
        /// The lock.
        path: PathBuf,
    },
    /// The store was opened but did not finish in time; what was asked for may
    /// or may not have been kept.
    #[error("{} did not answer within {limit_ms} ms", path.display())]
    Slow {
        /// The store.
        path: PathBuf,
        /// How long it was given, in milliseconds.
        limit_ms: u64,
    },
    /// The file system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no room, or no place, for the copy that is looked at.
    #[error(transparent)]
    NoCopy(#[from] ScratchError),
    /// The store was written by a newer version of this program. It is left alone.
    #[error("{} was written by a newer version of this program", path.display())]
    Newer {
        /// The store.
        path: PathBuf,
    },
    /// Even a newly created store did not work.
    #[error("the state store in {} does not work: {reason}", path.display())]
    Broken {
        /// The store.
        path: PathBuf,
        /// What it said.
        reason: String,
    },
    /// The sender's lock file was removed or replaced: another process may be
    /// sending. The sender has to stop; nothing was changed.
    #[error("{} was replaced while it was locked", path.display())]
    Displaced {
        /// The lock.
        path: PathBuf,
    },
    /// No clock value is left below the largest plausible one.
    #[error("the clock has reached {floor}: no value is left to lease")]
    Exhausted {
        /// The value that a lease would have to lie above.
        floor: Lamport,
    },
    /// The server refused more events than the ledger keeps one by one.
    #[error(transparent)]
    LedgerFull(#[from] LedgerFull),
}

impl StateError {
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }
}

/// The state of one home: a handle on its directory. Cheap; opens nothing.
///
/// ```
/// use spec_kitty::home::Home;
/// use spec_kitty::state::State;
///
/// let dir = tempfile::tempdir()?;
/// let state = State::at(Home::at(dir.path()).state_dir());
/// assert!(state.view()?.is_none()); // nothing was ever sent from here
/// assert_eq!(state.failures().read()?.total(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct State {
    dir: PathBuf,
    files: Arc<dyn Files>,
}

impl State {
    /// The state kept in `dir` (see [`Home::state_dir`]). Nothing is created.
    #[must_use]
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self::over(dir, Arc::new(Disk))
    }

    /// The same, with the files of the view on something else than a disk. The
    /// store, the locks and the counters stay on the disk.
    #[doc(hidden)]
    #[must_use]
    pub fn over(dir: impl Into<PathBuf>, files: Arc<dyn Files>) -> Self {
        let dir = dir.into();
        Self { dir, files }
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Reserves `ticks` clock values (at least one) above `floor` and above all
    /// that was reserved before. The reservation is durable when this returns.
    ///
    /// Near the largest plausible value the lease is shorter than asked for.
    ///
    /// # Errors
    /// [`StateError::Busy`] when the store is in use past `deadline`. With any
    /// error the caller goes on from the log alone.
    #[doc(hidden)]
    pub fn reserve(
        &self,
        floor: LeaseFloor,
        ticks: u64,
        deadline: Duration,
    ) -> Result<Noted<Lease>, StateError> {
        self.prepare()?;
        clock::reserve(&self.store(), floor, ticks, deadline)
    }

    /// Takes the right to be the one sender of this home, waiting at most
    /// `deadline`; `None` when another process has it. Given back when dropped.
    ///
    /// # Errors
    /// [`StateError::Io`] when the lock file cannot be made or locked.
    #[doc(hidden)]
    pub fn sender_lock(&self, deadline: Duration) -> Result<Option<SenderLock>, StateError> {
        self.prepare()?;
        SenderLock::acquire(&self.dir, deadline)
    }

    /// Loads the delivery ledger for the one sender of this home.
    ///
    /// A store that cannot be used is replaced by the view, and the other way
    /// round: whichever is newer counts.
    ///
    /// # Errors
    /// Any [`StateError`] when neither the store nor the view can be read.
    #[doc(hidden)]
    pub fn open_ledger(
        &self,
        sender: SenderLock,
        deadline: Duration,
    ) -> Result<Noted<LedgerStore>, StateError> {
        self.prepare()?;
        let store = self.store();
        self.open_ledger_on(SledShelf { store, sender }, deadline)
    }

    /// The same, with the entries on a shelf of the caller's. Nothing is
    /// created but the view.
    ///
    /// # Errors
    /// Any [`StateError`] when neither the shelf nor the view can be read.
    #[doc(hidden)]
    pub fn open_ledger_on<S: Shelf>(
        &self,
        shelf: S,
        deadline: Duration,
    ) -> Result<Noted<LedgerStore<S>>, StateError> {
        LedgerStore::open(self.dir.clone(), Arc::clone(&self.files), shelf, deadline)
    }

    /// The ledger as its owner last wrote it down for readers; `None` when
    /// nothing was ever sent from this home.
    ///
    /// # Errors
    /// [`ViewError`] when the file is there and cannot be used.
    pub fn view(&self) -> Result<Option<Ledger>, ViewError> {
        view::read(self.files.as_ref(), &view::path_in(&self.dir))
    }

    /// Makes the view durable, if there is one. It is synced when it is written,
    /// but before something goes for good because of it nobody should rely on
    /// another process having come to the end of that.
    ///
    /// # Errors
    /// [`ViewError::Io`] when it cannot be synced.
    #[doc(hidden)]
    pub fn settle_view(&self) -> Result<(), ViewError> {
        view::settle(self.files.as_ref(), &self.dir)
    }

    /// How far the log had come when an event was last confirmed, as far as that
    /// is known. It counts only for the log that it names: not for another one,
    /// nor for this one before it was copied.
    #[doc(hidden)]
    #[must_use]
    pub fn mark(&self) -> Option<Mark> {
        self.marker().read()
    }

    /// Remembers how far a log has come; says whether that could be done.
    /// Everything up to there must be durable.
    #[doc(hidden)]
    pub fn set_mark(&self, mark: Mark) -> bool {
        self.marker().write(mark)
    }

    /// The mark to be read before an append and written after it.
    #[doc(hidden)]
    #[must_use]
    pub fn marker(&self) -> Marker {
        Marker::in_dir(&self.dir)
    }

    /// What was kept of the segments that do not change any more; `None` when
    /// there is nothing that can be used.
    #[doc(hidden)]
    #[must_use]
    pub fn tallies<T: DeserializeOwned>(&self) -> Option<T> {
        tallies::read(&tallies::path_in(&self.dir))
    }

    /// Keeps that for whoever looks next; says whether it could be kept.
    #[doc(hidden)]
    pub fn keep_tallies<T: Serialize>(&self, tallies: &T) -> bool {
        tallies::write(&tallies::path_in(&self.dir), tallies)
    }

    /// Forgets it: whoever looks next counts anew.
    ///
    /// # Errors
    /// [`StateError::Io`] when the file is there and cannot be removed.
    #[doc(hidden)]
    pub fn forget_tallies(&self) -> Result<(), StateError> {
        let path = tallies::path_in(&self.dir);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StateError::io("remove", &path, error))
            }
            _ => Ok(()),
        }
    }

    /// The counters of events that could not be recorded.
    #[must_use]
    pub fn failures(&self) -> Failures {
        Failures::in_dir(&self.dir)
    }

    fn store(&self) -> Store {
        Store::in_dir(&self.dir)
    }

    /// Makes the directory and, while there is room on the disk, the counters
    /// that have to work when there is none.
    fn prepare(&self) -> Result<(), StateError> {
        Home::at(&self.dir).create().map_err(|error| match error {
            HomeError::Create { path, source } => StateError::io("create", &path, source),
            HomeError::Unknown => {
                StateError::io("create", &self.dir, io::ErrorKind::NotFound.into())
            }
        })?;
        self.failures().create();
        Ok(())
    }
}
