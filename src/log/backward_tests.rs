//! Backward gives what forward gives.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::log::ambient::System;
use crate::log::append::Log;
use crate::log::names::file_name;
use crate::log::test_support::{
    Counting, at_rest, dir_at, dir_on, log_at, placed, read_dir, small,
};

fn backward(dir: &Path) -> Vec<(u64, String)> {
    to_the_start(Backward::new(dir_at(dir)).unwrap())
}

fn to_the_start(mut reader: Backward) -> Vec<(u64, String)> {
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

/// A log whose directory rests, and whoever knows its newest segment from others.
fn told(dir: &Path, storage: &Arc<Counting>) -> LogDir {
    let (other, fresh) = (dir_on(dir, storage), dir_on(dir, storage));
    other.ordinals().unwrap();
    let (highest, stamp) = other.highest_seen().unwrap();
    fresh.recall_highest(highest, stamp);
    fresh
}

#[test]
fn the_newest_frames_are_read_without_a_listing_and_the_older_ones_with_one() {
    let dir = tempfile::tempdir().unwrap();
    let log = log_at(dir.path(), small(1300));
    (0..50).for_each(|index| drop(placed(&log, &[&format!("record {index}")])));
    let storage = Arc::new(Counting::default());
    storage.rest(Some(at_rest(10)));
    let fresh = told(dir.path(), &storage);
    let lists = storage.lists();
    let mut reader = Backward::new(fresh).unwrap();
    assert_eq!(reader.step().unwrap().unwrap().seq, Seq(50));
    assert!(reader.is_untroubled());
    assert_eq!(storage.lists(), lists);
    let rest = to_the_start(reader);
    assert_eq!((rest.len(), storage.lists()), (49, lists + 1));
    let all = to_the_start(Backward::new(told(dir.path(), &storage)).unwrap());
    assert_eq!(all, read_dir(dir.path()).0);
    for seq in [1, 17, 50, 51] {
        let near = Backward::near(told(dir.path(), &storage), Seq(seq)).unwrap();
        let before = to_the_start(near).into_iter().filter(|(at, _)| *at < seq);
        assert_eq!(before.count(), usize::try_from(seq).unwrap() - 1);
    }
}

type Harm<'a> = &'a dyn Fn(&Path, u64);

/// A log to which that was done: it is told which ordinal is the newest.
fn harmed(harm: Harm<'_>) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let log = log_at(dir.path(), small(1300));
    (0..30).for_each(|index| drop(placed(&log, &[&format!("record {index}")])));
    let newest = dir_at(dir.path()).ordinals().unwrap().pop().unwrap();
    harm(dir.path(), newest.0);
    dir
}

/// However the segments were mixed up before their highest number was seen.
#[test]
fn with_and_without_a_listing_the_same_is_read_and_written() {
    let path = |dir: &Path, ordinal: u64| dir.join("log").join(file_name(Ordinal(ordinal)));
    let harms: [Harm<'_>; 7] = [
        &|_, _| (),
        // The newest one under another name, and one before it.
        &|dir, last| std::fs::rename(path(dir, last), path(dir, last + 7)).unwrap(),
        &|dir, last| std::fs::rename(path(dir, last - 1), path(dir, last + 1)).unwrap(),
        // A copy of an old one as the newest.
        &|dir, last| assert!(std::fs::copy(path(dir, 2), path(dir, last + 1)).unwrap() > 0),
        // Some are gone, one has no header any more.
        &|dir, last| std::fs::remove_file(path(dir, last)).unwrap(),
        &|dir, last| std::fs::remove_file(path(dir, last - 1)).unwrap(),
        &|dir, last| std::fs::write(path(dir, last), [0; 2000]).unwrap(),
    ];
    let storage = Arc::new(Counting::default());
    storage.rest(Some(at_rest(10)));
    for (index, harm) in harms.iter().enumerate() {
        let dir = harmed(*harm);
        let with = to_the_start(Backward::new(told(dir.path(), &storage)).unwrap());
        let without = backward(dir.path());
        assert!(without.len() >= 20);
        assert_eq!(with, without, "harm {index}");
        let other = harmed(*harm);
        let log = log_at(dir.path(), small(1300));
        let told = Log::new(told(other.path(), &storage), Arc::new(System), small(1300));
        for text in ["a", "b"] {
            assert_eq!(
                placed(&told, &[text]),
                placed(&log, &[text]),
                "harm {index}"
            );
        }
    }
}
