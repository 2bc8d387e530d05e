//! Worktrees: making one that does not hold the planning files, and finding out
//! what became of one.

use std::fs;
use std::path::Path;

use super::{Git, GitError, Head, Repository};

/// What is at the place of a worktree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing.
    Absent,
    /// Something that is no worktree.
    Other,
    /// A worktree whose files were never checked out: its making was interrupted.
    HalfMade,
    /// A worktree, on this branch or on none.
    Present(Head),
}

/// What is at `path`.
///
/// # Errors
/// When git cannot be asked.
pub(crate) fn standing(main: &Git<'_>, path: &Path) -> Result<Standing, GitError> {
    if fs::symlink_metadata(path).is_err() {
        return Ok(Standing::Absent);
    }
    let is_empty = fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
    if is_empty {
        return Ok(Standing::Absent);
    }
    // Without this, git would answer for the main repository around it.
    if !path.join(".git").is_file() {
        return Ok(Standing::Other);
    }
    let git = Git { dir: path, ..*main };
    let Ok(repository) = Repository::find(&git) else {
        return Ok(Standing::Other);
    };
    if repository.git_dir == repository.common_dir {
        return Ok(Standing::Other);
    }
    if !repository.git_dir.join("index").exists() {
        return Ok(Standing::HalfMade);
    }
    Ok(Standing::Present(Head::of(&git)?))
}

/// Where the branch of a new worktree begins.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start<'a> {
    /// A new branch, from this commit.
    New(&'a str),
    /// The branch as it is.
    Existing,
}

/// Makes a worktree of `branch` at `path` that holds everything but `hidden`, a
/// directory named from the top of the work tree.
///
/// # Errors
/// When git refuses. What is there then, the next call completes.
pub(crate) fn add(
    main: &Git<'_>,
    path: &Path,
    branch: &str,
    start: Start<'_>,
    hidden: &str,
) -> Result<(), GitError> {
    let shown = path.to_string_lossy();
    // A worktree whose directory was removed by hand is still on git's list.
    main.ask(&["worktree", "prune"])?;
    let args: &[&str] = match start {
        Start::New(commit) => &[
            "worktree",
            "add",
            "--no-checkout",
            "-q",
            "-b",
            branch,
            &shown,
            commit,
        ],
        Start::Existing => &["worktree", "add", "--no-checkout", "-q", &shown, branch],
    };
    main.ask(args)?;
    check_out(main, path, hidden)
}

/// Checks out the files of a worktree that has none yet.
///
/// # Errors
/// When git refuses.
pub(crate) fn check_out(main: &Git<'_>, path: &Path, hidden: &str) -> Result<(), GitError> {
    let git = Git { dir: path, ..*main };
    if let Ok(repository) = Repository::find(&git)
        && !repository.git_dir.join("index").exists()
    {
        // Whoever locked an index that was never written is gone: we have the turn.
        let _ = fs::remove_file(repository.index_lock());
    }
    let pattern = format!("!/{hidden}/");
    git.ask(&["sparse-checkout", "set", "--no-cone", "/*", &pattern])?;
    git.ask(&["checkout", "-q", "-f", "HEAD"]).map(drop)
}

/// Makes git ignore `patterns` in this repository and its worktrees, by the
/// exclude file that belongs to no commit. Each is a pattern and a path that it
/// is meant for; what git ignores already is left out.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn exclude(
    main: &Git<'_>,
    repository: &Repository,
    patterns: &[(&str, &str)],
) -> std::io::Result<()> {
    let missing: Vec<&str> = patterns
        .iter()
        .filter(|(_, path)| {
            let args = ["check-ignore", "--quiet", "--no-index", "--", path];
            !matches!(main.holds(&args), Ok(true))
        })
        .map(|(pattern, _)| *pattern)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let dir = repository.common_dir.join("info");
    let path = dir.join("exclude");
    fs::create_dir_all(&dir)?;
    let mut text = fs::read_to_string(&path).unwrap_or_default();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    for pattern in missing {
        text.push_str(pattern);
        text.push('\n');
    }
    let temp = tempfile::NamedTempFile::new_in(&dir)?;
    fs::write(temp.path(), text)?;
    temp.persist(&path)?;
    Ok(())
}
