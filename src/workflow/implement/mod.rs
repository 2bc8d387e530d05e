//! Beginning a work package: its worktree, its branch, its lane.
//!
//! The order is fixed: everything that can be refused is refused, the base is
//! chosen, the worktree is made, its record written, and then the work package
//! goes from planned to doing. A run that is killed leaves what the next run of
//! the same command completes. The main work tree, its branch and its index are
//! never touched.

use std::path::{Path, PathBuf};

mod base;
mod error;
mod request;

pub(crate) use base::Base;
pub(crate) use error::ImplementError;
pub(crate) use request::{ImplementRequest, RawImplement};

use super::audience::Audience;
use super::committed::Settled;
use super::edit::{Written, edited};
use super::file::{put, read_text};
use super::git::worktree::{self, Standing, Start};
use super::git::{Git, commit_of, tip};
use super::json_edit;
use super::lane_change::LaneChange;
use super::meta::{Workspace, read_workspace};
use super::note::Note;
use super::options::AutoCommit;
use super::scene::{Known, Place};
use super::text::MAX_FILE_BYTES;
use super::trouble::{Concerned, Trouble, report};
use super::work::{Change, Edit, Work};
use super::work_package::WorkPackage;
use crate::event::Lane;

/// What git shall not see of our own files.
const OWN_FILES: [(&str, &str); 5] = [
    (".worktrees/", ".worktrees/x"),
    (".kittify/workspaces/", ".kittify/workspaces/x"),
    (".kittify/logs/", ".kittify/logs/x"),
    (".kittify/merge-state.json", ".kittify/merge-state.json"),
    (
        ".kittify/orchestration-state.json*",
        ".kittify/orchestration-state.json",
    ),
];

/// Whether the worktree was made or was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Made {
    /// It was made.
    Created,
    /// It was there.
    Reused,
}

/// A work package that can be worked on.
#[derive(Debug)]
pub(crate) struct Implemented {
    /// The lanes before and after.
    pub change: LaneChange,
    /// Its worktree.
    pub worktree: PathBuf,
    /// The same from the root.
    pub relative: PathBuf,
    /// Its branch.
    pub branch: String,
    /// The branch that it was made from, where that is known.
    pub base: Option<String>,
    /// Whether the worktree was made.
    pub made: Made,
    /// What became of the commit.
    pub settled: Settled,
}

/// Begins a work package, and tells `audience` of it.
///
/// # Errors
/// When it cannot be begun.
pub(crate) fn implement(
    request: &ImplementRequest,
    place: &Place,
    audience: &mut dyn Audience,
) -> Result<Implemented, ImplementError> {
    let mut known = Known::default();
    attempt(request, place, &mut known, audience).inspect_err(|error| {
        let whom = Concerned {
            wp: Some(request.wp),
            agent: request.agent.clone(),
        };
        report(error, &whom, &known, audience);
    })
}

fn attempt(
    request: &ImplementRequest,
    place: &Place,
    known: &mut Known,
    audience: &mut dyn Audience,
) -> Result<Implemented, ImplementError> {
    refuse_worktree(&place.cwd)?;
    let feature = request.feature.as_deref();
    let mut work = Work::begin(feature, AutoCommit::On, place, known, audience)?;
    let wp = work.work_package(request.wp)?;
    request.check_owner(&wp)?;
    let name = work.scene.workspace(wp.id);
    let path = work.scene.project.worktree(&name);
    let relative = work.relative(&path);
    if commit_of(&work.git(), "HEAD")?.is_none() {
        return Err(ImplementError::NoCommit);
    }
    let standing = worktree::standing(&work.git(), &path)?;
    let record = read_workspace(&work.scene.project.root, &name).map_err(Trouble::from)?;
    match &standing {
        Standing::Other => return Err(ImplementError::NotAWorktree { path: relative }),
        Standing::Present(head) if head.branch() != Some(name.as_str()) => {
            let branch = head.branch().map(str::to_owned);
            return Err(ImplementError::OtherBranch {
                path: relative,
                branch,
            });
        }
        _ => {}
    }
    let made = match standing {
        Standing::Present(_) if record.is_some() => Made::Reused,
        _ => Made::Created,
    };
    let base = match (&record, made) {
        (Some(record), Made::Reused) => record.base_branch.clone().map(|branch| Base {
            commit: record.base_commit.clone().unwrap_or_default(),
            branch,
            made_by: base::SINGLE,
        }),
        _ => Some(base::choose(request, &mut work, &wp)?),
    };
    let edits = edits(
        request,
        &work,
        &wp,
        base.as_ref().filter(|_| made == Made::Created),
    )?;
    if made == Made::Created
        && let Some(base) = &base
    {
        make(&work, &wp, base, &standing, &path, &name)?;
    }
    let change = LaneChange {
        wp: wp.id,
        feature: work.scene.feature.slug.clone(),
        old: wp.lane,
        new: begun(wp.lane),
        by: request.agent.clone(),
    };
    let settled = if edits.is_empty() {
        Settled::unchanged(&work.scene)
    } else {
        let moved = change.old != change.new;
        work.apply(Change {
            what: change.what(),
            edits,
            along: Vec::new(),
            message: format!("chore: {} claimed for implementation", wp.id),
            commit: AutoCommit::On,
            drafts: moved.then(|| change.draft()).into_iter().collect(),
        })?
    };
    if !matches!(change.new, Lane::Doing) {
        work.note(&Note::NotPlanned(wp.id, wp.lane));
    }
    Ok(Implemented {
        change,
        worktree: path,
        relative,
        branch: name,
        base: base.map(|base| base.branch),
        made,
        settled,
    })
}

/// The command belongs into the main work tree: inside of another worktree it
/// would be unclear what is built on what.
fn refuse_worktree(cwd: &Path) -> Result<(), ImplementError> {
    let mut parts = cwd.iter();
    let inside = parts.any(|part| part == ".worktrees");
    if !inside {
        return Ok(());
    }
    let main: PathBuf = cwd
        .iter()
        .take_while(|part| *part != ".worktrees")
        .collect();
    Err(ImplementError::InWorktree { main })
}

/// Only planned work packages are begun; all others stay in their lane.
fn begun(lane: Lane) -> Lane {
    match lane {
        Lane::Planned => Lane::Doing,
        other => other,
    }
}

/// The new texts: `vcs` in meta.json, then the work package. Nothing when there
/// is nothing to change.
fn edits(
    request: &ImplementRequest,
    work: &Work<'_>,
    wp: &WorkPackage,
    base: Option<&Base>,
) -> Result<Vec<Edit>, Trouble> {
    let mut edits = Vec::new();
    let to = begun(wp.lane);
    if to == wp.lane && base.is_none() {
        return Ok(edits);
    }
    let meta = work.scene.feature.dir.join("meta.json");
    let text = read_text(&meta, MAX_FILE_BYTES)?;
    if !work.scene.meta.names_vcs() {
        work.check_merged(&meta)?;
        let at = work
            .place
            .now
            .strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00")
            .to_string();
        let keys = [("vcs", "git".into()), ("vcs_locked_at", at.into())];
        edits.push(Edit {
            new: json_edit::set(&text, &keys)?,
            old: text,
            path: meta,
            lane: None,
        });
    }
    let text = |key| wp.data.text(key).map(str::to_owned);
    let assignee = request.assignee.clone().or_else(|| {
        // Known by no other name, the agent is who it is assigned to.
        text("assignee")
            .or_else(|| request.agent.clone())
            .or_else(|| text("agent"))
    });
    let mut written = Written {
        agent: request.agent.clone(),
        assignee,
        shell_pid: request.shell_pid,
        note: Some(match to {
            Lane::Doing => "Started implementation".into(),
            _ => "Workspace created".into(),
        }),
        ..Written::to(to, work.place.second())
    };
    if let Some(base) = base {
        let at = work
            .place
            .now
            .strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00")
            .to_string();
        written.more = vec![
            ("base_branch", base.branch.clone()),
            ("base_commit", base.commit.clone()),
            ("created_at", at),
        ];
    }
    edits.push(Edit {
        path: wp.path.clone(),
        new: edited(&wp.text, wp.lane, &written)?,
        old: wp.text.clone(),
        lane: (to != wp.lane).then_some((wp.id, to)),
    });
    Ok(edits)
}

/// Makes what is missing of the worktree, and its record last: a worktree with a
/// record is whole.
fn make(
    work: &Work<'_>,
    wp: &WorkPackage,
    base: &Base,
    standing: &Standing,
    path: &Path,
    name: &str,
) -> Result<(), ImplementError> {
    let scene = &work.scene;
    let git: Git<'_> = scene.git(work.place.patience.commit);
    worktree::exclude(&git, &scene.repository, &OWN_FILES).map_err(Trouble::Journal)?;
    let hidden = format!("{}kitty-specs", scene.repository.prefix);
    match standing {
        Standing::Absent => {
            let start = match tip(&git, name)? {
                Some(_) => Start::Existing,
                None => Start::New(&base.commit),
            };
            worktree::add(&git, path, name, start, &hidden)?;
        }
        Standing::HalfMade => worktree::check_out(&git, path, &hidden)?,
        Standing::Present(_) | Standing::Other => {}
    }
    let needs = wp.dependencies();
    let record = Workspace {
        wp_id: wp.id.to_string(),
        feature_slug: scene.feature.slug.to_string(),
        worktree_path: work.relative(path).to_string_lossy().into_owned(),
        branch_name: name.to_owned(),
        base_branch: Some(base.branch.clone()),
        base_commit: Some(base.commit.clone()),
        dependencies: needs.iter().map(ToString::to_string).collect(),
        created_at: work
            .place
            .now
            .strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00")
            .to_string(),
        created_by: base.made_by.to_owned(),
        vcs_backend: "git".into(),
    };
    let file = Workspace::path(&scene.project.root, name);
    put(&file, &record.to_text()).map_err(Trouble::from)?;
    Ok(())
}
