//! What bad bytes at the end of a segment were once: frames that can still be
//! told, or a write that never finished.
//!
//! Every frame that was whole once has used its number up, and is damage now. A
//! write that never finished was confirmed to nobody. Pure.

use crate::log::bytes::{as_u64, as_usize, u32_at};
use crate::log::frame::{self, MAX_BODY_BYTES, OVERHEAD_BYTES, SENTINEL, Seed, TAIL_BYTES};
use crate::position::{Offset, Seq};

/// The unit in which disks write or lose data.
const SECTOR_BYTES: u64 = 512;

/// How many of the bad bytes at the end of an open segment were whole frames
/// once, and how many sequence numbers these have used up; `None` when the
/// bytes begin with a torn tail.
///
/// A good frame whose number was used before is there for the second time: it
/// does not belong here, and nothing is lost with it.
pub(super) fn wreck(
    bad: &[u8],
    offset: Offset,
    (next_seq, seed): (Seq, Seed),
) -> Option<(usize, u64)> {
    let (mut at, mut count) = (0, 0);
    loop {
        let rest = bad.get(at..).unwrap_or_default();
        let here = offset.plus(as_u64(at));
        let repeated = frame::decode(rest, seed).ok();
        if let Some(frame) = repeated.filter(|frame| frame.seq < next_seq) {
            at += frame.len_on_disk();
            continue;
        }
        match whole_length(rest) {
            Some(length) if !has_zero_sector(rest.get(..length)?, here) => {
                at += length;
                count += 1;
            }
            _ if !has_zero_sector(rest, here) && ends_like_a_frame(rest) => {
                let claimed = claimed_by_last_head(bad, next_seq).unwrap_or(0);
                return Some((bad.len(), claimed.max(count + 1)));
            }
            _ => return (at > 0).then_some((at, count)),
        }
    }
}

/// The length of the frame that was at the start of `bytes`, when its head or
/// its trailing length still tells it.
fn whole_length(bytes: &[u8]) -> Option<usize> {
    by_head(bytes).or_else(|| by_trailing_length(bytes))
}

/// By the head: it spans the bytes exactly, or something of the frame's end is
/// where it says.
fn by_head(bytes: &[u8]) -> Option<usize> {
    let head = frame::head(bytes).ok()?;
    let total = head.total();
    let tail = bytes.get(..total)?.last_chunk::<TAIL_BYTES>()?;
    let length_agrees = u32_at(tail, 0).map(u64::from) == Some(as_u64(head.body_bytes));
    (total == bytes.len() || length_agrees || tail.ends_with(&SENTINEL)).then_some(total)
}

/// By the trailing length: the first one that points back at the start.
fn by_trailing_length(bytes: &[u8]) -> Option<usize> {
    let most = bytes.len().min(OVERHEAD_BYTES + MAX_BODY_BYTES);
    (OVERHEAD_BYTES..=most).find(|end| {
        bytes
            .get(..*end)
            .and_then(frame::trailing_body_bytes)
            .is_some_and(|body_bytes| body_bytes + OVERHEAD_BYTES == *end)
    })
}

/// The last number that the frames of a segment claim whose header, and with it
/// every checksum, is unreadable: as far as heads and trailing lengths agree
/// and the numbers are dense from `first`.
pub(super) fn claimed_last_seq(bytes: &[u8], first: Seq) -> Option<Seq> {
    let (mut at, mut last) = (0, None);
    while let Ok(head) = frame::head(bytes.get(at..)?) {
        let total = head.total();
        let whole = bytes
            .get(at..at + total)
            .and_then(frame::trailing_body_bytes);
        let dense = last.map_or(head.seq >= first, |last: Seq| head.seq == last.next());
        if whole != Some(head.body_bytes) || !dense {
            break;
        }
        last = Some(head.seq);
        at += total;
    }
    last
}

/// Whether the trailing length of `bytes` points at or behind their start.
fn ends_like_a_frame(bytes: &[u8]) -> bool {
    frame::trailing_body_bytes(bytes)
        .is_some_and(|body_bytes| body_bytes + OVERHEAD_BYTES <= bytes.len())
}

/// How many numbers the last frame's own head says are used up, when that head
/// is still there and its claim is possible in so many bytes.
fn claimed_by_last_head(bad: &[u8], next_seq: Seq) -> Option<u64> {
    let total = frame::trailing_body_bytes(bad)? + OVERHEAD_BYTES;
    let head = frame::head(bad.get(bad.len().checked_sub(total)?..)?).ok()?;
    let possible = next_seq.plus(as_u64(bad.len() / OVERHEAD_BYTES));
    (head.seq >= next_seq && head.seq < possible)
        .then(|| head.seq.0.saturating_sub(next_seq.0).saturating_add(1))
}

/// Whether a disk sector of `bytes`, which begin at `offset` in the file, was
/// never written: its piece is all zero.
///
/// The first and the last piece may be parts of a sector. A frame begins with a
/// magic and ends with a sentinel that have no zero byte, so such a piece is
/// never the beginning or the end of one that was written.
fn has_zero_sector(bytes: &[u8], offset: Offset) -> bool {
    let into_sector = as_usize(offset.0 % SECTOR_BYTES);
    let first_piece = as_usize(SECTOR_BYTES)
        .saturating_sub(into_sector)
        .min(bytes.len());
    let (first, rest) = bytes.split_at_checked(first_piece).unwrap_or((bytes, &[]));
    let zero = |piece: &[u8]| !piece.is_empty() && piece.iter().all(|byte| *byte == 0);
    zero(first) || rest.chunks(as_usize(SECTOR_BYTES)).any(zero)
}
