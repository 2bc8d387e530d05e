//! Segments that are shorter or longer than they were.

use spec_kitty::log::read::Reason;
use spec_kitty::position::Ordinal;

use crate::sample::{HEADER, Sample, lost, missing};

#[test]
fn a_segment_cut_anywhere_costs_only_what_was_cut_off() {
    let sample = Sample::new();
    for ordinal in 1..sample.segments() {
        let good = sample.bytes(ordinal);
        for length in 0..good.len() {
            let what = || format!("segment {ordinal} cut at {length}");
            sample.with(ordinal, &good[..length], || {
                let intact = sample.without(ordinal, &(length..good.len()));
                let verdict = sample.expect(&intact, &what);
                assert_eq!(lost(&verdict), missing(&sample, &intact), "{}", what());
                assert!(!verdict.is_sound(), "{}", what());
                let here = |ordinal_of: Ordinal| ordinal_of == Ordinal(ordinal);
                assert!(
                    verdict.damage.iter().all(|damage| here(damage.ordinal)),
                    "{}",
                    what()
                );
                if length % 29 == 0 {
                    sample.expect_from_everywhere(&intact, &what);
                    sample.expect_writable(&intact, &what);
                }
            });
        }
    }
}

/// A cut that leaves only whole frames cannot be seen in the log: the state
/// store has to remember that there were more.
#[test]
fn the_newest_segment_cut_anywhere_is_a_torn_tail_or_a_shorter_log() {
    let sample = Sample::new();
    let newest = sample.segments();
    let good = sample.bytes(newest);
    for length in 0..good.len() {
        let what = || format!("cut at {length}");
        sample.with(newest, &good[..length], || {
            let intact = sample.without(newest, &(length..good.len()));
            let verdict = sample.expect(&intact, &what);
            let whole = |end: usize| {
                let mut places = sample.places.iter();
                end == HEADER || places.any(|(at, place)| *at == newest && place.end == end)
            };
            if length < HEADER {
                let reason = verdict.damage[0].reason;
                let expected = if length < 512 {
                    Reason::UnreadableHeader
                } else {
                    Reason::HeaderCopy
                };
                assert_eq!(reason, expected, "{}", what());
            } else if whole(length) {
                assert!(
                    verdict.is_sound() && verdict.torn_at.is_none(),
                    "{}",
                    what()
                );
            } else {
                let (at, offset) = verdict.torn_at.expect("a torn tail is said");
                assert!(verdict.is_sound(), "{verdict:?}, {}", what());
                assert_eq!(at, Ordinal(newest), "{}", what());
                assert_eq!(offset.0 + verdict.torn_bytes, length as u64, "{}", what());
            }
            if length % 29 == 0 {
                sample.expect_from_everywhere(&intact, &what);
                sample.expect_writable(&intact, &what);
            }
        });
    }
}

#[test]
fn bytes_behind_the_end_of_a_segment_hide_nothing() {
    let sample = Sample::new();
    let frame_of = |ordinal: u64| {
        let (_, place) = sample.places.iter().find(|(at, _)| *at == ordinal).unwrap();
        sample.bytes(ordinal)[place.clone()].to_vec()
    };
    for ordinal in 1..=sample.segments() {
        for tail in [
            vec![0; 1],
            vec![0; 700],
            vec![0xff; 700],
            b"\xF5\x5A\xC1\xFE".to_vec(),
            frame_of(1 + ordinal % sample.segments()),
            sample.bytes(1).to_vec(),
        ] {
            let longer = [sample.bytes(ordinal), &tail].concat();
            let what = || format!("segment {ordinal} with {} bytes more", tail.len());
            sample.with(ordinal, &longer, || {
                let verdict = sample.expect(&sample.frames, &what);
                let noticed = verdict.torn_bytes > 0 || !verdict.is_sound();
                assert!(noticed, "{verdict:?}, {}", what());
                sample.expect_from_everywhere(&sample.frames, &what);
                sample.expect_writable(&sample.frames, &what);
            });
        }
    }
}
