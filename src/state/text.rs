//! Texts of bounded length that the ledger keeps: what may be a key must be
//! exact, what is for people may be clipped.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest project or event identifier, in bytes.
const MAX_KEY_BYTES: usize = 64;

/// A text is longer than the ledger keeps, or empty.
///
/// ```
/// use spec_kitty::state::{EventKey, TooLong};
///
/// assert_eq!(EventKey::new(""), Err(TooLong(0)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("an identifier must have 1 to {MAX_KEY_BYTES} bytes, not {0}")]
pub struct TooLong(pub usize);

macro_rules! key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// The identifier `text`, kept exactly.
            ///
            /// # Errors
            /// [`TooLong`] when it has no bytes or more than 64.
            pub fn new(text: &str) -> Result<Self, TooLong> {
                if !fits(text) {
                    return Err(TooLong(text.len()));
                }
                Ok(Self(text.into()))
            }

            /// The identifier as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = TooLong;

            fn try_from(text: String) -> Result<Self, TooLong> {
                Self::new(&text)
            }
        }

        impl From<$name> for String {
            fn from(key: $name) -> Self {
                key.0.into()
            }
        }
    };
}

key! {
    /// The identifier of a project: with a target it names a stream.
    ///
    /// ```
    /// use spec_kitty::state::Project;
    ///
    /// let project = Project::new("0b6f4d7e-5f0c-4f0e-8d5e-3b1d2c3a4b5c")?;
    /// assert_eq!(project.as_str().len(), 36);
    /// # Ok::<(), spec_kitty::state::TooLong>(())
    /// ```
    Project
}

key! {
    /// The identifier of an event, by which a cursor recognises its place.
    ///
    /// ```
    /// use spec_kitty::state::EventKey;
    ///
    /// let event = EventKey::new("01M81BTPP6PS3R3G0D5WC0XV38")?;
    /// assert_eq!(event.to_string(), "01M81BTPP6PS3R3G0D5WC0XV38");
    /// # Ok::<(), spec_kitty::state::TooLong>(())
    /// ```
    EventKey
}

impl EventKey {
    /// Whether `text` could be one.
    pub(crate) fn can_be(text: &str) -> bool {
        fits(text)
    }
}

fn fits(key: &str) -> bool {
    (1..=MAX_KEY_BYTES).contains(&key.len())
}

/// The longest beginning of `text` that has at most `max` bytes and ends
/// between two characters.
pub(crate) fn clip(text: &str, max: usize) -> &str {
    (0..=max.min(text.len()))
        .rev()
        .find_map(|end| text.get(..end))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_exact_or_refused() {
        assert_eq!(Project::new(&"p".repeat(64)).unwrap().as_str().len(), 64);
        assert_eq!(Project::new(&"p".repeat(65)), Err(TooLong(65)));
        assert_eq!(EventKey::new(""), Err(TooLong(0)));
    }

    #[test]
    fn clipping_never_splits_a_character() {
        assert_eq!(clip("aé", 2), "a");
        assert_eq!(clip("aé", 3), "aé");
        assert_eq!(clip("aé", 99), "aé");
        assert_eq!(clip("é", 0), "");
    }
}
