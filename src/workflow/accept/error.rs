//! Why a feature was not accepted.

use thiserror::Error;

use super::summary::Summary;
use crate::workflow::trouble::{Fault, Trouble};

/// Why a feature was not accepted.
#[derive(Debug, Error)]
pub(crate) enum AcceptError {
    /// The checks found something.
    #[error("outstanding acceptance issues: {}", .0.outstanding_keys.join(", "))]
    Outstanding(Box<Summary>),
    /// The main repository is on another branch than the feature's.
    #[error("the repository is on '{current}', and the feature belongs to '{target}'")]
    OtherBranch {
        /// The branch of the feature.
        target: String,
        /// The branch that is checked out.
        current: String,
    },
    /// What can go wrong in any command.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

impl Fault for AcceptError {
    fn inner(&self) -> Option<&dyn Fault> {
        match self {
            Self::Trouble(trouble) => Some(trouble),
            _ => None,
        }
    }
}
