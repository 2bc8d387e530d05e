//! The store in which leases and the ledger's entries are kept, as a model:
//! every operation is whole, and durable when it has returned.
//!
//! What sled itself does with its files is tried elsewhere (`tests/state/`,
//! `tests/kills.rs`). Here it matters what the library does with a store that
//! forgets, that is an old copy of itself, or that does not say whether it
//! kept something.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use spec_kitty::position::{Lease, LeaseFloor};
use spec_kitty::state::{Entry, LeaseBook, Noted, Shelf, Shelved, StateError};

use crate::coverage::Op;
use crate::plant::{self, Bug};
use crate::rng::Rng;
use crate::world::{Machine, Process, STATE};

/// What the store holds.
#[derive(Clone, Debug, Default)]
pub struct Content {
    pub id: [u8; 16],
    pub entries: BTreeMap<Vec<u8>, Vec<u8>>,
    pub leases: LeaseBook,
}

#[derive(Clone, Debug, Default)]
pub struct SimStore {
    pub now: Content,
    pub durable: Content,
}

impl SimStore {
    pub fn power_cut(&mut self, rng: &mut Rng) {
        if rng.chance(1, 2) {
            self.durable = self.now.clone();
        }
        self.now = self.durable.clone();
    }

    /// Another store is there from now on.
    pub fn becomes(&mut self, content: Content) {
        self.now = content.clone();
        self.durable = content;
    }
}

/// The shelf of the one sender, or of somebody who only looks.
#[derive(Debug)]
pub struct SimShelf(pub Process);

fn failed(source: io::Error) -> StateError {
    StateError::Io {
        action: "use",
        path: PathBuf::from(STATE),
        source,
    }
}

impl SimShelf {
    fn change<T>(&self, effect: impl FnOnce(&mut Content) -> T) -> Result<Noted<T>, StateError> {
        let keeps = self.0.world.bug() != Some(Bug::PruneBeforeLedger);
        let effect = |machine: &mut Machine| {
            let store = &mut machine.lasting.store;
            let answer = effect(&mut store.now);
            if keeps {
                store.durable = store.now.clone();
            }
            Ok(answer)
        };
        let value = self.0.act(Op::Store, Path::new("store"), effect);
        let notes = Vec::new();
        value.map(|value| Noted { value, notes }).map_err(failed)
    }

    /// Reserves a lease, as `State::reserve` does.
    pub fn reserve(&self, floor: LeaseFloor, ticks: u64) -> Option<Lease> {
        let reserved = self.change(|content| {
            let (lease, next) = content.leases.lease_above(floor, ticks)?;
            content.leases = next;
            Some(lease)
        });
        reserved.ok()?.value
    }
}

impl Shelf for SimShelf {
    fn check(&self) -> Result<(), StateError> {
        Ok(())
    }

    fn load(&self, _deadline: Duration) -> Result<Noted<Shelved>, StateError> {
        self.change(|content| Shelved {
            id: content.id,
            entries: content
                .entries
                .iter()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        })
    }

    fn update(
        &self,
        id: [u8; 16],
        entries: Vec<Entry>,
        _deadline: Duration,
    ) -> Result<Noted<bool>, StateError> {
        let bug = self.0.world.bug();
        self.change(|content| {
            if content.id != id {
                return false;
            }
            for (key, value) in entries {
                let key = plant::key(bug, key);
                match value {
                    Some(value) => content.entries.insert(key, value),
                    None => content.entries.remove(&key),
                };
            }
            true
        })
    }

    fn replace(
        &self,
        entries: Vec<Entry>,
        _deadline: Duration,
    ) -> Result<Noted<[u8; 16]>, StateError> {
        let bug = self.0.world.bug();
        self.change(|content| {
            let whole = entries.into_iter();
            content.entries = whole
                .filter_map(|(key, value)| Some((plant::key(bug, key), value?)))
                .collect();
            content.id
        })
    }
}
