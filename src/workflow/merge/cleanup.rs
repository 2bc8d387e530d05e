//! After the merge: what is not needed any more. Nothing here makes a merge
//! fail; what cannot be removed is named and stays.

use std::fs;

use super::state::MergeState;
use crate::workflow::git::worktree::{Standing, standing};
use crate::workflow::git::{Git, changes, tip};
use crate::workflow::meta::Workspace;
use crate::workflow::note::Note;
use crate::workflow::project::is_own_file;
use crate::workflow::work::Work;
use crate::workflow::work_package::WpId;

/// Pushes the target to `origin`; whether that worked.
pub(super) fn push(work: &mut Work<'_>, target: &str) -> bool {
    let limit = work.place.patience.commit;
    let outcome = work.scene.git(limit).ask(&["push", "-q", "origin", target]);
    if let Err(error) = &outcome {
        work.note(&Note::NotPushed(target.to_owned(), error.to_string()));
    }
    outcome.is_ok()
}

/// Removes the worktrees, branches and records of what was merged.
pub(super) fn remove(work: &mut Work<'_>, state: &MergeState) -> Vec<WpId> {
    let mut removed = Vec::new();
    if state.keep.worktrees {
        return removed;
    }
    for (wp, commit) in &state.merged_commits {
        let Ok(wp) = wp.parse::<WpId>() else { continue };
        let name = work.scene.workspace(wp);
        match remove_one(work, &name, commit, state.keep.branches) {
            Ok(()) => removed.push(wp),
            Err(why) => work.note(&Note::NotRemoved(wp, why)),
        }
    }
    removed
}

fn remove_one(work: &Work<'_>, name: &str, commit: &str, keep_branch: bool) -> Result<(), String> {
    let words = |error: crate::workflow::git::GitError| error.to_string();
    let git = work.scene.git(work.place.patience.commit);
    if tip(&git, name)
        .map_err(words)?
        .is_some_and(|tip| tip != commit)
    {
        return Err("its branch has commits that were made after the merge began".into());
    }
    let path = work.scene.project.worktree(name);
    if let Standing::Present(_) = standing(&git, &path).map_err(words)? {
        let own = Git { dir: &path, ..git };
        let left = changes(&own, None).map_err(words)?;
        if left.iter().any(|change| !is_own_file(&change.path)) {
            return Err("its worktree has uncommitted work".into());
        }
        let shown = path.to_string_lossy();
        // Only our own file can be left; git would not remove the worktree for it.
        git.ask(&["worktree", "remove", "--force", &shown])
            .map_err(words)?;
    }
    if !keep_branch {
        for branch in [name.to_owned(), format!("{name}-merge-base")] {
            if tip(&git, &branch).map_err(words)?.is_some() {
                git.ask(&["branch", "-q", "-D", &branch]).map_err(words)?;
            }
        }
    }
    let _ = fs::remove_file(Workspace::path(&work.scene.project.root, name));
    Ok(())
}
