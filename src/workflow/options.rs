//! The values of options, checked before anything is looked at.

use thiserror::Error;

use crate::event::Lane;

/// The longest name (agent, assignee, reviewer) that is written, in characters.
const MAX_NAME_CHARS: usize = 100;
/// The longest note that is written, in characters.
const MAX_NOTE_CHARS: usize = 2_000;

/// Whether what is changed is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AutoCommit {
    /// It is.
    On,
    /// `--no-auto-commit`.
    Off,
}

impl AutoCommit {
    /// What `--no-auto-commit` says.
    #[must_use]
    pub(crate) fn unless(no_auto_commit: bool) -> Self {
        if no_auto_commit { Self::Off } else { Self::On }
    }
}

/// An option whose value cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum BadOption {
    /// Longer than any sensible value.
    #[error("the value of {option} is longer than {limit} characters")]
    TooLong {
        /// The option.
        option: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A line break or another control character in a name.
    #[error("the value of {option} holds a line break or another control character")]
    Control {
        /// The option.
        option: &'static str,
    },
    /// Nothing in it.
    #[error("the value of {option} is empty")]
    Empty {
        /// The option.
        option: &'static str,
    },
    /// Feedback with a move that is not a sending back.
    #[error("--review-feedback-file goes with a move back to planned or doing, not to {to}")]
    FeedbackForward {
        /// The lane asked for.
        to: Lane,
    },
}

/// A name; an empty one counts as not given.
pub(super) fn name(
    option: &'static str,
    value: Option<String>,
) -> Result<Option<String>, BadOption> {
    let Some(value) = value
        .as_deref()
        .map(str::trim)
        .filter(|value| !value.is_empty())
    else {
        return Ok(None);
    };
    if value.chars().any(breaks_a_line) {
        return Err(BadOption::Control { option });
    }
    if value.chars().count() > MAX_NAME_CHARS {
        let limit = MAX_NAME_CHARS;
        return Err(BadOption::TooLong { option, limit });
    }
    Ok(Some(value.to_owned()))
}

/// A note on one line: white space of every kind becomes one space, control
/// characters go. An empty one counts as not given.
pub(super) fn note(value: Option<&str>) -> Result<Option<String>, BadOption> {
    let text = value.unwrap_or_default();
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || breaks_a_line(c))
        .filter(|word| !word.is_empty())
        .collect();
    let text = words.join(" ");
    if text.chars().count() > MAX_NOTE_CHARS {
        return Err(BadOption::TooLong {
            option: "--note",
            limit: MAX_NOTE_CHARS,
        });
    }
    Ok(Some(text).filter(|text| !text.is_empty()))
}

fn breaks_a_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}
