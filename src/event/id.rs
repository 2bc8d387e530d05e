//! Event ids: ULIDs of our own, and whatever bounded text others used.
//!
//! Two texts must never mean one id, because the id is the key by which the
//! server deduplicates. The `ulid` crate accepts lower case and silently drops
//! the top bits of `8ZZZ…`, so a text counts as a ULID only when it prints
//! back as itself; everything else is kept as the text it is.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;
use ulid::{ULID_LEN, Ulid};

/// How far the last id may lie ahead of the clock and still be continued, in
/// milliseconds. A clock that once was wildly wrong must not pull all later
/// ids with it.
const MAX_ID_AHEAD_MS: u64 = 60_000;

/// The longest id that is not a ULID, in bytes.
const MAX_TEXT_BYTES: usize = 64;

/// Room to print a ULID into without allocating.
///
/// ```
/// use spec_kitty::event::{EventId, IdBuffer};
///
/// let id = EventId::parse("01M81BTPP6PS3R3G0D5WC0XV38")?;
/// let mut buffer = IdBuffer::default();
/// assert_eq!(id.as_str_in(&mut buffer), "01M81BTPP6PS3R3G0D5WC0XV38");
/// # Ok::<(), spec_kitty::event::InvalidId>(())
/// ```
pub type IdBuffer = [u8; ULID_LEN];

/// The identity of one event, for ever: the server deduplicates by it.
///
/// ```
/// use spec_kitty::event::EventId;
/// let own = EventId::parse("01M81BTPP6PS3R3G0D5WC0XV38").unwrap();
/// let foreign = EventId::parse("44a34391-86d8-4159-abf1-e0b4d3abc746").unwrap();
/// assert!(own.is_ulid() && !foreign.is_ulid());
/// assert_eq!(foreign.to_string(), "44a34391-86d8-4159-abf1-e0b4d3abc746");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EventId {
    /// The only kind that we issue.
    Ulid(Ulid),
    /// An id that somebody else gave, such as a UUID: 1 to 64 graphic ASCII
    /// characters, and never the canonical text of a ULID.
    Text(Box<str>),
}

/// A text that cannot be an event's id.
///
/// ```
/// use spec_kitty::event::{EventId, InvalidId};
///
/// assert_eq!(EventId::parse("two words"), Err(InvalidId));
/// assert!(EventId::parse("two-words").is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("must be 1 to 64 printable ASCII characters without spaces")]
pub struct InvalidId;

impl EventId {
    /// Reads an id; it prints back exactly as it was read.
    ///
    /// # Errors
    ///
    /// When the text is empty, longer than 64 bytes, or holds anything but
    /// graphic ASCII characters.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        if let Some(ulid) = parse_ulid(text) {
            return Ok(Self::Ulid(ulid));
        }
        let bounded = (1..=MAX_TEXT_BYTES).contains(&text.len());
        if bounded && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self::Text(text.into()))
        } else {
            Err(InvalidId)
        }
    }

    /// Whether this is a ULID, as the wire demands.
    #[must_use]
    pub const fn is_ulid(&self) -> bool {
        matches!(self, Self::Ulid(_))
    }

    /// The ULID, if it is one.
    #[must_use]
    pub const fn ulid(&self) -> Option<Ulid> {
        match self {
            Self::Ulid(ulid) => Some(*ulid),
            Self::Text(_) => None,
        }
    }

    /// The text of this id, printed into `buffer` when need be.
    #[must_use]
    pub fn as_str_in<'a>(&'a self, buffer: &'a mut IdBuffer) -> &'a str {
        match self {
            Self::Ulid(ulid) => ulid.array_to_str(buffer),
            Self::Text(text) => text,
        }
    }
}

/// The ULID whose one canonical text this is.
pub(super) fn parse_ulid(text: &str) -> Option<Ulid> {
    let ulid = Ulid::from_string(text).ok()?;
    let mut buffer = [0; ULID_LEN];
    let canonical: &str = ulid.array_to_str(&mut buffer);
    (canonical == text).then_some(ulid)
}

/// The id to propose for an event recorded at `timestamp_us` (microseconds
/// since 1970; earlier counts as 1970), with 80 bits of `random`.
#[must_use]
pub(crate) fn proposed_id(timestamp_us: i64, random: u128) -> Ulid {
    Ulid::from_parts(u64::try_from(timestamp_us / 1000).unwrap_or(0), random)
}

/// The id of the next event: `proposed`, or the successor of the `last` id of
/// this log when the clock stepped back or two events share a millisecond.
///
/// Asked under the log's writer lock, this makes the ids of one home increase.
/// A `last` id that lies [`MAX_ID_AHEAD_MS`] or more ahead of the proposed one
/// is left alone.
#[must_use]
pub(crate) fn next_id(last: Option<Ulid>, proposed: Ulid) -> Ulid {
    let Some(last) = last else {
        return proposed;
    };
    let horizon_ms = proposed.timestamp_ms().saturating_add(MAX_ID_AHEAD_MS);
    if last.timestamp_ms() >= horizon_ms {
        return proposed;
    }
    last.0
        .checked_add(1)
        .map_or(proposed, |successor| proposed.max(Ulid(successor)))
}

impl From<Ulid> for EventId {
    fn from(ulid: Ulid) -> Self {
        Self::Ulid(ulid)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str_in(&mut [0; ULID_LEN]))
    }
}

impl Ord for EventId {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Ulid(left), Self::Ulid(right)) => left.cmp(right),
            _ => {
                let (mut left, mut right) = ([0; ULID_LEN], [0; ULID_LEN]);
                self.as_str_in(&mut left).cmp(other.as_str_in(&mut right))
            }
        }
    }
}

impl PartialOrd for EventId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Serialize for EventId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str_in(&mut [0; ULID_LEN]))
    }
}

impl<'de> Deserialize<'de> for EventId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(timestamp_ms: u64, random: u128) -> Ulid {
        Ulid::from_parts(timestamp_ms, random)
    }

    #[test]
    fn a_text_that_would_print_differently_is_not_a_ulid() {
        for text in [
            "8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
            "01m81btpp6ps3r3g0d5wc0xv38",
            "O1M81BTPP6PS3R3G0D5WC0XV38",
            "01M81BTPP6PS3R3G0D5WC0XV3",
        ] {
            let id = EventId::parse(text).unwrap();
            assert!(!id.is_ulid(), "{text}");
            assert_eq!(id.to_string(), text);
        }
        assert!(
            EventId::parse("7ZZZZZZZZZZZZZZZZZZZZZZZZZ")
                .unwrap()
                .is_ulid()
        );
    }

    #[test]
    fn an_id_is_bounded_and_printable() {
        for text in ["", " ", "a b", "a\n", "é", &"x".repeat(65)] {
            assert_eq!(EventId::parse(text), Err(InvalidId), "{text:?}");
        }
        assert!(EventId::parse(&"x".repeat(64)).is_ok());
    }

    #[test]
    fn ids_increase_while_the_clock_stands_or_steps_back_a_little() {
        let last = at(100_000, 5);
        assert_eq!(next_id(Some(last), at(100_000, 2)), at(100_000, 6));
        assert_eq!(next_id(Some(last), at(90_000, 9)), at(100_000, 6));
        assert_eq!(next_id(Some(last), at(100_001, 0)), at(100_001, 0));
        assert_eq!(next_id(None, at(1, 1)), at(1, 1));
    }

    #[test]
    fn a_clock_that_was_wildly_wrong_does_not_pull_later_ids_with_it() {
        let proposed = at(100_000, 7);
        let near = at(100_000 + MAX_ID_AHEAD_MS - 1, 0);
        let far = at(100_000 + MAX_ID_AHEAD_MS, 0);
        assert!(next_id(Some(near), proposed) > near);
        assert_eq!(next_id(Some(far), proposed), proposed);
        assert_eq!(next_id(Some(Ulid::max()), proposed), proposed);
    }

    #[test]
    fn a_full_millisecond_carries_into_the_next_one() {
        let last = at(5, u128::MAX);
        assert_eq!(next_id(Some(last), at(5, 0)), at(6, 0));
    }

    #[test]
    fn the_end_of_time_does_not_overflow() {
        let last = Ulid::max();
        let proposed = at(u64::MAX >> 16, 0);
        assert_eq!(next_id(Some(last), proposed), proposed);
    }

    #[test]
    fn a_time_before_1970_counts_as_1970() {
        assert_eq!(proposed_id(-5, 3), at(0, 3));
        assert_eq!(proposed_id(1_999_999, 3), at(1999, 3));
    }

    proptest! {
        #[test]
        fn every_id_prints_as_it_was_read_and_orders_by_its_text(
            left in "[0-9A-Za-z-]{1,28}", right in "[0-7][0-9A-HJKMNP-TV-Z]{25}",
        ) {
            let (one, two) = (EventId::parse(&left).unwrap(), EventId::parse(&right).unwrap());
            prop_assert!(two.is_ulid());
            prop_assert_eq!(one.to_string(), left.as_str());
            prop_assert_eq!(two.to_string(), right.as_str());
            prop_assert_eq!(one.cmp(&two), left.cmp(&right));
        }

        #[test]
        fn two_ulids_order_by_their_text(left: u128, right: u128) {
            let (one, two) = (EventId::from(Ulid(left)), EventId::from(Ulid(right)));
            prop_assert_eq!(one.cmp(&two), one.to_string().cmp(&two.to_string()));
        }
    }
}
