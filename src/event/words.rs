//! The closed vocabularies of the schema, one enum each.
//!
//! Every enum lists its words once; printing, parsing, validation and help
//! texts all read that list, so they cannot drift apart.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use thiserror::Error;

/// A text that is not a word of the vocabulary it was read for.
///
/// ```
/// use spec_kitty::event::Lane;
///
/// let unknown = "reviewing".parse::<Lane>().map_err(|unknown| unknown.expected);
/// assert_eq!(unknown, Err(Lane::WORDS));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("must be one of {}", expected.join(", "))]
pub struct UnknownWord {
    /// Every word there is.
    pub expected: &'static [&'static str],
}

macro_rules! words {
    (
        $(#[$doc:meta])*
        $name:ident { $( $(#[$variant_doc:meta])* $variant:ident = $word:literal, )+ }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $( $(#[$variant_doc])* $variant, )+
        }

        impl $name {
            /// Every value, in the order of the schema.
            pub const ALL: &'static [Self] = &[$( Self::$variant, )+];

            /// Every word, in the same order.
            pub const WORDS: &'static [&'static str] = &[$( $word, )+];

            /// The word that goes over the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $( Self::$variant => $word, )+
                }
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                match text {
                    $( $word => Ok(Self::$variant), )+
                    _ => Err(UnknownWord { expected: Self::WORDS }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

words! {
    /// What happened.
    ///
    /// ```
    /// use spec_kitty::event::EventType;
    ///
    /// assert_eq!(EventType::WpCreated.as_str(), "WPCreated");
    /// assert_eq!(EventType::ALL.len(), 8);
    /// ```
    EventType {
        /// A work package moved to another lane.
        WpStatusChanged = "WPStatusChanged",
        /// A work package came into being.
        WpCreated = "WPCreated",
        /// An agent took a work package.
        WpAssigned = "WPAssigned",
        /// A feature came into being.
        FeatureCreated = "FeatureCreated",
        /// Every work package of a feature is done.
        FeatureCompleted = "FeatureCompleted",
        /// A line was added to a work package's history.
        HistoryAdded = "HistoryAdded",
        /// Something went wrong.
        ErrorLogged = "ErrorLogged",
        /// A work package no longer waits for another.
        DependencyResolved = "DependencyResolved",
    }
}

words! {
    /// What kind of thing an event is about.
    ///
    /// ```
    /// use spec_kitty::event::{AggregateType, Draft, FeatureCompleted};
    ///
    /// let draft = Draft::try_from(FeatureCompleted::new("028-cli-event-sync", 7))?;
    /// assert_eq!(draft.aggregate_type(), AggregateType::Feature);
    /// assert_eq!(draft.aggregate_id(), "028-cli-event-sync");
    /// # Ok::<(), spec_kitty::event::Invalid>(())
    /// ```
    AggregateType {
        /// One work package, named by its id.
        WorkPackage = "WorkPackage",
        /// One feature, named by its slug.
        Feature = "Feature",
    }
}

words! {
    /// The lane of a work package.
    ///
    /// ```
    /// use spec_kitty::event::Lane;
    ///
    /// assert_eq!("for_review".parse(), Ok(Lane::ForReview));
    /// assert_eq!(Lane::suggest("plannd"), Some(Lane::Planned));
    /// assert_eq!(Lane::WORDS, ["planned", "doing", "for_review", "done"]);
    /// ```
    Lane {
        /// Not begun.
        Planned = "planned",
        /// Somebody works on it.
        Doing = "doing",
        /// Finished by its author, not yet looked at.
        ForReview = "for_review",
        /// Accepted.
        Done = "done",
    }
}

words! {
    /// The kind of a history entry.
    ///
    /// ```
    /// use spec_kitty::event::EntryType;
    ///
    /// assert_eq!("review".parse(), Ok(EntryType::Review));
    /// assert_eq!(EntryType::Note.to_string(), "note");
    /// ```
    EntryType {
        /// A remark by whoever works on it.
        Note = "note",
        /// The word of a reviewer.
        Review = "review",
        /// Something that went wrong.
        Error = "error",
        /// Anything else.
        Comment = "comment",
    }
}

words! {
    /// What an agent was assigned for.
    ///
    /// ```
    /// use spec_kitty::event::{Phase, WpAssigned};
    ///
    /// let review = WpAssigned::new("WP01", "claude", Phase::Review);
    /// assert_eq!(review.phase.as_str(), "review");
    /// ```
    Phase {
        /// To build it.
        Implementation = "implementation",
        /// To review it.
        Review = "review",
    }
}

words! {
    /// Where an error came from.
    ///
    /// ```
    /// use spec_kitty::event::{ErrorKind, ErrorLogged};
    ///
    /// let error = ErrorLogged::new(ErrorKind::Network, "the server hung up");
    /// assert_eq!(error.error_type.as_str(), "network");
    /// ```
    ErrorKind {
        /// Something given was not valid.
        Validation = "validation",
        /// Something failed while running.
        Runtime = "runtime",
        /// The network or a server.
        Network = "network",
        /// Credentials.
        Auth = "auth",
        /// None of these.
        Unknown = "unknown",
    }
}

words! {
    /// How a dependency was resolved.
    ///
    /// ```
    /// use spec_kitty::event::{DependencyResolved, Resolution};
    ///
    /// let free = DependencyResolved::new("WP02", "WP01", Resolution::Merged);
    /// assert_eq!(free.resolution_type.as_str(), "merged");
    /// ```
    Resolution {
        /// The work package waited for is done.
        Completed = "completed",
        /// It is no longer waited for.
        Skipped = "skipped",
        /// It was merged.
        Merged = "merged",
    }
}

impl EventType {
    /// The event type that a mistyped one most likely means, if any is near.
    ///
    /// ```
    /// use spec_kitty::event::EventType;
    /// assert_eq!(EventType::suggest("wp_status_change"), Some(EventType::WpStatusChanged));
    /// assert_eq!(EventType::suggest("Lunch"), None);
    /// ```
    #[must_use]
    pub fn suggest(text: &str) -> Option<Self> {
        crate::suggest::nearest(text, Self::WORDS)
            .and_then(|index| Self::ALL.get(index))
            .copied()
    }
}

impl Lane {
    /// The lane that a mistyped one most likely means, if any is near.
    #[must_use]
    pub fn suggest(text: &str) -> Option<Self> {
        crate::suggest::nearest(text, Self::WORDS)
            .and_then(|index| Self::ALL.get(index))
            .copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_as_its_value() {
        for (value, word) in EventType::ALL.iter().zip(EventType::WORDS) {
            assert_eq!(word.parse(), Ok(*value));
            assert_eq!(value.as_str(), *word);
        }
        assert_eq!("for_review".parse(), Ok(Lane::ForReview));
    }

    #[test]
    fn an_unknown_word_is_answered_with_all_words() {
        let error = "reviewing".parse::<Lane>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "must be one of planned, doing, for_review, done"
        );
        assert!("wpcreated".parse::<EventType>().is_err(), "case counts");
    }

    #[test]
    fn a_word_can_be_padded_in_a_column() {
        assert_eq!(format!("{:<8}|", Lane::Done), "done    |");
    }
}
