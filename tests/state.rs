//! The state room as its users meet it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]

use std::time::Duration;

use spec_kitty::position::{Lamport, LeaseFloor, Seq};
use spec_kitty::state::{Commit, DeliveryState, EventKey, FailureReason, Outcome, Project, State};
use spec_kitty::target::TargetId;

const WAIT: Duration = Duration::from_secs(20);

fn state() -> (tempfile::TempDir, State) {
    let dir = tempfile::tempdir().unwrap();
    let state = State::at(dir.path().join("state"));
    (dir, state)
}

#[test]
fn leases_follow_the_log_when_it_is_clean_and_never_repeat_after_debris() {
    let (_dir, state) = state();
    let clean = |last| state.reserve(LeaseFloor::Clean(Lamport(last)), 100, WAIT);
    let first = clean(0).unwrap();
    assert_eq!(
        (first.value.start, first.value.end),
        (Lamport(1), Lamport(100))
    );
    assert!(first.notes.is_empty());
    assert_eq!(clean(40).unwrap().value.start, Lamport(41));
    let debris = state
        .reserve(LeaseFloor::Debris(Lamport(7)), 100, WAIT)
        .unwrap();
    assert_eq!(debris.value.start, Lamport(141));
}

#[test]
fn a_commit_is_there_after_reopening_and_in_the_view() {
    let (_dir, state) = state();
    let target = TargetId([9; 16]);
    let project = Project::new("p-1").unwrap();
    let sender = state.sender_lock(WAIT).unwrap().unwrap();
    let mut store = state.open_ledger(sender, WAIT).unwrap().value;
    let mut commit = Commit::new(target, 1_000);
    let event = EventKey::new("01ARZ3NDEKTSV4RRFFQ69G5FAV").unwrap();
    commit.settle(Some(&project), Seq(3), event, Outcome::Delivered);
    let done = store.commit(&commit, WAIT).unwrap();
    assert_eq!((done.value.revision, done.notes.len()), (1, 0));
    let sender = store.into_sender();
    let again = state.open_ledger(sender, WAIT).unwrap();
    assert!(again.notes.is_empty(), "{:?}", again.notes);
    let ledger = again.value.ledger();
    assert_eq!(
        ledger.state_of(target, Some(&project), Seq(3)),
        DeliveryState::Delivered
    );
    assert_eq!(state.view().unwrap().as_ref(), Some(ledger));
}

#[test]
fn failures_are_counted_even_when_the_first_event_of_a_home_fails() {
    let (_dir, state) = state();
    assert_eq!(state.failures().read().unwrap().total(), 0);
    assert!(state.failures().record(FailureReason::Busy, 1));
    assert!(state.failures().record(FailureReason::Full, 2));
    let counts = state.failures().read().unwrap();
    assert_eq!((counts.busy, counts.full, counts.total()), (1, 1, 2));
    assert_eq!(counts.last, Some((2, FailureReason::Full)));
    state.failures().reset().unwrap();
    assert_eq!(state.failures().read().unwrap(), Default::default());
}

#[test]
fn nothing_is_counted_in_a_home_that_does_not_exist() {
    let dir = tempfile::tempdir().unwrap();
    let state = State::at(dir.path().join("home/state"));
    assert!(!state.failures().record(FailureReason::Io, 1));
    assert!(!dir.path().join("home").exists());
}
