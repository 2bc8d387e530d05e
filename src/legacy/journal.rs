//! The events of another home's log.

use std::path::Path;
use std::sync::Arc;

use crate::event::{EventHeader, Flags, decode_body};
use crate::legacy::LegacyError;
use crate::log::read::{Item, Step};
use crate::log::reader::Reader;
use crate::log::segment::LogDir;
use crate::log::storage::Disk;
use crate::position::Seq;
use crate::target::TargetId;

/// Tells whose an event of another log is by now: the log's own control frames
/// say it, and what they mean is not known here.
pub type OwnerOf<'a> = dyn Fn(Seq, &EventHeader<'_>) -> TargetId + 'a;

/// What a reader of frames is told.
pub(super) enum Frame<'a> {
    Event {
        seq: Seq,
        json: &'a [u8],
        owner: TargetId,
        flags: Flags,
        timestamp_us: i64,
    },
    /// What cannot be read, and why.
    Lost { seq: Seq, word: &'static str },
}

/// The log in `dir`.
pub(super) fn log_in(dir: &Path) -> LogDir {
    LogDir::new(dir, Arc::new(Disk))
}

/// Reads all events of the log in `dir`, and names what is damaged.
pub(super) fn read(
    dir: &LogDir,
    owner_of: &OwnerOf<'_>,
    mut tell: impl FnMut(Frame<'_>) -> Result<(), LegacyError>,
) -> Result<(), LegacyError> {
    let mut reader = Reader::new(dir.clone(), Seq(1));
    loop {
        let next = reader.next_seq();
        match reader.step()? {
            Step::Idle => return Ok(()),
            Step::Damage(damage) => {
                let seq = damage.lost.map_or(next, |lost| lost.from);
                let word = damage.reason.word();
                tell(Frame::Lost { seq, word })?;
            }
            Step::Frame(item) if item.kind.is_event() => tell(event(&item, owner_of))?,
            Step::Frame(_) => {}
        }
    }
}

fn event<'a>(item: &Item<'a>, owner_of: &OwnerOf<'_>) -> Frame<'a> {
    let seq = item.seq;
    match decode_body(item.body) {
        Ok((header, json)) => Frame::Event {
            seq,
            json,
            owner: owner_of(seq, &header),
            flags: header.flags,
            timestamp_us: header.timestamp_us,
        },
        Err(_) => Frame::Lost { seq, word: "body" },
    }
}
