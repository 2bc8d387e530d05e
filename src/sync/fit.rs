//! Whether a cursor fits the log that lies here.
//!
//! A log that was restored from an older copy, or begun anew, holds other
//! events where those were that a cursor settled. So a cursor counts only when
//! the event that it names is where it says, or was before the oldest that is
//! retained. Reads only.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::event::decode_body;
use crate::log::read::{ReadError, Step};
use crate::log::reader::Reader;
use crate::log::segment::LogDir;
use crate::position::Seq;
use crate::state::{Cursor, Project, Stream};
use crate::target::TargetId;

/// Which streams have a cursor that fits; each is looked up once.
#[derive(Debug)]
pub struct Fits {
    dir: LogDir,
    judged: RefCell<BTreeMap<(TargetId, Project), bool>>,
}

impl Fits {
    /// Judges cursors against the log in `dir`.
    #[must_use]
    pub fn new(dir: LogDir) -> Self {
        Self {
            dir,
            judged: RefCell::default(),
        }
    }

    /// Whether the cursor of this stream fits. One that cannot be looked up
    /// does not.
    #[must_use]
    pub fn fits(&self, target: TargetId, stream: &Project, known: &Stream) -> bool {
        let Some(cursor) = known.cursor() else {
            return true;
        };
        let mut judged = self.judged.borrow_mut();
        let fits = judged.entry((target, stream.clone()));
        *fits.or_insert_with(|| is_at(&self.dir, cursor).unwrap_or(false))
    }

    /// Cursors have moved on: what did not fit is looked up again.
    pub fn renew(&self) {
        self.judged.borrow_mut().retain(|_, fits| *fits);
    }
}

/// Whether the cursor's event is in the log where the cursor says, or was
/// before the oldest event that is retained.
fn is_at(dir: &LogDir, cursor: &Cursor) -> Result<bool, ReadError> {
    let first_from = |from| {
        let mut reader = Reader::new(dir.clone(), from);
        loop {
            match reader.step()? {
                Step::Damage(_) => {}
                Step::Idle => return Ok(None),
                Step::Frame(item) => {
                    let event = decode_body(item.body).ok();
                    let is_it =
                        event.is_some_and(|(header, _)| header.event_id == cursor.event.as_str());
                    return Ok(Some((item.seq, is_it)));
                }
            }
        }
    };
    match first_from(cursor.seq)? {
        None => Ok(false),
        Some((seq, is_it)) if seq == cursor.seq => Ok(is_it),
        Some(_) => Ok(first_from(Seq(1))?.is_some_and(|(first, _)| first > cursor.seq)),
    }
}
