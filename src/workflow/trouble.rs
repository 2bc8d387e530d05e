//! What can go wrong in any workflow command, and what of it may go into an event.
//!
//! Each command has an error type of its own; what all of them share is here.

use std::fmt;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::audience::{Audience, caused_by};
use super::edit::EditFailure;
use super::feature::FeatureError;
use super::file::FileError;
use super::git::{GitError, Operation};
use super::meta::MetaError;
use super::options::BadOption;
use super::project::NoProject;
use super::scene::Known;
use super::turn::TurnError;
use super::work_package::{InvalidWpId, WpError, WpId};
use crate::event::{Draft, ErrorKind, ErrorLogged, Invalid, Payload};

/// Why a command did nothing, for reasons that no single command owns.
#[derive(Debug, Error)]
pub(crate) enum Trouble {
    /// The work package id is none.
    #[error(transparent)]
    WpId(#[from] InvalidWpId),
    /// An option has a value that cannot be used.
    #[error(transparent)]
    Option(#[from] BadOption),
    /// There is no project here.
    #[error(transparent)]
    Project(#[from] NoProject),
    /// The feature cannot be found or chosen.
    #[error(transparent)]
    Feature(#[from] FeatureError),
    /// A work package cannot be found or read.
    #[error(transparent)]
    Wp(#[from] WpError),
    /// `meta.json` or a workspace record cannot be read.
    #[error(transparent)]
    Meta(#[from] MetaError),
    /// The project is in no git repository, or git refuses to work in it.
    #[error("spec-kitty needs the git repository of this project: {0}")]
    NoRepository(#[source] GitError),
    /// HEAD is no branch.
    #[error("the main repository is not on a branch (detached HEAD), so nothing can be committed")]
    Detached,
    /// A merge or the like is not finished.
    #[error("the main repository is in the middle of a {}, so nothing can be committed", .0.command())]
    InProgress(Operation),
    /// A file is in conflict.
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
    /// A file cannot be edited safely.
    #[error(transparent)]
    Edit(#[from] EditFailure),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// An error that can be told in an event.
pub(crate) trait Fault: fmt::Display {
    /// The one that it wraps, which then speaks for it.
    fn inner(&self) -> Option<&dyn Fault> {
        None
    }

    /// Whether something given or found was not valid, or something failed.
    fn kind(&self) -> ErrorKind {
        self.inner().map_or(ErrorKind::Validation, Fault::kind)
    }

    /// The message for an event: as for people, without paths that lead out of
    /// the project and without the words of other programs.
    fn told(&self) -> String {
        self.inner().map_or_else(|| self.to_string(), Fault::told)
    }
}

impl Fault for Trouble {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoRepository(_)
            | Self::Turn(_)
            | Self::Journal(_)
            | Self::Git(_)
            | Self::File(_)
            | Self::Feature(FeatureError::Io(_))
            | Self::Wp(WpError::File(FileError::Io { .. })) => ErrorKind::Runtime,
            _ => ErrorKind::Validation,
        }
    }

    fn told(&self) -> String {
        match self {
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
}

/// Whom a failure happened to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Concerned {
    /// The work package.
    pub wp: Option<WpId>,
    /// The agent.
    pub agent: Option<String>,
}

/// Records the failure of a command.
pub(crate) fn report(
    fault: &dyn Fault,
    whom: &Concerned,
    known: &Known,
    audience: &mut dyn Audience,
) {
    let drafts = vec![draft(fault, whom, known)];
    audience.record(caused_by(audience.cause(), drafts));
}

fn draft(fault: &dyn Fault, whom: &Concerned, known: &Known) -> Result<Draft, Invalid> {
    let mut message = fault.told();
    if let Some(root) = &known.root {
        message = message.replace(&*root.to_string_lossy(), ".");
    }
    let mut event = ErrorLogged::new(fault.kind(), message);
    if let Some(wp) = whom.wp {
        event = event.wp_id(wp.to_string());
    }
    if let Some(agent) = &whom.agent {
        event = event.agent_id(agent);
    }
    if let Some(feature) = &known.feature {
        event = event.feature(feature.as_str());
    }
    event.into_draft()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::feature::Slug;

    #[test]
    fn an_event_names_the_failure_and_no_private_path() {
        let whom = Concerned {
            wp: "WP01".parse().ok(),
            agent: Some("claude".into()),
        };
        let known = Known {
            root: Some("/home/ada/secret".into()),
            feature: Slug::parse("028-x").ok(),
        };
        let payload = |fault: &dyn Fault| draft(fault, &whom, &known).unwrap().payload().to_owned();
        let inside = payload(&Trouble::File(FileError::Io {
            action: "read",
            path: "/home/ada/secret/kitty-specs/a.md".into(),
            source: io::ErrorKind::PermissionDenied.into(),
        }));
        assert_eq!(
            inside,
            "{\"wp_id\":\"WP01\",\"error_type\":\"runtime\",\"error_message\":\"cannot read \
             ./kitty-specs/a.md: permission denied\",\"agent_id\":\"claude\",\
             \"feature_slug\":\"028-x\"}"
        );
        let git = payload(&Trouble::Git(GitError::Failed {
            what: "status".into(),
            code: Some(128),
            stderr: "fatal: /home/ada/x".into(),
        }));
        assert!(!git.contains("ada"), "{git}");
    }
}
