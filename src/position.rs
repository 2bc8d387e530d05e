//! Positions in the log and values of the clock, as types of their own.
//!
//! A sequence number, a clock value and a byte offset are all `u64`, and mixing
//! two of them up is the kind of mistake that loses events. They live outside
//! the log's room because the state room may know positions and nothing else
//! of the log.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! position {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// The value after this one; stays at the maximum when there is none.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }

            /// The value before this one; stays at zero when there is none.
            #[must_use]
            pub const fn previous(self) -> Self {
                Self(self.0.saturating_sub(1))
            }

            /// This value moved forward by `count`, bounded by the maximum.
            #[must_use]
            pub const fn plus(self, count: u64) -> Self {
                Self(self.0.saturating_add(count))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

position! {
    /// The position of a frame in the whole log: dense, counted from 1, across
    /// segments. Zero means "before the first frame".
    ///
    /// ```
    /// use spec_kitty::position::Seq;
    ///
    /// let first = Seq(1);
    /// assert_eq!(first.next(), Seq(2));
    /// assert_eq!(first.plus(9).to_string(), "10");
    /// assert_eq!(Seq(0).previous(), Seq(0)); // nothing is before the first
    /// ```
    Seq
}

position! {
    /// A value of the Lamport clock of one home. Zero means "no event yet".
    ///
    /// ```
    /// use spec_kitty::position::Lamport;
    ///
    /// // Whoever heard of an event records the next one behind it.
    /// let (own, heard) = (Lamport(7), Lamport(41));
    /// assert_eq!(own.max(heard).next(), Lamport(42));
    /// assert!(heard < Lamport::MAX_PLAUSIBLE);
    /// ```
    Lamport
}

position! {
    /// A byte offset inside one segment file.
    ///
    /// ```
    /// use spec_kitty::position::Offset;
    ///
    /// let frame = Offset(512);
    /// assert_eq!(frame.plus(96), Offset(608)); // where the next one begins
    /// ```
    Offset
}

position! {
    /// The number in a segment's file name. Never reused; zero means "none".
    ///
    /// ```
    /// use spec_kitty::position::Ordinal;
    ///
    /// let newest = Ordinal(9);
    /// let successor = newest.next();
    /// assert_eq!(format!("{successor:010}.seg"), "0000000010.seg");
    /// ```
    Ordinal
}

impl Lamport {
    /// The largest clock value that is ever issued or accepted: 2^53 - 1, the
    /// largest integer that every JSON reader represents exactly.
    pub const MAX_PLAUSIBLE: Self = Self((1 << 53) - 1);
}

/// A range of clock values, both ends included, that one segment may issue.
///
/// ```
/// use spec_kitty::position::{Lamport, Lease};
///
/// let lease = Lease::starting_at(Lamport(100), 16);
/// assert_eq!(lease.end, Lamport(115));
/// assert_eq!(lease.ticks(), 16);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The first value that may be issued.
    pub start: Lamport,
    /// The last value that may be issued.
    pub end: Lamport,
}

impl Lease {
    /// The lease of `ticks` values (at least one) that begins at `start`.
    #[must_use]
    pub const fn starting_at(start: Lamport, ticks: u64) -> Self {
        Self {
            start,
            end: start.plus(ticks.saturating_sub(1)),
        }
    }

    /// How many values the lease holds.
    #[must_use]
    pub const fn ticks(&self) -> u64 {
        self.end.0.saturating_sub(self.start.0).saturating_add(1)
    }
}

/// What a new lease must lie above, as the log's tail shows it. Not the library:
/// for the emitter, which asks the state store for one.
///
/// ```
/// use spec_kitty::position::{Lamport, Lease, LeaseFloor};
///
/// // What may lie above the debris nobody knows: go on above the whole lease.
/// let floor = LeaseFloor::Debris(Lamport(115));
/// let start = match floor {
///     LeaseFloor::Clean { last, .. } => last.next(),
///     LeaseFloor::Debris(end) => end.next(),
/// };
/// assert_eq!(Lease::starting_at(start, 16).end, Lamport(131));
/// ```
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseFloor {
    /// The tail is clean: above the last clock value in the log; and above
    /// every lease that was given out, when one of those reaches beyond the
    /// newest segment's. Then segments behind it may be gone.
    Clean {
        /// The last clock value in the log.
        last: Lamport,
        /// Where the lease of the newest segment ends.
        lease_end: Lamport,
    },
    /// There is debris (or no log yet): above every lease end that was ever
    /// given out, because values beyond the last readable frame may be known
    /// elsewhere.
    Debris(Lamport),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stepping_past_either_end_stays_there() {
        assert_eq!(Seq(u64::MAX).next(), Seq(u64::MAX));
        assert_eq!(Seq(0).previous(), Seq(0));
        assert_eq!(Offset(3).plus(4), Offset(7));
    }
}
