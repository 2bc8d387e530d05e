//! What is broken is found without touching it, and made anew from the rest.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use spec_kitty::position::{Lamport, LeaseFloor, Seq};
use spec_kitty::state::{
    Ailment, ClockOfLog, Commit, DeliveryState, EventKey, Ledger, Outcome, Project, Refusal,
    Remains, Retry, State, Trouble,
};
use spec_kitty::target::TargetId;

use crate::{WAIT, clean, state};

const TARGET: TargetId = TargetId([7; 16]);

fn project() -> Project {
    Project::new("0b6f4d7e-5f0c-4f0e-8d5e-3b1d2c3a4b5c").unwrap()
}

fn commit(state: &State, seq: u64) {
    let sender = state.sender_lock(WAIT).unwrap().unwrap();
    let mut ledger = state.open_ledger(sender, WAIT).unwrap().value;
    let mut commit = Commit::new(TARGET, 1);
    let event = EventKey::new(&format!("event-{seq}")).unwrap();
    commit.settle(Some(&project()), Seq(seq), event, Outcome::Delivered);
    ledger.commit(&commit, WAIT).unwrap();
}

fn knows(ledger: &Ledger, seq: u64) -> bool {
    ledger.state_of(TARGET, Some(&project()), Seq(seq)) == DeliveryState::Delivered
}

/// Everything below `state/`, but for the lock files.
fn files(state: &State) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    let mut todo = vec![state.dir().to_owned()];
    while let Some(next) = todo.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else {
                all.push((path.clone(), fs::read(path).unwrap()));
            }
        }
    }
    all.sort();
    all
}

const LOG: ClockOfLog = ClockOfLog {
    value: Lamport(500),
    leased_to: Lamport(900),
};

fn rebuilt(state: &State) -> Vec<PathBuf> {
    let sender = state.sender_lock(WAIT).unwrap().unwrap();
    let aside = state.rebuild(sender, LOG, WAIT).unwrap();
    assert_eq!(ailments(state), []);
    aside
}

fn ailments(state: &State) -> Vec<Ailment> {
    state.examine(WAIT).unwrap().ailments
}

fn remains(state: &State) -> Remains {
    state.examine(WAIT).unwrap().remains
}

fn break_store(state: &State) {
    fs::write(state.dir().join("sled/db"), vec![0xff; 200_000]).unwrap();
}

#[test]
fn all_is_well_with_nothing_and_with_a_store_that_works() {
    let (_dir, state) = state();
    assert_eq!(state.examine(Duration::ZERO).unwrap().ailments, []);
    assert!(!state.dir().exists(), "looking creates nothing");
    commit(&state, 1);
    let before = files(&state);
    assert_eq!(ailments(&state), []);
    assert_eq!(files(&state), before, "looking changes nothing");
}

#[test]
fn a_damaged_view_is_made_anew_from_the_store_and_kept() {
    let (_dir, state) = state();
    commit(&state, 1);
    let view = state.dir().join("delivery.view");
    let mut bytes = fs::read(&view).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&view, &bytes).unwrap();
    let before = files(&state);
    let ailments = ailments(&state);
    assert_eq!(ailments.len(), 1);
    assert_eq!(ailments[0].path, view);
    assert_eq!(files(&state), before);
    let aside = rebuilt(&state);
    assert_eq!(aside.len(), 1);
    assert_eq!(
        fs::read(&aside[0]).unwrap(),
        bytes,
        "the damaged one is kept"
    );
    assert!(knows(&state.view().unwrap().unwrap(), 1));
}

#[test]
fn a_damaged_store_is_made_anew_from_the_view_and_kept() {
    let (_dir, state) = state();
    commit(&state, 1);
    break_store(&state);
    let before = files(&state);
    let ailments = ailments(&state);
    assert_eq!(ailments.len(), 1, "{ailments:?}");
    assert_eq!(ailments[0].path, state.dir().join("sled"));
    assert_eq!(files(&state), before);
    assert_eq!(remains(&state), Remains::View);
    assert_eq!(rebuilt(&state).len(), 1);
    fs::remove_file(state.dir().join("delivery.view")).unwrap();
    let sender = state.sender_lock(WAIT).unwrap().unwrap();
    let ledger = state.open_ledger(sender, WAIT).unwrap().value;
    assert!(knows(ledger.ledger(), 1), "the store has it again");
}

#[test]
fn a_view_that_is_missing_or_left_behind_is_renewed() {
    let (_dir, state) = state();
    commit(&state, 1);
    let view = state.dir().join("delivery.view");
    let older = fs::read(&view).unwrap();
    commit(&state, 2);
    for content in [Some(older), None] {
        match content {
            Some(bytes) => fs::write(&view, bytes).unwrap(),
            None => fs::remove_file(&view).unwrap(),
        }
        assert_eq!(ailments(&state).len(), 1);
        assert!(rebuilt(&state).is_empty());
        assert!(knows(&state.view().unwrap().unwrap(), 2));
    }
}

/// A view is written when the store is in use, and a store may be deleted.
#[test]
fn a_store_that_is_missing_or_left_behind_is_renewed() {
    let (_dir, state) = state();
    commit(&state, 1);
    let sled = state.dir().join("sled");
    let older = state.dir().join("older");
    copy(&sled, &older);
    commit(&state, 2);
    for is_there in [true, false] {
        fs::remove_dir_all(&sled).unwrap();
        if is_there {
            copy(&older, &sled);
        }
        assert_eq!(ailments(&state)[0].path, sled);
        assert_eq!(remains(&state), Remains::Whole);
        assert!(rebuilt(&state).is_empty());
        assert!(knows(&state.view().unwrap().unwrap(), 2));
    }
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Whichever of the two is left, it is still known what the server refused.
#[test]
fn what_was_refused_or_parked_is_not_forgotten() {
    for is_store_damaged in [false, true] {
        let (_dir, state) = state();
        let sender = state.sender_lock(WAIT).unwrap().unwrap();
        let mut ledger = state.open_ledger(sender, WAIT).unwrap().value;
        let mut commit = Commit::new(TARGET, 1);
        for (seq, retry) in [(1, Retry::Never), (2, Retry::At(9))] {
            let event = EventKey::new(&format!("event-{seq}")).unwrap();
            let trouble = Trouble::new("invalid", "no", Some(400));
            let refused = Outcome::Refused(Refusal { retry, trouble });
            commit.settle(Some(&project()), Seq(seq), event, refused);
        }
        ledger.commit(&commit, WAIT).unwrap();
        drop(ledger);
        if is_store_damaged {
            break_store(&state);
        } else {
            fs::write(state.dir().join("delivery.view"), "x").unwrap();
        }
        rebuilt(&state);
        let sender = state.sender_lock(WAIT).unwrap().unwrap();
        let ledger = state.open_ledger(sender, WAIT).unwrap().value;
        let view = state.view().unwrap().unwrap();
        for ledger in [ledger.ledger(), &view] {
            let target = ledger.target(TARGET).unwrap();
            assert_eq!(target.refused(), (1, 1));
        }
    }
}

/// A store that was made anew knows at once what the log has leased.
#[test]
fn the_clock_comes_from_the_log_and_never_goes_back() {
    let (_dir, state) = state();
    commit(&state, 1);
    break_store(&state);
    rebuilt(&state);
    let lease = |floor| state.reserve(floor, 10, WAIT).unwrap().value;
    assert_eq!(lease(LeaseFloor::Debris(Lamport(7))).start, Lamport(901));
    assert_eq!(lease(clean(7, 910)).start, Lamport(501));
    // What the store knows beyond the log is kept.
    fs::remove_file(state.dir().join("delivery.view")).unwrap();
    rebuilt(&state);
    assert_eq!(lease(LeaseFloor::Debris(Lamport(7))).start, Lamport(911));
}

#[test]
fn what_is_in_the_place_of_the_view_is_set_aside() {
    let (_dir, state) = state();
    commit(&state, 1);
    let view = state.dir().join("delivery.view");
    fs::remove_file(&view).unwrap();
    fs::create_dir(&view).unwrap();
    assert_eq!(ailments(&state)[0].path, view);
    assert_eq!(rebuilt(&state).len(), 1);
    assert!(knows(&state.view().unwrap().unwrap(), 1));
}

#[test]
fn with_both_gone_delivery_starts_over() {
    let (_dir, state) = state();
    commit(&state, 1);
    break_store(&state);
    fs::write(state.dir().join("delivery.view"), "x").unwrap();
    assert_eq!(ailments(&state).len(), 2);
    assert_eq!(remains(&state), Remains::Nothing);
    assert_eq!(rebuilt(&state).len(), 2);
    assert!(!knows(&state.view().unwrap().unwrap_or_default(), 1));
}
