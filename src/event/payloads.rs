//! The eight payloads and their builders.
//!
//! `new` takes what the schema requires, methods add the rest. Every payload
//! can name its feature, also where the schema does not list it: extra keys are
//! legal, and a reader should not have to guess what `WP01` belongs to. What is
//! not known is left out.

use serde::Serialize;

use super::draft::Draft;
use super::invalid::{Invalid, Reason};
use super::words::{EntryType, ErrorKind, EventType, Lane, Phase, Resolution};

/// Who did it, when nobody says.
const DEFAULT_ACTOR: &str = "user";

/// What all payloads have in common.
pub trait Payload: Serialize {
    /// The type of the events that carry this payload.
    const EVENT_TYPE: EventType;

    /// The event, without its place in the log.
    ///
    /// # Errors
    ///
    /// Names the field that is not as the schema demands.
    fn into_draft(self) -> Result<Draft, Invalid>
    where
        Self: Sized,
    {
        let json = serde_json::to_string(&self)
            .map_err(|error| Invalid::new("payload", Reason::NotJson(error.to_string())))?;
        Draft::from_payload(Self::EVENT_TYPE, &json)
    }
}

macro_rules! payload {
    ($name:ident) => {
        impl Payload for $name {
            const EVENT_TYPE: EventType = EventType::$name;
        }

        impl TryFrom<$name> for Draft {
            type Error = Invalid;

            fn try_from(payload: $name) -> Result<Self, Invalid> {
                payload.into_draft()
            }
        }
    };
}

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

/// A work package came into being.
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

/// An agent took a work package.
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

/// A feature came into being.
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

/// Every work package of a feature is done.
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

/// A line was added to a work package's history.
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

/// Something went wrong.
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

/// A work package no longer waits for another.
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

payload!(WpStatusChanged);
payload!(WpCreated);
payload!(WpAssigned);
payload!(FeatureCreated);
payload!(FeatureCompleted);
payload!(HistoryAdded);
payload!(ErrorLogged);
payload!(DependencyResolved);

macro_rules! with_feature {
    ($($name:ident),+) => {$(
        impl $name {
            /// Names the feature it belongs to.
            #[must_use]
            pub fn feature(mut self, slug: impl Into<String>) -> Self {
                self.feature_slug = Some(slug.into());
                self
            }
        }
    )+};
}

with_feature!(
    WpStatusChanged,
    WpAssigned,
    HistoryAdded,
    ErrorLogged,
    DependencyResolved
);

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
