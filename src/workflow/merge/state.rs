//! How far a merge has come: written before and after each step, so that it can
//! be gone on with, or given up, after any interruption.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::request::{Keep, Strategy};
use crate::workflow::file::{FileError, put, read_text};

const MAX_BYTES: u64 = 1024 * 1024;

/// A merge that was begun, with the field names of the original and our own.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct MergeState {
    /// The feature.
    pub feature_slug: String,
    /// The branch that everything is merged into.
    pub target_branch: String,
    /// The work packages, in order.
    pub wp_order: Vec<String>,
    /// Those that are merged.
    pub completed_wps: Vec<String>,
    /// The one that is being merged.
    pub current_wp: Option<String>,
    /// Whether a person has to resolve something.
    pub has_pending_conflicts: bool,
    /// How they are merged.
    pub strategy: Strategy,
    /// When it was begun.
    pub started_at: String,
    /// When it last went on.
    pub updated_at: String,
    /// What is kept, and whether it is pushed.
    #[serde(default)]
    pub keep: Keep,
    /// The commit of each branch that was merged; others are never deleted.
    #[serde(default)]
    pub merged_commits: BTreeMap<String, String>,
}

impl MergeState {
    fn file(root: &Path) -> PathBuf {
        root.join(".kittify/merge-state.json")
    }

    /// The merge that is under way in the project at `root`, if any.
    ///
    /// # Errors
    /// When there is a record and it cannot be read.
    pub(super) fn read(root: &Path) -> Result<Option<Self>, FileError> {
        let path = Self::file(root);
        match read_text(&path, MAX_BYTES) {
            Err(FileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(error),
            Ok(text) => match serde_json::from_str(&text) {
                Ok(state) => Ok(Some(state)),
                Err(error) => Err(FileError::Io {
                    action: "understand",
                    path,
                    source: error.into(),
                }),
            },
        }
    }

    pub(super) fn write(&self, root: &Path) -> Result<(), FileError> {
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        put(&Self::file(root), &(text + "\n"))
    }

    /// Forgets it. What cannot be removed is met by the next run.
    pub(super) fn remove(root: &Path) {
        let _ = fs::remove_file(Self::file(root));
    }
}
