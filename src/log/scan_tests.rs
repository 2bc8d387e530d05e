//! The classification, case by case, and as properties over random damage.

use proptest::prelude::*;

use super::*;
use crate::log::frame::Kind;

const SEED: Seed = Seed::of_test();
const BASE: Offset = Offset(1024);

fn frames(count: u64) -> (Vec<u8>, Vec<usize>) {
    let (mut bytes, mut starts) = (Vec::new(), Vec::new());
    for index in 0..count {
        starts.push(bytes.len());
        let body = format!("{{\"event\":{index},\"text\":\"some words\"}}");
        frame::encode(
            &mut bytes,
            (Kind::Event, Seq(10 + index), Lamport(100 + index)),
            SEED,
            |_| (),
            |out| {
                out.extend_from_slice(body.as_bytes());
                Ok(())
            },
        )
        .unwrap();
    }
    (bytes, starts)
}

fn scan(bytes: &[u8], end: End) -> Vec<Region<'_>> {
    let expected = Expected {
        seed: SEED,
        base: BASE,
        seq: Seq(10),
        clock: Lamport(99),
        end,
    };
    Scan::new(bytes, expected).collect()
}

fn seqs(regions: &[Region<'_>]) -> Vec<u64> {
    regions
        .iter()
        .filter_map(|region| match region {
            Region::Frame { frame, .. } => Some(frame.seq.0),
            _ => None,
        })
        .collect()
}

fn lost(region: &Region<'_>) -> Option<(u64, u64)> {
    match region {
        Region::Damage {
            lost: Some(range), ..
        } => Some((range.from.0, range.to.0)),
        _ => None,
    }
}

#[test]
fn sound_bytes_are_frames_and_nothing_else() {
    let (bytes, _) = frames(3);
    assert_eq!(seqs(&scan(&bytes, End::Open)), [10, 11, 12]);
    assert_eq!(scan(&bytes, End::Open).len(), 3);
    assert_eq!(scan(&bytes, End::Final { last_seq: Seq(12) }).len(), 3);
}

#[test]
fn a_cut_anywhere_in_the_last_frame_is_a_torn_tail() {
    let (bytes, starts) = frames(3);
    for length in starts[2] + 1..bytes.len() {
        let regions = scan(&bytes[..length], End::Open);
        assert_eq!(seqs(&regions), [10, 11], "cut at {length}");
        assert!(
            matches!(regions[2], Region::Torn { .. }),
            "cut at {length}: {:?}",
            regions[2]
        );
    }
}

#[test]
fn a_flipped_bit_in_the_last_frame_is_damage_that_uses_its_number_up() {
    let (bytes, starts) = frames(3);
    for bit in starts[2] * 8..bytes.len() * 8 {
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let regions = scan(&bad, End::Open);
        assert_eq!(seqs(&regions), [10, 11], "bit {bit}");
        assert_eq!(
            lost(&regions[2]),
            Some((12, 12)),
            "bit {bit}: {:?}",
            regions[2]
        );
    }
}

#[test]
fn a_flipped_bit_before_a_good_frame_costs_only_its_own_frame() {
    let (bytes, starts) = frames(4);
    for bit in starts[1] * 8..starts[2] * 8 {
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let regions = scan(&bad, End::Open);
        assert_eq!(seqs(&regions), [10, 12, 13], "bit {bit}");
        assert_eq!(lost(&regions[1]), Some((11, 11)), "bit {bit}");
    }
}

#[test]
fn zeroes_after_the_last_frame_are_a_torn_tail_however_many() {
    let (bytes, _) = frames(2);
    for zeroes in [1, 7, 8, 32, 40, 511, 512, 4096, 8192] {
        let mut longer = bytes.clone();
        longer.resize(bytes.len() + zeroes, 0);
        let regions = scan(&longer, End::Open);
        assert_eq!(seqs(&regions), [10, 11]);
        assert!(
            matches!(regions[2], Region::Torn { .. }),
            "{zeroes} zeroes: {:?}",
            regions[2]
        );
    }
}

#[test]
fn zeroes_before_a_good_frame_are_damage() {
    let (mut bytes, starts) = frames(3);
    bytes[starts[1]..starts[2]].fill(0);
    let regions = scan(&bytes, End::Open);
    assert_eq!(seqs(&regions), [10, 12]);
    assert_eq!(lost(&regions[1]), Some((11, 11)));
}

#[test]
fn a_sector_that_was_never_written_makes_the_tail_torn_though_its_lengths_agree() {
    let mut bytes = Vec::new();
    let write = |out: &mut Vec<u8>| {
        out.resize(out.len() + 4000, b'x');
        Ok::<(), ()>(())
    };
    frame::encode(
        &mut bytes,
        (Kind::Event, Seq(10), Lamport(100)),
        SEED,
        |_| (),
        write,
    )
    .unwrap();
    bytes[1024..1536].fill(0);
    assert!(matches!(scan(&bytes, End::Open)[..], [Region::Torn { .. }]));
    let last = End::Final { last_seq: Seq(10) };
    assert_eq!(lost(&scan(&bytes, last)[0]), Some((10, 10)));
}

/// Two frames that a power cut took apart: the sector in which the first lies
/// and the second begins was lost, the one in which the second ends was kept.
/// The trailing length of the second still spans it to the end of the file, but
/// nothing was ever confirmed. A rule that asks for a whole sector of zeroes
/// calls this damage.
#[test]
fn a_tail_whose_first_sector_was_lost_is_torn_though_its_end_is_whole() {
    let mut bytes = Vec::new();
    for (seq, body_bytes) in [(10, 372), (11, 20), (12, 160)] {
        let place = (Kind::Event, Seq(seq), Lamport(100));
        let write = |out: &mut Vec<u8>| {
            out.resize(out.len() + body_bytes, b'x');
            Ok::<(), ()>(())
        };
        frame::encode(&mut bytes, place, SEED, |_| (), write).unwrap();
    }
    bytes[412..512].fill(0);
    let regions = scan(&bytes, End::Open);
    assert_eq!(seqs(&regions), [10]);
    assert_eq!(
        regions[1],
        Region::Torn {
            offset: BASE.plus(412),
            bytes: 260
        }
    );
}

/// A bit rots in the last whole frame and a write behind it was torn: the frame
/// must not vanish with the tail. Found by the simulator.
#[test]
fn a_damaged_frame_before_a_torn_tail_is_damage_and_the_rest_is_torn() {
    let (bytes, starts) = frames(4);
    for bit in starts[2] * 8..starts[3] * 8 {
        let mut bad = bytes[..starts[3] + 20].to_vec();
        bad[bit / 8] ^= 1 << (bit % 8);
        let regions = scan(&bad, End::Open);
        assert_eq!(seqs(&regions), [10, 11], "bit {bit}");
        assert_eq!(lost(&regions[2]), Some((12, 12)), "bit {bit}: {regions:?}");
        assert!(
            matches!(regions[3], Region::Torn { bytes: 20, .. }),
            "bit {bit}: {regions:?}"
        );
    }
}

#[test]
fn in_a_final_segment_a_bad_or_missing_end_is_damage() {
    let (bytes, starts) = frames(3);
    let end = End::Final { last_seq: Seq(12) };
    let regions = scan(&bytes[..starts[2] + 5], end);
    assert_eq!(lost(&regions[2]), Some((12, 12)));
    let regions = scan(&bytes[..starts[1]], end);
    assert_eq!(
        lost(&regions[1]),
        Some((11, 12)),
        "whole frames are missing"
    );
}

#[test]
fn a_repeated_frame_is_damage_without_a_loss() {
    let (bytes, starts) = frames(3);
    let mut repeated = bytes[..starts[2]].to_vec();
    repeated.extend_from_slice(&bytes[starts[1]..]);
    let regions = scan(&repeated, End::Open);
    assert_eq!(seqs(&regions), [10, 11, 12]);
    assert!(
        matches!(regions[2], Region::Damage { lost: None, .. }),
        "{:?}",
        regions[2]
    );
}

#[test]
fn frames_taken_out_of_the_middle_cost_only_themselves() {
    let (bytes, starts) = frames(5);
    let mut shorter = bytes[..starts[1]].to_vec();
    shorter.extend_from_slice(&bytes[starts[3]..]);
    let regions = scan(&shorter, End::Open);
    assert_eq!(seqs(&regions), [10, 13, 14]);
    assert_eq!(lost(&regions[1]), Some((11, 12)));
}

#[test]
fn two_damaged_frames_at_the_end_use_two_numbers_up() {
    let (mut bytes, starts) = frames(4);
    bytes[starts[2] + 33] ^= 1;
    bytes[starts[3] + 33] ^= 1;
    let regions = scan(&bytes, End::Open);
    assert_eq!(seqs(&regions), [10, 11]);
    assert_eq!(lost(&regions[2]), Some((12, 13)));
}

proptest! {
    /// Whatever happens to the bytes: no panic, only frames that were written,
    /// in order, once, and every byte is in exactly one region.
    #[test]
    fn no_wrong_frame_is_ever_returned(
        count in 1_u64..12,
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<prop::sample::Index>(),
        keep_all in any::<bool>(),
        finality in any::<bool>(),
    ) {
        let (original, _) = frames(count);
        let mut bytes = original.clone();
        for (place, value) in edits {
            let at = place.index(bytes.len());
            bytes[at] = value;
        }
        if !keep_all {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        let end = if finality { End::Final { last_seq: Seq(9 + count) } } else { End::Open };
        let good = scan(&original, End::Open);
        let regions = scan(&bytes, end);
        let mut covered = BASE.0;
        for region in &regions {
            let (offset, length) = match region {
                Region::Frame { offset, frame } => {
                    let known = good.iter().any(|region| matches!(
                        region, Region::Frame { frame: original, .. } if original == frame
                    ));
                    prop_assert!(known, "a frame that nobody wrote");
                    (offset.0, as_u64(frame.len_on_disk()))
                }
                Region::Damage { offset, bytes, .. } | Region::Torn { offset, bytes } => {
                    (offset.0, *bytes)
                }
            };
            prop_assert_eq!(offset, covered);
            covered = offset + length;
        }
        prop_assert_eq!(covered, BASE.0 + as_u64(bytes.len()));
        let seqs = seqs(&regions);
        prop_assert!(seqs.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn arbitrary_bytes_hold_no_frame(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(seqs(&scan(&bytes, End::Open)).is_empty());
    }
}
