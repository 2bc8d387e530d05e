//! The closed vocabularies of the schema, one enum each.
//!
//! Every enum lists its words once; printing, parsing, validation and help
//! texts all read that list, so they cannot drift apart.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use thiserror::Error;

/// A text that is not a word of the vocabulary it was read for.
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
    AggregateType {
        /// One work package, named by its id.
        WorkPackage = "WorkPackage",
        /// One feature, named by its slug.
        Feature = "Feature",
    }
}

words! {
    /// The lane of a work package.
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
    Phase {
        /// To build it.
        Implementation = "implementation",
        /// To review it.
        Review = "review",
    }
}

words! {
    /// Where an error came from.
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
