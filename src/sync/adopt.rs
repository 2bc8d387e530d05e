//! Giving events an owner at sign-in.
//!
//! What was recorded while nobody was signed in belongs to nobody until
//! somebody signs in; then it is theirs, and a control frame says so for good.
//! The same frame follows events that were recorded before the account had a
//! team, or imported for it: one frame for all, so that no event can come to lie
//! before a cursor that has passed it.

use thiserror::Error;

use crate::auth::Account;
use crate::log::append::{AppendError, Log, Record};
use crate::log::read::ReadError;
use crate::state::Ledger;
use crate::sync::control::{APPEND_DEADLINE, Control};
use crate::sync::route::project_of;
use crate::sync::survey::Survey;
use crate::target::TargetId;

/// Events of one project that got an owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adopted {
    /// The project's identifier; `None` outside a project.
    pub project: Option<String>,
    /// The project's name, where its first event has one.
    pub slug: Option<String>,
    /// How many events.
    pub events: u64,
}

/// Why events got no owner. They are where they were, and still wait.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AdoptError {
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The control frame could not be written.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// Counts the events that a sign-in would give to `account`, by project.
///
/// # Errors
/// [`ReadError`] when the log cannot be read.
pub fn adoptable(log: &Log, account: &Account) -> Result<Vec<Adopted>, ReadError> {
    let (survey, _) = Survey::look(log.dir(), &Ledger::default())?;
    let signed_out = survey.unbound.iter().map(|(project, unbound)| Adopted {
        project: project.clone(),
        slug: unbound.slug.clone(),
        events: unbound.waiting.events,
    });
    let teamless = account.target().without_team().id();
    let before_team = survey
        .streams
        .iter()
        .filter(|((target, _), _)| account.team.is_some() && *target == teamless)
        .map(|((_, stream), backlog)| Adopted {
            project: Some(project_of(stream).to_owned()),
            slug: None,
            events: backlog.pending.events,
        });
    let stand_in = account.target().stand_in();
    let imported = survey
        .streams
        .iter()
        .filter(|((target, _), _)| *target == stand_in)
        .map(|((_, stream), backlog)| Adopted {
            project: Some(project_of(stream).to_owned()),
            slug: None,
            events: backlog.pending.events,
        });
    Ok(signed_out.chain(before_team).chain(imported).collect())
}

/// Gives every event that has no owner to `account`, for good, and says which.
///
/// # Errors
/// [`AdoptError`]; nothing has changed then.
pub fn adopt(log: &Log, account: &Account) -> Result<Vec<Adopted>, AdoptError> {
    let adopted = adoptable(log, account)?;
    if adopted.is_empty() {
        return Ok(adopted);
    }
    let mut frame = Control::Bind {
        from: TargetId::SIGNED_OUT,
        to: account.target(),
    };
    let records: &mut [&mut dyn Record] = &mut [&mut frame];
    match log.append(records, None, APPEND_DEADLINE).failure {
        None => Ok(adopted),
        Some(failure) => Err(failure.into()),
    }
}

/// The project's name as the event gives it: for people, so nothing depends on it.
pub(super) fn slug_of(json: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Named {
        project_slug: Option<String>,
    }
    serde_json::from_slice::<Named>(json).ok()?.project_slug
}
