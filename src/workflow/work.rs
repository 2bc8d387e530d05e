//! A command at work: it has the turn, and makes changes one after the other.
//!
//! Each change goes the same way: written down, files replaced, committed, told,
//! struck out. Nothing else in this room writes the files of a feature.

use std::path::{Path, PathBuf};

use super::audience::{Audience, caused_by};
use super::committed::{Settled, settle};
use super::feature::Chosen;
use super::file;
use super::git::{Git, is_unmerged};
use super::note::Note;
use super::options::AutoCommit;
use super::scene::{Known, Place, Scene, look_around};
use super::trouble::Trouble;
use super::turn::Turn;
use super::unfinished::{Entry, Journal, Told, Written};
use super::work_package::{WorkPackage, WpError, WpId};
use crate::event::{Draft, Invalid, Lane};

/// A command that has its turn.
pub(super) struct Work<'a> {
    pub(super) scene: Scene,
    pub(super) place: &'a Place,
    pub(super) audience: &'a mut dyn Audience,
    journal: Journal,
}

/// A file and its new text.
#[derive(Clone, Debug)]
pub(super) struct Edit {
    pub(super) path: PathBuf,
    pub(super) old: String,
    pub(super) new: String,
    /// The lane that it is in afterwards, where that is what changes.
    pub(super) lane: Option<(WpId, Lane)>,
}

/// One change: what is written, how it is committed, what is told.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// In the past tense, for people: `moved WP01 from planned to doing`.
    pub(super) what: String,
    /// In the order of their replacement; the last one decides whether the
    /// change was made.
    pub(super) edits: Vec<Edit>,
    /// Files that are committed with them as they are.
    pub(super) along: Vec<PathBuf>,
    pub(super) message: String,
    pub(super) commit: AutoCommit,
    pub(super) drafts: Vec<Result<Draft, Invalid>>,
}

impl<'a> Work<'a> {
    /// Looks around, waits for the turn, and completes what a killed run began.
    pub(super) fn begin(
        feature: Option<&str>,
        commit: AutoCommit,
        place: &'a Place,
        known: &mut Known,
        audience: &'a mut dyn Audience,
    ) -> Result<Self, Trouble> {
        let scene = look_around(feature, commit, place, known)?;
        if scene.feature.chosen == Chosen::LatestIncomplete {
            audience.note(&Note::FeatureChosen(scene.feature.slug.clone()));
        }
        let common_dir = &scene.repository.common_dir;
        let turn = Turn::take(common_dir, place.patience.turn)?;
        let mut journal = Journal::open(common_dir, turn);
        for (what, drafts) in journal.recover(&scene, place) {
            audience.note(&Note::Completed(what));
            audience.record(drafts);
        }
        journal.clear();
        file::sweep(&scene.feature.tasks_dir());
        file::sweep(&scene.feature.dir);
        Ok(Self {
            scene,
            place,
            audience,
            journal,
        })
    }

    /// Git, for questions.
    pub(super) fn git(&self) -> Git<'_> {
        self.scene.git(self.place.patience.question)
    }

    pub(super) fn note(&mut self, note: &Note) {
        self.audience.note(note);
    }

    /// `path` as git and people name it: from the root.
    pub(super) fn relative(&self, path: &Path) -> PathBuf {
        self.scene.project.relative(path).to_owned()
    }

    /// Finds a work package that is to be changed: one in the present layout, and
    /// not in conflict.
    pub(super) fn work_package(&self, id: WpId) -> Result<WorkPackage, Trouble> {
        let wp = WorkPackage::find(&self.scene.feature.tasks_dir(), id)?;
        if wp.is_legacy {
            let path = self.relative(&wp.path);
            return Err(WpError::Legacy { id, path }.into());
        }
        self.check_merged(&wp.path)?;
        Ok(wp)
    }

    /// Refuses a file that is in conflict.
    pub(super) fn check_merged(&self, path: &Path) -> Result<(), Trouble> {
        let path = self.relative(path);
        if is_unmerged(&self.git(), &path)? {
            return Err(Trouble::Unmerged { path });
        }
        Ok(())
    }

    /// Makes a change. A failed commit is no error: the change was made, and the
    /// answer says that it is not committed.
    ///
    /// # Errors
    /// When a file cannot be replaced. With several files, those before it are
    /// changed, and nothing was told.
    pub(super) fn apply(&mut self, mut change: Change) -> Result<Settled, Trouble> {
        let edited = change.edits.iter().map(|edit| &edit.path);
        let paths: Vec<PathBuf> = edited
            .chain(&change.along)
            .map(|path| self.relative(path))
            .collect();
        change.drafts = caused_by(self.audience.cause(), change.drafts);
        let entry = self.entry(&change, &paths);
        self.journal.begin(entry).map_err(Trouble::Journal)?;
        for edit in &change.edits {
            if let Err(error) = file::replace(&edit.path, &edit.old, &edit.new) {
                self.journal.clear();
                return Err(error.into());
            }
        }
        let settled = settle(
            self.place,
            &self.scene,
            change.commit,
            paths,
            change.message,
        );
        self.audience.record(change.drafts);
        self.journal.clear();
        Ok(settled)
    }

    fn entry(&self, change: &Change, paths: &[PathBuf]) -> Entry {
        let commits = change.commit == AutoCommit::On && self.scene.other_branch().is_none();
        let branch = self.scene.head.branch().filter(|_| commits);
        Entry {
            what: change.what.clone(),
            files: change
                .edits
                .iter()
                .zip(paths)
                .map(|(edit, path)| Written::new(path, &edit.old, &edit.new, edit.lane))
                .collect(),
            message: change.message.clone(),
            branch: branch.map(str::to_owned),
            events: change.drafts.iter().flatten().map(Told::of).collect(),
            made: false,
        }
    }
}
