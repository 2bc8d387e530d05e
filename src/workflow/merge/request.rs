//! What is asked for.

use serde::{Deserialize, Serialize};

/// How branches are merged.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Strategy {
    /// With a merge commit.
    #[default]
    Merge,
    /// As one commit with one parent.
    Squash,
}

/// What happens after everything is merged.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Keep {
    /// Branches stay.
    pub branches: bool,
    /// Worktrees, and with them their branches, stay.
    pub worktrees: bool,
    /// The target is pushed to `origin`.
    pub push: bool,
}

/// Which of the things `merge` can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Merge.
    Start,
    /// Tell what merging would do.
    Forecast,
    /// Go on with a merge that was interrupted.
    Resume,
    /// Give it up.
    Abort,
}

/// A merge that can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MergeRequest {
    /// The feature, unchecked.
    pub feature: Option<String>,
    /// How.
    pub strategy: Strategy,
    /// The branch, instead of the feature's own.
    pub target: Option<String>,
    /// What happens afterwards.
    pub keep: Keep,
    /// What to do.
    pub action: Action,
}
