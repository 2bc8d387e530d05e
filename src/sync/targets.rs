//! The targets that this home knows, and further ones for the same events.
//!
//! An event belongs to the account that was signed in when it was recorded. A
//! further target gets the events of its own team as well, from the beginning
//! or from now on, when somebody says so: a control frame. It is sent to while
//! its account is signed in, and has streams of its own, so that targets hold
//! up neither each other nor anything else.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::log::append::{AppendError, Log, Record};
use crate::log::read::ReadError;
use crate::log::segment::LogDir;
use crate::state::{Commit, Ledger, Project, State, StateError, ViewError};
use crate::sync::book::COMMIT_DEADLINE;
use crate::sync::control::{APPEND_DEADLINE, Beginning, Control};
use crate::sync::route::{Bindings, is_of_others, project_of};
use crate::sync::survey::Survey;
use crate::target::{Target, TargetId};

/// One target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its identity on disk.
    pub id: TargetId,
    /// What it is; `None` when only its identity is known here.
    pub target: Option<Target>,
    /// Whether it was added for the events of others.
    pub is_added: bool,
    /// Events that wait for it.
    pub pending: u64,
    /// Events that it has.
    pub delivered: u64,
    /// Events that it refused, to be tried again.
    pub rejected: u64,
    /// Events that it refused for good.
    pub parked: u64,
}

/// Why targets cannot be told or changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TargetsError {
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The view of the ledger cannot be read.
    #[error(transparent)]
    View(#[from] ViewError),
    /// The ledger cannot be written.
    #[error(transparent)]
    State(#[from] StateError),
    /// The control frame could not be written.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// Another process is sending.
    #[error("another process is sending")]
    Busy,
}

/// All targets, the one of `account` first.
///
/// # Errors
/// [`TargetsError`] when the log or the view cannot be read.
pub fn list(
    dir: &LogDir,
    state: &State,
    account: Option<&Target>,
) -> Result<Vec<Known>, TargetsError> {
    let ledger = state.view()?.unwrap_or_default();
    let (survey, bindings) = Survey::glance(dir, state, &ledger)?;
    let mut named: BTreeMap<TargetId, Option<&Target>> = BTreeMap::new();
    let in_log = survey.streams.keys().map(|(id, _)| *id);
    for id in in_log
        .chain(ledger.targets().keys().copied())
        .chain(survey.no_project.keys().copied())
    {
        named.entry(id).or_default();
    }
    let others = bindings.others().map(|other| &other.target);
    for target in bindings.owners().chain(others).chain(account) {
        named.insert(target.id(), Some(target));
    }
    let mut known: Vec<Known> = named
        .into_iter()
        .map(|(id, target)| one(id, target, &bindings, &survey, &ledger))
        .collect();
    let first = account.map(Target::id);
    known.sort_by_key(|known| (Some(known.id) != first, known.id));
    Ok(known)
}

fn one(
    id: TargetId,
    target: Option<&Target>,
    bindings: &Bindings,
    survey: &Survey,
    ledger: &Ledger,
) -> Known {
    let known = ledger.target(id);
    let (rejected, parked) = known.map_or((0, 0), |known| known.refused());
    let streams = known.into_iter().flat_map(|known| known.streams().values());
    Known {
        id,
        target: target.cloned(),
        is_added: bindings.others().any(|other| other.target.id() == id),
        pending: survey.sendable(id),
        delivered: streams.fold(0, |sum: u64, stream| {
            sum.saturating_add(stream.delivered())
                .saturating_add(stream.duplicate())
        }),
        rejected,
        parked,
    }
}

/// What `target` would get of the events of others that are recorded here, by
/// project identifier.
///
/// # Errors
/// [`ReadError`] when the log cannot be read.
pub fn preview(
    dir: &LogDir,
    target: &Target,
    from: Beginning,
) -> Result<BTreeMap<String, u64>, ReadError> {
    let (survey, mut bindings) = Survey::look(dir, &Ledger::default())?;
    let added = Control::AddTarget {
        target: target.clone(),
        from,
    };
    bindings.note(survey.end.next(), &added.encode());
    let survey = Survey::take(dir, &Ledger::default(), &bindings)?;
    let mut projects = BTreeMap::new();
    for ((id, stream), backlog) in &survey.streams {
        if *id == target.id() && is_of_others(stream) {
            let count: &mut u64 = projects.entry(project_of(stream).to_owned()).or_default();
            *count = count.saturating_add(backlog.pending.events);
        }
    }
    Ok(projects)
}

/// Lets `target` have the events of its team that belong to others, for good.
///
/// # Errors
/// [`TargetsError`]; it gets nothing then.
pub fn add(log: &Log, state: &State, target: Target, from: Beginning) -> Result<(), TargetsError> {
    let sender = state
        .sender_lock(APPEND_DEADLINE)?
        .ok_or(TargetsError::Busy)?;
    let mut ledger = state.open_ledger(sender, COMMIT_DEADLINE)?.value;
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let now_ms = u64::try_from(now_ms).unwrap_or(0);
    if let Some(mark) = missing_mark(ledger.ledger(), &target, now_ms) {
        ledger.commit(&mark, COMMIT_DEADLINE)?;
    }
    let id = target.id();
    append(log, Control::AddTarget { target, from })?;
    // The frame begins new streams; what earlier ones said speaks of nothing now.
    let mut over = Commit::new(id, now_ms);
    let streams = ledger.ledger().target(id).map(|known| known.streams());
    for (name, _) in streams.into_iter().flatten() {
        if let Some(name) = name.as_ref().filter(|name| is_of_others(name)) {
            over.restart(Some(name));
        }
    }
    if !over.is_empty() {
        ledger.commit(&over, COMMIT_DEADLINE)?;
    }
    Ok(())
}

/// Ends that. What the target has it keeps.
///
/// # Errors
/// [`TargetsError`]; nothing has changed then.
pub fn remove(log: &Log, target: TargetId) -> Result<(), TargetsError> {
    append(log, Control::RemoveTarget { target })
}

fn append(log: &Log, mut frame: Control) -> Result<(), TargetsError> {
    let mut records: Vec<&mut dyn Record> = vec![&mut frame];
    match log.append(&mut records, None, APPEND_DEADLINE).failure {
        None => Ok(()),
        Some(failure) => Err(failure.into()),
    }
}

/// What has to be written into the ledger so that it says that `target` gets
/// the events of others; `None` when it says so.
pub(super) fn missing_mark(ledger: &Ledger, target: &Target, at_ms: u64) -> Option<Commit> {
    let id = target.id();
    let streams = ledger.target(id).map(|known| known.streams().keys());
    if streams.into_iter().flatten().flatten().any(is_of_others) {
        return None;
    }
    // The name of a stream that no event ever goes to.
    let marker = Project::new("\u{2}").ok()?;
    let mut commit = Commit::new(id, at_ms);
    commit.restart(Some(&marker));
    Some(commit)
}
