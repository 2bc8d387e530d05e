//! What the unit tests of this room share: a log in a temporary directory.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::log::ambient::System;
use crate::log::append::{
    self, Appended, Log, LogOptions, NodeIdentity, Outcome, Placed, Record, Refused, Tick,
};
use crate::log::frame::Kind;
use crate::log::header::NodeId;
use crate::log::prepared::written_length;
use crate::log::read::{Damage, Step};
use crate::log::reader::Reader;
use crate::log::segment::LogDir;
use crate::log::storage::{Disk, Held, Storage, StoredFile};
use crate::platform::Stamp;
use crate::position::Seq;

pub(super) const DEADLINE: Duration = Duration::from_secs(5);

/// A record whose body names its clock value.
pub(super) struct Text {
    pub(super) text: String,
    pub(super) tick: Tick,
}

pub(super) fn own(text: &str) -> Text {
    Text {
        text: text.to_owned(),
        tick: Tick::Own,
    }
}

impl Record for Text {
    fn kind(&self) -> Kind {
        match self.tick {
            Tick::Own => Kind::Event,
            Tick::Still => Kind::ForeignEvent,
            Tick::Past(_) => Kind::Clock,
        }
    }

    fn tick(&self) -> Tick {
        self.tick
    }

    fn encode(&mut self, stamp: &append::Stamp<'_>, out: &mut Vec<u8>) -> Result<(), Refused> {
        if self.text == "refuse" {
            return Err(Refused::Invalid("asked to".into()));
        }
        out.extend_from_slice(format!("{}@{}", self.text, stamp.clock).as_bytes());
        Ok(())
    }
}

pub(super) fn options() -> LogOptions {
    let node_id = NodeId::parse("b805cd5cee74").unwrap();
    LogOptions::for_node(NodeIdentity {
        node_id,
        facts: [9; 8],
    })
}

/// A log that prepares so much space.
pub(super) fn prepared(prepared_bytes: u64) -> LogOptions {
    LogOptions {
        prepared_bytes,
        ..options()
    }
}

/// A log whose segments hold about three short records.
pub(super) fn small(segment_bytes: u64) -> LogOptions {
    LogOptions {
        segment_bytes,
        ..options()
    }
}

/// The bytes of a segment's file without its prepared space.
pub(super) fn written(path: &Path) -> Vec<u8> {
    let mut bytes = std::fs::read(path).unwrap();
    bytes.truncate(written_length(&bytes));
    bytes
}

pub(super) fn log_at(dir: &Path, options: LogOptions) -> Log {
    Log::new(dir_at(dir), Arc::new(System), options)
}

pub(super) fn dir_at(dir: &Path) -> LogDir {
    LogDir::new(dir.join("log"), Arc::new(Disk))
}

/// The same on a storage of one's own.
pub(super) fn dir_on(dir: &Path, storage: &Arc<Counting>) -> LogDir {
    LogDir::new(dir.join("log"), Arc::<Counting>::clone(storage))
}

pub(super) fn append(log: &Log, texts: &[&str]) -> Appended {
    let mut records: Vec<_> = texts.iter().map(|text| own(text)).collect();
    let mut borrowed: Vec<&mut dyn Record> = records
        .iter_mut()
        .map(|record| record as &mut dyn Record)
        .collect();
    log.append(&mut borrowed, None, DEADLINE)
}

/// Appends and expects everything to be durable.
pub(super) fn placed(log: &Log, texts: &[&str]) -> Vec<Placed> {
    let appended = append(log, texts);
    assert!(appended.failure.is_none(), "{:?}", appended.failure);
    let recorded = |outcome: &Outcome| match outcome {
        Outcome::Recorded(placed) => *placed,
        other => panic!("{other:?}"),
    };
    appended.outcomes.iter().map(recorded).collect()
}

/// Everything that a reader returns up to the end.
pub(super) fn read_all(reader: &mut Reader) -> (Vec<(u64, String)>, Vec<Damage>) {
    let (mut frames, mut damage) = (Vec::new(), Vec::new());
    loop {
        match reader.step().unwrap() {
            Step::Frame(item) => {
                frames.push((item.seq.0, String::from_utf8_lossy(item.body).into_owned()));
            }
            Step::Damage(found) => damage.push(found),
            Step::Idle => return (frames, damage),
        }
    }
}

pub(super) fn read_dir(dir: &Path) -> (Vec<(u64, String)>, Vec<Damage>) {
    read_all(&mut Reader::new(dir_at(dir), Seq(1)))
}

/// The disk; how often it listed a directory, and whether that rests.
#[derive(Debug, Default)]
pub(crate) struct Counting {
    lists: AtomicU64,
    resting: Mutex<Option<Stamp>>,
    traps: Mutex<BTreeMap<PathBuf, (u64, Vec<PathBuf>)>>,
}

impl Storage for Counting {
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.lists.fetch_add(1, Ordering::SeqCst);
        Disk.list(dir)
    }
    fn open_read(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        let mut traps = self.traps.lock().unwrap();
        if let Some((times, others)) = traps.get_mut(path) {
            *times = times.saturating_sub(1);
            if *times == 0 {
                others
                    .drain(..)
                    .for_each(|other| std::fs::remove_file(other).unwrap());
            }
        }
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

impl Counting {
    /// When somebody is about to open `path` for reading so many times, these are
    /// removed.
    pub(crate) fn remove_before(&self, path: PathBuf, times: u64, others: Vec<PathBuf>) {
        self.traps.lock().unwrap().insert(path, (times, others));
    }

    pub(super) fn lists(&self) -> u64 {
        self.lists.load(Ordering::SeqCst)
    }

    /// Directories have this stamp, and will have another one with the next change.
    pub(super) fn rest(&self, stamp: Option<Stamp>) {
        *self.resting.lock().unwrap() = stamp;
    }
}

/// A stamp of a directory that changed then.
pub(super) fn at_rest(changed: i128) -> Stamp {
    Stamp {
        identity: 1,
        size: 2,
        changed,
    }
}
