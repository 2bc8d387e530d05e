//! From where a work package begins, chosen by what is reachable from what.
//!
//! "Done" says that a work package was reviewed, not that its code is anywhere.
//! What counts is whether its branch is in the target branch. Several branches
//! that are not there yet are merged into one, in the object store: no work tree
//! sees it, and a conflict leaves nothing behind.

use super::error::ImplementError;
use super::request::ImplementRequest;
use crate::event::Lane;
use crate::workflow::git::{
    Git, Trial, commit_tree, holds_commit, is_merged_by_subject, set_branch, tip, try_merge,
};
use crate::workflow::meta::read_workspace;
use crate::workflow::note::Note;
use crate::workflow::trouble::Trouble;
use crate::workflow::work::Work;
use crate::workflow::work_package::{WorkPackage, WpId};

/// What the original calls the two ways a workspace is made.
pub(super) const SINGLE: &str = "implement-command";
const MERGED: &str = "implement-command-multi-parent-merge";

/// Where a branch begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Base {
    /// The branch that it is made from.
    pub branch: String,
    /// The commit that this branch is at.
    pub commit: String,
    pub(super) made_by: &'static str,
}

/// Where the work of a dependency is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    /// In the target branch, with this last commit where its branch is still there.
    InTarget(Option<String>),
    /// On its own branch, at this commit.
    OnBranch(String),
    /// Nowhere: it was not begun.
    Nowhere,
}

/// Chooses the base, and makes the branch that merges several.
pub(super) fn choose(
    request: &ImplementRequest,
    work: &mut Work<'_>,
    wp: &WorkPackage,
) -> Result<Base, ImplementError> {
    let target = target(work)?;
    let needs = match request.base {
        Some(base) => {
            if !wp.dependencies().contains(&base) {
                work.note(&Note::NotDeclared(wp.id, base));
            }
            vec![base]
        }
        None => wp.dependencies(),
    };
    let mut branches: Vec<(String, String)> = Vec::new();
    let mut in_target: Vec<Option<String>> = Vec::new();
    let mut missing = Vec::new();
    for need in needs {
        let other =
            WorkPackage::find(&work.scene.feature.tasks_dir(), need).map_err(Trouble::from)?;
        match find(work, &other, &target)? {
            Found::InTarget(commit) => in_target.push(commit),
            Found::OnBranch(commit) => branches.push((work.scene.workspace(need), commit)),
            Found::Nowhere => missing.push(need),
        }
    }
    if !missing.is_empty() && !request.force {
        let wp = wp.id;
        return Err(ImplementError::NotBegun { wp, missing });
    }
    let git = work.git();
    if branches.is_empty() || !all_in(&git, &in_target, &branches)? {
        branches.push((target.branch.clone(), target.commit.clone()));
    }
    let heads = without_contained(&git, branches)?;
    match heads.as_slice() {
        [(branch, commit)] => Ok(Base {
            branch: branch.clone(),
            commit: commit.clone(),
            made_by: SINGLE,
        }),
        several => merged(work, wp.id, several),
    }
}

/// The target branch; one that is named and missing is made from main or master.
fn target(work: &mut Work<'_>) -> Result<Base, ImplementError> {
    let git = work.git();
    let named = work.scene.meta.target().unwrap_or("main").to_owned();
    let found = |branch: String, commit| Base {
        branch,
        commit,
        made_by: SINGLE,
    };
    if let Some(commit) = tip(&git, &named)? {
        return Ok(found(named, commit));
    }
    for other in ["main", "master"] {
        if let Some(commit) = tip(&git, other)? {
            set_branch(&git, &named, &commit)?;
            work.note(&Note::TargetMade {
                target: named.clone(),
                from: other.to_owned(),
            });
            return Ok(found(named, commit));
        }
    }
    Err(ImplementError::NoTarget { target: named })
}

fn find(work: &Work<'_>, other: &WorkPackage, target: &Base) -> Result<Found, ImplementError> {
    let git = work.git();
    let name = work.scene.workspace(other.id);
    let Some(commit) = tip(&git, &name)? else {
        let subject = format!("Merge {} from {}", other.id, work.scene.feature.slug);
        // Its branch was merged and deleted.
        let was_merged =
            other.lane == Lane::Done || is_merged_by_subject(&git, &subject, &target.commit)?;
        return Ok(if was_merged {
            Found::InTarget(None)
        } else {
            Found::Nowhere
        });
    };
    let record = read_workspace(&work.scene.project.root, &name).map_err(Trouble::from)?;
    let begun_at = record.and_then(|record| record.base_commit);
    // A branch without a commit of its own is in the target too, and yet what is
    // waited for is not there.
    let is_empty =
        begun_at.as_ref() == Some(&commit) && matches!(other.lane, Lane::Planned | Lane::Doing);
    if !is_empty && holds_commit(&git, &commit, &target.commit)? {
        Ok(Found::InTarget(Some(commit)))
    } else {
        Ok(Found::OnBranch(commit))
    }
}

/// Whether everything that came through the target is in one of the branches
/// too, so that the target itself is not needed.
fn all_in(
    git: &Git<'_>,
    commits: &[Option<String>],
    branches: &[(String, String)],
) -> Result<bool, ImplementError> {
    for commit in commits {
        let Some(commit) = commit else {
            return Ok(false);
        };
        let mut held = false;
        for (_, head) in branches {
            held = held || holds_commit(git, commit, head)?;
        }
        if !held {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The branches that no other one contains. Of equal ones, the first stays.
fn without_contained(
    git: &Git<'_>,
    branches: Vec<(String, String)>,
) -> Result<Vec<(String, String)>, ImplementError> {
    let mut kept: Vec<(String, String)> = Vec::new();
    for (at, (branch, commit)) in branches.iter().enumerate() {
        let mut contained = false;
        for (other_at, (_, other)) in branches.iter().enumerate() {
            let is_other = other_at != at && (other != commit || other_at < at);
            contained = contained || (is_other && holds_commit(git, commit, other)?);
        }
        if !contained {
            kept.push((branch.clone(), commit.clone()));
        }
    }
    Ok(kept)
}

/// Merges the branches one after the other, and lets a branch of ours be there.
fn merged(
    work: &mut Work<'_>,
    wp: WpId,
    heads: &[(String, String)],
) -> Result<Base, ImplementError> {
    let git = work.git();
    let mut commit = String::new();
    let mut before = Vec::new();
    for (branch, head) in heads {
        if commit.is_empty() {
            commit.clone_from(head);
        } else {
            let message = format!("Merge {branch} into multi-parent base for {wp}");
            commit = match try_merge(&git, &commit, head)? {
                Trial::Clean(tree) => commit_tree(&git, &tree, &[&commit, head], &message)?,
                Trial::Conflicts(files) => {
                    let branch = branch.clone();
                    return Err(ImplementError::Conflict {
                        branch,
                        before,
                        files,
                    });
                }
            };
        }
        before.push(branch.clone());
    }
    let branch = format!("{}-merge-base", work.scene.workspace(wp));
    set_branch(&git, &branch, &commit)?;
    work.note(&Note::BasesMerged(branch.clone(), before));
    Ok(Base {
        branch,
        commit,
        made_by: MERGED,
    })
}
