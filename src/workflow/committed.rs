//! What became of a commit, and the command that makes it up.

use std::path::{Path, PathBuf};

use super::git::{CommitFailure, commit_files, commit_hash, is_ignored};
use super::options::AutoCommit;
use super::scene::{Place, Scene};

/// Whether a change was committed.
#[derive(Debug)]
pub(crate) enum Committed {
    /// It was; the abbreviated id when git told it.
    Yes(Option<String>),
    /// There was nothing to commit.
    NoChange,
    /// It was not asked for.
    NotAsked,
    /// Git ignores the file.
    Ignored,
    /// The main repository is on another branch than the feature's.
    OtherBranch {
        /// The branch that the feature's status belongs to.
        target: String,
        /// The branch that is checked out.
        current: String,
    },
    /// Git or a hook refused.
    Failed(CommitFailure),
}

impl Committed {
    /// The abbreviated id of the commit, where there is one.
    #[must_use]
    pub(crate) fn id(&self) -> Option<&str> {
        match self {
            Self::Yes(id) => id.as_deref(),
            _ => None,
        }
    }
}

/// A change of files, and what became of its commit.
#[derive(Debug)]
pub(crate) struct Settled {
    /// What became of it.
    pub committed: Committed,
    root: PathBuf,
    paths: Vec<PathBuf>,
    message: String,
}

impl Settled {
    /// Nothing had to be changed.
    pub(super) fn unchanged(scene: &Scene) -> Self {
        Self {
            committed: Committed::NoChange,
            root: scene.project.root.clone(),
            paths: Vec::new(),
            message: String::new(),
        }
    }

    /// The command, for a POSIX shell, that commits the files and nothing else.
    #[must_use]
    pub(crate) fn command(&self) -> String {
        let paths: Vec<String> = self
            .paths
            .iter()
            .map(|path| quoted(&path.to_string_lossy()))
            .collect();
        format!(
            "git -C {} commit --only -m {} -- {}",
            quoted(&self.root.to_string_lossy()),
            quoted(&self.message),
            paths.join(" ")
        )
    }
}

/// Commits the written files, where that leaves everything else as it is.
/// `paths` are relative to the root.
pub(super) fn settle(
    place: &Place,
    scene: &Scene,
    commit: AutoCommit,
    paths: Vec<PathBuf>,
    message: String,
) -> Settled {
    let committed = attempt(place, scene, commit, &paths, &message);
    Settled {
        committed,
        root: scene.project.root.clone(),
        paths,
        message,
    }
}

fn attempt(
    place: &Place,
    scene: &Scene,
    commit: AutoCommit,
    paths: &[PathBuf],
    message: &str,
) -> Committed {
    if commit == AutoCommit::Off {
        return Committed::NotAsked;
    }
    if let Some(target) = scene.other_branch() {
        let current = scene.head.branch().unwrap_or_default().to_owned();
        return Committed::OtherBranch { target, current };
    }
    let asking = scene.git(place.patience.question);
    let known: Vec<&Path> = paths
        .iter()
        .map(PathBuf::as_path)
        .filter(|path| !matches!(is_ignored(&asking, path), Ok(true)))
        .collect();
    if known.is_empty() {
        return Committed::Ignored;
    }
    let git = scene.git(place.patience.commit);
    match commit_files(
        &git,
        &scene.repository,
        &known,
        message,
        place.patience.index,
    ) {
        Ok(()) => Committed::Yes(commit_hash(&asking).ok()),
        Err(failure) => Committed::Failed(failure),
    }
}

/// `text` as one word of a POSIX shell.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
