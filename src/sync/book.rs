//! The ledger in the hands of a pass: what was learned, written down in time.
//!
//! Commits are gathered and written at most twice a second, when there are many,
//! and at the end. An
//! event enters only with the server's word about it, and behind a cursor only
//! in an unbroken run, so whatever is written is true, and what is not written
//! is sent again and recognised by its id.

use std::iter;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::log::ambient::Ambient;
use crate::position::Seq;
use crate::state::{
    Answer, Commit, Ledger, LedgerStore, Note, Outcome, Project, Refusal, Retry, Shelf, Standing,
    StateError, Trouble,
};
use crate::sync::chunk::Parcel;
use crate::sync::courier::{Carried, Stop};
use crate::sync::feed::Pick;
use crate::sync::outcome::{Again, EventAnswer};
use crate::sync::report::Report;
use crate::sync::route::Bindings;
use crate::sync::survey::Survey;
use crate::sync::targets::missing_mark;
use crate::target::TargetId;

/// How long one commit may wait for the store.
pub(super) const COMMIT_DEADLINE: Duration = Duration::from_secs(5);
/// The ledger is written at most this often,
const COMMIT_EVERY_MS: u64 = 500;
/// or when so many events are entered: each takes 48 bytes until then,
const COMMIT_EVERY_EVENTS: usize = 32_768;
/// and one that is not confirmed, with the server's words, as much as so many.
const WEIGHT_OF_WORDS: usize = 16;
/// After so many refusals an event is parked.
const MAX_ATTEMPTS: u32 = 5;

/// The ledger with what was learned since it was last written.
pub(super) struct Book<S> {
    store: LedgerStore<S>,
    pub(super) target: TargetId,
    ambient: Arc<dyn Ambient>,
    commit: Commit,
    /// How many events it holds, those with words counted for more.
    gathered: usize,
    written_ms: u64,
    pub(super) notes: Vec<Note>,
    /// Events that were pending when the pass began and are settled now.
    pub(super) pending_settled: u64,
    /// Events that the server answered nothing about, although it did about others.
    pub(super) unanswered: u64,
}

impl<S: Shelf> Book<S> {
    pub(super) fn new(
        store: LedgerStore<S>,
        target: TargetId,
        notes: Vec<Note>,
        ambient: Arc<dyn Ambient>,
    ) -> Self {
        let now_ms = now_ms(ambient.as_ref());
        Self {
            store,
            target,
            ambient,
            commit: Commit::new(target, now_ms),
            gathered: 0,
            written_ms: now_ms,
            notes,
            pending_settled: 0,
            unanswered: 0,
        }
    }

    pub(super) fn ledger(&self) -> &Ledger {
        self.store.ledger()
    }

    /// The time, in milliseconds since the epoch.
    pub(super) fn now_ms(&self) -> u64 {
        now_ms(self.ambient.as_ref())
    }

    /// The server asked not to be called before this time.
    pub(super) fn retry_not_before(&self) -> Option<Timestamp> {
        let until = self.ledger().target(self.target)?.retry_not_before_ms()?;
        Timestamp::from_millisecond(i64::try_from(until).ok()?).ok()
    }

    /// Makes streams start over whose cursor does not fit the log; says
    /// whether there were any.
    pub(super) fn restart_misfits(&mut self, survey: &Survey) -> Result<bool, StateError> {
        let known = self.store.ledger().target(self.target);
        let streams = known.into_iter().flat_map(|target| target.streams());
        for (name, stream) in streams {
            if let Some(name) = name
                && !survey.fits(self.target, name, stream)
            {
                self.commit.restart(Some(name));
            }
        }
        let any = !self.commit.is_empty();
        self.flush()?;
        Ok(any)
    }

    /// Writes down that further targets get events, before anything is
    /// confirmed to anybody: whoever prunes asks the ledger for that first.
    pub(super) fn mark_others(&mut self, bindings: &Bindings) -> Result<(), StateError> {
        for other in bindings.others() {
            if let Some(mark) = missing_mark(self.ledger(), &other.target, self.written_ms) {
                let committed = self.store.commit(&mark, COMMIT_DEADLINE)?;
                self.notes.extend(committed.notes);
            }
        }
        Ok(())
    }

    /// Enters what is known about events of one stream, in log order. Behind the cursor only an unbroken
    /// run of answers counts: the cursor never passes an event without one.
    /// Returns how many events were entered.
    pub(super) fn settle(
        &mut self,
        stream: &Project,
        pick: &Pick,
        parcels: Vec<Parcel>,
        carried: &Carried,
        report: &mut Report,
    ) -> usize {
        report.sent = report.sent.saturating_add(carried.sent);
        let fresh = matches!(pick, Pick::After(_));
        // What says nothing of a stream must not name it either.
        let answered = if fresh { 1 } else { carried.answers.len() };
        let mut answered = carried.answers.iter().take(answered);
        if !answered.any(Option::is_some) {
            return 0;
        }
        let now_ms = self.now_ms();
        let known = self.store.ledger().target(self.target);
        let known = known.and_then(|target| target.stream(Some(stream)));
        let exception = |seq: Seq| known.and_then(|known| known.exceptions().get(&seq));
        let mut news = self.commit.stream(Some(stream));
        let mut entered = 0;
        let read = carried.read_ms.iter().copied();
        let answers = carried.answers.iter().zip(read.chain(iter::repeat(None)));
        for (parcel, (answer, read_ms)) in parcels.into_iter().zip(answers) {
            let Some(answer) = answer else {
                if fresh {
                    break;
                }
                continue;
            };
            entered += 1;
            let was_unanswered =
                || exception(parcel.seq).is_some_and(|e| e.standing == Standing::Unanswered);
            let is_open = matches!(answer, EventAnswer::Unanswered(_));
            if is_open {
                self.unanswered = self.unanswered.saturating_add(1);
            } else if fresh || was_unanswered() {
                self.pending_settled = self.pending_settled.saturating_add(1);
            }
            let (outcome, weight) = match answer {
                EventAnswer::Unanswered(trouble) => {
                    (Outcome::Unanswered(trouble.clone()), WEIGHT_OF_WORDS)
                }
                EventAnswer::Delivered => {
                    report.delivered = report.delivered.saturating_add(1);
                    (Outcome::Delivered, 1)
                }
                EventAnswer::Duplicate => {
                    report.duplicate = report.duplicate.saturating_add(1);
                    (Outcome::Duplicate, 1)
                }
                EventAnswer::Refused { again, trouble } => {
                    let before = exception(parcel.seq).map_or(0, |e| e.attempts);
                    let before = before.max(parcel.past.attempts);
                    let refusal = refusal(before, *again, trouble, now_ms);
                    report.note_refusal(parcel.seq, parcel.id.as_str(), &refusal);
                    (Outcome::Refused(refusal), WEIGHT_OF_WORDS)
                }
            };
            self.gathered = self.gathered.saturating_add(weight);
            news.carry(parcel.seq, parcel.past.attempts);
            let times = parcel.past.recorded_ms.zip(read_ms);
            news.settle(parcel.seq, parcel.id, outcome, times);
        }
        entered
    }

    pub(super) fn flush_now_and_then(&mut self) -> Result<(), StateError> {
        // A clock that was set back must not stop the writing.
        let since_ms = now_ms(self.ambient.as_ref()).abs_diff(self.written_ms);
        if since_ms < COMMIT_EVERY_MS && self.gathered < COMMIT_EVERY_EVENTS {
            return Ok(());
        }
        let answer = Answer::Answered {
            retry_not_before_ms: None,
            trouble: None,
        };
        self.commit.answer(answer);
        self.flush()
    }

    /// Writes down how the pass ended. `contact` says whether any answer came.
    pub(super) fn close(&mut self, stop: Option<&Stop>, contact: bool) -> Result<(), StateError> {
        match stop {
            None | Some(Stop::Interrupted) if !contact => {}
            None | Some(Stop::Interrupted) => {
                let answer = Answer::Answered {
                    retry_not_before_ms: None,
                    trouble: None,
                };
                self.commit.answer(answer);
            }
            Some(Stop::Session(_)) => {}
            Some(Stop::Trouble(trouble)) => self.commit.answer(match trouble.http_status() {
                Some(_) => Answer::Answered {
                    retry_not_before_ms: None,
                    trouble: Some(trouble.clone()),
                },
                None => Answer::Unanswered(trouble.clone()),
            }),
            Some(Stop::Wait { until, trouble }) => {
                self.commit.answer(Answer::Answered {
                    retry_not_before_ms: u64::try_from(until.as_millisecond()).ok(),
                    trouble: Some(trouble.clone()),
                });
            }
        }
        self.flush()
    }

    pub(super) fn flush(&mut self) -> Result<(), StateError> {
        self.written_ms = now_ms(self.ambient.as_ref());
        self.gathered = 0;
        let next = Commit::new(self.target, self.written_ms);
        let commit = std::mem::replace(&mut self.commit, next);
        if commit.is_empty() {
            return Ok(());
        }
        let committed = self.store.commit(&commit, COMMIT_DEADLINE)?;
        self.notes.extend(committed.notes);
        Ok(())
    }
}

/// What a refusal means for an event that was refused `before` times.
fn refusal(before: u32, again: Again, trouble: &Trouble, now_ms: u64) -> Refusal {
    let attempts = before.saturating_add(1);
    let retry = if again == Again::Never || attempts >= MAX_ATTEMPTS {
        Retry::Never
    } else {
        // One minute, then four times as long each time.
        let minutes = 4_u64.saturating_pow(before);
        Retry::At(now_ms.saturating_add(minutes.saturating_mul(60_000)))
    };
    Refusal {
        retry,
        trouble: trouble.clone(),
    }
}

fn now_ms(ambient: &dyn Ambient) -> u64 {
    u64::try_from(ambient.now_us() / 1000).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::ambient::System;
    use crate::state::{EventKey, State};
    use crate::sync::chunk::Past;

    #[test]
    fn a_stream_that_nothing_was_said_of_is_not_entered() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::at(dir.path());
        let sender = state.sender_lock(COMMIT_DEADLINE).unwrap().unwrap();
        let store = state.open_ledger(sender, COMMIT_DEADLINE).unwrap().value;
        let mut book = Book::new(store, TargetId([1; 16]), Vec::new(), Arc::new(System));
        let stream = Project::new("p").unwrap();
        let mut settle = |answers: [Option<EventAnswer>; 2]| {
            let parcel = |n: u64| {
                let id = EventKey::new(&format!("id-{n}")).unwrap();
                Parcel::new(Seq(n), id, Past::default())
            };
            let carried = Carried {
                answers: answers.into(),
                ..Carried::default()
            };
            let (pick, parcels) = (Pick::After(Seq(0)), vec![parcel(1), parcel(2)]);
            let entered = book.settle(&stream, &pick, parcels, &carried, &mut Report::default());
            book.flush().unwrap();
            (entered, book.ledger().targets().len())
        };
        // The cursor does not pass the first.
        assert_eq!(settle([None, Some(EventAnswer::Delivered)]), (0, 0));
        assert_eq!(settle([Some(EventAnswer::Delivered), None]), (1, 1));
    }
}
