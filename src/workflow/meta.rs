//! The JSON files beside the work packages: a feature's `meta.json` and the
//! workspace records under `.kittify/workspaces/`.
//!
//! Of `meta.json`, only the fields that decisions need are read; unknown ones are
//! ignored. Nothing is written here.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::file::{FileError, read_text};

/// The largest of these files that is read.
const MAX_BYTES: u64 = 1024 * 1024;

/// What `meta.json` says about a feature.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub(crate) struct Meta {
    /// The branch that the feature's planning and status are committed to.
    pub target_branch: Option<String>,
    /// The kind of work, `software-dev` when not given.
    pub mission: Option<String>,
    /// When the feature was created, as it stands there: RFC 3339, or not.
    #[serde(default)]
    created_at: serde_json::Value,
    /// The number of the feature, as it stands there.
    #[serde(default)]
    feature_number: serde_json::Value,
    #[serde(default)]
    vcs: serde_json::Value,
}

impl Meta {
    /// The branch that the feature's status is committed to, when one is named.
    #[must_use]
    pub(crate) fn target(&self) -> Option<&str> {
        let target = self.target_branch.as_deref().map(str::trim);
        target.filter(|target| !target.is_empty())
    }

    /// When the feature was created, when that is a time.
    #[must_use]
    pub(crate) fn created_at(&self) -> Option<&str> {
        let text = self.created_at.as_str()?;
        text.parse::<jiff::Timestamp>().is_ok().then_some(text)
    }

    /// The number of the feature, when one is given as a text.
    #[must_use]
    pub(crate) fn number(&self) -> Option<&str> {
        self.feature_number.as_str().filter(|text| !text.is_empty())
    }

    /// Whether the version control system is named.
    #[must_use]
    pub(crate) fn names_vcs(&self) -> bool {
        self.vcs.as_str().is_some_and(|text| !text.is_empty())
    }

    /// Whether work packages are built in worktrees that can be checked.
    #[must_use]
    pub(crate) fn is_software(&self) -> bool {
        matches!(self.mission.as_deref(), None | Some("" | "software-dev"))
    }
}

/// What a workspace record says about a work package's worktree. Every field of
/// an old or foreign record may be missing.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Workspace {
    /// The work package.
    #[serde(default)]
    pub wp_id: String,
    /// The feature.
    #[serde(default)]
    pub feature_slug: String,
    /// Where the worktree is, from the root.
    #[serde(default)]
    pub worktree_path: String,
    /// Its branch.
    #[serde(default)]
    pub branch_name: String,
    /// The branch that the worktree was made from.
    pub base_branch: Option<String>,
    /// The commit that it was made from.
    pub base_commit: Option<String>,
    /// What the work package waits for.
    #[serde(default)]
    pub dependencies: Vec<String>,
    /// When it was made.
    #[serde(default)]
    pub created_at: String,
    /// By what.
    #[serde(default)]
    pub created_by: String,
    /// Always `git`.
    #[serde(default)]
    pub vcs_backend: String,
}

impl Workspace {
    /// Where the record of the worktree called `name` is.
    #[must_use]
    pub(crate) fn path(root: &Path, name: &str) -> PathBuf {
        root.join(".kittify/workspaces")
            .join(format!("{name}.json"))
    }

    /// The record as it is written.
    #[must_use]
    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

/// A JSON file that cannot be read.
#[derive(Debug, Error)]
pub(crate) enum MetaError {
    /// The feature has no `meta.json`.
    #[error("the feature has no meta.json ({} is missing)", path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error(transparent)]
    File(FileError),
    /// It is not JSON, or a field has the wrong type.
    #[error("{} is not usable: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}

/// Reads a feature's `meta.json`.
///
/// # Errors
/// When it is missing, unreadable, or not what it should be.
pub(crate) fn read_meta(feature_dir: &Path) -> Result<Meta, MetaError> {
    read(&feature_dir.join("meta.json"))
}

/// Reads the record of the worktree called `name`; `None` when there is none.
///
/// # Errors
/// When there is one and it cannot be read.
pub(crate) fn read_workspace(root: &Path, name: &str) -> Result<Option<Workspace>, MetaError> {
    match read(&Workspace::path(root, name)) {
        Err(MetaError::Missing { .. }) => Ok(None),
        other => other.map(Some),
    }
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, MetaError> {
    let text = match read_text(path, MAX_BYTES) {
        Ok(text) => text,
        Err(FileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            let path = path.to_owned();
            return Err(MetaError::Missing { path });
        }
        Err(error) => return Err(MetaError::File(error)),
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    serde_json::from_str(text).map_err(|source| MetaError::Json {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn unknown_fields_are_no_matter_and_wrong_types_are() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("meta.json");
        assert!(matches!(
            read_meta(dir.path()),
            Err(MetaError::Missing { .. })
        ));
        fs::write(&path, "\u{feff}{\"target_branch\":\"2.x\",\"x\":[1]}").unwrap();
        let meta = read_meta(dir.path()).unwrap();
        assert_eq!(meta.target_branch.as_deref(), Some("2.x"));
        assert!(meta.is_software());
        for bad in ["", "[]", "{\"target_branch\":7}", "{"] {
            fs::write(&path, bad).unwrap();
            assert!(
                matches!(read_meta(dir.path()), Err(MetaError::Json { .. })),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_missing_workspace_record_is_not_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read_workspace(dir.path(), "028-x-WP01").unwrap(), None);
    }
}
