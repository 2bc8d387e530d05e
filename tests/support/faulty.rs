//! A storage whose calls fail when they are told to, and which writes down
//! what was asked of it.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing
)]

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use spec_kitty::log::storage::{Held, Idle, Storage, StoredFile};
use spec_kitty::platform::{Shape, Stamp};

/// A kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    List,
    Open,
    Create,
    Rename,
    Remove,
    SyncDir,
    Lock,
    /// Whether the lock is still the one that its path names.
    Current,
    Size,
    Read,
    Write,
    Sync,
}

/// What a call does instead.
pub enum Fault {
    /// It has no effect and answers so.
    Error(io::Error),
    /// Only for writes: so many bytes land, and it says so.
    Short(usize),
    /// Only for writes: so many bytes land, and it says that it failed.
    Torn(usize),
    /// This happens first; then the call is made.
    After(Box<dyn FnOnce() + Send>),
}

/// The error of a broken disk.
pub fn eio() -> Fault {
    Fault::Error(io::Error::from_raw_os_error(5))
}

/// One call as it was made: of what kind, on which file.
pub type Made = (Call, String);

#[derive(Default)]
struct Plan {
    /// Faults and how many calls of the kind come before them.
    faults: Vec<(Option<Call>, usize, Fault)>,
    /// Bytes that may still be written.
    room: Option<usize>,
    /// Calls that may still be made; from then on each one fails.
    life: Option<usize>,
    made: Vec<Made>,
}

/// A storage around another one.
#[derive(Clone)]
pub struct Faulty {
    inner: Arc<dyn Storage>,
    plan: Arc<Mutex<Plan>>,
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

impl Faulty {
    pub fn new(inner: Arc<dyn Storage>) -> Self {
        Self {
            inner,
            plan: Arc::default(),
        }
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap()
    }

    /// The next call of this kind goes wrong.
    pub fn next(&self, call: Call, fault: Fault) {
        self.later(call, 0, fault);
    }

    /// The call of this kind after `skipped` others goes wrong.
    pub fn later(&self, call: Call, skipped: usize, fault: Fault) {
        self.plan().faults.push((Some(call), skipped, fault));
    }

    /// The call of any kind after `skipped` others goes wrong.
    pub fn any(&self, skipped: usize, fault: Fault) {
        self.plan().faults.push((None, skipped, fault));
    }

    /// Whether faults are left that no call has come to.
    pub fn is_armed(&self) -> bool {
        !self.plan().faults.is_empty()
    }

    /// No fault is planned any more.
    pub fn forget(&self) {
        self.plan().faults.clear();
    }

    /// The disk takes so many more bytes; `None` takes all.
    pub fn room(&self, bytes: Option<usize>) {
        self.plan().room = bytes;
    }

    /// After so many more calls none has an effect any more, as for a process that
    /// was killed there.
    pub fn die_after(&self, calls: usize) {
        self.plan().life = Some(calls);
    }

    /// The calls since this was last asked.
    pub fn made(&self) -> Vec<Made> {
        std::mem::take(&mut self.plan().made)
    }

    /// Writes the call down; the fault that is planned for it.
    fn turn(&self, call: Call, path: &Path) -> io::Result<Option<Fault>> {
        let mut plan = self.plan();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        plan.made.push((call, name.into_owned()));
        match &mut plan.life {
            Some(0) => return Err(io::Error::from_raw_os_error(5)),
            Some(left) => *left -= 1,
            None => {}
        }
        let mut due = None;
        for (index, (kind, left, _)) in plan.faults.iter_mut().enumerate() {
            if kind.is_some_and(|kind| kind != call) {
                continue;
            }
            if *left == 0 && due.is_none() {
                due = Some(index);
            }
            *left = left.saturating_sub(1);
        }
        let fault = due.map(|index| plan.faults.remove(index).2);
        drop(plan);
        match fault {
            Some(Fault::Error(error)) => Err(error),
            Some(Fault::After(happens)) => {
                happens();
                Ok(None)
            }
            other => Ok(other),
        }
    }

    fn file(&self, path: &Path, file: Box<dyn StoredFile>) -> Box<dyn StoredFile> {
        Box::new(FaultyFile {
            file,
            path: path.to_owned(),
            storage: self.clone(),
        })
    }
}

impl Storage for Faulty {
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.turn(Call::List, dir)?;
        self.inner.list(dir)
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        self.turn(Call::Open, path)?;
        Ok(self.file(path, self.inner.open_read(path)?))
    }

    fn open_write(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        self.turn(Call::Open, path)?;
        Ok(self.file(path, self.inner.open_write(path)?))
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        self.turn(Call::Create, path)?;
        Ok(self.file(path, self.inner.create_new(path)?))
    }

    fn size_of(&self, path: &Path) -> io::Result<u64> {
        self.turn(Call::Size, path)?;
        self.inner.size_of(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.turn(Call::Create, path)?;
        self.inner.create_dir_all(path)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.turn(Call::Rename, to)?;
        self.inner.rename_new(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.turn(Call::Remove, path)?;
        self.inner.remove(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.turn(Call::SyncDir, path)?;
        self.inner.sync_dir(path)
    }

    fn shape_of(&self, path: &Path) -> io::Result<Shape> {
        self.turn(Call::Size, path)?;
        self.inner.shape_of(path)
    }

    fn stamp_of(&self, path: &Path) -> io::Result<Stamp> {
        self.turn(Call::Size, path)?;
        self.inner.stamp_of(path)
    }

    fn lock(&self, path: &Path, deadline: Duration) -> io::Result<Option<Box<dyn Held>>> {
        self.turn(Call::Lock, path)?;
        let held = self.inner.lock(path, deadline)?;
        Ok(held.map(|held| -> Box<dyn Held> {
            Box::new(FaultyLock {
                held,
                path: path.to_owned(),
                storage: self.clone(),
            })
        }))
    }
}

#[derive(Debug)]
struct FaultyLock {
    held: Box<dyn Held>,
    path: PathBuf,
    storage: Faulty,
}

impl Held for FaultyLock {
    fn identity(&self) -> u64 {
        self.held.identity()
    }

    fn is_current(&self) -> bool {
        self.storage.turn(Call::Current, &self.path).is_ok() && self.held.is_current()
    }

    fn give_back(self: Box<Self>) -> Option<Box<dyn Idle>> {
        let Self {
            held,
            path,
            storage,
        } = *self;
        let idle = held.give_back()?;
        Some(Box::new(FaultyIdle {
            idle,
            path,
            storage,
        }))
    }
}

#[derive(Debug)]
struct FaultyIdle {
    idle: Box<dyn Idle>,
    path: PathBuf,
    storage: Faulty,
}

impl Idle for FaultyIdle {
    fn take(self: Box<Self>, deadline: Duration) -> io::Result<Option<Box<dyn Held>>> {
        let Self {
            idle,
            path,
            storage,
        } = *self;
        storage.turn(Call::Lock, &path)?;
        let held = idle.take(deadline)?;
        Ok(held.map(|held| -> Box<dyn Held> {
            Box::new(FaultyLock {
                held,
                path,
                storage,
            })
        }))
    }
}

#[derive(Debug)]
struct FaultyFile {
    file: Box<dyn StoredFile>,
    path: PathBuf,
    storage: Faulty,
}

impl StoredFile for FaultyFile {
    fn size(&self) -> io::Result<u64> {
        self.storage.turn(Call::Size, &self.path)?;
        self.file.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.storage.turn(Call::Read, &self.path)?;
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let fault = self.storage.turn(Call::Write, &self.path)?;
        let mut wanted = match &fault {
            Some(Fault::Short(count) | Fault::Torn(count)) => (*count).min(bytes.len()),
            _ => bytes.len(),
        };
        if let Some(room) = &mut self.storage.plan().room {
            if *room == 0 && wanted > 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            wanted = wanted.min(*room);
            *room -= wanted;
        }
        let mut done = 0;
        while done < wanted {
            done += self
                .file
                .write_at(&bytes[done..wanted], offset + done as u64)?;
        }
        match fault {
            Some(Fault::Torn(_)) => Err(io::Error::from_raw_os_error(5)),
            _ => Ok(done),
        }
    }

    fn stamp(&self) -> io::Result<Stamp> {
        self.storage.turn(Call::Size, &self.path)?;
        self.file.stamp()
    }

    fn shape(&self) -> io::Result<Shape> {
        self.storage.turn(Call::Size, &self.path)?;
        self.file.shape()
    }

    fn sync(&self) -> io::Result<()> {
        self.storage.turn(Call::Sync, &self.path)?;
        self.file.sync()
    }
}
