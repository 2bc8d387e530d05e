//! What acceptance looks at, and what it finds: pure over what was read.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::event::Lane;
use crate::workflow::activity;
use crate::workflow::markdown::{Fences, text_lines};
use crate::workflow::tasks_md::subtask;
use crate::workflow::work_package::WorkPackage;

/// How strictly the front matter is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// Agent, assignee and shell_pid must be there.
    Strict,
    /// `--lenient`: they may be missing.
    Lenient,
}

/// The state of a feature, with the field names of the original.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Summary {
    /// The feature.
    pub feature: String,
    /// The branch that is checked out; none when HEAD is detached.
    pub branch: Option<String>,
    /// The root of the project; the next four are paths likewise.
    pub repo_root: String,
    /// The directory of the feature.
    pub feature_dir: String,
    /// The directory of its work packages.
    pub tasks_dir: String,
    /// The root of the project.
    pub worktree_root: String,
    /// The root of the project.
    pub primary_repo_root: String,
    /// The work packages of each lane.
    pub lanes: BTreeMap<String, Vec<String>>,
    /// The work packages.
    pub work_packages: Vec<State>,
    /// What the front matter lacks.
    pub metadata_issues: Vec<String>,
    /// What the activity logs lack.
    pub activity_issues: Vec<String>,
    /// The open boxes of tasks.md.
    pub unchecked_tasks: Vec<String>,
    /// The files with an open question.
    pub needs_clarification: Vec<String>,
    /// The files that must be there and are not.
    pub missing_artifacts: Vec<String>,
    /// The files that may be there and are not.
    pub optional_missing: Vec<String>,
    /// What is not committed.
    pub git_dirty: Vec<String>,
    /// Always empty: paths of missions are not checked.
    pub path_violations: Vec<String>,
    /// What is worth knowing and hinders nothing.
    pub warnings: Vec<String>,
    /// Whether every work package is done, or will be by being accepted.
    pub all_done: bool,
    /// Whether the feature can be accepted.
    pub ok: bool,
    /// The checks that found something.
    pub outstanding_keys: Vec<&'static str>,
}

/// The state of a work package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct State {
    /// Its id.
    pub id: String,
    /// Its lane.
    pub lane: String,
    /// Its title.
    pub title: String,
    /// Its file, from the root.
    pub path: String,
    /// The lane of the last line of its log.
    pub latest_lane: Option<String>,
    /// Whether the log has a line for its lane.
    pub has_lane_entry: bool,
    /// What the front matter says.
    pub metadata: BTreeMap<&'static str, String>,
}

impl Summary {
    /// Looks at a work package; `path` is its file from the root.
    pub(super) fn look_at(&mut self, wp: &WorkPackage, path: String, strictness: Strictness) {
        let lane = wp.lane.as_str();
        let id = wp.id.to_string();
        let entries = activity::entries(&wp.text);
        let has_lane_entry = entries.iter().any(|entry| entry.lane == lane);
        let latest_lane = entries.last().map(|entry| entry.lane.clone());
        if entries.is_empty() {
            self.activity_issues
                .push(format!("{id}: Activity Log has no entry"));
        } else if !has_lane_entry {
            self.activity_issues
                .push(format!("{id}: Activity Log missing entry for lane={lane}"));
        } else if wp.lane == Lane::Done && latest_lane.as_deref() != Some("done") {
            self.activity_issues
                .push(format!("{id}: latest Activity Log entry not lane=done"));
        }
        let mut metadata = BTreeMap::new();
        for key in ["lane", "agent", "assignee", "shell_pid"] {
            let value = wp.data.text(key).unwrap_or_default();
            metadata.insert(key, value.to_owned());
            let is_needed = key != "assignee" || wp.lane != Lane::Planned;
            let is_missing = value.is_empty() && is_needed && !(key == "lane" && wp.is_legacy);
            if strictness == Strictness::Strict && is_missing {
                self.metadata_issues
                    .push(format!("{id}: missing {key} in frontmatter"));
            }
        }
        self.lanes
            .entry(lane.to_owned())
            .or_default()
            .push(id.clone());
        self.work_packages.push(State {
            id,
            lane: lane.to_owned(),
            title: wp.title(),
            path,
            latest_lane,
            has_lane_entry,
            metadata,
        });
    }

    /// Judges everything that was found.
    pub(super) fn judge(&mut self) {
        for lane in Lane::WORDS {
            self.lanes.entry((*lane).to_owned()).or_default();
        }
        let is_empty = |lane: &str| self.lanes.get(lane).is_none_or(Vec::is_empty);
        self.all_done = is_empty("planned") && is_empty("doing") && !self.work_packages.is_empty();
        let found = [
            ("not_done", !self.all_done),
            ("metadata", !self.metadata_issues.is_empty()),
            ("activity", !self.activity_issues.is_empty()),
            ("unchecked_tasks", !self.unchecked_tasks.is_empty()),
            ("needs_clarification", !self.needs_clarification.is_empty()),
            ("missing_artifacts", !self.missing_artifacts.is_empty()),
            ("git_dirty", !self.git_dirty.is_empty()),
        ];
        self.outstanding_keys = found
            .iter()
            .filter(|(_, found)| *found)
            .map(|(key, _)| *key)
            .collect();
        self.ok = self.outstanding_keys.is_empty();
    }
}

/// The lines of tasks.md with an open box, as they stand there.
pub(super) fn open_boxes(tasks: &str) -> Vec<String> {
    text_lines(tasks, Fences::Respected)
        .filter(|line| subtask(line.text).is_some_and(|task| !task.ticked))
        .map(|line| line.text.trim().to_owned())
        .collect()
}
