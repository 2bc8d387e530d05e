//! A compact set of sequence numbers of one stream.
//!
//! A range stands for the events *of its stream* between its ends; numbers in
//! between that belong to other streams are not meant. Ranges are sorted and
//! never overlap.

use serde::{Deserialize, Serialize};

use crate::position::Seq;

/// Sequence numbers of one stream as ranges, both ends included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<(Seq, Seq)>", into = "Vec<(Seq, Seq)>")]
pub struct SeqRanges(Vec<(Seq, Seq)>);

impl SeqRanges {
    /// Whether `seq` is in one of the ranges.
    #[must_use]
    pub fn contains(&self, seq: Seq) -> bool {
        self.before(seq)
            .and_then(|index| self.0.get(index))
            .is_some_and(|&(_, last)| seq <= last)
    }

    /// How many ranges there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The ranges in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = (Seq, Seq)> + '_ {
        self.0.iter().copied()
    }

    /// Adds `seq`, whose neighbour in the stream is `previous`: a range that
    /// ends there grows instead of a new one being made.
    pub(crate) fn insert(&mut self, seq: Seq, previous: Option<Seq>) {
        let at = self.before(seq).map_or(0, |index| index.saturating_add(1));
        match at.checked_sub(1).and_then(|index| self.0.get_mut(index)) {
            Some((_, last)) if *last >= seq => {}
            Some((_, last)) if Some(*last) == previous => *last = seq,
            _ => self.0.insert(at, (seq, seq)),
        }
    }

    /// Forgets the oldest range.
    pub(crate) fn drop_first(&mut self) {
        if !self.0.is_empty() {
            self.0.remove(0);
        }
    }

    /// The last range that begins at or before `seq`.
    fn before(&self, seq: Seq) -> Option<usize> {
        self.0
            .partition_point(|&(first, _)| first <= seq)
            .checked_sub(1)
    }
}

impl TryFrom<Vec<(Seq, Seq)>> for SeqRanges {
    type Error = &'static str;

    fn try_from(ranges: Vec<(Seq, Seq)>) -> Result<Self, Self::Error> {
        let inner = ranges.iter().all(|(first, last)| first <= last);
        let outer = ranges
            .iter()
            .zip(ranges.iter().skip(1))
            .all(|(one, next)| one.1 < next.0);
        (inner && outer)
            .then_some(Self(ranges))
            .ok_or("ranges are not in order")
    }
}

impl From<SeqRanges> for Vec<(Seq, Seq)> {
    fn from(ranges: SeqRanges) -> Self {
        ranges.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn neighbours_in_the_stream_share_a_range_and_others_do_not() {
        let mut ranges = SeqRanges::default();
        ranges.insert(Seq(5), None);
        ranges.insert(Seq(9), Some(Seq(5)));
        ranges.insert(Seq(20), Some(Seq(12)));
        ranges.insert(Seq(2), None);
        let expected = [(2, 2), (5, 9), (20, 20)].map(|(a, b)| (Seq(a), Seq(b)));
        assert!(ranges.iter().eq(expected));
        assert!(ranges.contains(Seq(7)) && !ranges.contains(Seq(10)));
    }

    proptest! {
        #[test]
        fn a_set_of_lone_numbers_is_kept_exactly(numbers in prop::collection::vec(0_u64..60, 0..60)) {
            let mut ranges = SeqRanges::default();
            for &number in &numbers {
                ranges.insert(Seq(number), None);
            }
            let set: BTreeSet<u64> = numbers.into_iter().collect();
            for number in 0..60 {
                prop_assert_eq!(ranges.contains(Seq(number)), set.contains(&number));
            }
            let pairs: Vec<(Seq, Seq)> = ranges.clone().into();
            prop_assert_eq!(SeqRanges::try_from(pairs).unwrap(), ranges);
        }
    }
}
