//! One look through the log: what was kept is taken over, the rest is counted.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use crate::log::read::{Item, ReadError};
use crate::log::segment::LogDir;
use crate::log::walk::{Onward, Sealed, Stride, walk};
use crate::platform::Stamp;
use crate::position::{Ordinal, Seq};
use crate::state::{Ledger, State};
use crate::sync::kept::{Kept, Known, gathered};
use crate::sync::route::Bindings;
use crate::sync::tallies::{Counted, Tallies, apart};
use crate::sync::tally::{Counter, Part};

/// The most tallies that are kept.
pub(super) const MAX_TALLIES: u64 = 20_000;
/// The most tallies and control frames of one segment that are kept.
pub(super) const MAX_ENTRIES: usize = 256;
/// The longest texts of one tally that are kept, and the longest control frame.
pub(super) const MAX_TEXT_BYTES: usize = 640;

/// Looking through the log.
pub(super) struct Take {
    pub(super) tallies: Tallies,
    /// What was kept, by the first segment of each.
    known: BTreeMap<Ordinal, Kept>,
    /// The known segments that the walk has passed over just now.
    passed: Vec<Ordinal>,
    /// What was kept is not what anybody would keep.
    is_misled: bool,
    /// Whether more can be kept than before.
    is_news: bool,
    pub(super) is_whole: bool,
}

impl Take {
    pub(super) fn new(dir: &LogDir, kept: Vec<Kept>) -> Self {
        Self {
            tallies: Tallies {
                dir: dir.clone(),
                oldest: None,
                counted: Vec::new(),
                bindings: Bindings::default(),
                first: None,
                end: Seq(0),
                damage: 0,
            },
            known: by_first(kept),
            passed: Vec::new(),
            is_misled: false,
            is_news: false,
            is_whole: false,
        }
    }

    pub(super) fn renew(
        dir: &LogDir,
        state: &State,
        ledger: &Ledger,
        until: Option<Instant>,
    ) -> Result<Self, ReadError> {
        let known: Known<Kept> = state.tallies().unwrap_or_default();
        let before = known.listed.as_ref().map(|(_, stamp)| *stamp);
        let (take, read) = Self::look(dir, known, &apart(ledger), until);
        let listed = dir.files_seen();
        let is_other = |(_, stamp): &(_, Stamp)| Some(*stamp) != before;
        if take.is_news || listed.as_ref().is_some_and(is_other) {
            let kept = within_limits(gathered(take.all_kept()));
            state.keep_tallies(&Known { listed, kept });
        }
        read.map(|()| take)
    }

    /// Looks, and says how far that came.
    pub(super) fn look(
        dir: &LogDir,
        known: Known<Kept>,
        apart: &BTreeSet<Seq>,
        until: Option<Instant>,
    ) -> (Self, Result<(), ReadError>) {
        if let Some((files, stamp)) = known.listed {
            dir.recall_files(files, stamp);
        }
        let mut take = Self::new(dir, known.kept);
        let mut read = take.run(apart, until);
        if take.is_misled {
            take = Self::new(dir, Vec::new());
            read = take.run(apart, until);
        }
        (take, read)
    }

    pub(super) fn run(
        &mut self,
        apart: &BTreeSet<Seq>,
        until: Option<Instant>,
    ) -> Result<(), ReadError> {
        let dir = self.tallies.dir.clone();
        let seals: Vec<_> = self.known.values().map(|k| Arc::clone(k.seals())).collect();
        let known: Vec<_> = seals.iter().flat_map(|seals| seals.iter()).collect();
        let mut counter = Counter::new(apart);
        let mut seqs = None;
        let walked = walk(&dir, &known, &mut |stride| {
            if !self.passed.is_empty() && !matches!(stride, Stride::Known(_)) {
                self.take_over_passed();
            }
            match stride {
                Stride::Begin(oldest) => {
                    self.tallies.oldest = Some(oldest);
                    return Onward::GoOn;
                }
                Stride::Frame(item) => {
                    counter.add(&item);
                    self.pass(&item, &mut seqs);
                    // A look at the clock at every frame would be felt.
                    return onward(until.filter(|_| item.seq.0 % 256 == 0));
                }
                Stride::Damage(_) => self.damaged(1),
                Stride::Known(ordinal) => self.passed.push(ordinal),
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
        });
        self.take_over_passed();
        walked
    }

    /// All that is known now. Where the look ended early, what lies behind is as
    /// good as it was.
    fn all_kept(&self) -> Vec<&Kept> {
        let mut kept: Vec<&Kept> = self
            .tallies
            .counted
            .iter()
            .filter_map(Counted::kept)
            .collect();
        if !self.is_whole {
            let last = kept.last().and_then(|kept| kept.last());
            let behind = self.known.range(last.unwrap_or_default().next()..);
            kept.extend(behind.map(|(_, kept)| kept));
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
        self.tallies.counted.push(Counted::Loose(parts, seqs));
    }

    /// The segment that was counted last will not change any more.
    fn sealed(&mut self, sealed: Sealed, unreadable: u64) {
        if let Some(counted) = self.tallies.counted.last_mut()
            && let Counted::Loose(parts, _) = counted
            && unreadable == 0
            && is_small(parts)
        {
            *counted = Counted::Kept(Kept::one(sealed, std::mem::take(parts)));
            self.is_news = true;
        }
    }

    /// Takes over what is kept of the segments that were passed over; those that
    /// are kept together, where all of them were, at once.
    fn take_over_passed(&mut self) {
        let passed = std::mem::take(&mut self.passed);
        let mut rest = passed.as_slice();
        while let Some(next) = rest.first() {
            let at = self.known.range(..=*next).next_back().map(|(at, _)| *at);
            let Some(kept) = at.and_then(|at| self.known.remove(&at)) else {
                self.is_misled = true;
                return;
            };
            let ordinals: Vec<_> = kept.seals().iter().map(Sealed::ordinal).collect();
            if let Some(behind) = rest.strip_prefix(ordinals.as_slice()) {
                rest = behind;
                self.known(kept);
            } else {
                // Where it is not the segment that was passed over either, the
                // next turn finds nothing.
                let each = kept.apart().unwrap_or_default();
                self.known.extend(by_first(each));
            }
        }
    }

    fn known(&mut self, kept: Kept) {
        if let Some((first, last)) = kept.seqs() {
            self.tallies.first.get_or_insert(first);
            self.tallies.end = self.tallies.end.max(last);
        }
        for part in &kept.parts {
            if let Part::Control { seq, body } = part {
                self.tallies.bindings.note(*seq, body);
            }
        }
        self.tallies.counted.push(Counted::Kept(kept));
    }
}

fn by_first(kept: Vec<Kept>) -> BTreeMap<Ordinal, Kept> {
    let by_first = |kept: Kept| Some((kept.first()?, kept));
    kept.into_iter().filter_map(by_first).collect()
}

fn onward(until: Option<Instant>) -> Onward {
    match until {
        Some(until) if Instant::now() >= until => Onward::Stop,
        _ => Onward::GoOn,
    }
}

pub(super) fn is_small(parts: &[Part]) -> bool {
    let texts_fit = |part: &Part| match part {
        Part::Control { body, .. } => body.len() <= MAX_TEXT_BYTES,
        Part::Events(tallies) => tallies.iter().all(|t| t.text_bytes() <= MAX_TEXT_BYTES),
    };
    parts.iter().map(Part::entries).sum::<usize>() <= MAX_ENTRIES && parts.iter().all(texts_fit)
}

/// As many of them as may be kept, the oldest first.
pub(super) fn within_limits(kept: Vec<Cow<'_, Kept>>) -> Vec<Cow<'_, Kept>> {
    let mut left = MAX_TALLIES;
    let fits = |kept: &Cow<'_, Kept>| {
        let fits = kept.entries() <= left;
        left = left.saturating_sub(kept.entries());
        fits
    };
    kept.into_iter().take_while(fits).collect()
}
