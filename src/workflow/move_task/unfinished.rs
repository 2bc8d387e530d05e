//! What a killed command had begun: written down before the change, struck out
//! after its event is recorded.
//!
//! A command can be killed while a slow hook runs, after the file is changed and
//! before anybody is told. Its next run finds the entry here, commits what was
//! to be committed, and hands out the event. The file lies beside the lock, and
//! whoever reads or writes it has the turn.
//!
//! An event may be told twice when the kill comes between recording it and
//! striking the entry out; it is never lost. A file that cannot be read as
//! entries is treated as empty.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::request::{AutoCommit, Request};
use super::settle;
use super::{Place, Scene};
use crate::event::{Draft, Invalid, Lane, Payload, WpStatusChanged};
use crate::workflow::feature::Slug;
use crate::workflow::file::read_text;
use crate::workflow::git::{Git, changes, commit_file};
use crate::workflow::turn::Turn;
use crate::workflow::work_package::{WorkPackage, WpId};

const MAX_BYTES: u64 = 256 * 1024;

/// A move that was begun.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Entry {
    wp: String,
    feature: String,
    old: String,
    new: String,
    by: Option<String>,
    /// The branch that the file was to be committed on; none when it was not.
    branch: Option<String>,
    /// SHA-256 of the new file, in hex.
    digest: String,
    /// Whether the file is known to have been changed.
    made: bool,
}

/// A move that was made, by this run or by one that was killed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The work package.
    pub wp: WpId,
    /// The feature.
    pub feature: Slug,
    /// The lane it was in.
    pub old: Lane,
    /// The lane it was moved to.
    pub new: Lane,
    /// The agent who moved it.
    pub by: Option<String>,
}

impl Change {
    /// The event that tells of it.
    ///
    /// # Errors
    /// When a value cannot be an event's.
    pub fn draft(&self) -> Result<Draft, Invalid> {
        let mut event = WpStatusChanged::new(self.wp.to_string(), self.old, self.new)
            .feature(self.feature.as_str());
        if let Some(agent) = &self.by {
            event = event.changed_by(agent);
        }
        event.into_draft()
    }
}

impl Entry {
    pub(super) fn new(request: &Request, scene: &Scene, old: Lane, text: &str) -> Self {
        let commits = request.commit == AutoCommit::On && settle::other_branch(scene).is_none();
        Self {
            wp: request.wp.to_string(),
            feature: scene.feature.slug.to_string(),
            old: old.as_str().to_owned(),
            new: request.to.as_str().to_owned(),
            by: request.agent.clone(),
            branch: scene.head.branch().filter(|_| commits).map(str::to_owned),
            digest: digest(text),
            made: false,
        }
    }

    /// The move it tells of; `None` when it is not one.
    fn change(&self) -> Option<Change> {
        Some(Change {
            wp: self.wp.parse().ok()?,
            feature: Slug::parse(&self.feature).ok()?,
            old: self.old.parse().ok()?,
            new: self.new.parse().ok()?,
            by: self.by.clone(),
        })
    }
}

fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The entries, and the turn that goes with them.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    entries: Vec<Entry>,
    _turn: Turn,
}

impl Journal {
    /// The journal of the repository whose shared git directory is `common_dir`.
    pub(super) fn open(common_dir: &Path, turn: Turn) -> Self {
        let path = common_dir.join("spec-kitty/unfinished.json");
        let entries = read_text(&path, MAX_BYTES)
            .ok()
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default();
        Self {
            path,
            entries,
            _turn: turn,
        }
    }

    /// Completes what a killed run had begun, and returns the moves that were
    /// made and not told, in order.
    pub(super) fn recover(&mut self, scene: &Scene, place: &Place) -> Vec<Change> {
        let mut made = Vec::new();
        for mut entry in std::mem::take(&mut self.entries) {
            let Some(change) = entry.change() else {
                continue;
            };
            if !entry.made && !complete(&entry, &change, scene, place) {
                continue;
            }
            entry.made = true;
            self.entries.push(entry);
            made.push(change);
        }
        made
    }

    /// Writes down a move that is about to be made.
    pub(super) fn begin(&mut self, entry: Entry) -> io::Result<()> {
        self.entries.push(entry);
        let text = serde_json::to_vec(&self.entries)?;
        let dir = self.path.parent().unwrap_or(Path::new("."));
        let mut temp = tempfile::NamedTempFile::new_in(dir)?;
        temp.write_all(&text)?;
        temp.persist(&self.path)?;
        Ok(())
    }

    /// Strikes everything out: all events are recorded, or cannot be.
    pub(super) fn clear(self) {
        // Left behind, it tells one event twice; that is no reason to fail.
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether the move was made; if so, commits its file where that is still due.
fn complete(entry: &Entry, change: &Change, scene: &Scene, place: &Place) -> bool {
    let tasks = scene
        .project
        .specs_dir()
        .join(change.feature.as_str())
        .join("tasks");
    let Ok(wp) = WorkPackage::find(&tasks, change.wp) else {
        return false;
    };
    if wp.lane != change.new {
        return false;
    }
    let due = entry.branch.is_some() && entry.branch.as_deref() == scene.head.branch();
    if due && digest(&wp.text) == entry.digest && scene.repository.operation().is_none() {
        let path = scene.project.relative(&wp.path);
        let git = scene.git(place.patience.commit);
        if is_changed(&git, path) {
            let message = settle::message(change);
            let patience = place.patience.index;
            // A commit that fails again is shown by git status; the move stands.
            let _ = commit_file(&git, &scene.repository, path, &message, patience);
        }
    }
    true
}

fn is_changed(git: &Git<'_>, path: &Path) -> bool {
    changes(git, Some(path)).is_ok_and(|changes| !changes.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn entry(new: &str) -> Entry {
        Entry {
            wp: "WP01".into(),
            feature: "028-x".into(),
            old: "planned".into(),
            new: new.into(),
            by: Some("claude".into()),
            branch: None,
            digest: digest(""),
            made: false,
        }
    }

    fn open(dir: &Path) -> Journal {
        Journal::open(dir, Turn::take(dir, Duration::from_secs(60)).unwrap())
    }

    #[test]
    fn entries_stay_until_they_are_struck_out() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = open(dir.path());
        journal.begin(entry("doing")).unwrap();
        journal.begin(entry("done")).unwrap();
        drop(journal);
        let journal = open(dir.path());
        assert_eq!(journal.entries, [entry("doing"), entry("done")]);
        journal.clear();
        assert_eq!(open(dir.path()).entries, []);
    }

    #[test]
    fn nonsense_is_no_entry() {
        let dir = tempfile::tempdir().unwrap();
        drop(open(dir.path()));
        for text in ["", "{", "[{\"wp\":1}]", "\u{0}"] {
            fs::write(dir.path().join("spec-kitty/unfinished.json"), text).unwrap();
            assert_eq!(open(dir.path()).entries, [], "{text}");
        }
        assert_eq!(entry("lunch").change(), None);
        let outside = Entry {
            feature: "028-x/../../..".into(),
            ..entry("done")
        };
        assert_eq!(outside.change(), None);
    }

    #[test]
    fn the_event_names_the_agent_and_the_feature() {
        let draft = entry("doing").change().unwrap().draft().unwrap();
        assert_eq!(
            draft.payload(),
            "{\"wp_id\":\"WP01\",\"previous_status\":\"planned\",\"new_status\":\"doing\",\
             \"changed_by\":\"claude\",\"feature_slug\":\"028-x\"}"
        );
    }
}
