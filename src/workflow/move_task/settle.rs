//! The values that go into the file, settled before it is written.

use std::fs;
use std::path::Path;

use super::MoveError;
use super::request::Request;
use crate::event::Lane;
use crate::workflow::edit::Written;
use crate::workflow::file::read_text;
use crate::workflow::git::{Git, user_name};
use crate::workflow::review::Feedback;
use crate::workflow::scene::Place;

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
        timestamp: place.second(),
        more: Vec::new(),
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
