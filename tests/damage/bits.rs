//! Flipped bits and sectors that turned to zeroes.

use spec_kitty::log::read::Reason;
use spec_kitty::position::{Offset, Ordinal};

use crate::sample::{HEADER, Sample, lost, missing};

/// All of this segment's bits. In the header, where one of two copies is hit,
/// one bit a byte says as much as eight.
fn bits(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let in_header = (0..HEADER).map(|byte| byte * 8 + byte % 8);
    in_header.chain(HEADER * 8..bytes.len() * 8)
}

#[test]
fn every_flipped_bit_is_named_and_costs_at_most_its_own_frame() {
    let sample = Sample::new();
    for ordinal in 1..=sample.segments() {
        let good = sample.bytes(ordinal);
        for (count, bit) in bits(good).enumerate() {
            let byte = bit / 8;
            let mut bad = good.to_vec();
            bad[byte] ^= 1 << (bit % 8);
            let what = || format!("segment {ordinal}, bit {bit}");
            sample.with(ordinal, &bad, || {
                let intact = sample.without(ordinal, &(byte..byte + 1));
                let verdict = sample.expect(&intact, &what);
                assert_eq!(lost(&verdict), missing(&sample, &intact), "{}", what());
                let [damage] = verdict.damage[..] else {
                    panic!("{:?}, {}", verdict.damage, what());
                };
                assert_eq!(damage.ordinal, Ordinal(ordinal), "{}", what());
                let range = damage.offset.0..damage.offset.0 + damage.bytes;
                assert!(range.contains(&(byte as u64)), "{damage:?}, {}", what());
                if byte < HEADER {
                    assert_eq!(damage.reason, Reason::HeaderCopy, "{}", what());
                }
                if count % 61 == 0 {
                    sample.expect_from_everywhere(&intact, &what);
                    sample.expect_writable(&intact, &what);
                }
            });
        }
    }
}

/// A sector of zeroes is what a disk shows that lost a write, or its mind. At
/// the very end of the newest segment nobody can tell these two apart: there
/// the rest of the segment counts as a write that never finished.
#[test]
fn every_zeroed_sector_costs_only_the_frames_that_lie_in_it() {
    let sample = Sample::new();
    for ordinal in 1..=sample.segments() {
        let good = sample.bytes(ordinal);
        for start in (0..good.len()).step_by(512) {
            let end = good.len().min(start + 512);
            let mut bad = good.to_vec();
            bad[start..end].fill(0);
            let what = || format!("segment {ordinal}, sector at {start}");
            sample.with(ordinal, &bad, || {
                let intact = sample.without(ordinal, &(start..end));
                let verdict = sample.expect(&intact, &what);
                let at_the_end = intact.last() != sample.frames.last();
                if at_the_end {
                    assert_eq!(ordinal, sample.segments());
                    assert!(verdict.torn_at.is_some(), "{verdict:?}, {}", what());
                } else {
                    assert_eq!(lost(&verdict), missing(&sample, &intact), "{}", what());
                    let place = (Ordinal(ordinal), Offset(start as u64));
                    let named = verdict.damage.iter().any(|damage| {
                        damage.ordinal == place.0 && damage.offset <= Offset(end as u64)
                    });
                    assert!(named, "{verdict:?}, {}", what());
                }
                sample.expect_from_everywhere(&intact, &what);
                sample.expect_writable(&intact, &what);
            });
        }
    }
}

#[test]
fn an_unreadable_header_costs_no_frame_unless_nobody_knows_the_segment() {
    let sample = Sample::new();
    for ordinal in 1..=sample.segments() {
        for byte in [0, 20, 100, 508] {
            let mut bad = sample.bytes(ordinal).to_vec();
            bad[byte] ^= 0x10;
            bad[byte + 512] ^= 0x10;
            let what = || format!("segment {ordinal}, both headers at {byte}");
            sample.with(ordinal, &bad, || {
                // The newest has no successor that would name it.
                let intact = if ordinal == sample.segments() {
                    sample.outside(ordinal)
                } else {
                    sample.frames.clone()
                };
                let verdict = sample.expect(&intact, &what);
                assert_eq!(verdict.damage.len(), 1, "{verdict:?}, {}", what());
                let damage = verdict.damage[0];
                assert_eq!(damage.ordinal, Ordinal(ordinal), "{}", what());
                assert_eq!(damage.reason, Reason::UnreadableHeader, "{}", what());
                sample.expect_from_everywhere(&intact, &what);
                sample.expect_writable(&intact, &what);
            });
        }
    }
}
