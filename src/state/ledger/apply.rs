//! How the ledger changes, and it changes in no other way.
//!
//! Invariants of applying a commit:
//! * a cursor moves forward only, unless the stream is told to start over;
//! * an event at or below the cursor changes only if it is an exception, so
//!   that a repeated commit counts nothing twice (one that starts a stream over
//!   excepted);
//! * either the whole commit is applied or, when a limit is passed, none of it.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::position::Seq;
use crate::state::ledger::commit::{Answer, Commit, Refusal, Retry, StreamCommit, Trouble, Word};
use crate::state::ledger::{
    Contact, Exception, Ledger, MAX_DUPLICATE_RANGES, MAX_EXCEPTIONS, MAX_STREAMS, MAX_TARGETS,
    Standing, Stream, TargetLedger,
};
use crate::state::text::{EventKey, Project};

/// The longest message once many events are refused, in bytes: the ledger
/// stays small even when a server refuses everything at length.
const MAX_CROWDED_MESSAGE_BYTES: usize = 128;
/// From this many exceptions on, messages are short.
const CROWDED: usize = 1_024;

/// A limit of the ledger is reached; nothing was changed. The events stay
/// pending until somebody looks after what the server refused.
///
/// ```
/// use spec_kitty::state::{Answer, Commit, Ledger, LedgerFull, StateError, Trouble};
/// use spec_kitty::target::TargetId;
///
/// let mut ledger = Ledger::default();
/// let trouble = Trouble::new("dns", "the name is not known", None);
/// let refused = (0..1000_u128).find_map(|n| {
///     let mut commit = Commit::new(TargetId(n.to_le_bytes()), 1_795_342_293_000);
///     commit.answer(Answer::Unanswered(trouble.clone()));
///     ledger.apply(&commit).err()
/// });
/// assert_eq!(refused, Some(LedgerFull::Targets)); // the ledger stays small
/// let error = refused.map(StateError::from);
/// assert!(matches!(error, Some(StateError::LedgerFull(_))));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LedgerFull {
    /// Too many refused events.
    #[error("the server has refused more than {MAX_EXCEPTIONS} events")]
    Exceptions,
    /// Too many projects.
    #[error("the ledger holds {MAX_STREAMS} projects and takes no more")]
    Streams,
    /// Too many targets.
    #[error("the ledger holds {MAX_TARGETS} targets and takes no more")]
    Targets,
}

/// Which entries a commit changed, so that only they need to be stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::state) struct Changes {
    pub(in crate::state) contact: bool,
    pub(in crate::state) streams: BTreeSet<Option<Project>>,
    pub(in crate::state) exceptions: BTreeSet<(Option<Project>, Seq)>,
}

impl Ledger {
    /// Applies `commit`.
    ///
    /// # Errors
    /// [`LedgerFull`] when a limit would be passed; then nothing is changed.
    pub fn apply(&mut self, commit: &Commit) -> Result<(), LedgerFull> {
        self.apply_noting(commit).map(drop)
    }

    pub(in crate::state) fn apply_noting(
        &mut self,
        commit: &Commit,
    ) -> Result<Changes, LedgerFull> {
        if commit.is_empty() {
            return Ok(Changes::default());
        }
        self.check_room(commit)?;
        let mut crowd = self.count_exceptions();
        let mut changes = Changes::default();
        let target = self.targets.entry(commit.target).or_default();
        if let Some(answer) = &commit.answer {
            target.record(answer, commit.at_ms);
            changes.contact = true;
        }
        if target.contact.begin_timing(commit) {
            changes.contact = true;
        }
        for (project, news) in &commit.streams {
            let stream = target.streams.entry(project.clone()).or_default();
            let elsewhere = crowd.saturating_sub(stream.exceptions.len());
            let contact = &mut target.contact;
            let touched = stream.apply(news, commit.at_ms, elsewhere, contact);
            changes.contact |= news.settled.iter().any(|one| one.times.is_some());
            crowd = elsewhere.saturating_add(stream.exceptions.len());
            let touched = touched.into_iter().map(|seq| (project.clone(), seq));
            changes.exceptions.extend(touched);
            changes.streams.insert(project.clone());
        }
        changes.streams.extend(target.fade_duplicates());
        self.revision = self.revision.saturating_add(1);
        Ok(changes)
    }

    fn check_room(&self, commit: &Commit) -> Result<(), LedgerFull> {
        let target = self.target(commit.target);
        if target.is_none() && self.targets.len() >= MAX_TARGETS {
            return Err(LedgerFull::Targets);
        }
        let known = |project: &Option<Project>| target.and_then(|t| t.streams.get(project));
        let new_streams = commit.streams.keys().filter(|p| known(p).is_none()).count();
        if new_streams > 0 && self.streams().count().saturating_add(new_streams) > MAX_STREAMS {
            return Err(LedgerFull::Streams);
        }
        let new_exceptions = commit
            .streams
            .iter()
            .map(|(project, news)| news.new_exceptions(known(project)))
            .sum::<usize>();
        if new_exceptions > 0
            && self.count_exceptions().saturating_add(new_exceptions) > MAX_EXCEPTIONS
        {
            return Err(LedgerFull::Exceptions);
        }
        Ok(())
    }
}

impl StreamCommit {
    /// At most how many exceptions this adds to `stream`.
    fn new_exceptions(&self, stream: Option<&Stream>) -> usize {
        let settled = self.settled.iter();
        let refused =
            settled.filter(|one| matches!(one.word, Word::Refused(_) | Word::Unanswered(_)));
        refused
            .filter(|one| stream.is_none_or(|stream| !stream.exceptions.contains_key(&one.seq)))
            .count()
    }
}

impl Stream {
    /// Applies what was learned and returns the positions whose exceptions
    /// changed. `elsewhere` is the number of exceptions in other streams.
    fn apply(
        &mut self,
        news: &StreamCommit,
        at_ms: u64,
        elsewhere: usize,
        contact: &mut Contact,
    ) -> BTreeSet<Seq> {
        let mut touched = BTreeSet::new();
        if news.restart {
            touched.extend(self.exceptions.keys());
            self.exceptions.clear();
            self.head.start_over();
        }
        let before = self.cursor().map(|cursor| cursor.seq);
        // The last event behind the cursor that was fresh, as the loop goes on.
        let mut cursor = before;
        for settled in &news.settled {
            let seq = settled.seq;
            let fresh = cursor.is_none_or(|cursor| seq > cursor);
            if !fresh && !self.exceptions.contains_key(&seq) {
                continue;
            }
            match &settled.word {
                Word::Refused(refused) => {
                    let (event, refusal) = refused.as_ref();
                    let crowd = elsewhere.saturating_add(self.exceptions.len());
                    let carried = news.carried.get(&seq).copied().unwrap_or(0);
                    self.refuse((seq, event, carried), refusal, at_ms, crowd);
                    touched.insert(seq);
                }
                Word::Unanswered(open) => {
                    let (event, trouble) = open.as_ref();
                    let crowd = elsewhere.saturating_add(self.exceptions.len());
                    if fresh {
                        self.leave_open(seq, event, trouble, at_ms, crowd);
                        touched.insert(seq);
                    }
                }
                Word::Released | Word::Dropped if fresh => continue,
                Word::Released => {
                    if let Some(found) = self.exceptions.get_mut(&seq) {
                        found.attempts = 0;
                        found.standing = Standing::Rejected {
                            next_try_at_ms: at_ms,
                        };
                        touched.insert(seq);
                    }
                }
                Word::Dropped => {
                    self.exceptions.remove(&seq);
                    touched.insert(seq);
                }
                word @ (Word::Delivered | Word::Duplicate) => {
                    if self.exceptions.remove(&seq).is_some() {
                        touched.insert(seq);
                    }
                    if let Some(times) = settled.times {
                        contact.time(word, times);
                    }
                    let neighbour = if fresh { cursor } else { None };
                    self.confirm(seq, word, neighbour, at_ms);
                }
            }
            if fresh {
                cursor = Some(seq);
            }
        }
        if cursor > before {
            self.head.cursor.clone_from(&news.last);
        }
        touched
    }

    fn leave_open(
        &mut self,
        seq: Seq,
        event: &EventKey,
        trouble: &Trouble,
        at_ms: u64,
        crowd: usize,
    ) {
        let exception = Exception {
            event: event.clone(),
            standing: Standing::Unanswered,
            attempts: 0,
            refused_at_ms: at_ms,
            trouble: fitting(trouble, crowd),
        };
        self.exceptions.insert(seq, exception);
    }

    fn refuse(
        &mut self,
        (seq, event, carried): (Seq, &EventKey, u32),
        refusal: &Refusal,
        at_ms: u64,
        crowd: usize,
    ) {
        let before = match self.exceptions.get(&seq) {
            Some(found) if found.refused_at_ms == at_ms && found.attempts > 0 => return,
            Some(found) => found.attempts,
            None => 0,
        };
        let exception = Exception {
            event: event.clone(),
            standing: match refusal.retry {
                Retry::At(next_try_at_ms) => Standing::Rejected { next_try_at_ms },
                Retry::Never => Standing::Parked,
            },
            attempts: before.max(carried).saturating_add(1),
            refused_at_ms: at_ms,
            trouble: fitting(&refusal.trouble, crowd),
        };
        self.exceptions.insert(seq, exception);
    }

    fn confirm(&mut self, seq: Seq, word: &Word, neighbour: Option<Seq>, at_ms: u64) {
        let head = &mut self.head;
        if *word == Word::Duplicate {
            head.duplicate = head.duplicate.saturating_add(1);
            head.duplicates.insert(seq, neighbour);
        } else {
            head.delivered = head.delivered.saturating_add(1);
        }
        head.last_delivered_at_ms = head.last_delivered_at_ms.max(Some(at_ms));
    }
}

/// The words as they are kept beside so many others.
fn fitting(trouble: &Trouble, crowd: usize) -> Trouble {
    let mut trouble = trouble.clone();
    if crowd >= CROWDED {
        trouble.shorten(MAX_CROWDED_MESSAGE_BYTES);
    }
    trouble
}

impl Contact {
    /// Notes that what was recorded before now may have been known to a ledger
    /// that is lost, where this one begins or a stream of it starts over.
    fn begin_timing(&mut self, commit: &Commit) -> bool {
        let is_over = commit.streams.values().any(|news| news.restart);
        let begins = is_over || (self.timed_since_ms.is_none() && !commit.streams.is_empty());
        if begins {
            self.timed_since_ms = Some(commit.at_ms);
        }
        begins
    }

    /// Counts how long it took until an event was confirmed, where that is known.
    fn time(&mut self, word: &Word, (recorded_ms, read_ms): (i64, u64)) {
        let recorded = u64::try_from(recorded_ms).unwrap_or(0);
        if *word == Word::Delivered || Some(recorded) >= self.timed_since_ms {
            self.latencies.add(recorded_ms, read_ms);
        }
    }
}

impl TargetLedger {
    fn record(&mut self, answer: &Answer, at_ms: u64) {
        let contact = &mut self.contact;
        match answer {
            Answer::Answered {
                retry_not_before_ms,
                trouble,
            } => {
                contact.last_contact_at_ms = contact.last_contact_at_ms.max(Some(at_ms));
                contact.retry_not_before_ms = *retry_not_before_ms;
                contact.last_error = trouble.clone().map(|trouble| (at_ms, trouble));
            }
            Answer::Unanswered(trouble) => contact.last_error = Some((at_ms, trouble.clone())),
        }
    }

    /// Forgets the oldest ranges of duplicates beyond the limit and returns the
    /// projects whose streams changed by it.
    fn fade_duplicates(&mut self) -> BTreeSet<Option<Project>> {
        let mut faded = BTreeSet::new();
        let total = |target: &Self| -> usize {
            let streams = target.streams.values();
            streams.map(|stream| stream.head.duplicates.len()).sum()
        };
        for _ in MAX_DUPLICATE_RANGES..total(self) {
            let oldest = self
                .streams
                .iter_mut()
                .filter_map(|(project, stream)| {
                    let first = stream.head.duplicates.iter().next()?;
                    Some((first, project, stream))
                })
                .min_by_key(|(first, ..)| *first);
            if let Some((_, project, stream)) = oldest {
                stream.head.duplicates.drop_first();
                faded.insert(project.clone());
            }
        }
        faded
    }
}

#[cfg(test)]
#[path = "apply_tests.rs"]
mod tests;
