//! The same damage where space is prepared behind the last frame.

use spec_kitty::position::Ordinal;

use crate::sample::{HEADER, Sample, lost, missing, written};

const STEP: u64 = 512;

#[test]
fn what_is_prepared_is_no_frame_and_no_damage() {
    let sample = Sample::prepared(STEP);
    let newest = sample.segments();
    let length = sample.bytes(newest).len();
    assert!(
        length > written(sample.bytes(newest)).len(),
        "something is prepared"
    );
    let verdict = sample.expect(&sample.frames, &|| "untouched".to_owned());
    assert!(verdict.is_sound() && verdict.torn_bytes == 0, "{verdict:?}");
    sample.expect_from_everywhere(&sample.frames, &|| "untouched".to_owned());
    sample.expect_writable(&sample.frames, &|| "untouched".to_owned());
}

/// More zeros than were written, or fewer: the end is where it was.
#[test]
fn the_number_of_zeros_says_nothing() {
    let sample = Sample::prepared(STEP);
    for ordinal in 1..=sample.segments() {
        for count in [0, 1, 7, 511, 512, 513, 70_000] {
            let bytes = [written(sample.bytes(ordinal)), &vec![0; count]].concat();
            let what = || format!("segment {ordinal} with {count} zeros");
            sample.with(ordinal, &bytes, || {
                let verdict = sample.expect(&sample.frames, &what);
                assert!(verdict.is_sound(), "{verdict:?}, {}", what());
                assert_eq!(verdict.torn_bytes, 0, "{}", what());
                sample.expect_writable(&sample.frames, &what);
            });
        }
    }
}

#[test]
fn a_flipped_bit_of_a_frame_is_named_and_one_behind_the_last_costs_nothing() {
    let sample = Sample::prepared(STEP);
    for ordinal in 1..=sample.segments() {
        let good = sample.bytes(ordinal);
        let end = written(good).len();
        for (count, bit) in (HEADER * 8..good.len() * 8).enumerate() {
            let byte = bit / 8;
            let mut bad = good.to_vec();
            bad[byte] ^= 1 << (bit % 8);
            let what = || format!("segment {ordinal}, bit {bit}");
            sample.with(ordinal, &bad, || {
                let intact = sample.without(ordinal, &(byte..byte + 1));
                let verdict = sample.expect(&intact, &what);
                assert_eq!(lost(&verdict), missing(&sample, &intact), "{}", what());
                assert_eq!(verdict.is_sound(), byte >= end, "{verdict:?}, {}", what());
                assert_eq!(
                    verdict.torn_bytes > 0,
                    byte >= end,
                    "{verdict:?}, {}",
                    what()
                );
                if count % 61 == 0 {
                    sample.expect_writable(&intact, &what);
                }
            });
        }
    }
}

/// A write that did not arrive leaves zeros where its end should be, or the whole
/// of it: what is before is intact, and nothing was confirmed of the rest.
#[test]
fn a_write_of_which_only_a_part_arrived_is_torn() {
    let sample = Sample::prepared(STEP);
    let newest = sample.segments();
    let good = sample.bytes(newest);
    for from in HEADER..good.len() {
        let mut bad = good.to_vec();
        bad[from..].fill(0);
        let what = || format!("zeros from {from} on");
        sample.with(newest, &bad, || {
            let intact = sample.without(newest, &(from..good.len()));
            let verdict = sample.expect(&intact, &what);
            assert!(verdict.is_sound(), "{verdict:?}, {}", what());
            if let Some((at, offset)) = verdict.torn_at {
                assert_eq!(at, Ordinal(newest), "{}", what());
                let end = written(&bad).len() as u64;
                assert_eq!(offset.0 + verdict.torn_bytes, end, "{}", what());
            }
            if from % 29 == 0 {
                sample.expect_from_everywhere(&intact, &what);
                sample.expect_writable(&intact, &what);
            }
        });
    }
}
