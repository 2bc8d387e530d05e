//! What state a repository is in.

use std::path::{Path, PathBuf};

use super::{Git, GitError};
use crate::platform;

/// What HEAD is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// A branch, by its short name; it may have no commit yet.
    Branch(String),
    /// A commit and no branch.
    Detached,
}

/// An operation that git is in the middle of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// A merge.
    Merge,
    /// A rebase, or `git am`.
    Rebase,
    /// A cherry-pick.
    CherryPick,
    /// A revert.
    Revert,
}

impl Operation {
    /// The files in a git directory that tell of each operation.
    const SIGNS: [(&'static str, Self); 5] = [
        ("rebase-merge", Self::Rebase),
        ("rebase-apply", Self::Rebase),
        ("MERGE_HEAD", Self::Merge),
        ("CHERRY_PICK_HEAD", Self::CherryPick),
        ("REVERT_HEAD", Self::Revert),
    ];

    /// The git subcommand that continues or aborts it.
    #[must_use]
    pub(crate) const fn command(self) -> &'static str {
        match self {
            Self::Merge => "merge",
            Self::Rebase => "rebase",
            Self::CherryPick => "cherry-pick",
            Self::Revert => "revert",
        }
    }
}

/// Where a work tree keeps its git data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Repository {
    /// The work tree's own git directory: HEAD, index.
    pub git_dir: PathBuf,
    /// The git directory shared by all work trees.
    pub common_dir: PathBuf,
    /// The path of the directory asked about below the top of the work tree,
    /// with a final slash; empty at the top.
    pub prefix: String,
}

impl Repository {
    /// Finds the repository that `git` runs in.
    ///
    /// # Errors
    /// When there is none, or git cannot be asked.
    pub(crate) fn find(git: &Git<'_>) -> Result<Self, GitError> {
        let args = [
            "rev-parse",
            "--path-format=absolute",
            "--git-dir",
            "--git-common-dir",
            "--show-prefix",
        ];
        let answer = git.run(&args)?;
        let mut lines = answer.stdout.split(|byte| *byte == b'\n');
        let mut next = || lines.next().unwrap_or_default();
        let (git_dir, common_dir, prefix) = (next(), next(), next());
        let dir = |bytes| platform::path_from_bytes(bytes).filter(|path| path.is_dir());
        match (answer.code, dir(git_dir), dir(common_dir)) {
            (Some(0), Some(git_dir), Some(common_dir)) => Ok(Self {
                git_dir,
                common_dir,
                prefix: String::from_utf8_lossy(prefix).into_owned(),
            }),
            _ => Err(answer.refused(&args)),
        }
    }

    /// The operation that this work tree is in the middle of.
    #[must_use]
    pub(crate) fn operation(&self) -> Option<Operation> {
        Operation::SIGNS
            .iter()
            .find_map(|(sign, operation)| self.git_dir.join(sign).exists().then_some(*operation))
    }

    /// The file by which git locks the index.
    #[must_use]
    pub(crate) fn index_lock(&self) -> PathBuf {
        self.git_dir.join("index.lock")
    }
}

impl Head {
    /// What HEAD is where `git` runs.
    ///
    /// # Errors
    /// When git cannot be asked.
    pub(crate) fn of(git: &Git<'_>) -> Result<Self, GitError> {
        let args = ["symbolic-ref", "--quiet", "--short", "HEAD"];
        let answer = git.run(&args)?;
        let name = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
        match answer.code {
            Some(0) if !name.is_empty() => Ok(Self::Branch(name)),
            Some(1) => Ok(Self::Detached),
            _ => Err(answer.refused(&args)),
        }
    }

    /// The branch, if HEAD is one.
    #[must_use]
    pub(crate) fn branch(&self) -> Option<&str> {
        match self {
            Self::Branch(name) => Some(name),
            Self::Detached => None,
        }
    }
}

/// How a file differs from the last commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ChangeKind {
    /// It is in the index.
    Staged,
    /// It is in the work tree.
    Unstaged,
    /// Git does not know it.
    Untracked,
}

/// A file that differs from the last commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Its path from the top of the work tree; bytes that are not UTF-8 are replaced.
    pub path: String,
    /// How it differs.
    pub kind: ChangeKind,
}

/// What differs from the last commit, below `path` or everywhere.
///
/// # Errors
/// When git cannot be asked.
pub(crate) fn changes(git: &Git<'_>, path: Option<&Path>) -> Result<Vec<Change>, GitError> {
    let path = path.map(|path| path.to_string_lossy().into_owned());
    let mut args = vec![
        "--literal-pathspecs",
        "status",
        "--porcelain=v1",
        "-z",
        "--untracked-files=all",
    ];
    if let Some(path) = &path {
        args.extend(["--", path]);
    }
    let answer = git.run(&args)?;
    match answer.code {
        Some(0) => Ok(parse(&answer.stdout)),
        _ => Err(answer.refused(&args)),
    }
}

/// Reads `git status --porcelain=v1 -z`: `XY path`, and for a rename or a copy
/// one more field with the old path.
fn parse(bytes: &[u8]) -> Vec<Change> {
    let mut fields = bytes.split(|byte| *byte == 0);
    let mut found = Vec::new();
    while let Some(field) = fields.next() {
        let [x, y, b' ', path @ ..] = field else {
            continue;
        };
        if matches!(x, b'R' | b'C') || matches!(y, b'R' | b'C') {
            let _old_path = fields.next();
        }
        let kind = match x {
            b'?' => ChangeKind::Untracked,
            b' ' => ChangeKind::Unstaged,
            _ => ChangeKind::Staged,
        };
        found.push(Change {
            path: String::from_utf8_lossy(path).into_owned(),
            kind,
        });
    }
    found
}

/// Whether `path` is in conflict in the index.
///
/// # Errors
/// When git cannot be asked.
pub(crate) fn is_unmerged(git: &Git<'_>, path: &Path) -> Result<bool, GitError> {
    let path = path.to_string_lossy();
    let args = ["--literal-pathspecs", "ls-files", "--unmerged", "--", &path];
    git.ask(&args).map(|listed| !listed.is_empty())
}

/// Whether there is a local branch `name`.
///
/// # Errors
/// When git cannot be asked.
pub(crate) fn has_branch(git: &Git<'_>, name: &str) -> Result<bool, GitError> {
    let name = format!("refs/heads/{name}");
    let args = ["show-ref", "--verify", "--quiet", "--", &name];
    let answer = git.run(&args)?;
    match answer.code {
        Some(0) => Ok(true),
        // 128 is git's answer to a name that no branch can have.
        Some(1 | 128) => Ok(false),
        _ => Err(answer.refused(&args)),
    }
}

/// How many commits are in `to` and not in `from`; with `except`, only those
/// that touch something outside that directory.
///
/// # Errors
/// When git cannot be asked, or one of the two is no commit.
pub(crate) fn count_commits(
    git: &Git<'_>,
    from: &str,
    to: &str,
    except: Option<&str>,
) -> Result<u64, GitError> {
    let range = format!("{from}..{to}");
    let excluded = except.map(|dir| format!(":(top,exclude,literal){dir}"));
    let mut args = vec!["rev-list", "--count", "--end-of-options", &range, "--"];
    if let Some(excluded) = &excluded {
        args.extend([":/", excluded]);
    }
    let answer = git.run(&args)?;
    let number = String::from_utf8_lossy(&answer.stdout).trim().parse();
    match (answer.code, number) {
        (Some(0), Ok(number)) => Ok(number),
        _ => Err(answer.refused(&args)),
    }
}

/// The name that the user gave git, if any.
#[must_use]
pub(crate) fn user_name(git: &Git<'_>) -> Option<String> {
    let name = git.ask(&["config", "--get", "user.name"]).ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_status_line_is_read() {
        let bytes = b"M  a\0 M b c\0?? d\0R  new\0old\0 R n2\0o2\0UU both\0A  \xff\0";
        let found: Vec<_> = parse(bytes)
            .into_iter()
            .map(|change| (change.path, change.kind))
            .collect();
        let expected = [
            ("a", ChangeKind::Staged),
            ("b c", ChangeKind::Unstaged),
            ("d", ChangeKind::Untracked),
            ("new", ChangeKind::Staged),
            ("n2", ChangeKind::Unstaged),
            ("both", ChangeKind::Staged),
            ("\u{fffd}", ChangeKind::Staged),
        ];
        let expected: Vec<_> = expected.map(|(path, kind)| (path.to_owned(), kind)).into();
        assert_eq!(found, expected);
        assert_eq!(parse(b""), []);
    }
}
