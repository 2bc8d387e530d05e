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
//! A count answers whether its events are settled only when a cursor lies
//! before or behind all of them. The segments in which one lies between, or in
//! which single events matter, are read.
//!
//! Limits: no more than `MAX_TALLIES` tallies are kept, of the oldest
//! segments, and none of a segment with more than `MAX_ENTRIES` of them or with
//! texts longer than `MAX_TEXT_BYTES`: those are read at every look.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::log::read::{Item, ReadError, Step};
use crate::log::reader::Reader;
use crate::log::segment::LogDir;
use crate::log::walk::{Onward, Sealed, Stride, walk};
use crate::position::{Ordinal, Seq};
use crate::state::{Ledger, Standing, State, Stream};
use crate::sync::route::{Bindings, Route};
use crate::sync::survey::Survey;
use crate::sync::tally::{Counter, Part, Tally};

/// The most tallies that are kept.
const MAX_TALLIES: usize = 20_000;
/// The most tallies and control frames of one segment that are kept.
const MAX_ENTRIES: usize = 256;
/// The longest texts of one tally that are kept, and the longest control frame.
const MAX_TEXT_BYTES: usize = 640;

/// What is kept of a segment that will not change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) sealed: Sealed,
    pub(super) parts: Vec<Part>,
}

/// One or several segments, counted.
#[derive(Debug, Default)]
struct Counted {
    parts: Vec<Part>,
    /// Their first and last number.
    seqs: Option<(Seq, Seq)>,
}

/// The events of a log, counted by whose they are.
#[derive(Debug)]
pub struct Tallies {
    dir: LogDir,
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
        let mut take = Take::new(dir, Vec::new());
        take.run(&apart(ledger), None)?;
        Ok(take.tallies)
    }

    /// The same, with what was kept in `state`, and nothing kept anew: as is
    /// fit for a reader.
    ///
    /// # Errors
    /// [`ReadError`] when the log cannot be read.
    pub fn recall(dir: &LogDir, state: &State, ledger: &Ledger) -> Result<Self, ReadError> {
        let mut take = Take::new(dir, state.tallies().unwrap_or_default());
        take.run(&apart(ledger), None)?;
        Ok(take.tallies)
    }

    /// The same, with what was kept in `state`; what becomes known thereby is
    /// kept for the next look, where that can be done.
    ///
    /// # Errors
    /// [`ReadError`] when the log cannot be read.
    pub fn renew(dir: &LogDir, state: &State, ledger: &Ledger) -> Result<Self, ReadError> {
        Ok(Take::renew(dir, state, ledger, None)?.tallies)
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
        for counted in &mut self.counted {
            if !counted.tallies().all(|t| is_decided(t, ledger, bindings)) {
                let singles = singles.get_or_insert_with(|| {
                    let mut singles = apart(ledger);
                    singles.extend(bindings.dropped_seqs());
                    singles
                });
                counted.parts = counted.read_again(&self.dir, singles)?;
            }
            for tally in counted.tallies() {
                survey.add(tally, ledger, bindings);
            }
        }
        Ok(survey)
    }
}

impl Counted {
    fn tallies(&self) -> impl Iterator<Item = &Tally> {
        self.parts.iter().flat_map(Part::tallies)
    }

    fn read_again(&self, dir: &LogDir, apart: &BTreeSet<Seq>) -> Result<Vec<Part>, ReadError> {
        let mut counter = Counter::new(apart);
        let Some((first, last)) = self.seqs else {
            return Ok(Vec::new());
        };
        let mut reader = Reader::new(dir.clone(), first);
        loop {
            match reader.step()? {
                Step::Damage(_) => {}
                Step::Frame(item) if item.seq <= last => counter.add(&item),
                Step::Frame(_) | Step::Idle => return Ok(counter.parts()),
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

/// Looking through the log.
struct Take {
    tallies: Tallies,
    known: BTreeMap<Ordinal, Kept>,
    /// What can be kept after this look.
    kept: Vec<Kept>,
    /// Whether that is more than before.
    is_news: bool,
    is_whole: bool,
}

impl Take {
    fn new(dir: &LogDir, kept: Vec<Kept>) -> Self {
        Self {
            tallies: Tallies {
                dir: dir.clone(),
                counted: Vec::new(),
                bindings: Bindings::default(),
                first: None,
                end: Seq(0),
                damage: 0,
            },
            known: kept
                .into_iter()
                .map(|kept| (kept.sealed.ordinal(), kept))
                .collect(),
            kept: Vec::new(),
            is_news: false,
            is_whole: false,
        }
    }

    fn renew(
        dir: &LogDir,
        state: &State,
        ledger: &Ledger,
        until: Option<Instant>,
    ) -> Result<Self, ReadError> {
        let mut take = Self::new(dir, state.tallies().unwrap_or_default());
        let read = take.run(&apart(ledger), until);
        if take.is_news {
            state.keep_tallies(&within_limits(take.all_kept()));
        }
        read.map(|()| take)
    }

    fn run(&mut self, apart: &BTreeSet<Seq>, until: Option<Instant>) -> Result<(), ReadError> {
        let dir = self.tallies.dir.clone();
        let known = self.known.iter().map(|(at, kept)| (*at, kept.sealed));
        let known = known.collect();
        let mut counter = Counter::new(apart);
        let mut seqs = None;
        walk(&dir, &known, &mut |stride| {
            match stride {
                Stride::Frame(item) => {
                    counter.add(&item);
                    self.pass(&item, &mut seqs);
                    // A look at the clock at every frame would be felt.
                    return onward(until.filter(|_| item.seq.0 % 256 == 0));
                }
                Stride::Damage(_) => self.damaged(1),
                Stride::Known(ordinal) => self.known(ordinal),
                Stride::Read(_) => self.counted(&mut counter, seqs.take()),
                Stride::Sealed(sealed) => {
                    let unreadable = counter.unreadable;
                    self.counted(&mut counter, seqs.take());
                    self.sealed(sealed, unreadable);
                }
                Stride::End(next) => {
                    self.counted(&mut counter, seqs.take());
                    self.tallies.first.get_or_insert(next);
                    self.is_whole = true;
                }
            }
            onward(until)
        })
    }

    /// All that is known now. Where the look ended early, what lies behind is as
    /// good as it was.
    fn all_kept(&mut self) -> Vec<Kept> {
        let mut kept = std::mem::take(&mut self.kept);
        let last = kept.last().map(|kept| kept.sealed.ordinal());
        if !self.is_whole {
            let behind = self.known.split_off(&last.unwrap_or_default().next());
            kept.extend(behind.into_values());
        }
        kept
    }

    fn pass(&mut self, item: &Item<'_>, seqs: &mut Option<(Seq, Seq)>) {
        self.tallies.first.get_or_insert(item.seq);
        self.tallies.end = item.seq;
        let first = seqs.map_or(item.seq, |(first, _)| first);
        *seqs = Some((first, item.seq));
    }

    fn damaged(&mut self, places: u64) {
        self.tallies.damage = self.tallies.damage.saturating_add(places);
    }

    /// Takes over what was counted since the last time.
    fn counted(&mut self, counter: &mut Counter<'_>, seqs: Option<(Seq, Seq)>) {
        self.damaged(std::mem::take(&mut counter.unreadable));
        self.bind(counter.parts(), seqs);
    }

    fn bind(&mut self, parts: Vec<Part>, seqs: Option<(Seq, Seq)>) {
        for part in &parts {
            if let Part::Control { seq, body } = part {
                self.tallies.bindings.note(*seq, body);
            }
        }
        self.tallies.counted.push(Counted { parts, seqs });
    }

    fn sealed(&mut self, sealed: Sealed, unreadable: u64) {
        let counted = self.tallies.counted.last();
        if let Some(counted) = counted.filter(|c| unreadable == 0 && is_small(&c.parts)) {
            let parts = counted.parts.clone();
            self.kept.push(Kept { sealed, parts });
            self.is_news = true;
        }
    }

    fn known(&mut self, ordinal: Ordinal) {
        let Some(kept) = self.known.get(&ordinal).cloned() else {
            return;
        };
        let (first, last) = (kept.sealed.first_seq(), kept.sealed.last_seq());
        self.tallies.first.get_or_insert(first);
        self.tallies.end = self.tallies.end.max(last);
        self.bind(kept.parts.clone(), Some((first, last)));
        self.kept.push(kept);
    }
}

fn onward(until: Option<Instant>) -> Onward {
    match until {
        Some(until) if Instant::now() >= until => Onward::Stop,
        _ => Onward::GoOn,
    }
}

fn is_small(parts: &[Part]) -> bool {
    let texts_fit = |part: &Part| match part {
        Part::Control { body, .. } => body.len() <= MAX_TEXT_BYTES,
        Part::Events(tallies) => tallies.iter().all(|t| t.text_bytes() <= MAX_TEXT_BYTES),
    };
    parts.iter().map(Part::entries).sum::<usize>() <= MAX_ENTRIES && parts.iter().all(texts_fit)
}

/// As many of them as may be kept, the oldest first.
fn within_limits(kept: Vec<Kept>) -> Vec<Kept> {
    let mut left = MAX_TALLIES;
    let fits = |kept: &Kept| {
        let wanted = kept.parts.iter().map(Part::entries).sum::<usize>() + 1;
        let fits = wanted <= left;
        left = left.saturating_sub(wanted);
        fits
    };
    kept.into_iter().take_while(fits).collect()
}

#[cfg(test)]
#[path = "tallies_tests.rs"]
mod tests;
