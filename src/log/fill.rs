//! How full a log is, and from when on that is felt.

use crate::log::header::Pressure;

/// From which share of the size limit on commands warn and room is made, in
/// percent.
const PRESSURE_PERCENT: u64 = 80;

/// The size of a log beside its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// The bytes of all segments.
    pub bytes: u64,
    /// The bytes at which no segment is created any more.
    pub limit: u64,
}

impl Fill {
    /// Whether no segment may be created.
    #[must_use]
    pub const fn is_full(self) -> bool {
        self.bytes >= self.limit
    }

    /// Whether commands warn, and what is confirmed may go before its time.
    #[must_use]
    pub const fn pressure(self) -> Pressure {
        if self.bytes.saturating_mul(100) >= self.limit.saturating_mul(PRESSURE_PERCENT) {
            Pressure::High
        } else {
            Pressure::Calm
        }
    }

    /// The same log without so many bytes.
    #[must_use]
    pub const fn without(self, bytes: u64) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(bytes),
            limit: self.limit,
        }
    }
}
