//! `state/mark`: how far the log had come when an event was last confirmed.
//!
//! ```text
//! offset  size  what
//!      0     8  magic "skmark2\n"
//!      8     8  identity of log/LOCK
//!     16     8  sequence number
//!     24     8  clock
//!     32     8  highest ordinal of a segment file; 0: not known
//!     40    32  stamp of log/ for it: identity 8, size 8, change in ns 16 (signed)
//!     72     4  CRC-32 (IEEE) of bytes 0..72
//! ```
//!
//! All numbers are little endian. Written in place after the log was synced and
//! before the receipt is given, without a sync and without a lock, so it never
//! names more than was durable. It is there to notice a log that was put back
//! from an older copy behind everybody's back: whatever is wrong with the file
//! means that nothing is remembered, and costs nothing else.
//!
//! The highest ordinal spares whoever looks for the end of the log next a listing
//! of all segments. It holds as long as the directory has the stamp.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use crate::platform::{self, Stamp};
use crate::position::{Lamport, Ordinal, Seq};

const MAGIC: [u8; 8] = *b"skmark2\n";
const SIZE: usize = 76;

/// How far a log had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The log: the identity of its lock file.
    pub log: u64,
    /// The number of the last event that was confirmed.
    pub seq: Seq,
    /// The clock after it.
    pub clock: Lamport,
    /// The highest ordinal that a segment file has, and the stamp of the directory
    /// as long as which that is so.
    pub highest: Option<(Ordinal, Stamp)>,
}

fn path_in(state_dir: &Path) -> PathBuf {
    state_dir.join("mark")
}

/// The file of the mark, opened once for an append: it is read before and
/// written after it. Should another one take its place meanwhile, that one keeps
/// what it says.
#[derive(Debug)]
pub struct Marker {
    path: PathBuf,
    /// `None` where it is missing, or may not be written.
    file: Option<File>,
}

impl Marker {
    pub(super) fn in_dir(state_dir: &Path) -> Self {
        let path = path_in(state_dir);
        let file = options().read(true).write(true).open(&path).ok();
        Self { path, file }
    }

    /// What it says, if it is sound.
    #[must_use]
    pub fn read(&self) -> Option<Mark> {
        let Some(file) = &self.file else {
            return decode(&platform::read_regular(&self.path, SIZE).ok()?);
        };
        // One byte more than it may have shows that it is something else.
        let mut bytes = [0; SIZE + 1];
        let length = platform::read_at(file, &mut bytes, 0).ok()?;
        decode(bytes.get(..length)?)
    }

    /// Overwrites it, or makes it; where that cannot be done an older one stays.
    pub fn write(&self, mark: Mark) -> bool {
        let write = |file: &File| platform::write_at(file, &encode(mark), 0);
        let written = match &self.file {
            Some(file) => write(file),
            None => {
                let mut options = options();
                let made = options.write(true).create(true).truncate(false);
                made.open(&self.path).and_then(|file| write(&file))
            }
        };
        written.is_ok()
    }
}

fn options() -> OpenOptions {
    let mut options = platform::private_options();
    platform::refuse_links(&mut options);
    options
}

fn encode(mark: Mark) -> Vec<u8> {
    let nothing = Stamp {
        identity: 0,
        size: 0,
        changed: 0,
    };
    let (highest, stamp) = mark.highest.unwrap_or((Ordinal(0), nothing));
    let mut bytes = Vec::with_capacity(SIZE);
    bytes.extend(MAGIC);
    for number in [
        mark.log,
        mark.seq.0,
        mark.clock.0,
        highest.0,
        stamp.identity,
        stamp.size,
    ] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(stamp.changed.to_le_bytes());
    let crc = crc32fast::hash(&bytes);
    bytes.extend(crc.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<Mark> {
    let bytes: &[u8; SIZE] = bytes.try_into().ok()?;
    let (covered, crc) = bytes.split_last_chunk::<4>()?;
    let numbers = covered.strip_prefix(&MAGIC)?;
    if crc32fast::hash(covered) != u32::from_le_bytes(*crc) {
        return None;
    }
    let (numbers, changed) = numbers.split_last_chunk::<16>()?;
    let (numbers, _) = numbers.as_chunks::<8>();
    let [log, seq, clock, highest, identity, size] = numbers.try_into().ok()?;
    let number = u64::from_le_bytes;
    let stamp = Stamp {
        identity: number(identity),
        size: number(size),
        changed: i128::from_le_bytes(*changed),
    };
    let highest = Ordinal(number(highest));
    let mark = Mark {
        log: number(log),
        seq: Seq(number(seq)),
        clock: Lamport(number(clock)),
        highest: (highest.0 > 0).then_some((highest, stamp)),
    };
    (mark.clock <= Lamport::MAX_PLAUSIBLE).then_some(mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: Mark = Mark {
        log: 0x1122_3344,
        seq: Seq(7),
        clock: Lamport(9),
        highest: Some((
            Ordinal(3),
            Stamp {
                identity: 0x55,
                size: 4096,
                changed: -2,
            },
        )),
    };

    #[test]
    fn a_mark_is_what_was_last_written() {
        let dir = tempfile::tempdir().unwrap();
        let marker = || Marker::in_dir(dir.path());
        assert_eq!(marker().read(), None);
        let later = Mark {
            clock: Lamport(90),
            highest: None,
            ..MARK
        };
        let (before_any, others) = (marker(), marker());
        for mark in [MARK, later] {
            assert!(before_any.write(mark));
            assert_eq!(marker().read(), Some(mark));
            assert_eq!(others.read(), Some(mark), "also of a file made since");
        }
        let once_open = marker();
        for mark in [MARK, later] {
            assert!(once_open.write(mark));
            assert_eq!(
                (once_open.read(), marker().read()),
                (Some(mark), Some(mark))
            );
        }
        let hex: String = encode(MARK).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(
            hex,
            "736b6d61726b320a443322110000000007000000000000000900000000000000\
             030000000000000055000000000000000010000000000000feffffffffffffff\
             ffffffffffffffff7fc8ab29"
        );
    }

    #[test]
    fn whatever_is_wrong_with_it_nothing_is_remembered() {
        let sound = encode(MARK);
        for bit in 0..sound.len() * 8 {
            let mut bytes = sound.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&bytes), None, "bit {bit}");
        }
        for length in 0..sound.len() {
            assert_eq!(decode(&sound[..length]), None);
        }
        let beyond = Mark {
            clock: Lamport::MAX_PLAUSIBLE.next(),
            ..MARK
        };
        assert_eq!(decode(&encode(beyond)), None);
        let dir = tempfile::tempdir().unwrap();
        let marker = || Marker::in_dir(dir.path());
        for bytes in [&sound[..SIZE - 1], &[&sound[..], b"x"].concat(), b""] {
            std::fs::write(path_in(dir.path()), bytes).unwrap();
            assert_eq!(marker().read(), None, "{} bytes", bytes.len());
        }
        std::fs::remove_file(path_in(dir.path())).unwrap();
        std::fs::create_dir(path_in(dir.path())).unwrap();
        assert!(!marker().write(MARK));
        assert_eq!(marker().read(), None);
        assert!(!Marker::in_dir(&dir.path().join("missing")).write(MARK));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_its_place_is_never_written_through() {
        let dir = tempfile::tempdir().unwrap();
        let elsewhere = dir.path().join("elsewhere");
        std::fs::write(&elsewhere, encode(MARK)).unwrap();
        std::os::unix::fs::symlink(&elsewhere, path_in(dir.path())).unwrap();
        let marker = Marker::in_dir(dir.path());
        assert_eq!(marker.read(), Some(MARK));
        assert!(!marker.write(Mark {
            seq: Seq(8),
            ..MARK
        }));
        assert_eq!(std::fs::read(&elsewhere).unwrap(), encode(MARK));
    }
}
