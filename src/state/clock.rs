//! Leases of clock values.
//!
//! The tree `clock` holds two numbers, each a little-endian `u64`: `value`, the
//! highest clock value that was seen in use, and `leased_to`, the highest that
//! was ever given out. Both only grow. The log uses a lease only if it lies above
//! all it holds, so no value is issued twice. A lease that reaches beyond the one
//! of the newest segment was not needed after all, or its segment is gone: nobody
//! can tell, so the next one begins above it.

use std::time::Duration;

use crate::position::{Lamport, Lease, LeaseFloor};
use crate::state::store::{Job, Store, Trees};
use crate::state::{ClockOfLog, Note, Noted, StateError};

const VALUE: &str = "value";
const LEASED_TO: &str = "leased_to";

/// The two stored numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeaseBook {
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

/// Makes sure that the store is not behind what the log says: both numbers only
/// grow by it.
pub(super) fn restore(
    store: &Store,
    log: ClockOfLog,
    deadline: Duration,
) -> Result<Vec<Note>, StateError> {
    let plausible = |value: Lamport| value.min(Lamport::MAX_PLAUSIBLE);
    let job: Job<_> = Box::new(move |trees| {
        let (kept, _) = kept(trees)?;
        keep(
            trees,
            LeaseBook {
                value: kept.value.max(plausible(log.value)),
                leased_to: kept.leased_to.max(plausible(log.leased_to)),
            },
        )
    });
    Ok(store.run(deadline, job)?.notes)
}

type Attempt = (Option<Lease>, Vec<u64>);

fn reserve_in(trees: &Trees, floor: LeaseFloor, ticks: u64) -> sled::Result<Attempt> {
    let (kept, ignored) = kept(trees)?;
    let Some((lease, next)) = kept.lease_above(floor, ticks) else {
        return Ok((None, ignored));
    };
    keep(trees, next)?;
    Ok((Some(lease), ignored))
}

/// The stored numbers, and what was stored above every plausible one.
fn kept(trees: &Trees) -> sled::Result<(LeaseBook, Vec<u64>)> {
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
    let kept = LeaseBook {
        value: number(VALUE)?,
        leased_to: number(LEASED_TO)?,
    };
    Ok((kept, ignored))
}

fn keep(trees: &Trees, next: LeaseBook) -> sled::Result<()> {
    let mut batch = sled::Batch::default();
    batch.insert(VALUE, &next.value.0.to_le_bytes());
    batch.insert(LEASED_TO, &next.leased_to.0.to_le_bytes());
    trees.clock.apply_batch(batch)
}

impl LeaseBook {
    /// The lease of `ticks` values above `floor`, and what is stored with it;
    /// `None` when there is no value left.
    #[must_use]
    pub fn lease_above(self, floor: LeaseFloor, ticks: u64) -> Option<(Lease, Self)> {
        let below = match floor {
            LeaseFloor::Clean { last, lease_end } if self.leased_to <= lease_end => {
                last.max(self.value)
            }
            LeaseFloor::Clean { last, .. } => last.max(self.leased_to).max(self.value),
            LeaseFloor::Debris(max_end) => max_end.max(self.leased_to).max(self.value),
        };
        if below >= Lamport::MAX_PLAUSIBLE {
            return None;
        }
        let wanted = Lease::starting_at(below.next(), ticks.max(1));
        let lease = Lease {
            start: wanted.start,
            end: wanted.end.min(Lamport::MAX_PLAUSIBLE),
        };
        let next = Self {
            value: self.value.max(of(floor)),
            leased_to: self.leased_to.max(lease.end),
        };
        Some((lease, next))
    }
}

/// The value that the log's tail names.
fn of(floor: LeaseFloor) -> Lamport {
    match floor {
        LeaseFloor::Clean { last: value, .. } | LeaseFloor::Debris(value) => value,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kept(value: u64, leased_to: u64) -> LeaseBook {
        LeaseBook {
            value: Lamport(value),
            leased_to: Lamport(leased_to),
        }
    }

    fn clean(last: u64, lease_end: u64) -> LeaseFloor {
        LeaseFloor::Clean {
            last: Lamport(last),
            lease_end: Lamport(lease_end),
        }
    }

    /// The newest segments were deleted: what they issued may be known elsewhere.
    #[test]
    fn a_lease_beyond_the_newest_segment_is_never_given_out_again() {
        let (lease, next) = kept(3, 500).lease_above(clean(10, 499), 16).unwrap();
        assert_eq!(lease, Lease::starting_at(Lamport(501), 16));
        assert_eq!(next, kept(10, 516));
    }

    #[test]
    fn a_clean_tail_goes_on_where_it_is_and_debris_skips_every_lease() {
        let clean = kept(3, 500).lease_above(clean(10, 500), 16).unwrap();
        assert_eq!(clean.0, Lease::starting_at(Lamport(11), 16));
        assert_eq!(clean.1, kept(10, 500));
        let debris = kept(3, 500)
            .lease_above(LeaseFloor::Debris(Lamport(10)), 16)
            .unwrap();
        assert_eq!(debris.0, Lease::starting_at(Lamport(501), 16));
        assert_eq!(debris.1, kept(10, 516));
    }

    #[test]
    fn the_last_plausible_value_is_the_end() {
        let max = Lamport::MAX_PLAUSIBLE;
        let near = clean(max.previous().0, max.0);
        let (lease, _) = kept(0, 0).lease_above(near, 1_000).unwrap();
        assert_eq!((lease.start, lease.end), (max, max));
        assert_eq!(kept(0, 0).lease_above(clean(max.0, max.0), 1), None);
        let beyond = LeaseFloor::Debris(Lamport(u64::MAX));
        assert_eq!(kept(0, 0).lease_above(beyond, 1), None);
    }

    fn number() -> impl Strategy<Value = u64> {
        prop_oneof![
            0_u64..1_000,
            (Lamport::MAX_PLAUSIBLE.0 - 1_000)..=Lamport::MAX_PLAUSIBLE.0,
            0..=Lamport::MAX_PLAUSIBLE.0,
        ]
    }

    proptest! {
        #[test]
        fn a_lease_lies_above_its_floor_and_what_is_kept_only_grows(
            floor in number(), debris: bool, value in number(), leased_to in number(),
            lease_end in number(), ticks in prop_oneof![0_u64..20_000, any::<u64>()],
        ) {
            let before = kept(value, leased_to);
            let place = if debris { LeaseFloor::Debris(Lamport(floor)) } else { clean(floor, lease_end) };
            let beyond = debris || leased_to > lease_end;
            let Some((lease, after)) = before.lease_above(place, ticks) else {
                let highest = if beyond { floor.max(value).max(leased_to) } else { floor.max(value) };
                prop_assert_eq!(Lamport(highest), Lamport::MAX_PLAUSIBLE);
                return Ok(());
            };
            prop_assert!(lease.start > Lamport(floor) && lease.start > before.value);
            prop_assert!(!beyond || lease.start > before.leased_to);
            prop_assert!(lease.start <= lease.end && lease.end <= Lamport::MAX_PLAUSIBLE);
            prop_assert!(lease.ticks() <= ticks.max(1));
            prop_assert!(after.value >= before.value.max(Lamport(floor)));
            prop_assert!(after.leased_to >= before.leased_to.max(lease.end));
        }

        #[test]
        fn leases_after_debris_never_overlap(
            floors in prop::collection::vec((0_u64..10_000, 1_u64..500), 1..20),
        ) {
            let mut kept = LeaseBook::default();
            let mut last_end = Lamport(0);
            for (floor, ticks) in floors {
                let (lease, next) = kept.lease_above(LeaseFloor::Debris(Lamport(floor)), ticks).unwrap();
                prop_assert!(lease.start > last_end);
                (kept, last_end) = (next, lease.end);
            }
        }
    }
}
