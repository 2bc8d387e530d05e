//! `state/mark`: how far the log had come when an event was last confirmed.
//!
//! ```text
//! offset  size  what
//!      0     8  magic "skmark\xff\n"
//!      8     8  identity of log/LOCK
//!     16     8  sequence number
//!     24     8  clock
//!     32     4  CRC-32 (IEEE) of bytes 0..32
//! ```
//!
//! All numbers are little endian. Written in place after the log was synced and
//! before the receipt is given, without a sync and without a lock, so it never
//! names more than was durable. It is there to notice a log that was put back
//! from an older copy behind everybody's back: whatever is wrong with the file
//! means that nothing is remembered, and costs nothing else.

use std::path::{Path, PathBuf};

use crate::platform;
use crate::position::{Lamport, Seq};

const MAGIC: [u8; 8] = *b"skmark\xff\n";
const SIZE: usize = 36;

/// How far a log had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The log: the identity of its lock file.
    pub log: u64,
    /// The number of the last event that was confirmed.
    pub seq: Seq,
    /// The clock after it.
    pub clock: Lamport,
}

pub(super) fn path_in(state_dir: &Path) -> PathBuf {
    state_dir.join("mark")
}

/// The mark in the file at `path`, if there is a sound one.
pub(super) fn read(path: &Path) -> Option<Mark> {
    decode(&platform::read_regular(path, SIZE).ok()?)
}

/// Overwrites the mark; where that cannot be done an older one stays.
pub(super) fn write(path: &Path, mark: Mark) -> bool {
    let mut options = platform::private_options();
    platform::refuse_links(&mut options);
    let opened = options.write(true).create(true).truncate(false).open(path);
    opened
        .and_then(|file| platform::write_at(&file, &encode(mark), 0))
        .is_ok()
}

fn encode(mark: Mark) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(SIZE);
    bytes.extend(MAGIC);
    for number in [mark.log, mark.seq.0, mark.clock.0] {
        bytes.extend(number.to_le_bytes());
    }
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
    let mut numbers = numbers
        .chunks(8)
        .filter_map(|chunk| chunk.try_into().ok().map(u64::from_le_bytes));
    let mark = Mark {
        log: numbers.next()?,
        seq: Seq(numbers.next()?),
        clock: Lamport(numbers.next()?),
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
    };

    #[test]
    fn a_mark_is_what_was_last_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = path_in(dir.path());
        assert_eq!(read(&path), None);
        let later = Mark {
            clock: Lamport(90),
            ..MARK
        };
        for mark in [MARK, later] {
            assert!(write(&path, mark));
            assert_eq!(read(&path), Some(mark));
        }
        let hex: String = encode(MARK).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(
            hex,
            "736b6d61726bff0a443322110000000007000000000000000900000000000000049a9a25"
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
        std::fs::create_dir(path_in(dir.path())).unwrap();
        assert!(!write(&path_in(dir.path()), MARK));
        assert_eq!(read(&path_in(dir.path())), None);
        assert!(!write(&path_in(&dir.path().join("missing")), MARK));
    }
}
