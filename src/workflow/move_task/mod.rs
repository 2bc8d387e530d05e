//! Moving a work package to another lane.
//!
//! The order is fixed: find the project and the feature, wait for the turn, read
//! the work package, ask the guards, write the file once, commit it, tell of it.
//!
//! There is no transition matrix: any lane may follow any other. A move to the
//! lane that the work package is already in changes nothing.

mod checks;
mod error;
mod guards;
mod outcome;
mod request;
mod settle;

pub(crate) use error::MoveError;
pub(crate) use guards::{Refusal, WorktreeFault};
pub(crate) use outcome::Moved;
pub(crate) use request::{Guards, Raw, Request};

use super::audience::Audience;
use super::committed::Settled;
use super::edit;
use super::lane_change::LaneChange;
use super::scene::{Known, Place};
use super::trouble::{Concerned, report};
use super::work::{Change, Edit, Work};

/// Moves a work package as asked, and tells `audience` of it.
///
/// # Errors
/// When it was not moved; nothing was changed, and `audience` was told why. A
/// failed commit is no error: the move was made, and the answer says that it is
/// not committed.
pub(crate) fn move_task(
    request: &Request,
    place: &Place,
    audience: &mut dyn Audience,
) -> Result<Moved, MoveError> {
    let mut known = Known::default();
    attempt(request, place, &mut known, audience).inspect_err(|error| {
        let whom = Concerned {
            wp: Some(request.wp),
            agent: request.agent.clone(),
        };
        report(error, &whom, &known, audience);
    })
}

fn attempt(
    request: &Request,
    place: &Place,
    known: &mut Known,
    audience: &mut dyn Audience,
) -> Result<Moved, MoveError> {
    let feature = request.feature.as_deref();
    let mut work = Work::begin(feature, request.commit, place, known, audience)?;
    moved(request, &mut work)
}

/// The move itself. Until the file is replaced, every way out changes nothing.
pub(super) fn moved(request: &Request, work: &mut Work<'_>) -> Result<Moved, MoveError> {
    let wp = work.work_package(request.wp)?;
    let change = LaneChange {
        wp: wp.id,
        feature: work.scene.feature.slug.clone(),
        old: wp.lane,
        new: request.to,
        by: request.agent.clone(),
    };
    if wp.lane == request.to {
        return Ok(Moved {
            change,
            path: wp.path,
            settled: Settled::unchanged(&work.scene),
        });
    }
    if request.guards == Guards::Asked {
        checks::ask(request, work, &wp)?;
    }
    let written = settle::written(request, work.place, &work.git())?;
    let text = edit::edited(&wp.text, wp.lane, &written).map_err(super::trouble::Trouble::from)?;
    let settled = work.apply(Change {
        what: change.what(),
        edits: vec![Edit {
            path: wp.path.clone(),
            old: wp.text,
            new: text,
            lane: Some((wp.id, request.to)),
        }],
        along: Vec::new(),
        message: change.message(),
        commit: request.commit,
        drafts: vec![change.draft()],
    })?;
    if let Some(note) = checks::dependents(request, &work.scene.feature.tasks_dir()) {
        work.note(&note);
    }
    Ok(Moved {
        change,
        path: wp.path,
        settled,
    })
}
