//! A prune that ends in the middle, at every place there is, and is repeated.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use spec_kitty::log::prune::{Expendable, prune};
use spec_kitty::log::segment::LogDir;
use spec_kitty::log::storage::{Disk, Held, Storage, StoredFile};
use spec_kitty::position::Ordinal;

use crate::support::bench::{Bench, server};
use crate::{bench, run, segments, seqs, signed_in};

const DEADLINE: Duration = Duration::from_secs(5);

/// The real disk, until so many calls were made; then none works any more.
#[derive(Debug)]
struct Mortal {
    calls: Arc<AtomicI64>,
}

impl Mortal {
    fn call(&self) -> io::Result<()> {
        if self.calls.fetch_sub(1, Ordering::SeqCst) > 0 {
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
    fn open_read(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        self.call()?;
        Disk.open_read(path)
    }
    fn open_write(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        self.call()?;
        Disk.open_write(path)
    }
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        self.call()?;
        Disk.create_new(path)
    }
    fn size_of(&self, path: &Path) -> io::Result<u64> {
        self.call()?;
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
    fn lock(&self, path: &Path, deadline: Duration) -> io::Result<Option<Box<dyn Held>>> {
        self.call()?;
        Disk.lock(path, deadline)
    }
}

fn copy_segments(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

#[test]
fn wherever_it_ends_the_log_is_sound_and_a_second_one_brings_the_same_end() {
    let original = bench("");
    original.emit(&original.project("widgets"), 30);
    let all = segments(&original);
    let list: Vec<Expendable> = all[..all.len() - 1]
        .iter()
        .map(|ordinal| {
            let header = crate::log_dir(&original).header(Ordinal(*ordinal)).unwrap();
            Expendable {
                ordinal: Ordinal(*ordinal),
                id: header.map(|header| header.segment_id),
            }
        })
        .collect();
    let mut ends_seen = std::collections::BTreeSet::new();
    for calls in 0.. {
        let copy = bench("");
        copy_segments(&original.home.log_dir(), &copy.home.log_dir());
        let mortal = Mortal {
            calls: Arc::new(AtomicI64::new(calls)),
        };
        let dir = LogDir::new(copy.home.log_dir(), Arc::new(mortal));
        let first = prune(&dir, &list, DEADLINE, &mut |_| {});
        let left = segments(&copy);
        assert!(all.ends_with(&left), "a beginning is gone and nothing else");
        assert_eq!(seqs(&copy).1, 30);
        ends_seen.insert(left.len());
        let is_done = first.failure.is_none();
        prune(&crate::log_dir(&copy), &list, DEADLINE, &mut |_| {});
        assert_eq!(segments(&copy), all[all.len() - 1..]);
        if is_done {
            break;
        }
    }
    assert_eq!(ends_seen.len(), all.len(), "it ended behind each segment");
}

/// The ledger goes back to an older state (a power cut before it was durable,
/// a restored backup): what was pruned stays known as sent, nothing is sent to
/// anybody else, and the counts do not claim more than is so.
#[test]
fn a_ledger_that_is_older_than_the_prune_loses_nothing() {
    let (server, stored) = server(|_, _| None);
    let bench = signed_in(&server, "retention_days = 0");
    let widgets = bench.project("widgets");
    bench.emit(&widgets, 10);
    bench.sync();
    let older = saved(&bench);
    bench.emit(&widgets, 20);
    bench.sync();
    assert_eq!(run(&bench, &["log", "prune", "--yes"]).code, Some(0));
    assert!(seqs(&bench).0 > 11, "beyond the older cursor");
    restore(&bench, &older);
    bench.emit(&widgets, 2);
    let report = bench.sync();
    assert_eq!(report.delivered, 2);
    assert_eq!(bench.status().pending, 0);
    assert_eq!(stored.lock().unwrap().len(), 32);
}

fn saved(bench: &Bench) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    let view = bench.home.state_dir().join("delivery.view");
    std::fs::copy(view, copy.path().join("delivery.view")).unwrap();
    copy
}

fn restore(bench: &Bench, older: &tempfile::TempDir) {
    let state = bench.home.state_dir();
    std::fs::remove_dir_all(state.join("sled")).unwrap();
    std::fs::copy(
        older.path().join("delivery.view"),
        state.join("delivery.view"),
    )
    .unwrap();
}
