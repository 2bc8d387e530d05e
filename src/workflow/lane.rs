//! Reading a lane as people and files write it.

use thiserror::Error;

use crate::event::Lane;

/// Words that people use for a lane.
const SYNONYMS: [(&str, Lane); 13] = [
    ("todo", Lane::Planned),
    ("backlog", Lane::Planned),
    ("plan", Lane::Planned),
    ("in_progress", Lane::Doing),
    ("wip", Lane::Doing),
    ("claimed", Lane::Doing),
    ("started", Lane::Doing),
    ("review", Lane::ForReview),
    ("in_review", Lane::ForReview),
    ("complete", Lane::Done),
    ("completed", Lane::Done),
    ("finished", Lane::Done),
    ("approved", Lane::Done),
];

/// A text that names none of the four lanes.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("there is no lane '{given}'; the lanes are {}", Lane::WORDS.join(", "))]
pub(crate) struct UnknownLane {
    /// What was given.
    pub given: String,
    /// The lane that was most likely meant.
    pub meant: Option<Lane>,
}

/// Reads a lane: white space around it and its case do not count.
///
/// # Errors
/// When it is none of the four; the error says which one was likely meant.
pub(crate) fn parse(text: &str) -> Result<Lane, UnknownLane> {
    let word = text.trim().to_ascii_lowercase();
    word.parse().map_err(|_| UnknownLane {
        given: text.trim().chars().take(40).collect(),
        meant: meant(&word.replace(['-', ' '], "_")),
    })
}

fn meant(word: &str) -> Option<Lane> {
    SYNONYMS
        .iter()
        .find_map(|(synonym, lane)| (*synonym == word).then_some(*lane))
        .or_else(|| Lane::suggest(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_four_lanes_are_lanes() {
        for lane in Lane::ALL {
            assert_eq!(parse(lane.as_str()), Ok(*lane));
            assert_eq!(parse(&lane.as_str().to_uppercase()), Ok(*lane));
        }
        for word in ["", "blocked", "for review!", "donedone"] {
            assert!(parse(word).is_err(), "{word}");
        }
    }

    #[test]
    fn the_lane_that_was_meant_is_named() {
        let meant = |word: &str| parse(word).unwrap_err().meant;
        assert_eq!(meant("for-review"), Some(Lane::ForReview));
        assert_eq!(meant("planed"), Some(Lane::Planned));
        assert_eq!(meant("WIP"), Some(Lane::Doing));
        assert_eq!(meant("lunch"), None);
    }

    #[test]
    fn a_lane_is_read_loosely_and_a_synonym_is_suggested() {
        assert_eq!(parse(" For_Review "), Ok(Lane::ForReview));
        assert_eq!(parse("in-progress").unwrap_err().meant, Some(Lane::Doing));
    }
}
