//! Adding a line to a work package's activity log.
//!
//! The line says the lane that the work package is in; nothing else changes.

use std::path::PathBuf;

use super::audience::Audience;
use super::committed::Settled;
use super::edit::{Written, logged};
use super::options::{AutoCommit, BadOption, name, note};
use super::scene::{Known, Place};
use super::trouble::{Concerned, Trouble, report};
use super::work::{Change, Edit, Work};
use super::work_package::WpId;
use crate::event::{EntryType, HistoryAdded, Payload};

/// A line that can be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HistoryRequest {
    /// The work package.
    pub wp: WpId,
    /// The line, not empty.
    pub note: String,
    /// What kind of line.
    pub entry_type: EntryType,
    /// The feature, unchecked.
    pub feature: Option<String>,
    /// Who says it.
    pub agent: Option<String>,
}

/// A line that was added.
#[derive(Debug)]
pub(crate) struct Added {
    /// The file.
    pub path: PathBuf,
    /// What became of the commit.
    pub settled: Settled,
}

impl HistoryRequest {
    /// Checks the arguments.
    ///
    /// # Errors
    /// When the id is none, or the note or the agent cannot be written.
    pub(crate) fn parse(
        wp: &str,
        text: &str,
        entry_type: EntryType,
        feature: Option<String>,
        agent: Option<String>,
    ) -> Result<Self, Trouble> {
        Ok(Self {
            wp: wp.trim().parse()?,
            note: note(Some(text))?.ok_or(BadOption::Empty { option: "--note" })?,
            entry_type,
            feature,
            agent: name("--agent", agent)?,
        })
    }
}

/// Adds the line, and tells `audience` of it.
///
/// # Errors
/// When it was not added; nothing was changed.
pub(crate) fn add_history(
    request: &HistoryRequest,
    place: &Place,
    audience: &mut dyn Audience,
) -> Result<Added, Trouble> {
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
    request: &HistoryRequest,
    place: &Place,
    known: &mut Known,
    audience: &mut dyn Audience,
) -> Result<Added, Trouble> {
    let feature = request.feature.as_deref();
    let mut work = Work::begin(feature, AutoCommit::On, place, known, audience)?;
    let wp = work.work_package(request.wp)?;
    let line = Written {
        agent: request.agent.clone(),
        note: Some(request.note.clone()),
        ..Written::to(wp.lane, place.second())
    };
    let slug = work.scene.feature.slug.clone();
    let mut event = HistoryAdded::new(wp.id.to_string(), request.entry_type, &request.note)
        .feature(slug.as_str());
    if let Some(agent) = &request.agent {
        event = event.author(agent);
    }
    let settled = work.apply(Change {
        what: format!("added a line to the history of {}", wp.id),
        edits: vec![Edit {
            path: wp.path.clone(),
            new: logged(&wp.text, &line)?,
            old: wp.text,
            lane: None,
        }],
        along: Vec::new(),
        message: format!("chore: Add history to {} on spec {}", wp.id, slug.number()),
        commit: AutoCommit::On,
        drafts: vec![event.into_draft()],
    })?;
    Ok(Added {
        path: wp.path,
        settled,
    })
}
