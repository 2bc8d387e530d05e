//! Files go where they belong, and no segment is ever out of the readers' sight.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::log::disorder::{Aside, Findings};
use crate::log::storage::{Disk, Storage};
use crate::log::test_support::{
    DEADLINE, dir_at, log_at, options, placed, prepared, read_dir, small, written,
};

fn home() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// A log of about a dozen segments.
fn filled(dir: &Path) -> Vec<Ordinal> {
    let log = log_at(dir, small(1200));
    (0..20).for_each(|index| drop(placed(&log, &[&format!("r{index}")])));
    dir_at(dir).ordinals().unwrap()
}

fn path(dir: &Path, name: &str) -> PathBuf {
    dir.join("log").join(name)
}

fn seg(number: u64) -> String {
    file_name(Ordinal(number))
}

/// Every file below `log/` and what is in it.
fn everything(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut todo = vec![dir.join("log")];
    while let Some(next) = todo.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else {
                all.insert(path.clone(), std::fs::read(path).unwrap());
            }
        }
    }
    all
}

/// The host and user of the logs of these tests.
fn facts() -> [u8; 8] {
    options().node.facts
}

fn look(dir: &LogDir) -> Result<Findings, crate::log::read::ReadError> {
    disorder::look(dir, facts(), &mut |_| {})
}

/// What was done, in order; a second look finds nothing to do.
fn repaired(dir: &Path) -> Vec<(String, Action)> {
    let found = look(&dir_at(dir)).unwrap();
    let tidied = tidy(&dir_at(dir), facts(), &found.files, DEADLINE);
    assert!(tidied.failure.is_none(), "{:?}", tidied.failure);
    assert!(look(&dir_at(dir)).unwrap().files.is_empty());
    let done = tidied.done.into_iter();
    done.map(|settled| (settled.file.name, settled.file.action))
        .collect()
}

/// A log of as many segments as [`filled`] makes, of another home.
fn stranger() -> tempfile::TempDir {
    let other = home();
    filled(other.path());
    other
}

/// Copies a segment of another log, as a file of this name.
fn put(other: &Path, ordinal: u64, dir: &Path, name: &str) {
    std::fs::copy(path(other, &seg(ordinal)), path(dir, name)).unwrap();
}

#[test]
fn a_log_in_order_is_left_alone() {
    let dir = home();
    assert!(look(&dir_at(dir.path())).unwrap().files.is_empty());
    assert!(!dir.path().join("log").exists());
    filled(dir.path());
    let before = everything(dir.path());
    let found = look(&dir_at(dir.path())).unwrap();
    assert!(found.files.is_empty() && found.damage.is_empty());
    assert_eq!(everything(dir.path()), before);
}

#[test]
fn leftovers_go_and_strangers_are_set_aside() {
    let (dir, other) = (home(), home());
    let ordinals = filled(dir.path());
    let whole = read_dir(dir.path()).0;
    let newest = ordinals.last().unwrap().0;
    // A longer log than ours, from elsewhere.
    let log = log_at(other.path(), small(1200));
    (0..60).for_each(|index| drop(placed(&log, &[&format!("s{index}")])));
    let log_dir = other.path().join("log");
    std::fs::copy(
        log_dir.join(seg(newest + 1)),
        path(dir.path(), &seg(newest + 1)),
    )
    .unwrap();
    std::fs::copy(path(dir.path(), &seg(2)), path(dir.path(), "2.seg")).unwrap();
    std::fs::copy(path(dir.path(), &seg(3)), path(dir.path(), "copy of 3")).unwrap();
    std::fs::write(path(dir.path(), ".0000000009.0a0b0c0d.tmp"), "x").unwrap();
    std::fs::write(path(dir.path(), "bad.seg"), "no segment").unwrap();
    std::fs::write(path(dir.path(), "notes.txt"), "mine").unwrap();
    let before = everything(dir.path());
    let done = repaired(dir.path());
    let copy = |of| Action::SetAside(Aside::Copy(Ordinal(of)));
    assert_eq!(
        done,
        [
            (".0000000009.0a0b0c0d.tmp".into(), Action::Remove),
            ("2.seg".into(), copy(2)),
            ("copy of 3".into(), copy(3)),
            (seg(newest + 1), Action::SetAside(Aside::OtherLog)),
            ("bad.seg".into(), Action::SetAside(Aside::NoSegment)),
        ]
    );
    let after = everything(dir.path());
    assert_eq!(after.len(), before.len() - 1, "only the leftover is gone");
    assert!(path(dir.path(), "notes.txt").exists(), "not our business");
    assert!(path(dir.path(), "aside/2.seg").exists());
    assert_eq!(read_dir(dir.path()), (whole, Vec::new()));
    assert!(repaired(dir.path()).is_empty(), "once is enough");
}

/// It may be our own beginning as well: see the next test.
#[test]
fn a_stranger_in_front_that_contradicts_nobody_stays() {
    let (dir, other) = (home(), stranger());
    let ordinals = filled(dir.path());
    for ordinal in &ordinals[..3] {
        std::fs::remove_file(path(dir.path(), &seg(ordinal.0))).unwrap();
    }
    put(other.path(), 2, dir.path(), &seg(2));
    assert!(repaired(dir.path()).is_empty());
    // Next to one of ours it says itself that it was not there before.
    put(other.path(), 3, dir.path(), &seg(3));
    let aside = |number| (seg(number), Action::SetAside(Aside::OtherLog));
    assert_eq!(repaired(dir.path()), [aside(2), aside(3)]);
    let (frames, damage) = read_dir(dir.path());
    assert!(damage.is_empty() && frames.len() > 5, "{damage:?}");
}

/// A home was copied and written to, and then the segment that links the new
/// part to the old one was lost. The old part has another home's id and lock.
#[test]
fn the_old_part_of_a_copied_home_is_never_taken_for_another_log() {
    let dir = home();
    let ordinals = filled(dir.path());
    let link = ordinals.last().unwrap().0;
    let lock = path(dir.path(), "LOCK");
    // Another file while the old one is there, so that its identity is new.
    std::fs::write(path(dir.path(), "new"), "").unwrap();
    std::fs::rename(path(dir.path(), "new"), lock).unwrap();
    let log = log_at(dir.path(), small(1200));
    (0..6).for_each(|index| drop(placed(&log, &[&format!("t{index}")])));
    assert!(repaired(dir.path()).is_empty());
    std::fs::remove_file(path(dir.path(), &seg(link))).unwrap();
    let before = read_dir(dir.path());
    assert!(repaired(dir.path()).is_empty());
    assert_eq!(read_dir(dir.path()), before);
}

/// In a copied home nothing says which of two logs is the one that goes on.
#[test]
fn where_strangers_cannot_be_told_nothing_is_moved() {
    let (dir, other) = (home(), stranger());
    filled(dir.path());
    put(other.path(), 4, dir.path(), &seg(4));
    for is_other_host in [true, false] {
        let facts = if is_other_host { [1; 8] } else { facts() };
        if !is_other_host {
            std::fs::remove_file(path(dir.path(), "LOCK")).unwrap();
        }
        let found = disorder::look(&dir_at(dir.path()), facts, &mut |_| {}).unwrap();
        assert!(found.files.is_empty());
        assert!(!found.damage.is_empty(), "it is named all the same");
    }
}

/// Exchanged names beside a hole: nobody's neighbour says so, but the home's id
/// does.
#[test]
fn ours_get_their_names_back_where_readers_cannot_tell() {
    let dir = home();
    filled(dir.path());
    let whole = read_dir(dir.path()).0;
    std::fs::remove_file(path(dir.path(), &seg(3))).unwrap();
    let own = read_dir(dir.path()).0;
    for (from, to) in [(4, 99), (5, 4), (99, 5)] {
        std::fs::rename(path(dir.path(), &seg(from)), path(dir.path(), &seg(to))).unwrap();
    }
    repaired(dir.path());
    assert_eq!(read_dir(dir.path()).0, own);
    assert!(whole.len() > own.len());
}

/// An older copy of a segment may have the longer file, where space is prepared:
/// the one with more in it is the segment, to readers and here.
#[test]
fn of_two_copies_the_one_with_more_in_it_is_the_segment_whatever_is_prepared() {
    let dir = home();
    let log = log_at(dir.path(), prepared(4096));
    placed(&log, &["a"]);
    let segment = path(dir.path(), &seg(1));
    std::fs::copy(&segment, path(dir.path(), &seg(6))).unwrap();
    placed(&log, &["b"]);
    std::fs::write(path(dir.path(), &seg(5)), written(&segment)).unwrap();
    std::fs::remove_file(&segment).unwrap();
    assert_eq!(read_dir(dir.path()).0.len(), 2);
    let done = repaired(dir.path());
    assert!(path(dir.path(), &seg(1)).exists(), "{done:?}");
    let (frames, damage) = read_dir(dir.path());
    assert_eq!((frames.len(), damage), (2, vec![]), "{done:?}");
}

/// The beginning of a log may be gone because it was pruned; a copy of it that
/// somebody kept is not put back.
#[test]
fn what_was_pruned_does_not_come_back() {
    let dir = home();
    filled(dir.path());
    std::fs::rename(path(dir.path(), &seg(1)), path(dir.path(), "1.bak.seg")).unwrap();
    std::fs::rename(path(dir.path(), &seg(2)), path(dir.path(), "2.bak.seg")).unwrap();
    assert!(repaired(dir.path()).is_empty());
    assert!(path(dir.path(), "2.bak.seg").exists());
}

#[test]
fn what_cannot_be_read_makes_way_for_the_segment_of_its_name() {
    let dir = home();
    filled(dir.path());
    let whole = read_dir(dir.path()).0;
    std::fs::rename(path(dir.path(), &seg(3)), path(dir.path(), &seg(50))).unwrap();
    std::fs::write(path(dir.path(), &seg(3)), "rubbish").unwrap();
    let aside = Action::SetAside(Aside::InTheWay(Ordinal(3)));
    assert_eq!(
        repaired(dir.path()),
        [(seg(3), aside), (seg(50), Action::Rename(Ordinal(3)))]
    );
    assert_eq!(read_dir(dir.path()), (whole, Vec::new()));
}

/// What is found out without the lock is not believed under it.
#[test]
fn a_file_that_is_another_one_by_now_stays() {
    let dir = home();
    filled(dir.path());
    put(dir.path(), 3, dir.path(), "3.seg");
    let found = look(&dir_at(dir.path())).unwrap();
    std::fs::remove_file(path(dir.path(), &seg(3))).unwrap();
    let tidied = tidy(&dir_at(dir.path()), facts(), &found.files, DEADLINE);
    assert!(tidied.done.is_empty() && tidied.failure.is_none());
    assert!(path(dir.path(), "3.seg").exists(), "it is the segment now");
    let back = ("3.seg".into(), Action::Rename(Ordinal(3)));
    assert_eq!(repaired(dir.path()), [back]);
}

#[test]
fn while_somebody_writes_nothing_is_moved() {
    let dir = home();
    filled(dir.path());
    put(dir.path(), 3, dir.path(), "3.seg");
    let found = look(&dir_at(dir.path())).unwrap();
    let lock = dir_at(dir.path()).lock_path();
    let held = Disk.lock(&lock, DEADLINE).unwrap().unwrap();
    let tidied = tidy(&dir_at(dir.path()), facts(), &found.files, Duration::ZERO);
    assert!(matches!(tidied.failure, Some(TidyError::Busy { .. })));
    assert!(path(dir.path(), "3.seg").exists());
    drop(held);
}

/// Renames in every order, with a kill before each: the readers find all of it
/// at each step, and the next repair ends what the first began.
#[test]
fn exchanged_names_are_given_back_and_no_step_hides_a_segment() {
    let original = home();
    filled(original.path());
    let whole = read_dir(original.path()).0;
    let rename = |dir: &Path, from: &str, to: &str| {
        std::fs::rename(path(dir, from), path(dir, to)).unwrap();
    };
    for calls in 0.. {
        let dir = home();
        std::fs::create_dir(dir.path().join("log")).unwrap();
        for (from, bytes) in everything(original.path()) {
            let name = from.file_name().unwrap().to_str().unwrap();
            std::fs::write(path(dir.path(), name), bytes).unwrap();
        }
        rename(dir.path(), &seg(2), "x");
        rename(dir.path(), &seg(3), &seg(2));
        rename(dir.path(), &seg(4), &seg(3));
        rename(dir.path(), "x", &seg(4));
        rename(dir.path(), &seg(6), "6 (old).seg");
        let mortal = Mortal::with(calls);
        let looked = look(&dir_at(dir.path())).unwrap();
        let first = tidy(
            &LogDir::new(dir.path().join("log"), Arc::new(mortal)),
            facts(),
            &looked.files,
            DEADLINE,
        );
        let (frames, damage) = read_dir(dir.path());
        let is_back = path(dir.path(), &seg(6)).exists();
        if is_back {
            assert_eq!(frames, whole, "after {calls} calls: {damage:?}");
        } else {
            assert!(frames.len() >= whole.len() - 3, "after {calls} calls");
        }
        repaired(dir.path());
        assert_eq!(read_dir(dir.path()), (whole.clone(), Vec::new()));
        if first.failure.is_none() {
            assert!(calls > 10);
            break;
        }
    }
}

/// The disk, until so many calls were made.
#[derive(Debug)]
struct Mortal(std::sync::atomic::AtomicI64);

impl Mortal {
    fn with(calls: i64) -> Self {
        Self(calls.into())
    }

    fn call(&self) -> io::Result<()> {
        let left = self.0.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
        if left > 0 {
            Ok(())
        } else {
            Err(io::Error::other("killed"))
        }
    }
}

impl Storage for Mortal {
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.call()?;
        Disk.list(dir)
    }
    fn open_read(&self, path: &Path) -> io::Result<Box<dyn crate::log::storage::StoredFile>> {
        self.call()?;
        Disk.open_read(path)
    }
    fn open_write(&self, path: &Path) -> io::Result<Box<dyn crate::log::storage::StoredFile>> {
        Disk.open_write(path)
    }
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn crate::log::storage::StoredFile>> {
        Disk.create_new(path)
    }
    fn size_of(&self, path: &Path) -> io::Result<u64> {
        Disk.size_of(path)
    }
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.call()?;
        Disk.create_dir_all(path)
    }
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call()?;
        Disk.rename_new(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.call()?;
        Disk.remove(path)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.call()?;
        Disk.sync_dir(path)
    }
    fn identity_of(&self, path: &Path) -> io::Result<u64> {
        Disk.identity_of(path)
    }
    fn lock(
        &self,
        path: &Path,
        deadline: Duration,
    ) -> io::Result<Option<Box<dyn crate::log::storage::Held>>> {
        self.call()?;
        Disk.lock(path, deadline)
    }
}
