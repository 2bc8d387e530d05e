//! Backward gives what forward gives.

use super::*;
use crate::log::test_support::{dir_at, log_at, placed, read_dir, small};

fn backward(dir: &std::path::Path) -> Vec<(u64, String)> {
    let mut reader = Backward::new(dir_at(dir)).unwrap();
    let mut frames = Vec::new();
    while let Some(item) = reader.step().unwrap() {
        frames.push((item.seq.0, String::from_utf8_lossy(item.body).into_owned()));
    }
    frames.reverse();
    frames
}

#[test]
fn backward_is_forward_reversed_across_segments() {
    let dir = tempfile::tempdir().unwrap();
    assert!(backward(dir.path()).is_empty());
    let log = log_at(dir.path(), small(1300));
    (0..50).for_each(|index| drop(placed(&log, &[&format!("record {index}")])));
    assert_eq!(backward(dir.path()), read_dir(dir.path()).0);
}

#[test]
fn every_good_frame_is_found_behind_damage() {
    let dir = tempfile::tempdir().unwrap();
    let log = log_at(dir.path(), small(4096));
    (0..100).for_each(|index| drop(placed(&log, &[&format!("record {index}")])));
    let ordinals = dir_at(dir.path()).ordinals().unwrap();
    for ordinal in [ordinals[0], *ordinals.last().unwrap()] {
        let path = dir_at(dir.path()).segment_path(ordinal);
        let mut bytes = std::fs::read(&path).unwrap();
        for at in [1100, 1400, 1401] {
            bytes[at] ^= 0x40;
        }
        std::fs::write(&path, bytes).unwrap();
    }
    let forward = read_dir(dir.path()).0;
    assert!(forward.len() < 100);
    assert_eq!(backward(dir.path()), forward);
}

#[test]
fn whoever_begins_in_the_middle_gets_everything_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let log = log_at(dir.path(), small(1300));
    (0..50).for_each(|index| drop(placed(&log, &[&format!("record {index}")])));
    let all = read_dir(dir.path()).0;
    for seq in [1, 2, 3, 17, 49, 50, 51, 900] {
        let mut reader = Backward::near(dir_at(dir.path()), Seq(seq)).unwrap();
        let mut frames = Vec::new();
        let mut passed = 0;
        while let Some(item) = reader.step().unwrap() {
            if item.seq.0 >= seq {
                passed += 1;
                continue;
            }
            frames.push((item.seq.0, String::from_utf8_lossy(item.body).into_owned()));
        }
        frames.reverse();
        let before = all.iter().filter(|(at, _)| *at < seq);
        assert_eq!(frames, before.cloned().collect::<Vec<_>>());
        assert!(passed < 10, "{passed} frames behind {seq} were read");
    }
}
