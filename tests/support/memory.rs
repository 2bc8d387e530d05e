//! A file system in memory: fast enough to damage one log in a hundred
//! thousand ways. It loses nothing by itself and never fails.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing
)]

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use spec_kitty::log::storage::{Held, Storage, StoredFile};

type Bytes = Arc<Mutex<Vec<u8>>>;

#[derive(Debug, Default)]
struct Tree {
    files: BTreeMap<PathBuf, (u64, Bytes)>,
    dirs: BTreeSet<PathBuf>,
    /// The files that are locked, by number.
    locked: BTreeSet<u64>,
    next: u64,
}

/// A file system that all clones share.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<Tree>>);

impl Memory {
    /// The content of a file.
    pub fn get(&self, path: &Path) -> Option<Vec<u8>> {
        let tree = self.0.lock().unwrap();
        let (_, bytes) = tree.files.get(path)?;
        Some(bytes.lock().unwrap().clone())
    }

    /// Gives a file this content; an existing file keeps its identity.
    pub fn put(&self, path: &Path, content: &[u8]) {
        let mut tree = self.0.lock().unwrap();
        if let Some((_, bytes)) = tree.files.get(path) {
            content.clone_into(&mut bytes.lock().unwrap());
            return;
        }
        tree.create(path.to_owned(), content.to_vec());
    }

    pub fn delete(&self, path: &Path) {
        self.0.lock().unwrap().files.remove(path);
    }

    /// All files and what they hold.
    pub fn snapshot(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let tree = self.0.lock().unwrap();
        let content = |bytes: &Bytes| bytes.lock().unwrap().clone();
        tree.files
            .iter()
            .map(|(path, (_, bytes))| (path.clone(), content(bytes)))
            .collect()
    }

    /// Puts everything back to what it was, identities included.
    pub fn restore(&self, snapshot: &BTreeMap<PathBuf, Vec<u8>>) {
        let added = |path: &PathBuf| !snapshot.contains_key(path);
        let mut tree = self.0.lock().unwrap();
        let gone: Vec<PathBuf> = tree
            .files
            .keys()
            .filter(|path| added(path))
            .cloned()
            .collect();
        for path in gone {
            tree.files.remove(&path);
        }
        drop(tree);
        for (path, content) in snapshot {
            self.put(path, content);
        }
    }

    fn find(&self, path: &Path) -> io::Result<Bytes> {
        let tree = self.0.lock().unwrap();
        let found = tree.files.get(path).map(|(_, bytes)| Arc::clone(bytes));
        found.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Tree {
    fn create(&mut self, path: PathBuf, content: Vec<u8>) -> (u64, Bytes) {
        self.next += 1;
        let file = (self.next, Arc::new(Mutex::new(content)));
        self.files.insert(path, file.clone());
        file
    }
}

impl Storage for Memory {
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let tree = self.0.lock().unwrap();
        if !tree.dirs.contains(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inside = tree.files.keys().filter(|path| path.parent() == Some(dir));
        let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        Ok(inside.map(name).collect())
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        Ok(Box::new(MemoryFile(self.find(path)?)))
    }

    fn open_write(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        self.open_read(path)
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        let mut tree = self.0.lock().unwrap();
        if tree.files.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let (_, bytes) = tree.create(path.to_owned(), Vec::new());
        Ok(Box::new(MemoryFile(bytes)))
    }

    fn size_of(&self, path: &Path) -> io::Result<u64> {
        Ok(self.find(path)?.lock().unwrap().len() as u64)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut tree = self.0.lock().unwrap();
        tree.dirs.extend(path.ancestors().map(Path::to_owned));
        Ok(())
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut tree = self.0.lock().unwrap();
        if tree.files.contains_key(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = tree.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        tree.files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let removed = self.0.lock().unwrap().files.remove(path);
        removed
            .map(drop)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let known = self.0.lock().unwrap().dirs.contains(path);
        known
            .then_some(())
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn lock(&self, path: &Path, _deadline: Duration) -> io::Result<Option<Box<dyn Held>>> {
        let mut tree = self.0.lock().unwrap();
        if !path.parent().is_some_and(|dir| tree.dirs.contains(dir)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let number = match tree.files.get(path) {
            Some((number, _)) => *number,
            None => tree.create(path.to_owned(), Vec::new()).0,
        };
        let fresh = tree.locked.insert(number);
        let (tree, path) = (Arc::clone(&self.0), path.to_owned());
        Ok(fresh.then(|| Box::new(MemoryLock { tree, path, number }) as Box<dyn Held>))
    }
}

#[derive(Debug)]
struct MemoryLock {
    tree: Arc<Mutex<Tree>>,
    path: PathBuf,
    number: u64,
}

impl Held for MemoryLock {
    fn identity(&self) -> u64 {
        self.number
    }

    fn is_current(&self) -> bool {
        let tree = self.tree.lock().unwrap();
        tree.files
            .get(&self.path)
            .is_some_and(|(number, _)| *number == self.number)
    }
}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.tree.lock().unwrap().locked.remove(&self.number);
    }
}

#[derive(Debug)]
struct MemoryFile(Bytes);

impl StoredFile for MemoryFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let bytes = self.0.lock().unwrap();
        let from = usize::try_from(offset).unwrap().min(bytes.len());
        let count = buffer.len().min(bytes.len() - from);
        buffer[..count].copy_from_slice(&bytes[from..from + count]);
        Ok(count)
    }

    fn write_at(&self, content: &[u8], offset: u64) -> io::Result<usize> {
        let mut bytes = self.0.lock().unwrap();
        let from = usize::try_from(offset).unwrap();
        if bytes.len() < from + content.len() {
            bytes.resize(from + content.len(), 0);
        }
        bytes[from..from + content.len()].copy_from_slice(content);
        Ok(content.len())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
