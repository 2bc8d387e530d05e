//! Where a command runs: the project, its repository, the feature.
//!
//! Looking around changes nothing. Whether a commit could be made here is found
//! out before anything is written.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use super::feature::{self, Feature, Hints, Slug};
use super::git::{Git, Head, Repository};
use super::meta::{self, Meta};
use super::options::AutoCommit;
use super::project::Project;
use super::trouble::Trouble;

/// Where and when a command runs.
#[derive(Clone, Debug)]
pub(crate) struct Place {
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

impl Place {
    /// The time as activity lines have it: `2026-02-04T11:41:17Z`.
    #[must_use]
    pub(crate) fn second(&self) -> String {
        self.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }
}

/// How long a command waits for what others hold up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
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

/// What was found out before a command failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// The root of the project.
    pub root: Option<PathBuf>,
    /// The feature.
    pub feature: Option<Slug>,
}

/// Everything that is known before a work package is read.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) project: Project,
    pub(super) repository: Repository,
    pub(super) head: Head,
    pub(super) feature: Feature,
    pub(super) meta: Meta,
}

impl Scene {
    pub(super) fn git(&self, limit: Duration) -> Git<'_> {
        Git {
            dir: &self.project.root,
            limit,
        }
    }

    /// The feature's target branch, when it is not the one that is checked out.
    pub(super) fn other_branch(&self) -> Option<String> {
        let target = self.meta.target()?;
        (Some(target) != self.head.branch()).then(|| target.to_owned())
    }

    /// The name of the branch, the worktree and the record of a work package.
    pub(super) fn workspace(&self, wp: super::work_package::WpId) -> String {
        format!("{}-{wp}", self.feature.slug)
    }
}

/// Finds out where we are, and whether a commit could be made here.
pub(super) fn look_around(
    feature: Option<&str>,
    commit: AutoCommit,
    place: &Place,
    known: &mut Known,
) -> Result<Scene, Trouble> {
    let project = Project::locate(&place.cwd, place.root.as_deref())?;
    known.root = Some(project.root.clone());
    let git = Git {
        dir: &project.root,
        limit: place.patience.question,
    };
    let repository = Repository::find(&git).map_err(Trouble::NoRepository)?;
    let head = Head::of(&git)?;
    let hints = Hints {
        named: feature,
        environment: place.feature.as_deref(),
        branch: head.branch(),
    };
    let feature = feature::detect(&project, &place.cwd, hints)?;
    known.feature = Some(feature.slug.clone());
    let meta = meta::read_meta(&feature.dir)?;
    if commit == AutoCommit::On {
        if let Some(operation) = repository.operation() {
            return Err(Trouble::InProgress(operation));
        }
        if head == Head::Detached {
            return Err(Trouble::Detached);
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
