//! Why a move was not made, and what of it may go into an event.

use std::path::PathBuf;

use thiserror::Error;

use super::guards::Refusal;
use crate::event::ErrorKind;
use crate::workflow::file::FileError;
use crate::workflow::git::GitError;
use crate::workflow::lane::UnknownLane;
use crate::workflow::meta::MetaError;
use crate::workflow::options::BadOption;
use crate::workflow::trouble::{Fault, Trouble};

/// Why a move was not made. Nothing was changed.
#[derive(Debug, Error)]
pub(crate) enum MoveError {
    /// `--to` names no lane.
    #[error(transparent)]
    Lane(UnknownLane),
    /// The feedback file cannot be read.
    #[error("the review feedback cannot be used: {0}")]
    Feedback(#[source] FileError),
    /// The feedback file has no text.
    #[error("the review feedback cannot be used: {} is empty", path.display())]
    EmptyFeedback {
        /// The file.
        path: PathBuf,
    },
    /// A guard refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// What can go wrong in any command.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

impl From<GitError> for MoveError {
    fn from(error: GitError) -> Self {
        Self::Trouble(error.into())
    }
}

impl From<MetaError> for MoveError {
    fn from(error: MetaError) -> Self {
        Self::Trouble(error.into())
    }
}

impl From<BadOption> for MoveError {
    fn from(error: BadOption) -> Self {
        Self::Trouble(error.into())
    }
}

impl Fault for MoveError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Trouble(trouble) => trouble.kind(),
            _ => ErrorKind::Validation,
        }
    }

    fn told(&self) -> String {
        match self {
            Self::Feedback(_) => "the review feedback file cannot be read".into(),
            Self::EmptyFeedback { .. } => "the review feedback file is empty".into(),
            Self::Trouble(trouble) => trouble.told(),
            other => other.to_string(),
        }
    }
}
