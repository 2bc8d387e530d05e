//! How long deliveries took, counted in buckets.
//!
//! A delivery takes from the moment an event was recorded, by its own timestamp,
//! to the moment the server's word about it was read. Eight buckets for each
//! doubling, and one for each millisecond below eight: a bucket's last
//! millisecond is less than an eighth above its first, and no latency is too
//! long for one. Only buckets that hold something are kept, so a histogram takes
//! some hundred bytes, and never more than 496 buckets.
//!
//! Both moments come from wall clocks. One that was set back in between makes an
//! event delivered before it was recorded: such a delivery counts as one of no
//! time, and as an early one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Buckets for each doubling, and their logarithm.
const STEPS: u64 = 1 << STEP_BITS;
const STEP_BITS: u32 = 3;
/// One more than the bucket of the longest latency there can be.
const BUCKETS: u16 = 496;

/// How long deliveries took: counts by bucket, and the longest as it was.
///
/// ```
/// use spec_kitty::state::Latencies;
///
/// let mut latencies = Latencies::default();
/// for ms in [3, 40, 1_000] {
///     latencies.add(0, ms);
/// }
/// assert_eq!((latencies.count(), latencies.longest_ms()), (3, Some(1_000)));
/// assert_eq!(latencies.percentile_ms(50), Some(43), "not below 40, at most an eighth above");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Kept", into = "Kept")]
pub struct Latencies {
    counts: BTreeMap<u16, u64>,
    longest_ms: u64,
    early: u64,
}

/// The same as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    counts: Vec<(u16, u64)>,
    longest_ms: u64,
    early: u64,
}

impl Latencies {
    /// Counts an event that was recorded and confirmed at these times, in
    /// milliseconds since the epoch.
    pub fn add(&mut self, recorded_ms: i64, confirmed_ms: u64) {
        let took_ms = i128::from(confirmed_ms) - i128::from(recorded_ms);
        if took_ms < 0 {
            self.early = self.early.saturating_add(1);
        }
        // A time before 1970 may lie farther back than a `u64` counts.
        let took_ms = u64::try_from(took_ms.max(0)).unwrap_or(u64::MAX);
        let count = self.counts.entry(bucket_of(took_ms)).or_default();
        *count = count.saturating_add(1);
        self.longest_ms = self.longest_ms.max(took_ms);
    }

    /// Counts all of `other` as well.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, more) in &other.counts {
            let count = self.counts.entry(*bucket).or_default();
            *count = count.saturating_add(*more);
        }
        self.longest_ms = self.longest_ms.max(other.longest_ms);
        self.early = self.early.saturating_add(other.early);
    }

    /// How many deliveries were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.values().copied().fold(0, u64::saturating_add)
    }

    /// How many of them were confirmed before they were recorded, as the clocks
    /// had it.
    #[must_use]
    pub fn early(&self) -> u64 {
        self.early
    }

    /// The longest, exactly; `None` when nothing was counted.
    #[must_use]
    pub fn longest_ms(&self) -> Option<u64> {
        (!self.counts.is_empty()).then_some(self.longest_ms)
    }

    /// What `percent` of the deliveries took at most, in milliseconds: never less
    /// than the latency of that rank (the nearest one), and less than an eighth
    /// more. `None` when nothing was counted.
    #[must_use]
    pub fn percentile_ms(&self, percent: u8) -> Option<u64> {
        let share = u128::from(self.count()) * u128::from(percent.min(100));
        let rank = share.div_ceil(100).max(1);
        let mut passed = 0_u128;
        let mut buckets = self.counts.iter();
        let bucket = buckets.find(|(_, count)| {
            passed += u128::from(**count);
            passed >= rank
        });
        bucket.map(|(bucket, _)| last_of(*bucket).min(self.longest_ms))
    }
}

/// The bucket of a latency: the number itself, or its three bits behind the
/// highest one below that one's place.
fn bucket_of(ms: u64) -> u16 {
    let place = ms.checked_ilog2().unwrap_or(0).saturating_sub(STEP_BITS);
    let bucket = u64::from(place) * STEPS + (ms >> place);
    u16::try_from(bucket).unwrap_or(BUCKETS - 1)
}

/// The longest latency in a bucket.
fn last_of(bucket: u16) -> u64 {
    let bucket = u64::from(bucket);
    let place = (bucket / STEPS).saturating_sub(1);
    let first_bits = bucket - place * STEPS;
    // One more than the last may be one more than there is room for.
    let beyond = u128::from(first_bits + 1) << place;
    u64::try_from(beyond - 1).unwrap_or(u64::MAX)
}

/// Why what is stored is no histogram.
#[derive(Debug, Error)]
#[error("latencies are not counted like this")]
struct Miscounted;

impl TryFrom<Kept> for Latencies {
    type Error = Miscounted;

    fn try_from(kept: Kept) -> Result<Self, Miscounted> {
        let ordered = kept.counts.iter().zip(kept.counts.iter().skip(1));
        let ordered = ordered.fold(true, |so_far, (one, next)| so_far && one.0 < next.0);
        let known = |(bucket, count): &(u16, u64)| *bucket < BUCKETS && *count > 0;
        let longest = kept.counts.last().map(|(bucket, _)| *bucket);
        let ends = match longest {
            Some(bucket) => bucket_of(kept.longest_ms) == bucket,
            None => kept.longest_ms == 0,
        };
        let at_once = kept.counts.first().filter(|(bucket, _)| *bucket == 0);
        let early = kept.early <= at_once.map_or(0, |(_, count)| *count);
        if !(ordered && ends && early && kept.counts.iter().all(known)) {
            return Err(Miscounted);
        }
        Ok(Self {
            counts: kept.counts.into_iter().collect(),
            longest_ms: kept.longest_ms,
            early: kept.early,
        })
    }
}

impl From<Latencies> for Kept {
    fn from(latencies: Latencies) -> Self {
        Self {
            counts: latencies.counts.into_iter().collect(),
            longest_ms: latencies.longest_ms,
            early: latencies.early,
        }
    }
}

#[cfg(test)]
#[path = "latencies_tests.rs"]
mod tests;
