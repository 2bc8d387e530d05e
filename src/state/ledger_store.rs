//! The ledger on disk: in sled, one entry for each thing that changes, and in
//! the view, as a whole.
//!
//! The one sender keeps the ledger in memory and opens sled for a moment at
//! each commit, so that other processes can lease clock values in between.
//! Every commit counts the ledger's revision up and writes it to both places;
//! when they disagree the higher revision is right. So a ledger survives the
//! loss of either, and a commit is durable as soon as one of them has it.

use std::path::PathBuf;
use std::time::Duration;

use crate::state::codec::CodecError;
use crate::state::ledger::{Changes, Commit, Ledger};
use crate::state::store::{Job, Store};
use crate::state::{Note, Noted, SenderLock, StateError, ViewError, view};
use crate::target::TargetId;

mod entries;

/// The delivery ledger in the hands of its one owner.
#[derive(Debug)]
pub struct LedgerStore {
    dir: PathBuf,
    store: Store,
    sender: SenderLock,
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

impl LedgerStore {
    pub(super) fn open(
        dir: PathBuf,
        store: Store,
        sender: SenderLock,
        deadline: Duration,
    ) -> Result<Noted<Self>, StateError> {
        let viewed = view::read(&view::path_in(&dir));
        let stored = store.run(
            deadline,
            Box::new(|trees| Ok((entries::load(trees)?, trees.id))),
        );
        let mut notes = Vec::new();
        let (mut ledger, mut complete_in) = (Ledger::default(), None);
        match (stored, &viewed) {
            (Ok(stored), _) => {
                let ((loaded, dropped), id) = stored.value;
                notes.extend(stored.notes);
                complete_in = dropped.is_empty().then_some(id);
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
            Err(ViewError::Newer { .. }) => false,
            Err(_) => true,
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
        if is_behind && let Err(error) = view::write(&dir, &ledger) {
            let reason = error.to_string();
            notes.push(Note::ViewUnwritten { reason });
        }
        let value = Self {
            dir,
            store,
            sender,
            ledger,
            complete_in,
        };
        Ok(Noted { value, notes })
    }

    /// The ledger as it is now.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The lock that makes this the one sender.
    #[must_use]
    pub fn sender(&self) -> &SenderLock {
        &self.sender
    }

    /// Gives the ledger up and keeps the right to send.
    #[must_use]
    pub fn into_sender(self) -> SenderLock {
        self.sender
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
        if !self.sender.is_current() {
            return Err(StateError::Displaced {
                path: self.sender.path().to_owned(),
            });
        }
        let changes = self.ledger.apply_noting(commit)?;
        let stored = self.store_changes(commit.target(), &changes, deadline);
        let viewed = view::write(&self.dir, &self.ledger);
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

    fn store_changes(
        &mut self,
        target: TargetId,
        changes: &Changes,
        deadline: Duration,
    ) -> Result<Vec<Note>, StateError> {
        let mut notes = Vec::new();
        if let Some(id) = self.complete_in.take() {
            let some = entries::changed(&self.ledger, target, changes);
            let some = self.encoded(some)?;
            let update: Job<_> = Box::new(move |trees| {
                let same = trees.id == id;
                if same {
                    entries::update(trees, &some)?;
                }
                Ok(same)
            });
            let done = self.store.run(deadline, update)?;
            notes.extend(done.notes);
            if done.value {
                self.complete_in = Some(id);
                return Ok(notes);
            }
        }
        let all = self.encoded(entries::all(&self.ledger))?;
        let replace: Job<_> = Box::new(move |trees| {
            entries::replace(trees, &all)?;
            Ok(trees.id)
        });
        let done = self.store.run(deadline, replace)?;
        notes.extend(done.notes);
        self.complete_in = Some(done.value);
        Ok(notes)
    }

    fn encoded<T>(&self, entries: Result<T, CodecError>) -> Result<T, StateError> {
        entries.map_err(|error| StateError::Broken {
            path: self.store.sled_dir(),
            reason: error.to_string(),
        })
    }
}

fn unavailable(error: &StateError) -> Note {
    Note::StoreUnavailable {
        reason: error.to_string(),
    }
}
