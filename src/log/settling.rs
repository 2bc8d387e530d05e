//! The sync of a full segment, beside the encoding of what follows it.
//!
//! A segment must be durable before its successor exists. The successor's first
//! frames can be encoded meanwhile: the disk works while the processor does. A
//! thread is worth its making only where much is left to encode; else the sync
//! is made at once. Nothing else is asked of the disk until it is over.

use std::io;
use std::panic;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::log::header::Header;
use crate::log::storage::StoredFile;

/// A call with fewer records left makes no thread: they are encoded in less time
/// than that takes.
const WORTH_A_THREAD: usize = 1024;

/// A full segment that is being made durable.
pub(super) struct Settling {
    pub(super) header: Header,
    /// The first of the call's outcomes that are about this segment.
    pub(super) outcomes_from: usize,
    sync: Sync,
}

enum Sync {
    Done(io::Result<()>),
    Running(JoinHandle<io::Result<()>>),
}

type File = Arc<Mutex<Box<dyn StoredFile>>>;

impl Settling {
    /// Begins to sync a segment, with so many records of the call left.
    pub(super) fn begin(
        header: Header,
        file: Box<dyn StoredFile>,
        outcomes_from: usize,
        records_left: usize,
    ) -> Self {
        let sync = if records_left < WORTH_A_THREAD {
            Sync::Done(file.sync())
        } else {
            sync_beside(Arc::new(Mutex::new(file)))
        };
        Self {
            header,
            outcomes_from,
            sync,
        }
    }

    /// Waits until the segment is durable, or cannot be made so.
    pub(super) fn end(self) -> io::Result<()> {
        match self.sync {
            Sync::Done(done) => done,
            Sync::Running(thread) => thread
                .join()
                .unwrap_or_else(|panicked| panic::resume_unwind(panicked)),
        }
    }
}

fn sync_beside(file: File) -> Sync {
    let theirs = Arc::clone(&file);
    let thread = thread::Builder::new()
        .name("sync".into())
        .spawn(move || lock(&theirs).sync());
    match thread {
        Ok(thread) => Sync::Running(thread),
        Err(_) => Sync::Done(lock(&file).sync()),
    }
}

fn lock(file: &File) -> MutexGuard<'_, Box<dyn StoredFile>> {
    file.lock().unwrap_or_else(PoisonError::into_inner)
}
