//! What it means at the command line when the log cannot be tidied up.

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::log::prune::PruneError;
use crate::log::tidy::TidyError;
use crate::retention::RetentionError;

impl From<RetentionError> for Failure {
    fn from(error: RetentionError) -> Self {
        match error {
            RetentionError::Read(error) => error.into(),
            RetentionError::View(error) => error.into(),
        }
    }
}

impl From<PruneError> for Failure {
    fn from(error: PruneError) -> Self {
        let message = error.to_string();
        let next = "see what is left to do: spec-kitty log prune --dry-run";
        match error {
            PruneError::Busy { .. } => Self::new("busy", Exit::Busy, message).hint(next),
            PruneError::Io { .. } => Self::new("log", Exit::Failed, message).hint(next),
        }
    }
}

impl From<TidyError> for Failure {
    fn from(error: TidyError) -> Self {
        let message = error.to_string();
        let next = "see what is left to do: spec-kitty log repair --dry-run";
        match error {
            TidyError::Busy { .. } => Self::new("busy", Exit::Busy, message).hint(next),
            TidyError::Io { .. } => Self::new("log", Exit::Failed, message).hint(next),
        }
    }
}
