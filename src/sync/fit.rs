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
                // No event is left: where the next one would be says as much.
                Step::Idle => return Ok((reader.next_seq(), false)),
                Step::Frame(item) => {
                    let event = decode_body(item.body).ok();
                    let is_it =
                        event.is_some_and(|(header, _)| header.event_id == cursor.event.as_str());
                    return Ok((item.seq, is_it));
                }
            }
        }
    };
    let (seq, is_it) = first_from(cursor.seq)?;
    if seq == cursor.seq {
        return Ok(is_it);
    }
    let (first, _) = first_from(Seq(1))?;
    Ok(first > cursor.seq)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::log::ambient::System;
    use crate::log::append::{Log, LogOptions, NodeIdentity, Record};
    use crate::log::header::{HEADER_BYTES, NodeId};
    use crate::log::prune::{Expendable, prune};
    use crate::log::storage::Disk;
    use crate::position::Ordinal;
    use crate::state::EventKey;
    use crate::sync::control::Control;
    use crate::sync::route::Bindings;
    use crate::sync::survey::Survey;
    use crate::target::Target;

    /// Everything was confirmed and pruned, and whoever made the newest segment
    /// died before its first frame. The cursors counted for nothing then, and
    /// with them what was said of all that had been delivered.
    #[test]
    fn a_cursor_before_a_segment_without_frames_fits() {
        let home = tempfile::tempdir().unwrap();
        let dir = LogDir::new(home.path().join("log"), Arc::new(Disk));
        let node = NodeIdentity {
            node_id: NodeId::parse("0123456789ab").unwrap(),
            facts: [7; 8],
        };
        let options = LogOptions {
            segment_frames: 2,
            ..LogOptions::for_node(node)
        };
        let to = Target::new("https://a.org", "alice", None);
        let from = TargetId::SIGNED_OUT;
        let mut frames = vec![Control::Bind { from, to }; 3];
        let mut records: Vec<_> = frames.iter_mut().map(|f| f as &mut dyn Record).collect();
        let wait = Duration::from_secs(5);
        let log = Log::new(dir.clone(), Arc::new(System), options);
        assert!(log.append(&mut records, None, wait).failure.is_none());
        let (ordinal, id) = (Ordinal(1), dir.header(Ordinal(1)).unwrap());
        let id = id.map(|header| header.segment_id);
        let gone = prune(&dir, &[Expendable { ordinal, id }], wait, &mut |_| {}).gone;
        assert_eq!(gone.len(), 1);
        let path = dir.segment_path(Ordinal(2));
        let newest = std::fs::OpenOptions::new().write(true).open(path).unwrap();
        newest.set_len(HEADER_BYTES.try_into().unwrap()).unwrap();

        let cursor = |seq| Cursor {
            seq: Seq(seq),
            event: EventKey::new("e").unwrap(),
        };
        assert!(is_at(&dir, &cursor(2)).unwrap());
        assert!(!is_at(&dir, &cursor(3)).unwrap(), "that was never here");
        let survey = Survey::take(&dir, &Default::default(), &Bindings::default()).unwrap();
        assert!(!survey.is_whole());
    }
}
