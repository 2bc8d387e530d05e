//! What a reader says of losses: each number once, whatever stands around it.

use std::path::Path;

use super::*;
use crate::log::header::HEADER_BYTES;
use crate::log::test_support::{dir_at, log_at, placed, read_dir, small};
use crate::position::Ordinal;

fn destroy_header(dir: &Path, ordinal: Ordinal) {
    let path = dir_at(dir).segment_path(ordinal);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[..HEADER_BYTES].fill(0);
    std::fs::write(path, bytes).unwrap();
}

/// The successor does not know the id of a segment whose header was unreadable
/// when it was made: the frames of that one are lost, and said to be lost by it
/// and not again by the segment before. Found by fuzzing.
#[test]
fn what_an_unreadable_segment_has_lost_is_reported_once() {
    let dir = tempfile::tempdir().unwrap();
    let log = log_at(dir.path(), small(1200));
    (0..20).for_each(|index| drop(placed(&log, &[&format!("r{index}")])));
    let newest = *dir_at(dir.path()).ordinals().unwrap().last().unwrap();
    destroy_header(dir.path(), newest);
    placed(&log, &["after"]);
    let (frames, damage) = read_dir(dir.path());
    let lost: Vec<_> = damage.iter().filter_map(|damage| damage.lost).collect();
    assert_eq!(lost.len(), 1, "{damage:?}");
    let counted = as_u64(frames.len()) + lost[0].count();
    assert_eq!(counted, 21, "{damage:?}");
}

#[test]
fn an_unreadable_header_costs_no_event_when_the_successor_knows_the_segment() {
    let dir = tempfile::tempdir().unwrap();
    let log = log_at(dir.path(), small(1200));
    (0..12).for_each(|index| drop(placed(&log, &[&format!("r{index}")])));
    destroy_header(dir.path(), Ordinal(2));
    let (frames, damage) = read_dir(dir.path());
    assert_eq!(frames.len(), 12);
    assert_eq!(damage.len(), 1);
    assert_eq!(
        (damage[0].reason, damage[0].lost),
        (Reason::UnreadableHeader, None)
    );
}
