//! When the directory is listed, and when it need not be.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::*;
use crate::log::storage::{Disk, Held};

/// The disk; how often it listed a directory, and whether that rests.
#[derive(Debug, Default)]
struct Counting {
    lists: AtomicU64,
    resting: Mutex<Option<Stamp>>,
}

impl Storage for Counting {
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.lists.fetch_add(1, Ordering::SeqCst);
        Disk.list(dir)
    }
    fn open_read(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        Disk.open_read(path)
    }
    fn open_write(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        Disk.open_write(path)
    }
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        Disk.create_new(path)
    }
    fn size_of(&self, path: &Path) -> io::Result<u64> {
        Disk.size_of(path)
    }
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        Disk.create_dir_all(path)
    }
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        Disk.rename_new(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        Disk.remove(path)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        Disk.sync_dir(path)
    }
    fn resting_stamp_of(&self, _: &Path) -> Option<Stamp> {
        *self.resting.lock().unwrap()
    }
    fn lock(&self, path: &Path, deadline: Duration) -> io::Result<Option<Box<dyn Held>>> {
        Disk.lock(path, deadline)
    }
}

#[test]
fn a_directory_is_listed_again_only_when_it_changed() {
    let home = tempfile::tempdir().unwrap();
    let storage = Arc::new(Counting::default());
    let dir = LogDir::new(home.path(), Arc::<Counting>::clone(&storage));
    let other = dir.clone();
    let lists = || storage.lists.load(Ordering::SeqCst);
    let rests = |changed| {
        let (identity, size) = (1, 2);
        *storage.resting.lock().unwrap() = Some(Stamp {
            identity,
            size,
            changed,
        });
    };
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
    *storage.resting.lock().unwrap() = None;
    assert_eq!((seen(&dir), lists()), (vec![2, 7], 8));
    assert_eq!(dir.ordinals().unwrap().len(), 2);
    assert_eq!(lists(), 9, "who may not be wrong asks the directory itself");
}
