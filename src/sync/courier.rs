//! Carries one chunk after another to the server, and always ends.
//!
//! Every turn of the loop does one of these: settles at least one event, cuts
//! a request in two, refreshes the session (once until something is settled
//! again), waits (within a budget for the whole pass), tries the same again (a
//! few times until something is settled again), or stops. Each is bounded, so
//! no server can keep it going without progress.
//!
//! The network, the time and the session are behind [`Line`], so that the
//! tests can be a server that answers at random.

use std::time::Duration;

use jiff::Timestamp;

use crate::auth::client::RefreshError;
use crate::auth::http::{Answer, NoAnswer};
use crate::position::Lamport;
use crate::state::Trouble;
use crate::sync::chunk::{Chunk, ChunkLimits};
use crate::sync::outcome::{self, EventAnswer};
use crate::sync::work::{After, Credit, Work};

/// The longest that a pass waits, all waits together, because a server asks for it.
pub(super) const WAIT_BUDGET: Duration = Duration::from_secs(30);
/// A wait is at least this long, so that a budget buys a bounded number of them.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
/// How often a request that taught nothing is tried again.
const RETRIES: u32 = 3;
/// The pause before the first such try; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// What a courier needs of the world.
pub trait Line {
    /// What goes over the wire for a body. Asks nothing of the line, so that it
    /// can be done for the next chunk while one is in flight.
    fn pack(body: &[u8]) -> Vec<u8> {
        body.to_vec()
    }
    /// Sends one packed body; says how many bytes went over the wire.
    fn post(&mut self, packed: &[u8]) -> (Result<Answer, NoAnswer>, u64);
    /// The same, with something else to be done once while the body is in flight.
    fn post_and(
        &mut self,
        packed: &[u8],
        meanwhile: &mut dyn FnMut(),
    ) -> (Result<Answer, NoAnswer>, u64) {
        meanwhile();
        self.post(packed)
    }
    /// Makes sure that the session is good as far as its own dates say.
    ///
    /// # Errors
    /// [`RefreshError`] when there is none to send with.
    fn ensure_fresh(&mut self) -> Result<(), RefreshError>;
    /// Gets another access token than the present one.
    ///
    /// # Errors
    /// [`RefreshError`] when there is none to be had.
    fn refresh(&mut self) -> Result<(), RefreshError>;
    /// What the server says it takes in one request; `None` when it does not
    /// say, for whatever reason. Nothing depends on it: too much is answered
    /// with 413.
    fn advertised(&mut self) -> Option<ChunkLimits> {
        None
    }
    /// The time.
    fn now(&self) -> Timestamp;
    /// Waits.
    fn pause(&mut self, pause: Duration);
    /// Whether somebody wants the pass to end.
    fn interrupted(&self) -> bool;
    /// Whether the next chunk is read and packed while one is in flight, by
    /// another thread.
    fn reads_ahead(&self) -> bool;
}

/// Why a pass ends before everything is sent.
#[derive(Debug)]
pub(super) enum Stop {
    /// The server, or whatever stands before it, gives no usable answer.
    Trouble(Trouble),
    /// The server asks not to be called before this time.
    Wait { until: Timestamp, trouble: Trouble },
    /// There is no session to send with; the text says why.
    Session(String),
    /// Somebody asked for it.
    Interrupted,
}

impl Stop {
    /// What a failed refresh means for the pass: most of its reasons say
    /// nothing about the session.
    pub(super) fn of_refresh(error: RefreshError) -> Self {
        let trouble =
            |category: &str, text: String| Self::Trouble(Trouble::new(category, &text, None));
        match error {
            RefreshError::NoAnswer(NoAnswer::Abandoned) => Self::Interrupted,
            RefreshError::NoAnswer(silence) => Self::Trouble(outcome::trouble_of(&silence)),
            RefreshError::Refused(refusal) => trouble("refresh-refused", refusal.to_string()),
            RefreshError::Store(error) => trouble("credentials", error.to_string()),
            other => Self::Session(other.to_string()),
        }
    }
}

/// What became of a chunk.
#[derive(Debug, Default)]
pub(super) struct Carried {
    /// What is known of each event, in the chunk's order.
    pub(super) answers: Vec<Option<EventAnswer>>,
    /// When the last answer to a request with each of them was read, in
    /// milliseconds since the epoch; `None` where none came.
    pub(super) read_ms: Vec<Option<u64>>,
    /// How many of them were in a request that was answered.
    pub(super) sent: u64,
    /// Why the pass cannot go on.
    pub(super) stop: Option<Stop>,
}

impl Carried {
    /// Whether nothing is left to be done about it but to enter it.
    pub(super) fn is_whole(&self) -> bool {
        self.stop.is_none() && self.answers.iter().all(Option::is_some)
    }
}

/// The courier of one pass.
#[derive(Debug)]
pub(super) struct Courier<'a, L> {
    pub(super) line: &'a mut L,
    /// The limits that the next chunk keeps to.
    pub(super) limits: ChunkLimits,
    /// Bytes that went over the wire.
    pub(super) wire_bytes: u64,
    /// The highest clock value that the server told.
    pub(super) heard: Option<Lamport>,
    credit: Credit,
    patience: Patience,
}

/// What is left of each bounded resource.
#[derive(Clone, Copy, Debug)]
struct Patience {
    waits: Duration,
    retries: u32,
    refreshed: bool,
}

impl<'a, L: Line> Courier<'a, L> {
    /// `waits` is what is left of [`WAIT_BUDGET`].
    pub(super) fn new(line: &'a mut L, limits: ChunkLimits, waits: Duration) -> Self {
        let patience = Patience {
            waits,
            retries: 0,
            refreshed: false,
        };
        Self {
            line,
            limits,
            wire_bytes: 0,
            heard: None,
            credit: Credit::default(),
            patience,
        }
    }

    /// Carries `chunk` as far as it goes.
    pub(super) fn carry(&mut self, chunk: &Chunk) -> Carried {
        self.carry_and(chunk, &mut || ())
    }

    /// The same, with something else to be done while it is in flight: perhaps
    /// more than once, perhaps not at all.
    pub(super) fn carry_and(&mut self, chunk: &Chunk, meanwhile: &mut dyn FnMut()) -> Carried {
        let mut work = Work::new(chunk);
        let mut read_ms = vec![None; chunk.parcels().len()];
        let stop = loop {
            if work.next().is_none() {
                break None;
            }
            if self.line.interrupted() {
                break Some(Stop::Interrupted);
            }
            if let Some(stop) = self.exchange(&mut work, &mut read_ms, meanwhile) {
                break Some(stop);
            }
        };
        if let Some(learned) = work.learned() {
            self.limits = self.limits.and(learned);
        }
        let sent = read_ms.iter().flatten().count();
        Carried {
            answers: work.answers(&self.credit),
            read_ms,
            sent: u64::try_from(sent).unwrap_or(u64::MAX),
            stop,
        }
    }

    /// One request and what follows from its answer.
    fn exchange(
        &mut self,
        work: &mut Work<'_>,
        read_ms: &mut [Option<u64>],
        meanwhile: &mut dyn FnMut(),
    ) -> Option<Stop> {
        let batch = work.next()?;
        let chunk = work.chunk();
        let parcels = batch.iter().filter_map(|index| chunk.parcels().get(*index));
        let ids: Vec<&str> = parcels.map(|parcel| parcel.id.as_str()).collect();
        let (answer, bytes) = match chunk.prepared(batch) {
            Some(packed) => self.line.post_and(packed, meanwhile),
            None => self.line.post(&L::pack(&chunk.body(batch))),
        };
        if answer.is_err() && self.line.interrupted() {
            return Some(Stop::Interrupted);
        }
        self.wire_bytes = self.wire_bytes.saturating_add(bytes);
        let verdict = match &answer {
            Ok(answer) => {
                let now = self.line.now();
                let now_ms = u64::try_from(now.as_millisecond()).unwrap_or(0);
                for index in batch {
                    if let Some(read_ms) = read_ms.get_mut(*index) {
                        *read_ms = Some(now_ms);
                    }
                }
                let (verdict, clock) = outcome::read(answer, &ids, now);
                self.heard = self.heard.max(clock);
                verdict
            }
            Err(silence) => outcome::judge_silence(silence),
        };
        let body_bytes = chunk.body_len(batch);
        match work.take(verdict, body_bytes, &mut self.credit) {
            After::Progress => {
                self.patience.retries = 0;
                self.patience.refreshed = false;
                None
            }
            After::Split => None,
            After::Refresh(trouble) => self.refresh(trouble),
            After::Wait(wait, trouble) => self.wait(wait, trouble),
            After::Again(trouble) => self.again(trouble),
            After::Stop(trouble) => Some(Stop::Trouble(trouble)),
        }
    }

    fn refresh(&mut self, trouble: Trouble) -> Option<Stop> {
        if std::mem::replace(&mut self.patience.refreshed, true) {
            return Some(Stop::Trouble(trouble));
        }
        self.line.refresh().err().map(Stop::of_refresh)
    }

    fn wait(&mut self, wait: Duration, trouble: Trouble) -> Option<Stop> {
        let wait = wait.max(SHORTEST_WAIT);
        match self.patience.waits.checked_sub(wait) {
            Some(left) => {
                self.patience.waits = left;
                self.line.pause(wait);
                None
            }
            None => {
                let now = self.line.now();
                let until = now.checked_add(wait).unwrap_or(now);
                Some(Stop::Wait { until, trouble })
            }
        }
    }

    /// A failure in the middle of a pass is worth another try; a first request
    /// that fails is told at once.
    fn again(&mut self, trouble: Trouble) -> Option<Stop> {
        if !self.credit.accepted || self.patience.retries >= RETRIES {
            return Some(Stop::Trouble(trouble));
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << self.patience.retries);
        self.patience.retries += 1;
        self.line.pause(pause);
        None
    }
}

#[cfg(test)]
mod tests;
