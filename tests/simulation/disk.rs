//! A disk that keeps only what was synced, and sometimes not even that.
//!
//! Files have a *cache*, which is what processes see, and a *durable* image. A
//! sync moves dirty sectors from one to the other. When the power goes, each
//! dirty sector is kept or lost by itself, the length is the old one, the new
//! one or something between, and each unsynced directory entry is kept or lost
//! by itself. A sync that fails loses dirty sectors and forgets that they were
//! dirty, as real page caches do, whoever wrote them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::plant::written_end;
use crate::rng::Rng;

pub const SECTOR: usize = 512;

#[derive(Clone, Debug, Default)]
pub struct Inode {
    pub cache: Vec<u8>,
    durable: Vec<u8>,
    dirty: BTreeSet<usize>,
    /// Who wrote what is dirty.
    writers: BTreeSet<usize>,
    /// Grows with each write; what rots on the disk does not touch it.
    pub changes: u64,
    /// Grows with each failed sync; every descriptor that was open then hears
    /// of it once, one that is opened later does not.
    pub errors: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    File(u64),
    Dir,
}

#[derive(Clone, Debug, Default)]
struct Dir {
    cached: BTreeMap<String, Entry>,
    durable: BTreeMap<String, Entry>,
    /// When an entry was last added, removed or renamed.
    changed: u64,
    /// The same, as far as it is durable: a power cut may bring it back, and leave
    /// what was done since.
    durable_changed: u64,
}

#[derive(Clone, Debug)]
pub struct Disk {
    inodes: BTreeMap<u64, Inode>,
    dirs: BTreeMap<PathBuf, Dir>,
    next_inode: u64,
    /// How many directories were changed.
    changes: u64,
    /// Bytes that may still be written before the disk is full.
    pub room: u64,
}

fn split(path: &Path) -> (PathBuf, String) {
    let parent = path.parent().unwrap().to_owned();
    (
        parent,
        path.file_name().unwrap().to_str().unwrap().to_owned(),
    )
}

impl Disk {
    /// A disk with one directory, `/`, that is there for good.
    pub fn new() -> Self {
        let dirs = BTreeMap::from([(PathBuf::from("/"), Dir::default())]);
        Self {
            inodes: BTreeMap::new(),
            dirs,
            next_inode: 1,
            changes: 0,
            room: u64::MAX,
        }
    }

    pub fn inode(&self, id: u64) -> &Inode {
        &self.inodes[&id]
    }

    pub fn names(&self, dir: &Path) -> Option<Vec<String>> {
        Some(self.dirs.get(dir)?.cached.keys().cloned().collect())
    }

    pub fn lookup(&self, path: &Path) -> Option<u64> {
        let (parent, name) = split(path);
        match self.dirs.get(&parent)?.cached.get(&name)? {
            Entry::File(id) => Some(*id),
            Entry::Dir => None,
        }
    }

    /// When this directory was last changed.
    pub fn changed(&self, dir: &Path) -> Option<u64> {
        Some(self.dirs.get(dir)?.changed)
    }

    /// The entries of a directory, to be changed.
    fn entries(&mut self, dir: &Path) -> Option<&mut BTreeMap<String, Entry>> {
        let dir = self.dirs.get_mut(dir)?;
        self.changes += 1;
        dir.changed = self.changes;
        Some(&mut dir.cached)
    }

    pub fn create(&mut self, path: &Path) -> Option<u64> {
        let (parent, name) = split(path);
        let id = self.next_inode;
        let entries = self.entries(&parent)?;
        entries.insert(name, Entry::File(id));
        self.next_inode += 1;
        self.inodes.insert(id, Inode::default());
        Some(id)
    }

    pub fn create_dir_all(&mut self, path: &Path) {
        for ancestor in path.ancestors().collect::<Vec<_>>().into_iter().rev() {
            if self.dirs.contains_key(ancestor) {
                continue;
            }
            let (parent, name) = split(ancestor);
            self.entries(&parent).unwrap().insert(name, Entry::Dir);
            self.dirs.insert(ancestor.to_owned(), Dir::default());
        }
    }

    pub fn rename(&mut self, from: &Path, to: &Path) -> bool {
        let ((parent, old), (_, new)) = (split(from), split(to));
        let Some(entries) = self.entries(&parent) else {
            return false;
        };
        let Some(entry) = entries.remove(&old) else {
            return false;
        };
        entries.insert(new, entry);
        true
    }

    pub fn remove(&mut self, path: &Path) -> bool {
        let (parent, name) = split(path);
        let entries = self.entries(&parent);
        entries.is_some_and(|entries| entries.remove(&name).is_some())
    }

    /// Writes as much of `bytes` as there is room for.
    pub fn write(&mut self, id: u64, bytes: &[u8], offset: usize, writer: usize) -> usize {
        let count = usize::try_from(self.room)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        self.room -= count as u64;
        let inode = self.inodes.get_mut(&id).unwrap();
        let end = offset + count;
        if inode.cache.len() < end {
            inode.cache.resize(end, 0);
        }
        inode.cache[offset..end].copy_from_slice(&bytes[..count]);
        if count > 0 {
            inode.changes += 1;
            inode.dirty.extend(offset / SECTOR..=(end - 1) / SECTOR);
            inode.writers.insert(writer);
        }
        count
    }

    pub fn sync(&mut self, id: u64) {
        let inode = self.inodes.get_mut(&id).unwrap();
        let dirty = std::mem::take(&mut inode.dirty);
        inode.writers.clear();
        inode.durable.resize(inode.cache.len(), 0);
        inode.keep(dirty);
    }

    /// A sync that fails: some of what was dirty is lost, all of it counts as
    /// clean from now on, and the cache still shows it. Says whether pages of
    /// others than `caller` were among it.
    pub fn fail_sync(&mut self, id: u64, caller: usize, rng: &mut Rng) -> bool {
        let inode = self.inodes.get_mut(&id).unwrap();
        let writers = std::mem::take(&mut inode.writers);
        let dirty = std::mem::take(&mut inode.dirty);
        inode.errors += 1;
        let kept: BTreeSet<usize> = dirty.into_iter().filter(|_| rng.chance(1, 2)).collect();
        if rng.chance(1, 2) {
            inode.durable.resize(inode.cache.len(), 0);
        }
        inode.keep(kept);
        writers.iter().any(|writer| *writer != caller)
    }

    /// Puts a file where it is durable at once: a backup that was restored.
    pub fn restore(&mut self, path: &Path, bytes: &[u8]) {
        let Some(id) = self.lookup(path).or_else(|| self.create(path)) else {
            return;
        };
        let inode = self.inodes.get_mut(&id).unwrap();
        *inode = Inode {
            cache: bytes.to_vec(),
            durable: bytes.to_vec(),
            errors: inode.errors,
            ..Inode::default()
        };
        self.sync_dir(path.parent().unwrap());
    }

    /// Removes a directory with all that is in it, durably.
    pub fn remove_tree(&mut self, path: &Path) {
        self.dirs.retain(|dir, _| !dir.starts_with(path));
        self.remove(path);
        self.sync_dir(path.parent().unwrap());
    }

    pub fn sync_dir(&mut self, path: &Path) {
        if let Some(dir) = self.dirs.get_mut(path) {
            dir.durable = dir.cached.clone();
            dir.durable_changed = dir.changed;
        }
    }

    /// The power goes: what is left is what the disk happens to hold.
    pub fn power_cut(&mut self, rng: &mut Rng) {
        for inode in self.inodes.values_mut() {
            inode.lose_power(rng);
        }
        for dir in self.dirs.values_mut() {
            dir.lose_power(rng);
        }
        let gone: Vec<PathBuf> = self
            .dirs
            .keys()
            .filter(|path| !self.is_reachable(path))
            .cloned()
            .collect();
        for path in gone {
            self.dirs.remove(&path);
        }
    }

    /// Flips one bit of a file, at most `reach` bytes before its end and behind
    /// the header; whether there was one to flip.
    pub fn rot_near_the_end(&mut self, path: &Path, header: usize, rng: &mut Rng) -> bool {
        let Some(id) = self.lookup(path) else {
            return false;
        };
        let inode = self.inodes.get_mut(&id).unwrap();
        let end = written_end(&inode.cache);
        let Some(length) = end.checked_sub(header).filter(|length| *length > 0) else {
            return false;
        };
        let back = usize::try_from(rng.below(length.min(400) as u64)).unwrap();
        let at = end - 1 - back;
        inode.cache[at] ^= 1 << rng.below(8);
        inode.durable = inode.cache.clone();
        inode.dirty.clear();
        true
    }

    fn is_reachable(&self, path: &Path) -> bool {
        path == Path::new("/")
            || path.ancestors().all(|ancestor| {
                ancestor == Path::new("/") || {
                    let (parent, name) = split(ancestor);
                    self.dirs
                        .get(&parent)
                        .is_some_and(|dir| dir.cached.contains_key(&name))
                }
            })
    }
}

impl Inode {
    pub fn durable(&self) -> &[u8] {
        &self.durable
    }

    /// Makes these sectors durable, as far as the durable length reaches.
    fn keep(&mut self, sectors: BTreeSet<usize>) {
        for sector in sectors {
            let start = sector * SECTOR;
            let end = (start + SECTOR)
                .min(self.cache.len())
                .min(self.durable.len());
            if start < end {
                self.durable[start..end].copy_from_slice(&self.cache[start..end]);
            }
        }
    }

    fn lose_power(&mut self, rng: &mut Rng) {
        let dirty = std::mem::take(&mut self.dirty);
        self.writers.clear();
        let (old, new) = (self.durable.len(), self.cache.len());
        let length = match rng.below(4) {
            _ if new <= old => old,
            0 => old,
            1 => old + usize::try_from(rng.below((new - old) as u64 + 1)).unwrap(),
            _ => new,
        };
        self.durable.resize(length, 0);
        let all = rng.chance(1, 3);
        let kept = dirty
            .into_iter()
            .filter(|_| all || rng.chance(1, 2))
            .collect();
        self.keep(kept);
        self.cache = self.durable.clone();
    }
}

impl Dir {
    fn lose_power(&mut self, rng: &mut Rng) {
        let names: BTreeSet<String> = self
            .cached
            .keys()
            .chain(self.durable.keys())
            .cloned()
            .collect();
        for name in names {
            let (now, then) = (
                self.cached.get(&name).copied(),
                self.durable.get(&name).copied(),
            );
            if now != then && rng.chance(1, 2) {
                match now {
                    Some(entry) => self.durable.insert(name, entry),
                    None => self.durable.remove(&name),
                };
            }
        }
        self.cached = self.durable.clone();
        if rng.chance(1, 2) {
            self.changed = self.durable_changed;
        }
        self.durable_changed = self.changed;
    }
}
