//! What a killed command had begun: written down before the change, struck out
//! after its event is recorded.
//!
//! A command can be killed while a slow hook runs, after the file is changed and
//! before anybody is told. The next run finds the entry here, commits what was
//! to be committed, and hands out the events. The file lies beside the lock, and
//! whoever reads or writes it has the turn.
//!
//! An event may be told twice when the kill comes between recording it and
//! striking the entry out; it is never lost. A file that cannot be read as
//! entries is treated as empty.

use std::fs;
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::file::read_text;
use super::git::{Git, changes, commit_files};
use super::scene::{Place, Scene};
use super::text::MAX_FILE_BYTES;
use super::turn::Turn;
use super::work_package::{WorkPackage, WpId};
use crate::event::{Draft, EventId, Invalid, Lane};

const MAX_BYTES: u64 = 1024 * 1024;

/// A change that was begun.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Entry {
    /// In the past tense, for people: `moved WP01 from planned to doing`.
    pub(super) what: String,
    /// The files in the order of their replacement; the last one decides
    /// whether the change was made.
    pub(super) files: Vec<Written>,
    /// The message of the commit.
    pub(super) message: String,
    /// The branch that the files were to be committed on; none when they were not.
    pub(super) branch: Option<String>,
    /// What is to be told.
    pub(super) events: Vec<Told>,
    /// Whether the change is known to have been made.
    pub(super) made: bool,
}

/// A file that is replaced.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Written {
    /// From the root of the project.
    path: String,
    /// SHA-256 of the old and of the new text, in hex.
    old: String,
    new: String,
    /// The lane that it is in afterwards, where that is what changes.
    lane: Option<(String, String)>,
}

impl Written {
    pub(super) fn new(path: &Path, old: &str, new: &str, lane: Option<(WpId, Lane)>) -> Self {
        Self {
            path: path.to_string_lossy().into_owned(),
            old: digest(old),
            new: digest(new),
            lane: lane.map(|(wp, lane)| (wp.to_string(), lane.as_str().to_owned())),
        }
    }

    /// The file, when its path is one that a command could have written.
    fn file(&self, root: &Path) -> Option<PathBuf> {
        let path = Path::new(&self.path);
        let mut parts = path.components();
        let inside = parts
            .clone()
            .all(|part| matches!(part, Component::Normal(_)));
        let ours = parts.next() == Some(Component::Normal("kitty-specs".as_ref()));
        (inside && ours).then(|| root.join(path))
    }

    /// Whether the change shows in the file, whatever else was done to it since.
    fn shows(&self, root: &Path) -> bool {
        let Some(file) = self.file(root) else {
            return false;
        };
        match &self.lane {
            Some((wp, lane)) => wp.parse().is_ok_and(|wp| {
                WorkPackage::read(wp, &file).is_ok_and(|found| found.lane.as_str() == lane)
            }),
            None => read_text(&file, MAX_FILE_BYTES).is_ok_and(|text| digest(&text) != self.old),
        }
    }

    fn is_as_written(&self, root: &Path) -> bool {
        self.file(root)
            .and_then(|file| read_text(&file, MAX_FILE_BYTES).ok())
            .is_some_and(|text| digest(&text) == self.new)
    }
}

/// An event as it is kept until it is recorded.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Told {
    event_type: String,
    payload: String,
    cause: Option<String>,
}

impl Told {
    pub(super) fn of(draft: &Draft) -> Self {
        Self {
            event_type: draft.event_type().as_str().to_owned(),
            payload: draft.payload().to_owned(),
            cause: draft.causation_id().map(|id| id.to_string()),
        }
    }

    fn draft(&self) -> Result<Draft, Invalid> {
        let cause = self.cause.as_deref().and_then(|id| EventId::parse(id).ok());
        Draft::from_json(&self.event_type, &self.payload, cause)
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

    /// Completes what a killed run had begun. Returns what was made and not
    /// told, in order: words for people, and the events.
    pub(super) fn recover(
        &mut self,
        scene: &Scene,
        place: &Place,
    ) -> Vec<(String, Vec<Result<Draft, Invalid>>)> {
        let mut made = Vec::new();
        for mut entry in std::mem::take(&mut self.entries) {
            if !entry.made && !complete(&entry, scene, place) {
                continue;
            }
            entry.made = true;
            let drafts = entry.events.iter().map(Told::draft).collect();
            made.push((entry.what.clone(), drafts));
            self.entries.push(entry);
        }
        made
    }

    /// Writes down a change that is about to be made.
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
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        // Left behind, it tells one event twice; that is no reason to fail.
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether the change was made; if so, commits its files where that is still due.
fn complete(entry: &Entry, scene: &Scene, place: &Place) -> bool {
    let root = &scene.project.root;
    if !entry.files.last().is_some_and(|file| file.shows(root)) {
        return false;
    }
    let due = entry.branch.is_some() && entry.branch.as_deref() == scene.head.branch();
    if due && scene.repository.operation().is_none() {
        let git = scene.git(place.patience.commit);
        let paths: Vec<&Path> = entry
            .files
            .iter()
            .filter(|file| file.is_as_written(root))
            .map(|file| Path::new(&file.path))
            .filter(|path| is_changed(&git, path))
            .collect();
        if !paths.is_empty() {
            let patience = place.patience.index;
            // A commit that fails again is shown by git status; the change stands.
            let _ = commit_files(&git, &scene.repository, &paths, &entry.message, patience);
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

    fn entry(path: &str) -> Entry {
        Entry {
            what: "moved".into(),
            files: vec![Written::new(Path::new(path), "a", "b", None)],
            message: "m".into(),
            branch: None,
            events: Vec::new(),
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
        journal.begin(entry("kitty-specs/a")).unwrap();
        journal.begin(entry("kitty-specs/b")).unwrap();
        drop(journal);
        let mut journal = open(dir.path());
        assert_eq!(
            journal.entries,
            [entry("kitty-specs/a"), entry("kitty-specs/b")]
        );
        journal.clear();
        drop(journal);
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
    }

    #[test]
    fn only_files_of_features_are_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("kitty-specs")).unwrap();
        fs::write(dir.path().join("kitty-specs/a"), "new").unwrap();
        fs::write(dir.path().join("b"), "new").unwrap();
        let shows = |path: &str| entry(path).files[0].shows(dir.path());
        assert!(shows("kitty-specs/a"));
        for path in [
            "b",
            "kitty-specs/../b",
            "/kitty-specs/a",
            "kitty-specs/none",
            "",
        ] {
            assert!(!shows(path), "{path}");
        }
    }
}
