//! Marking subtasks as done or pending, and setting the lane of work packages.
//!
//! All ids are checked before anything is written. The boxes of tasks.md change
//! with one write and one commit, and each work package that owns one of them
//! gets one line of history. Work packages move as by `move-task`, with its
//! guards, after the boxes, which the guards look at.

use std::collections::BTreeMap;
use std::io;

mod request;

pub(crate) use request::{MarkError, MarkRequest, RawMark};

use super::audience::Audience;
use super::committed::Settled;
use super::file::{FileError, read_text};
use super::move_task::{self, Moved};
use super::note::Note;
use super::scene::{Known, Place};
use super::text::MAX_FILE_BYTES;
use super::tick::{self, Mark};
use super::trouble::{Concerned, Trouble, report};
use super::work::{Change, Edit, Work};
use super::work_package::{self, WorkPackage, WpId};
use crate::event::{Draft, EntryType, HistoryAdded, Invalid, Payload};

/// What marking did.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// What changed, in the order in which it was asked for.
    pub updated: Vec<String>,
    /// What was already so.
    pub unchanged: Vec<String>,
    /// Subtasks that tasks.md has no box for.
    pub not_found: Vec<String>,
    /// What became of the commit of tasks.md; none when it did not change.
    pub settled: Option<Settled>,
    /// The work packages.
    pub moves: Vec<Moved>,
}

/// Marks what is asked for, and tells `audience` of it.
///
/// # Errors
/// When something could not be marked. What was marked before it stays so.
pub(crate) fn mark_status(
    request: &MarkRequest,
    place: &Place,
    audience: &mut dyn Audience,
) -> Result<Outcome, MarkError> {
    let mut known = Known::default();
    attempt(request, place, &mut known, audience).inspect_err(|error| {
        let whom = Concerned {
            wp: error.work_package(),
            agent: request.agent.clone(),
        };
        report(error, &whom, &known, audience);
    })
}

fn attempt(
    request: &MarkRequest,
    place: &Place,
    known: &mut Known,
    audience: &mut dyn Audience,
) -> Result<Outcome, MarkError> {
    let feature = request.feature.as_deref();
    let mut work = Work::begin(feature, request.commit, place, known, audience)?;
    for wp in &request.work_packages {
        work.work_package(*wp)?;
    }
    let mut outcome = Outcome::default();
    if !request.subtasks.is_empty() {
        mark_subtasks(request, &mut work, &mut outcome)?;
    }
    for wp in &request.work_packages {
        let request = request.move_of(*wp);
        let moved = match move_task::moved(&request, &mut work) {
            Ok(moved) => moved,
            Err(source) => {
                if !outcome.updated.is_empty() {
                    work.note(&Note::MarkedBefore(outcome.updated));
                }
                return Err(MarkError::Move {
                    source: Box::new(source),
                    request: Box::new(request),
                });
            }
        };
        let list = if moved.changed() {
            &mut outcome.updated
        } else {
            &mut outcome.unchanged
        };
        list.push(wp.to_string());
        outcome.moves.push(moved);
    }
    Ok(outcome)
}

fn mark_subtasks(
    request: &MarkRequest,
    work: &mut Work<'_>,
    outcome: &mut Outcome,
) -> Result<(), MarkError> {
    let path = work.scene.feature.dir.join("tasks.md");
    let text = match read_text(&path, MAX_FILE_BYTES) {
        Err(FileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            let slug = work.scene.feature.slug.clone();
            return Err(MarkError::NoTasks { slug });
        }
        other => other.map_err(Trouble::from)?,
    };
    work.check_merged(&path)?;
    let marked = tick::mark(&text, &request.subtasks, request.mark).map_err(Trouble::from)?;
    if marked.missing.len() == request.subtasks.len() && request.work_packages.is_empty() {
        let ids = marked.missing;
        return Err(MarkError::NoneFound { ids });
    }
    outcome.not_found = marked.missing;
    outcome.unchanged = marked.unchanged;
    if marked.changed.is_empty() {
        return Ok(());
    }
    outcome.updated = marked.changed.iter().map(|(id, _)| id.clone()).collect();
    let drafts = histories(request, work, &marked.changed);
    let status = match request.mark {
        Mark::Ticked => "done",
        Mark::Open => "pending",
    };
    let number = work.scene.feature.slug.number();
    let message = match outcome.updated.as_slice() {
        [only] => format!("chore: Mark {only} as {status} on spec {number}"),
        several => format!(
            "chore: Mark {} subtasks as {status} on spec {number}",
            several.len()
        ),
    };
    outcome.settled = Some(work.apply(Change {
        what: format!("marked {} as {status}", outcome.updated.join(", ")),
        edits: vec![Edit {
            path,
            old: text,
            new: marked.text,
            lane: None,
        }],
        along: Vec::new(),
        message,
        commit: request.commit,
        drafts,
    })?);
    Ok(())
}

/// One line of history for each work package that owns a changed subtask, in
/// the order of their ids. A subtask that nobody owns has no history.
fn histories(
    request: &MarkRequest,
    work: &Work<'_>,
    changed: &[(String, Option<String>)],
) -> Vec<Result<Draft, Invalid>> {
    let listed = owners_by_list(work);
    let mut by_owner: BTreeMap<WpId, Vec<&str>> = BTreeMap::new();
    for (id, section) in changed {
        let by_section = section.as_deref().and_then(|wp| wp.parse().ok());
        if let Some(owner) = by_section.or_else(|| listed.get(id).copied()) {
            by_owner.entry(owner).or_default().push(id);
        }
    }
    let status = match request.mark {
        Mark::Ticked => "done",
        Mark::Open => "pending",
    };
    let slug = work.scene.feature.slug.as_str();
    by_owner
        .into_iter()
        .map(|(wp, ids)| {
            let content = format!("Subtask(s) {} marked as {status}", ids.join(", "));
            let mut event =
                HistoryAdded::new(wp.to_string(), EntryType::Note, content).feature(slug);
            if let Some(agent) = &request.agent {
                event = event.author(agent);
            }
            event.into_draft()
        })
        .collect()
}

/// The work packages that list a subtask in their front matter. Files that
/// cannot be read list nothing.
fn owners_by_list(work: &Work<'_>) -> BTreeMap<String, WpId> {
    let tasks_dir = work.scene.feature.tasks_dir();
    let files = work_package::list(&tasks_dir).unwrap_or_default();
    let mut owners = BTreeMap::new();
    for (id, name) in files {
        let Ok(wp) = WorkPackage::read(id, &tasks_dir.join(name)) else {
            continue;
        };
        for subtask in wp.data.texts("subtasks") {
            owners.entry(subtask.trim().to_owned()).or_insert(id);
        }
    }
    owners
}
