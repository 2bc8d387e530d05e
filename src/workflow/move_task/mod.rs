//! Moving a work package to another lane.
//!
//! The order is fixed: find the project and the feature, wait for the turn, read
//! the work package, ask the guards, write the file once, commit it. What is to
//! be emitted follows from what was done, and is drafted, not emitted, here. The
//! turn is kept until the attempt is finished, so that the events of one work
//! package are recorded in the order of its moves; what a killed run had begun is
//! completed first.
//!
//! There is no transition matrix: any lane may follow any other. A move to the
//! lane that the work package is already in changes nothing.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

mod checks;
mod edit;
mod error;
mod guards;
mod outcome;
mod request;
mod settle;
mod unfinished;

pub use edit::EditFailure;
pub use error::{Known, MoveError};
pub use guards::{Refusal, WorktreeFault};
pub use outcome::{Attempt, Committed, Moved, Note};
pub use request::{AutoCommit, BadOption, Guards, Raw, Request};
pub use unfinished::Change;
use unfinished::{Entry, Journal};

use super::feature::{self, Chosen, Feature, Hints};
use super::file;
use super::git::{Git, Head, Repository, is_unmerged};
use super::meta::{self, Meta};
use super::project::Project;
use super::turn::Turn;
use super::work_package::WorkPackage;

/// Where and when a command runs.
#[derive(Clone, Debug)]
pub struct Place {
    /// The working directory.
    pub cwd: PathBuf,
    /// `SPECIFY_REPO_ROOT`.
    pub root: Option<PathBuf>,
    /// `SPECIFY_FEATURE`.
    pub feature: Option<String>,
    /// The time that is written into files.
    pub now: Timestamp,
    /// How long things may take.
    pub patience: Patience,
}

/// How long a command waits for what others hold up.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the turn in this repository.
    pub turn: Duration,
    /// For one question to git.
    pub question: Duration,
    /// For one commit, with the user's hooks.
    pub commit: Duration,
    /// For a locked index.
    pub index: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            turn: Duration::from_secs(120),
            question: Duration::from_secs(30),
            commit: Duration::from_secs(120),
            index: Duration::from_secs(10),
        }
    }
}

/// Everything that is known before the work package is read.
struct Scene {
    project: Project,
    repository: Repository,
    head: Head,
    feature: Feature,
    meta: Meta,
}

impl Scene {
    fn git(&self, limit: Duration) -> Git<'_> {
        Git {
            dir: &self.project.root,
            limit,
        }
    }
}

/// Moves a work package as asked.
///
/// When the outcome is an error, nothing was changed. A failed commit is no
/// error: the move was made, and the outcome says that it is not committed.
#[must_use]
pub fn move_task(request: &Request, place: &Place) -> Attempt {
    let mut telling = Telling::default();
    let outcome = attempt(request, place, &mut telling);
    Attempt {
        outcome,
        notes: telling.notes,
        known: telling.known,
        earlier: telling.earlier,
        journal: telling.journal,
    }
}

/// What there is to tell whatever the outcome is.
#[derive(Default)]
struct Telling {
    notes: Vec<Note>,
    known: Known,
    earlier: Vec<Change>,
    journal: Option<Journal>,
}

fn attempt(request: &Request, place: &Place, telling: &mut Telling) -> Result<Moved, MoveError> {
    let scene = look_around(request, place, &mut telling.known)?;
    if scene.feature.chosen == Chosen::LatestIncomplete {
        let slug = scene.feature.slug.clone();
        telling.notes.push(Note::FeatureChosen(slug));
    }
    let common_dir = &scene.repository.common_dir;
    let turn = Turn::take(common_dir, place.patience.turn)?;
    let journal = telling.journal.insert(Journal::open(common_dir, turn));
    telling.earlier = journal.recover(&scene, place);
    let completed = telling.earlier.iter().cloned().map(Note::Completed);
    telling.notes.extend(completed);
    change(request, place, &scene, journal, &mut telling.notes)
}

/// The move itself. Until the file is replaced, every way out changes nothing.
fn change(
    request: &Request,
    place: &Place,
    scene: &Scene,
    journal: &mut Journal,
    notes: &mut Vec<Note>,
) -> Result<Moved, MoveError> {
    let tasks_dir = scene.feature.tasks_dir();
    file::sweep(&tasks_dir);
    let wp = WorkPackage::find(&tasks_dir, request.wp).map_err(MoveError::Wp)?;
    let path = scene.project.relative(&wp.path).to_owned();
    let git = scene.git(place.patience.question);
    if is_unmerged(&git, &path)? {
        return Err(MoveError::Unmerged { path });
    }
    let mut moved = Moved::new(&wp, request, scene);
    if !moved.changed() {
        return Ok(moved);
    }
    if request.guards == Guards::Asked {
        checks::ask(request, scene, &wp, &git, notes)?;
    }
    let written = settle::written(request, place, &git)?;
    let text = edit::edited(&wp.text, wp.lane, &written)?;
    journal
        .begin(Entry::new(request, scene, wp.lane, &text))
        .map_err(MoveError::Journal)?;
    file::replace(&wp.path, &wp.text, &text)?;
    moved.committed = settle::commit(request, place, scene, &path, &moved.change);
    notes.extend(checks::dependents(request, &tasks_dir));
    Ok(moved)
}

/// Finds out where we are, and whether a commit could be made here.
fn look_around(request: &Request, place: &Place, known: &mut Known) -> Result<Scene, MoveError> {
    let project = Project::locate(&place.cwd, place.root.as_deref())?;
    known.root = Some(project.root.clone());
    let git = Git {
        dir: &project.root,
        limit: place.patience.question,
    };
    let repository = Repository::find(&git).map_err(MoveError::NoRepository)?;
    let head = Head::of(&git)?;
    let hints = Hints {
        named: request.feature.as_deref(),
        environment: place.feature.as_deref(),
        branch: head.branch(),
    };
    let feature = feature::detect(&project, &place.cwd, hints)?;
    known.feature = Some(feature.slug.clone());
    let meta = meta::read_meta(&feature.dir)?;
    if request.commit == AutoCommit::On {
        if let Some(operation) = repository.operation() {
            return Err(MoveError::InProgress(operation));
        }
        if head == Head::Detached {
            return Err(MoveError::Detached);
        }
    }
    Ok(Scene {
        project,
        repository,
        head,
        feature,
        meta,
    })
}
