//! What must be known of a final segment to pass over it.

use crate::log::bytes::{array_at, put, u64_at};
use crate::log::header::Predecessor;
use crate::log::reader::Border;
use crate::log::segment::LogDir;
use crate::platform::Stamp;
use crate::position::{Lamport, Offset, Ordinal, Seq};

/// A segment that will not change any more, as it was when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    border: Border,
    /// The file, before it was read.
    stamp: Stamp,
    /// The segment before it, as its own header says.
    before: Named,
}

/// What a segment's header says of the one before it: which it is, where it ends
/// and the last number that it used up.
pub(super) type Named = (Ordinal, [u8; 16], Offset, Seq);

impl Sealed {
    /// How many bytes [`Sealed::to_bytes`] makes.
    pub const BYTES: usize = 136;

    /// Its ordinal.
    #[must_use]
    pub fn ordinal(&self) -> Ordinal {
        self.border.ordinal
    }

    /// Its first number; where it has no frames, that of the next frame.
    #[must_use]
    pub fn first_seq(&self) -> Seq {
        self.border.began
    }

    /// The last number that it used up.
    #[must_use]
    pub fn last_seq(&self) -> Seq {
        self.border.last_seq
    }

    /// Whether the segment's file in `dir` is untouched since.
    #[must_use]
    pub fn is_current(&self, dir: &LogDir) -> bool {
        self.has(dir.stamp_of(self.ordinal()).ok())
    }

    /// Everything that is known, in as many bytes for each segment.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let Self {
            border,
            stamp,
            before,
        } = self;
        let mut bytes = [0; Self::BYTES];
        put(&mut bytes, 0, &border.ordinal.0.to_le_bytes());
        put(&mut bytes, 8, &border.id);
        put(&mut bytes, 24, &border.began.0.to_le_bytes());
        put(&mut bytes, 32, &border.valid_end.0.to_le_bytes());
        put(&mut bytes, 40, &border.last_seq.0.to_le_bytes());
        put(&mut bytes, 48, &border.next_seq.0.to_le_bytes());
        put(&mut bytes, 56, &border.clock.0.to_le_bytes());
        put(&mut bytes, 64, &stamp.identity.to_le_bytes());
        put(&mut bytes, 72, &stamp.size.to_le_bytes());
        put(&mut bytes, 80, &stamp.changed.to_le_bytes());
        put(&mut bytes, 96, &before.0.0.to_le_bytes());
        put(&mut bytes, 104, &before.1);
        put(&mut bytes, 120, &before.2.0.to_le_bytes());
        put(&mut bytes, 128, &before.3.0.to_le_bytes());
        bytes
    }

    /// What `to_bytes` made bytes of.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let number = |at| u64_at(bytes, at);
        Some(Self {
            border: Border {
                ordinal: Ordinal(number(0)?),
                id: array_at(bytes, 8)?,
                began: Seq(number(24)?),
                valid_end: Offset(number(32)?),
                last_seq: Seq(number(40)?),
                next_seq: Seq(number(48)?),
                clock: Lamport(number(56)?),
            },
            stamp: Stamp {
                identity: number(64)?,
                size: number(72)?,
                changed: i128::from_le_bytes(array_at(bytes, 80)?),
            },
            before: (
                Ordinal(number(96)?),
                array_at(bytes, 104)?,
                Offset(number(120)?),
                Seq(number(128)?),
            ),
        })
    }

    /// Whether the file has the stamp that it had.
    pub(super) fn has(&self, stamp: Option<Stamp>) -> bool {
        stamp == Some(self.stamp)
    }

    pub(super) fn border(&self) -> &Border {
        &self.border
    }

    pub(super) fn before(&self) -> Named {
        self.before
    }

    pub(super) fn new(border: Border, stamp: Stamp, before: &Predecessor) -> Option<Self> {
        let fits = border.valid_end.0 <= stamp.size && border.next_seq == border.last_seq.next();
        fits.then_some(Self {
            border,
            stamp,
            before: of_header(before),
        })
    }

    /// What the segment behind it must say of it.
    pub(super) fn as_named(&self) -> Named {
        let border = &self.border;
        (border.ordinal, border.id, border.valid_end, border.last_seq)
    }

    pub(super) fn follows(&self, border: Option<&Border>) -> bool {
        border.is_none_or(|border| {
            (self.before.0, self.before.1) == (border.ordinal, border.id)
                && self.border.began == border.next_seq
        })
    }
}

pub(super) fn of_header(before: &Predecessor) -> Named {
    (before.ordinal, before.id, before.valid_end, before.last_seq)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_byte_of_what_is_known_is_kept(
            halves in any::<([u8; 68], [u8; 68])>(),
        ) {
            let bytes: Vec<u8> = [halves.0, halves.1].concat();
            let bytes: [u8; Sealed::BYTES] = bytes.try_into().unwrap();
            prop_assert_eq!(Sealed::from_bytes(&bytes).unwrap().to_bytes(), bytes);
        }
    }
}
