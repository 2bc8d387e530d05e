//! Why a work package was not begun.

use std::path::PathBuf;

use thiserror::Error;

use crate::workflow::git::GitError;
use crate::workflow::note::joined;
use crate::workflow::trouble::{Fault, Trouble};
use crate::workflow::work_package::WpId;

/// Why a work package was not begun.
#[derive(Debug, Error)]
pub(crate) enum ImplementError {
    /// Called in a worktree.
    #[error("a work package is begun from the main repository, and this is a worktree")]
    InWorktree {
        /// The main repository.
        main: PathBuf,
    },
    /// Its base would be itself.
    #[error("{wp} cannot build on itself")]
    OnItself {
        /// The work package.
        wp: WpId,
    },
    /// Another agent is at it.
    #[error("{wp} is in doing, and assigned to '{owner}', not to '{agent}'")]
    Taken {
        /// The work package.
        wp: WpId,
        /// Its agent.
        owner: String,
        /// The agent that asks.
        agent: String,
    },
    /// The repository has no commit yet.
    #[error("the repository has no commit yet, so nothing can branch off")]
    NoCommit,
    /// The target branch does not exist.
    #[error(
        "the target branch '{target}' does not exist, and there is no main or master to make it from"
    )]
    NoTarget {
        /// The branch.
        target: String,
    },
    /// What it waits for was not begun.
    #[error(
        "{wp} builds on {}, which has no branch yet and is not done",
        joined(missing)
    )]
    NotBegun {
        /// The work package.
        wp: WpId,
        /// What was not begun.
        missing: Vec<WpId>,
    },
    /// The bases contradict each other.
    #[error("'{branch}' cannot be merged with {}: conflicts in{}", before.join(", "), listed(files))]
    Conflict {
        /// The branch that does not fit.
        branch: String,
        /// Those that it was to be merged with.
        before: Vec<String>,
        /// The files in conflict.
        files: Vec<String>,
    },
    /// Something else is in its place.
    #[error("{} exists and is not a git worktree", path.display())]
    NotAWorktree {
        /// Where, from the root.
        path: PathBuf,
    },
    /// The worktree is on another branch than its own.
    #[error("the worktree {} is on {}", path.display(), branch.as_deref().map_or("no branch".into(), |name| format!("the branch '{name}'")))]
    OtherBranch {
        /// Where, from the root.
        path: PathBuf,
        /// Its branch.
        branch: Option<String>,
    },
    /// What can go wrong in any command.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

fn listed(files: &[String]) -> String {
    files.iter().map(|file| format!("\n  {file}")).collect()
}

impl From<GitError> for ImplementError {
    fn from(error: GitError) -> Self {
        Self::Trouble(error.into())
    }
}

impl Fault for ImplementError {
    fn inner(&self) -> Option<&dyn Fault> {
        match self {
            Self::Trouble(trouble) => Some(trouble),
            _ => None,
        }
    }
}
