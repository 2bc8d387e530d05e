//! What a run changes in the project, by the same code as the commands. Errors
//! are words: the commands have told of them already.

use std::path::{Path, PathBuf};

use crate::event::{Lane, Phase};
use crate::workflow::audience::Audience;
use crate::workflow::feature::Slug;
use crate::workflow::file::{put, read_text};
use crate::workflow::git::{Git, changes, count_commits};
use crate::workflow::implement::{ImplementRequest, implement};
use crate::workflow::mark_status::{MarkRequest, mark_status};
use crate::workflow::meta::read_workspace;
use crate::workflow::move_task::{Guards, Request, move_task};
use crate::workflow::options::AutoCommit;
use crate::workflow::project::{Project, is_own_file};
use crate::workflow::scene::Place;
use crate::workflow::tasks_md::subtasks;
use crate::workflow::text::MAX_FILE_BYTES;
use crate::workflow::tick::Mark;
use crate::workflow::work_package::WpId;

fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn request(slug: &Slug, wp: WpId, to: Lane, agent: Option<&str>, note: &str) -> Request {
    Request {
        wp,
        to,
        feature: Some(slug.to_string()),
        agent: agent.map(str::to_owned),
        assignee: None,
        shell_pid: None,
        note: Some(note.to_owned()),
        feedback_file: None,
        reviewer: None,
        guards: Guards::Skipped,
        commit: AutoCommit::On,
    }
}

/// The worktree of a work package, and the branch that it was made from. For an
/// implementation, the work package is in doing then.
pub(super) fn begin(
    place: &Place,
    audience: &mut dyn Audience,
    slug: &Slug,
    wp: WpId,
    phase: Phase,
    agent: &str,
) -> Result<(PathBuf, String), String> {
    let make = ImplementRequest {
        wp,
        base: None,
        feature: Some(slug.to_string()),
        agent: (phase == Phase::Implementation).then(|| agent.to_owned()),
        assignee: None,
        shell_pid: Some(std::process::id()),
        force: true,
    };
    let done = implement(&make, place, audience).map_err(words)?;
    if phase == Phase::Implementation && done.change.new != Lane::Doing {
        let again = request(slug, wp, Lane::Doing, Some(agent), "Started again");
        move_task(&again, place, audience).map_err(words)?;
    }
    Ok((done.worktree, done.base.unwrap_or_else(|| "HEAD".into())))
}

/// To review, when the work is there: committed, and on top of its base.
pub(super) fn to_review(
    place: &Place,
    audience: &mut dyn Audience,
    slug: &Slug,
    wp: WpId,
    agent: &str,
) -> Result<(), String> {
    let project = Project::locate(&place.cwd, place.root.as_deref()).map_err(words)?;
    let name = format!("{slug}-{wp}");
    let path = project.worktree(&name);
    let git = Git {
        dir: &path,
        limit: place.patience.question,
    };
    let left = changes(&git, None).map_err(words)?;
    if left.iter().any(|change| !is_own_file(&change.path)) {
        return Err("it left uncommitted work".into());
    }
    let record = read_workspace(&project.root, &name)
        .map_err(words)?
        .unwrap_or_default();
    if let Some(base) = record.base_commit
        && count_commits(&git, &base, "HEAD", None).map_err(words)? == 0
    {
        return Err("it committed nothing".into());
    }
    let to = request(slug, wp, Lane::ForReview, Some(agent), "Ready for review");
    move_task(&to, place, audience).map(drop).map_err(words)
}

/// Approved: its subtasks are ticked, and it is done.
pub(super) fn to_done(
    place: &Place,
    audience: &mut dyn Audience,
    slug: &Slug,
    wp: WpId,
    reviewer: &str,
) -> Result<(), String> {
    let project = Project::locate(&place.cwd, place.root.as_deref()).map_err(words)?;
    let path = project.specs_dir().join(slug.as_str()).join("tasks.md");
    let tasks = read_text(&path, MAX_FILE_BYTES).unwrap_or_default();
    let open: Vec<String> = subtasks(&tasks, &wp.to_string())
        .unwrap_or_default()
        .iter()
        .filter(|task| !task.ticked)
        .filter_map(|task| task.id().map(str::to_owned))
        .collect();
    if !open.is_empty() {
        let marks = MarkRequest {
            subtasks: open,
            work_packages: Vec::new(),
            mark: Mark::Ticked,
            to: Lane::Done,
            feature: Some(slug.to_string()),
            agent: Some(reviewer.to_owned()),
            commit: AutoCommit::On,
        };
        mark_status(&marks, place, audience).map_err(words)?;
    }
    let mut to = request(slug, wp, Lane::Done, None, "Approved");
    to.reviewer = Some(reviewer.to_owned());
    move_task(&to, place, audience).map(drop).map_err(words)
}

/// Rejected: back to doing, with the reviewer's words.
pub(super) fn back(
    place: &Place,
    audience: &mut dyn Audience,
    slug: &Slug,
    wp: WpId,
    reviewer: &str,
    file: &Path,
    feedback: &str,
) -> Result<(), String> {
    put(file, feedback).map_err(words)?;
    let mut to = request(slug, wp, Lane::Doing, None, "Changes requested");
    to.reviewer = Some(reviewer.to_owned());
    to.feedback_file = Some(file.to_owned());
    move_task(&to, place, audience).map(drop).map_err(words)
}
