//! What a move did.

use std::fmt;
use std::path::PathBuf;

use super::request::Request;
use super::{Scene, settle};
use crate::event::{Draft, Invalid, Lane, Payload, WpStatusChanged};
use crate::workflow::feature::Slug;
use crate::workflow::git::CommitFailure;
use crate::workflow::turn::Turn;
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

/// Something worth telling about a move that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The feature was chosen among several.
    FeatureChosen(Slug),
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
    /// The work package.
    pub wp: WpId,
    /// The lane it was in.
    pub old: Lane,
    /// The lane it is in.
    pub new: Lane,
    /// The file.
    pub path: PathBuf,
    /// The feature.
    pub feature: Slug,
    /// Whether the change was committed.
    pub committed: Committed,
    /// What else there is to tell.
    pub notes: Vec<Note>,
    changed_by: Option<String>,
    root: PathBuf,
    message: String,
    /// Others wait until the events of this move are recorded.
    _turn: Turn,
}

impl Moved {
    pub(super) fn new(
        wp: &WorkPackage,
        request: &Request,
        scene: &Scene,
        notes: Vec<Note>,
        turn: Turn,
    ) -> Self {
        Self {
            wp: wp.id,
            old: wp.lane,
            new: request.to,
            path: wp.path.clone(),
            feature: scene.feature.slug.clone(),
            committed: Committed::NoChange,
            notes,
            changed_by: request.agent.clone(),
            root: scene.project.root.clone(),
            message: settle::message(request, &scene.feature.slug),
            _turn: turn,
        }
    }

    /// Whether the work package changed its lane.
    #[must_use]
    pub fn changed(&self) -> bool {
        self.old != self.new
    }

    /// The command, for a POSIX shell, that commits the file and nothing else.
    #[must_use]
    pub fn commit_command(&self) -> String {
        let path = self.path.strip_prefix(&self.root).unwrap_or(&self.path);
        format!(
            "git -C {} commit --only -m {} -- {}",
            quoted(&self.root.to_string_lossy()),
            quoted(&self.message),
            quoted(&path.to_string_lossy())
        )
    }

    /// The event that tells of this move; `None` when nothing changed.
    ///
    /// # Errors
    /// When a value cannot be an event's.
    pub fn draft(&self) -> Result<Option<Draft>, Invalid> {
        if !self.changed() {
            return Ok(None);
        }
        let mut event = WpStatusChanged::new(self.wp.to_string(), self.old, self.new)
            .feature(self.feature.as_str());
        if let Some(agent) = &self.changed_by {
            event = event.changed_by(agent);
        }
        event.into_draft().map(Some)
    }
}

/// `text` as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
