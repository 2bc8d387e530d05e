//! The events that the server refused: to see, to try again, to give up.
//!
//! Trying again is a change of the ledger. Giving up is a fact that nothing
//! else could rebuild, so it is a control frame first and a change of the
//! ledger second; when the second is lost, the first is enough.

use jiff::Timestamp;
use thiserror::Error;

use crate::log::append::{AppendError, Log, Record};
use crate::position::Seq;
use crate::state::{
    Commit, EventKey, Exception, Ledger, LedgerStore, Outcome, Project, Standing, State,
    StateError, ViewError,
};
use crate::sync::book::COMMIT_DEADLINE;
use crate::sync::control::{APPEND_DEADLINE, Control};
use crate::sync::route::project_of;
use crate::target::TargetId;

/// An event that one target refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Who refused it.
    pub target: TargetId,
    /// The stream in the ledger.
    stream: Project,
    /// Its position.
    pub seq: Seq,
    /// What is known of it.
    pub exception: Exception,
}

impl Refused {
    /// The identifier of its project.
    #[must_use]
    pub fn project(&self) -> &str {
        project_of(&self.stream)
    }

    /// Whether it needs a person.
    #[must_use]
    pub fn is_parked(&self) -> bool {
        self.exception.standing == Standing::Parked
    }
}

/// Why refused events cannot be told or changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RefusedError {
    /// The view of the ledger cannot be read.
    #[error(transparent)]
    View(#[from] ViewError),
    /// The ledger cannot be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// The control frame could not be written: nothing is given up.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// Another process is sending.
    #[error("another process is sending")]
    Busy,
}

/// The refused events, those that need a person first, then by position.
///
/// # Errors
/// [`RefusedError::View`].
pub fn list(state: &State) -> Result<Vec<Refused>, RefusedError> {
    Ok(refused(&state.view()?.unwrap_or_default()))
}

fn refused(ledger: &Ledger) -> Vec<Refused> {
    let mut all = Vec::new();
    for (target, known) in ledger.targets() {
        for (stream, known) in known.streams() {
            let Some(stream) = stream else { continue };
            let open = known.exceptions().iter();
            let open = open.filter(|(_, found)| found.standing != Standing::Unanswered);
            all.extend(open.map(|(seq, exception)| Refused {
                target: *target,
                stream: stream.clone(),
                seq: *seq,
                exception: exception.clone(),
            }));
        }
    }
    all.sort_by_key(|one| (!one.is_parked(), one.seq, one.target));
    all
}

/// Has these events tried again by the next pass, from the first attempt on;
/// says how many.
///
/// # Errors
/// [`RefusedError`].
pub fn retry(state: &State, events: &[Refused]) -> Result<usize, RefusedError> {
    let mut ledger = open(state)?;
    commit(&mut ledger, events, &Outcome::Released)
}

/// Gives these events up: they stay in the log and are never sent to that
/// target again. Says how many.
///
/// # Errors
/// [`RefusedError`]; with [`RefusedError::Append`] nothing has changed.
pub fn give_up(log: &Log, state: &State, events: &[Refused]) -> Result<usize, RefusedError> {
    let mut ledger = open(state)?;
    let mut frames: Vec<Control> = events
        .iter()
        .map(|one| Control::Drop {
            target: one.target,
            seq: one.seq,
            event: one.exception.event.clone(),
        })
        .collect();
    let mut records: Vec<&mut dyn Record> = frames
        .iter_mut()
        .map(|frame| frame as &mut dyn Record)
        .collect();
    if let Some(failure) = log.append(&mut records, None, APPEND_DEADLINE).failure {
        return Err(failure.into());
    }
    commit(&mut ledger, events, &Outcome::Dropped)
}

fn open(state: &State) -> Result<LedgerStore, RefusedError> {
    let sender = state
        .sender_lock(APPEND_DEADLINE)?
        .ok_or(RefusedError::Busy)?;
    Ok(state.open_ledger(sender, COMMIT_DEADLINE)?.value)
}

fn commit(
    ledger: &mut LedgerStore,
    events: &[Refused],
    outcome: &Outcome,
) -> Result<usize, RefusedError> {
    let now_ms = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0);
    let mut targets: Vec<TargetId> = events.iter().map(|one| one.target).collect();
    targets.sort_unstable();
    targets.dedup();
    for target in targets {
        let mut commit = Commit::new(target, now_ms);
        for one in events.iter().filter(|one| one.target == target) {
            let event: EventKey = one.exception.event.clone();
            commit.settle(Some(&one.stream), one.seq, event, outcome.clone());
        }
        ledger.commit(&commit, COMMIT_DEADLINE)?;
    }
    Ok(events.len())
}
