//! Standing between two segments: stopping there, and beginning there.

use crate::log::header::Predecessor;
use crate::log::place::Fate;
use crate::log::reader::Reader;
use crate::log::segment::LogDir;
use crate::log::succession::Passed;
use crate::position::{Lamport, Offset, Ordinal, Seq};

/// The end of a segment that its successor has recorded: what a reader knows
/// when it has come there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::log) struct Border {
    /// The segment.
    pub(in crate::log) ordinal: Ordinal,
    pub(in crate::log) id: [u8; 16],
    /// The number with which it began.
    pub(in crate::log) began: Seq,
    /// Where its last good frame ends, as the successor says.
    pub(in crate::log) valid_end: Offset,
    /// The last number that it used up, as the successor says.
    pub(in crate::log) last_seq: Seq,
    /// The number of the next frame.
    pub(in crate::log) next_seq: Seq,
    pub(in crate::log) clock: Lamport,
}

impl Reader {
    /// A reader that goes on behind `border`, as one would that has read
    /// everything before it.
    pub(in crate::log) fn behind(dir: LogDir, border: &Border) -> Self {
        Self {
            passed: Passed {
                place: border.ordinal,
                id: border.id,
                began: border.began,
                expected: Some(border.next_seq),
                clock: border.clock,
                ..Passed::default()
            },
            ..Self::new(dir, Seq(1))
        }
    }

    /// Lets this reader be idle at the end of the segment `ordinal`, or of the
    /// next one behind it that there is; with `None` nowhere but at the end of
    /// the log.
    pub(in crate::log) fn stop_after(&mut self, ordinal: Option<Ordinal>) {
        self.stop_after = ordinal;
    }

    pub(super) fn is_to_stop(&self) -> bool {
        let here = self.place.as_ref().map(|place| place.ordinal);
        self.stop_after.is_some_and(|last| here >= Some(last))
    }

    /// Where this reader stands, when it has read a segment up to the end that
    /// the successor recorded, and has not gone on.
    pub(in crate::log) fn border(&self) -> Option<Border> {
        let place = self.place.as_ref().filter(|_| self.is_to_stop())?;
        match place.fate {
            Fate::Final {
                valid_end,
                last_seq,
            } if place.used == self.buffer.len() => Some(Border {
                ordinal: place.ordinal,
                id: place.id,
                began: self.passed.began,
                valid_end,
                last_seq,
                next_seq: self.passed.expected.unwrap_or(place.seq),
                clock: place.clock,
            }),
            _ => None,
        }
    }

    /// What the header of the segment that is being read says of the one before.
    pub(in crate::log) fn before(&self) -> Predecessor {
        self.before
    }
}
