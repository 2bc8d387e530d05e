//! Accepting a feature: everything is checked, what waits for review and passes
//! becomes done, and the feature's record goes into meta.json.
//!
//! Each promotion is a change of its own, with its commit and its event. A run
//! that is killed in between has accepted what it promoted; the next run goes on.

use std::io;
use std::path::PathBuf;

use serde_json::{Value, json};

mod error;
mod request;
mod summary;

pub(crate) use error::AcceptError;
pub(crate) use request::{AcceptRequest, Mode, RawAccept, Writing};
pub(crate) use summary::{Strictness, Summary};

use super::audience::Audience;
use super::committed::Settled;
use super::edit::{Written, edited};
use super::file::{FileError, read_text};
use super::git::{changes, commit_of};
use super::json_edit;
use super::lane_change::LaneChange;
use super::options::AutoCommit;
use super::project::is_own_file;
use super::scene::{Known, Place};
use super::text::MAX_FILE_BYTES;
use super::trouble::{Concerned, Trouble, report};
use super::work::{Change, Edit, Work};
use super::work_package::{WorkPackage, list};
use crate::event::Lane;

/// Files that must be there, and files that may be.
const NEEDED: [&str; 3] = ["spec.md", "plan.md", "tasks.md"];
const OPTIONAL: [&str; 5] = [
    "quickstart.md",
    "data-model.md",
    "research.md",
    "contracts",
    "checklists",
];
/// Files in which an open question may stand, and how it is written.
const QUESTIONED: [&str; 6] = [
    "spec.md",
    "plan.md",
    "quickstart.md",
    "tasks.md",
    "research.md",
    "data-model.md",
];
const QUESTION: &str = "[NEEDS CLARIFICATION";
/// How many acceptances the record keeps.
const KEPT: usize = 20;

/// A feature that can be accepted, or was.
#[derive(Debug)]
pub(crate) struct Accepted {
    /// What was found.
    pub summary: Summary,
    /// What was asked for, with `auto` decided.
    pub mode: Mode,
    /// Who accepts.
    pub actor: String,
    /// When.
    pub at: String,
    /// The work packages that became done.
    pub promoted: Vec<LaneChange>,
    /// The commit before the record was written; none when nothing was written.
    pub parent: Option<String>,
    /// What became of the commits, the record's last; empty when nothing was written.
    pub settled: Vec<Settled>,
}

/// Accepts a feature, and tells `audience` of it.
///
/// # Errors
/// When it cannot be accepted; nothing was changed then.
pub(crate) fn accept(
    request: &AcceptRequest,
    place: &Place,
    audience: &mut dyn Audience,
) -> Result<Accepted, AcceptError> {
    let mut known = Known::default();
    attempt(request, place, &mut known, audience).inspect_err(|error| {
        report(error, &Concerned::default(), &known, audience);
    })
}

fn attempt(
    request: &AcceptRequest,
    place: &Place,
    known: &mut Known,
    audience: &mut dyn Audience,
) -> Result<Accepted, AcceptError> {
    let commit = match request.writing {
        Writing::Record => AutoCommit::On,
        Writing::Nothing => AutoCommit::Off,
    };
    let feature = request.feature.as_deref();
    let mut work = Work::begin(feature, commit, place, known, audience)?;
    let files = read_all(&work)?;
    let summary = look(&work, &files, request.strictness)?;
    if !summary.ok {
        return Err(AcceptError::Outstanding(Box::new(summary)));
    }
    let mut accepted = Accepted {
        summary,
        mode: decided(request.mode, &work)?,
        actor: request.actor.clone(),
        at: place.second(),
        promoted: Vec::new(),
        parent: None,
        settled: Vec::new(),
    };
    if request.writing == Writing::Nothing {
        return Ok(accepted);
    }
    if let Some(target) = work.scene.other_branch() {
        let current = work.scene.head.branch().unwrap_or_default().to_owned();
        return Err(AcceptError::OtherBranch { target, current });
    }
    for wp in files.into_iter().filter(|wp| wp.lane == Lane::ForReview) {
        promote(request, &mut work, wp, &mut accepted)?;
    }
    record(request, &mut work, &mut accepted)?;
    Ok(accepted)
}

fn read_all(work: &Work<'_>) -> Result<Vec<WorkPackage>, Trouble> {
    let tasks_dir = work.scene.feature.tasks_dir();
    let names = match list(&tasks_dir) {
        Err(FileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Vec::new(),
        other => other?,
    };
    let read = names
        .iter()
        .map(|(id, name)| WorkPackage::read(*id, &tasks_dir.join(name)));
    Ok(read.collect::<Result<_, _>>()?)
}

/// Gathers all checks.
fn look(
    work: &Work<'_>,
    files: &[WorkPackage],
    strictness: Strictness,
) -> Result<Summary, Trouble> {
    let scene = &work.scene;
    let dir = &scene.feature.dir;
    let shown = |path: &PathBuf| path.to_string_lossy().into_owned();
    let mut summary = Summary {
        feature: scene.feature.slug.to_string(),
        branch: scene.head.branch().map(str::to_owned),
        repo_root: shown(&scene.project.root),
        feature_dir: shown(dir),
        tasks_dir: shown(&scene.feature.tasks_dir()),
        worktree_root: shown(&scene.project.root),
        primary_repo_root: shown(&scene.project.root),
        ..Summary::default()
    };
    for wp in files {
        let path = shown(&work.relative(&wp.path));
        summary.look_at(wp, path, strictness);
    }
    let missing = |names: &[&str]| -> Vec<String> {
        let absent = names.iter().filter(|name| !dir.join(name).exists());
        absent.map(|name| (*name).to_owned()).collect()
    };
    summary.missing_artifacts = missing(&NEEDED);
    summary.optional_missing = missing(&OPTIONAL);
    for name in QUESTIONED {
        let path = dir.join(name);
        if !path.exists() {
            continue;
        }
        let text = read_text(&path, MAX_FILE_BYTES)?;
        if text.contains(QUESTION) {
            summary
                .needs_clarification
                .push(shown(&work.relative(&path)));
        }
        if name == "tasks.md" {
            summary.unchecked_tasks = summary::open_boxes(&text);
        }
    }
    if !summary.optional_missing.is_empty() {
        let names = summary.optional_missing.join(", ");
        summary
            .warnings
            .push(format!("Optional artifacts missing: {names}"));
    }
    summary.git_dirty = changes(&work.git(), None)?
        .into_iter()
        .map(|change| change.path)
        .filter(|path| !is_own_file(path))
        .collect();
    summary.judge();
    Ok(summary)
}

/// With somewhere to send it, a pull request is what comes next.
fn decided(mode: Mode, work: &Work<'_>) -> Result<Mode, Trouble> {
    match mode {
        Mode::Auto if work.git().ask(&["remote"])?.is_empty() => Ok(Mode::Local),
        Mode::Auto => Ok(Mode::Pr),
        other => Ok(other),
    }
}

/// For review becomes done: the checks passed.
fn promote(
    request: &AcceptRequest,
    work: &mut Work<'_>,
    wp: WorkPackage,
    accepted: &mut Accepted,
) -> Result<(), Trouble> {
    let wp = work.work_package(wp.id)?;
    let written = Written {
        note: Some(format!("Accepted by {}", request.actor)),
        reviewer: request.actor.clone(),
        ..Written::to(Lane::Done, work.place.second())
    };
    let change = LaneChange {
        wp: wp.id,
        feature: work.scene.feature.slug.clone(),
        old: wp.lane,
        new: Lane::Done,
        by: Some(request.actor.clone()),
    };
    let settled = work.apply(Change {
        what: change.what(),
        edits: vec![Edit {
            path: wp.path.clone(),
            new: edited(&wp.text, wp.lane, &written)?,
            old: wp.text,
            lane: Some((wp.id, Lane::Done)),
        }],
        along: Vec::new(),
        message: change.message(),
        commit: AutoCommit::On,
        drafts: vec![change.draft()],
    })?;
    accepted.settled.push(settled);
    accepted.promoted.push(change);
    Ok(())
}

/// The feature's record in meta.json. Its other keys, and their order, stay.
fn record(
    request: &AcceptRequest,
    work: &mut Work<'_>,
    accepted: &mut Accepted,
) -> Result<(), Trouble> {
    let path = work.scene.feature.dir.join("meta.json");
    work.check_merged(&path)?;
    let old = read_text(&path, MAX_FILE_BYTES)?;
    accepted.parent = commit_of(&work.git(), "HEAD")?;
    let mode = accepted.mode.as_str();
    let mut entry = json!({
        "accepted_at": accepted.at,
        "accepted_by": accepted.actor,
        "mode": mode,
        "branch": work.scene.head.branch(),
        "accepted_from_commit": accepted.parent,
    });
    if let (false, Some(entry)) = (request.tests.is_empty(), entry.as_object_mut()) {
        entry.insert("validation_commands".into(), json!(request.tests));
    }
    let bare = old.strip_prefix('\u{feff}').unwrap_or(&old);
    let present: Value = serde_json::from_str(bare).unwrap_or_default();
    let mut history = match present.get("acceptance_history") {
        Some(Value::Array(history)) => history.clone(),
        _ => Vec::new(),
    };
    history.push(entry);
    let history = history.split_off(history.len().saturating_sub(KEPT));
    let new = json_edit::set(
        &old,
        &[
            ("accepted_at", json!(accepted.at)),
            ("accepted_by", json!(accepted.actor)),
            ("acceptance_mode", json!(mode)),
            ("accepted_from_commit", json!(accepted.parent)),
            ("accept_commit", Value::Null),
            ("acceptance_history", Value::Array(history)),
        ],
    )?;
    let slug = work.scene.feature.slug.clone();
    let settled = work.apply(Change {
        what: format!("accepted {slug}"),
        edits: vec![Edit {
            path,
            old,
            new,
            lane: None,
        }],
        along: Vec::new(),
        message: format!("Accept {slug}"),
        commit: AutoCommit::On,
        drafts: Vec::new(),
    })?;
    accepted.settled.push(settled);
    Ok(())
}
