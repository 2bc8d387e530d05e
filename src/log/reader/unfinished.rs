//! What lies behind the last good frame: not judged by a reader, but said.

use crate::log::read::{Damage, Reason, Unfinished};
use crate::log::reader::Reader;
use crate::log::scan::Region;

impl Reader {
    /// What the bytes behind the last good frame of the newest segment are, as
    /// far as they were seen. Meaningful after `Step::Idle`.
    #[must_use]
    pub fn unfinished(&self) -> Option<Unfinished> {
        let place = self.place.as_ref()?;
        let ordinal = place.ordinal;
        match self.scan(place).next()? {
            Region::Torn { offset, bytes } => Some(Unfinished::Torn {
                ordinal,
                offset,
                bytes,
            }),
            Region::Damage {
                offset,
                bytes,
                fault,
                lost,
            } => {
                let (reason, clock) = (Reason::Bytes(fault), place.clock);
                // Numbers that were reported as lost are not lost again.
                let lost = lost.filter(|lost| Some(lost.from) >= self.passed.expected);
                Some(Unfinished::Damage(Damage {
                    ordinal,
                    offset,
                    bytes,
                    reason,
                    lost,
                    clock,
                }))
            }
            Region::Frame { .. } => None,
        }
    }
}
