//! The ledger on disk: in sled, one entry for each thing that changes, and in
//! the view, as a whole.
//!
//! The one sender keeps the ledger in memory and opens sled for a moment at
//! each commit, so that other processes can lease clock values in between.
//! Every commit counts the ledger's revision up and writes it to both places;
//! when they disagree the higher revision is right. So a ledger survives the
//! loss of either, and a commit is durable as soon as one of them has it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::state::codec::CodecError;
use crate::state::ground::{Files, Shelf, SledShelf};
use crate::state::ledger::{Changes, Commit, Ledger};
use crate::state::{Note, Noted, SenderLock, StateError, ViewError, view};
use crate::target::TargetId;

pub(super) mod entries;

/// The delivery ledger in the hands of its one owner.
#[derive(Debug)]
pub struct LedgerStore<S = SledShelf> {
    dir: PathBuf,
    files: Arc<dyn Files>,
    shelf: S,
    ledger: Ledger,
    /// The store that holds all of `ledger` but the last commit; `None` when
    /// no store does.
    complete_in: Option<[u8; 16]>,
}

/// A commit was made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The ledger's revision after it.
    pub revision: u64,
}

impl<S: Shelf> LedgerStore<S> {
    pub(super) fn open(
        dir: PathBuf,
        files: Arc<dyn Files>,
        shelf: S,
        deadline: Duration,
    ) -> Result<Noted<Self>, StateError> {
        let viewed = match view::read(files.as_ref(), &view::path_in(&dir)) {
            // It may know more than our store, and must not be overwritten.
            Err(ViewError::Newer { path, .. }) => return Err(StateError::Newer { path }),
            other => other,
        };
        let stored = shelf.load(deadline);
        let is_usable = stored.is_ok();
        let mut notes = Vec::new();
        let (mut ledger, mut complete_in) = (Ledger::default(), None);
        match (stored, &viewed) {
            (Ok(stored), _) => {
                let (loaded, dropped) = entries::load(&stored.value.entries);
                notes.extend(stored.notes);
                complete_in = dropped.is_empty().then_some(stored.value.id);
                notes.extend(dropped.into_iter().map(|key| Note::EntryDropped { key }));
                ledger = loaded;
            }
            (Err(error), Ok(Some(_))) => notes.push(unavailable(&error)),
            (Err(error), _) => return Err(error),
        }
        let incomplete = complete_in.is_none();
        let is_behind = match &viewed {
            Ok(Some(viewed)) => viewed.revision < ledger.revision,
            Ok(None) => ledger.revision > 0,
            Err(_) => true,
        };
        let damage = match &viewed {
            Err(error @ ViewError::Damaged { .. }) => Some(error.to_string()),
            _ => None,
        };
        if let Ok(Some(viewed)) = viewed
            && (viewed.revision > ledger.revision
                || (incomplete && viewed.revision == ledger.revision))
        {
            notes.push(Note::RestoredFromView);
            (ledger, complete_in) = (viewed, None);
        }
        // A commit that was cut off between the two: readers would go on showing
        // as pending what was delivered, until there is something else to send.
        if is_behind {
            match view::write(files.as_ref(), &dir, &ledger) {
                Ok(()) => notes.extend(damage.map(|reason| Note::ViewRenewed { reason })),
                Err(error) => {
                    let reason = error.to_string();
                    notes.push(Note::ViewUnwritten { reason });
                }
            }
        }
        let mut value = Self {
            dir,
            files,
            shelf,
            ledger,
            complete_in,
        };
        // Otherwise it would lack something, and be told of at each opening,
        // until there is something to send.
        if is_usable && value.complete_in.is_none() {
            let nothing = Changes::default();
            match value.store_changes(TargetId::SIGNED_OUT, &nothing, deadline) {
                Ok(more) => notes.extend(more),
                Err(error) => notes.push(unavailable(&error)),
            }
        }
        Ok(Noted { value, notes })
    }

    /// The ledger as it is now.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Applies `commit`, writes it to the store and renews the view. Durable
    /// when this returns without an error.
    ///
    /// When the store cannot be used for now, the view alone is written, the
    /// result says so, and the next commit brings the store up to date.
    ///
    /// # Errors
    /// [`StateError::LedgerFull`], [`StateError::Displaced`]: nothing was
    /// changed. Any other error: neither place could be written; the ledger in memory has the commit, so
    /// that the next one may still make it durable.
    pub fn commit(
        &mut self,
        commit: &Commit,
        deadline: Duration,
    ) -> Result<Noted<Committed>, StateError> {
        self.shelf.check()?;
        let changes = self.ledger.apply_noting(commit)?;
        let stored = self.store_changes(commit.target(), &changes, deadline);
        let viewed = view::write(self.files.as_ref(), &self.dir, &self.ledger);
        let value = Committed {
            revision: self.ledger.revision,
        };
        match (stored, viewed) {
            (Ok(notes), Ok(())) => Ok(Noted { value, notes }),
            (Ok(mut notes), Err(error)) => {
                let reason = error.to_string();
                notes.push(Note::ViewUnwritten { reason });
                Ok(Noted { value, notes })
            }
            (Err(error), Ok(())) => {
                let notes = vec![unavailable(&error)];
                Ok(Noted { value, notes })
            }
            (Err(error), Err(_)) => Err(error),
        }
    }

    /// Writes the whole ledger to the store and the view, as it is.
    pub(super) fn rewrite(&mut self, deadline: Duration) -> Result<Vec<Note>, StateError> {
        self.complete_in = None;
        let nothing = Changes::default();
        let notes = self.store_changes(TargetId::SIGNED_OUT, &nothing, deadline)?;
        let written = view::write(self.files.as_ref(), &self.dir, &self.ledger);
        written.map_err(|error| match error {
            ViewError::Io {
                action,
                path,
                source,
            } => StateError::io(action, &path, source),
            other => StateError::Broken {
                path: view::path_in(&self.dir),
                reason: other.to_string(),
            },
        })?;
        Ok(notes)
    }

    fn store_changes(
        &mut self,
        target: TargetId,
        changes: &Changes,
        deadline: Duration,
    ) -> Result<Vec<Note>, StateError> {
        let mut notes = Vec::new();
        if let Some(id) = self.complete_in.take() {
            let some = self.encoded(entries::changed(&self.ledger, target, changes))?;
            let done = self.shelf.update(id, some, deadline)?;
            notes.extend(done.notes);
            if done.value {
                self.complete_in = Some(id);
                return Ok(notes);
            }
        }
        let all = self.encoded(entries::all(&self.ledger))?;
        let done = self.shelf.replace(all, deadline)?;
        notes.extend(done.notes);
        self.complete_in = Some(done.value);
        Ok(notes)
    }

    fn encoded<T>(&self, entries: Result<T, CodecError>) -> Result<T, StateError> {
        entries.map_err(|error| StateError::Broken {
            path: self.dir.clone(),
            reason: error.to_string(),
        })
    }
}

impl LedgerStore {
    /// The lock that makes this the one sender.
    #[must_use]
    pub fn sender(&self) -> &SenderLock {
        &self.shelf.sender
    }

    /// Gives the ledger up and keeps the right to send.
    #[must_use]
    pub fn into_sender(self) -> SenderLock {
        self.shelf.sender
    }
}

fn unavailable(error: &StateError) -> Note {
    Note::StoreUnavailable {
        reason: error.to_string(),
    }
}
