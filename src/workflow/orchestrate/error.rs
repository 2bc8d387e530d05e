//! Why an orchestration did not run.

use thiserror::Error;

use crate::workflow::file::FileError;
use crate::workflow::git::GitError;
use crate::workflow::trouble::{Fault, Trouble};
use crate::workflow::work_package::WpId;

/// Why an orchestration did not run, or not to the end.
#[derive(Debug, Error)]
pub(crate) enum OrchestrateError {
    /// The configuration is not usable.
    #[error("{0}")]
    Config(String),
    /// There is no agent to run.
    #[error("no agent can be run: none is configured, and none that is known is installed")]
    NoAgent,
    /// The named agent does not exist.
    #[error("there is no agent '{name}' here; there are {}", if known.is_empty() { "none".into() } else { known.join(", ") })]
    NoSuchAgent {
        /// Its name.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// Another process is at it.
    #[error("an orchestration is running in this repository")]
    Running,
    /// An earlier run was not finished.
    #[error("the orchestration of {feature} is {status}")]
    Unfinished {
        /// Its feature.
        feature: String,
        /// Its status.
        status: &'static str,
    },
    /// There is none.
    #[error("no orchestration was begun in this repository")]
    None,
    /// There is nothing left to do.
    #[error("the orchestration is completed; there is nothing to go on with")]
    Completed,
    /// Only failed work packages can be skipped.
    #[error("{wp} is {status}; only a failed or waiting work package can be skipped")]
    NotSkippable {
        /// The work package.
        wp: WpId,
        /// Its status.
        status: &'static str,
    },
    /// It is not part of the run.
    #[error("{wp} is no part of this orchestration")]
    NotPart {
        /// The work package.
        wp: WpId,
    },
    /// There is nothing to do.
    #[error("the feature has no work packages")]
    Empty,
    /// They wait for each other, or for what does not exist.
    #[error("the dependencies cannot be followed: {0}")]
    Dependencies(String),
    /// What can go wrong in any command.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

impl From<FileError> for OrchestrateError {
    fn from(error: FileError) -> Self {
        Self::Trouble(error.into())
    }
}

impl From<GitError> for OrchestrateError {
    fn from(error: GitError) -> Self {
        Self::Trouble(error.into())
    }
}

impl Fault for OrchestrateError {
    fn inner(&self) -> Option<&dyn Fault> {
        match self {
            Self::Trouble(trouble) => Some(trouble),
            _ => None,
        }
    }
}
