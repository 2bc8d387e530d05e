//! `state/failures`: how many events could not be recorded, and why.
//!
//! ```text
//! offset  size  what
//!      0   512  one copy
//!    512   512  the other copy
//!
//! of each copy:
//!      0     8  magic "skfail\xff\n"
//!      8     8  generation: the copy with the higher one counts
//!     16    40  five counts: busy, full, io, unknown, refused
//!     56     8  time of the last failure, milliseconds since the epoch, 0 = none
//!     64     1  reason of the last failure, 1-5 in the order above, 0 = none
//!     65     1  1 when earlier counts were lost
//!     66   442  zero
//!    508     4  CRC-32 (IEEE) of bytes 0..508
//! ```
//!
//! All numbers are little endian. The file has its full size from the start and
//! is overwritten in place, so that counting works on a full disk. A write goes
//! to the older copy, so that a torn one costs one count at most. It is not
//! synced: it must never hold up the command that has just failed to record.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

use crate::platform;

mod copy;

use copy::{COPY_BYTES, Copy};

/// How long another process may hold the file before a count is given up.
const LOCK_WAIT: Duration = Duration::from_millis(50);

/// Why an event could not be recorded.
///
/// ```
/// use spec_kitty::state::FailureReason;
///
/// for reason in FailureReason::ALL {
///     println!("events that could not be recorded, {}", reason.as_str());
/// }
/// assert_eq!(FailureReason::Busy.as_str(), "busy");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureReason {
    /// The log was in use past the deadline.
    Busy,
    /// The log is at its limit, or the disk is full.
    Full,
    /// The home is read-only, or the file system failed.
    Io,
    /// The write failed half-way: the event may or may not be there.
    Unknown,
    /// The event itself was refused.
    Refused,
}

impl FailureReason {
    /// Every reason.
    pub const ALL: [Self; 5] = [
        Self::Busy,
        Self::Full,
        Self::Io,
        Self::Unknown,
        Self::Refused,
    ];

    /// The word for it in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Full => "full",
            Self::Io => "io",
            Self::Unknown => "unknown",
            Self::Refused => "refused",
        }
    }
}

/// How many events could not be recorded.
///
/// ```
/// use spec_kitty::state::{FailureCounts, FailureReason};
///
/// let counts = FailureCounts { busy: 2, full: 1, ..FailureCounts::default() };
/// assert_eq!((counts.of(FailureReason::Busy), counts.total()), (2, 3));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FailureCounts {
    /// The log was in use.
    pub busy: u64,
    /// No room was left.
    pub full: u64,
    /// The file system failed.
    pub io: u64,
    /// May or may not have been recorded.
    pub unknown: u64,
    /// Refused for what they are.
    pub refused: u64,
    /// The last of them: when (milliseconds since the epoch) and why.
    pub last: Option<(u64, FailureReason)>,
    /// The file was damaged at some time: the counts are too low.
    pub incomplete: bool,
}

impl FailureCounts {
    /// All failures together.
    #[must_use]
    pub fn total(&self) -> u64 {
        [self.busy, self.full, self.io, self.unknown, self.refused]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    /// The number of failures for `reason`.
    #[must_use]
    pub fn of(&self, reason: FailureReason) -> u64 {
        match reason {
            FailureReason::Busy => self.busy,
            FailureReason::Full => self.full,
            FailureReason::Io => self.io,
            FailureReason::Unknown => self.unknown,
            FailureReason::Refused => self.refused,
        }
    }

    fn count(&mut self, reason: FailureReason, at_ms: u64) {
        let number = match reason {
            FailureReason::Busy => &mut self.busy,
            FailureReason::Full => &mut self.full,
            FailureReason::Io => &mut self.io,
            FailureReason::Unknown => &mut self.unknown,
            FailureReason::Refused => &mut self.refused,
        };
        *number = number.saturating_add(1);
        self.last = Some((at_ms, reason));
    }
}

/// Why the counters cannot be read or set back.
///
/// ```
/// use spec_kitty::state::{FailuresError, State};
///
/// let dir = tempfile::tempdir()?;
/// std::fs::write(dir.path().join("failures"), [1; 1024])?;
/// let counts = State::at(dir.path()).failures().read();
/// assert!(matches!(counts, Err(FailuresError::Damaged { .. })));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FailuresError {
    /// The file system refused.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Neither copy in the file is sound.
    #[error("{} is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// Another process held the file.
    #[error("{} is in use by another process", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
}

/// The counters of one home. Cheap; opens nothing.
///
/// ```
/// use spec_kitty::home::Home;
/// use spec_kitty::state::{FailureReason, State};
///
/// let dir = tempfile::tempdir()?;
/// let failures = State::at(Home::at(dir.path()).state_dir()).failures();
/// assert!(failures.record(FailureReason::Full, 1_795_342_293_000));
///
/// let counts = failures.read()?;
/// assert_eq!((counts.full, counts.total()), (1, 1));
/// failures.reset()?;
/// assert_eq!(failures.read()?.total(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Failures {
    path: PathBuf,
}

/// What the file holds.
enum Content {
    Empty,
    Damaged,
    Sound(Copy),
}

impl Failures {
    pub(super) fn in_dir(state_dir: &Path) -> Self {
        Self {
            path: state_dir.join("failures"),
        }
    }

    /// Creates the file with its full size where it is missing; says whether it
    /// is there now.
    pub fn create(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|found| found.len() == 2 * COPY_BYTES)
            || self.open_locked().is_ok()
    }

    /// Counts one failure at the time `at_ms` (milliseconds since the epoch).
    /// Says whether it was counted; never fails otherwise and waits at most 50 ms.
    pub fn record(&self, reason: FailureReason, at_ms: u64) -> bool {
        self.change(|counts| counts.count(reason, at_ms)).is_ok()
    }

    /// Sets all counts back to zero.
    ///
    /// # Errors
    /// [`FailuresError`] when the file cannot be written or locked.
    pub fn reset(&self) -> Result<(), FailuresError> {
        self.change(|counts| *counts = FailureCounts::default())
    }

    /// The counts. Takes no lock; a missing file means that nothing failed.
    ///
    /// # Errors
    /// [`FailuresError`] when the file cannot be read or neither copy is sound.
    pub fn read(&self) -> Result<FailureCounts, FailuresError> {
        let file = match self.regular().and_then(|()| File::open(&self.path)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(FailureCounts::default());
            }
            Err(source) => return Err(self.io(source)),
        };
        match content(&file).map_err(|source| self.io(source))? {
            Content::Empty => Ok(FailureCounts::default()),
            Content::Sound(copy) => Ok(copy.counts),
            Content::Damaged => Err(FailuresError::Damaged {
                path: self.path.clone(),
            }),
        }
    }

    fn change(&self, change: impl FnOnce(&mut FailureCounts)) -> Result<(), FailuresError> {
        let file = self.open_locked()?;
        let mut next = match content(&file).map_err(|source| self.io(source))? {
            Content::Empty => Copy::default(),
            Content::Sound(copy) => copy,
            Content::Damaged => Copy {
                counts: FailureCounts {
                    incomplete: true,
                    ..FailureCounts::default()
                },
                ..Copy::default()
            },
        };
        change(&mut next.counts);
        next.generation = next.generation.saturating_add(1);
        next.write(&file).map_err(|source| self.io(source))
    }

    /// The file, locked and with its full size.
    fn open_locked(&self) -> Result<File, FailuresError> {
        self.open()
            .map_err(|source| self.io(source))
            .and_then(|file| {
                file.ok_or_else(|| FailuresError::Busy {
                    path: self.path.clone(),
                })
            })
    }

    fn open(&self) -> io::Result<Option<File>> {
        // The very first event of a home may be the one that fails.
        if let Some(dir) = self.path.parent() {
            let made = platform::create_private_dir(dir);
            made.or_else(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => Ok(()),
                _ => Err(error),
            })?;
        }
        match self.regular() {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = platform::open_private(&self.path)?;
        let Some(mut file) = platform::lock_exclusive(file, LOCK_WAIT)? else {
            return Ok(None);
        };
        let length = file.metadata()?.len();
        if length == 0 {
            // Blocks are given out now, while there are some, hence written and
            // not merely made long; all zero is a file that was never used.
            let bytes = usize::try_from(2 * COPY_BYTES).unwrap_or_default();
            file.write_all(&vec![0; bytes])?;
        } else if length != 2 * COPY_BYTES {
            file.set_len(2 * COPY_BYTES)?;
        }
        Ok(Some(file))
    }

    /// Refuses what would block or swallow: a pipe, a device, a directory.
    fn regular(&self) -> io::Result<()> {
        if fs::metadata(&self.path)?.is_file() {
            Ok(())
        } else {
            Err(io::ErrorKind::InvalidInput.into())
        }
    }

    fn io(&self, source: io::Error) -> FailuresError {
        FailuresError::Io {
            path: self.path.clone(),
            source,
        }
    }
}

/// The newer of the sound copies. When the other one is not what it must be,
/// it may have been the newer one, and the counts may be too low.
fn content(file: &File) -> io::Result<Content> {
    let slots = [Copy::read(file, 0)?, Copy::read(file, 1)?];
    let newest = slots
        .iter()
        .filter_map(copy::Slot::sound)
        .max_by_key(|copy| copy.generation);
    let Some(mut copy) = newest else {
        let unused = slots.iter().all(copy::Slot::is_unused);
        return Ok(if unused {
            Content::Empty
        } else {
            Content::Damaged
        });
    };
    let has_two = slots.iter().all(|slot| slot.sound().is_some());
    let first_ever = copy.generation == 1 && slots.iter().any(copy::Slot::is_unused);
    copy.counts.incomplete |= !has_two && !first_ever;
    Ok(Content::Sound(copy))
}

#[cfg(test)]
#[path = "failures_tests.rs"]
mod tests;
