//! What was put right on the way, and whether anybody needs to hear of it.

use std::fmt;
use std::path::PathBuf;

/// Something that was put right on the way, worth one line to a person.
///
/// ```
/// use spec_kitty::state::Note;
///
/// let note = Note::ImplausibleClock { value: u64::MAX };
/// assert!(note.needs_attention());
/// assert!(!Note::RestoredFromView.needs_attention()); // after a kill: as it should be
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// The store was damaged; it was set aside and made anew.
    Healed {
        /// Where the damaged store is now.
        moved_to: PathBuf,
        /// What was wrong with it.
        reason: String,
    },
    /// A stored clock value lay above every plausible one and was ignored.
    ImplausibleClock {
        /// The value.
        value: u64,
    },
    /// An entry of the ledger could not be read and was dropped.
    EntryDropped {
        /// Its key, in hexadecimal.
        key: String,
    },
    /// The ledger was completed from its view, which was ahead of the store.
    RestoredFromView,
    /// The view was damaged; it was written anew from the store.
    ViewRenewed {
        /// What was wrong with it.
        reason: String,
    },
    /// The view could not be written; readers see an older ledger.
    ViewUnwritten {
        /// Why.
        reason: String,
    },
    /// The store could not be used; the view carries the ledger alone.
    StoreUnavailable {
        /// Why.
        reason: String,
    },
}

impl Note {
    /// Whether a person should hear of it unasked: something was damaged. What
    /// is put right in the ordinary course of things, after a kill or while
    /// somebody else works with the store, is for whoever looks closer.
    #[must_use]
    pub const fn needs_attention(&self) -> bool {
        match self {
            Self::Healed { .. } | Self::ImplausibleClock { .. } => true,
            Self::EntryDropped { .. } | Self::ViewRenewed { .. } => true,
            Self::RestoredFromView | Self::ViewUnwritten { .. } => false,
            Self::StoreUnavailable { .. } => false,
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Healed { moved_to, reason } => write!(
                f,
                "the state store was damaged ({reason}) and made anew; the old one is {}",
                moved_to.display()
            ),
            Self::ImplausibleClock { value } => {
                write!(f, "a stored clock value of {value} was ignored")
            }
            Self::EntryDropped { key } => write!(
                f,
                "an entry of the delivery ledger was damaged and dropped (key {key}); some events may be sent again"
            ),
            Self::RestoredFromView => {
                f.write_str("the delivery ledger was completed from delivery.view")
            }
            Self::ViewRenewed { reason } => write!(f, "{reason}; it was written anew"),
            Self::ViewUnwritten { reason } => {
                write!(f, "readers see an older delivery ledger: {reason}")
            }
            Self::StoreUnavailable { reason } => write!(
                f,
                "the delivery ledger went on in delivery.view alone: {reason}"
            ),
        }
    }
}

/// A result together with what was put right to get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted<T> {
    /// The result.
    pub value: T,
    /// What was put right; empty in ordinary operation.
    pub notes: Vec<Note>,
}
