//! The eight payloads and their builders.
//!
//! `new` takes what the schema requires, methods add the rest. Every payload
//! can name its feature, also where the schema does not list it: extra keys are
//! legal, and a reader should not have to guess what `WP01` belongs to. What is
//! not known is left out.

mod feature;
mod journal;
mod work_package;

use serde::Serialize;

use super::draft::Draft;
use super::invalid::{Invalid, Reason};
use super::words::EventType;

pub use feature::{FeatureCompleted, FeatureCreated};
pub use journal::{ErrorLogged, HistoryAdded};
pub use work_package::{DependencyResolved, WpAssigned, WpCreated, WpStatusChanged};

/// Who did it, when nobody says.
const DEFAULT_ACTOR: &str = "user";

/// What all payloads have in common.
///
/// ```
/// use spec_kitty::event::{Draft, EventType, Invalid, Payload, WpCreated};
///
/// fn draft<P: Payload>(payload: P) -> Result<Draft, Invalid> {
///     assert!(EventType::ALL.contains(&P::EVENT_TYPE));
///     payload.into_draft()
/// }
/// let draft = draft(WpCreated::new("WP01", "Begin", "028-x"))?;
/// assert_eq!(draft.event_type(), EventType::WpCreated);
/// # Ok::<(), spec_kitty::event::Invalid>(())
/// ```
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
        Draft::from_payload(Self::EVENT_TYPE, json)
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
