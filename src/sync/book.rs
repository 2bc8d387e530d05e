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
use crate::sync::chunk::{Parcel, Past};
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
/// or when so many events are entered: each takes some 160 bytes until then.
const COMMIT_EVERY_EVENTS: usize = 16_384;
/// After so many refusals an event is parked.
const MAX_ATTEMPTS: u32 = 5;

/// The ledger with what was learned since it was last written.
pub(super) struct Book<S> {
    store: LedgerStore<S>,
    pub(super) target: TargetId,
    ambient: Arc<dyn Ambient>,
    commit: Commit,
    /// How many events it holds.
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
        parcels: &[Parcel],
        carried: &Carried,
        report: &mut Report,
    ) -> usize {
        report.sent = report.sent.saturating_add(carried.sent);
        let fresh = matches!(pick, Pick::After(_));
        let mut entered = 0;
        let read = carried.read_ms.iter().copied();
        let answers = carried.answers.iter().zip(read.chain(iter::repeat(None)));
        for (parcel, (answer, read_ms)) in parcels.iter().zip(answers) {
            let Some(answer) = answer else {
                if fresh {
                    break;
                }
                continue;
            };
            entered += 1;
            let is_open = matches!(answer, EventAnswer::Unanswered(_));
            if is_open {
                self.unanswered = self.unanswered.saturating_add(1);
            } else if fresh || self.was_unanswered(stream, parcel.seq) {
                self.pending_settled = self.pending_settled.saturating_add(1);
            }
            let outcome = match answer {
                EventAnswer::Unanswered(trouble) => Outcome::Unanswered(trouble.clone()),
                EventAnswer::Delivered => {
                    report.delivered = report.delivered.saturating_add(1);
                    Outcome::Delivered
                }
                EventAnswer::Duplicate => {
                    report.duplicate = report.duplicate.saturating_add(1);
                    Outcome::Duplicate
                }
                EventAnswer::Refused { again, trouble } => {
                    let refusal = self.refusal(stream, parcel, *again, trouble);
                    report.note_refusal(parcel.seq, parcel.id.as_str(), &refusal);
                    Outcome::Refused(refusal)
                }
            };
            let Past {
                attempts,
                recorded_ms,
            } = parcel.past;
            self.commit.carry(Some(stream), parcel.seq, attempts);
            self.commit
                .settle(Some(stream), parcel.seq, parcel.id.clone(), outcome);
            if let (Some(recorded_ms), Some(read_ms)) = (recorded_ms, read_ms) {
                self.commit
                    .time(Some(stream), parcel.seq, recorded_ms, read_ms);
            }
        }
        self.gathered = self.gathered.saturating_add(entered);
        entered
    }

    fn was_unanswered(&self, stream: &Project, seq: Seq) -> bool {
        let known = self.ledger().target(self.target);
        known
            .and_then(|target| target.stream(Some(stream))?.exceptions().get(&seq))
            .is_some_and(|found| found.standing == Standing::Unanswered)
    }

    fn refusal(
        &self,
        stream: &Project,
        parcel: &Parcel,
        again: Again,
        trouble: &Trouble,
    ) -> Refusal {
        let known = self
            .ledger()
            .target(self.target)
            .and_then(|t| t.stream(Some(stream)));
        let before = known
            .and_then(|s| s.exceptions().get(&parcel.seq))
            .map_or(0, |e| e.attempts)
            .max(parcel.past.attempts);
        let attempts = before.saturating_add(1);
        let retry = if again == Again::Never || attempts >= MAX_ATTEMPTS {
            Retry::Never
        } else {
            // One minute, then four times as long each time.
            let minutes = 4_u64.saturating_pow(before);
            Retry::At(now_ms(self.ambient.as_ref()).saturating_add(minutes.saturating_mul(60_000)))
        };
        Refusal {
            retry,
            trouble: trouble.clone(),
        }
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

fn now_ms(ambient: &dyn Ambient) -> u64 {
    u64::try_from(ambient.now_us() / 1000).unwrap_or(0)
}
