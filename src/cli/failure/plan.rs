//! What failures around a feature's plan mean at the command line.

use super::{Failure, of_trouble};
use crate::cli::exit::Exit;
use crate::workflow::finalize::FinalizeError;

/// A plan that was not finalized.
pub(in crate::cli) fn of_finalize(error: &FinalizeError) -> Failure {
    let (code, exit, hint) = match error {
        FinalizeError::Trouble(trouble) => {
            return of_trouble(trouble, "agent feature finalize-tasks", "");
        }
        FinalizeError::Empty { .. } => (
            "no-work-packages",
            Exit::NotFound,
            "write the work packages first, or name another feature: --feature NNN-name",
        ),
        FinalizeError::Itself { .. } => (
            "self-dependency",
            Exit::Failed,
            "take it out of its own section in tasks.md, or out of its file, then run this again",
        ),
        FinalizeError::Unknown { .. } => (
            "unknown-dependency",
            Exit::Failed,
            "correct the id in tasks.md, or add the file of that work package, then run this again",
        ),
        FinalizeError::Cycles { .. } => (
            "circular-dependencies",
            Exit::Failed,
            "take one of these dependencies out of tasks.md, then run this again",
        ),
    };
    Failure::new(code, exit, error.to_string()).hint(hint)
}
