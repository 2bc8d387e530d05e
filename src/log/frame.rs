//! One frame: the unit that is either wholly in the log or not at all.
//!
//! ```text
//! offset  size  field
//!      0     4  magic            F5 5A C1 FE (no UTF-8 text contains it)
//!      4     1  version          1
//!      5     1  kind             1 event, 2 foreign event, 3 clock, 4 control
//!      6     2  reserved         0
//!      8     4  body length      u32, at most MAX_BODY
//!     12     8  seq              u64
//!     20     8  clock            u64, this home's clock after the frame
//!     28     4  crc32            over every other byte of the frame, seeded
//!     32     n  body
//!   32+n     4  body length      again
//!   36+n     4  sentinel         A7 FF 4B D3 (no byte of it is zero)
//! ```
//!
//! All integers are little-endian. The CRC is CRC-32/ISO-HDLC and starts from
//! the CRC of the segment's random id, so that a frame that was copied from
//! another segment, or left over in a recycled block, never passes.
//!
//! This module turns bytes into frames and frames into bytes. What a bad frame
//! means is decided in [`super::scan`].

use crate::log::bytes::{as_u64, as_usize, put, u16_at, u32_at, u64_at};
use crate::log::header::MOST_COUNTED;
use crate::position::{Lamport, Seq};

/// The first four bytes of every frame. `F5`, `C1` and `FE` occur in no UTF-8.
pub const MAGIC: [u8; 4] = [0xF5, 0x5A, 0xC1, 0xFE];
/// The last four bytes of every frame. None of them is zero, so that a frame
/// that ends in a block the disk never wrote is seen to be cut.
pub const SENTINEL: [u8; 4] = [0xA7, 0xFF, 0x4B, 0xD3];
/// The version of the frame layout that this code reads and writes.
pub const VERSION: u8 = 1;
/// Bytes before the body.
pub const HEAD_BYTES: usize = 32;
/// Bytes after the body.
pub const TAIL_BYTES: usize = 8;
/// Bytes of a frame that are not its body.
pub const OVERHEAD_BYTES: usize = HEAD_BYTES + TAIL_BYTES;
/// The largest body: an imported event's JSON (1 MiB) and its header (64 KiB).
pub const MAX_BODY_BYTES: usize = 1024 * 1024 + 64 * 1024;

const CRC_AT: usize = 28;

/// What a frame holds.
///
/// ```
/// use spec_kitty::log::read::Kind;
///
/// assert!(Kind::Event.is_event() && Kind::ForeignEvent.is_event());
/// assert!(!Kind::Control.is_event());
/// assert_eq!(Kind::from_byte(200), Kind::Other(200)); // of a later version
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An event that this home recorded.
    Event,
    /// An event that was made elsewhere and imported.
    ForeignEvent,
    /// A clock value received from elsewhere.
    Clock,
    /// A fact about delivery that cannot be rebuilt from anything else.
    Control,
    /// A kind that a later version writes: whole, readable, not understood.
    Other(u8),
}

impl Kind {
    /// The byte on disk.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Event => 1,
            Self::ForeignEvent => 2,
            Self::Clock => 3,
            Self::Control => 4,
            Self::Other(byte) => byte,
        }
    }

    /// The kind that `byte` stands for.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Self {
        match byte {
            1 => Self::Event,
            2 => Self::ForeignEvent,
            3 => Self::Clock,
            4 => Self::Control,
            other => Self::Other(other),
        }
    }

    /// Whether the body is an event.
    #[must_use]
    pub const fn is_event(self) -> bool {
        matches!(self, Self::Event | Self::ForeignEvent)
    }
}

/// Where the checksums of one segment start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(u32);

impl Seed {
    #[cfg(test)]
    pub(super) const fn of_test() -> Self {
        Self(0x1234_5678)
    }

    /// The seed of the segment with this id.
    #[must_use]
    pub fn of(segment_id: &[u8; 16]) -> Self {
        Self(crc32fast::hash(segment_id))
    }
}

/// A whole frame whose checksum is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What the body is.
    pub kind: Kind,
    /// The frame's position in the log.
    pub seq: Seq,
    /// This home's clock after the frame.
    pub clock: Lamport,
    /// The content.
    pub body: &'a [u8],
}

impl Frame<'_> {
    /// The bytes that the whole frame takes in its segment.
    #[must_use]
    pub fn len_on_disk(&self) -> usize {
        self.body.len() + OVERHEAD_BYTES
    }
}

/// Why bytes are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The bytes end before the frame does.
    Cut,
    /// No frame begins here: wrong magic, version, reserved bits, length, or a
    /// number that no log can reach.
    Head,
    /// The two lengths differ, or the sentinel is wrong.
    Tail,
    /// The checksum does not match.
    Checksum,
    /// Whole, but its sequence number or clock does not belong here: frames
    /// before it are missing, or it is a copy of another place.
    OutOfPlace,
}

/// What the head of a frame claims, before anything of it is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: Kind,
    pub(super) seq: Seq,
    pub(super) clock: Lamport,
    pub(super) body_bytes: usize,
    crc: u32,
}

impl Head {
    /// The bytes that the frame would take.
    pub(super) fn total(&self) -> usize {
        self.body_bytes + OVERHEAD_BYTES
    }
}

/// Reads the head at the start of `bytes`; its length is within bounds.
pub(super) fn head(bytes: &[u8]) -> Result<Head, Fault> {
    let head: &[u8; HEAD_BYTES] = bytes.first_chunk().ok_or(Fault::Cut)?;
    let field = |value: Option<u64>| value.ok_or(Fault::Cut);
    let body_bytes = u32_at(head, 8)
        .map(u64::from)
        .map(as_usize)
        .ok_or(Fault::Cut)?;
    let seq = Seq(field(u64_at(head, 12))?);
    let known = head.starts_with(&MAGIC)
        && head.get(4) == Some(&VERSION)
        && u16_at(head, 6) == Some(0)
        && body_bytes <= MAX_BODY_BYTES
        && seq.0 <= MOST_COUNTED;
    if !known {
        return Err(Fault::Head);
    }
    Ok(Head {
        kind: Kind::from_byte(head.get(5).copied().ok_or(Fault::Cut)?),
        seq,
        clock: Lamport(field(u64_at(head, 20))?),
        body_bytes,
        crc: u32_at(head, CRC_AT).ok_or(Fault::Cut)?,
    })
}

/// The body length that the end of `bytes` claims, when it ends like a frame.
pub(super) fn trailing_body_bytes(bytes: &[u8]) -> Option<usize> {
    let tail: &[u8; TAIL_BYTES] = bytes.last_chunk()?;
    let length = as_usize(u64::from(u32_at(tail, 0)?));
    (tail.ends_with(&SENTINEL) && length <= MAX_BODY_BYTES).then_some(length)
}

/// Decodes the frame at the start of `bytes`. Nothing is allocated, and no
/// field is believed before the checksum has passed.
///
/// # Errors
/// A [`Fault`] naming the first thing that is wrong.
pub fn decode(bytes: &[u8], seed: Seed) -> Result<Frame<'_>, Fault> {
    let head = head(bytes)?;
    let frame = bytes.get(..head.total()).ok_or(Fault::Cut)?;
    if trailing_body_bytes(frame) != Some(head.body_bytes) {
        return Err(Fault::Tail);
    }
    if checksum(frame, seed) != Some(head.crc) {
        return Err(Fault::Checksum);
    }
    let body = frame
        .get(HEAD_BYTES..HEAD_BYTES + head.body_bytes)
        .ok_or(Fault::Cut)?;
    Ok(Frame {
        kind: head.kind,
        seq: head.seq,
        clock: head.clock,
        body,
    })
}

/// Appends a frame to `out`, whose body `write_body` appends in place.
///
/// Returns the frame's bytes. On any error `out` is as it was.
///
/// # Errors
/// What `write_body` answers, or `too_large` when the body is over the limit.
pub fn encode<E>(
    out: &mut Vec<u8>,
    (kind, seq, clock): (Kind, Seq, Lamport),
    seed: Seed,
    too_large: impl FnOnce(usize) -> E,
    write_body: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<u64, E> {
    let start = out.len();
    out.resize(start + HEAD_BYTES, 0);
    if let Err(error) = write_body(out) {
        out.truncate(start);
        return Err(error);
    }
    let body_bytes = out.len().saturating_sub(start + HEAD_BYTES);
    let Some(length) = u32::try_from(body_bytes)
        .ok()
        .filter(|_| body_bytes <= MAX_BODY_BYTES)
    else {
        out.truncate(start);
        return Err(too_large(body_bytes));
    };
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&SENTINEL);
    let frame = out.get_mut(start..).unwrap_or_default();
    put(frame, 0, &MAGIC);
    put(frame, 4, &[VERSION, kind.byte(), 0, 0]);
    put(frame, 8, &length.to_le_bytes());
    put(frame, 12, &seq.0.to_le_bytes());
    put(frame, 20, &clock.0.to_le_bytes());
    let crc = checksum(frame, seed).unwrap_or_default();
    put(frame, CRC_AT, &crc.to_le_bytes());
    Ok(as_u64(frame.len()))
}

/// The checksum over every byte of `frame` but the checksum itself.
fn checksum(frame: &[u8], seed: Seed) -> Option<u32> {
    let mut hasher = crc32fast::Hasher::new_with_initial(seed.0);
    hasher.update(frame.get(..CRC_AT)?);
    hasher.update(frame.get(HEAD_BYTES..)?);
    Some(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SEED: Seed = Seed(0x1234_5678);

    fn encoded(kind: Kind, seq: u64, clock: u64, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(
            &mut out,
            (kind, Seq(seq), Lamport(clock)),
            SEED,
            |_| (),
            |out| {
                out.extend_from_slice(body);
                Ok(())
            },
        )
        .unwrap();
        out
    }

    /// The polynomial is part of the format: the published check value.
    #[test]
    fn the_checksum_is_crc_32_iso_hdlc() {
        assert_eq!(crc32fast::hash(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn no_single_flipped_bit_decodes() {
        let frame = encoded(Kind::Event, 7, 9, b"{\"a\":1}");
        for bit in 0..frame.len() * 8 {
            let mut bad = frame.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&bad, SEED).is_err(), "bit {bit} went unnoticed");
        }
    }

    #[test]
    fn every_cut_is_seen_as_a_cut() {
        let frame = encoded(Kind::Control, 1, 1, b"body");
        for length in 0..frame.len() {
            assert_eq!(
                decode(&frame[..length], SEED),
                Err(Fault::Cut),
                "cut at {length}"
            );
        }
    }

    #[test]
    fn a_frame_of_another_segment_does_not_pass() {
        let frame = encoded(Kind::Event, 1, 1, b"body");
        assert_eq!(decode(&frame, Seed::of(&[7; 16])), Err(Fault::Checksum));
    }

    #[test]
    fn zeroes_are_no_frame_and_an_oversized_length_is_refused_unread() {
        assert_eq!(decode(&[0; 4096], SEED), Err(Fault::Head));
        let mut frame = encoded(Kind::Event, 1, 1, b"body");
        frame[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(decode(&frame, SEED), Err(Fault::Head));
    }

    /// Found by fuzzing: behind the last number of all every frame had the same.
    #[test]
    fn a_number_that_no_log_can_reach_is_no_frame() {
        let bytes = encoded(Kind::Event, MOST_COUNTED + 1, 1, b"x");
        assert_eq!(decode(&bytes, SEED), Err(Fault::Head));
    }

    #[test]
    fn a_body_over_the_limit_leaves_nothing_behind() {
        let mut out = b"before".to_vec();
        let answer = encode(
            &mut out,
            (Kind::Event, Seq(1), Lamport(1)),
            SEED,
            |bytes| bytes,
            |out| {
                out.resize(out.len() + MAX_BODY_BYTES + 1, b'x');
                Ok(())
            },
        );
        assert_eq!(answer, Err(MAX_BODY_BYTES + 1));
        assert_eq!(out, b"before");
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_what_is_decoded(
            kind in any::<u8>(), seq in 0..=MOST_COUNTED, clock in any::<u64>(),
            body in proptest::collection::vec(any::<u8>(), 0..300),
            after in proptest::collection::vec(any::<u8>(), 0..50),
        ) {
            let mut bytes = encoded(Kind::from_byte(kind), seq, clock, &body);
            bytes.extend_from_slice(&after);
            let frame = decode(&bytes, SEED).unwrap();
            prop_assert_eq!(frame.kind.byte(), kind);
            prop_assert_eq!((frame.seq, frame.clock), (Seq(seq), Lamport(clock)));
            prop_assert_eq!(frame.body, &body[..]);
            prop_assert_eq!(frame.len_on_disk() + after.len(), bytes.len());
        }

        #[test]
        fn arbitrary_bytes_never_decode_and_never_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            prop_assert!(decode(&bytes, SEED).is_err());
        }
    }
}
