//! The steps of a repair, and `log repair --json`.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::ask::Intent;
use crate::cli::columns::counted;
use crate::log::disorder::{self, Action, Aside, Disorder};
use crate::log::tidy::ASIDE;
use crate::state::Remains;

use super::{Done, Plan};

#[derive(Serialize)]
pub(super) struct Report {
    kind: &'static str,
    v: u8,
    dry_run: bool,
    steps: Vec<StepReport>,
    /// What the ledger is, or would be, made of; null when it stays as it is.
    ledger: Option<&'static str>,
    /// What was set aside of the state, and where it is.
    aside: Vec<String>,
    /// What stays damaged.
    left: Vec<LeftReport>,
}

#[derive(Serialize)]
struct StepReport {
    action: &'static str,
    path: String,
    to: Option<String>,
    bytes: Option<u64>,
    reason: String,
    done: bool,
}

#[derive(Serialize)]
struct LeftReport {
    segment: u64,
    offset: u64,
    bytes: u64,
    reason: &'static str,
}

/// One thing that is to be done.
pub(super) struct Step {
    pub(super) action: &'static str,
    /// Below the home.
    pub(super) path: String,
    /// Where it goes, below the home.
    pub(super) to: Option<String>,
    pub(super) bytes: Option<u64>,
    pub(super) reason: String,
    pub(super) done: bool,
}

impl Plan {
    /// All steps, in their order, and whether they were done.
    pub(super) fn steps(&self, done: &Done) -> Vec<Step> {
        let files = self.files.iter().map(|file| self.step(file, done));
        let ailments = self.checkup.ailments.iter().map(|ailment| Step {
            action: "rebuild",
            path: self.relative(&ailment.path),
            to: None,
            bytes: None,
            reason: ailment.reason.clone(),
            done: done.rebuilt,
        });
        let miscounted = (!self.miscounted.is_empty()).then(|| Step {
            action: "remove",
            path: self.relative(&self.state.dir().join("tallies")),
            to: None,
            bytes: None,
            reason: format!(
                "counts {} wrongly; the next look counts anew",
                of_segments(self.miscounted.len())
            ),
            done: done.forgotten,
        });
        files.chain(ailments).chain(miscounted).collect()
    }

    fn step(&self, file: &Disorder, done: &Done) -> Step {
        let log = self.log.dir().path();
        let (action, to) = match file.action {
            Action::Remove => ("remove", None),
            Action::SetAside(_) => ("set-aside", Some(log.join(ASIDE).join(&file.name))),
            Action::Rename(ordinal) => ("rename", Some(log.join(disorder::name_of(ordinal)))),
        };
        let settled = done.files.iter().find(|settled| settled.file == *file);
        let to = settled.and_then(|settled| settled.now.clone()).or(to);
        Step {
            action,
            path: self.relative(&log.join(&file.name)),
            to: to.map(|to| self.relative(&to)),
            bytes: Some(file.bytes),
            reason: reason(file.action),
            done: settled.is_some(),
        }
    }

    /// A path below the home, without the home.
    pub(super) fn relative(&self, path: &Path) -> String {
        let path = path.strip_prefix(&self.root).unwrap_or(path);
        path.to_string_lossy().into_owned()
    }

    pub(super) fn report(&self, done: &Done, intent: Intent) -> Report {
        let steps = self.steps(done).into_iter().map(|step| StepReport {
            action: step.action,
            path: step.path,
            to: step.to,
            bytes: step.bytes,
            reason: step.reason,
            done: step.done,
        });
        let left = self.damage.iter().map(|damage| LeftReport {
            segment: damage.ordinal.0,
            offset: damage.offset.0,
            bytes: damage.bytes,
            reason: damage.reason.word(),
        });
        let relative = |path: &PathBuf| self.relative(path);
        let is_ill = !self.checkup.ailments.is_empty();
        Report {
            kind: "log-repair",
            v: 1,
            dry_run: intent == Intent::Show,
            steps: steps.collect(),
            ledger: is_ill.then(|| word(self.checkup.remains)),
            aside: done.aside.iter().map(relative).collect(),
            left: left.collect(),
        }
    }
}

fn reason(action: Action) -> String {
    match action {
        Action::Remove => "what an interrupted creation left".to_owned(),
        Action::SetAside(Aside::Copy(of)) => format!("a copy of segment {of}, which is there"),
        Action::SetAside(Aside::OtherLog) => "a segment of another log".to_owned(),
        Action::SetAside(Aside::NoSegment) => "looks like a segment and is none".to_owned(),
        Action::SetAside(Aside::InTheWay(of)) => {
            format!("cannot be read, and has the name of segment {of}, which is there")
        }
        Action::Rename(ordinal) => format!("is segment {ordinal} under another name"),
    }
}

fn of_segments(segments: usize) -> String {
    let segments = u64::try_from(segments).unwrap_or(u64::MAX);
    counted(segments, "segment", "segments")
}

const fn word(remains: Remains) -> &'static str {
    match remains {
        Remains::Whole => "whole",
        Remains::View => "view",
        Remains::Parts { .. } => "parts",
        Remains::Nothing => "nothing",
    }
}
