//! Appending and reading back, with rolls, debris, copies and broken headers.

use std::path::Path;

use crate::log::append::{AppendError, LogOptions, Note, Outcome, Record, Tick};
use crate::log::header::{HEADER_BYTES, Pressure};
use crate::log::read::Reason;
use crate::log::reader::Reader;
use crate::log::test_support::{
    DEADLINE, Text, append, dir_at, log_at, options, own, placed, read_all, read_dir, small,
};
use crate::position::{Lamport, Lease, LeaseFloor, Ordinal, Seq};

fn home() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn segment(dir: &Path, ordinal: u64) -> std::path::PathBuf {
    dir_at(dir).segment_path(Ordinal(ordinal))
}

fn texts(frames: &[(u64, String)]) -> Vec<&str> {
    frames.iter().map(|(_, text)| text.as_str()).collect()
}

#[test]
fn what_is_appended_is_read_back_in_order() {
    let dir = home();
    let log = log_at(dir.path(), options());
    placed(&log, &["a", "b"]);
    placed(&log, &["c"]);
    let (frames, damage) = read_dir(dir.path());
    assert_eq!(texts(&frames), ["a@1", "b@2", "c@3"]);
    assert_eq!(
        frames.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert!(damage.is_empty());
}

#[test]
fn rolling_keeps_numbers_and_clock_dense() {
    let dir = home();
    let log = log_at(dir.path(), small(1200));
    for index in 0..40 {
        placed(&log, &[&format!("r{index}")]);
    }
    placed(&log, &["x", "y", "z", "u", "v", "w"]);
    let (frames, damage) = read_dir(dir.path());
    assert!(damage.is_empty(), "{damage:?}");
    assert_eq!(frames.len(), 46);
    for (index, (seq, text)) in frames.iter().enumerate() {
        assert_eq!(*seq, index as u64 + 1);
        assert!(text.ends_with(&format!("@{seq}")), "{text}");
    }
    assert!(dir_at(dir.path()).ordinals().unwrap().len() > 8);
}

#[test]
fn a_reader_may_begin_anywhere() {
    let dir = home();
    let log = log_at(dir.path(), small(1200));
    (0..40).for_each(|index| drop(placed(&log, &[&format!("r{index}")])));
    for from in 1..=41 {
        let (frames, _) = read_all(&mut Reader::new(dir_at(dir.path()), Seq(from)));
        let expected: Vec<_> = (from..=40).collect();
        assert_eq!(
            frames.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(),
            expected
        );
    }
}

#[test]
fn a_follower_goes_on_across_rolls() {
    let dir = home();
    let log = log_at(dir.path(), small(1200));
    let mut reader = Reader::new(dir_at(dir.path()), Seq(1));
    assert!(read_all(&mut reader).0.is_empty());
    for index in 0..30 {
        let text = format!("r{index}");
        placed(&log, &[&text]);
        let (frames, damage) = read_all(&mut reader);
        assert_eq!(texts(&frames), [format!("{text}@{}", index + 1)]);
        assert!(damage.is_empty());
    }
}

#[test]
fn a_torn_tail_is_left_alone_and_writing_goes_on_in_a_successor() {
    let dir = home();
    let log = log_at(dir.path(), options());
    placed(&log, &["a", "b"]);
    let path = segment(dir.path(), 1);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 3]).unwrap();
    let appended = append(&log, &["c"]);
    let bytes = whole.len() as u64 - 3 - (HEADER_BYTES as u64 + 43);
    assert_eq!(
        appended.notes,
        [Note::Debris {
            ordinal: Ordinal(1),
            bytes
        }]
    );
    assert_eq!(
        std::fs::read(&path).unwrap(),
        whole[..whole.len() - 3],
        "no byte is touched"
    );
    let (frames, damage) = read_dir(dir.path());
    assert!(damage.is_empty(), "{damage:?}");
    // The number of the torn frame is free, its clock value is not.
    assert_eq!(frames[1].0, 2);
    assert_eq!(frames[1].1, format!("c@{}", options().lease_ticks + 1));
}

#[test]
fn a_damaged_last_frame_uses_its_number_up_and_is_reported() {
    let dir = home();
    let log = log_at(dir.path(), options());
    placed(&log, &["a", "b"]);
    let path = segment(dir.path(), 1);
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 10;
    bytes[last] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let mut reader = Reader::new(dir_at(dir.path()), Seq(1));
    assert_eq!(texts(&read_all(&mut reader).0), ["a@1"]);
    assert!(reader.unfinished().is_some());
    placed(&log, &["c"]);
    let (frames, damage) = read_dir(dir.path());
    assert_eq!(
        frames.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(),
        [1, 3]
    );
    assert_eq!(damage.len(), 1);
    assert_eq!(
        damage[0].lost.map(|range| (range.from, range.to)),
        Some((Seq(2), Seq(2)))
    );
}

/// The values behind a lost end were skipped by the lease of the successor. As
/// long as that holds foreign events alone its frames repeat the clock before,
/// and the segment after it went on from there.
#[test]
fn a_segment_without_a_tick_of_its_own_hands_on_what_its_lease_skipped() {
    let dir = home();
    let few = LogOptions {
        segment_frames: 2,
        lease_ticks: 8,
        ..options()
    };
    placed(&log_at(dir.path(), few), &["a", "b"]);
    let path = segment(dir.path(), 1);
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 10;
    bytes[last] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    for _ in 0..2 {
        let mut foreign = Text {
            text: "f".into(),
            tick: Tick::Still,
        };
        let log = log_at(dir.path(), few);
        log.append(&mut [&mut foreign as &mut dyn Record], None, DEADLINE);
    }
    placed(&log_at(dir.path(), few), &["c"]);
    assert_eq!(texts(&read_dir(dir.path()).0), ["a@1", "f@1", "f@1", "c@9"]);
}

#[test]
fn a_refused_record_leaves_no_gap_and_does_not_hold_its_neighbours_back() {
    let dir = home();
    let log = log_at(dir.path(), options());
    let appended = append(&log, &["a", "refuse", "b"]);
    assert!(matches!(appended.outcomes[1], Outcome::Refused(_)));
    assert_eq!(texts(&read_dir(dir.path()).0), ["a@1", "b@2"]);
}

#[test]
fn a_reserved_lease_is_used_when_it_lies_above_the_log_and_discarded_otherwise() {
    let dir = home();
    let log = log_at(dir.path(), small(1100));
    let one = |lease| {
        let mut record = own("r");
        let appended = log.append(&mut [&mut record as &mut dyn Record], lease, DEADLINE);
        match appended.outcomes[0] {
            Outcome::Recorded(placed) => placed.clock.0,
            ref other => panic!("{other:?}"),
        }
    };
    assert_eq!(one(Some(Lease::starting_at(Lamport(500), 16_384))), 500);
    assert_eq!(one(None), 501);
    assert_eq!(one(Some(Lease::starting_at(Lamport(7), 100))), 502);
}

#[test]
fn the_clock_steps_past_a_received_value_and_rolls_when_its_lease_ends() {
    let dir = home();
    let log = log_at(dir.path(), options());
    placed(&log, &["a"]);
    for remote in [50, 1_000_000] {
        let mut record = Text {
            text: "remote".into(),
            tick: Tick::Past(Lamport(remote)),
        };
        let appended = log.append(&mut [&mut record as &mut dyn Record], None, DEADLINE);
        assert!(appended.failure.is_none());
    }
    placed(&log, &["b"]);
    let (frames, damage) = read_dir(dir.path());
    assert_eq!(
        texts(&frames),
        ["a@1", "remote@51", "remote@1000001", "b@1000002"]
    );
    assert!(damage.is_empty());
}

#[test]
fn foreign_records_do_not_move_the_clock() {
    let dir = home();
    let log = log_at(dir.path(), options());
    placed(&log, &["a"]);
    let mut foreign = Text {
        text: "f".into(),
        tick: Tick::Still,
    };
    log.append(&mut [&mut foreign as &mut dyn Record], None, DEADLINE);
    placed(&log, &["b"]);
    assert_eq!(texts(&read_dir(dir.path()).0), ["a@1", "f@1", "b@2"]);
}

#[test]
fn a_copied_home_gets_a_node_id_of_its_own() {
    let dir = home();
    placed(&log_at(dir.path(), options()), &["a"]);
    let copy = home();
    std::fs::create_dir(copy.path().join("log")).unwrap();
    std::fs::copy(segment(dir.path(), 1), segment(copy.path(), 1)).unwrap();
    std::fs::write(copy.path().join("log/LOCK"), "").unwrap();
    let appended = append(&log_at(copy.path(), options()), &["b"]);
    assert!(
        matches!(appended.notes[..], [Note::NewNode { node_id }] if node_id != options().node.node_id)
    );
    assert!(
        append(&log_at(copy.path(), options()), &["c"])
            .notes
            .is_empty(),
        "only once"
    );
    assert_eq!(texts(&read_dir(copy.path()).0), ["a@1", "b@2", "c@3"]);
}

#[test]
fn a_log_of_a_newer_format_is_refused() {
    let dir = home();
    let log = log_at(dir.path(), options());
    placed(&log, &["a"]);
    let path = segment(dir.path(), 1);
    let mut bytes = std::fs::read(&path).unwrap();
    for copy in [0, 512] {
        bytes[copy + 8] = 2;
        let crc = crc32fast::hash(&bytes[copy..copy + 508]);
        bytes[copy + 508..copy + 512].copy_from_slice(&crc.to_le_bytes());
    }
    std::fs::write(&path, bytes).unwrap();
    assert!(matches!(
        append(&log, &["b"]).failure,
        Some(AppendError::Newer { version: 2, .. })
    ));
}

#[test]
fn a_full_log_refuses_and_a_filling_one_warns() {
    let dir = home();
    let limited = crate::log::append::LogOptions {
        max_bytes: 6000,
        ..small(1200)
    };
    let log = log_at(dir.path(), limited);
    let mut warned = false;
    for index in 0..100 {
        let appended = append(&log, &[&format!("record {index}")]);
        if let Some(failure) = appended.failure {
            assert!(matches!(failure, AppendError::Full { limit: 6000, .. }));
            assert_eq!(appended.outcomes, [Outcome::NotWritten]);
            assert!(warned, "the warning comes before the refusal");
            return;
        }
        warned |= appended.pressure == Pressure::High;
    }
    panic!("the limit was never reached");
}

#[test]
fn an_unreadable_newest_header_costs_no_clock_value_and_no_number_twice() {
    let dir = home();
    let log = log_at(dir.path(), options());
    placed(&log, &["a", "b", "c"]);
    let path = segment(dir.path(), 1);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[20] ^= 1;
    bytes[600] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let placed = placed(&log, &["d"]);
    assert_eq!(placed[0].seq, Seq(4));
    assert!(placed[0].clock > Lamport(options().lease_ticks));
    let (frames, damage) = read_dir(dir.path());
    assert_eq!(frames.len(), 1);
    assert_eq!(damage[0].reason, Reason::UnreadableHeader);
}

#[test]
fn a_copied_segment_is_named_and_the_rest_is_read() {
    let dir = home();
    let log = log_at(dir.path(), small(1200));
    (0..20).for_each(|index| drop(placed(&log, &[&format!("r{index}")])));
    let all = read_dir(dir.path()).0;
    let newest = *dir_at(dir.path()).ordinals().unwrap().last().unwrap();
    std::fs::copy(segment(dir.path(), 2), segment(dir.path(), newest.0 + 1)).unwrap();
    let (frames, damage) = read_dir(dir.path());
    assert_eq!(frames, all);
    assert_eq!(
        damage.iter().map(|d| d.reason).collect::<Vec<_>>(),
        [Reason::Alien]
    );
    placed(&log, &["more"]);
    assert_eq!(
        read_dir(dir.path()).0.len(),
        21,
        "a stranger does not stop the log"
    );
}

/// The appender passes by what the readers would pass over: what it writes must
/// never lie behind a stranger.
#[test]
fn a_segment_of_another_log_does_not_lead_the_writer_away() {
    let (dir, other) = (home(), home());
    let log = log_at(dir.path(), small(1200));
    placed(&log, &["a", "b"]);
    let stranger = log_at(other.path(), small(1200));
    (0..12).for_each(|index| drop(placed(&stranger, &[&format!("s{index}")])));
    std::fs::copy(segment(other.path(), 2), segment(dir.path(), 2)).unwrap();
    for text in ["c", "d", "e", "f"] {
        let appended = append(&log, &[text]);
        assert!(appended.failure.is_none() && appended.notes.is_empty());
    }
    let (frames, damage) = read_dir(dir.path());
    assert_eq!(
        texts(&frames),
        ["a@1", "b@2", "c@3", "d@4", "e@5", "f@6"],
        "{damage:?}"
    );
    assert_eq!(
        damage.iter().map(|found| found.reason).collect::<Vec<_>>(),
        [Reason::Alien]
    );
}

#[test]
fn a_lease_is_asked_for_only_when_a_segment_will_be_started() {
    let dir = home();
    let log = log_at(dir.path(), small(1200));
    assert_eq!(
        log.lease_needed(1, 100),
        Some(LeaseFloor::Debris(Lamport(0)))
    );
    placed(&log, &["a"]);
    assert_eq!(log.lease_needed(1, 50), None);
    assert_eq!(
        log.lease_needed(1, 500),
        Some(LeaseFloor::Clean {
            last: Lamport(1),
            lease_end: Lamport(options().lease_ticks),
        })
    );
}
