//! Why a merge did not happen, or not to its end.

use thiserror::Error;

use crate::event::ErrorKind;
use crate::workflow::feature::Slug;
use crate::workflow::file::FileError;
use crate::workflow::git::GitError;
use crate::workflow::trouble::{Fault, Trouble};
use crate::workflow::work_package::WpId;

/// Why a merge did not happen, or not to its end.
#[derive(Debug, Error)]
pub(crate) enum MergeError {
    /// Called in a worktree.
    #[error("a feature is merged from the main repository, and this is a worktree")]
    InWorktree,
    /// The main repository is on another branch than the target.
    #[error("the repository is on '{current}', and the feature is merged into '{target}'")]
    OtherBranch {
        /// The target.
        target: String,
        /// The branch that is checked out.
        current: String,
    },
    /// Something has to be settled before anything is merged.
    #[error("the feature cannot be merged yet:{}", listed(problems))]
    Preflight {
        /// What there is to settle.
        problems: Vec<String>,
    },
    /// They wait for each other.
    #[error("circular dependencies among the work packages")]
    Cycle,
    /// An earlier merge was not finished.
    #[error("a merge of {feature} was begun and not finished")]
    Unfinished {
        /// Its feature.
        feature: String,
    },
    /// There is none to go on with.
    #[error("no merge was interrupted, so there is nothing to go on with")]
    NothingToResume,
    /// The interrupted merge is of another feature.
    #[error("the interrupted merge is of {feature}, not of {asked}")]
    OtherFeature {
        /// Its feature.
        feature: String,
        /// The one that was asked for.
        asked: Slug,
    },
    /// A person has to resolve something.
    #[error("{wp} conflicts in{}", listed(files))]
    Conflict {
        /// The work package.
        wp: String,
        /// The files, from the top of the repository.
        files: Vec<String>,
    },
    /// Git did not merge for another reason.
    #[error("{wp} was not merged: {source}")]
    NotMerged {
        /// The work package.
        wp: WpId,
        /// Why.
        source: GitError,
    },
    /// What can go wrong in any command.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

impl MergeError {
    /// The work package that it happened to.
    #[must_use]
    pub(crate) fn work_package(&self) -> Option<WpId> {
        match self {
            Self::NotMerged { wp, .. } => Some(*wp),
            Self::Conflict { wp, .. } => wp.parse().ok(),
            _ => None,
        }
    }
}

fn listed(items: &[String]) -> String {
    items.iter().map(|item| format!("\n  {item}")).collect()
}

impl From<GitError> for MergeError {
    fn from(error: GitError) -> Self {
        Self::Trouble(error.into())
    }
}

impl From<FileError> for MergeError {
    fn from(error: FileError) -> Self {
        Self::Trouble(error.into())
    }
}

impl Fault for MergeError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Trouble(trouble) => trouble.kind(),
            Self::Conflict { .. } | Self::NotMerged { .. } => ErrorKind::Runtime,
            _ => ErrorKind::Validation,
        }
    }

    fn told(&self) -> String {
        match self {
            Self::Trouble(trouble) => trouble.told(),
            Self::NotMerged { wp, .. } => format!("{wp} was not merged: git failed"),
            other => other.to_string(),
        }
    }
}
