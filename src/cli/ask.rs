//! The one question there is: whether to go ahead with a plan that was shown.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::Output;

/// Whether a plan is carried out, only shown, or asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    /// `--dry-run`: it is shown and nothing is done.
    Show,
    /// `--yes`: it is shown and done.
    Do,
    /// It is shown, and a person is asked.
    Ask,
}

impl Intent {
    /// What the two options of a command mean together.
    pub(super) const fn of(dry_run: bool, yes: bool) -> Self {
        match (dry_run, yes) {
            (true, _) => Self::Show,
            (false, true) => Self::Do,
            (false, false) => Self::Ask,
        }
    }
}

/// Whether a plan may be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    Given,
    /// The person said no.
    Refused,
}

/// Asks whether to go ahead with the plan that was just shown. `command` is
/// the one that needs no question.
///
/// # Errors
/// Exit 9 when there is no terminal to ask on, or `--json` was given.
pub(super) fn go_ahead(out: &mut Output, command: &str) -> Result<Leave, Failure> {
    out.flush()?;
    if out.json() || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        let message = "nothing was changed: there is nobody to ask";
        return Err(Failure::new("needs-yes", Exit::NeedsYes, message).hint(command));
    }
    let _ = write!(io::stderr(), "  Go ahead? [y/N] ");
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    let yes = matches!(answer.trim(), "y" | "Y" | "yes" | "Yes" | "YES");
    Ok(if read.is_ok() && yes {
        Leave::Given
    } else {
        Leave::Refused
    })
}
