//! Payloads about a whole feature.

use serde::Serialize;

/// A feature came into being.
///
/// ```
/// use spec_kitty::event::{FeatureCreated, Payload};
///
/// let draft = FeatureCreated::new("028-cli-event-sync", "028", "main", 7)
///     .created_at("2026-11-22T10:11:33Z")
///     .into_draft()?;
/// assert_eq!(draft.feature(), Some("028-cli-event-sync"));
/// # Ok::<(), spec_kitty::event::Invalid>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FeatureCreated {
    /// The feature, such as `028-cli-event-sync`.
    pub feature_slug: String,
    /// Its number, such as `028`.
    pub feature_number: String,
    /// The branch it is built for.
    pub target_branch: String,
    /// How many work packages it has.
    pub wp_count: u32,
    /// When it was created, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
}

impl FeatureCreated {
    /// A new feature.
    #[must_use]
    pub fn new(
        feature_slug: impl Into<String>,
        feature_number: impl Into<String>,
        target_branch: impl Into<String>,
        wp_count: u32,
    ) -> Self {
        Self {
            feature_slug: feature_slug.into(),
            feature_number: feature_number.into(),
            target_branch: target_branch.into(),
            wp_count,
            created_at: None,
        }
    }

    /// Says when, in RFC 3339.
    #[must_use]
    pub fn created_at(mut self, date_time: impl Into<String>) -> Self {
        self.created_at = Some(date_time.into());
        self
    }
}

/// Every work package of a feature is done.
///
/// ```
/// use spec_kitty::event::{FeatureCompleted, Payload};
///
/// let draft = FeatureCompleted::new("028-cli-event-sync", 7)
///     .total_duration("3 days")
///     .into_draft()?;
/// assert!(draft.payload().contains(r#""total_wps":7"#));
/// # Ok::<(), spec_kitty::event::Invalid>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FeatureCompleted {
    /// The feature, such as `028-cli-event-sync`.
    pub feature_slug: String,
    /// How many work packages it had.
    pub total_wps: u32,
    /// When it was completed, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<String>,
    /// How long it took, for people to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_duration: Option<String>,
}

impl FeatureCompleted {
    /// A feature whose work packages are all done.
    #[must_use]
    pub fn new(feature_slug: impl Into<String>, total_wps: u32) -> Self {
        Self {
            feature_slug: feature_slug.into(),
            total_wps,
            completed_at: None,
            total_duration: None,
        }
    }

    /// Says when, in RFC 3339.
    #[must_use]
    pub fn completed_at(mut self, date_time: impl Into<String>) -> Self {
        self.completed_at = Some(date_time.into());
        self
    }

    /// Says how long it took, for people to read.
    #[must_use]
    pub fn total_duration(mut self, duration: impl Into<String>) -> Self {
        self.total_duration = Some(duration.into());
        self
    }
}
