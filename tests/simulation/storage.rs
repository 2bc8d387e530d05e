//! The file operations of the library, on the simulated machine.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use spec_kitty::log::storage::{Held, Idle, Storage, StoredFile};
use spec_kitty::platform::{Shape, Stamp};
use spec_kitty::state::Files;

use crate::coverage::{Op, Situation};
use crate::facts;
use crate::plant::{self, Bug};
use crate::world::{Dies, Gone, LOG, Machine, Process, Stage, is_state};

fn done(effect: bool) -> io::Result<()> {
    if effect {
        Ok(())
    } else {
        Err(io::ErrorKind::NotFound.into())
    }
}

impl Process {
    fn open(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        self.act(Op::Open, path, |machine| {
            let inode = machine
                .lasting
                .disk
                .lookup(path)
                .ok_or(io::ErrorKind::NotFound)?;
            Ok(SimFile::open(self, inode, path, machine))
        })
    }

    fn stamp(machine: &Machine, inode: u64) -> Stamp {
        let file = machine.lasting.disk.inode(inode);
        Stamp {
            identity: inode,
            size: file.cache.len() as u64,
            changed: file.changes.into(),
        }
    }

    fn shape(machine: &Machine, inode: u64) -> Shape {
        let Stamp { identity, size, .. } = Self::stamp(machine, inode);
        Shape { identity, size }
    }

    /// Takes the lock on this inode, else on whatever the path names.
    fn lock_from(&self, path: &Path, opened: Option<u64>) -> io::Result<Option<Box<dyn Held>>> {
        let mut wanted = opened;
        loop {
            let (mut machine, dies) = self.turn(Op::Lock, || path.display().to_string())?;
            if dies == Dies::Now {
                return Err(io::Error::other("killed before the call"));
            }
            let disk = &mut machine.lasting.disk;
            let identity = match wanted.or_else(|| disk.lookup(path)) {
                Some(inode) => inode,
                None => disk.create(path).ok_or(io::ErrorKind::NotFound)?,
            };
            wanted = Some(identity);
            if machine.locks.contains_key(&identity) {
                drop(machine);
                self.world.scheduler().wait_for_lock(self.number);
                continue;
            }
            if machine.lasting.disk.lookup(path) != Some(identity) {
                return Err(io::ErrorKind::NotFound.into());
            }
            machine.locks.insert(identity, self.number);
            return Ok(Some(Box::new(SimLock {
                process: self.clone(),
                path: path.to_owned(),
                identity,
            })));
        }
    }

    /// Whether a sync of this file is left out by the bug that is planted.
    fn skips_sync(&self, path: &Path) -> bool {
        match self.world.bug() {
            Some(Bug::ReceiptBeforeSync) => !is_state(path),
            Some(Bug::PruneBeforeLedger) => is_state(path),
            Some(Bug::ShipsUnsynced) => !is_state(path) && self.stage() == Stage::Delivering,
            _ => false,
        }
    }
}

impl Storage for Process {
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.act(Op::List, dir, |machine| {
            let names = machine.lasting.disk.names(dir);
            names.ok_or(io::ErrorKind::NotFound.into())
        })
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        self.open(path)
    }

    fn open_write(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        self.open(path)
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        self.act(Op::Create, path, |machine| {
            let disk = &mut machine.lasting.disk;
            if disk.lookup(path).is_some() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            let inode = disk.create(path).ok_or(io::ErrorKind::NotFound)?;
            Ok(SimFile::open(self, inode, path, machine))
        })
    }

    fn size_of(&self, path: &Path) -> io::Result<u64> {
        self.act(Op::Size, path, |machine| {
            let disk = &machine.lasting.disk;
            let inode = disk.lookup(path).ok_or(io::ErrorKind::NotFound)?;
            Ok(disk.inode(inode).cache.len() as u64)
        })
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.act(Op::CreateDir, path, |machine| {
            machine.lasting.disk.create_dir_all(path);
            Ok(())
        })
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.act(Op::Rename, to, |machine| {
            let disk = &mut machine.lasting.disk;
            if disk.lookup(to).is_some() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            done(disk.rename(from, to))?;
            if machine.recovery.due {
                machine.recovery.due = false;
                machine.lasting.coverage.saw(Situation::Recovery);
            }
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.act(Op::Remove, path, |machine| {
            if path.extension().is_some_and(|end| end == "seg") {
                note_pruned(machine, path);
            } else if path.ends_with("LOCK") {
                machine.lasting.coverage.saw(Situation::LockReplaced);
            }
            done(machine.lasting.disk.remove(path))
        })
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let skipped = self.world.bug() == Some(Bug::NoDirectorySync)
            || (is_state(path) && self.skips_sync(path));
        self.act(Op::SyncDir, path, |machine| {
            if !skipped {
                machine.lasting.disk.sync_dir(path);
            }
            Ok(())
        })
    }

    fn shape_of(&self, path: &Path) -> io::Result<Shape> {
        self.act(Op::Size, path, |machine| {
            let inode = machine.lasting.disk.lookup(path);
            Ok(Self::shape(machine, inode.ok_or(io::ErrorKind::NotFound)?))
        })
    }

    fn stamp_of(&self, path: &Path) -> io::Result<Stamp> {
        self.act(Op::Size, path, |machine| {
            let inode = machine.lasting.disk.lookup(path);
            Ok(Self::stamp(machine, inode.ok_or(io::ErrorKind::NotFound)?))
        })
    }

    /// No two changes have the same time here.
    fn resting_stamp_of(&self, dir: &Path) -> Option<Stamp> {
        let changed = self.act(Op::Size, dir, |machine| {
            let changed = machine.lasting.disk.changed(dir);
            changed.ok_or(io::ErrorKind::NotFound.into())
        });
        Some(Stamp {
            identity: 0,
            size: 0,
            changed: changed.ok()?.into(),
        })
    }

    fn lock(&self, path: &Path, _deadline: Duration) -> io::Result<Option<Box<dyn Held>>> {
        self.lock_from(path, None)
    }
}

/// A segment goes: whatever was in it must be with the server that it was for.
fn note_pruned(machine: &mut Machine, path: &Path) {
    let Some(inode) = machine.lasting.disk.lookup(path) else {
        return;
    };
    let disk = &machine.lasting.disk;
    let mut bytes = disk.inode(inode).cache.clone();
    // What came behind the end that the successor has recorded was never there.
    let name = facts::start_of(&bytes).map(|(header, _)| header.segment_id);
    for later in segments(disk) {
        let later = disk.lookup(&later).map(|inode| &disk.inode(inode).cache);
        let header = later.and_then(|bytes| facts::start_of(bytes));
        if let Some((header, _)) = header
            && Some(header.predecessor.id) == name
        {
            bytes.truncate(usize::try_from(header.predecessor.valid_end.0).unwrap());
        }
    }
    machine.lasting.coverage.saw(Situation::Prune);
    for frame in facts::frames_of(&bytes) {
        if let Some(bind) = frame.bind {
            machine.lasting.pruned_binds.push(bind);
        }
        let Some(deed) = frame.deed else { continue };
        let gone = Gone { seq: frame.seq };
        machine.lasting.pruned.insert(deed.token, gone);
        let has_it = |server: &crate::server::Server| server.holds(deed.token);
        let lock_replaced = machine.lasting.coverage.of(Situation::LockReplaced) > 0;
        let is_due = deed.is_event() && !deed.opted_out && !lock_replaced;
        if is_due && !machine.lasting.servers.iter().any(has_it) {
            let what = format!("record {} was pruned and no server has it", deed.token);
            machine.violation.get_or_insert(what);
        }
    }
}

#[derive(Debug)]
struct SimLock {
    process: Process,
    path: PathBuf,
    identity: u64,
}

impl Held for SimLock {
    fn identity(&self) -> u64 {
        self.identity
    }

    fn is_current(&self) -> bool {
        let machine = self.process.world.machine();
        machine.lasting.disk.lookup(&self.path) == Some(self.identity)
    }

    fn give_back(self: Box<Self>) -> Option<Box<dyn Idle>> {
        Some(Box::new(IdleLock {
            process: self.process.clone(),
            path: self.path.clone(),
            identity: self.identity,
        }))
    }
}

/// A lock file that is open and not locked.
#[derive(Debug)]
struct IdleLock {
    process: Process,
    path: PathBuf,
    identity: u64,
}

impl Idle for IdleLock {
    fn take(self: Box<Self>, _deadline: Duration) -> io::Result<Option<Box<dyn Held>>> {
        self.process.lock_from(&self.path, Some(self.identity))
    }
}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut machine = self.process.world.machine();
        if machine.locks.get(&self.identity) == Some(&self.process.number) {
            machine.locks.remove(&self.identity);
            self.process.world.scheduler().lock_was_given_back();
        }
    }
}

#[derive(Debug)]
struct SimFile {
    process: Process,
    inode: u64,
    path: PathBuf,
    /// The failed syncs of the file that this descriptor has heard of.
    heard: AtomicU64,
}

impl SimFile {
    fn open(process: &Process, inode: u64, path: &Path, machine: &Machine) -> Box<dyn StoredFile> {
        let heard = AtomicU64::new(machine.lasting.disk.inode(inode).errors);
        Box::new(Self {
            process: process.clone(),
            inode,
            path: path.to_owned(),
            heard,
        })
    }
}

impl StoredFile for SimFile {
    fn size(&self) -> io::Result<u64> {
        let bug = self.process.world.bug();
        self.process.act(Op::Size, &self.path, |machine| {
            Ok(plant::seen_size(
                bug,
                machine.lasting.disk.inode(self.inode),
            ))
        })
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let bug = self.process.world.bug();
        self.process.act(Op::Read, &self.path, |machine| {
            let cache = &machine.lasting.disk.inode(self.inode).cache;
            let from = usize::try_from(offset).unwrap().min(cache.len());
            let count = plant::seen_bytes(bug, buffer.len()).min(cache.len() - from);
            buffer[..count].copy_from_slice(&cache[from..from + count]);
            Ok(count)
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let what = || format!("{} at {offset} of {}", bytes.len(), self.path.display());
        let (mut machine, dies) = self.process.turn(Op::Write, what)?;
        let bug = self.process.world.bug();
        let (bad, short) = (machine.faults.failed_write, machine.faults.short_write);
        let fails = machine.strikes(bad);
        let mut wanted = bytes.len();
        if fails || dies == Dies::Now || machine.strikes(short) {
            wanted = usize::try_from(machine.rng.below(bytes.len() as u64 + 1)).unwrap();
            machine.note(|| format!("   … only {wanted} bytes"));
        }
        if fails {
            machine.lasting.coverage.failed(Op::Write);
        }
        let bytes = plant::written(bug, bytes, offset);
        let inode = machine.lasting.disk.inode(self.inode);
        let place = plant::place(bug, inode, offset);
        if let Some(what) = plant::misplaced(inode, place) {
            machine.violation.get_or_insert(what);
        }
        let writer = self.process.number;
        let disk = &mut machine.lasting.disk;
        let count = disk.write(self.inode, &bytes[..wanted], place, writer);
        if count < wanted {
            machine.lasting.coverage.saw(Situation::DiskFull);
            if count > 0 {
                machine.lasting.coverage.saw(Situation::DiskFullInAFrame);
            }
        }
        match dies {
            Dies::Now => Err(io::Error::other("killed in the middle of a write")),
            Dies::NotYet if fails => Err(io::Error::other("simulated write failure")),
            Dies::NotYet if count == 0 && wanted > 0 => Err(io::ErrorKind::StorageFull.into()),
            Dies::NotYet => Ok(count),
        }
    }

    fn stamp(&self) -> io::Result<Stamp> {
        self.process.act(Op::Size, &self.path, |machine| {
            Ok(Process::stamp(machine, self.inode))
        })
    }

    fn shape(&self) -> io::Result<Shape> {
        self.process.act(Op::Size, &self.path, |machine| {
            Ok(Process::shape(machine, self.inode))
        })
    }

    fn sync(&self) -> io::Result<()> {
        let path = &self.path;
        let skipped = self.process.skips_sync(path);
        let (mut machine, dies) = self.process.turn(Op::Sync, || path.display().to_string())?;
        let chance = machine.faults.failed_sync;
        let strikes = machine.strikes(chance);
        if strikes {
            let (inode, caller) = (self.inode, self.process.number);
            let others =
                machine.with_rng(|lasting, rng| lasting.disk.fail_sync(inode, caller, rng));
            machine.note(|| "   … the sync fails".into());
            machine.lasting.coverage.failed(Op::Sync);
            if others {
                machine.lasting.coverage.saw(Situation::OthersPagesLost);
            }
            machine.lasting.coverage.foul = true;
        } else if !skipped && (dies == Dies::NotYet || machine.rng.chance(1, 2)) {
            machine.lasting.disk.sync(self.inode);
        }
        if dies == Dies::Now {
            return Err(io::Error::other("killed in a sync"));
        }
        let errors = machine.lasting.disk.inode(self.inode).errors;
        let heard = self.heard.swap(errors, Ordering::Relaxed);
        // A descriptor opened anew for the sync hears only of what fails now.
        let missed = self.process.world.bug() == Some(Bug::SyncOnReopenedDescriptor) && !strikes;
        if heard == errors || missed {
            Ok(())
        } else {
            Err(io::Error::other("lost pages"))
        }
    }
}

impl Files for Process {
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let file = self.open_read(path)?;
        let length = file.size()?.min(limit);
        let mut bytes = vec![0; usize::try_from(length).unwrap()];
        let count = file.read_at(&mut bytes, 0)?;
        bytes.truncate(count);
        Ok(bytes)
    }

    fn write_new(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let file = self.create_new(path)?;
        if file.write_at(bytes, 0)? < bytes.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        file.sync()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.act(Op::Rename, to, |machine| {
            done(machine.lasting.disk.rename(from, to))
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        Storage::remove(self, path)
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        self.open_read(path)?.sync()
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        Storage::sync_dir(self, path)
    }
}

/// The segments that are there, oldest first.
pub fn segments(disk: &crate::disk::Disk) -> Vec<PathBuf> {
    let names = disk.names(Path::new(LOG)).unwrap_or_default();
    let segments = names.iter().filter(|name| name.ends_with(".seg"));
    segments.map(|name| Path::new(LOG).join(name)).collect()
}
