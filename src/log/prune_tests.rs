//! A beginning goes, one file at a time, and whoever reads notices nothing.

use std::path::Path;

use super::*;
use crate::log::reader::Reader;
use crate::log::test_support::{DEADLINE, dir_at, log_at, placed, read_all, read_dir, small};
use crate::position::Seq;

/// A log of about a dozen segments with forty records.
fn filled(dir: &Path) -> Vec<Ordinal> {
    let log = log_at(dir, small(1200));
    (0..40).for_each(|index| drop(placed(&log, &[&format!("r{index}")])));
    dir_at(dir).ordinals().unwrap()
}

fn expendable(dir: &Path, ordinals: &[Ordinal]) -> Vec<Expendable> {
    let id = |ordinal| dir_at(dir).header(ordinal).unwrap();
    ordinals
        .iter()
        .map(|ordinal| Expendable {
            ordinal: *ordinal,
            id: id(*ordinal).map(|header| header.segment_id),
        })
        .collect()
}

fn ordinals_of(pruned: &Pruned) -> Vec<Ordinal> {
    pruned.gone.iter().map(|gone| gone.ordinal).collect()
}

#[test]
fn the_oldest_go_and_the_rest_is_a_sound_log() {
    let dir = tempfile::tempdir().unwrap();
    let ordinals = filled(dir.path());
    let whole = read_dir(dir.path()).0;
    let bytes = dir_at(dir.path()).bytes().unwrap();
    let list = expendable(dir.path(), &ordinals[..3]);
    let pruned = prune(&dir_at(dir.path()), &list, DEADLINE, &mut |_| {});
    assert!(pruned.failure.is_none());
    assert_eq!(ordinals_of(&pruned), ordinals[..3]);
    assert_eq!(
        dir_at(dir.path()).bytes().unwrap() + pruned.bytes(),
        bytes,
        "what was freed is what is missing"
    );
    let (frames, damage) = read_dir(dir.path());
    assert!(damage.is_empty(), "{damage:?}");
    assert!(!frames.is_empty() && whole.ends_with(&frames));
    let again = prune(&dir_at(dir.path()), &list, DEADLINE, &mut |_| {});
    assert!(again.gone.is_empty() && again.failure.is_none());
    placed(&log_at(dir.path(), small(1200)), &["more"]);
    assert_eq!(read_dir(dir.path()).0.len(), frames.len() + 1);
}

#[test]
fn the_newest_stays_whatever_the_list_says() {
    let dir = tempfile::tempdir().unwrap();
    let ordinals = filled(dir.path());
    let list = expendable(dir.path(), &ordinals);
    let pruned = prune(&dir_at(dir.path()), &list, DEADLINE, &mut |_| {});
    assert_eq!(ordinals_of(&pruned), ordinals[..ordinals.len() - 1]);
    let placed = placed(&log_at(dir.path(), small(1200)), &["more"]);
    assert_eq!((placed[0].seq.0, placed[0].clock.0), (41, 41));
}

#[test]
fn nothing_behind_a_file_that_is_not_on_the_list_goes() {
    let dir = tempfile::tempdir().unwrap();
    let ordinals = filled(dir.path());
    let mut list = expendable(dir.path(), &ordinals[..4]);
    list.remove(1);
    let pruned = prune(&dir_at(dir.path()), &list, DEADLINE, &mut |_| {});
    assert_eq!(ordinals_of(&pruned), ordinals[..1]);
}

#[test]
fn a_file_that_is_another_segment_by_now_stays() {
    let dir = tempfile::tempdir().unwrap();
    let ordinals = filled(dir.path());
    let mut list = expendable(dir.path(), &ordinals[..2]);
    list[0].id = Some([7; 16]);
    assert!(
        prune(&dir_at(dir.path()), &list, DEADLINE, &mut |_| {})
            .gone
            .is_empty()
    );
}

/// A segment of another log in the place of a newest one must not make our own
/// newest one expendable.
#[test]
fn among_strangers_nothing_from_the_first_doubt_on_goes() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ordinals = filled(dir.path());
    let newest = *ordinals.last().unwrap();
    let log = log_at(other.path(), small(1200));
    while *dir_at(other.path())
        .ordinals()
        .unwrap_or_default()
        .last()
        .unwrap_or(&Ordinal(0))
        <= newest.next()
    {
        placed(&log, &["stranger"]);
    }
    for ordinal in [newest.next(), newest.next().next()] {
        let path = dir_at(other.path()).segment_path(ordinal);
        std::fs::copy(path, dir_at(dir.path()).segment_path(ordinal)).unwrap();
    }
    assert_eq!(keep_from(&dir_at(dir.path())).unwrap(), newest);
    let list = expendable(dir.path(), &dir_at(dir.path()).ordinals().unwrap());
    let pruned = prune(&dir_at(dir.path()), &list, DEADLINE, &mut |_| {});
    assert_eq!(ordinals_of(&pruned), ordinals[..ordinals.len() - 1]);
}

/// Where it is in the log does not matter to a reader: what it has not read yet
/// and is gone was confirmed, and is not called lost.
#[test]
fn a_reader_survives_a_prune_wherever_it_is() {
    let original = tempfile::tempdir().unwrap();
    let ordinals = filled(original.path());
    for read_before in 0..40 {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("log")).unwrap();
        for ordinal in &ordinals {
            let from = dir_at(original.path()).segment_path(*ordinal);
            std::fs::copy(from, dir_at(dir.path()).segment_path(*ordinal)).unwrap();
        }
        let whole = read_dir(dir.path()).0;
        let mut reader = Reader::new(dir_at(dir.path()), Seq(1));
        let mut frames = Vec::new();
        for _ in 0..read_before {
            match reader.step().unwrap() {
                crate::log::read::Step::Frame(item) => frames.push(item.seq.0),
                other => panic!("{other:?}"),
            }
        }
        let list = expendable(dir.path(), &ordinals[..ordinals.len() - 2]);
        prune(&dir_at(dir.path()), &list, DEADLINE, &mut |_| {});
        let (rest, damage) = read_all(&mut reader);
        assert!(damage.is_empty(), "after {read_before}: {damage:?}");
        frames.extend(rest.iter().map(|(seq, _)| *seq));
        assert!(frames.is_sorted() && frames.last() == Some(&40));
        let kept = read_dir(dir.path()).0;
        assert!(kept.iter().all(|(seq, _)| frames.contains(seq)));
        assert!(whole.iter().filter(|(seq, _)| frames.contains(seq)).count() == frames.len());
    }
}
