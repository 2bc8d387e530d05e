//! The whole log in counts, without reading again what cannot have changed.
//!
//! A look through the log costs as much as the log is long. But segments with a
//! successor are final, so what was counted in them once is kept in
//! `state/tallies`, and a look reads the newest segment and what has become
//! final since. Whether a kept count still stands for a segment is decided in
//! [`crate::log::walk`]: the file must be the very one that was counted,
//! untouched, in its place in the log. What is kept can be deleted at any time;
//! `log verify` counts anew and compares.
//!
//! Segments in a row are kept as one (see `sync::kept`), and with them the listing of
//! the directory, which is believed as long as that has the same stamp.
//!
//! A count answers whether its events are settled only when a cursor lies
//! before or behind all of them. The segments in which one lies between, or in
//! which single events matter, are read.
//!
//! Limits: no more than `MAX_TALLIES` tallies are kept, of the oldest
//! segments, and none of a segment with more than `MAX_ENTRIES` of them or with
//! texts longer than `MAX_TEXT_BYTES`: those are read at every look.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::log::read::{ReadError, Step};
use crate::log::reader::Reader;
use crate::log::segment::LogDir;
use crate::position::{Ordinal, Seq};
use crate::state::{Ledger, Standing, State, Stream};
use crate::sync::kept::{Kept, Known};
use crate::sync::route::{Bindings, Route};
use crate::sync::survey::Survey;
use crate::sync::tally::{Counter, Part, Tally};

mod take;

use take::Take;

/// One or several segments, counted.
#[derive(Debug)]
enum Counted {
    /// Those that will not change, for the next look as well.
    Kept(Kept),
    /// Others, with their first and last number.
    Loose(Vec<Part>, Option<(Seq, Seq)>),
}

/// The events of a log, counted by whose they are.
#[derive(Debug)]
pub struct Tallies {
    dir: LogDir,
    /// The oldest segment when the look began.
    oldest: Option<Ordinal>,
    counted: Vec<Counted>,
    bindings: Bindings,
    first: Option<Seq>,
    end: Seq,
    damage: u64,
}

impl Tallies {
    /// Counts the log in `dir`, all of it. With the ledger at hand everything is
    /// mostly read once only.
    ///
    /// # Errors
    /// [`ReadError`] when the log cannot be read.
    pub fn read(dir: &LogDir, ledger: &Ledger) -> Result<Self, ReadError> {
        let (take, read) = Take::look(dir, Known::default(), &apart(ledger), None);
        read.map(|()| take.tallies)
    }

    /// The same, with what was kept in `state`, and nothing kept anew: as is
    /// fit for a reader.
    ///
    /// # Errors
    /// [`ReadError`] when the log cannot be read.
    pub fn recall(dir: &LogDir, state: &State, ledger: &Ledger) -> Result<Self, ReadError> {
        let known = state.tallies().unwrap_or_default();
        let (take, read) = Take::look(dir, known, &apart(ledger), None);
        read.map(|()| take.tallies)
    }

    /// The same, with what was kept in `state`; what becomes known thereby is
    /// kept for the next look, where that can be done.
    ///
    /// # Errors
    /// [`ReadError`] when the log cannot be read.
    pub fn renew(dir: &LogDir, state: &State, ledger: &Ledger) -> Result<Self, ReadError> {
        Ok(Take::renew(dir, state, ledger, None)?.tallies)
    }

    /// The same, compared with `ledger` at once, as [`Tallies::survey`] does. Where the
    /// log lost its oldest segment meanwhile, because somebody pruned, what was looked
    /// for may have gone before it was looked at: then all of it is done again.
    ///
    /// # Errors
    /// [`ReadError`] when the log cannot be read.
    pub fn renew_with_survey(
        dir: &LogDir,
        state: &State,
        ledger: &Ledger,
    ) -> Result<(Self, Survey), ReadError> {
        loop {
            let mut tallies = Self::renew(dir, state, ledger)?;
            let bindings = tallies.bindings.clone();
            let survey = tallies.survey(ledger, &bindings)?;
            if !tallies.lost_the_oldest() {
                return Ok((tallies, survey));
            }
        }
    }

    /// Whether the oldest segment has gone since the look began.
    fn lost_the_oldest(&self) -> bool {
        let is_gone = |oldest| self.dir.is_gone(oldest).unwrap_or(false);
        self.oldest.is_some_and(is_gone)
    }

    /// The same within a time; `None` when it was not finished by `until`. What
    /// was read by then is kept as well.
    ///
    /// # Errors
    /// [`ReadError`] when the log cannot be read.
    pub fn renew_until(
        dir: &LogDir,
        state: &State,
        ledger: &Ledger,
        until: Option<Instant>,
    ) -> Result<Option<Self>, ReadError> {
        let take = Take::renew(dir, state, ledger, until)?;
        Ok(take.is_whole.then_some(take.tallies))
    }

    /// The control frames of the log.
    #[must_use]
    pub fn bindings(&self) -> &Bindings {
        &self.bindings
    }

    /// Compares the counts with the cursors of `ledger`. Reads again where that
    /// takes single events that were not counted apart.
    ///
    /// # Errors
    /// [`ReadError`] when the log cannot be read.
    pub fn survey(&mut self, ledger: &Ledger, bindings: &Bindings) -> Result<Survey, ReadError> {
        let mut survey = Survey::begin(self.first, self.end, self.damage);
        let mut singles = None;
        // What comes next is at the end.
        let mut left: Vec<Counted> = self.counted.drain(..).rev().collect();
        while let Some(mut counted) = left.pop() {
            if !counted.tallies().all(|t| is_decided(t, ledger, bindings)) {
                if let Some(each) = counted.apart() {
                    left.extend(each.rev());
                    continue;
                }
                let singles = singles.get_or_insert_with(|| {
                    let mut singles = apart(ledger);
                    singles.extend(bindings.dropped_seqs());
                    singles
                });
                counted = counted.read_again(&self.dir, singles)?;
            }
            for tally in counted.tallies() {
                survey.add(tally, ledger, bindings);
            }
            self.counted.push(counted);
        }
        Ok(survey)
    }
}

impl Counted {
    fn parts(&self) -> &[Part] {
        match self {
            Self::Kept(kept) => &kept.parts,
            Self::Loose(parts, _) => parts,
        }
    }

    fn tallies(&self) -> impl Iterator<Item = &Tally> {
        self.parts().iter().flat_map(Part::tallies)
    }

    fn kept(&self) -> Option<&Kept> {
        match self {
            Self::Kept(kept) => Some(kept),
            Self::Loose(..) => None,
        }
    }

    /// Each of several segments by itself.
    fn apart(&self) -> Option<impl DoubleEndedIterator<Item = Self> + use<>> {
        Some(self.kept()?.apart()?.into_iter().map(Self::Kept))
    }

    /// The same with single events counted by themselves.
    fn read_again(&self, dir: &LogDir, apart: &BTreeSet<Seq>) -> Result<Self, ReadError> {
        let mut counter = Counter::new(apart);
        let seqs = match self {
            Self::Kept(kept) => kept.seqs(),
            Self::Loose(_, seqs) => *seqs,
        };
        let Some((first, last)) = seqs else {
            return Ok(Self::Loose(Vec::new(), None));
        };
        let mut reader = Reader::new(dir.clone(), first);
        loop {
            match reader.step()? {
                Step::Damage(_) => {}
                Step::Frame(item) if item.seq <= last => counter.add(&item),
                Step::Frame(_) | Step::Idle => return Ok(Self::Loose(counter.parts(), seqs)),
            }
        }
    }
}

/// The events that a look at `ledger` asks for one by one.
fn apart(ledger: &Ledger) -> BTreeSet<Seq> {
    let streams = ledger.targets().values().flat_map(|t| t.streams().values());
    let mut seqs = BTreeSet::new();
    for stream in streams {
        seqs.extend(stream.cursor().map(|cursor| cursor.seq));
        seqs.extend(unanswered(stream, Seq(0), Seq(u64::MAX)));
    }
    seqs
}

fn unanswered(stream: &Stream, first: Seq, last: Seq) -> impl Iterator<Item = Seq> + '_ {
    let exceptions = stream.exceptions().range(first..=last);
    exceptions
        .filter(|(_, found)| found.standing == Standing::Unanswered)
        .map(|(seq, _)| *seq)
}

/// Whether the same is to be said of all events of the tally.
fn is_decided(tally: &Tally, ledger: &Ledger, bindings: &Bindings) -> bool {
    if tally.events <= 1 {
        return true;
    }
    let (first, last) = (tally.first, tally.last);
    let header = tally.header();
    let routed = match bindings.route(last, &header) {
        Route::Stream { target, stream } | Route::Dropped { target, stream } => {
            Some((target, stream))
        }
        _ => None,
    };
    let copies = bindings.copies(last, &header);
    routed.into_iter().chain(copies).all(|(target, stream)| {
        let known = ledger.target(target).and_then(|t| t.stream(Some(&stream)));
        let is_split = known.is_some_and(|known| {
            let cursor = known.cursor().map(|cursor| cursor.seq);
            cursor.is_some_and(|at| first <= at && at < last)
                || unanswered(known, first, last).next().is_some()
        });
        !is_split && !bindings.drops_any(target, first, last)
    })
}

#[cfg(test)]
#[path = "tallies_tests.rs"]
mod tests;
