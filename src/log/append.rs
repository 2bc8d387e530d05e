//! Appending: one lock, one write and one sync for all records of a call.
//!
//! Invariants:
//! * Bytes are only ever added behind a good frame or a header. Behind debris,
//!   in a full segment, or in a home that was copied, a successor is started.
//! * A segment is synced before its successor is created.
//! * The sync that makes a call's frames durable is made on the descriptor that
//!   wrote them, after the lock was given back.
//! * After a failed write or sync nothing is tried again on that segment by
//!   this log: what became of the frames is *unknown*, and said so.
//! * The lock file and `state/LOCK` are never held together; a lease that is
//!   needed here comes in from outside or is taken from the log itself.

use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use crate::log::header::{NodeId, Pressure};
pub use crate::log::outcome::{AppendError, Appended, Note, Outcome, Placed};
pub use crate::log::record::{Record, Refused, Stamp, Tick};

use crate::log::ambient::Ambient;
use crate::log::fill::Fill;
use crate::log::header::{Header, HeaderRead};
use crate::log::left::{Left, Unsynced};
use crate::log::outcome::SLOW;
use crate::log::remembered::Remembered;
use crate::log::segment::{Access, LogDir};
use crate::log::storage::{Held, Idle};
use crate::log::tail::{self, Ending};
use crate::log::writer::Writer;
use crate::position::{Lamport, Lease, LeaseFloor, Seq};

/// The node that a home's events are issued by, when the home is first used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeIdentity {
    /// The id for the first segment of a home. Later ones inherit it.
    pub node_id: NodeId,
    /// A hash of the host and user at hand. When it is not the one that the
    /// newest segment was made with, the home has moved to another node.
    pub facts: [u8; 8],
}

/// Sizes and limits of a log.
///
/// ```
/// use spec_kitty::log::append::{LogOptions, NodeId, NodeIdentity};
///
/// let node_id = NodeId::from_bytes([1, 2, 3, 4, 5, 6]);
/// let small = LogOptions {
///     segment_bytes: 64 * 1024,
///     ..LogOptions::for_node(NodeIdentity { node_id, facts: [0; 8] })
/// };
/// assert_eq!(small.max_bytes, 1 << 30); // 1 GiB
/// ```
#[derive(Clone, Copy, Debug)]
pub struct LogOptions {
    /// A segment takes no further frame that would make it longer than this.
    pub segment_bytes: u64,
    /// How far ahead of its frames the file of a new segment is filled with zeros,
    /// at most up to `segment_bytes`; 0 for not at all. A sync costs less where the
    /// file need not become longer.
    pub prepared_bytes: u64,
    /// The most frames of a segment.
    pub segment_frames: u64,
    /// The clock values that a new segment may issue.
    pub lease_ticks: u64,
    /// No segment is created when the log has reached this size.
    pub max_bytes: u64,
    /// Who writes.
    pub node: NodeIdentity,
}

impl LogOptions {
    /// The defaults: 8 MiB and 16,384 frames a segment, 1 GiB in all.
    #[must_use]
    pub const fn for_node(node: NodeIdentity) -> Self {
        Self {
            segment_bytes: 8 * 1024 * 1024,
            prepared_bytes: 0,
            segment_frames: 16_384,
            lease_ticks: 16_384,
            max_bytes: 1024 * 1024 * 1024,
            node,
        }
    }
}

/// An append-only log of frames in one directory.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use spec_kitty::log::ambient::System;
/// use spec_kitty::log::append::{
///     Appended, Log, LogOptions, NodeId, NodeIdentity, Outcome, Placed, Pressure, Record,
///     Refused, Stamp, Tick,
/// };
/// use spec_kitty::log::read::Kind;
/// use spec_kitty::log::{segment::LogDir, storage::Disk};
/// use spec_kitty::position::Seq;
///
/// /// A frame that is no event, of a kind that other readers pass over.
/// struct Note(&'static str);
///
/// impl Record for Note {
///     fn kind(&self) -> Kind {
///         Kind::Other(200)
///     }
///
///     fn tick(&self) -> Tick {
///         Tick::Still
///     }
///
///     fn encode(&mut self, stamp: &Stamp<'_>, out: &mut Vec<u8>) -> Result<(), Refused> {
///         out.extend_from_slice(format!("{}: {}", stamp.seq, self.0).as_bytes());
///         Ok(())
///     }
/// }
///
/// let dir = tempfile::tempdir()?;
/// let node_id = NodeId::from_bytes([1, 2, 3, 4, 5, 6]);
/// let node = NodeIdentity { node_id, facts: [0; 8] };
/// let log_dir = LogDir::new(dir.path().join("log"), Arc::new(Disk));
/// let log = Log::new(log_dir, Arc::new(System), LogOptions::for_node(node));
///
/// let (mut one, mut two) = (Note("begun"), Note("done"));
/// let appended: Appended = log.append(&mut [&mut one, &mut two], None, Duration::from_secs(5));
/// let Some(Outcome::Recorded(Placed { seq, .. })) = appended.outcomes.last() else {
///     panic!("both are durable");
/// };
/// assert_eq!((*seq, appended.pressure), (Seq(2), Pressure::Calm));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Log {
    pub(super) dir: LogDir,
    pub(super) ambient: Arc<dyn Ambient>,
    pub(super) options: LogOptions,
    /// The ids of segments on which a write or sync failed: nothing more is
    /// added to them. By id, because a directory that is made anew counts its
    /// ordinals from one again.
    dead: Mutex<BTreeSet<[u8; 16]>>,
    /// How far the log had come, as others remember it.
    remembered: Mutex<Remembered>,
    /// How often it was written to. Most processes write once: what they leave
    /// behind would only cost them.
    calls: AtomicU64,
    /// The lock that was held last, while nobody here holds it.
    idle: Mutex<Option<Box<dyn Idle>>>,
    /// The segment that was written to last, while nobody here writes.
    left: Mutex<Option<Left>>,
}

impl Log {
    /// The log in `dir`. Nothing is read or created yet.
    #[must_use]
    pub fn new(dir: LogDir, ambient: Arc<dyn Ambient>, options: LogOptions) -> Self {
        Self {
            dir,
            ambient,
            options,
            dead: Mutex::default(),
            remembered: Mutex::default(),
            calls: AtomicU64::new(0),
            idle: Mutex::default(),
            left: Mutex::default(),
        }
    }

    /// The directory of the log.
    #[must_use]
    pub fn dir(&self) -> &LogDir {
        &self.dir
    }

    /// Its sizes and limits.
    #[must_use]
    pub fn options(&self) -> &LogOptions {
        &self.options
    }

    /// How full the log is.
    ///
    /// # Errors
    /// Any I/O error of listing the directory; a missing one is an empty log.
    #[doc(hidden)]
    pub fn fill(&self) -> io::Result<Fill> {
        Ok(Fill {
            bytes: self.dir.bytes()?,
            limit: self.options.max_bytes,
        })
    }

    /// Whether no segment exists yet, as far as can be seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.dir.is_empty().unwrap_or(false)
    }

    /// Tells the log how far it had come at some time before this call, in what
    /// was durable, beside the lock file with this identity. A log that ends
    /// below was put back from an older copy, or has lost its end: it goes on as
    /// a new node, above both. Beside another lock file that says nothing.
    #[doc(hidden)]
    pub fn remember(&self, lock_identity: u64, seq: Seq, clock: Lamport) {
        guard(&self.remembered).add(lock_identity, seq, clock);
    }

    /// What counts beside this lock file.
    pub(super) fn remembered(&self, lock_identity: u64) -> Remembered {
        guard(&self.remembered).beside(lock_identity)
    }

    /// What a lease must lie above when appending `frames` frames of `bytes`
    /// bytes will probably start a segment; `None` when it probably will not.
    ///
    /// A guess made without the lock: when it is wrong, the log takes the lease
    /// from itself.
    #[doc(hidden)]
    #[must_use]
    pub fn lease_needed(&self, frames: u64, bytes: u64) -> Option<LeaseFloor> {
        let empty = LeaseFloor::Debris(Lamport(0));
        let Ok(Some(newest)) = self.dir.newest() else {
            return Some(empty);
        };
        let holds = |size: u64| {
            frames < self.options.segment_frames
                && size.saturating_add(bytes) < self.options.segment_bytes
        };
        if self.dir.size_of(newest).is_ok_and(holds) {
            return None;
        }
        let Ok(opened) = self.dir.open(newest, Access::Read) else {
            return Some(empty);
        };
        let HeaderRead::Sound { header, .. } = &opened.read else {
            return Some(empty);
        };
        if holds(opened.size) {
            return None;
        }
        let tail = tail::find(opened.file.as_ref(), header, opened.size).ok()?;
        Some(match tail.ending {
            Ending::Clean => LeaseFloor::Clean {
                last: tail.last_clock.max(header.lease.start.previous()),
                lease_end: header.lease.end,
            },
            Ending::Debris { .. } => LeaseFloor::Debris(header.lease.end),
        })
    }

    /// Appends `records` and returns when they are durable, or when it is
    /// certain that they are not, or when neither can be known.
    ///
    /// One write (in pieces, if it is long) and one sync, unless the call is larger
    /// than what is left of the segment: then it is split at segment boundaries,
    /// and is not atomic.
    pub fn append(
        &self,
        records: &mut [&mut dyn Record],
        lease: Option<Lease>,
        deadline: Duration,
    ) -> Appended {
        let started = Instant::now();
        self.calls.fetch_add(1, Ordering::Relaxed);
        let held = match self.lock(deadline) {
            Ok(held) => held,
            Err(failure) => return Appended::failed(records.len(), failure),
        };
        let waited = started.elapsed();
        self.dir.forget_names();
        let mut writer = Writer::new(self, held, lease, records.len());
        let failure = writer.write(records).err();
        let (mut appended, unsynced) = writer.finish(failure);
        if waited >= SLOW {
            appended.notes.push(Note::SlowLock { waited });
        }
        if let Some(unsynced) = unsynced {
            let started = Instant::now();
            self.sync(&mut appended, unsynced);
            let waited = started.elapsed();
            if waited >= SLOW {
                appended.notes.push(Note::SlowSync { waited });
            }
        }
        appended
    }

    /// Makes what was written last durable, and says so record by record.
    fn sync(&self, appended: &mut Appended, unsynced: Unsynced) {
        let Unsynced { open, trace } = unsynced;
        let synced = open.file.sync();
        let mut first = None;
        for outcome in &mut appended.outcomes {
            if let Outcome::Unknown(placed) = outcome
                && placed.ordinal == open.header.ordinal
            {
                first = first.or(Some(placed.offset));
                if synced.is_ok() {
                    *outcome = Outcome::Recorded(*placed);
                }
            }
        }
        match synced {
            Ok(()) => *guard(&self.left) = trace.and_then(|trace| Left::new(open, trace)),
            Err(source) => {
                self.give_up_on(&open.header);
                appended.failure.get_or_insert(AppendError::Unknown {
                    action: "sync",
                    path: self.dir.segment_path(open.header.ordinal),
                    offset: first.unwrap_or_default(),
                    source,
                });
            }
        }
    }

    /// What this log left behind when it was last written to. Whoever asks has it.
    pub(super) fn take_left(&self) -> Option<Left> {
        taken(&self.left)
    }

    /// Nothing more is added to this segment by this log.
    pub(super) fn give_up_on(&self, header: &Header) {
        self.dead().insert(header.segment_id);
    }

    pub(super) fn gave_up_on(&self, header: &Header) -> bool {
        self.dead().contains(&header.segment_id)
    }

    fn dead(&self) -> MutexGuard<'_, BTreeSet<[u8; 16]>> {
        guard(&self.dead)
    }

    /// Gives the writer lock back.
    pub(super) fn unlock(&self, held: Box<dyn Held>) {
        if self.writes_again() {
            let idle = held.give_back();
            *guard(&self.idle) = idle;
        }
    }

    /// Whether this is not the first call.
    pub(super) fn writes_again(&self) -> bool {
        self.calls.load(Ordering::Relaxed) > 1
    }

    /// Takes the writer lock, creating the directory when it is missing.
    fn lock(&self, deadline: Duration) -> Result<Box<dyn Held>, AppendError> {
        let path = || self.dir.lock_path();
        let storage = self.dir.storage();
        let mut answer = match taken(&self.idle) {
            Some(idle) => idle.take(deadline),
            None => storage.lock(&path(), deadline),
        };
        if matches!(&answer, Err(error) if error.kind() == io::ErrorKind::NotFound) {
            storage
                .create_dir_all(self.dir.path())
                .map_err(|source| AppendError::Io {
                    action: "create",
                    path: self.dir.path().to_owned(),
                    source,
                })?;
            answer = storage.lock(&path(), deadline);
        }
        match answer {
            Ok(Some(held)) => Ok(held),
            Ok(None) => Err(AppendError::Busy {
                path: path(),
                waited: deadline,
            }),
            Err(source) => Err(AppendError::Io {
                action: "lock",
                path: path(),
                source,
            }),
        }
    }
}

fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn taken<T>(mutex: &Mutex<Option<T>>) -> Option<T> {
    guard(mutex).take()
}

#[cfg(test)]
#[path = "append_tests.rs"]
mod tests;
