//! Payloads about one work package: its making, its lane, its agent, what it
//! waits for.

use serde::Serialize;

use super::DEFAULT_ACTOR;
use crate::event::words::{Lane, Phase, Resolution};

/// A work package moved to another lane.
///
/// ```
/// use spec_kitty::event::{Lane, Payload, WpStatusChanged};
/// let draft = WpStatusChanged::new("WP01", Lane::Planned, Lane::Doing)
///     .changed_by("claude")
///     .feature("028-x")
///     .into_draft()?;
/// assert_eq!(draft.aggregate_id(), "WP01");
/// # Ok::<(), spec_kitty::event::Invalid>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WpStatusChanged {
    /// The work package, such as `WP01`.
    pub wp_id: String,
    /// The lane it was in.
    pub previous_status: Lane,
    /// The lane it is in now.
    pub new_status: Lane,
    /// `user`, or the name of an agent.
    pub changed_by: String,
    /// The feature it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature_slug: Option<String>,
}

impl WpStatusChanged {
    /// A move of `wp_id` from one lane to another, by the user.
    #[must_use]
    pub fn new(wp_id: impl Into<String>, previous_status: Lane, new_status: Lane) -> Self {
        Self {
            wp_id: wp_id.into(),
            previous_status,
            new_status,
            changed_by: DEFAULT_ACTOR.to_owned(),
            feature_slug: None,
        }
    }

    /// Names who moved it.
    #[must_use]
    pub fn changed_by(mut self, actor: impl Into<String>) -> Self {
        self.changed_by = actor.into();
        self
    }
}

/// A work package came into being.
///
/// ```
/// use spec_kitty::event::{Payload, WpCreated};
///
/// let draft = WpCreated::new("WP02", "Send", "028-x")
///     .dependencies(["WP01"])
///     .into_draft()?;
/// assert!(draft.payload().contains(r#""dependencies":["WP01"]"#));
///
/// assert!(WpCreated::new("the second", "Send", "028-x").into_draft().is_err());
/// # Ok::<(), spec_kitty::event::Invalid>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WpCreated {
    /// The work package, such as `WP01`.
    pub wp_id: String,
    /// Its title.
    pub title: String,
    /// The work packages it waits for.
    pub dependencies: Vec<String>,
    /// The feature it belongs to.
    pub feature_slug: String,
}

impl WpCreated {
    /// A new work package of a feature, waiting for nothing.
    #[must_use]
    pub fn new(
        wp_id: impl Into<String>,
        title: impl Into<String>,
        feature_slug: impl Into<String>,
    ) -> Self {
        Self {
            wp_id: wp_id.into(),
            title: title.into(),
            dependencies: Vec::new(),
            feature_slug: feature_slug.into(),
        }
    }

    /// Names the work packages it waits for.
    #[must_use]
    pub fn dependencies(mut self, ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.dependencies = ids.into_iter().map(Into::into).collect();
        self
    }
}

/// An agent took a work package.
///
/// ```
/// use spec_kitty::event::{Payload, Phase, WpAssigned};
///
/// let draft = WpAssigned::new("WP01", "claude", Phase::Implementation)
///     .retry_count(1)
///     .into_draft()?;
/// assert!(draft.payload().contains(r#""retry_count":1"#));
/// # Ok::<(), spec_kitty::event::Invalid>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WpAssigned {
    /// The work package, such as `WP01`.
    pub wp_id: String,
    /// The agent, such as `claude`.
    pub agent_id: String,
    /// What it was taken for.
    pub phase: Phase,
    /// How often this was tried before.
    pub retry_count: u32,
    /// The feature it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature_slug: Option<String>,
}

impl WpAssigned {
    /// An assignment for the first time.
    #[must_use]
    pub fn new(wp_id: impl Into<String>, agent_id: impl Into<String>, phase: Phase) -> Self {
        Self {
            wp_id: wp_id.into(),
            agent_id: agent_id.into(),
            phase,
            retry_count: 0,
            feature_slug: None,
        }
    }

    /// Says how often this was tried before.
    #[must_use]
    pub const fn retry_count(mut self, count: u32) -> Self {
        self.retry_count = count;
        self
    }
}

/// A work package no longer waits for another.
///
/// ```
/// use spec_kitty::event::{DependencyResolved, Payload, Resolution};
///
/// let draft = DependencyResolved::new("WP02", "WP01", Resolution::Completed)
///     .feature("028-x")
///     .into_draft()?;
/// assert_eq!(draft.aggregate_id(), "WP02"); // about the one that waited
/// # Ok::<(), spec_kitty::event::Invalid>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DependencyResolved {
    /// The work package that waited.
    pub wp_id: String,
    /// The work package it waited for.
    pub dependency_wp_id: String,
    /// How it was resolved.
    pub resolution_type: Resolution,
    /// The feature both belong to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature_slug: Option<String>,
}

impl DependencyResolved {
    /// A dependency that no longer holds anything up.
    #[must_use]
    pub fn new(
        wp_id: impl Into<String>,
        dependency_wp_id: impl Into<String>,
        resolution_type: Resolution,
    ) -> Self {
        Self {
            wp_id: wp_id.into(),
            dependency_wp_id: dependency_wp_id.into(),
            resolution_type,
            feature_slug: None,
        }
    }
}
