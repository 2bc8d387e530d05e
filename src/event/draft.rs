//! A draft: everything of an event that is known before it gets its place.
//!
//! A draft is valid by construction. What is still missing (id, clock, time,
//! node, team, project) is given by the emitter under the log's writer lock,
//! and none of it can make the payload wrong.

use std::borrow::Cow;

use ulid::Ulid;

use super::id::EventId;
use super::invalid::{Invalid, Reason};
use super::json_privacy::redact_home_in_json;
use super::members::Kept;
use super::validate::{check_length, check_payload};
use super::words::{AggregateType, EventType};
use super::{MAX_OWN_JSON, json, plain, rules};

/// The longest aggregate id and the longest feature slug that is recorded, in
/// bytes: both stand in the event's header.
///
/// ```
/// use spec_kitty::event::{Draft, FeatureCompleted, MAX_ID_BYTES};
///
/// let slug = format!("028-{}", "x".repeat(MAX_ID_BYTES));
/// assert!(Draft::try_from(FeatureCompleted::new(slug, 2)).is_err());
/// ```
pub const MAX_ID_BYTES: usize = 255;

/// The aggregate of an error that belongs to no work package.
const ERROR_AGGREGATE: &str = "error";

/// A valid event without its place in the log.
///
/// ```
/// use spec_kitty::event::Draft;
/// let draft = Draft::from_json(
///     "HistoryAdded",
///     r#"{ "wp_id": "WP01", "entry_type": "note", "entry_content": "begun" }"#,
///     None,
/// )?;
/// assert_eq!(draft.aggregate_id(), "WP01");
/// assert_eq!(
///     draft.payload(),
///     r#"{"wp_id":"WP01","entry_type":"note","entry_content":"begun"}"#
/// );
/// # Ok::<(), spec_kitty::event::Invalid>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    event_type: EventType,
    aggregate_type: AggregateType,
    aggregate_id: String,
    feature: Option<String>,
    payload: String,
    causation_id: Option<Ulid>,
}

impl Draft {
    /// A draft of an event given by hand. The aggregate is derived from the
    /// payload; whitespace between the payload's tokens is dropped, and not one
    /// other byte of it is changed.
    ///
    /// # Errors
    ///
    /// Names the field that is wrong: `event_type`, `payload`, `payload.…` or
    /// `causation_id`.
    pub fn from_json(
        event_type: &str,
        payload_json: &str,
        causation_id: Option<EventId>,
    ) -> Result<Self, Invalid> {
        let event_type = event_type.parse::<EventType>().map_err(|_| {
            let meant = EventType::suggest(event_type);
            Invalid::new("event_type", Reason::UnknownType(meant))
        })?;
        check_length("payload", payload_json.len(), MAX_OWN_JSON)?;
        let draft = Self::from_payload(event_type, payload_json.to_owned())?;
        match causation_id {
            None => Ok(draft),
            Some(EventId::Ulid(cause)) => Ok(draft.caused_by(cause)),
            Some(EventId::Text(_)) => Err(Invalid::new("causation_id", Reason::NotUlid)),
        }
    }

    pub(super) fn from_payload(event_type: EventType, payload: String) -> Result<Self, Invalid> {
        check_length("payload", payload.len(), MAX_OWN_JSON)?;
        let (kept, compacted) = match plain::read(rules::payload(event_type), &payload) {
            Some(kept) => (kept, None),
            None => {
                let kept = check_payload(event_type, &payload)?;
                (kept, Some(json::compact(&payload).into_owned()))
            }
        };
        let (aggregate_type, aggregate_id) = aggregate(event_type, &kept)?;
        let feature = kept.feature_slug.filter(|slug| !slug.is_empty());
        if let Some(slug) = &feature {
            check_length("payload.feature_slug", slug.len(), MAX_ID_BYTES)?;
        }
        Ok(Self {
            event_type,
            aggregate_type,
            aggregate_id,
            feature: feature.map(Into::into),
            payload: compacted.unwrap_or(payload),
            causation_id: None,
        })
    }

    /// The same draft, caused by another event.
    #[must_use]
    pub fn caused_by(mut self, cause: Ulid) -> Self {
        self.causation_id = Some(cause);
        self
    }

    /// The same draft with the home directory written as `~` in every text of
    /// its payload, so that no user's name is recorded.
    ///
    /// # Errors
    ///
    /// When the payload is not valid any more, which takes a field that names
    /// nothing but the home.
    pub fn without_home(self, home_dir: &str) -> Result<Self, Invalid> {
        match redact_home_in_json(&self.payload, home_dir) {
            Cow::Borrowed(_) => Ok(self),
            Cow::Owned(payload) => Ok(Self {
                causation_id: self.causation_id,
                ..Self::from_payload(self.event_type, payload)?
            }),
        }
    }

    /// What happened.
    #[must_use]
    pub const fn event_type(&self) -> EventType {
        self.event_type
    }

    /// The kind of thing it happened to.
    #[must_use]
    pub const fn aggregate_type(&self) -> AggregateType {
        self.aggregate_type
    }

    /// The thing it happened to: 1 to [`MAX_ID_BYTES`] bytes.
    #[must_use]
    pub fn aggregate_id(&self) -> &str {
        &self.aggregate_id
    }

    /// The feature it belongs to, when the payload names one.
    #[must_use]
    pub fn feature(&self) -> Option<&str> {
        self.feature.as_deref()
    }

    /// The payload's JSON, on one line.
    #[must_use]
    pub fn payload(&self) -> &str {
        &self.payload
    }

    /// The event that caused it.
    #[must_use]
    pub const fn causation_id(&self) -> Option<Ulid> {
        self.causation_id
    }
}

/// What an event is about, as its payload says.
fn aggregate(event_type: EventType, kept: &Kept<'_>) -> Result<(AggregateType, String), Invalid> {
    let (kind, field, id) = match event_type {
        EventType::FeatureCreated | EventType::FeatureCompleted => (
            AggregateType::Feature,
            "payload.feature_slug",
            &kept.feature_slug,
        ),
        _ => (AggregateType::WorkPackage, "payload.wp_id", &kept.wp_id),
    };
    match id.as_deref() {
        Some(id) if !id.is_empty() => {
            check_length(field, id.len(), MAX_ID_BYTES)?;
            Ok((kind, id.to_owned()))
        }
        _ if event_type == EventType::ErrorLogged => {
            Ok((AggregateType::Feature, ERROR_AGGREGATE.to_owned()))
        }
        Some(_) => Err(Invalid::new(field, Reason::Empty)),
        None => Err(Invalid::new(field, Reason::Missing)),
    }
}

#[cfg(test)]
#[path = "draft_tests.rs"]
mod tests;
