//! Why an event is not valid: which field, and what is wrong with it.
//!
//! Never carries the value itself: it may be private, long, or hostile.

use std::fmt;

use super::words::EventType;

/// One field that is wrong.
///
/// ```
/// use spec_kitty::event::{Draft, Reason};
///
/// let refused = Draft::from_json("WPCreated", r#"{"wp_id": "WP01"}"#, None);
/// let Err(invalid) = refused else {
///     panic!("it has no title");
/// };
/// assert_eq!((invalid.field.as_str(), &invalid.reason), ("payload.title", &Reason::Missing));
/// assert_eq!(invalid.to_string(), "payload.title is missing");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The path of the field, such as `payload.wp_id`; empty when the event as
    /// a whole is meant. The last name may be an unknown key as it was given:
    /// bounded, but to be escaped before a terminal sees it.
    pub field: String,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with a field.
///
/// ```
/// use spec_kitty::event::{Draft, EventType, Reason};
///
/// let refused = Draft::from_json("WPCreate", "{}", None);
/// let reason = refused.map_err(|invalid| invalid.reason);
/// assert_eq!(reason, Err(Reason::UnknownType(Some(EventType::WpCreated))));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Required and not there.
    Missing,
    /// The same key is there twice; readers disagree which one counts.
    Duplicate,
    /// Not a text.
    NotText,
    /// Neither a text nor null.
    NotTextOrNull,
    /// Not a whole number written in digits, from 0 to 2^63 - 1.
    NotCount,
    /// Not a JSON object.
    NotObject,
    /// Not a list.
    NotList,
    /// An empty text where one is needed.
    Empty,
    /// Not `WP` and two digits.
    NotWpId,
    /// Not three digits, a hyphen, and lower-case letters, digits or hyphens.
    NotFeatureSlug,
    /// Not three digits.
    NotFeatureNumber,
    /// Not an id: 1 to 64 printable ASCII characters.
    NotId,
    /// An integer that takes more than 64 bits is in it; many readers refuse it.
    HugeInteger,
    /// Not a canonical ULID.
    NotUlid,
    /// Not a date and time of RFC 3339.
    NotDateTime,
    /// Not one of these words.
    NotOneOf(&'static [&'static str]),
    /// Not an event type; the one that was probably meant.
    UnknownType(Option<EventType>),
    /// Longer than allowed, in bytes.
    TooLong {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        max: usize,
    },
    /// Nested more deeply than [`super::MAX_DEPTH`].
    TooDeep,
    /// Not UTF-8, from this byte on.
    NotUtf8 {
        /// How many bytes before it are.
        valid_bytes: usize,
    },
    /// Not JSON; what the parser said, without any of the text.
    NotJson(String),
}

impl Invalid {
    pub(super) fn new(field: impl Into<String>, reason: Reason) -> Self {
        Self {
            field: field.into(),
            reason,
        }
    }
}

impl std::error::Error for Invalid {}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            write!(f, "the event {}", self.reason)
        } else {
            write!(f, "{} {}", self.field, self.reason)
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing"),
            Self::Duplicate => f.write_str("is there twice"),
            Self::NotText => f.write_str("must be a text"),
            Self::NotTextOrNull => f.write_str("must be a text or null"),
            Self::NotCount => {
                f.write_str("must be a whole number in digits, from 0 to 9223372036854775807")
            }
            Self::NotObject => f.write_str("must be a JSON object"),
            Self::NotList => f.write_str("must be a list"),
            Self::Empty => f.write_str("must not be empty"),
            Self::NotWpId => f.write_str("must be WP and two digits, such as WP01"),
            Self::NotFeatureSlug => {
                f.write_str("must be three digits and a name, such as 028-cli-event-sync")
            }
            Self::NotFeatureNumber => f.write_str("must be three digits, such as 028"),
            Self::NotId => f.write_str("must be 1 to 64 printable ASCII characters without spaces"),
            Self::HugeInteger => f.write_str("holds an integer of more than 64 bits"),
            Self::NotUlid => f.write_str("must be a ULID: 26 characters in upper case"),
            Self::NotDateTime => {
                f.write_str("must be a date and time such as 2026-11-22T10:11:33Z")
            }
            Self::NotOneOf(words) => write!(f, "must be one of {}", words.join(", ")),
            Self::UnknownType(Some(meant)) => {
                write!(f, "is not known; did you mean {meant}?")
            }
            Self::UnknownType(None) => {
                write!(f, "must be one of {}", EventType::WORDS.join(", "))
            }
            Self::TooLong { bytes, max } => {
                write!(f, "is too long: {bytes} bytes, at most {max} are allowed")
            }
            Self::TooDeep => {
                write!(f, "is nested more than {} levels deep", super::MAX_DEPTH)
            }
            Self::NotUtf8 { valid_bytes } => {
                write!(f, "is not UTF-8 after its first {valid_bytes} bytes")
            }
            Self::NotJson(what) => write!(f, "is not valid JSON: {what}"),
        }
    }
}
