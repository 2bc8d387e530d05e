//! The newest frames, kept while they are found by reading backward.
//!
//! A reader that goes forward begins where the segment begins. What was met on
//! the way back need not be read again from there, as long as it is little and
//! without a hole: holes are for the forward reader to judge.

use crate::log::frame::Kind;
use crate::log::read::Item;
use crate::log::scan::SeqRange;
use crate::position::{Lamport, Offset, Ordinal, Seq};

/// No more frames are kept.
const MOST_FRAMES: usize = 1_000;
/// No more bytes of their bodies are kept.
const MOST_BYTES: usize = 1024 * 1024;

/// Frames, the newest first.
#[derive(Debug, Default)]
pub(super) struct Kept {
    frames: Vec<Frame>,
    bytes: usize,
}

/// One frame, with its body.
#[derive(Debug)]
struct Frame {
    seq: Seq,
    clock: Lamport,
    kind: Kind,
    ordinal: Ordinal,
    offset: Offset,
    body: Vec<u8>,
}

impl Kept {
    /// With one more frame, before which `missing` numbers were found to be
    /// missing; `None` when that is not to be kept.
    pub(super) fn with(mut self, item: &Item<'_>, missing: Option<SeqRange>) -> Option<Self> {
        self.bytes = self.bytes.saturating_add(item.body.len());
        let too_much = self.frames.len() >= MOST_FRAMES || self.bytes > MOST_BYTES;
        if too_much || missing.is_some() {
            return None;
        }
        self.frames.push(Frame {
            seq: item.seq,
            clock: item.clock,
            kind: item.kind,
            ordinal: item.ordinal,
            offset: item.offset,
            body: item.body.to_vec(),
        });
        Some(self)
    }

    /// The frames from `from` to `to`, the oldest first.
    pub(super) fn between(&self, from: Seq, to: Seq) -> impl Iterator<Item = Item<'_>> {
        let frames = self.frames.iter().rev();
        let wanted = frames.filter(move |frame| (from..=to).contains(&frame.seq));
        wanted.map(|frame| Item {
            seq: frame.seq,
            clock: frame.clock,
            kind: frame.kind,
            ordinal: frame.ordinal,
            offset: frame.offset,
            body: &frame.body,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(seq: u64, body: &[u8]) -> Item<'_> {
        Item {
            seq: Seq(seq),
            clock: Lamport(seq),
            kind: Kind::Event,
            ordinal: Ordinal(1),
            offset: Offset(seq * 100),
            body,
        }
    }

    #[test]
    fn what_was_met_on_the_way_back_comes_out_forward() {
        let kept = (1..=5_u64).rev().try_fold(Kept::default(), |kept, seq| {
            kept.with(&item(seq, b"body"), None)
        });
        let kept = kept.unwrap();
        let seqs: Vec<u64> = kept.between(Seq(2), Seq(4)).map(|i| i.seq.0).collect();
        assert_eq!(seqs, [2, 3, 4]);
        assert_eq!(kept.between(Seq(3), Seq(3)).next(), Some(item(3, b"body")));
    }

    #[test]
    fn holes_and_more_than_a_little_are_not_kept() {
        let hole = SeqRange::before(Seq(2), Seq(4));
        assert!(hole.is_some());
        assert!(Kept::default().with(&item(1, b""), hole).is_none());
        let large = vec![0; MOST_BYTES / 2];
        let one = Kept::default().with(&item(2, &large), None).unwrap();
        let two = one.with(&item(1, &large), None).unwrap();
        assert!(two.with(&item(0, b"x"), None).is_none());
    }
}
