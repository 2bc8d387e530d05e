//! What is asked for, checked before anything is looked at.

use std::path::PathBuf;

use super::error::MoveError;
use crate::event::Lane;
use crate::workflow::lane;
use crate::workflow::options::{AutoCommit, BadOption, name, note};
use crate::workflow::trouble::Trouble;
use crate::workflow::work_package::WpId;

/// Whether the guards may refuse the move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guards {
    /// They may.
    Asked,
    /// `--force`.
    Skipped,
}

/// The arguments of the command as they were given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Raw {
    /// The work package.
    pub wp: String,
    /// `--to`
    pub to: String,
    /// `--feature`
    pub feature: Option<String>,
    /// `--agent`
    pub agent: Option<String>,
    /// `--assignee`
    pub assignee: Option<String>,
    /// `--shell-pid`
    pub shell_pid: Option<u32>,
    /// `--note`
    pub note: Option<String>,
    /// `--review-feedback-file`, relative to the working directory.
    pub feedback_file: Option<PathBuf>,
    /// `--reviewer`
    pub reviewer: Option<String>,
    /// `--force`
    pub force: bool,
    /// `--no-auto-commit`
    pub no_auto_commit: bool,
}

/// A move that can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// The work package.
    pub wp: WpId,
    /// The lane to move to.
    pub to: Lane,
    /// The feature, unchecked.
    pub feature: Option<String>,
    /// Who moves it; written as the work package's agent.
    pub agent: Option<String>,
    /// Written as its assignee.
    pub assignee: Option<String>,
    /// Written as the process id of the agent's shell.
    pub shell_pid: Option<u32>,
    /// The note of the activity line, on one line.
    pub note: Option<String>,
    /// A file with the reviewer's words.
    pub feedback_file: Option<PathBuf>,
    /// Who reviewed it.
    pub reviewer: Option<String>,
    /// Whether the guards are asked.
    pub guards: Guards,
    /// Whether the change is committed.
    pub commit: AutoCommit,
}

impl Request {
    /// Checks the arguments. Empty names and notes count as not given.
    ///
    /// # Errors
    /// When the id or the lane is none, or a value cannot be written.
    pub(crate) fn parse(raw: Raw) -> Result<Self, MoveError> {
        let wp = raw.wp.trim().parse().map_err(Trouble::WpId)?;
        let to = lane::parse(&raw.to).map_err(MoveError::Lane)?;
        if raw.feedback_file.is_some() && !matches!(to, Lane::Planned | Lane::Doing) {
            return Err(BadOption::FeedbackForward { to }.into());
        }
        Ok(Self {
            wp,
            to,
            feature: raw.feature,
            agent: name("--agent", raw.agent)?,
            assignee: name("--assignee", raw.assignee)?,
            shell_pid: raw.shell_pid,
            note: note(raw.note.as_deref())?,
            feedback_file: raw.feedback_file,
            reviewer: name("--reviewer", raw.reviewer)?,
            guards: if raw.force {
                Guards::Skipped
            } else {
                Guards::Asked
            },
            commit: AutoCommit::unless(raw.no_auto_commit),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw() -> Raw {
        Raw {
            wp: "WP01".into(),
            to: "doing".into(),
            ..Raw::default()
        }
    }

    #[test]
    fn blank_values_count_as_not_given_and_notes_fit_on_a_line() {
        let request = Request::parse(Raw {
            agent: Some("  ".into()),
            note: Some("one\r\n two\u{1b}\u{2028}three ".into()),
            ..raw()
        })
        .unwrap();
        assert_eq!(request.agent, None);
        assert_eq!(request.note.as_deref(), Some("one two three"));
        assert_eq!(request.guards, Guards::Asked);
    }

    #[test]
    fn what_cannot_be_written_is_refused_first() {
        let refused = |raw: Raw| Request::parse(raw).unwrap_err().to_string();
        assert!(
            refused(Raw {
                to: "blocked".into(),
                ..raw()
            })
            .contains("planned, doing")
        );
        assert!(
            refused(Raw {
                wp: "../x".into(),
                ..raw()
            })
            .contains("WP and two digits")
        );
        assert!(
            refused(Raw {
                agent: Some("a\nb".into()),
                ..raw()
            })
            .contains("--agent")
        );
        assert!(
            refused(Raw {
                assignee: Some("x".repeat(101)),
                ..raw()
            })
            .contains("100")
        );
        assert!(
            refused(Raw {
                note: Some("x".repeat(2001)),
                ..raw()
            })
            .contains("--note")
        );
        let forward = Raw {
            to: "done".into(),
            feedback_file: Some("f".into()),
            ..raw()
        };
        assert!(refused(forward).contains("not to done"));
    }
}
