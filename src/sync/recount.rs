//! Whether what is kept of final segments is what a reader of the log counts.
//!
//! [`crate::sync::tallies`] believes a kept count for as long as nobody touched
//! the segment's file. That its numbers are right is not looked at there: a file
//! that was forged, or made by a faulty version, is found here, by whoever reads
//! the whole log anyway.

use std::collections::{BTreeMap, BTreeSet};

use crate::log::read::Item;
use crate::log::segment::LogDir;
use crate::position::{Ordinal, Seq};
use crate::state::State;
use crate::sync::kept::{Kept, Known};
use crate::sync::tally::{Counter, Part, joined};

/// Counts what is read of a log anew and holds it against what was kept.
#[derive(Debug)]
pub struct Recount {
    counter: Counter<'static>,
    ordinal: Ordinal,
    parts: BTreeMap<Ordinal, Vec<Part>>,
    kept: BTreeMap<Ordinal, Kept>,
    /// Those that are kept together with a wrong sum.
    wrong_sums: BTreeSet<Ordinal>,
}

static NONE_APART: BTreeSet<Seq> = BTreeSet::new();

impl Recount {
    /// Compares with what is kept in `state` now.
    #[must_use]
    pub fn of(state: &State) -> Self {
        let known: Known<Kept> = state.tallies().unwrap_or_default();
        let mut recount = Self {
            counter: Counter::new(&NONE_APART),
            ordinal: Ordinal(0),
            parts: BTreeMap::new(),
            kept: BTreeMap::new(),
            wrong_sums: BTreeSet::new(),
        };
        for kept in known.kept {
            let (each, is_sum) = kept.checked();
            for (ordinal, one) in each.into_iter().filter_map(|one| Some((one.first()?, one))) {
                if !is_sum {
                    recount.wrong_sums.insert(ordinal);
                }
                recount.kept.insert(ordinal, one);
            }
        }
        recount
    }

    /// Takes in the next frame of the log.
    pub fn see(&mut self, item: &Item<'_>) {
        if item.ordinal != self.ordinal {
            self.turn();
            self.ordinal = item.ordinal;
        }
        if self.kept.contains_key(&item.ordinal) {
            self.counter.add(item);
        }
    }

    fn turn(&mut self) {
        let parts = self.counter.parts();
        if self.kept.contains_key(&self.ordinal) {
            self.parts.insert(self.ordinal, parts);
        }
    }

    /// The segments in `dir` whose kept counts would be believed and are wrong.
    #[must_use]
    pub fn wrong(mut self, dir: &LogDir) -> Vec<Ordinal> {
        self.turn();
        let mut wrong = Vec::new();
        for (ordinal, kept) in self.kept {
            let counted = self.parts.remove(&ordinal).unwrap_or_default();
            let is_current = kept.seals().iter().all(|seal| seal.is_current(dir));
            let is_right = !self.wrong_sums.contains(&ordinal) && joined(kept.parts) == counted;
            if is_current && !is_right {
                wrong.push(ordinal);
            }
        }
        wrong
    }
}
