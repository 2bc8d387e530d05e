//! From the newest frame to the oldest, noticing what is missing between.

use crate::log::backward::Backward;
use crate::log::read::{Item, ReadError};
use crate::log::scan::SeqRange;
use crate::log::segment::LogDir;
use crate::position::Seq;

/// Reads backward.
#[derive(Debug)]
pub(super) struct NewestFirst {
    reader: Backward,
    /// The number of the frame that was read last.
    above: Option<Seq>,
}

impl NewestFirst {
    pub(super) fn new(dir: &LogDir) -> Result<Self, ReadError> {
        Ok(Self {
            reader: Backward::new(dir.clone())?,
            above: None,
        })
    }

    /// Begins near `seq`: with frames from there on, a few, or the one before.
    pub(super) fn near(dir: &LogDir, seq: Seq) -> Result<Self, ReadError> {
        Ok(Self {
            reader: Backward::near(dir.clone(), seq)?,
            above: None,
        })
    }

    /// Whether nothing was met so far, beside missing numbers, that reading
    /// forward would report.
    pub(super) fn is_untroubled(&self) -> bool {
        self.reader.is_untroubled()
    }

    /// The frame before, and the numbers that are missing behind it.
    pub(super) fn step(&mut self) -> Result<Option<(Item<'_>, Option<SeqRange>)>, ReadError> {
        let above = self.above;
        let Some(item) = self.reader.step()? else {
            return Ok(None);
        };
        self.above = Some(item.seq);
        let missing = above.and_then(|above| SeqRange::before(item.seq.next(), above));
        Ok(Some((item, missing)))
    }
}

/// The number of the newest frame; `None` when there is none.
pub(super) fn newest_seq(dir: &LogDir) -> Result<Option<Seq>, ReadError> {
    let mut reader = NewestFirst::new(dir)?;
    Ok(reader.step()?.map(|(item, _)| item.seq))
}
