//! Before the write: the values that go into the file. After it: the commit.

use std::fs;
use std::path::Path;

use super::edit::Written;
use super::outcome::Committed;
use super::request::{AutoCommit, Request};
use super::{Change, MoveError, Place, Scene};
use crate::event::Lane;
use crate::workflow::file::read_text;
use crate::workflow::git::{Git, commit_file, commit_hash, is_ignored, user_name};
use crate::workflow::review::Feedback;

/// The largest feedback file that is taken over.
const MAX_FEEDBACK_BYTES: u64 = 256 * 1024;

/// Who it was, when nobody knows.
const UNKNOWN: &str = "unknown";

/// Settles what is to be written.
pub(super) fn written(
    request: &Request,
    place: &Place,
    git: &Git<'_>,
) -> Result<Written, MoveError> {
    let needs_reviewer = request.feedback_file.is_some() || request.to == Lane::Done;
    let reviewer = match &request.reviewer {
        Some(name) => name.clone(),
        None if needs_reviewer => user_name(git).unwrap_or_else(|| UNKNOWN.into()),
        None => UNKNOWN.into(),
    };
    let feedback = match &request.feedback_file {
        Some(path) => Some(Feedback {
            text: read_feedback(&place.cwd.join(path))?,
            reviewer: reviewer.clone(),
            date: place.now.strftime("%Y-%m-%d").to_string(),
        }),
        None => None,
    };
    Ok(Written {
        to: request.to,
        agent: request.agent.clone(),
        assignee: request.assignee.clone(),
        shell_pid: request.shell_pid,
        note: request.note.clone(),
        feedback,
        reviewer,
        reviewer_named: request.reviewer.is_some(),
        timestamp: place.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    })
}

/// The user named this file, so it may be a link; the project's own files may not.
fn read_feedback(path: &Path) -> Result<String, MoveError> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let text = read_text(&target, MAX_FEEDBACK_BYTES).map_err(MoveError::Feedback)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    if text.trim().is_empty() {
        let path = path.to_owned();
        return Err(MoveError::EmptyFeedback { path });
    }
    Ok(text.to_owned())
}

/// Commits the written file, where that leaves everything else as it is.
pub(super) fn commit(
    request: &Request,
    place: &Place,
    scene: &Scene,
    path: &Path,
    change: &Change,
) -> Committed {
    if request.commit == AutoCommit::Off {
        return Committed::NotAsked;
    }
    if let Some(target) = other_branch(scene) {
        let current = scene.head.branch().unwrap_or_default().to_owned();
        return Committed::OtherBranch { target, current };
    }
    let asking = scene.git(place.patience.question);
    if matches!(is_ignored(&asking, path), Ok(true)) {
        return Committed::Ignored;
    }
    let message = message(change);
    let git = scene.git(place.patience.commit);
    match commit_file(
        &git,
        &scene.repository,
        path,
        &message,
        place.patience.index,
    ) {
        Ok(()) => Committed::Yes(commit_hash(&asking).ok()),
        Err(failure) => Committed::Failed(failure),
    }
}

/// The feature's target branch, when it is not the one that is checked out.
pub(super) fn other_branch(scene: &Scene) -> Option<String> {
    let target = scene.meta.target_branch.as_deref().map(str::trim)?;
    let is_other = !target.is_empty() && Some(target) != scene.head.branch();
    is_other.then(|| target.to_owned())
}

/// The message that the original gives such a commit.
pub(super) fn message(change: &Change) -> String {
    let by = match &change.by {
        Some(agent) => format!(" [{agent}]"),
        None => String::new(),
    };
    format!(
        "chore: Move {} to {} on spec {}{by}",
        change.wp,
        change.new,
        change.feature.number()
    )
}
