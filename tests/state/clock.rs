//! Leases, and counting what could not be recorded.

use std::fs;
use std::process::{Command, Stdio};

use spec_kitty::position::{Lamport, Lease, LeaseFloor};
use spec_kitty::state::{FailureReason, Note, State, StateError};

use super::{WAIT, aside, clean, state};

#[test]
fn leases_follow_the_log_when_it_is_clean_and_never_repeat_after_debris() {
    let (_dir, state) = state();
    let clean = |last| state.reserve(clean(last, 100), 100, WAIT);
    let first = clean(0).unwrap();
    assert_eq!(first.value, Lease::starting_at(Lamport(1), 100));
    assert!(first.notes.is_empty());
    assert_eq!(clean(40).unwrap().value.start, Lamport(41));
    let debris = state.reserve(LeaseFloor::Debris(Lamport(7)), 100, WAIT);
    assert_eq!(debris.unwrap().value.start, Lamport(141));
}

#[test]
fn a_clock_value_that_cannot_be_is_ignored_and_reported() {
    let (_dir, state) = state();
    state.reserve(clean(0, 0), 1, WAIT).unwrap();
    let poison = Lamport::MAX_PLAUSIBLE.0 + 1;
    let db = sled::Config::new()
        .path(state.dir().join("sled"))
        .segment_size(64 * 1024)
        .open()
        .unwrap();
    let clock = db.open_tree("clock").unwrap();
    clock.insert("leased_to", &poison.to_le_bytes()).unwrap();
    drop((db, clock));
    let leased = state
        .reserve(LeaseFloor::Debris(Lamport(5)), 10, WAIT)
        .unwrap();
    assert_eq!(leased.value, Lease::starting_at(Lamport(6), 10));
    assert_eq!(leased.notes, [Note::ImplausibleClock { value: poison }]);
    let again = state
        .reserve(LeaseFloor::Debris(Lamport(5)), 10, WAIT)
        .unwrap();
    assert_eq!((again.value.start, again.notes.len()), (Lamport(16), 0));
}

#[test]
fn an_exhausted_clock_is_an_error_of_its_own() {
    let (_dir, state) = state();
    let floor = clean(Lamport::MAX_PLAUSIBLE.0, Lamport::MAX_PLAUSIBLE.0);
    let error = state.reserve(floor, 1, WAIT).unwrap_err();
    assert!(matches!(error, StateError::Exhausted { .. }), "{error}");
}

#[test]
fn eight_threads_and_four_processes_never_get_the_same_values() {
    let (dir, state) = state();
    let children: Vec<_> = (0..4)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "clock::a_child_that_reserves", "--nocapture"])
                .env("STATE_TEST_DIR", state.dir())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut leases: Vec<(u64, u64)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| reserve_some(&state)))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        let numbers = text.lines().filter_map(|line| line.strip_prefix("lease "));
        leases.extend(numbers.map(|line| {
            let (start, end) = line.split_once(' ').unwrap();
            (start.parse::<u64>().unwrap(), end.parse::<u64>().unwrap())
        }));
    }
    assert_eq!(leases.len(), 12 * 5);
    leases.sort_unstable();
    assert!(
        leases
            .iter()
            .zip(&leases[1..])
            .all(|(one, next)| one.1 < next.0)
    );
    assert_eq!(aside(&state), 0);
    drop(dir);
}

fn reserve_some(state: &State) -> Vec<(u64, u64)> {
    let lease = || {
        let lease = state
            .reserve(LeaseFloor::Debris(Lamport(0)), 16, WAIT)
            .unwrap();
        assert!(lease.notes.is_empty(), "{:?}", lease.notes);
        (lease.value.start.0, lease.value.end.0)
    };
    (0..5).map(|_| lease()).collect()
}

#[cfg(unix)]
#[test]
fn a_killed_process_loses_no_lease_and_no_store() {
    use std::io::{BufRead, BufReader};
    let (_dir, state) = state();
    let mut last = 0;
    for lines in 0..6 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "clock::a_child_that_reserves", "--nocapture"])
            .env("STATE_TEST_DIR", state.dir())
            .env("STATE_TEST_FOREVER", "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let starts = output.lines().filter_map(|line| {
            let line = line.unwrap();
            let (start, _) = line.strip_prefix("lease ")?.split_once(' ')?;
            start.parse::<u64>().ok()
        });
        for start in starts.take(lines + 1) {
            assert!(start > last, "{start} was leased before");
            last = start;
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let lease = state
        .reserve(LeaseFloor::Debris(Lamport(0)), 1, WAIT)
        .unwrap();
    assert!(lease.value.start > Lamport(last) && lease.notes.is_empty());
}

/// Does nothing unless the tests above start it.
#[test]
fn a_child_that_reserves() {
    let Some(dir) = std::env::var_os("STATE_TEST_DIR") else {
        return;
    };
    while std::env::var_os("STATE_TEST_FOREVER").is_some() {
        for (start, end) in reserve_some(&State::at(&dir)) {
            println!("\nlease {start} {end}");
        }
    }
    for (start, end) in reserve_some(&State::at(dir)) {
        println!("\nlease {start} {end}");
    }
}

#[test]
fn a_home_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let state = State::at(dir.path().join("file/state"));
    let error = state.reserve(clean(0, 0), 1, WAIT).unwrap_err();
    assert!(matches!(error, StateError::Io { .. }), "{error}");
    assert!(error.to_string().contains("file"), "{error}");
}

#[test]
fn failures_are_counted_even_when_the_first_event_of_a_home_fails() {
    let (_dir, state) = state();
    assert_eq!(state.failures().read().unwrap().total(), 0);
    assert!(state.failures().record(FailureReason::Busy, 1));
    assert_eq!(state.failures().read().unwrap().busy, 1);
}

#[test]
fn nothing_is_counted_in_a_home_that_does_not_exist() {
    let dir = tempfile::tempdir().unwrap();
    let state = State::at(dir.path().join("home/state"));
    assert!(!state.failures().record(FailureReason::Io, 1));
    assert!(!dir.path().join("home").exists());
}
