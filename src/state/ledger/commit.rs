//! How the ledger changes: a commit is what the sender learned from one answer.
//!
//! Invariants of applying one:
//! * a cursor moves forward only, unless the stream is told to start over;
//! * an event at or below the cursor changes only if it is an exception, so
//!   that a repeated commit counts nothing twice;
//! * either the whole commit is applied or, when a limit is passed, none of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::position::Seq;
use crate::state::ledger::{
    Cursor, Exception, Ledger, MAX_DUPLICATE_RANGES, MAX_EXCEPTIONS, MAX_STREAMS, MAX_TARGETS,
    Standing, Stream, TargetLedger,
};
use crate::state::ranges::SeqRanges;
use crate::state::text::{EventKey, Project, clip};
use crate::target::TargetId;

/// The longest category, in bytes.
const MAX_CATEGORY_BYTES: usize = 32;
/// The longest message, in bytes.
const MAX_MESSAGE_BYTES: usize = 1024;
/// The longest message once many events are refused, in bytes: the ledger
/// stays small even when a server refuses everything at length.
const MAX_CROWDED_MESSAGE_BYTES: usize = 128;
/// From this many exceptions on, messages are short.
const CROWDED: usize = 1_024;

/// A limit of the ledger is reached; nothing was changed. The events stay
/// pending until somebody looks after what the server refused.
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

/// What went wrong, as the ledger keeps it: bounded, for people and for reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    category: Box<str>,
    message: Box<str>,
    http_status: Option<u16>,
}

impl Trouble {
    /// A trouble of `category` (a kebab-case word, at most 32 bytes are kept)
    /// with the server's own words (at most 1 KiB of them).
    #[must_use]
    pub fn new(category: &str, message: &str, http_status: Option<u16>) -> Self {
        Self {
            category: clip(category, MAX_CATEGORY_BYTES).into(),
            message: clip(message, MAX_MESSAGE_BYTES).into(),
            http_status,
        }
    }

    /// The category.
    #[must_use]
    pub fn category(&self) -> &str {
        &self.category
    }

    /// The words. They come from outside: escape them before a terminal sees them.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The status of the response, when there was one.
    #[must_use]
    pub fn http_status(&self) -> Option<u16> {
        self.http_status
    }

    /// Whether the bounds of [`Trouble::new`] hold.
    pub(super) fn is_bounded(&self) -> bool {
        self.category.len() <= MAX_CATEGORY_BYTES && self.message.len() <= MAX_MESSAGE_BYTES
    }
}

/// Whether a refused event is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Not before this time, in milliseconds since the epoch.
    At(u64),
    /// Never by itself: it is parked.
    Never,
}

/// The server refused one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What becomes of it.
    pub retry: Retry,
    /// Why.
    pub trouble: Trouble,
}

/// What the server said about one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Success.
    Delivered,
    /// It was there already.
    Duplicate,
    /// Refused, for a reason of this event's own.
    Refused(Refusal),
}

/// How an exchange with the server went as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The server answered.
    Answered {
        /// It asked not to be called before this time (milliseconds since the epoch).
        retry_not_before_ms: Option<u64>,
        /// What was wrong with the request as a whole; `None` when nothing was.
        trouble: Option<Trouble>,
    },
    /// No answer came.
    Unanswered(Trouble),
}

/// What the sender learned from one exchange with one target.
///
/// ```
/// use spec_kitty::position::Seq;
/// use spec_kitty::state::{Commit, DeliveryState, EventKey, Ledger, Outcome, Project};
/// use spec_kitty::target::TargetId;
///
/// let target = TargetId([7; 16]);
/// let project = Project::new("0b6f4d7e-5f0c-4f0e-8d5e-3b1d2c3a4b5c")?;
/// let mut commit = Commit::new(target, 1_700_000_000_000);
/// commit.settle(Some(&project), Seq(3), EventKey::new("01J0")?, Outcome::Delivered);
/// let mut ledger = Ledger::default();
/// ledger.apply(&commit)?;
/// assert_eq!(ledger.state_of(target, Some(&project), Seq(3)), DeliveryState::Delivered);
/// assert_eq!(ledger.state_of(target, Some(&project), Seq(4)), DeliveryState::Pending);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    target: TargetId,
    at_ms: u64,
    answer: Option<Answer>,
    streams: BTreeMap<Option<Project>, StreamCommit>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct StreamCommit {
    restart: bool,
    settled: BTreeMap<Seq, (EventKey, Outcome)>,
}

/// Which entries a commit changed, so that only they need to be stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::state) struct Changes {
    pub(in crate::state) contact: bool,
    pub(in crate::state) streams: BTreeSet<Option<Project>>,
    pub(in crate::state) exceptions: BTreeSet<(Option<Project>, Seq)>,
}

impl Commit {
    /// A commit about `target` at the time `at_ms` (milliseconds since the epoch).
    #[must_use]
    pub fn new(target: TargetId, at_ms: u64) -> Self {
        Self {
            target,
            at_ms,
            answer: None,
            streams: BTreeMap::new(),
        }
    }

    /// The target it is about.
    #[must_use]
    pub fn target(&self) -> TargetId {
        self.target
    }

    /// Whether it says nothing at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.answer.is_none() && self.streams.is_empty()
    }

    /// Settles one event of the stream of `project`.
    ///
    /// An event above the cursor moves the cursor to itself, so every event of
    /// the stream between the two must be settled by the same commit. An event
    /// at or below the cursor is a refused one that was tried again.
    pub fn settle(
        &mut self,
        project: Option<&Project>,
        seq: Seq,
        event: EventKey,
        outcome: Outcome,
    ) {
        self.stream(project).settled.insert(seq, (event, outcome));
    }

    /// Makes the stream of `project` start over at its oldest event: its cursor
    /// does not fit the log. Counts are kept; exceptions, which speak of
    /// positions in another log, are not. Takes effect before any settling.
    pub fn restart(&mut self, project: Option<&Project>) {
        self.stream(project).restart = true;
    }

    /// Records how the exchange went as a whole. The last call counts.
    pub fn answer(&mut self, answer: Answer) {
        self.answer = Some(answer);
    }

    fn stream(&mut self, project: Option<&Project>) -> &mut StreamCommit {
        self.streams.entry(project.cloned()).or_default()
    }
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
        self.check_room(commit)?;
        let mut crowd = self.count_exceptions();
        let mut changes = Changes::default();
        let target = self.targets.entry(commit.target).or_default();
        if let Some(answer) = &commit.answer {
            target.record(answer, commit.at_ms);
            changes.contact = true;
        }
        for (project, news) in &commit.streams {
            let stream = target.streams.entry(project.clone()).or_default();
            let elsewhere = crowd.saturating_sub(stream.exceptions.len());
            let touched = stream.apply(news, commit.at_ms, elsewhere);
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
        let refused = self.settled.iter().filter_map(|(seq, (_, outcome))| {
            matches!(outcome, Outcome::Refused(_)).then_some(seq)
        });
        refused
            .filter(|seq| stream.is_none_or(|stream| !stream.exceptions.contains_key(seq)))
            .count()
    }
}

impl Stream {
    /// Applies what was learned and returns the positions whose exceptions
    /// changed. `elsewhere` is the number of exceptions in other streams.
    fn apply(&mut self, news: &StreamCommit, at_ms: u64, elsewhere: usize) -> BTreeSet<Seq> {
        let mut touched = BTreeSet::new();
        if news.restart {
            touched.extend(self.exceptions.keys());
            self.exceptions.clear();
            self.head.cursor = None;
            self.head.duplicates = SeqRanges::default();
        }
        for (&seq, (event, outcome)) in &news.settled {
            let cursor = self.cursor().map(|cursor| cursor.seq);
            let fresh = cursor.is_none_or(|cursor| seq > cursor);
            if !fresh && !self.exceptions.contains_key(&seq) {
                continue;
            }
            match outcome {
                Outcome::Refused(refusal) => {
                    let crowd = elsewhere.saturating_add(self.exceptions.len());
                    self.refuse(seq, event, refusal, at_ms, crowd);
                    touched.insert(seq);
                }
                Outcome::Delivered | Outcome::Duplicate => {
                    if self.exceptions.remove(&seq).is_some() {
                        touched.insert(seq);
                    }
                    let neighbour = if fresh { cursor } else { None };
                    self.confirm(seq, outcome, neighbour, at_ms);
                }
            }
            if fresh {
                let event = event.clone();
                self.head.cursor = Some(Cursor { seq, event });
            }
        }
        touched
    }

    fn refuse(&mut self, seq: Seq, event: &EventKey, refusal: &Refusal, at_ms: u64, crowd: usize) {
        let mut trouble = refusal.trouble.clone();
        if crowd >= CROWDED {
            trouble.message = clip(&trouble.message, MAX_CROWDED_MESSAGE_BYTES).into();
        }
        let before = self.exceptions.get(&seq).map_or(0, |found| found.attempts);
        let exception = Exception {
            event: event.clone(),
            standing: match refusal.retry {
                Retry::At(next_try_at_ms) => Standing::Rejected { next_try_at_ms },
                Retry::Never => Standing::Parked,
            },
            attempts: before.saturating_add(1),
            refused_at_ms: at_ms,
            trouble,
        };
        self.exceptions.insert(seq, exception);
    }

    fn confirm(&mut self, seq: Seq, outcome: &Outcome, neighbour: Option<Seq>, at_ms: u64) {
        let head = &mut self.head;
        if *outcome == Outcome::Duplicate {
            head.duplicate = head.duplicate.saturating_add(1);
            head.duplicates.insert(seq, neighbour);
        } else {
            head.delivered = head.delivered.saturating_add(1);
        }
        head.last_delivered_at_ms = head.last_delivered_at_ms.max(Some(at_ms));
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
