//! What the sender's ledger says of records that the log has lost.
//!
//! Whose a lost record was is lost with it; so is whether it was an event at
//! all. Three things can be known all the same: that the sender had gone past
//! it, so that it was on disk once; that the server had refused it, which is
//! kept one by one; and, by counting, that the server has it: when a target has
//! confirmed exactly as many events more than are here as there are records lost
//! up to its cursors, they are those. Where anything does not fit, nothing is
//! claimed.

use std::collections::BTreeMap;

use crate::log::scan::SeqRange;
use crate::position::Seq;
use crate::state::{Ledger, Project, Standing, Stream, TargetLedger};
use crate::sync::survey::Survey;
use crate::target::TargetId;

/// What is known of lost records.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    targets: BTreeMap<TargetId, Known>,
}

/// What one target says.
#[derive(Debug)]
struct Known {
    /// The furthest cursor.
    cursor: Seq,
    /// The lost records that it has not confirmed, and whether it refused them.
    exceptions: BTreeMap<Seq, Standing>,
    /// Records that a cursor itself stands at, and is no exception.
    certain: Vec<Seq>,
    /// Whether all other lost records up to the cursor are confirmed.
    counted: bool,
}

impl Evidence {
    /// Holds `ledger` against the log. `survey` is what the log holds, where it
    /// is certain whose each event is.
    pub(super) fn of(ledger: &Ledger, survey: Option<&Survey>, lost: &[SeqRange]) -> Self {
        let targets = ledger.targets().iter();
        let targets = targets.filter_map(|(id, target)| {
            let known = Known::of(*id, target, survey, lost)?;
            Some((*id, known))
        });
        Self {
            targets: targets.collect(),
        }
    }

    /// The targets for which the sender had gone past all of these records.
    pub(super) fn passed_by(&self, lost: SeqRange) -> Vec<TargetId> {
        self.those(|known| known.cursor >= lost.to)
    }

    /// The targets that have all of these records.
    pub(super) fn holders(&self, lost: SeqRange) -> Vec<TargetId> {
        self.those(|known| known.has(lost))
    }

    /// How many of these records a server refused.
    pub(super) fn refused(&self, lost: SeqRange) -> u64 {
        let exceptions = self.targets.values().flat_map(|known| {
            let exceptions = known.exceptions.range(lost.from..=lost.to);
            exceptions.filter(|(_, standing)| **standing != Standing::Unanswered)
        });
        u64::try_from(exceptions.count()).unwrap_or(u64::MAX)
    }

    fn those(&self, wanted: impl Fn(&Known) -> bool) -> Vec<TargetId> {
        let targets = self.targets.iter().filter(|(_, known)| wanted(known));
        targets.map(|(id, _)| *id).collect()
    }
}

impl Known {
    fn of(
        id: TargetId,
        target: &TargetLedger,
        survey: Option<&Survey>,
        lost: &[SeqRange],
    ) -> Option<Self> {
        let is_lost = |seq: Seq| {
            lost.iter()
                .any(|range| range.from <= seq && seq <= range.to)
        };
        let streams = || target.streams().iter();
        let cursor = streams().filter_map(|(_, stream)| Some(stream.cursor()?.seq));
        let cursor = cursor.max()?;
        let exceptions: BTreeMap<_, _> = streams()
            .flat_map(|(_, stream)| stream.exceptions())
            .filter(|(seq, _)| is_lost(**seq))
            .map(|(seq, exception)| (*seq, exception.standing))
            .collect();
        let certain = streams()
            .filter_map(|(_, stream)| Some(stream.cursor()?.seq))
            .filter(|seq| is_lost(*seq) && !exceptions.contains_key(seq))
            .collect();
        let up_to_cursor = lost.iter().fold(0_u64, |sum, range| {
            let to = range.to.min(cursor).0.saturating_add(1);
            sum.saturating_add(to.saturating_sub(range.from.0))
        });
        let excepted = u64::try_from(exceptions.len()).unwrap_or(u64::MAX);
        let missing = survey
            .filter(|survey| survey.is_whole())
            .and_then(|survey| {
                streams().try_fold(0_u64, |sum, (name, stream)| {
                    let missing = missing_of(id, name.as_ref(), stream, survey, &is_lost)?;
                    sum.checked_add(missing)
                })
            });
        Some(Self {
            cursor,
            exceptions,
            certain,
            counted: missing.is_some_and(|missing| {
                missing > 0 && missing == up_to_cursor.saturating_sub(excepted)
            }),
        })
    }

    fn has(&self, lost: SeqRange) -> bool {
        let is_one = lost.from == lost.to && self.certain.contains(&lost.to);
        let is_excepted = self.exceptions.range(lost.from..=lost.to).next().is_some();
        is_one || (self.counted && self.cursor >= lost.to && !is_excepted)
    }
}

/// How many events the stream has confirmed that the log does not hold; `None`
/// when the two do not fit.
fn missing_of(
    id: TargetId,
    name: Option<&Project>,
    stream: &Stream,
    survey: &Survey,
    is_lost: &impl Fn(Seq) -> bool,
) -> Option<u64> {
    let cursor = stream.cursor()?.seq;
    let name = name?;
    if !survey.fits(id, name, stream) && !is_lost(cursor) {
        return None;
    }
    let here = survey.streams.get(&(id, name.clone()));
    let here = here.map_or(0, |backlog| backlog.settled);
    let exceptions = stream.exceptions().range(..=cursor);
    let unconfirmed = exceptions.filter(|(seq, _)| !is_lost(**seq)).count();
    let confirmed_here = here.checked_sub(u64::try_from(unconfirmed).ok()?)?;
    let confirmed = stream.delivered().checked_add(stream.duplicate())?;
    confirmed.checked_sub(confirmed_here)
}
