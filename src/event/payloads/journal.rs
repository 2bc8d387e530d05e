//! Payloads that carry words for people: history and errors.

use serde::Serialize;

use super::DEFAULT_ACTOR;
use crate::event::words::{EntryType, ErrorKind};

/// A line was added to a work package's history.
///
/// ```
/// use spec_kitty::event::{EntryType, HistoryAdded, Payload};
///
/// let draft = HistoryAdded::new("WP01", EntryType::Review, "looks good")
///     .author("claude")
///     .into_draft()?;
/// assert_eq!(draft.aggregate_id(), "WP01");
/// # Ok::<(), spec_kitty::event::Invalid>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HistoryAdded {
    /// The work package, such as `WP01`.
    pub wp_id: String,
    /// What kind of line.
    pub entry_type: EntryType,
    /// The line.
    pub entry_content: String,
    /// `user`, or the name of an agent.
    pub author: String,
    /// The feature it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature_slug: Option<String>,
}

impl HistoryAdded {
    /// A line of history, by the user.
    #[must_use]
    pub fn new(
        wp_id: impl Into<String>,
        entry_type: EntryType,
        entry_content: impl Into<String>,
    ) -> Self {
        Self {
            wp_id: wp_id.into(),
            entry_type,
            entry_content: entry_content.into(),
            author: DEFAULT_ACTOR.to_owned(),
            feature_slug: None,
        }
    }

    /// Names who wrote it.
    #[must_use]
    pub fn author(mut self, author: impl Into<String>) -> Self {
        self.author = author.into();
        self
    }
}

/// Something went wrong.
///
/// ```
/// use spec_kitty::event::{ErrorKind, ErrorLogged, Payload};
///
/// let draft = ErrorLogged::new(ErrorKind::Runtime, "the tests failed")
///     .wp_id("WP01")
///     .agent_id("claude")
///     .into_draft()?;
/// assert_eq!(draft.aggregate_id(), "WP01");
/// # Ok::<(), spec_kitty::event::Invalid>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorLogged {
    /// The work package it happened in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wp_id: Option<String>,
    /// Where it came from.
    pub error_type: ErrorKind,
    /// What happened.
    pub error_message: String,
    /// Where in a program; only when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack_trace: Option<String>,
    /// The agent it happened to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// The feature it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature_slug: Option<String>,
}

impl ErrorLogged {
    /// An error that belongs to nothing in particular.
    #[must_use]
    pub fn new(error_type: ErrorKind, error_message: impl Into<String>) -> Self {
        Self {
            wp_id: None,
            error_type,
            error_message: error_message.into(),
            stack_trace: None,
            agent_id: None,
            feature_slug: None,
        }
    }

    /// Names the work package it happened in.
    #[must_use]
    pub fn wp_id(mut self, wp_id: impl Into<String>) -> Self {
        self.wp_id = Some(wp_id.into());
        self
    }

    /// Says where in a program; only when asked for.
    #[must_use]
    pub fn stack_trace(mut self, trace: impl Into<String>) -> Self {
        self.stack_trace = Some(trace.into());
        self
    }

    /// Names the agent it happened to.
    #[must_use]
    pub fn agent_id(mut self, agent: impl Into<String>) -> Self {
        self.agent_id = Some(agent.into());
        self
    }
}
