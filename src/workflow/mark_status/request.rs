//! What is asked for, checked before anything is looked at.

use thiserror::Error;

use crate::event::Lane;
use crate::workflow::feature::Slug;
use crate::workflow::lane;
use crate::workflow::move_task::{Guards, MoveError, Request};
use crate::workflow::options::{AutoCommit, BadOption, name};
use crate::workflow::tasks_md::is_subtask_id;
use crate::workflow::tick::Mark;
use crate::workflow::trouble::{Fault, Trouble};
use crate::workflow::work_package::WpId;

/// The arguments of the command as they were given.
#[derive(Clone, Debug, Default)]
pub(crate) struct RawMark {
    /// Subtasks and work packages.
    pub ids: Vec<String>,
    /// `--status`
    pub status: String,
    /// `--feature`
    pub feature: Option<String>,
    /// `--agent`
    pub agent: Option<String>,
    /// `--no-auto-commit`
    pub no_auto_commit: bool,
}

/// Marks that can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MarkRequest {
    /// The subtasks, each once, in the order given.
    pub subtasks: Vec<String>,
    /// The work packages, likewise.
    pub work_packages: Vec<WpId>,
    /// What the boxes are to say.
    pub mark: Mark,
    /// The lane for work packages.
    pub to: Lane,
    /// The feature, unchecked.
    pub feature: Option<String>,
    /// Who marks.
    pub agent: Option<String>,
    /// Whether the changes are committed.
    pub commit: AutoCommit,
}

/// What has a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marked {
    /// A line of tasks.md with a box.
    Subtask,
    /// A work package, whose status is its lane.
    WorkPackage,
}

impl Marked {
    /// The words that it can have.
    pub(crate) const fn words(self) -> &'static [&'static str] {
        match self {
            Self::Subtask => &["done", "pending"],
            Self::WorkPackage => Lane::WORDS,
        }
    }
}

impl std::fmt::Display for Marked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Subtask => "a subtask",
            Self::WorkPackage => "a work package",
        })
    }
}

/// Why something was not marked.
#[derive(Debug, Error)]
pub(crate) enum MarkError {
    /// Neither a subtask nor a work package.
    #[error("'{given}' is neither a subtask (T001) nor a work package (WP01)")]
    Id {
        /// What was given, cut to 40 characters.
        given: String,
    },
    /// A status that one of the things cannot have.
    #[error("'{given}' is no status of {what}")]
    Status {
        /// What was given, cut to 40 characters.
        given: String,
        /// Whose.
        what: Marked,
    },
    /// The feature has no tasks.md.
    #[error("the feature {slug} has no tasks.md")]
    NoTasks {
        /// The feature.
        slug: Slug,
    },
    /// None of the subtasks has a box.
    #[error("tasks.md has no box for {}", ids.join(", "))]
    NoneFound {
        /// The ids.
        ids: Vec<String>,
    },
    /// A work package did not move.
    #[error("{source}")]
    Move {
        /// Why.
        source: Box<MoveError>,
        /// The move.
        request: Box<Request>,
    },
    /// What can go wrong in any command.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

impl MarkError {
    /// The work package that it happened to.
    #[must_use]
    pub(crate) fn work_package(&self) -> Option<WpId> {
        match self {
            Self::Move { request, .. } => Some(request.wp),
            _ => None,
        }
    }
}

impl From<BadOption> for MarkError {
    fn from(error: BadOption) -> Self {
        Self::Trouble(error.into())
    }
}

impl Fault for MarkError {
    fn inner(&self) -> Option<&dyn Fault> {
        match self {
            Self::Trouble(trouble) => Some(trouble),
            Self::Move { source, .. } => Some(source.as_ref()),
            _ => None,
        }
    }
}

impl MarkRequest {
    /// Checks the arguments.
    ///
    /// # Errors
    /// When an id is none, or the status is not one that all of the ids can have.
    pub(crate) fn parse(raw: RawMark) -> Result<Self, MarkError> {
        let (mut subtasks, mut work_packages) = (Vec::new(), Vec::new());
        for id in &raw.ids {
            let id = id.trim();
            match id.parse::<WpId>() {
                Ok(wp) if !work_packages.contains(&wp) => work_packages.push(wp),
                Ok(_) => {}
                Err(_) if !is_subtask_id(id) => {
                    let given = id.chars().take(40).collect();
                    return Err(MarkError::Id { given });
                }
                Err(_) if !subtasks.iter().any(|other| other == id) => subtasks.push(id.to_owned()),
                Err(_) => {}
            }
        }
        let status = raw.status.trim().to_ascii_lowercase();
        let given = || raw.status.trim().chars().take(40).collect();
        let mark = match status.as_str() {
            "done" => Mark::Ticked,
            "pending" => Mark::Open,
            _ if subtasks.is_empty() => Mark::Open,
            _ => {
                let (given, what) = (given(), Marked::Subtask);
                return Err(MarkError::Status { given, what });
            }
        };
        let to = match status.as_str() {
            "pending" => Lane::Planned,
            word => match lane::parse(word) {
                Ok(lane) => lane,
                Err(_) => {
                    let (given, what) = (given(), Marked::WorkPackage);
                    return Err(MarkError::Status { given, what });
                }
            },
        };
        Ok(Self {
            subtasks,
            work_packages,
            mark,
            to,
            feature: raw.feature,
            agent: name("--agent", raw.agent)?,
            commit: AutoCommit::unless(raw.no_auto_commit),
        })
    }

    /// The same for one work package, as a move.
    pub(super) fn move_of(&self, wp: WpId) -> Request {
        Request {
            wp,
            to: self.to,
            feature: self.feature.clone(),
            agent: self.agent.clone(),
            assignee: None,
            shell_pid: None,
            note: None,
            feedback_file: None,
            reviewer: None,
            guards: Guards::Asked,
            commit: self.commit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(ids: &[&str], status: &str) -> Result<MarkRequest, MarkError> {
        MarkRequest::parse(RawMark {
            ids: ids.iter().map(|id| (*id).to_owned()).collect(),
            status: status.into(),
            ..RawMark::default()
        })
    }

    #[test]
    fn each_kind_of_id_has_its_statuses() {
        let both = parse(&["T001", "WP02", "T001", " WP02 "], " Done ").unwrap();
        assert_eq!(both.subtasks, ["T001"]);
        assert_eq!(both.work_packages, ["WP02".parse().unwrap()]);
        assert_eq!((both.mark, both.to), (Mark::Ticked, Lane::Done));
        assert_eq!(parse(&["WP02"], "pending").unwrap().to, Lane::Planned);
        assert_eq!(parse(&["WP02"], "for_review").unwrap().to, Lane::ForReview);
        for (ids, status) in [
            (&["T001"][..], "doing"),
            (&["WP01"], "blocked"),
            (&["T001", "WP01"], "for_review"),
            (&["T001"], ""),
        ] {
            assert!(matches!(parse(ids, status), Err(MarkError::Status { .. })));
        }
        for id in ["", "T1", "T00a", "../T001", "wp01", "WP001"] {
            assert!(
                matches!(parse(&[id], "done"), Err(MarkError::Id { .. })),
                "{id}"
            );
        }
    }
}
