//! The counters' bytes, and that no damage to them is taken for a count.

use std::fs;

use proptest::prelude::*;

use super::*;

fn counters() -> (tempfile::TempDir, Failures) {
    let dir = tempfile::tempdir().unwrap();
    let failures = Failures::in_dir(dir.path());
    (dir, failures)
}

#[test]
fn the_bytes_are_those_of_version_one() {
    let (_dir, failures) = counters();
    assert!(failures.record(FailureReason::Full, 0x0102));
    assert!(failures.record(FailureReason::Refused, 0x0304));
    let bytes = fs::read(&failures.path).unwrap();
    assert_eq!(bytes.len(), 1024);
    let numbers = |copy: &[u8]| -> Vec<u64> {
        let words = copy[8..64].chunks(8);
        words
            .map(|w| u64::from_le_bytes(w.try_into().unwrap()))
            .collect()
    };
    let (older, newer) = (&bytes[512..], &bytes[..512]);
    assert_eq!(&older[..8], b"skfail\xff\n");
    assert_eq!(numbers(older), [1, 0, 1, 0, 0, 0, 0x0102]);
    assert_eq!(numbers(newer), [2, 0, 1, 0, 0, 1, 0x0304]);
    assert_eq!((older[64], newer[64], newer[65]), (2, 5, 0));
    assert!(newer[66..508].iter().all(|byte| *byte == 0));
    assert_eq!(newer[508..], crc32fast::hash(&newer[..508]).to_le_bytes());
}

#[test]
fn every_reason_has_its_own_count() {
    let (_dir, failures) = counters();
    for (n, reason) in FailureReason::ALL.into_iter().enumerate() {
        for at_ms in 0..=n as u64 {
            assert!(failures.record(reason, at_ms));
        }
    }
    let counts = failures.read().unwrap();
    let each = FailureReason::ALL.map(|reason| counts.of(reason));
    assert_eq!(each, [1, 2, 3, 4, 5]);
    assert_eq!(counts.total(), 15);
    assert_eq!(counts.last, Some((4, FailureReason::Refused)));
    failures.reset().unwrap();
    assert_eq!(failures.read().unwrap(), FailureCounts::default());
}

#[test]
fn damage_anywhere_is_never_taken_for_a_count() {
    let (_dir, failures) = counters();
    for at_ms in 1..=3 {
        assert!(failures.record(FailureReason::Busy, at_ms));
    }
    let sound = fs::read(&failures.path).unwrap();
    let truth = failures.read().unwrap();
    let check = |bytes: &[u8], what: &str| {
        fs::write(&failures.path, bytes).unwrap();
        match failures.read() {
            Ok(counts) if counts == truth => {}
            Ok(counts) => {
                assert!(counts.incomplete, "{what}");
                assert!((2..=3).contains(&counts.busy) && counts.total() == counts.busy);
            }
            Err(error) => panic!("one copy is sound: {what}: {error}"),
        }
    };
    for index in 0..sound.len() {
        let mut flipped = sound.clone();
        flipped[index] ^= 1 << (index % 8);
        check(&flipped, &format!("byte {index} flipped"));
    }
    for length in 513..sound.len() {
        check(&sound[..length], &format!("cut at {length}"));
    }
}

#[test]
fn counting_goes_on_after_damage_and_says_that_it_lost_some() {
    let (_dir, failures) = counters();
    fs::write(&failures.path, vec![0x5a; 1024]).unwrap();
    assert!(matches!(
        failures.read(),
        Err(FailuresError::Damaged { .. })
    ));
    assert!(failures.record(FailureReason::Io, 1));
    assert!(failures.record(FailureReason::Io, 2));
    let counts = failures.read().unwrap();
    assert_eq!((counts.io, counts.incomplete), (2, true));
    failures.reset().unwrap();
    assert!(failures.record(FailureReason::Io, 3));
    assert!(!failures.read().unwrap().incomplete);
}

#[test]
fn a_file_of_a_wrong_length_is_mended_by_the_next_count() {
    let (_dir, failures) = counters();
    assert!(failures.record(FailureReason::Busy, 1));
    let bytes = fs::read(&failures.path).unwrap();
    for length in [0, 1, 511, 513, 5_000] {
        let mut wrong = bytes.clone();
        wrong.resize(length, 7);
        fs::write(&failures.path, &wrong).unwrap();
        let _ = failures.read();
        assert!(failures.record(FailureReason::Busy, 2), "{length}");
        assert!(failures.read().unwrap().busy >= 1);
        assert_eq!(fs::metadata(&failures.path).unwrap().len(), 1024);
    }
}

#[test]
fn a_held_file_costs_a_count_and_no_more_than_a_moment() {
    let (_dir, failures) = counters();
    assert!(failures.create());
    let holder = File::open(&failures.path).unwrap();
    assert!(platform::try_lock_exclusive(&holder).unwrap());
    assert!(!failures.record(FailureReason::Busy, 1));
    assert!(matches!(failures.reset(), Err(FailuresError::Busy { .. })));
    assert_eq!(failures.read().unwrap().total(), 0, "reading takes no lock");
    drop(holder);
    assert!(failures.record(FailureReason::Busy, 2));
}

#[test]
fn what_is_no_file_is_left_alone() {
    let (_dir, failures) = counters();
    fs::create_dir(&failures.path).unwrap();
    assert!(!failures.create());
    assert!(!failures.record(FailureReason::Busy, 1));
    assert!(matches!(failures.read(), Err(FailuresError::Io { .. })));
}

#[test]
fn many_threads_lose_no_count() {
    let (_dir, failures) = counters();
    let counted: u64 = std::thread::scope(|scope| {
        let record = || {
            (0..20)
                .filter(|n| failures.record(FailureReason::Full, *n))
                .count()
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(record)).collect();
        threads.into_iter().map(|t| t.join().unwrap() as u64).sum()
    });
    assert_eq!(failures.read().unwrap().full, counted);
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_never_counts(bytes in prop::collection::vec(1_u8.., 0..1_100)) {
        let (_dir, failures) = counters();
        fs::write(&failures.path, &bytes).unwrap();
        match failures.read() {
            Ok(counts) => prop_assert_eq!(counts, FailureCounts::default()),
            Err(error) => prop_assert!(matches!(error, FailuresError::Damaged { .. }), "{}", error),
        }
        prop_assert!(bytes.is_empty() || failures.read().is_err());
    }
}
