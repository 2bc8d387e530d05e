//! Segments whose files have wrong names.
//!
//! Ordinarily the name of a file says which segment it holds, and nobody looks
//! further. Somebody who restores files by hand may mix the names up; then the
//! headers of all files are looked at, and a segment is read in its own place
//! wherever its file is, provided that a neighbour knows its id. Everything
//! else under a wrong name is a stranger: a copy, or another log's.
//!
//! Pure: what the headers say goes in, what the names should be comes out.

use std::collections::BTreeMap;

use crate::log::header::Header;
use crate::position::Ordinal;

/// A file whose header is sound.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// The number in its name.
    pub(super) file: Ordinal,
    pub(super) header: Header,
    pub(super) size: u64,
}

impl Seen {
    fn is_right(&self) -> bool {
        self.file == self.header.ordinal
    }

    /// Whether one of the two names the other, id and all, as its predecessor.
    fn is_next_to(&self, other: &Self) -> bool {
        let names = |one: &Self, other: &Self| {
            let predecessor = &one.header.predecessor;
            predecessor.ordinal == other.header.ordinal && predecessor.id == other.header.segment_id
        };
        names(other, self) || (names(self, other) && self.header.home_id == other.header.home_id)
    }
}

/// The segments whose files have other names, each with the number in the name
/// of its file.
///
/// A segment that is under its own name stays there. Of several files with the
/// same missing segment the longest is taken: the others are older copies.
pub(super) fn sort_out(seen: &[Seen]) -> BTreeMap<Ordinal, Ordinal> {
    let (right, mut wrong): (Vec<&Seen>, Vec<&Seen>) =
        seen.iter().partition(|segment| segment.is_right());
    let is_free = |segment: &&Seen| {
        right
            .iter()
            .all(|other| other.header.ordinal != segment.header.ordinal)
    };
    wrong.retain(is_free);
    // With no right name at all there is nothing to hold them against.
    let mut known = if right.is_empty() {
        std::mem::take(&mut wrong)
    } else {
        right
    };
    loop {
        let (found, rest): (Vec<&Seen>, Vec<&Seen>) = wrong
            .into_iter()
            .partition(|segment| known.iter().any(|other| segment.is_next_to(other)));
        if found.is_empty() {
            break;
        }
        known.extend(found);
        wrong = rest;
    }
    let mut places: BTreeMap<Ordinal, &Seen> = BTreeMap::new();
    for segment in known.into_iter().filter(|segment| !segment.is_right()) {
        let place = places.entry(segment.header.ordinal).or_insert(segment);
        if segment.size > place.size {
            *place = segment;
        }
    }
    places
        .into_iter()
        .map(|(ordinal, segment)| (ordinal, segment.file))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::header::Predecessor;
    use crate::log::header::tests::sample;

    /// Segment `ordinal` of the log `log`, in the file numbered `file`.
    fn seen(log: u8, ordinal: u64, file: u64) -> Seen {
        let id = |ordinal: u64| [log.wrapping_mul(16).wrapping_add(ordinal as u8); 16];
        let mut header = sample();
        header.ordinal = Ordinal(ordinal);
        header.segment_id = id(ordinal);
        header.home_id = [log; 16];
        header.predecessor = Predecessor {
            ordinal: Ordinal(ordinal - 1),
            id: id(ordinal - 1),
            ..Predecessor::default()
        };
        Seen {
            file: Ordinal(file),
            header,
            size: 5000,
        }
    }

    fn sorted(files: &[Seen]) -> Vec<(u64, u64)> {
        let places = sort_out(files).into_iter();
        places.map(|(ordinal, file)| (ordinal.0, file.0)).collect()
    }

    #[test]
    fn right_names_need_no_sorting() {
        assert!(sorted(&[seen(1, 1, 1), seen(1, 2, 2)]).is_empty());
        assert!(sorted(&[]).is_empty());
    }

    #[test]
    fn exchanged_and_shifted_names_are_sorted_out() {
        assert_eq!(
            sorted(&[seen(1, 1, 1), seen(1, 3, 2), seen(1, 2, 3)]),
            [(2, 3), (3, 2)]
        );
        assert_eq!(
            sorted(&[seen(1, 1, 2), seen(1, 2, 3), seen(1, 3, 4)]),
            [(1, 2), (2, 3), (3, 4)]
        );
    }

    #[test]
    fn a_copy_of_a_segment_that_is_there_is_a_stranger() {
        assert!(sorted(&[seen(1, 1, 1), seen(1, 2, 2), seen(1, 2, 9)]).is_empty());
    }

    #[test]
    fn of_two_copies_the_longer_one_is_the_segment() {
        let mut longer = seen(1, 2, 9);
        longer.size += 1;
        assert_eq!(sorted(&[seen(1, 1, 1), seen(1, 2, 8), longer]), [(2, 9)]);
    }

    #[test]
    fn the_segments_of_another_log_are_strangers_even_together() {
        let mixed = [seen(1, 1, 1), seen(2, 2, 7), seen(2, 3, 8), seen(1, 4, 4)];
        assert!(sorted(&mixed).is_empty());
    }

    /// A chain of wrong names is believed as far as it hangs on a right one.
    #[test]
    fn a_chain_is_followed_from_the_right_names() {
        let files = [seen(1, 1, 1), seen(1, 4, 2), seen(1, 2, 3), seen(1, 3, 4)];
        assert_eq!(sorted(&files), [(2, 3), (3, 4), (4, 2)]);
    }
}
