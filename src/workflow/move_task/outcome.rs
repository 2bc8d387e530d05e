//! What a move did.

use std::fmt;
use std::path::PathBuf;

use super::error::{Known, MoveError};
use super::request::Request;
use super::unfinished::{Change, Journal};
use super::{Scene, settle};
use crate::event::{Draft, Invalid};
use crate::workflow::feature::Slug;
use crate::workflow::git::CommitFailure;
use crate::workflow::work_package::{WorkPackage, WpId};

/// Whether the change was committed.
#[derive(Debug)]
pub enum Committed {
    /// It was; the abbreviated id when git told it.
    Yes(Option<String>),
    /// There was nothing to commit.
    NoChange,
    /// It was not asked for.
    NotAsked,
    /// Git ignores the file.
    Ignored,
    /// The main repository is on another branch than the feature's.
    OtherBranch {
        /// The branch that the feature's status belongs to.
        target: String,
        /// The branch that is checked out.
        current: String,
    },
    /// Git or a hook refused.
    Failed(CommitFailure),
}

/// Something worth telling beside the outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The feature was chosen among several.
    FeatureChosen(Slug),
    /// A move that a killed run had made was completed.
    Completed(Change),
    /// These work packages build on the one that goes to review.
    Dependents(WpId, Vec<WpId>),
    /// The branch that the workspace was made from is gone; it was compared with another.
    BaseGone {
        /// The recorded base.
        base: String,
        /// The branch it was compared with.
        target: String,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FeatureChosen(slug) => {
                write!(
                    f,
                    "no feature was named; took the latest incomplete one, {slug}"
                )
            }
            Self::Completed(Change { wp, old, new, .. }) => write!(
                f,
                "completed an interrupted run, which had moved {wp} from {old} to {new}"
            ),
            Self::Dependents(id, others) => {
                let verb = if others.len() == 1 {
                    "depends"
                } else {
                    "depend"
                };
                let others: Vec<String> = others.iter().map(WpId::to_string).collect();
                write!(
                    f,
                    "{} {verb} on {id}; changes that its review asks for mean a rebase there",
                    others.join(", ")
                )
            }
            Self::BaseGone { base, target } => write!(
                f,
                "the base branch '{base}' of the workspace is gone; compared with '{target}'"
            ),
        }
    }
}

/// A move that was made, or was not needed.
#[derive(Debug)]
pub struct Moved {
    /// What was moved, from where to where.
    pub change: Change,
    /// The file.
    pub path: PathBuf,
    /// Whether the change was committed.
    pub committed: Committed,
    root: PathBuf,
}

impl Moved {
    pub(super) fn new(wp: &WorkPackage, request: &Request, scene: &Scene) -> Self {
        Self {
            change: Change {
                wp: wp.id,
                feature: scene.feature.slug.clone(),
                old: wp.lane,
                new: request.to,
                by: request.agent.clone(),
            },
            path: wp.path.clone(),
            committed: Committed::NoChange,
            root: scene.project.root.clone(),
        }
    }

    /// Whether the work package changed its lane.
    #[must_use]
    pub fn changed(&self) -> bool {
        self.change.old != self.change.new
    }

    /// The command, for a POSIX shell, that commits the file and nothing else.
    #[must_use]
    pub fn commit_command(&self) -> String {
        let path = self.path.strip_prefix(&self.root).unwrap_or(&self.path);
        format!(
            "git -C {} commit --only -m {} -- {}",
            quoted(&self.root.to_string_lossy()),
            quoted(&settle::message(&self.change)),
            quoted(&path.to_string_lossy())
        )
    }
}

/// What came of one call.
#[derive(Debug)]
pub struct Attempt {
    /// The move, or why nothing was changed.
    pub outcome: Result<Moved, MoveError>,
    /// What else there is to tell.
    pub notes: Vec<Note>,
    pub(super) known: Known,
    /// Moves that a killed run had made and not told.
    pub(super) earlier: Vec<Change>,
    /// Others wait until the events are recorded; they are then recorded in order.
    pub(super) journal: Option<Journal>,
}

impl Attempt {
    /// The events that tell of it, in order: what a killed run did not tell, then
    /// the move that was made, or the failure. None when nothing happened.
    #[must_use]
    pub fn drafts(&self, request: &Request) -> Vec<Result<Draft, Invalid>> {
        let own = match &self.outcome {
            Ok(moved) => moved.changed().then(|| moved.change.draft()),
            Err(error) => Some(error.draft(Some(request), &self.known)),
        };
        self.earlier.iter().map(Change::draft).chain(own).collect()
    }

    /// To be called when the events are recorded, or cannot be. Without it, the
    /// next run hands them out again.
    pub fn finish(self) {
        if let Some(journal) = self.journal {
            journal.clear();
        }
    }
}

/// `text` as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
