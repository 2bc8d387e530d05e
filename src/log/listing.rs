//! What a directory listed when it was last asked.
//!
//! Its entries are what they were for as long as it has the stamp that it had
//! before it was listed, where two changes cannot leave it the same one.

use crate::platform::Stamp;
use crate::position::Ordinal;

/// The segment files of a directory, under a stamp.
#[derive(Debug, Default)]
pub(super) struct Listing(Option<(Stamp, Vec<Ordinal>)>);

impl Listing {
    /// The files, if the directory had this stamp before they were listed.
    pub(super) fn under(&self, stamp: Option<Stamp>) -> Option<&[Ordinal]> {
        let (before, files) = self.0.as_ref()?;
        (stamp == Some(*before)).then_some(files)
    }

    /// Remembers the files that were listed after the directory had this stamp;
    /// nothing without one.
    pub(super) fn remember(&mut self, stamp: Option<Stamp>, files: &[Ordinal]) {
        self.0 = stamp.map(|stamp| (stamp, files.to_vec()));
    }
}
