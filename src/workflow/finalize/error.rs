//! Why a plan was not finalized.

use thiserror::Error;

use crate::workflow::feature::Slug;
use crate::workflow::note::joined;
use crate::workflow::trouble::{Fault, Trouble};
use crate::workflow::work_package::WpId;

/// Why a plan was not finalized. Nothing was changed.
#[derive(Debug, Error)]
pub(crate) enum FinalizeError {
    /// There is nothing to finalize.
    #[error(
        "the feature {slug} has no work packages: its tasks/ holds no file such as WP01-title.md"
    )]
    Empty {
        /// The feature.
        slug: Slug,
    },
    /// It waits for itself.
    #[error("{wp} depends on itself")]
    Itself {
        /// The work package.
        wp: WpId,
    },
    /// It waits for what does not exist.
    #[error("{wp} depends on {}, which {} not exist", joined(unknown), if unknown.len() == 1 { "does" } else { "do" })]
    Unknown {
        /// The work package.
        wp: WpId,
        /// What does not exist.
        unknown: Vec<WpId>,
    },
    /// They wait for each other.
    #[error("circular dependencies: {}", shown(cycles))]
    Cycles {
        /// Each cycle as the way back to its first member.
        cycles: Vec<Vec<WpId>>,
    },
    /// What can go wrong in any command.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

fn shown(cycles: &[Vec<WpId>]) -> String {
    let cycles: Vec<String> = cycles
        .iter()
        .map(|cycle| {
            let ids: Vec<String> = cycle.iter().map(WpId::to_string).collect();
            ids.join(" -> ")
        })
        .collect();
    cycles.join("; ")
}

impl Fault for FinalizeError {
    fn inner(&self) -> Option<&dyn Fault> {
        match self {
            Self::Trouble(trouble) => Some(trouble),
            _ => None,
        }
    }
}
