//! How far an orchestration has come: written whenever that changes, so that it
//! can be gone on with after any interruption.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use ulid::Ulid;

use super::error::OrchestrateError;
use crate::event::EventId;
use crate::workflow::file::{FileError, put, read_text};
use crate::workflow::work_package::WpId;

const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// What a run is doing.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RunStatus {
    /// It runs, or was killed.
    Running,
    /// It was stopped and can go on.
    Paused,
    /// Everything is done or skipped.
    Completed,
    /// Some work package failed.
    Failed,
}

impl RunStatus {
    /// The word for it.
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

/// What a work package waits for or went through.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WpStatus {
    /// For its dependencies, or for its turn.
    #[default]
    Pending,
    /// An agent builds it.
    Implementation,
    /// Built, and to be reviewed.
    Built,
    /// An agent reviews it.
    Review,
    /// Sent back, and to be built again.
    Rework,
    /// Done.
    Completed,
    /// Nobody could do it.
    Failed,
    /// Left out by a person.
    Skipped,
}

impl WpStatus {
    /// The word for it.
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Implementation => "implementation",
            Self::Built => "built",
            Self::Review => "review",
            Self::Rework => "rework",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }

    /// Whether those that wait for it may begin.
    pub(super) fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Skipped)
    }
}

/// One work package of a run.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub(crate) struct WpRun {
    /// How far it is.
    pub status: WpStatus,
    /// Who builds it.
    pub implementation_agent: Option<String>,
    /// How often building was tried before.
    pub implementation_retries: u32,
    /// Who reviews it.
    pub review_agent: Option<String>,
    /// How often reviewing was tried before.
    pub review_retries: u32,
    /// How often it was sent back.
    pub review_cycles: u32,
    /// What the reviewer said last.
    pub review_feedback: Option<String>,
    /// The log of the last agent, from the root.
    pub log_file: Option<String>,
    /// Where it is built, from the root.
    pub worktree_path: Option<String>,
    /// Why the last try failed.
    pub last_error: Option<String>,
    /// Agents that could not do it.
    pub fallback_agents_tried: Vec<String>,
    /// How often the present agent was tried for the present phase.
    pub tries: u32,
}

/// A run, with the field names of the original and our own.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct RunState {
    /// Its id.
    pub run_id: String,
    /// The feature.
    pub feature_slug: String,
    /// When it was begun.
    pub started_at: String,
    /// When it was completed.
    pub completed_at: Option<String>,
    /// How it stands.
    pub status: RunStatus,
    /// How many agents may run at once.
    pub concurrency_limit: usize,
    /// How many work packages there are.
    pub wps_total: usize,
    /// How many are done or skipped.
    pub wps_completed: usize,
    /// How many failed.
    pub wps_failed: usize,
    /// How many agents ran at once at most.
    pub parallel_peak: usize,
    /// How many agents were started.
    pub total_agent_invocations: u64,
    /// The process that runs it.
    pub pid: u32,
    /// The work packages by their ids.
    pub work_packages: BTreeMap<String, WpRun>,
    /// The id of the last event of each work package: the next one names it as
    /// its cause, also after an interruption.
    #[serde(default)]
    pub last_events: BTreeMap<String, String>,
}

impl RunState {
    /// The last event of a work package.
    pub(super) fn last_event(&self, wp: WpId) -> Option<Ulid> {
        let id = self.last_events.get(&wp.to_string())?;
        EventId::parse(id).ok()?.ulid()
    }

    /// The last event of all: ids of one home increase.
    pub(super) fn newest_event(&self) -> Option<Ulid> {
        let id = self.last_events.values().max()?;
        EventId::parse(id).ok()?.ulid()
    }

    /// What `event` leads to is caused by it. What was not recorded causes nothing.
    pub(super) fn follow(&mut self, wp: WpId, event: Option<Ulid>) {
        if let Some(event) = event {
            self.last_events.insert(wp.to_string(), event.to_string());
        }
    }

    fn file(root: &Path) -> PathBuf {
        root.join(".kittify/orchestration-state.json")
    }

    fn backup(root: &Path) -> PathBuf {
        root.join(".kittify/orchestration-state.json.bak")
    }

    /// The run of the project at `root`, if there is one.
    pub(super) fn read(root: &Path) -> Result<Option<Self>, OrchestrateError> {
        let path = Self::file(root);
        let text = match read_text(&path, MAX_BYTES) {
            Err(FileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            other => other?,
        };
        match serde_json::from_str(&text) {
            Ok(state) => Ok(Some(state)),
            Err(error) => Err(OrchestrateError::Config(format!(
                "orchestration-state.json cannot be read: {error}"
            ))),
        }
    }

    /// Writes it, and keeps the one before.
    pub(super) fn write(&mut self, root: &Path) -> Result<(), OrchestrateError> {
        let count = |wanted: fn(WpStatus) -> bool| {
            let statuses = self.work_packages.values().map(|wp| wp.status);
            statuses.filter(|status| wanted(*status)).count()
        };
        let (completed, failed) = (count(WpStatus::is_over), count(|s| s == WpStatus::Failed));
        self.wps_completed = completed;
        self.wps_failed = failed;
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        let _ = fs::copy(Self::file(root), Self::backup(root));
        Ok(put(&Self::file(root), &(text + "\n"))?)
    }

    pub(super) fn remove(root: &Path) {
        let _ = fs::remove_file(Self::file(root));
        let _ = fs::remove_file(Self::backup(root));
    }
}
