//! An event as the inspector meets it: where it lies, its header, its JSON.

use thiserror::Error;

use crate::event::{BodyError, EventHeader, decode_body};
use crate::log::frame::Kind;
use crate::log::read::Item;
use crate::position::{Offset, Ordinal, Seq};

/// One event of the log, borrowed from the reader.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) seq: Seq,
    pub(super) ordinal: Ordinal,
    pub(super) offset: Offset,
    /// Whether it was made elsewhere and imported.
    pub(super) foreign: bool,
    pub(super) header: EventHeader<'a>,
    /// The event as it was recorded, byte for byte.
    pub(super) json: &'a str,
}

/// Why a whole frame whose checksum is right is not understood.
#[derive(Debug, Error)]
pub(super) enum Unreadable {
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error("the event's JSON is not UTF-8")]
    NotUtf8,
}

impl<'a> Entry<'a> {
    /// The event in a frame; `None` when the frame holds something else.
    ///
    /// # Errors
    /// [`Unreadable`] when the body is not as it should be.
    pub(super) fn read(item: &Item<'a>) -> Option<Result<Self, Unreadable>> {
        item.kind.is_event().then(|| Self::decode(item))
    }

    fn decode(item: &Item<'a>) -> Result<Self, Unreadable> {
        let (header, json) = decode_body(item.body)?;
        let json = std::str::from_utf8(json).map_err(|_| Unreadable::NotUtf8)?;
        Ok(Self {
            seq: item.seq,
            ordinal: item.ordinal,
            offset: item.offset,
            foreign: item.kind == Kind::ForeignEvent,
            header,
            json,
        })
    }

    /// When it was recorded here, in microseconds since 1970; not known of an
    /// event that was made elsewhere.
    pub(super) fn recorded_at_us(&self) -> Option<i64> {
        (!self.foreign).then_some(self.header.timestamp_us)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use crate::event::Flags;
    use crate::target::TargetId;

    use super::*;

    /// An event of `event_type` about `about`, around this JSON.
    pub(in crate::cli::log) fn entry<'a>(
        event_type: &'a str,
        about: &'a str,
        json: &'a str,
    ) -> Entry<'a> {
        Entry {
            seq: Seq(436),
            ordinal: Ordinal(3),
            offset: Offset(81_920),
            foreign: false,
            header: EventHeader {
                event_id: "01KGHNHD2JW2V0N5YB3K7M9RDE",
                event_type,
                aggregate_type: "WorkPackage",
                aggregate_id: about,
                node_id: "b805cd5cee74",
                lamport: 434,
                timestamp_us: 1_770_123_130_114_000,
                team: Some("acme-corp"),
                project: Some("44a34391-86d8-4159-abf1-e0b4d3abc746"),
                feature: Some("028-cli-event-emission-sync"),
                causation_id: None,
                target: TargetId([7; 16]),
                flags: Flags::default(),
            },
            json,
        }
    }
}
