//! Segments that are missing, doubled, or under a wrong name.

use std::path::Path;

use spec_kitty::log::read::Reason;

use crate::sample::{Known, Sample, lost, missing};

/// Checks the log after `change`, and puts it back.
fn after(
    sample: &Sample,
    what: &str,
    change: impl FnOnce(),
    expected: &[Known],
) -> spec_kitty::log::verify::Verdict {
    change();
    let what = || what.to_owned();
    let verdict = sample.expect(expected, &what);
    sample.expect_from_everywhere(expected, &what);
    sample.expect_writable(expected, &what);
    sample.memory.restore(&sample.good);
    verdict
}

fn move_file(sample: &Sample, from: &Path, to: &Path) {
    let bytes = sample.memory.get(from).unwrap();
    sample.memory.delete(from);
    sample.memory.put(to, &bytes);
}

/// What happens to a log whose oldest segment is gone is what happens when it
/// is pruned, and the newest is missed only by who remembers it.
#[test]
fn a_deleted_segment_costs_its_own_frames_and_is_named() {
    let sample = Sample::new();
    for ordinal in 1..=sample.segments() {
        let what = format!("segment {ordinal} deleted");
        let intact = sample.outside(ordinal);
        let delete = || sample.memory.delete(&sample.path(ordinal));
        let verdict = after(&sample, &what, delete, &intact);
        if ordinal == 1 || ordinal == sample.segments() {
            assert!(verdict.is_sound(), "{what}: {verdict:?}");
        } else {
            assert_eq!(lost(&verdict), missing(&sample, &intact), "{what}");
            assert_eq!(verdict.damage[0].reason, Reason::Missing, "{what}");
        }
    }
}

#[test]
fn two_deleted_segments_are_one_gap_or_two() {
    let sample = Sample::new();
    for one in 2..sample.segments() {
        for two in one + 1..sample.segments() {
            let what = format!("segments {one} and {two} deleted");
            let mut intact = sample.outside(one);
            let kept = sample.outside(two);
            intact.retain(|frame| kept.contains(frame));
            let delete = || {
                sample.memory.delete(&sample.path(one));
                sample.memory.delete(&sample.path(two));
            };
            let verdict = after(&sample, &what, delete, &intact);
            assert_eq!(lost(&verdict), missing(&sample, &intact), "{what}");
        }
    }
}

#[test]
fn a_copy_under_another_name_is_a_stranger_and_hides_nothing() {
    let sample = Sample::new();
    let next = sample.segments() + 1;
    for ordinal in 1..=sample.segments() {
        for name in [next, next + 1, 9_999_999_999] {
            let what = format!("a copy of segment {ordinal} as {name}");
            let copy = || sample.memory.put(&sample.path(name), sample.bytes(ordinal));
            let verdict = after(&sample, &what, copy, &sample.frames);
            let [damage] = verdict.damage[..] else {
                panic!("{what}: {verdict:?}");
            };
            assert_eq!(
                (damage.reason, damage.ordinal.0),
                (Reason::Alien, name),
                "{what}"
            );
        }
    }
}

#[test]
fn a_segment_overwritten_by_another_costs_only_its_own_frames() {
    let sample = Sample::new();
    for ordinal in 1..=sample.segments() {
        for copied in (1..=sample.segments()).filter(|copied| *copied != ordinal) {
            let what = format!("segment {ordinal} overwritten by {copied}");
            let intact = sample.outside(ordinal);
            let copy = || {
                sample
                    .memory
                    .put(&sample.path(ordinal), sample.bytes(copied))
            };
            let verdict = after(&sample, &what, copy, &intact);
            assert!(!verdict.is_sound(), "{what}: {verdict:?}");
            if ordinal != 1 && ordinal != sample.segments() {
                assert_eq!(lost(&verdict), missing(&sample, &intact), "{what}");
            }
        }
    }
}

#[test]
fn two_segments_that_exchanged_their_names_are_read_in_their_order() {
    let sample = Sample::new();
    for one in 1..=sample.segments() {
        for two in one + 1..=sample.segments() {
            let what = format!("segments {one} and {two} exchanged");
            let swap = || {
                sample.memory.put(&sample.path(one), sample.bytes(two));
                sample.memory.put(&sample.path(two), sample.bytes(one));
            };
            let verdict = after(&sample, &what, swap, &sample.frames);
            let mut named: Vec<_> = verdict
                .damage
                .iter()
                .map(|damage| (damage.reason, damage.ordinal.0))
                .collect();
            named.sort_by_key(|(_, ordinal)| *ordinal);
            let expected = [(Reason::Misnamed, one), (Reason::Misnamed, two)];
            assert_eq!(named, expected, "{what}");
            assert!(lost(&verdict).is_empty(), "{what}");
        }
    }
}

#[test]
fn a_segment_under_another_name_is_read_in_its_place() {
    let sample = Sample::new();
    let next = sample.segments() + 1;
    for ordinal in 1..=sample.segments() {
        for name in [next, next + 7] {
            let what = format!("segment {ordinal} renamed to {name}");
            let rename = || move_file(&sample, &sample.path(ordinal), &sample.path(name));
            let verdict = after(&sample, &what, rename, &sample.frames);
            let [damage] = verdict.damage[..] else {
                panic!("{what}: {verdict:?}");
            };
            let expected = (Reason::Misnamed, ordinal, None);
            assert_eq!(
                (damage.reason, damage.ordinal.0, damage.lost),
                expected,
                "{what}"
            );
        }
    }
}

#[test]
fn all_names_shifted_by_one_are_read_in_their_order() {
    let sample = Sample::new();
    let shift = || {
        for ordinal in (1..=sample.segments()).rev() {
            move_file(&sample, &sample.path(ordinal), &sample.path(ordinal + 1));
        }
    };
    let verdict = after(&sample, "shifted", shift, &sample.frames);
    assert_eq!(verdict.damage.len() as u64, sample.segments());
}

/// Another log's segment claims to be one of ours, which may even be missing.
#[test]
fn a_segment_of_another_log_under_a_wrong_name_is_a_stranger() {
    let sample = Sample::new();
    let other = Sample::of(7);
    let name = sample.segments() + 1;
    for ordinal in 1..=sample.segments() {
        for gone in [false, true] {
            let what = format!("another log's segment {ordinal} as {name}, own gone: {gone}");
            let intact = if gone {
                sample.outside(ordinal)
            } else {
                sample.frames.clone()
            };
            let put = || {
                if gone {
                    sample.memory.delete(&sample.path(ordinal));
                }
                sample.memory.put(&sample.path(name), other.bytes(ordinal));
            };
            let verdict = after(&sample, &what, put, &intact);
            let strangers = verdict
                .damage
                .iter()
                .filter(|damage| damage.reason == Reason::Alien);
            let strangers: Vec<_> = strangers.map(|damage| damage.ordinal.0).collect();
            assert_eq!(strangers, [name], "{what}");
        }
    }
}
