//! Committing named files, and nothing else.
//!
//! `git commit --only` builds the commit from HEAD and the named files: what the
//! user has staged stays staged and stays out of it; hooks and signing are as
//! the user set them up. A locked index is waited for, within bounds.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use thiserror::Error;

use super::{Git, GitError, Repository};

/// How often a commit that failed without a lock in sight is tried again. The
/// lock may have gone meanwhile, or somebody else's commit won the race for HEAD
/// or for `COMMIT_EDITMSG`, which all commits of a repository share (git then
/// says that the message is empty, and exits like a hook that refuses).
const RACES: u32 = 3;

/// The exit code with which git reports a failure of its own; a hook that
/// refuses gives 1.
const FATAL: i32 = 128;

const LITERAL: &str = "--literal-pathspecs";

/// Why nothing was committed. The work tree is as it was.
#[derive(Debug, Error)]
pub(crate) enum CommitFailure {
    /// The index stayed locked.
    #[error("another git process kept the index locked ({} exists)", lock.display())]
    Locked {
        /// The lock file.
        lock: PathBuf,
    },
    /// Git, or a hook, refused.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// Whether git ignores `path`; tracked files are never ignored.
///
/// # Errors
/// When git cannot be asked.
pub(crate) fn is_ignored(git: &Git<'_>, path: &Path) -> Result<bool, GitError> {
    git.holds(&["check-ignore", "--quiet", "--", &path.to_string_lossy()])
}

/// The abbreviated id of the last commit.
///
/// # Errors
/// When git cannot be asked.
pub(crate) fn commit_hash(git: &Git<'_>) -> Result<String, GitError> {
    git.ask(&["rev-parse", "--short", "HEAD"])
}

/// Commits the files `paths` (relative to where `git` runs) with `message`,
/// waiting for a locked index at most `patience`.
///
/// # Errors
/// When git or a hook refuses, or the index stays locked.
pub(crate) fn commit_files(
    git: &Git<'_>,
    repository: &Repository,
    paths: &[&Path],
    message: &str,
    patience: Duration,
) -> Result<(), CommitFailure> {
    let paths: Vec<_> = paths.iter().map(|path| path.to_string_lossy()).collect();
    let paths: Vec<&str> = paths.iter().map(AsRef::as_ref).collect();
    let start = Instant::now();
    let mut pause = Duration::from_millis(20);
    let mut races = 0;
    loop {
        let head = commit_hash(git).ok();
        let Err(error) = attempt(git, &paths, message) else {
            return Ok(());
        };
        let locked = error.is_fatal() && repository.index_lock().exists();
        let late = start.elapsed() >= patience;
        if locked && late {
            let lock = repository.index_lock();
            return Err(CommitFailure::Locked { lock });
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(250));
        if !locked {
            races += 1;
            let raced = error.is_fatal() || commit_hash(git).ok() != head;
            if late || !raced || races > RACES {
                return Err(error.into());
            }
        }
    }
}

impl GitError {
    /// Whether git itself failed, not a hook.
    fn is_fatal(&self) -> bool {
        matches!(
            self,
            Self::Failed {
                code: Some(FATAL),
                ..
            }
        )
    }
}

/// One attempt. Files that git does not know yet are announced to the index
/// first, which `commit --only` needs, and taken back if the commit fails.
fn attempt(git: &Git<'_>, paths: &[&str], message: &str) -> Result<(), GitError> {
    let mut new = Vec::new();
    for path in paths {
        if !git.holds(&[LITERAL, "ls-files", "--error-unmatch", "--", path])? {
            new.push(*path);
        }
    }
    if !new.is_empty() {
        git.ask(&[&[LITERAL, "add", "--intent-to-add", "--"], &*new].concat())?;
    }
    let args = [
        &[LITERAL, "commit", "--quiet", "--only", "-m", message, "--"],
        paths,
    ];
    let commit = git.ask(&args.concat());
    if commit.is_err() && !new.is_empty() {
        let _ = git.run(&[&[LITERAL, "rm", "--cached", "--quiet", "--"], &*new].concat());
    }
    commit.map(drop)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    const LIMIT: Duration = Duration::from_secs(60);

    fn run(dir: &Path, args: &[&str]) -> String {
        Git { dir, limit: LIMIT }.ask(args).unwrap()
    }

    fn repository() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        run(dir.path(), &["init", "-q", "-b", "main"]);
        for (key, value) in [
            ("user.name", "T"),
            ("user.email", "t@example.invalid"),
            ("commit.gpgsign", "false"),
            ("core.hooksPath", ".git/hooks"),
        ] {
            run(dir.path(), &["config", key, value]);
        }
        fs::write(dir.path().join("a"), "1\n").unwrap();
        run(dir.path(), &["add", "a"]);
        run(dir.path(), &["commit", "-qm", "one"]);
        dir
    }

    fn commit(dir: &Path, path: &str, patience_ms: u64) -> Result<(), CommitFailure> {
        let git = Git { dir, limit: LIMIT };
        let repository = Repository::find(&git).unwrap();
        let patience = Duration::from_millis(patience_ms);
        commit_files(&git, &repository, &[Path::new(path)], "move", patience)
    }

    fn last_commit(dir: &Path) -> String {
        run(dir, &["show", "--name-only", "--format=", "HEAD"])
    }

    #[test]
    fn what_the_user_staged_stays_staged_and_out_of_the_commit() {
        let dir = repository();
        fs::write(dir.path().join("staged"), "s").unwrap();
        run(dir.path(), &["add", "staged"]);
        fs::write(dir.path().join("dirty"), "d").unwrap();
        fs::write(dir.path().join("a"), "2\n").unwrap();
        commit(dir.path(), "a", 0).unwrap();
        assert_eq!(last_commit(dir.path()), "a");
        let status = run(dir.path(), &["status", "--porcelain"]);
        assert_eq!(status, "A  staged\n?? dirty");
    }

    #[test]
    fn a_new_file_is_committed_and_leaves_no_trace_when_a_hook_refuses() {
        let dir = repository();
        fs::write(dir.path().join("new"), "n").unwrap();
        let hook = dir.path().join(".git/hooks/pre-commit");
        fs::create_dir_all(hook.parent().unwrap()).unwrap();
        fs::write(&hook, "#!/bin/sh\necho refused >&2\nexit 1\n").unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
        let error = commit(dir.path(), "new", 5000).unwrap_err();
        assert!(error.to_string().contains("refused"), "{error}");
        assert_eq!(fs::read(dir.path().join("new")).unwrap(), b"n");
        assert_eq!(run(dir.path(), &["status", "--porcelain"]), "?? new");
        fs::remove_file(&hook).unwrap();
        commit(dir.path(), "new", 0).unwrap();
        assert_eq!(last_commit(dir.path()), "new");
    }

    #[test]
    fn a_first_commit_can_be_made_too() {
        let dir = repository();
        run(dir.path(), &["checkout", "-q", "--orphan", "fresh"]);
        fs::write(dir.path().join("new"), "n").unwrap();
        commit(dir.path(), "new", 0).unwrap();
        assert_eq!(last_commit(dir.path()), "new");
        assert_eq!(run(dir.path(), &["status", "--porcelain"]), "A  a");
    }

    #[test]
    fn a_locked_index_is_waited_for_and_then_named() {
        let dir = repository();
        fs::write(dir.path().join("a"), "2\n").unwrap();
        let lock = dir.path().join(".git/index.lock");
        fs::write(&lock, "").unwrap();
        let error = commit(dir.path(), "a", 60).unwrap_err();
        assert!(matches!(error, CommitFailure::Locked { .. }), "{error}");
        thread::scope(|scope| {
            let waiter = scope.spawn(|| commit(dir.path(), "a", 60_000));
            thread::sleep(Duration::from_millis(80));
            fs::remove_file(&lock).unwrap();
            waiter.join().unwrap().unwrap();
        });
        assert_eq!(run(dir.path(), &["status", "--porcelain"]), "");
    }
}
