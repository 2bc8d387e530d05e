//! What it means at the command line when the log cannot be read.

use super::Failure;
use crate::cli::exit::Exit;
use crate::log::read::ReadError;

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        let message = error.to_string();
        match error {
            ReadError::Newer { .. } => Self::newer(message),
            _ => Self::new("log", Exit::Failed, message).hint(
                "check who may read the home, or name another: --home DIR or SPEC_KITTY_HOME",
            ),
        }
    }
}

impl Failure {
    /// The log holds what a newer version wrote.
    #[must_use]
    pub fn newer(message: impl Into<String>) -> Self {
        Self::new("newer-log", Exit::Newer, message)
            .hint("install the spec-kitty that wrote it; see yours: spec-kitty --version")
    }
}
