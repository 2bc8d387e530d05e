//! Merging one branch into the branch that is checked out. Each step can be
//! repeated: what is merged already is merged to nothing.

use std::fs;

use super::error::MergeError;
use super::preflight::subject;
use super::request::Strategy;
use super::status_file::{is_status_file, resolved};
use crate::workflow::git::{Git, GitError, Trial, holds_commit, tip, try_merge};
use crate::workflow::work::Work;
use crate::workflow::work_package::WpId;

/// Merges the commit of a work package.
pub(super) fn merge(
    work: &Work<'_>,
    wp: WpId,
    branch: &str,
    strategy: Strategy,
) -> Result<(), MergeError> {
    let git = work.scene.git(work.place.patience.commit);
    let message = subject(wp, work.scene.feature.slug.as_str());
    if holds_commit(&git, branch, "HEAD")? {
        return Ok(());
    }
    let args: &[&str] = match strategy {
        Strategy::Merge => &["merge", "-q", "--no-ff", "-m", &message, branch],
        Strategy::Squash => &["merge", "-q", "--squash", branch],
    };
    if let Err(source) = git.ask(args) {
        let left = resolve(&git)?;
        if !left.is_empty() {
            return Err(MergeError::Conflict {
                wp: wp.to_string(),
                files: left,
            });
        }
        if !is_under_way(&git) {
            return Err(MergeError::NotMerged { wp, source });
        }
    }
    conclude(&git, wp, &message)
}

/// Commits what is merged and not committed, if anything is.
pub(super) fn conclude(git: &Git<'_>, wp: WpId, message: &str) -> Result<(), MergeError> {
    let is_merge = git
        .run(&["rev-parse", "-q", "--verify", "MERGE_HEAD"])?
        .code
        == Some(0);
    let nothing_staged = git.holds(&["diff", "--cached", "--quiet"])?;
    if !is_merge && nothing_staged {
        return Ok(());
    }
    git.ask(&["commit", "-q", "-m", message])
        .map(drop)
        .map_err(|source| MergeError::NotMerged { wp, source })
}

/// Whether a merge, or a squash, waits to be committed.
pub(super) fn is_under_way(git: &Git<'_>) -> bool {
    let file = |name: &str| {
        let path = git.ask(&["rev-parse", "--git-path", name]).ok();
        path.is_some_and(|path| fs::exists(git.dir.join(path)).unwrap_or(false))
    };
    file("MERGE_HEAD") || file("SQUASH_MSG")
}

/// Undoes a merge of `branch` that is in the index and of which git itself knows
/// nothing: it was killed between the two. Nothing else in the index is undone.
pub(super) fn forget_half(git: &Git<'_>, branch: &str) -> Result<(), GitError> {
    if tip(git, branch)?.is_none() || git.holds(&["diff", "--cached", "--quiet"])? {
        return Ok(());
    }
    let staged = git.ask(&["write-tree"])?;
    if try_merge(git, "HEAD", branch)? == Trial::Clean(staged) {
        git.ask(&["reset", "-q", "--merge"])?;
    }
    Ok(())
}

/// The files in conflict, from the top of the repository.
pub(super) fn unmerged(git: &Git<'_>) -> Result<Vec<String>, GitError> {
    let listed = git.ask(&["diff", "--name-only", "--diff-filter=U", "-z"])?;
    let names = listed.split('\0').filter(|name| !name.is_empty());
    Ok(names.map(str::to_owned).collect())
}

/// Resolves what nobody needs to look at. Returns what is left.
fn resolve(git: &Git<'_>) -> Result<Vec<String>, MergeError> {
    let mut left = Vec::new();
    for file in unmerged(git)? {
        let stage = |number: u8| git.run(&["cat-file", "blob", &format!(":{number}:{file}")]);
        let text = |number| -> Result<Option<String>, GitError> {
            let answer = stage(number)?;
            Ok(String::from_utf8(answer.stdout)
                .ok()
                .filter(|_| answer.code == Some(0)))
        };
        let both = match (is_status_file(&file), text(1)?, text(2)?, text(3)?) {
            (true, base, Some(ours), Some(theirs)) => {
                resolved(&base.unwrap_or_default(), &ours, &theirs)
            }
            _ => None,
        };
        let Some(both) = both else {
            left.push(file);
            continue;
        };
        let top = git.ask(&["rev-parse", "--show-toplevel"])?;
        let path = std::path::Path::new(&top).join(&file);
        crate::workflow::file::put(&path, &both)?;
        let shown = path.to_string_lossy();
        git.ask(&["--literal-pathspecs", "add", "--", &shown])?;
    }
    Ok(left)
}
