//! What a move did.

use std::path::PathBuf;

use crate::workflow::committed::Settled;
use crate::workflow::lane_change::LaneChange;

/// A move that was made, or was not needed.
#[derive(Debug)]
pub(crate) struct Moved {
    /// What was moved, from where to where.
    pub change: LaneChange,
    /// The file.
    pub path: PathBuf,
    /// What became of the commit.
    pub settled: Settled,
}

impl Moved {
    /// Whether the work package changed its lane.
    #[must_use]
    pub(crate) fn changed(&self) -> bool {
        self.change.old != self.change.new
    }
}
