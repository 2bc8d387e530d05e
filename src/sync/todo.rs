//! What a pass sets out to send, and in which order. Pure.

use std::collections::BTreeSet;

use crate::position::Seq;
use crate::state::{Project, Standing, Stream, TargetLedger};
use crate::sync::feed::Pick;
use crate::sync::setting::Pace;
use crate::sync::survey::Survey;
use crate::target::TargetId;

/// Streams, and which of their events.
pub(super) type Todo = [(Project, Pick)];

/// The streams with something to send, the one that waits longest first, then
/// the events up to the cursors that get another try.
pub(super) fn todo(
    survey: &Survey,
    target: TargetId,
    known: Option<&TargetLedger>,
    (pace, now_ms): (Pace, u64),
) -> Vec<(Project, Pick)> {
    let mut fresh: Vec<(Seq, Project)> = survey
        .streams
        .iter()
        .filter(|((of, _), _)| *of == target)
        .filter_map(|((_, stream), backlog)| Some((backlog.first_pending?, stream.clone())))
        .collect();
    fresh.sort();
    let again = known
        .into_iter()
        .flat_map(|target| target.streams())
        .filter_map(|(name, stream)| Some((name.clone()?, open(stream, pace, now_ms)?)));
    fresh
        .into_iter()
        .map(|(first, stream)| (stream, Pick::After(first.previous())))
        .chain(again.map(|(stream, seqs)| (stream, Pick::Only(seqs))))
        .collect()
}

/// The events up to the cursor that are tried again: whoever asks for a pass
/// does not wait for our own pauses, the background does.
fn open(stream: &Stream, pace: Pace, now_ms: u64) -> Option<BTreeSet<Seq>> {
    let is_due = |standing: Standing| match standing {
        Standing::Parked => false,
        Standing::Unanswered => true,
        Standing::Rejected { next_try_at_ms } => {
            pace == Pace::FullSpeed || next_try_at_ms <= now_ms
        }
    };
    let open: BTreeSet<Seq> = stream
        .exceptions()
        .iter()
        .filter(|(_, found)| is_due(found.standing))
        .map(|(seq, _)| *seq)
        .collect();
    (!open.is_empty()).then_some(open)
}

/// How many events that are.
pub(super) fn planned(todo: &Todo, survey: &Survey, target: TargetId) -> u64 {
    todo.iter().fold(0, |sum, (stream, pick)| {
        let events = match pick {
            Pick::Only(seqs) => u64::try_from(seqs.len()).unwrap_or(u64::MAX),
            Pick::After(_) => {
                let backlog = survey.streams.get(&(target, stream.clone()));
                backlog.map_or(0, |b| b.pending.events.saturating_sub(b.unanswered))
            }
        };
        sum.saturating_add(events)
    })
}
