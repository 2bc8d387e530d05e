//! A commit: what the sender learned from one exchange with one target.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::position::Seq;
use crate::state::ledger::Cursor;
use crate::state::text::{EventKey, Project, clip};
use crate::target::TargetId;

/// The longest category, in bytes.
const MAX_CATEGORY_BYTES: usize = 32;
/// The longest message, in bytes.
const MAX_MESSAGE_BYTES: usize = 1024;

/// What went wrong, as the ledger keeps it: bounded, for people and for reports.
///
/// ```
/// use spec_kitty::state::Trouble;
///
/// let trouble = Trouble::new("server-error", "out of cheese", Some(500));
/// assert_eq!((trouble.category(), trouble.http_status()), ("server-error", Some(500)));
/// let long = Trouble::new("server-error", &"x".repeat(5000), None);
/// assert_eq!(long.message().len(), 1024); // the ledger stays small
/// ```
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

    /// Keeps at most `max` bytes of the words.
    pub(super) fn shorten(&mut self, max: usize) {
        self.message = clip(&self.message, max).into();
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
///
/// ```
/// use spec_kitty::position::Seq;
/// use spec_kitty::state::{Commit, EventKey, Exception, Ledger, Outcome, Refusal, Retry, Standing, Trouble};
/// use spec_kitty::target::TargetId;
///
/// let target = TargetId([7; 16]);
/// let mut commit = Commit::new(target, 1_795_342_293_000);
/// let refusal = Refusal {
///     retry: Retry::Never,
///     trouble: Trouble::new("invalid", "unknown work package", Some(400)),
/// };
/// commit.settle(None, Seq(1), EventKey::new("01J0")?, Outcome::Refused(refusal));
/// let mut ledger = Ledger::default();
/// ledger.apply(&commit)?;
///
/// let known = ledger.target(target).ok_or("it was spoken to")?;
/// let stream = known.stream(None).ok_or("an event was refused")?;
/// let exception: &Exception = stream.exceptions().get(&Seq(1)).ok_or("that one")?;
/// assert_eq!((exception.standing, exception.attempts), (Standing::Parked, 1));
/// assert_eq!(exception.trouble.message(), "unknown work package");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What becomes of it.
    pub retry: Retry,
    /// Why.
    pub trouble: Trouble,
}

/// What became of one event: what the server said, or what a person wants.
///
/// ```
/// use spec_kitty::position::Seq;
/// use spec_kitty::state::{Commit, Cursor, EventKey, Ledger, Outcome, Project, Stream};
/// use spec_kitty::target::TargetId;
///
/// let target = TargetId([7; 16]);
/// let mut commit = Commit::new(target, 1_795_342_293_000);
/// let project = Project::new("0b6f4d7e-5f0c-4f0e-8d5e-3b1d2c3a4b5c")?;
/// commit.settle(Some(&project), Seq(3), EventKey::new("01J0")?, Outcome::Delivered);
/// commit.settle(Some(&project), Seq(4), EventKey::new("01J1")?, Outcome::Duplicate);
/// let mut ledger = Ledger::default();
/// ledger.apply(&commit)?;
///
/// let known = ledger.target(target).ok_or("it was spoken to")?;
/// let stream: &Stream = known.stream(Some(&project)).ok_or("events were settled")?;
/// assert_eq!((stream.delivered(), stream.duplicate()), (1, 1));
/// let last = Cursor { seq: Seq(4), event: EventKey::new("01J1")? };
/// assert_eq!(stream.cursor(), Some(&last));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Success.
    Delivered,
    /// It was there already.
    Duplicate,
    /// Refused, for a reason of this event's own.
    Refused(Refusal),
    /// Nothing, while it spoke of the neighbours. The words say what is missing.
    Unanswered(Trouble),
    /// Nothing: a person wants a refused event to be tried again, from the
    /// first attempt on. Means nothing for an event that is no exception.
    Released,
    /// Nothing: a person gave the event up, which a control frame says for good.
    /// Means nothing for an event that is no exception.
    Dropped,
}

/// How an exchange with the server went as a whole.
///
/// ```
/// use spec_kitty::state::{Answer, Commit, Ledger, TargetLedger, Trouble};
/// use spec_kitty::target::TargetId;
///
/// let target = TargetId([7; 16]);
/// let mut commit = Commit::new(target, 1_795_342_293_000);
/// let trouble = Trouble::new("throttled", "slow down", Some(429));
/// commit.answer(Answer::Answered {
///     retry_not_before_ms: Some(1_795_342_303_000),
///     trouble: Some(trouble.clone()),
/// });
/// let mut ledger = Ledger::default();
/// ledger.apply(&commit)?;
///
/// let known: &TargetLedger = ledger.target(target).ok_or("it was spoken to")?;
/// assert_eq!(known.retry_not_before_ms(), Some(1_795_342_303_000));
/// assert_eq!(known.last_error(), Some((1_795_342_293_000, &trouble)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    pub(super) target: TargetId,
    pub(super) at_ms: u64,
    pub(super) answer: Option<Answer>,
    pub(super) streams: BTreeMap<Option<Project>, StreamCommit>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct StreamCommit {
    pub(super) restart: bool,
    /// In ascending order, no position twice.
    pub(super) settled: Vec<Settled>,
    /// The event that the cursor will stand at: the last one that a server had a
    /// word about. The others need no id, and there may be many of them.
    pub(super) last: Option<Cursor>,
    /// How often events had been refused before they came here.
    pub(super) carried: BTreeMap<Seq, u32>,
}

/// What became of one event. There may be as many as are sent in half a second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settled {
    pub(super) seq: Seq,
    pub(super) word: Word,
    /// When it was recorded, and when the word about it was read, if it is timed.
    pub(super) times: Option<(i64, u64)>,
}

/// An outcome, as small as the usual one is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Delivered,
    Duplicate,
    Refused(Box<(EventKey, Refusal)>),
    Unanswered(Box<(EventKey, Trouble)>),
    Released,
    Dropped,
}

impl Word {
    fn of(event: &EventKey, outcome: Outcome) -> Self {
        match outcome {
            Outcome::Delivered => Self::Delivered,
            Outcome::Duplicate => Self::Duplicate,
            Outcome::Refused(refusal) => Self::Refused(Box::new((event.clone(), refusal))),
            Outcome::Unanswered(trouble) => Self::Unanswered(Box::new((event.clone(), trouble))),
            Outcome::Released => Self::Released,
            Outcome::Dropped => Self::Dropped,
        }
    }

    /// Whether it is a person's wish, which moves no cursor.
    fn is_wish(&self) -> bool {
        matches!(self, Self::Released | Self::Dropped)
    }
}

/// What a commit says of one stream; made by [`Commit::stream`].
#[derive(Debug)]
pub(crate) struct StreamNews<'a>(&'a mut StreamCommit);

impl StreamNews<'_> {
    /// [`Commit::settle`], with the times of [`Commit::time`].
    pub(crate) fn settle(
        &mut self,
        seq: Seq,
        event: EventKey,
        outcome: Outcome,
        times: Option<(i64, u64)>,
    ) {
        let word = Word::of(&event, outcome);
        if !word.is_wish() && self.0.last.as_ref().is_none_or(|last| last.seq <= seq) {
            self.0.last = Some(Cursor { seq, event });
        }
        let news = Settled { seq, word, times };
        match self.0.place(seq) {
            Err(place) => self.0.settled.insert(place, news),
            Ok(place) => {
                // A wish about an event that the server has just had a word about
                // is one about no exception.
                let known = self.0.settled.get_mut(place);
                if let Some(known) =
                    known.filter(|known| known.word.is_wish() || !news.word.is_wish())
                {
                    *known = news;
                }
            }
        }
    }

    /// [`Commit::carry`].
    pub(crate) fn carry(&mut self, seq: Seq, attempts: u32) {
        if attempts > 0 {
            self.0.carried.insert(seq, attempts);
        }
    }
}

impl StreamCommit {
    /// Where `seq` is, or where it would be.
    fn place(&self, seq: Seq) -> Result<usize, usize> {
        match self.settled.last() {
            Some(last) if last.seq >= seq => self.settled.binary_search_by_key(&seq, |one| one.seq),
            _ => Err(self.settled.len()),
        }
    }
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
        self.stream(project).settle(seq, event, outcome, None);
    }

    /// Says that an event that is settled by this commit had been refused
    /// `attempts` times before it was imported: a refusal now is one more.
    pub fn carry(&mut self, project: Option<&Project>, seq: Seq, attempts: u32) {
        self.stream(project).carry(seq, attempts);
    }

    /// Says when an event that this commit has settled ([`Commit::settle`]) was
    /// recorded, and when the answer about it was read, in milliseconds since the
    /// epoch. It counts among the latencies of the target if this commit confirms
    /// it, and once.
    ///
    /// That the server had it already counts only for what was recorded since the
    /// ledger knows of the target and no stream started over: it is an answer that
    /// was lost, or was none. What is older may have arrived long ago.
    pub fn time(&mut self, project: Option<&Project>, seq: Seq, recorded_ms: i64, read_ms: u64) {
        let news = self.stream(project).0;
        let place = news.place(seq).ok();
        if let Some(settled) = place.and_then(|place| news.settled.get_mut(place)) {
            settled.times = Some((recorded_ms, read_ms));
        }
    }

    /// Makes the stream of `project` start over at its oldest event: its cursor
    /// does not fit the log. Its counts start over with it, because they speak
    /// of the events up to the cursor, and so do exceptions, which speak of
    /// positions in another log. Takes effect before any settling.
    pub fn restart(&mut self, project: Option<&Project>) {
        self.stream(project).0.restart = true;
    }

    /// Records how the exchange went as a whole. The last call counts.
    pub fn answer(&mut self, answer: Answer) {
        self.answer = Some(answer);
    }

    /// What this says of the stream of `project`, to say much of it at once.
    pub(crate) fn stream(&mut self, project: Option<&Project>) -> StreamNews<'_> {
        StreamNews(self.streams.entry(project.cloned()).or_default())
    }
}
