//! Commits and branches: which holds which, and merges made without a work tree.

use super::{Git, GitError};

/// What came of merging two commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trial {
    /// The tree of the merge.
    Clean(String),
    /// The files in conflict.
    Conflicts(Vec<String>),
}

/// The commit that `name` (a branch, or anything else that names one) is at;
/// `None` when it names none.
///
/// # Errors
/// When git cannot be asked.
pub(crate) fn commit_of(git: &Git<'_>, name: &str) -> Result<Option<String>, GitError> {
    let name = format!("{name}^{{commit}}");
    let args = [
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        &name,
    ];
    let answer = git.run(&args)?;
    let id = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
    Ok(Some(id).filter(|id| answer.code == Some(0) && !id.is_empty()))
}

/// The commit that the local branch `name` is at; `None` when there is none.
///
/// # Errors
/// When git cannot be asked.
pub(crate) fn tip(git: &Git<'_>, name: &str) -> Result<Option<String>, GitError> {
    commit_of(git, &format!("refs/heads/{name}"))
}

/// Whether `holder` holds everything that `commit` holds.
///
/// # Errors
/// When git cannot be asked, or one of the two is no commit.
pub(crate) fn holds_commit(git: &Git<'_>, commit: &str, holder: &str) -> Result<bool, GitError> {
    git.holds(&["merge-base", "--is-ancestor", commit, holder])
}

/// Merges two commits in the object store only; no work tree, index or branch
/// is touched.
///
/// # Errors
/// When git cannot be asked, or is older than 2.38.
pub(crate) fn try_merge(git: &Git<'_>, ours: &str, theirs: &str) -> Result<Trial, GitError> {
    let args = [
        "merge-tree",
        "--write-tree",
        "--name-only",
        "--no-messages",
        "-z",
        ours,
        theirs,
    ];
    let answer = git.run(&args)?;
    let mut fields = answer
        .stdout
        .split(|byte| *byte == 0)
        .map(|field| String::from_utf8_lossy(field).into_owned())
        .filter(|field| !field.is_empty());
    match (answer.code, fields.next()) {
        (Some(0), Some(tree)) => Ok(Trial::Clean(tree)),
        (Some(1), Some(_)) => Ok(Trial::Conflicts(fields.collect())),
        _ => Err(answer.refused(&args)),
    }
}

/// Makes a commit of a tree; no branch is touched.
///
/// # Errors
/// When git cannot be asked, or does not know who commits.
pub(crate) fn commit_tree(
    git: &Git<'_>,
    tree: &str,
    parents: &[&str],
    message: &str,
) -> Result<String, GitError> {
    let mut args = vec!["commit-tree", tree, "-m", message];
    for parent in parents {
        args.extend(["-p", parent]);
    }
    git.ask(&args)
}

/// Lets the branch `name` be at `commit`, whether it was there or not. For
/// branches that are our own.
///
/// # Errors
/// When git refuses.
pub(crate) fn set_branch(git: &Git<'_>, name: &str, commit: &str) -> Result<(), GitError> {
    git.ask(&["update-ref", &format!("refs/heads/{name}"), commit])
        .map(drop)
}

/// Whether a commit with exactly this subject is in `holder`.
///
/// # Errors
/// When git cannot be asked.
pub(crate) fn is_merged_by_subject(
    git: &Git<'_>,
    subject: &str,
    holder: &str,
) -> Result<bool, GitError> {
    let grep = format!("--grep={subject}");
    let args = ["log", "--format=%s", "--fixed-strings", &grep, holder, "--"];
    let listed = git.ask(&args)?;
    Ok(listed.lines().any(|line| line == subject))
}
