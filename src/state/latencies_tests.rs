//! How far off a percentile may be, and what is refused as a histogram.

use proptest::prelude::*;

use super::*;
use crate::state::codec;

fn of(all_ms: &[u64]) -> Latencies {
    let mut latencies = Latencies::default();
    for ms in all_ms {
        latencies.add(0, *ms);
    }
    latencies
}

/// Latencies of every order of magnitude.
fn any_ms() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0_u32..64).prop_map(|(bits, shift)| bits >> shift)
}

#[test]
fn buckets_follow_one_another_without_a_gap_up_to_the_last_number() {
    for bucket in 0..BUCKETS {
        assert_eq!(bucket_of(last_of(bucket)), bucket);
        let next = last_of(bucket).checked_add(1);
        assert_eq!(next.map(bucket_of), next.map(|_| bucket + 1));
    }
    assert_eq!((bucket_of(0), last_of(0)), (0, 0));
    assert_eq!(last_of(BUCKETS - 1), u64::MAX);
}

#[test]
fn nothing_counted_has_no_percentile() {
    let nothing = Latencies::default();
    assert_eq!(
        (nothing.percentile_ms(50), nothing.longest_ms()),
        (None, None)
    );
    assert_eq!(of(&[0]).percentile_ms(0), Some(0));
}

#[test]
fn a_clock_that_was_set_back_makes_no_time_of_it_and_is_counted() {
    let mut latencies = Latencies::default();
    latencies.add(1_000, 999);
    latencies.add(i64::MAX, 0);
    latencies.add(1_000, 1_000);
    latencies.add(i64::MIN, u64::MAX);
    assert_eq!((latencies.early(), latencies.count()), (2, 4));
    assert_eq!(latencies.percentile_ms(75), Some(0));
    assert_eq!(latencies.longest_ms(), Some(u64::MAX));
}

proptest! {
    #[test]
    fn a_percentile_is_never_too_low_and_less_than_an_eighth_too_high(
        mut all_ms in prop::collection::vec(any_ms(), 1..80), percent in 1_u8..=100,
    ) {
        let latencies = of(&all_ms);
        all_ms.sort_unstable();
        let rank = (all_ms.len() * usize::from(percent)).div_ceil(100);
        let exact = all_ms[rank - 1];
        let told = latencies.percentile_ms(percent).unwrap();
        prop_assert!(told >= exact);
        prop_assert!(u128::from(told - exact) * 8 < u128::from(exact).max(1), "{told} of {exact}");
        prop_assert_eq!(latencies.percentile_ms(100), latencies.longest_ms());
        prop_assert!(latencies.percentile_ms(percent - 1) <= Some(told));
    }

    #[test]
    fn merged_is_counted_together(
        one in prop::collection::vec(any_ms(), 0..40), other in prop::collection::vec(any_ms(), 0..40),
    ) {
        let mut merged = of(&one);
        merged.merge(&of(&other));
        prop_assert_eq!(merged, of(&[one, other].concat()));
    }

    #[test]
    fn what_is_stored_is_read_back(all_ms in prop::collection::vec(any_ms(), 0..60)) {
        let mut latencies = of(&all_ms);
        latencies.add(7, 3);
        let bytes = codec::encode(&latencies).unwrap();
        prop_assert_eq!(codec::decode::<Latencies>(&bytes).unwrap(), latencies);
    }

    /// Whatever bytes were stored: they are refused, or a histogram that keeps
    /// its promises.
    #[test]
    fn hostile_bytes_are_refused_or_harmless(
        counts in prop::collection::vec((0_u16..520, any::<u64>()), 0..5),
        longest_ms in any_ms(), early in 0_u64..3, sorted: bool,
    ) {
        let mut counts = counts;
        if sorted {
            counts.sort_unstable();
        }
        let bytes = codec::encode(&Kept { counts, longest_ms, early }).unwrap();
        if let Ok(mut latencies) = codec::decode::<Latencies>(&bytes) {
            let [half, most, all] = [50, 99, 100].map(|percent| latencies.percentile_ms(percent));
            prop_assert!(half <= most && most <= all && all == latencies.longest_ms());
            prop_assert!(latencies.early() <= latencies.count());
            prop_assert_eq!(&codec::encode(&latencies).unwrap(), &bytes);
            let same = latencies.clone();
            latencies.merge(&same);
            latencies.add(0, u64::MAX);
            prop_assert!(latencies.count() >= same.count());
        }
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = codec::decode::<Latencies>(&bytes);
    }
}
