//! Room for one more segment, made without being asked.
//!
//! Called by whoever is about to start a segment, and only then: a log that is
//! far from its limits costs one listing of its directory. Every look ends after
//! the time it is given; what could not be looked at stays.

use std::time::{Duration, Instant};

use thiserror::Error;

use crate::log::header::Pressure;
use crate::log::prune::Pruned;
use crate::position::Seq;
use crate::retention::holding::Owners;
use crate::retention::plan::{Retention, RetentionError};
use crate::state::Ledger;
use crate::sync::tallies::Tallies;

/// More events wait for delivery than may.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("{events} events wait for delivery, the limit is {limit}")]
pub struct Backlog {
    /// How many wait.
    pub events: u64,
    /// How many may.
    pub limit: u64,
}

/// At 80 % of the size limit, takes away what is confirmed, oldest first, until
/// the log is below that; otherwise does nothing. Takes about as long as
/// `patience` at most, twice that under a busy lock.
///
/// # Errors
/// [`RetentionError`] when the log or the ledger cannot be read.
pub fn make_room(retention: &Retention, patience: Duration) -> Result<Pruned, RetentionError> {
    let fill = retention.fill()?;
    if fill.pressure() == Pressure::Calm {
        return Ok(Pruned::default());
    }
    let until = Instant::now().checked_add(patience);
    // What the events say themselves answers most; only where it does not is
    // the whole log read for bind frames.
    let mut plan = retention.plan(&Owners::AsRecorded, until, &mut |_| {})?;
    if plan.after.pressure() == Pressure::High
        && plan.is_stopped_by_owners()
        && let Some(owners) = Owners::read(&retention.dir, until, &mut |_| {})?
    {
        plan = retention.plan(&owners, until, &mut |_| {})?;
    }
    retention.carry_out(&plan, patience, &mut |_| {})
}

/// Whether more than `limit` events wait for delivery. That they do not is
/// mostly seen from two numbers; else they are counted, and what cannot be
/// counted within `patience` is not held against anybody.
///
/// # Errors
/// [`RetentionError`] when the log or the ledger cannot be read.
pub fn backlog(
    retention: &Retention,
    last: Seq,
    limit: u64,
    patience: Duration,
) -> Result<Option<Backlog>, RetentionError> {
    // No more can wait than were ever numbered.
    if last.0 <= limit {
        return Ok(None);
    }
    let ledger = retention.state.view()?.unwrap_or_default();
    if last.0.saturating_sub(settled(&ledger)) <= limit {
        return Ok(None);
    }
    let until = Instant::now().checked_add(patience);
    let dir = &retention.dir;
    let Some(mut tallies) = Tallies::renew_until(dir, &retention.state, &ledger, until)? else {
        return Ok(None);
    };
    let bindings = tallies.bindings().clone();
    let events = tallies.survey(&ledger, &bindings)?.waiting(&ledger);
    Ok((events >= limit).then_some(Backlog { events, limit }))
}

/// The events that the ledger has settled, pruned ones included.
fn settled(ledger: &Ledger) -> u64 {
    let streams = ledger.targets().values().flat_map(|t| t.streams().values());
    streams.fold(0, |sum, stream| {
        let refused = u64::try_from(stream.exceptions().len()).unwrap_or(0);
        sum.saturating_add(stream.delivered())
            .saturating_add(stream.duplicate())
            .saturating_add(refused)
    })
}
