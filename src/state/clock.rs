//! Leases of clock values.
//!
//! The tree `clock` holds two numbers, each a little-endian `u64`: `value`, the
//! highest clock value that was seen in use, and `leased_to`, the highest that
//! was ever given out. Both only grow. Two reservations may return the same
//! lease when neither is used; the log uses one only if it lies above all it
//! holds, so no value is issued twice.

use std::time::Duration;

use crate::position::{Lamport, Lease, LeaseFloor};
use crate::state::store::{Job, Store, Trees};
use crate::state::{Note, Noted, StateError};

const VALUE: &str = "value";
const LEASED_TO: &str = "leased_to";

/// The two stored numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Kept {
    value: Lamport,
    leased_to: Lamport,
}

pub(super) fn reserve(
    store: &Store,
    floor: LeaseFloor,
    ticks: u64,
    deadline: Duration,
) -> Result<Noted<Lease>, StateError> {
    let job: Job<_> = Box::new(move |trees| reserve_in(trees, floor, ticks));
    let mut done = store.run(deadline, job)?;
    let (lease, ignored) = done.value;
    done.notes.extend(
        ignored
            .into_iter()
            .map(|value| Note::ImplausibleClock { value }),
    );
    let lease = lease.ok_or(StateError::Exhausted { floor: of(floor) })?;
    Ok(Noted {
        value: lease,
        notes: done.notes,
    })
}

type Attempt = (Option<Lease>, Vec<u64>);

fn reserve_in(trees: &Trees, floor: LeaseFloor, ticks: u64) -> sled::Result<Attempt> {
    let mut ignored = Vec::new();
    let mut number = |key| -> sled::Result<Lamport> {
        let bytes = trees.clock.get(key)?;
        let bytes = bytes.and_then(|bytes| <[u8; 8]>::try_from(bytes.as_ref()).ok());
        let value = bytes.map_or(0, u64::from_le_bytes);
        if Lamport(value) > Lamport::MAX_PLAUSIBLE {
            ignored.push(value);
            return Ok(Lamport(0));
        }
        Ok(Lamport(value))
    };
    let kept = Kept {
        value: number(VALUE)?,
        leased_to: number(LEASED_TO)?,
    };
    let Some((lease, next)) = lease_above(floor, kept, ticks) else {
        return Ok((None, ignored));
    };
    let mut batch = sled::Batch::default();
    batch.insert(VALUE, &next.value.0.to_le_bytes());
    batch.insert(LEASED_TO, &next.leased_to.0.to_le_bytes());
    trees.clock.apply_batch(batch)?;
    Ok((Some(lease), ignored))
}

/// The lease of `ticks` values above `floor` and what is kept afterwards;
/// `None` when there is no value left.
fn lease_above(floor: LeaseFloor, kept: Kept, ticks: u64) -> Option<(Lease, Kept)> {
    let below = match floor {
        LeaseFloor::Clean(last) => last.max(kept.value),
        LeaseFloor::Debris(max_end) => max_end.max(kept.leased_to).max(kept.value),
    };
    if below >= Lamport::MAX_PLAUSIBLE {
        return None;
    }
    let wanted = Lease::starting_at(below.next(), ticks.max(1));
    let lease = Lease {
        start: wanted.start,
        end: wanted.end.min(Lamport::MAX_PLAUSIBLE),
    };
    let next = Kept {
        value: kept.value.max(of(floor)),
        leased_to: kept.leased_to.max(lease.end),
    };
    Some((lease, next))
}

/// The value that the log's tail names.
fn of(floor: LeaseFloor) -> Lamport {
    match floor {
        LeaseFloor::Clean(value) | LeaseFloor::Debris(value) => value,
    }
}
