//! The segment header: who wrote the segment, where it begins, what came before.
//!
//! A segment begins with two copies of the same 512 bytes, each with its own
//! CRC, in two disk sectors: one damaged copy costs nothing.
//!
//! ```text
//! offset  size  field
//!      0     8  magic               89 53 4B 4C 0D 0A 1A 0A ("\x89SKL\r\n\x1a\n")
//!      8     2  format version      1
//!     10     2  flags               bit 0: the log was over 80 % of a limit
//!                                   bit 1: zeros behind its end are prepared space
//!     12     4  reserved            0
//!     16     8  ordinal             the number in the file name
//!     24    16  segment id          random; seeds the CRC of every frame
//!     40    16  home id             random, made with the first segment
//!     56    12  node id             12 lower-case hex digits
//!     68     4  reserved            0
//!     72     8  node facts          hash of host and user when it was made
//!     80     8  lock identity       inode and birth of log/LOCK when it was made
//!     88     8  first seq           of the first frame
//!     96     8  predecessor         its ordinal, 0 when there is none
//!    104    16  predecessor id      zero when its header was unreadable
//!    120     8  predecessor end     where its last valid frame ends
//!    128     8  predecessor seq     last sequence number it used
//!    136     8  predecessor clock   clock after it
//!    144     8  lease start         first clock value this segment may issue
//!    152     8  lease end           last clock value this segment may issue
//!    160     8  created at          microseconds since 1970, signed
//!    168   340  reserved            0
//!    508     4  crc32               over the 508 bytes before
//! ```

use std::fmt;

use crate::log::bytes::{array_at, put, u16_at, u32_at, u64_at};
use crate::log::frame::Seed;
use crate::position::{Lamport, Lease, Offset, Ordinal, Seq};

/// The first eight bytes of a segment. Like PNG's, they show what a transfer
/// in text mode does to a file.
pub const MAGIC: [u8; 8] = *b"\x89SKL\r\n\x1a\n";
/// The version of the segment format that this code reads and writes.
pub const VERSION: u16 = 1;
/// Bytes of one copy of the header.
pub const COPY_BYTES: usize = 512;
/// Bytes of both copies: where the first frame begins.
pub const HEADER_BYTES: usize = 2 * COPY_BYTES;

const COPY_BYTES_U64: u64 = 512;
const CRC_AT: usize = COPY_BYTES - 4;
const _: () = assert!(COPY_BYTES == 512);
const FLAG_PRESSURE: u16 = 1;
const FLAG_PREPARED: u16 = 2;

/// The highest ordinal and sequence number that is believed. Counting so far
/// takes centuries; from a number near the last one there is no way onwards.
pub(super) const MOST_COUNTED: u64 = 1 << 62;

/// The stable name of one machine and user in every event: 12 hex digits.
///
/// ```
/// use spec_kitty::log::append::NodeId;
///
/// let node = NodeId::parse("0123456789ab");
/// assert_eq!(node, Some(NodeId::from_bytes([0x01, 0x23, 0x45, 0x67, 0x89, 0xab])));
/// assert_eq!(NodeId::parse("my laptop"), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeId([u8; 12]);

impl NodeId {
    /// The node id in `text`, which must be 12 lower-case hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 12] = text.as_bytes().try_into().ok()?;
        let hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        bytes.iter().all(hex).then_some(Self(bytes))
    }

    /// The node id made of the first six of these random or hashed bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 6]) -> Self {
        let mut digits = [0; 12];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
            for (digit, nibble) in pair.iter_mut().zip([byte >> 4, byte & 15]) {
                *digit = if nibble < 10 {
                    b'0' + nibble
                } else {
                    b'a' + nibble - 10
                };
            }
        }
        Self(digits)
    }

    /// The twelve digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How full the log was when a segment was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressure {
    /// Below 80 % of the limit.
    Calm,
    /// At or over 80 % of the limit: every emitting command warns.
    High,
}

/// What zeros at the end of a segment's file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// Bytes that were never written, like any others that are no frame: the file
    /// ends where the segment ends.
    Grown,
    /// Room for later frames: the segment ends before them.
    Prepared,
}

/// What a segment says of the one before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Predecessor {
    /// Its ordinal; 0 when this is the first segment.
    pub ordinal: Ordinal,
    /// Its id; zero when its header could not be read.
    pub id: [u8; 16],
    /// Where its last valid frame ends: what lies beyond is debris.
    pub valid_end: Offset,
    /// The last sequence number that it used.
    pub last_seq: Seq,
    /// The home's clock after it.
    pub last_clock: Lamport,
}

/// The header of one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The number in the file name.
    pub ordinal: Ordinal,
    /// Random; seeds the checksums of the segment's frames.
    pub segment_id: [u8; 16],
    /// Random; the same in all segments of one home.
    pub home_id: [u8; 16],
    /// The node that issued the events of this segment.
    pub node_id: NodeId,
    /// A hash of the host and user that the node id was made for.
    pub node_facts: [u8; 8],
    /// The identity of `log/LOCK` when the segment was made.
    pub lock_identity: u64,
    /// The sequence number of the first frame.
    pub first_seq: Seq,
    /// The segment before.
    pub predecessor: Predecessor,
    /// The clock values that this segment may issue.
    pub lease: Lease,
    /// How full the log was.
    pub pressure: Pressure,
    /// Whether room for later frames may be behind the last one.
    pub space: Space,
    /// When it was made, in microseconds since 1970; information only.
    pub created_at_us: i64,
}

/// What the first bytes of a segment are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderRead {
    /// At least one copy is sound.
    Sound {
        /// The header.
        header: Header,
        /// Where the other copy begins, when that one is bad.
        damaged_copy: Option<Offset>,
    },
    /// A sound header of a format this version does not know.
    Newer {
        /// Its version.
        version: u16,
    },
    /// Neither copy is sound.
    Unreadable,
}

impl HeaderRead {
    /// What zeros at the end of the file are; where nobody can tell, bytes.
    pub(super) fn space(&self) -> Space {
        match self {
            Self::Sound { header, .. } => header.space,
            _ => Space::Grown,
        }
    }

    /// Whether both copies are sound.
    pub(super) fn is_whole(&self) -> bool {
        matches!(
            self,
            Self::Sound {
                damaged_copy: None,
                ..
            }
        )
    }
}

impl Header {
    /// Where the checksums of this segment start from.
    #[must_use]
    pub fn seed(&self) -> Seed {
        Seed::of(&self.segment_id)
    }

    fn is_possible(&self) -> bool {
        let counted = [
            self.ordinal.0,
            self.first_seq.0,
            self.predecessor.ordinal.0,
            self.predecessor.last_seq.0,
        ];
        counted.iter().all(|number| *number <= MOST_COUNTED)
    }

    /// The bytes of both copies.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut copy = [0; COPY_BYTES];
        put(&mut copy, 0, &MAGIC);
        put(&mut copy, 8, &VERSION.to_le_bytes());
        let pressure = match self.pressure {
            Pressure::High => FLAG_PRESSURE,
            Pressure::Calm => 0,
        };
        let space = match self.space {
            Space::Prepared => FLAG_PREPARED,
            Space::Grown => 0,
        };
        let flags = pressure | space;
        put(&mut copy, 10, &flags.to_le_bytes());
        put(&mut copy, 16, &self.ordinal.0.to_le_bytes());
        put(&mut copy, 24, &self.segment_id);
        put(&mut copy, 40, &self.home_id);
        put(&mut copy, 56, &self.node_id.0);
        put(&mut copy, 72, &self.node_facts);
        put(&mut copy, 80, &self.lock_identity.to_le_bytes());
        put(&mut copy, 88, &self.first_seq.0.to_le_bytes());
        put(&mut copy, 96, &self.predecessor.ordinal.0.to_le_bytes());
        put(&mut copy, 104, &self.predecessor.id);
        put(&mut copy, 120, &self.predecessor.valid_end.0.to_le_bytes());
        put(&mut copy, 128, &self.predecessor.last_seq.0.to_le_bytes());
        put(&mut copy, 136, &self.predecessor.last_clock.0.to_le_bytes());
        put(&mut copy, 144, &self.lease.start.0.to_le_bytes());
        put(&mut copy, 152, &self.lease.end.0.to_le_bytes());
        put(&mut copy, 160, &self.created_at_us.to_le_bytes());
        let crc = crc32fast::hash(copy.get(..CRC_AT).unwrap_or_default());
        put(&mut copy, CRC_AT, &crc.to_le_bytes());
        let mut both = [0; HEADER_BYTES];
        put(&mut both, 0, &copy);
        put(&mut both, COPY_BYTES, &copy);
        both
    }

    /// Reads the header from the first bytes of a segment.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> HeaderRead {
        let copies = [bytes.get(..COPY_BYTES), bytes.get(COPY_BYTES..HEADER_BYTES)];
        let [first, second] = copies.map(|copy| copy.and_then(decode_copy));
        let second_at = Offset(COPY_BYTES_U64);
        match (first, second) {
            (Some(Ok(header)), Some(Ok(other))) => {
                let damaged_copy = (header != other).then_some(second_at);
                HeaderRead::Sound {
                    header,
                    damaged_copy,
                }
            }
            (Some(Ok(header)), _) => HeaderRead::Sound {
                header,
                damaged_copy: Some(second_at),
            },
            (_, Some(Ok(header))) => HeaderRead::Sound {
                header,
                damaged_copy: Some(Offset(0)),
            },
            (Some(Err(version)), _) | (_, Some(Err(version))) => HeaderRead::Newer { version },
            (None, None) => HeaderRead::Unreadable,
        }
    }
}

/// One copy: `None` when it is damaged, `Err(version)` when it is sound but of
/// a later format.
fn decode_copy(copy: &[u8]) -> Option<Result<Header, u16>> {
    let sound = copy.starts_with(&MAGIC)
        && Some(crc32fast::hash(copy.get(..CRC_AT)?)) == u32_at(copy, CRC_AT);
    if !sound {
        return None;
    }
    let version = u16_at(copy, 8)?;
    if version != VERSION {
        return Some(Err(version));
    }
    let flags = u16_at(copy, 10)?;
    let pressure = if flags & FLAG_PRESSURE == 0 {
        Pressure::Calm
    } else {
        Pressure::High
    };
    let space = if flags & FLAG_PREPARED == 0 {
        Space::Grown
    } else {
        Space::Prepared
    };
    let header = Header {
        ordinal: Ordinal(u64_at(copy, 16)?),
        segment_id: array_at(copy, 24)?,
        home_id: array_at(copy, 40)?,
        node_id: NodeId::parse(std::str::from_utf8(&array_at::<12>(copy, 56)?).ok()?)?,
        node_facts: array_at(copy, 72)?,
        lock_identity: u64_at(copy, 80)?,
        first_seq: Seq(u64_at(copy, 88)?),
        predecessor: Predecessor {
            ordinal: Ordinal(u64_at(copy, 96)?),
            id: array_at(copy, 104)?,
            valid_end: Offset(u64_at(copy, 120)?),
            last_seq: Seq(u64_at(copy, 128)?),
            last_clock: Lamport(u64_at(copy, 136)?),
        },
        lease: Lease {
            start: Lamport(u64_at(copy, 144)?),
            end: Lamport(u64_at(copy, 152)?),
        },
        pressure,
        space,
        created_at_us: i64::from_le_bytes(array_at(copy, 160)?),
    };
    header.is_possible().then_some(Ok(header))
}

#[cfg(test)]
#[path = "header_tests.rs"]
pub(super) mod tests;
