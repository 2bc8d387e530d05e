//! The new text of a work package file: pure, and checked before it is written.

use thiserror::Error;

use crate::event::Lane;
use crate::workflow::activity::{self, Entry, Unwritable};
use crate::workflow::frontmatter::{self, Data, DataError, EditError};
use crate::workflow::review::{self, Feedback};
use crate::workflow::text::{Split, SplitError};

/// Values of `review_status`.
const HAS_FEEDBACK: &str = "has_feedback";
const APPROVED: &str = "approved";

/// What is written into the file.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) to: Lane,
    pub(super) agent: Option<String>,
    pub(super) assignee: Option<String>,
    pub(super) shell_pid: Option<u32>,
    pub(super) note: Option<String>,
    pub(super) feedback: Option<Feedback>,
    pub(super) reviewer: String,
    pub(super) reviewer_named: bool,
    pub(super) timestamp: String,
    /// Other keys that a command sets.
    pub(super) more: Vec<(&'static str, String)>,
}

impl Written {
    /// A move to `to` by nobody in particular, with nothing else to say.
    pub(super) fn to(to: Lane, timestamp: String) -> Self {
        Self {
            to,
            agent: None,
            assignee: None,
            shell_pid: None,
            note: None,
            feedback: None,
            reviewer: String::new(),
            reviewer_named: false,
            timestamp,
            more: Vec::new(),
        }
    }
}

/// Why a file cannot be edited safely. It was not touched.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum EditFailure {
    /// It has no front matter.
    #[error("the work package file cannot be edited: {0}")]
    Split(#[from] SplitError),
    /// Its front matter cannot be read.
    #[error("the work package file cannot be edited: {0}")]
    Data(#[from] DataError),
    /// Its front matter cannot be edited.
    #[error("the work package file cannot be edited: {0}")]
    Front(#[from] EditError),
    /// The activity line would not read back.
    #[error(transparent)]
    Activity(#[from] Unwritable),
    /// The parts would not read back as they were put together.
    #[error("the file cannot be edited safely: it would not read as intended")]
    Unsafe,
}

/// `text` with the change made: front matter keys, feedback, one activity line.
pub(super) fn edited(text: &str, from: Lane, change: &Written) -> Result<String, EditFailure> {
    let split = Split::of(text)?;
    let ending = split.line_ending();
    let data = Data::parse(split.front)?;
    let mut front = split.front.to_owned();
    for (key, value) in keys(&data, from, change) {
        if data.text(key) != Some(value.as_str()) {
            front = frontmatter::set(&front, key, &value, ending)?;
        }
    }
    let entry = entry(&data, change);
    let body = match &change.feedback {
        Some(feedback) => review::insert(split.body, feedback, ending),
        None => split.body.to_owned(),
    };
    let body = activity::append(&body, &entry, ending)?;
    rejoined(&split, &front, &body)
}

/// `text` with one more activity line and no other change.
pub(super) fn logged(text: &str, line: &Written) -> Result<String, EditFailure> {
    let split = Split::of(text)?;
    let data = Data::parse(split.front)?;
    let body = activity::append(split.body, &entry(&data, line), split.line_ending())?;
    rejoined(&split, split.front, &body)
}

/// The parts put together, when they read back as what they are.
pub(super) fn rejoined(split: &Split<'_>, front: &str, body: &str) -> Result<String, EditFailure> {
    let result = split.join(front, body);
    let reads_back = Split::of(&result)
        .is_ok_and(|again| again.front == front && again.body == body && again.open == split.open);
    if reads_back {
        Ok(result)
    } else {
        Err(EditFailure::Unsafe)
    }
}

/// The keys to set, in the order in which missing ones are added.
fn keys(data: &Data, from: Lane, change: &Written) -> Vec<(&'static str, String)> {
    let mut keys = vec![("lane", change.to.as_str().to_owned())];
    let mut set = |key, value: Option<String>| keys.extend(value.map(|value| (key, value)));
    set("assignee", change.assignee.clone());
    set("agent", change.agent.clone());
    set("shell_pid", change.shell_pid.map(|pid| pid.to_string()));
    let (status, reviewer) = review_keys(data, from, change);
    set("review_status", status);
    set("reviewed_by", reviewer);
    keys.extend(change.more.iter().cloned());
    keys
}

/// `review_status` and `reviewed_by`. Done means approved, also when the work
/// package had been sent back before.
fn review_keys(data: &Data, from: Lane, change: &Written) -> (Option<String>, Option<String>) {
    let reviewer = || Some(change.reviewer.clone());
    if change.feedback.is_some() {
        return (Some(HAS_FEEDBACK.into()), reviewer());
    }
    if change.to != Lane::Done || from == Lane::Done {
        return (None, None);
    }
    let unknown = data.text("reviewed_by").is_none();
    let by = (unknown || change.reviewer_named).then(reviewer).flatten();
    (Some(APPROVED.into()), by)
}

fn entry(data: &Data, change: &Written) -> Entry {
    let text = |key| data.text(key).unwrap_or_default().to_owned();
    let agent = change.agent.clone().unwrap_or_else(|| text("agent"));
    let shell_pid = match change.shell_pid {
        Some(pid) => pid.to_string(),
        None => text("shell_pid"),
    };
    Entry {
        timestamp: change.timestamp.clone(),
        agent: if agent.is_empty() {
            "unknown".into()
        } else {
            agent
        },
        shell_pid: if shell_pid.contains(char::is_whitespace) {
            String::new()
        } else {
            shell_pid
        },
        lane: change.to.as_str().to_owned(),
        note: change
            .note
            .clone()
            .unwrap_or_else(|| format!("Moved to {}", change.to)),
    }
}

#[cfg(test)]
#[path = "edit_tests.rs"]
mod tests;
