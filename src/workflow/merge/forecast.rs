//! What merging would do, found out without touching anything that can be seen.

use super::error::MergeError;
use super::preflight::{Part, subject};
use super::status_file::is_status_file;
use crate::workflow::git::{Trial, commit_of, commit_tree, try_merge};
use crate::workflow::work::Work;
use crate::workflow::work_package::WpId;

/// What would come of one work package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    /// The work package.
    pub wp: WpId,
    /// Whether there is nothing to merge.
    pub is_held: bool,
    /// The files in conflict, and whether each would be resolved by itself,
    /// unless both sides changed more than status.
    pub conflicts: Vec<(String, bool)>,
}

/// Merges everything in the object store, one after the other, as `merge` would.
/// After a conflict, the next ones are tried without the one that conflicts.
pub(super) fn forecast(work: &Work<'_>, parts: &[Part]) -> Result<Vec<Expected>, MergeError> {
    let git = work.git();
    let slug = work.scene.feature.slug.as_str();
    let mut head = commit_of(&git, "HEAD")?.unwrap_or_default();
    let mut expected = Vec::new();
    for part in parts {
        let mut found = Expected {
            wp: part.wp,
            is_held: part.is_held,
            conflicts: Vec::new(),
        };
        if let (Some(commit), false) = (&part.commit, part.is_held) {
            match try_merge(&git, &head, commit)? {
                Trial::Clean(tree) => {
                    head = commit_tree(&git, &tree, &[&head, commit], &subject(part.wp, slug))?;
                }
                Trial::Conflicts(files) => {
                    found.conflicts = files
                        .into_iter()
                        .map(|file| {
                            let by_itself = is_status_file(&file);
                            (file, by_itself)
                        })
                        .collect();
                }
            }
        }
        expected.push(found);
    }
    Ok(expected)
}
