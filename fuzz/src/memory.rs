//! A file system in memory, so that a log costs microseconds.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use spec_kitty::log::header::{Header, HeaderRead, Space};
use spec_kitty::log::storage::{Held, Storage, StoredFile};

type Content = Arc<Mutex<Vec<u8>>>;

/// The identity of the one lock file.
pub(super) const LOCK_IDENTITY: u64 = 7;

#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    files: Arc<Mutex<BTreeMap<PathBuf, Content>>>,
}

impl Memory {
    pub(super) fn put(&self, path: PathBuf, bytes: Vec<u8>) {
        self.files().insert(path, Arc::new(Mutex::new(bytes)));
    }

    pub(super) fn contents(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let copy = |(path, file): (&PathBuf, &Content)| (path.clone(), open(file).clone());
        self.files().iter().map(copy).collect()
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Content>> {
        self.files.lock().expect("no panic while locked")
    }

    fn find(&self, path: &Path) -> io::Result<Content> {
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        self.files().get(path).cloned().ok_or_else(missing)
    }
}

fn open(content: &Content) -> MutexGuard<'_, Vec<u8>> {
    content.lock().expect("no panic while locked")
}

impl Storage for Memory {
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let files = self.files();
        let inside = files.keys().filter(|path| path.parent() == Some(dir));
        let names = inside.filter_map(|path| path.file_name()?.to_str().map(str::to_owned));
        Ok(names.collect())
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        Ok(Box::new(MemoryFile(self.find(path)?)))
    }

    fn open_write(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        self.open_read(path)
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        if self.files().contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.put(path.to_owned(), Vec::new());
        self.open_read(path)
    }

    fn size_of(&self, path: &Path) -> io::Result<u64> {
        self.open_read(path)?.size()
    }

    fn create_dir_all(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        let content = self.find(from)?;
        if self.files().contains_key(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.files().insert(to.to_owned(), content);
        self.remove(from)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.find(path)?;
        self.files().remove(path);
        Ok(())
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, _: &Path, _: Duration) -> io::Result<Option<Box<dyn Held>>> {
        Ok(Some(Box::new(MemoryLock)))
    }
}

#[derive(Debug)]
struct MemoryFile(Content);

impl StoredFile for MemoryFile {
    fn size(&self) -> io::Result<u64> {
        Ok(open(&self.0).len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let content = open(&self.0);
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(content.len());
        let count = buffer.len().min(content.len() - start);
        buffer[..count].copy_from_slice(&content[start..start + count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut content = open(&self.0);
        // The log only ever adds, or fills zeros that a segment says are prepared:
        // anything else is a bug worth stopping at.
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let over = content.get(start..).expect("a write behind a gap");
        let is_prepared = matches!(
            Header::decode(&content),
            HeaderRead::Sound { header, .. } if header.space == Space::Prepared
        );
        let fills_zeros = is_prepared && over.iter().all(|byte| *byte == 0);
        assert!(over.is_empty() || fills_zeros, "a write over what is there");
        let end = content.len().max(start + bytes.len());
        content.resize(end, 0);
        content[start..start + bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Debug)]
struct MemoryLock;

impl Held for MemoryLock {
    fn identity(&self) -> u64 {
        LOCK_IDENTITY
    }

    fn is_current(&self) -> bool {
        true
    }
}
