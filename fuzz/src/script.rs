//! Building a log directory from a few bytes.
//!
//! Random bytes are never a log. Here an input is read as a script: segments
//! with a header and frames that fit each other unless the script says
//! otherwise, then damage. Zeroes describe a sound log.
//!
//! ```text
//! input    = flags segment*             at most 6 segments
//! flags    = 1: append a record at the end
//! segment  = how …
//!   how 0..=127   frames skews damage   a segment that continues the one before
//!   how 128..=255 length(u16) bytes     these bytes; 1: checksums mended
//! frames   = count (mod 8), then for each: body length, skew
//! skews    = 0, or 1 and: ordinal, first seq, valid end, last seq, clock, id
//! damage   = count (mod 4), then for each: place (u16), what
//! ```

use spec_kitty::log::frame::{self, Kind, Seed};
use spec_kitty::log::header::{HEADER_BYTES, Header, NodeId, Predecessor, Pressure, Space};
use spec_kitty::position::{Lamport, Lease, Offset, Ordinal, Seq};

use super::input::{Input, mend_segment};
use super::memory::LOCK_IDENTITY;

const MAX_SEGMENTS: usize = 6;

/// What a script describes.
pub(super) struct Script {
    pub(super) segments: Vec<(Ordinal, Vec<u8>)>,
    /// The frames that were written, by number.
    pub(super) written: Vec<(Seq, Vec<u8>)>,
    /// Whether all of it could have been written by one home: sound segments,
    /// and damage that no checksum survives.
    pub(super) honest: bool,
    pub(super) append: bool,
    /// Differs between any two inputs, so that no checksum can be learned.
    salt: u32,
}

/// What one segment leaves for the next.
#[derive(Clone, Copy)]
struct Last {
    ordinal: Ordinal,
    predecessor: Predecessor,
}

pub(super) fn node_id() -> NodeId {
    NodeId::from_bytes([1, 2, 3, 4, 5, 6])
}

pub(super) const FACTS: [u8; 8] = *b"factshex";

impl Script {
    pub(super) fn read(data: &[u8]) -> Self {
        let mut input = Input(data);
        let mut script = Self {
            segments: Vec::new(),
            written: Vec::new(),
            honest: true,
            append: input.byte() & 1 == 1,
            salt: crc32fast::hash(data),
        };
        let mut last = Last {
            ordinal: Ordinal(0),
            predecessor: Predecessor::default(),
        };
        while !input.0.is_empty() && script.segments.len() < MAX_SEGMENTS {
            let how = input.byte();
            if how < 128 {
                script.segment(&mut input, &mut last);
            } else {
                script.raw(&mut input, how, &mut last);
            }
        }
        script
    }

    fn raw(&mut self, input: &mut Input<'_>, how: u8, last: &mut Last) {
        self.honest = false;
        let length = usize::from(input.u16());
        let mut bytes = input.take(length).to_vec();
        if how & 1 == 1 {
            mend_segment(&mut bytes);
        }
        last.ordinal = last.ordinal.next();
        self.segments.push((last.ordinal, bytes));
    }

    fn segment(&mut self, input: &mut Input<'_>, last: &mut Last) {
        let ordinal = last.ordinal.next();
        let number = u8::try_from(ordinal.0 & 0xff).unwrap_or(0);
        let mut segment_id = [number; 16];
        segment_id[..4].copy_from_slice(&self.salt.to_le_bytes());
        let mut header = Header {
            ordinal,
            segment_id,
            home_id: [9; 16],
            node_id: node_id(),
            node_facts: FACTS,
            lock_identity: LOCK_IDENTITY,
            first_seq: last.predecessor.last_seq.next(),
            predecessor: last.predecessor,
            lease: Lease::starting_at(last.predecessor.last_clock.next(), 64),
            pressure: Pressure::Calm,
            space: if self.salt & 1 == 1 {
                Space::Prepared
            } else {
                Space::Grown
            },
            created_at_us: 1,
        };
        let name = self.skew(input, &mut header);
        let mut bytes = header.encode().to_vec();
        let (mut seq, mut clock) = (header.first_seq, header.predecessor.last_clock);
        for _ in 0..input.byte() % 8 {
            let body = vec![b'a' + number % 26; usize::from(input.byte())];
            let skew = input.byte();
            if skew != 0 {
                self.honest = false;
                seq = seq.plus(u64::from(skew & 3));
                clock = if skew & 4 == 4 {
                    clock.previous()
                } else {
                    clock
                };
            } else {
                self.written.push((seq, body.clone()));
            }
            clock = clock.next();
            put_frame(&mut bytes, (seq, clock), header.seed(), &body);
            seq = seq.next();
        }
        last.ordinal = name;
        last.predecessor = Predecessor {
            ordinal,
            id: header.segment_id,
            valid_end: Offset(bytes.len() as u64),
            last_seq: seq.previous(),
            last_clock: clock,
        };
        damage(input, &mut bytes);
        self.segments.push((name, bytes));
    }

    /// Bends the header; returns the ordinal of the file's name.
    fn skew(&mut self, input: &mut Input<'_>, header: &mut Header) -> Ordinal {
        if input.byte() & 1 == 0 {
            return header.ordinal;
        }
        self.honest = false;
        let bend = |value: u64, by: u8| value.wrapping_add(i64::from(by.cast_signed()) as u64);
        let wide = |value: u64, by: u8| {
            if by == 0x80 {
                u64::MAX
            } else {
                bend(value, by)
            }
        };
        let name = Ordinal(wide(header.ordinal.0, input.byte()).max(1));
        header.first_seq = Seq(wide(header.first_seq.0, input.byte()));
        let predecessor = &mut header.predecessor;
        predecessor.ordinal = Ordinal(wide(predecessor.ordinal.0, input.byte()));
        predecessor.valid_end = Offset(wide(predecessor.valid_end.0, input.byte()));
        predecessor.last_seq = Seq(wide(predecessor.last_seq.0, input.byte()));
        predecessor.last_clock = Lamport(wide(predecessor.last_clock.0, input.byte()));
        let id = input.byte();
        predecessor.id = if id & 1 == 1 {
            [id >> 1; 16]
        } else {
            predecessor.id
        };
        header.lease.end = Lamport(wide(header.lease.end.0, input.byte()));
        name
    }
}

fn put_frame(out: &mut Vec<u8>, (seq, clock): (Seq, Lamport), seed: Seed, body: &[u8]) {
    let placement = (Kind::Control, seq, clock);
    let written = frame::encode(
        out,
        placement,
        seed,
        |_| (),
        |out| {
            out.extend_from_slice(body);
            Ok(())
        },
    );
    written.expect("a short frame can be written");
}

/// Damage as disks do it: flipped bits, cuts, zeroes, other bytes.
fn damage(input: &mut Input<'_>, bytes: &mut Vec<u8>) {
    for _ in 0..input.byte() % 4 {
        let at = usize::from(input.u16()) % (bytes.len() + 1);
        let what = input.byte();
        match what & 3 {
            0 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= what | 1;
                }
            }
            1 => bytes.truncate(at),
            2 => {
                let end = bytes.len().min(at + 4 * usize::from(what));
                bytes[at..end].fill(0);
            }
            _ => {
                let news = input.take(usize::from(what));
                let end = bytes.len().min(at + news.len());
                bytes[at..end].copy_from_slice(&news[..end - at]);
            }
        }
    }
}

const _: () = assert!(HEADER_BYTES == 1024);
