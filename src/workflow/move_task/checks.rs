//! Gathering the facts that the guards judge.

use std::io;
use std::path::Path;

use super::MoveError;
use super::guards::{self, Refusal, WorktreeFacts, WorktreeFault};
use super::request::Request;
use crate::event::Lane;
use crate::workflow::file::{FileError, read_text};
use crate::workflow::git::{Git, Head, Repository, changes, count_commits, has_branch};
use crate::workflow::meta;
use crate::workflow::note::Note;
use crate::workflow::scene::Scene;
use crate::workflow::tasks_md;
use crate::workflow::text::MAX_FILE_BYTES;
use crate::workflow::trouble::Trouble;
use crate::workflow::work::Work;
use crate::workflow::work_package::{self, WorkPackage};

/// The directory whose commits are status, not work.
const STATUS_DIR: &str = "kitty-specs";

/// Asks the four guards, in order.
pub(super) fn ask(
    request: &Request,
    work: &mut Work<'_>,
    wp: &WorkPackage,
) -> Result<(), MoveError> {
    let scene = &work.scene;
    let git = &work.git();
    guards::owner(wp.id, wp.data.text("agent"), request.agent.as_deref())?;
    guards::feedback(wp.id, wp.lane, request.to, request.feedback_file.is_some())?;
    if !guards::claims_finished(request.to) {
        return Ok(());
    }
    let tasks = read_tasks(&scene.feature.dir)?;
    let subtasks = tasks_md::subtasks(&tasks, &wp.id.to_string()).unwrap_or_default();
    guards::subtasks(wp.id, &subtasks)?;
    let dir = scene.project.relative(&scene.feature.dir);
    let from_top = format!(
        "{}{}",
        scene.repository.prefix,
        dir.to_string_lossy().replace('\\', "/")
    );
    let uncommitted = changes(git, Some(dir))?;
    guards::planning(&scene.feature.slug, &from_top, &uncommitted)?;
    if scene.meta.is_software() {
        let mut notes = Vec::new();
        let asked = ask_worktree(scene, wp, git, &mut notes);
        for note in &notes {
            work.note(note);
        }
        asked?;
    }
    Ok(())
}

/// tasks.md, or nothing when there is none: its absence is for `accept` to report.
fn read_tasks(feature_dir: &Path) -> Result<String, MoveError> {
    match read_text(&feature_dir.join("tasks.md"), MAX_FILE_BYTES) {
        Err(FileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Ok(String::new())
        }
        other => Ok(other.map_err(Trouble::from)?),
    }
}

fn ask_worktree(
    scene: &Scene,
    wp: &WorkPackage,
    main: &Git<'_>,
    notes: &mut Vec<Note>,
) -> Result<(), MoveError> {
    let name = scene.workspace(wp.id);
    let path = scene.project.worktree(&name);
    if !path.is_dir() {
        return Ok(());
    }
    let refused = |fault| Refusal::Worktree {
        worktree: scene.project.relative(&path).display().to_string(),
        fault,
    };
    // Without this, git would answer for the main repository around it.
    if !path.join(".git").exists() {
        return Err(refused(WorktreeFault::NotAWorktree).into());
    }
    let git = Git {
        dir: &path,
        ..*main
    };
    let base = base(scene, &name, main, notes)?;
    let status_dir = format!("{}{STATUS_DIR}", scene.repository.prefix);
    let facts = WorktreeFacts {
        head: Head::of(&git)?,
        operation: Repository::find(&git)?.operation(),
        behind: count_commits(&git, "HEAD", &base, Some(&status_dir))?,
        ahead: count_commits(&git, &base, "HEAD", None)?,
        changes: changes(&git, None)?,
        base,
    };
    guards::worktree(facts).map_err(|fault| refused(fault).into())
}

/// The branch that the worktree is compared with: the one it was made from,
/// else the feature's target, else the branch of the main repository.
fn base(
    scene: &Scene,
    name: &str,
    git: &Git<'_>,
    notes: &mut Vec<Note>,
) -> Result<String, MoveError> {
    let record = meta::read_workspace(&scene.project.root, name)?.unwrap_or_default();
    let target = scene.meta.target_branch.clone();
    let target = match target {
        Some(target) if has_branch(git, &target)? => target,
        _ => scene.head.branch().unwrap_or("HEAD").to_owned(),
    };
    match record.base_branch {
        Some(base) if has_branch(git, &base)? => Ok(base),
        Some(base) => {
            let target_name = target.clone();
            notes.push(Note::BaseGone {
                base,
                target: target_name,
            });
            Ok(target)
        }
        None => Ok(target),
    }
}

/// The unfinished work packages that build on one that goes to review. Files
/// that cannot be read are not this command's concern.
pub(super) fn dependents(request: &Request, tasks_dir: &Path) -> Option<Note> {
    if request.to != Lane::ForReview {
        return None;
    }
    let id = request.wp.to_string();
    let files = work_package::list(tasks_dir).ok()?;
    let others: Vec<_> = files
        .iter()
        .filter_map(|(id, name)| WorkPackage::read(*id, &tasks_dir.join(name)).ok())
        .filter(|wp| wp.lane != Lane::Done && wp.data.texts("dependencies").contains(&id.as_str()))
        .map(|wp| wp.id)
        .collect();
    (!others.is_empty()).then_some(Note::Dependents(request.wp, others))
}
