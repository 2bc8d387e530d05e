//! A failure as the user meets it: a stable code, an exit, a message, a hint.
//!
//! Every room has typed errors of its own. They become a [`Failure`] here and
//! nowhere else, so that one file shows which error ends with which exit code.
//! Nothing here looks at the text of an error.

use std::io;

use crate::cli::exit::Exit;
use crate::event::Invalid;
use crate::home::HomeError;

pub mod codes;
mod delivery;
mod demo;
mod dev_server;
mod emission;
mod legacy;
mod near;
mod orchestration;
mod plan;
mod reading;
mod retention;
mod state;
mod workflow;

pub(super) use delivery::unknown_setting;
pub(super) use near::near;
pub(super) use orchestration::of_orchestrate;
pub(super) use plan::{of_accept, of_finalize, of_implement, of_merge};
pub(super) use workflow::{of_mark, of_move, of_trouble};

/// What to do when there is no room for what is needed for a while.
pub(super) const TEMPORARY: &str =
    "free some space where temporary files are kept, or name another place: TMPDIR";

/// Why a command did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// A stable kebab-case word for scripts.
    pub code: &'static str,
    /// The exit code.
    pub exit: Exit,
    /// What happened and why; one to three lines, no trailing full stop needed.
    pub message: String,
    /// What to do next: a command that can be run in this very state.
    pub hint: Option<String>,
    /// Whether anything is printed; a closed pipe ends quietly.
    pub quiet: bool,
}

impl Failure {
    /// A failure with a code, an exit and a message.
    #[must_use]
    pub fn new(code: &'static str, exit: Exit, message: impl Into<String>) -> Self {
        Self {
            code,
            exit,
            message: message.into(),
            hint: None,
            quiet: false,
        }
    }

    /// The same with the next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Bad usage that the argument parser could not see.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new("usage", Exit::Usage, message)
    }

    /// Ends with `exit` and prints nothing: the report already said it all.
    #[must_use]
    pub fn silent(exit: Exit) -> Self {
        Self {
            code: "reported",
            exit,
            message: String::new(),
            hint: None,
            quiet: true,
        }
    }

    /// What a failed write to stdout or stderr means: a closed pipe is a
    /// reader that has seen enough, anything else is a failure.
    #[must_use]
    pub fn from_output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::silent(Exit::Done)
        } else {
            Self::new(
                "output",
                Exit::Failed,
                format!("cannot write the output: {error}"),
            )
        }
    }
}

impl From<HomeError> for Failure {
    fn from(error: HomeError) -> Self {
        Self::new("home", Exit::Failed, error.to_string())
            .hint("name a directory you may write to: --home DIR or SPEC_KITTY_HOME")
    }
}

impl From<Invalid> for Failure {
    fn from(invalid: Invalid) -> Self {
        Self::new("invalid-event", Exit::Usage, invalid.to_string())
    }
}
