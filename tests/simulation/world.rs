//! The simulated machine: one disk, several processes, faults, a power switch.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use spec_kitty::log::ambient::Ambient;
use spec_kitty::log::storage::{Held, Storage, StoredFile};

use crate::disk::Disk;
use crate::plant::Bug;
use crate::rng::Rng;
use crate::scheduler::Scheduler;

/// How likely each kind of trouble is, in parts of 1,000 file operations.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    pub failed_sync: u64,
    pub failed_write: u64,
    pub short_write: u64,
    pub failed_other: u64,
}

#[derive(Debug)]
pub struct Machine {
    pub disk: Disk,
    pub rng: Rng,
    faults: Faults,
    /// Operations until the power goes.
    power_left: u64,
    /// For each process, operations until it is killed.
    life_left: Vec<u64>,
    lock_holder: Option<usize>,
    pub operations: u64,
    pub trace: Vec<String>,
    /// The first thing that no log may ever do, if one was seen.
    pub violation: Option<String>,
}

/// Whether a process ends in the middle of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dies {
    Now,
    NotYet,
}

/// The machine as its processes share it.
#[derive(Debug)]
pub struct World {
    machine: Mutex<Machine>,
    scheduler: Scheduler,
    bug: Option<Bug>,
}

impl World {
    pub fn new(
        disk: Disk,
        seed: u64,
        faults: Faults,
        power_left: u64,
        life_left: Vec<u64>,
        bug: Option<Bug>,
    ) -> Arc<Self> {
        let scheduler = Scheduler::new(seed, life_left.len());
        let machine = Machine {
            disk,
            rng: Rng::new(seed.wrapping_mul(31)),
            faults,
            power_left,
            life_left,
            lock_holder: None,
            operations: 0,
            trace: Vec::new(),
            violation: None,
        };
        Arc::new(Self {
            machine: Mutex::new(machine),
            scheduler,
            bug,
        })
    }

    pub fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap()
    }

    pub fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }

    pub fn bug(&self) -> Option<Bug> {
        self.bug
    }

    pub fn into_machine(self: Arc<Self>) -> Machine {
        Arc::into_inner(self)
            .expect("all processes have ended")
            .machine
            .into_inner()
            .unwrap()
    }
}

impl Machine {
    pub fn power_is_on(&self) -> bool {
        self.power_left > 0
    }

    fn is_alive(&self, process: usize) -> bool {
        self.power_left > 0 && self.life_left[process] > 0
    }

    /// Counts one operation of a process that still lives: whether it dies in
    /// the middle of it.
    fn count(&mut self, process: usize, what: &str) -> io::Result<Dies> {
        if !self.is_alive(process) {
            return Err(io::Error::other("this process is no more"));
        }
        self.operations += 1;
        self.power_left -= 1;
        self.life_left[process] -= 1;
        let dies = !self.is_alive(process);
        if self.trace.len() < 4000 {
            let end = if dies { " †" } else { "" };
            self.trace.push(format!("p{process} {what}{end}"));
        }
        Ok(if dies { Dies::Now } else { Dies::NotYet })
    }

    fn strikes(&mut self, chance: u64) -> bool {
        chance > 0 && self.rng.chance(chance, 1000)
    }
}

/// One process's view of the machine.
#[derive(Clone, Debug)]
pub struct Process {
    pub world: Arc<World>,
    pub number: usize,
}

impl Process {
    /// Lets others go first, then counts the operation.
    fn turn(&self, what: &str) -> io::Result<(MutexGuard<'_, Machine>, Dies)> {
        if self.world.machine().is_alive(self.number) {
            self.world.scheduler.pause(self.number);
        }
        let mut machine = self.world.machine();
        let dies = machine.count(self.number, what)?;
        if !machine.power_is_on() {
            self.world.scheduler.release_everybody();
        }
        if dies == Dies::Now && machine.lock_holder == Some(self.number) {
            machine.lock_holder = None;
            self.world.scheduler.lock_was_given_back();
        }
        Ok((machine, dies))
    }

    /// One operation with an effect. Whoever dies in it may or may not have
    /// had the effect.
    fn act<T>(
        &self,
        what: &str,
        effect: impl FnOnce(&mut Machine) -> io::Result<T>,
    ) -> io::Result<T> {
        let (mut machine, dies) = self.turn(what)?;
        let chance = machine.faults.failed_other;
        if machine.strikes(chance) {
            machine.trace.push(format!("   … {what} fails"));
            return Err(io::Error::other("simulated failure"));
        }
        if dies == Dies::Now && machine.rng.chance(1, 2) {
            return Err(io::Error::other("killed before the call"));
        }
        let answer = effect(&mut machine);
        match dies {
            Dies::Now => Err(io::Error::other("killed after the call")),
            Dies::NotYet => answer,
        }
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        self.act(&format!("open {}", path.display()), |machine| {
            let inode = machine.disk.lookup(path).ok_or(io::ErrorKind::NotFound)?;
            Ok(SimFile::open(self, inode, path, machine))
        })
    }
}

impl Storage for Process {
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.act("list", |machine| {
            machine
                .disk
                .names(dir)
                .ok_or(io::ErrorKind::NotFound.into())
        })
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        self.open(path)
    }

    fn open_write(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        self.open(path)
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        self.act(&format!("create {}", path.display()), |machine| {
            if machine.disk.lookup(path).is_some() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            let inode = machine.disk.create(path).ok_or(io::ErrorKind::NotFound)?;
            Ok(SimFile::open(self, inode, path, machine))
        })
    }

    fn size_of(&self, path: &Path) -> io::Result<u64> {
        self.act("size of", |machine| {
            let inode = machine.disk.lookup(path).ok_or(io::ErrorKind::NotFound)?;
            Ok(machine.disk.inode(inode).cache.len() as u64)
        })
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.act("create dir", |machine| {
            machine.disk.create_dir_all(path);
            Ok(())
        })
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.act(&format!("rename to {}", to.display()), |machine| {
            if machine.disk.lookup(to).is_some() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            if machine.disk.rename(from, to) {
                Ok(())
            } else {
                Err(io::ErrorKind::NotFound.into())
            }
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.act(&format!("remove {}", path.display()), |machine| {
            if machine.disk.remove(path) {
                Ok(())
            } else {
                Err(io::ErrorKind::NotFound.into())
            }
        })
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let skipped = self.world.bug == Some(Bug::NoDirectorySync);
        self.act(&format!("sync dir {}", path.display()), |machine| {
            if !skipped {
                machine.disk.sync_dir(path);
            }
            Ok(())
        })
    }

    fn lock(&self, path: &Path, _deadline: Duration) -> io::Result<Option<Box<dyn Held>>> {
        loop {
            let (mut machine, dies) = self.turn("lock")?;
            if dies == Dies::Now {
                return Err(io::Error::other("killed before the call"));
            }
            if machine.lock_holder.is_some() {
                drop(machine);
                self.world.scheduler.wait_for_lock(self.number);
                continue;
            }
            let identity = match machine.disk.lookup(path) {
                Some(inode) => inode,
                None => machine.disk.create(path).ok_or(io::ErrorKind::NotFound)?,
            };
            machine.lock_holder = Some(self.number);
            return Ok(Some(Box::new(SimLock {
                process: self.clone(),
                path: path.to_owned(),
                identity,
            })));
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
        machine.disk.lookup(&self.path) == Some(self.identity)
    }
}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut machine = self.process.world.machine();
        if machine.lock_holder == Some(self.process.number) {
            machine.lock_holder = None;
            self.process.world.scheduler.lock_was_given_back();
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
        let heard = AtomicU64::new(machine.disk.inode(inode).errors);
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
        self.process.act("size", |machine| {
            Ok(crate::plant::seen_size(bug, machine.disk.inode(self.inode)))
        })
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.process.act("read", |machine| {
            let cache = &machine.disk.inode(self.inode).cache;
            let from = usize::try_from(offset).unwrap().min(cache.len());
            let count = buffer.len().min(cache.len() - from);
            buffer[..count].copy_from_slice(&cache[from..from + count]);
            Ok(count)
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let what = format!(
            "write {} at {offset} of {}",
            bytes.len(),
            self.path.display()
        );
        let (mut machine, dies) = self.process.turn(&what)?;
        let bug = self.process.world.bug();
        let (bad, short) = (machine.faults.failed_write, machine.faults.short_write);
        let fails = machine.strikes(bad);
        let mut wanted = bytes.len();
        if fails || dies == Dies::Now || machine.strikes(short) {
            wanted = usize::try_from(machine.rng.below(bytes.len() as u64 + 1)).unwrap();
            machine.trace.push(format!("   … only {wanted} bytes"));
        }
        let bytes = crate::plant::written(bug, bytes, offset);
        let place = crate::plant::place(bug, machine.disk.inode(self.inode), offset);
        if let Some(what) = crate::plant::misplaced(machine.disk.inode(self.inode), place) {
            machine.violation.get_or_insert(what);
        }
        let count = machine.disk.write(self.inode, &bytes[..wanted], place);
        match dies {
            Dies::Now => Err(io::Error::other("killed in the middle of a write")),
            Dies::NotYet if fails => Err(io::Error::other("simulated write failure")),
            Dies::NotYet if count == 0 && wanted > 0 => Err(io::ErrorKind::StorageFull.into()),
            Dies::NotYet => Ok(count),
        }
    }

    fn sync(&self) -> io::Result<()> {
        let (mut machine, dies) = self
            .process
            .turn(&format!("sync {}", self.path.display()))?;
        let bug = self.process.world.bug();
        let chance = machine.faults.failed_sync;
        let strikes = machine.strikes(chance);
        if strikes || (dies == Dies::Now && machine.rng.chance(1, 2)) {
            let mut rng = machine.rng.clone();
            machine.disk.fail_sync(self.inode, &mut rng);
            machine.rng = rng;
            machine.trace.push("   … the sync fails".into());
        } else if dies == Dies::NotYet && bug != Some(Bug::ReceiptBeforeSync) {
            machine.disk.sync(self.inode);
        }
        if dies == Dies::Now {
            return Err(io::Error::other("killed in a sync"));
        }
        let errors = machine.disk.inode(self.inode).errors;
        let heard = self.heard.swap(errors, Ordering::Relaxed);
        // A descriptor opened anew for the sync hears only of what fails now.
        let missed = bug == Some(Bug::SyncOnReopenedDescriptor) && !strikes;
        if heard == errors || missed {
            Ok(())
        } else {
            Err(io::Error::other("lost pages"))
        }
    }
}

/// Time that counts, and randomness from the seed.
#[derive(Debug)]
pub struct SimAmbient {
    now: AtomicU64,
    rng: Mutex<Rng>,
}

impl SimAmbient {
    pub fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            now: AtomicU64::new(seed % 1000),
            rng: Mutex::new(Rng::new(seed)),
        })
    }
}

impl Ambient for SimAmbient {
    fn now_us(&self) -> i64 {
        i64::try_from(self.now.fetch_add(1000, Ordering::Relaxed)).unwrap()
    }

    fn random(&self) -> [u8; 16] {
        let mut rng = self.rng.lock().unwrap();
        let (high, low) = (rng.next(), rng.next());
        (u128::from(high) << 64 | u128::from(low)).to_le_bytes()
    }
}
