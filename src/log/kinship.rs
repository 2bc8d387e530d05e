//! Which segments belong to the log of this home, and which to another one.
//!
//! Asked by whoever moves files, and so answered with care: a stranger that
//! stays costs a line in a report, one of ours that is moved away costs events.
//!
//! * **Ours** are the segments that were made under this lock file by this host
//!   and user, and all that hang together with them: by the home's id, or
//!   because one names the other as its predecessor.
//! * **A stranger** is not ours *and* contradicts what is ours: by itself, or by
//!   a segment that it hangs together with. A home that was copied has a new id;
//!   when the segment between is lost its beginning is only unknown.
//! * Where no segment was made here, nobody can be told from anybody.
//!
//! Pure: headers go in, answers come out.

use std::collections::{BTreeMap, BTreeSet};

use crate::log::header::Header;

/// A sound header and whether it was made here, by lock file, host and user.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member<'a> {
    pub(super) header: &'a Header,
    pub(super) made: Made,
}

/// Where a segment was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    Here,
    Elsewhere,
}

/// Whether a segment belongs to the log of this home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Belongs {
    Yes,
    No,
    /// Nothing speaks for it, and nothing against it.
    Unknown,
}

type HomeId = [u8; 16];

/// One answer for each member, in their order.
pub(super) fn judge(members: &[Member<'_>]) -> Vec<Belongs> {
    let clans = clans(members);
    let clan_of = |member: &Member<'_>| clans.get(&member.header.home_id).copied();
    let ours: BTreeSet<_> = members
        .iter()
        .filter(|member| member.made == Made::Here)
        .filter_map(clan_of)
        .collect();
    let is_ours = |member: &Member<'_>| clan_of(member).is_some_and(|clan| ours.contains(&clan));
    let (own, others): (Vec<_>, Vec<_>) = members.iter().partition(|member| is_ours(member));
    let is_contradicted = |other: &&&Member<'_>| {
        let mut own = own.iter().map(|own: &&Member<'_>| own.header);
        own.any(|own| contradict(own, other.header))
    };
    let strange: BTreeSet<_> = others
        .iter()
        .filter(is_contradicted)
        .filter_map(|member| clan_of(member))
        .collect();
    let answer = |member: &Member<'_>| match clan_of(member) {
        _ if is_ours(member) => Belongs::Yes,
        Some(clan) if strange.contains(&clan) => Belongs::No,
        _ => Belongs::Unknown,
    };
    members.iter().map(answer).collect()
}

/// The homes that hang together, each named after one of them.
fn clans(members: &[Member<'_>]) -> BTreeMap<HomeId, HomeId> {
    let headers = || members.iter().map(|member| member.header);
    let mut clans: BTreeMap<HomeId, HomeId> = headers()
        .map(|header| (header.home_id, header.home_id))
        .collect();
    let homes: BTreeMap<_, _> = headers()
        .map(|header| ((header.ordinal, header.segment_id), header.home_id))
        .collect();
    for header in headers() {
        let before = &header.predecessor;
        let linked = homes.get(&(before.ordinal, before.id));
        let ends = (
            clans.get(&header.home_id),
            linked.and_then(|home| clans.get(home)),
        );
        if let (Some(&one), Some(&other)) = ends {
            for clan in clans.values_mut().filter(|clan| **clan == other) {
                *clan = one;
            }
        }
    }
    clans
}

/// Whether one of the two names the other, id and all, as its predecessor.
pub(super) fn linked(one: &Header, other: &Header) -> bool {
    let names = |one: &Header, other: &Header| {
        (one.predecessor.ordinal, one.predecessor.id) == (other.ordinal, other.segment_id)
    };
    names(one, other) || names(other, one)
}

/// Whether no one log can hold both.
pub(super) fn contradict(one: &Header, other: &Header) -> bool {
    let (early, late) = match one.ordinal.cmp(&other.ordinal) {
        std::cmp::Ordering::Equal => return one.segment_id != other.segment_id,
        std::cmp::Ordering::Less => (one, other),
        std::cmp::Ordering::Greater => (other, one),
    };
    let before = &late.predecessor;
    match before.ordinal.cmp(&early.ordinal) {
        // It was not there, or not taken for a part of the log.
        std::cmp::Ordering::Less => true,
        std::cmp::Ordering::Equal => before.id != early.segment_id && before.id != [0; 16],
        std::cmp::Ordering::Greater => early.first_seq > late.first_seq,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::header::Predecessor;
    use crate::log::header::tests::sample;
    use crate::position::{Ordinal, Seq};

    fn id(log: u8, ordinal: u64) -> [u8; 16] {
        [log.wrapping_mul(16).wrapping_add(ordinal as u8); 16]
    }

    /// Segment `ordinal` of the log `log`, ten frames each.
    fn segment(log: u8, ordinal: u64) -> Header {
        let mut header = sample();
        header.ordinal = Ordinal(ordinal);
        header.segment_id = id(log, ordinal);
        header.home_id = [log; 16];
        header.first_seq = Seq(ordinal * 10);
        header.predecessor = Predecessor {
            ordinal: Ordinal(ordinal - 1),
            id: id(log, ordinal - 1),
            ..Predecessor::default()
        };
        header
    }

    /// The same as the first segment of a copy of the log `of`.
    fn copied(log: u8, of: u8, ordinal: u64) -> Header {
        let mut header = segment(log, ordinal);
        header.predecessor.id = id(of, ordinal - 1);
        header
    }

    fn judged(here: &[Header], elsewhere: &[Header]) -> Vec<Belongs> {
        let made = |made| move |header| Member { header, made };
        let here = here.iter().map(made(Made::Here));
        let elsewhere = elsewhere.iter().map(made(Made::Elsewhere));
        judge(&here.chain(elsewhere).collect::<Vec<_>>())
    }

    use Belongs::{No, Unknown, Yes};

    #[test]
    fn what_was_made_here_and_what_it_is_linked_to_is_ours() {
        let old = [segment(1, 3), segment(1, 4), segment(1, 5)];
        assert_eq!(judged(&[copied(2, 1, 6)], &old), [Yes; 4]);
    }

    #[test]
    fn a_segment_in_the_place_of_one_of_ours_is_a_stranger_and_so_is_its_kin() {
        let ours = [segment(1, 4), segment(1, 5)];
        let strangers = [segment(2, 6), segment(2, 7)];
        assert_eq!(judged(&ours, &strangers), [Yes, Yes, No, No]);
        assert_eq!(judged(&ours, &[segment(2, 3)]), [Yes, Yes, No]);
        assert_eq!(judged(&ours, &[segment(2, 5)]), [Yes, Yes, No]);
    }

    /// A copied home whose last segment from before was lost since.
    #[test]
    fn the_beginning_of_a_copied_home_is_no_stranger_when_the_link_is_lost() {
        let old = [segment(1, 3), segment(1, 4)];
        assert_eq!(judged(&[copied(2, 1, 6)], &old), [Yes, Unknown, Unknown]);
    }

    #[test]
    fn where_nothing_was_made_here_nobody_is_told_from_anybody() {
        assert_eq!(judged(&[], &[segment(1, 2), segment(2, 2)]), [Unknown; 2]);
        assert!(judged(&[], &[]).is_empty());
    }

    #[test]
    fn a_segment_that_was_passed_over_or_counts_too_high_contradicts() {
        let mut late = segment(1, 9);
        late.predecessor.ordinal = Ordinal(4);
        assert!(contradict(&late, &segment(1, 7)));
        assert!(contradict(&segment(1, 7), &late));
        let mut high = segment(1, 2);
        high.first_seq = Seq(1000);
        assert!(contradict(&high, &segment(1, 8)));
        assert!(!contradict(&segment(1, 2), &segment(1, 8)));
        assert!(!contradict(&segment(1, 2), &segment(1, 2)));
    }

    #[test]
    fn an_id_that_was_unreadable_contradicts_nobody() {
        let mut behind = segment(1, 6);
        behind.predecessor.id = [0; 16];
        assert!(!contradict(&behind, &segment(2, 5)));
    }
}
