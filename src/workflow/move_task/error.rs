//! Why a move was not made, and what of it may go into an event.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::edit::EditFailure;
use super::guards::Refusal;
use super::request::{BadOption, Request};
use crate::event::{Draft, ErrorKind, ErrorLogged, Invalid, Payload};
use crate::workflow::feature::{FeatureError, Slug};
use crate::workflow::file::FileError;
use crate::workflow::git::{GitError, Operation};
use crate::workflow::lane::UnknownLane;
use crate::workflow::meta::MetaError;
use crate::workflow::project::NoProject;
use crate::workflow::turn::TurnError;
use crate::workflow::work_package::{InvalidWpId, WpError};

/// Why a move was not made. Nothing was changed.
#[derive(Debug, Error)]
pub enum MoveError {
    /// `--to` names no lane.
    #[error(transparent)]
    Lane(UnknownLane),
    /// The work package id is none.
    #[error(transparent)]
    WpId(InvalidWpId),
    /// An option has a value that cannot be written.
    #[error(transparent)]
    Option(#[from] BadOption),
    /// There is no project here.
    #[error(transparent)]
    Project(#[from] NoProject),
    /// The feature cannot be found or chosen.
    #[error(transparent)]
    Feature(#[from] FeatureError),
    /// The work package cannot be found or read.
    #[error(transparent)]
    Wp(WpError),
    /// `meta.json` or a workspace record cannot be read.
    #[error(transparent)]
    Meta(#[from] MetaError),
    /// The feedback file cannot be read.
    #[error("the review feedback cannot be used: {0}")]
    Feedback(#[source] FileError),
    /// The feedback file has no text.
    #[error("the review feedback cannot be used: {} is empty", path.display())]
    EmptyFeedback {
        /// The file.
        path: PathBuf,
    },
    /// The project is in no git repository, or git refuses to work in it.
    #[error("spec-kitty needs the git repository of this project: {0}")]
    NoRepository(#[source] GitError),
    /// HEAD is no branch.
    #[error("the main repository is not on a branch (detached HEAD), so nothing can be committed")]
    Detached,
    /// A merge or the like is not finished.
    #[error("the main repository is in the middle of a {}, so nothing can be committed", .0.command())]
    InProgress(Operation),
    /// The work package file is in conflict.
    #[error("{} is in conflict", path.display())]
    Unmerged {
        /// The file, from the root.
        path: PathBuf,
    },
    /// What is about to be done cannot be written down.
    #[error("cannot write in the git directory: {0}")]
    Journal(#[source] io::Error),
    /// Another command kept the turn, or it cannot be taken.
    #[error(transparent)]
    Turn(#[from] TurnError),
    /// A question to git failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A guard refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The file cannot be edited safely.
    #[error(transparent)]
    Edit(#[from] EditFailure),
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// What was found out before a move failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The root of the project.
    pub root: Option<PathBuf>,
    /// The feature.
    pub feature: Option<Slug>,
}

impl MoveError {
    /// Whether something given or found was not valid, or something failed.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoRepository(_)
            | Self::Turn(_)
            | Self::Journal(_)
            | Self::Git(_)
            | Self::File(_) => ErrorKind::Runtime,
            Self::Feature(FeatureError::Io(_)) | Self::Wp(WpError::File(FileError::Io { .. })) => {
                ErrorKind::Runtime
            }
            _ => ErrorKind::Validation,
        }
    }

    /// The message for an event: as for people, without paths that lead out of
    /// the project and without the words of other programs.
    fn message(&self) -> String {
        match self {
            Self::Feedback(_) => "the review feedback file cannot be read".into(),
            Self::EmptyFeedback { .. } => "the review feedback file is empty".into(),
            Self::NoRepository(_) => "the project is in no usable git repository".into(),
            Self::Turn(TurnError::Io { source, .. }) => {
                format!("cannot lock the repository: {}", source.kind())
            }
            Self::Git(GitError::Failed { what, .. } | GitError::Run { what, .. }) => {
                format!("git {what} failed")
            }
            other => other.to_string(),
        }
    }

    /// The event that tells of this failure of `request`, which is `None` when
    /// it could not be understood.
    ///
    /// # Errors
    /// When a value cannot be an event's.
    pub fn draft(&self, request: Option<&Request>, known: &Known) -> Result<Draft, Invalid> {
        let mut message = self.message();
        if let Some(root) = &known.root {
            message = message.replace(&*root.to_string_lossy(), ".");
        }
        let mut event = ErrorLogged::new(self.kind(), message);
        if let Some(request) = request {
            event = event.wp_id(request.wp.to_string());
            if let Some(agent) = &request.agent {
                event = event.agent_id(agent);
            }
        }
        if let Some(feature) = &known.feature {
            event = event.feature(feature.as_str());
        }
        event.into_draft()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::move_task::Raw;

    #[test]
    fn an_event_names_the_failure_and_no_private_path() {
        let request = Request::parse(Raw {
            wp: "WP01".into(),
            to: "doing".into(),
            agent: Some("claude".into()),
            ..Raw::default()
        })
        .unwrap();
        let known = Known {
            root: Some("/home/ada/secret".into()),
            feature: Slug::parse("028-x").ok(),
        };
        let file = |path: &str| FileError::Io {
            action: "read",
            path: path.into(),
            source: io::ErrorKind::PermissionDenied.into(),
        };
        let payload = |error: MoveError| {
            let draft = error.draft(Some(&request), &known).unwrap();
            draft.payload().to_owned()
        };
        let inside = payload(MoveError::File(file("/home/ada/secret/kitty-specs/a.md")));
        assert_eq!(
            inside,
            "{\"wp_id\":\"WP01\",\"error_type\":\"runtime\",\"error_message\":\"cannot read \
             ./kitty-specs/a.md: permission denied\",\"agent_id\":\"claude\",\
             \"feature_slug\":\"028-x\"}"
        );
        let outside = payload(MoveError::Feedback(file("/home/ada/notes.md")));
        assert!(!outside.contains("ada"), "{outside}");
        let git = payload(MoveError::Git(GitError::Failed {
            what: "status".into(),
            code: Some(128),
            stderr: "fatal: /home/ada/x".into(),
        }));
        assert!(!git.contains("ada"), "{git}");
    }
}
