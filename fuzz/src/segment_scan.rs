//! The scan of a segment. Input: a byte of flags (1: mend the checksums, 2: the
//! segment is final), the last number of a final one (8 bytes), the first
//! number expected (2 bytes), a segment id, then the bytes behind the header.
//!
//! Promised: the regions cover all bytes, once and in order; every number from
//! the first expected to the last used up is a frame's or lost, and only once;
//! the clock never goes back; only the end of an open segment is torn.

use spec_kitty::log::frame::Seed;
use spec_kitty::log::header::HEADER_BYTES;
use spec_kitty::log::scan::{End, Expected, Region, Scan, SeqRange};
use spec_kitty::position::{Lamport, Offset, Seq};

use super::input::{Input, mend_frames};

/// Scans the bytes and holds the regions to the promises.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let flags = input.byte();
    let last_seq = Seq(input.u64());
    let first = Seq(u64::from(input.u16()));
    let id: [u8; 16] = input.array();
    let mut bytes = input.0.to_vec();
    if flags & 1 == 1 {
        mend_frames(&mut bytes, &id);
    }
    let end = if flags & 2 == 2 {
        End::Final { last_seq }
    } else {
        End::Open
    };
    check(
        &bytes,
        Expected {
            seed: Seed::of(&id),
            base: Offset(HEADER_BYTES as u64),
            seq: first,
            clock: Lamport(0),
            end,
        },
    );
}

fn check(bytes: &[u8], expected: Expected) {
    let mut scan = Scan::new(bytes, expected);
    let (mut at, mut seq, mut clock) = (expected.base.0, expected.seq, expected.clock);
    let mut torn = false;
    while let Some(region) = scan.next() {
        assert!(!torn, "something follows a torn tail");
        let (offset, length, numbers) = match region {
            Region::Frame { offset, frame } => {
                assert!(frame.clock >= clock, "the clock went back");
                clock = frame.clock;
                let own = SeqRange {
                    from: frame.seq,
                    to: frame.seq,
                };
                (offset, frame.len_on_disk() as u64, Some(own))
            }
            Region::Damage {
                offset,
                bytes,
                lost,
                ..
            } => {
                assert!(bytes > 0 || lost.is_some(), "damage of nothing");
                (offset, bytes, lost)
            }
            Region::Torn { offset, bytes } => {
                assert!(bytes > 0 && expected.end == End::Open);
                torn = true;
                (offset, bytes, None)
            }
        };
        assert_eq!(offset.0, at, "a gap between regions");
        at += length;
        if let Some(range) = numbers {
            assert_eq!(range.from, seq, "a number was skipped or used twice");
            assert!(range.to >= range.from);
            seq = range.to.next();
        }
        assert_eq!(scan.next_seq(), seq);
    }
    assert_eq!(
        at,
        expected.base.0 + bytes.len() as u64,
        "bytes without a region"
    );
    assert!(scan.next().is_none(), "the scan goes on behind its end");
}
