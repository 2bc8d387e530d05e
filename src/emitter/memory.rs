//! What is remembered of the log outside of it, so that segments which were put
//! back from an older copy are noticed before a clock value is issued again.

use crate::log::append::{Appended, Log, Outcome};
use crate::state::{Mark, Marker};

/// Tells the log what is remembered of it. To be called before the append: what
/// others add to the log after the mark was read only makes it longer.
pub(super) fn recall(mark: Option<Mark>, log: &Log) {
    let Some(mark) = mark else { return };
    log.remember(mark.log, mark.seq, mark.clock);
    if let Some((highest, stamp)) = mark.highest {
        log.dir().recall_highest(highest, stamp);
    }
}

/// Remembers what was confirmed.
pub(super) fn keep(marker: &Marker, log: &Log, appended: &Appended) {
    let last = appended
        .outcomes
        .iter()
        .rev()
        .find_map(|outcome| match outcome {
            Outcome::Recorded(placed) => Some(placed),
            _ => None,
        });
    if let (Some(last), Some(lock)) = (last, appended.lock_identity) {
        marker.write(Mark {
            log: lock,
            seq: last.seq,
            clock: last.clock,
            highest: log.dir().highest_seen(),
        });
    }
}
