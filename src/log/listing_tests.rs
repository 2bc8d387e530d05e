//! When the directory is listed, and when it need not be.

use std::sync::Arc;

use super::*;
use crate::log::test_support::{Counting, at_rest};

#[test]
fn a_directory_is_listed_again_only_when_it_changed() {
    let home = tempfile::tempdir().unwrap();
    let storage = Arc::new(Counting::default());
    let dir = LogDir::new(home.path(), Arc::<Counting>::clone(&storage));
    let other = dir.clone();
    let lists = || storage.lists();
    let rests = |changed| storage.rest(Some(at_rest(changed)));
    let make = |ordinal| std::fs::write(dir.path_named(Ordinal(ordinal)), b"").unwrap();
    let seen = |dir: &LogDir| {
        let seen = dir.ordinals_seen().unwrap().into_iter();
        seen.map(|ordinal| ordinal.0).collect::<Vec<_>>()
    };
    make(1);
    for times in 1..=3 {
        assert_eq!((seen(&dir), lists()), (vec![1], times), "it may change yet");
    }
    rests(10);
    assert_eq!((seen(&dir), lists()), (vec![1], 4));
    for dir in [&dir, &other, &dir] {
        assert_eq!((seen(dir), lists()), (vec![1], 4));
    }
    make(2);
    assert_eq!(
        (seen(&other), lists()),
        (vec![1, 2], 5),
        "a successor is seen under any stamp"
    );
    make(7);
    rests(11);
    assert_eq!((seen(&dir), lists()), (vec![1, 2, 7], 6));
    std::fs::remove_file(dir.path_named(Ordinal(1))).unwrap();
    rests(12);
    assert_eq!((seen(&other), lists()), (vec![2, 7], 7));
    storage.rest(None);
    assert_eq!((seen(&dir), lists()), (vec![2, 7], 8));
    assert_eq!(dir.ordinals().unwrap().len(), 2);
    assert_eq!(lists(), 9, "who may not be wrong asks the directory itself");
}

#[test]
fn what_was_seen_is_believed_elsewhere_while_the_directory_is_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    let storage = Arc::new(Counting::default());
    let fresh = || LogDir::new(home.path(), Arc::<Counting>::clone(&storage));
    let make = |ordinal| std::fs::write(fresh().path_named(Ordinal(ordinal)), b"").unwrap();
    (3..=5).for_each(make);
    let dir = fresh();
    assert_eq!((dir.highest_seen(), dir.files_seen()), (None, None));
    dir.ordinals().unwrap();
    assert_eq!(dir.highest_seen(), None, "it may change unseen");
    storage.rest(Some(at_rest(10)));
    dir.ordinals().unwrap();
    let (highest, stamp) = dir.highest_seen().unwrap();
    let (files, _) = dir.files_seen().unwrap();
    assert_eq!((highest, stamp), (Ordinal(5), at_rest(10)));

    let lists = storage.lists();
    let told = |all: bool| {
        let dir = fresh();
        match all {
            true => dir.recall_files(files.clone(), stamp),
            false => dir.recall_highest(highest, stamp),
        }
        dir
    };
    for all in [true, false] {
        assert_eq!(told(all).newest().unwrap(), Some(Ordinal(5)));
        assert_eq!(told(all).newest_seen(), Some(Ordinal(5)));
        assert_eq!(told(all).highest_seen(), Some((highest, stamp)));
    }
    assert_eq!(told(true).ordinals_seen().unwrap(), files);
    assert_eq!(storage.lists(), lists, "nothing was listed");
    assert_eq!(told(false).ordinals_seen().unwrap(), files);
    assert_eq!(
        storage.lists(),
        lists + 1,
        "of one, the others do not follow"
    );

    make(6);
    assert_eq!(
        told(false).newest_seen(),
        None,
        "a successor is seen under any stamp"
    );
    assert_eq!(told(false).newest().unwrap(), Some(Ordinal(6)));
    let before = told(true);
    make(9);
    storage.rest(Some(at_rest(11)));
    assert_eq!(before.newest_seen(), None, "the stamp is another one now");
    for all in [true, false] {
        assert_eq!(told(all).highest_seen(), None, "it was another one already");
        assert_eq!(told(all).newest().unwrap(), Some(Ordinal(9)));
    }
    storage.rest(None);
    assert_eq!(told(true).highest_seen(), None);
}

#[test]
fn a_segment_that_is_made_here_ends_what_was_known_of_the_directory() {
    let dir = LogDir::new("log", Arc::new(Counting::default()));
    *dir.seen() = Listing::of(Some(at_rest(10)), vec![Ordinal(4)]);
    dir.made(Ordinal(5));
    assert_eq!((dir.highest_seen(), dir.files_seen()), (None, None));
    assert_eq!(dir.newest_known(), Some(Ordinal(5)));
}
