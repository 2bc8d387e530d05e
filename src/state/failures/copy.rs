//! One of the two copies in the file of the failure counters: bytes to numbers
//! and back.

use std::fs::File;
use std::io;

use crate::platform;
use crate::state::failures::{FailureCounts, FailureReason};

/// A sector: what a disk writes as a whole.
pub(super) const COPY_BYTES: u64 = 512;
const SIZE: usize = 512;
const CRC_AT: usize = SIZE - 4;
const MAGIC: [u8; 8] = *b"skfail\xff\n";

/// The counts and how often they were written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Copy {
    pub(super) generation: u64,
    pub(super) counts: FailureCounts,
}

/// What is in the place of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Unused,
    Damaged,
    Sound(Copy),
}

impl Slot {
    pub(super) fn sound(&self) -> Option<Copy> {
        match self {
            Self::Sound(copy) => Some(*copy),
            Self::Unused | Self::Damaged => None,
        }
    }

    pub(super) fn is_unused(&self) -> bool {
        *self == Self::Unused
    }
}

impl Copy {
    pub(super) fn read(file: &File, place: u64) -> io::Result<Slot> {
        let mut bytes = [0; SIZE];
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let offset = u64::try_from(filled).unwrap_or(COPY_BYTES);
            match platform::read_at(file, rest, place * COPY_BYTES + offset) {
                Ok(0) => {
                    return Ok(if filled == 0 {
                        Slot::Unused
                    } else {
                        Slot::Damaged
                    });
                }
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(decode(&bytes))
    }

    /// Overwrites the older place.
    pub(super) fn write(&self, file: &File) -> io::Result<()> {
        let bytes = encode(self);
        let start = (self.generation % 2) * COPY_BYTES;
        let mut rest = bytes.as_slice();
        let mut offset = start;
        while !rest.is_empty() {
            match platform::write_at(file, rest, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    rest = rest.get(written..).unwrap_or_default();
                    offset += u64::try_from(written).unwrap_or_default();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn encode(copy: &Copy) -> Vec<u8> {
    let counts = &copy.counts;
    let (at_ms, reason) = counts
        .last
        .map_or((0, 0), |(at_ms, reason)| (at_ms, number(reason)));
    let mut bytes = Vec::with_capacity(SIZE);
    bytes.extend(MAGIC);
    bytes.extend(copy.generation.to_le_bytes());
    for reason in FailureReason::ALL {
        bytes.extend(counts.of(reason).to_le_bytes());
    }
    bytes.extend(at_ms.to_le_bytes());
    bytes.extend([reason, u8::from(counts.incomplete)]);
    bytes.resize(CRC_AT, 0);
    let crc = crc32fast::hash(&bytes);
    bytes.extend(crc.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8; SIZE]) -> Slot {
    if bytes.iter().all(|byte| *byte == 0) {
        return Slot::Unused;
    }
    fields(bytes).map_or(Slot::Damaged, Slot::Sound)
}

fn fields(bytes: &[u8]) -> Option<Copy> {
    let (covered, crc) = bytes.split_last_chunk::<4>()?;
    if crc32fast::hash(covered) != u32::from_le_bytes(*crc) {
        return None;
    }
    let (magic, rest) = covered.split_first_chunk::<8>()?;
    if *magic != MAGIC {
        return None;
    }
    let (numbers, rest) = rest.split_at_checked(7 * 8)?;
    let mut numbers = numbers
        .chunks(8)
        .filter_map(|chunk| chunk.try_into().ok().map(u64::from_le_bytes));
    let generation = numbers.next()?;
    let mut counts = FailureCounts {
        busy: numbers.next()?,
        full: numbers.next()?,
        io: numbers.next()?,
        unknown: numbers.next()?,
        refused: numbers.next()?,
        ..FailureCounts::default()
    };
    let at_ms = numbers.next()?;
    let (&[reason, incomplete], _) = rest.split_first_chunk::<2>()?;
    counts.last = match reason {
        0 => None,
        _ => Some((at_ms, reason_of(reason)?)),
    };
    counts.incomplete = incomplete != 0;
    Some(Copy { generation, counts })
}

/// The number of a reason in the file.
const fn number(reason: FailureReason) -> u8 {
    match reason {
        FailureReason::Busy => 1,
        FailureReason::Full => 2,
        FailureReason::Io => 3,
        FailureReason::Unknown => 4,
        FailureReason::Refused => 5,
    }
}

fn reason_of(byte: u8) -> Option<FailureReason> {
    FailureReason::ALL
        .into_iter()
        .find(|reason| number(*reason) == byte)
}
