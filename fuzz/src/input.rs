//! Taking an input apart, and making the checksums in it right.

use spec_kitty::log::frame::{HEAD_BYTES, MAGIC, MAX_BODY_BYTES, SENTINEL, TAIL_BYTES, VERSION};
use spec_kitty::log::header::{self, COPY_BYTES, HEADER_BYTES};

/// Where the checksum stands in a frame.
const FRAME_CRC_AT: usize = 28;

/// The unread rest of an input. What is not there reads as zero.
pub(super) struct Input<'a>(pub(super) &'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn byte(&mut self) -> u8 {
        let [byte] = self.array();
        byte
    }

    pub(super) fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    pub(super) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    pub(super) fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let taken = self.take(N);
        array[..taken.len()].copy_from_slice(taken);
        array
    }

    /// The next `count` bytes, or all that are left.
    pub(super) fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

/// Makes both copies of a segment header sound, as far as they are there.
pub(super) fn mend_header(bytes: &mut [u8]) {
    for copy in bytes.chunks_exact_mut(COPY_BYTES).take(2) {
        copy[..header::MAGIC.len()].copy_from_slice(&header::MAGIC);
        let crc = crc32fast::hash(&copy[..COPY_BYTES - 4]);
        copy[COPY_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
    }
}

/// Makes every frame sound whose magic and length are plausible, walking from
/// one to the next. The bodies, numbers and clocks stay as they are.
pub(super) fn mend_frames(bytes: &mut [u8], segment_id: &[u8; 16]) {
    let mut at = 0;
    while let Some(found) = next_magic(&bytes[at..]) {
        at += found;
        match mend_frame(&mut bytes[at..], segment_id) {
            Some(length) => at += length,
            None => at += 1,
        }
    }
}

fn next_magic(bytes: &[u8]) -> Option<usize> {
    bytes
        .windows(MAGIC.len())
        .position(|window| window == MAGIC)
}

fn mend_frame(bytes: &mut [u8], segment_id: &[u8; 16]) -> Option<usize> {
    let length: [u8; 4] = bytes.get(8..12)?.try_into().ok()?;
    let body = usize::try_from(u32::from_le_bytes(length)).ok()?;
    let total = HEAD_BYTES + body + TAIL_BYTES;
    let frame = bytes.get_mut(..total).filter(|_| body <= MAX_BODY_BYTES)?;
    frame[4] = VERSION;
    frame[6..8].copy_from_slice(&[0, 0]);
    frame[total - TAIL_BYTES..total - 4].copy_from_slice(&length);
    frame[total - 4..].copy_from_slice(&SENTINEL);
    let mut hasher = crc32fast::Hasher::new_with_initial(crc32fast::hash(segment_id));
    hasher.update(&frame[..FRAME_CRC_AT]);
    hasher.update(&frame[HEAD_BYTES..]);
    frame[FRAME_CRC_AT..HEAD_BYTES].copy_from_slice(&hasher.finalize().to_le_bytes());
    Some(total)
}

/// Makes a whole segment sound: its header, then its frames.
pub(super) fn mend_segment(bytes: &mut [u8]) {
    mend_header(bytes);
    let id = bytes.get(24..40).and_then(|id| id.try_into().ok());
    if let (Some(id), Some(frames)) = (id, bytes.get_mut(HEADER_BYTES..)) {
        mend_frames(frames, &id);
    }
}
