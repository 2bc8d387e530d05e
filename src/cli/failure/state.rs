//! What failures of the state store mean at the command line.

use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, TEMPORARY};
use crate::state::{StateError, ViewError};

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        let (code, exit, hint) = match &error {
            StateError::Busy { .. } | StateError::Slow { .. } => {
                ("state-busy", Exit::Busy, "try again in a moment")
            }
            StateError::LedgerFull(_) => (
                "ledger-full",
                Exit::Partly,
                "see what the server refuses: spec-kitty sync status",
            ),
            StateError::Newer { .. } => (
                "newer",
                Exit::Newer,
                "use the newest version of this program that you have installed",
            ),
            StateError::Exhausted { .. } => (
                "clock-exhausted",
                Exit::Failed,
                "look for the event with the highest clock: spec-kitty log stats",
            ),
            StateError::NoCopy(_) => ("state-copy", Exit::Failed, TEMPORARY),
            _ => (
                "state",
                Exit::Failed,
                "check rights and free space in the home: --home DIR or SPEC_KITTY_HOME",
            ),
        };
        Self::new(code, exit, error.to_string()).hint(hint)
    }
}

impl From<ViewError> for Failure {
    fn from(error: ViewError) -> Self {
        let (code, exit) = match &error {
            ViewError::Newer { .. } => ("newer", Exit::Newer),
            ViewError::Damaged { .. } => ("view-damaged", Exit::Damage),
            _ => ("state", Exit::Failed),
        };
        Self::new(code, exit, error.to_string())
            .hint("the next sync writes it anew: spec-kitty sync now")
    }
}
