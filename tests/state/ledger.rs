//! The ledger through damage, loss and contention.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use spec_kitty::platform;
use spec_kitty::position::{Lamport, LeaseFloor, Seq};
use spec_kitty::state::{
    Commit, DeliveryState, EventKey, LedgerStore, Note, Outcome, Project, State, StateError,
};
use spec_kitty::target::TargetId;

use super::{WAIT, aside, clean, state};

const TARGET: TargetId = TargetId([9; 16]);

fn open(state: &State) -> (LedgerStore, Vec<Note>) {
    let sender = state.sender_lock(WAIT).unwrap().expect("nobody else sends");
    let opened = state.open_ledger(sender, WAIT).unwrap();
    (opened.value, opened.notes)
}

/// Settles the events `from..=to` of the project "p".
fn settle(from: u64, to: u64) -> Commit {
    let project = Project::new("p").unwrap();
    let mut commit = Commit::new(TARGET, 1_000 + to);
    for seq in from..=to {
        let event = EventKey::new(&format!("event-{seq}")).unwrap();
        commit.settle(Some(&project), Seq(seq), event, Outcome::Delivered);
    }
    commit
}

fn delivered_to(store: &LedgerStore) -> Option<Seq> {
    store.ledger().highest_seq()
}

/// Overwrites the file with bytes that mean nothing.
fn spoil(path: &Path) {
    let length = fs::metadata(path).unwrap().len() as usize;
    fs::write(path, vec![0xff; length]).unwrap();
}

/// sled's files of one kind.
fn sled_files(state: &State, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(state.dir().join("sled")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with(prefix)
        })
        .collect()
}

#[test]
fn a_commit_is_there_after_reopening_and_in_the_view() {
    let (_dir, state) = state();
    assert_eq!(state.view().unwrap(), None);
    let (mut store, notes) = open(&state);
    assert!(notes.is_empty());
    for n in 0..3 {
        let done = store.commit(&settle(2 * n + 1, 2 * n + 2), WAIT).unwrap();
        assert_eq!((done.value.revision, done.notes), (n + 1, vec![]));
    }
    let ledger = store.ledger().clone();
    drop(store);
    let (again, notes) = open(&state);
    assert_eq!((again.ledger(), notes), (&ledger, vec![]));
    assert_eq!(state.view().unwrap().as_ref(), Some(&ledger));
    let project = Project::new("p").unwrap();
    let state_of = |seq| ledger.state_of(TARGET, Some(&project), Seq(seq));
    assert_eq!(state_of(6), DeliveryState::Delivered);
    assert_eq!(state_of(7), DeliveryState::Pending);
}

#[test]
fn the_clock_is_leased_while_a_sender_has_the_ledger() {
    let (_dir, state) = state();
    let (mut store, _) = open(&state);
    store.commit(&settle(1, 1), WAIT).unwrap();
    let lease = state.reserve(clean(0, 0), 1, Duration::from_secs(9));
    assert!(lease.is_ok(), "{lease:?}");
    assert!(state.sender_lock(Duration::ZERO).unwrap().is_none());
    drop(store);
    assert!(state.sender_lock(Duration::ZERO).unwrap().is_some());
}

#[test]
fn a_lost_store_costs_neither_the_ledger_nor_uniqueness_above_the_floor() {
    let (_dir, state) = state();
    let (mut store, _) = open(&state);
    store.commit(&settle(1, 5), WAIT).unwrap();
    fs::remove_dir_all(state.dir().join("sled")).unwrap();
    let lease = state
        .reserve(LeaseFloor::Debris(Lamport(70)), 10, WAIT)
        .unwrap();
    assert_eq!((lease.value.start, lease.notes), (Lamport(71), vec![]));
    let done = store.commit(&settle(6, 6), WAIT).unwrap();
    assert_eq!(done.notes, [], "the new store gets everything");
    drop(store);
    fs::remove_file(state.dir().join("delivery.view")).unwrap();
    let (store, notes) = open(&state);
    assert_eq!((delivered_to(&store), notes), (Some(Seq(6)), vec![]));
    let project = Project::new("p").unwrap();
    let first = store.ledger().state_of(TARGET, Some(&project), Seq(1));
    assert_eq!(first, DeliveryState::Delivered);
}

#[test]
fn a_damaged_store_is_set_aside_once_and_the_ledger_comes_from_the_view() {
    for kind in ["db", "conf", "snap."] {
        let (_dir, state) = state();
        let (mut store, _) = open(&state);
        for seq in 1..=9 {
            store.commit(&settle(seq, seq), WAIT).unwrap();
        }
        drop(store);
        let files = sled_files(&state, kind);
        assert!(!files.is_empty(), "{kind}");
        files.iter().for_each(|path| spoil(path));
        let (store, notes) = open(&state);
        assert_eq!(delivered_to(&store), Some(Seq(9)), "{kind}: {notes:?}");
        if kind != "db" {
            assert!(matches!(notes[0], Note::Healed { .. }), "{kind}: {notes:?}");
        }
        assert_eq!(notes.last(), Some(&Note::RestoredFromView), "{kind}");
        drop(store);
        let (mut store, _) = open(&state);
        assert!(
            store
                .commit(&settle(10, 10), WAIT)
                .unwrap()
                .notes
                .is_empty()
        );
        drop(store);
        let (store, notes) = open(&state);
        assert_eq!(
            (delivered_to(&store), notes),
            (Some(Seq(10)), vec![]),
            "{kind}"
        );
    }
}

#[test]
fn every_truncation_of_the_store_is_survived() {
    let (dir, state) = state();
    let (mut store, _) = open(&state);
    for seq in 1..=20 {
        store.commit(&settle(seq, seq), WAIT).unwrap();
    }
    drop(store);
    let db = state.dir().join("sled/db");
    let length = fs::metadata(&db).unwrap().len();
    for length in (0..length).step_by(usize::try_from(length / 12).unwrap()) {
        let copy = State::at(dir.path().join(format!("copy-{length}")));
        copy_tree(state.dir(), copy.dir());
        let file = File::options()
            .write(true)
            .open(copy.dir().join("sled/db"))
            .unwrap();
        file.set_len(length).unwrap();
        drop(file);
        let lease = copy.reserve(clean(30, 30), 1, WAIT).unwrap();
        assert!(lease.value.start > Lamport(30));
        let (store, notes) = open(&copy);
        assert_eq!(delivered_to(&store), Some(Seq(20)), "{length}: {notes:?}");
    }
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_store_that_is_only_locked_is_waited_for_and_never_set_aside() {
    let (_dir, state) = state();
    let (mut store, _) = open(&state);
    store.commit(&settle(1, 1), WAIT).unwrap();
    let lock = File::open(state.dir().join("LOCK")).unwrap();
    assert!(platform::try_lock_exclusive(&lock).unwrap());
    let short = Duration::from_millis(20);
    let lease = state.reserve(clean(0, 0), 1, short);
    assert!(matches!(lease, Err(StateError::Busy { .. })), "{lease:?}");
    let done = store.commit(&settle(2, 2), short).unwrap();
    assert!(matches!(done.notes[..], [Note::StoreUnavailable { .. }]));
    let seen = state.view().unwrap().unwrap();
    assert_eq!(seen.highest_seq(), Some(Seq(2)), "the view has it");
    drop(lock);
    assert!(store.commit(&settle(3, 3), WAIT).unwrap().notes.is_empty());
    drop(store);
    fs::remove_file(state.dir().join("delivery.view")).unwrap();
    let (store, _) = open(&state);
    assert_eq!(delivered_to(&store), Some(Seq(3)), "and so has the store");
    assert_eq!(aside(&state), 0);
}

#[test]
fn with_the_store_locked_the_view_opens_the_ledger() {
    let (_dir, state) = state();
    let (mut store, _) = open(&state);
    store.commit(&settle(1, 4), WAIT).unwrap();
    let sender = store.into_sender();
    let lock = File::open(state.dir().join("LOCK")).unwrap();
    assert!(platform::try_lock_exclusive(&lock).unwrap());
    let opened = state.open_ledger(sender, Duration::ZERO).unwrap();
    assert_eq!(delivered_to(&opened.value), Some(Seq(4)));
    assert!(matches!(opened.notes[0], Note::StoreUnavailable { .. }));
    let sender = opened.value.into_sender();
    fs::remove_file(state.dir().join("delivery.view")).unwrap();
    let error = state.open_ledger(sender, Duration::ZERO).unwrap_err();
    assert!(matches!(error, StateError::Busy { .. }), "{error}");
}

#[test]
fn a_damaged_view_is_an_error_to_readers_and_mended_by_the_next_sender() {
    let (_dir, state) = state();
    let (mut store, _) = open(&state);
    store.commit(&settle(1, 4), WAIT).unwrap();
    drop(store);
    spoil(&state.dir().join("delivery.view"));
    assert!(state.view().is_err());
    let (mut store, notes) = open(&state);
    assert_eq!(delivered_to(&store), Some(Seq(4)));
    assert!(
        matches!(&notes[..], [Note::ViewRenewed { .. }]),
        "{notes:?}"
    );
    assert_eq!(state.view().unwrap().as_ref(), Some(store.ledger()));
    store.commit(&settle(5, 5), WAIT).unwrap();
    assert_eq!(state.view().unwrap().as_ref(), Some(store.ledger()));
}

#[test]
fn an_entry_that_makes_no_sense_is_told_once_and_gone() {
    let (_dir, state) = state();
    for keeps_view in [true, false] {
        let (mut store, _) = open(&state);
        store.commit(&settle(1, 4), WAIT).unwrap();
        drop(store);
        let db = sled::Config::new()
            .path(state.dir().join("sled"))
            .mode(sled::Mode::LowSpace)
            .segment_size(64 * 1024)
            .open()
            .unwrap();
        let tree = db.open_tree("delivery").unwrap();
        tree.insert(b"nonsense", b"x").unwrap();
        drop((tree, db));
        if !keeps_view {
            fs::remove_file(state.dir().join("delivery.view")).unwrap();
        }
        let (store, notes) = open(&state);
        assert!(matches!(notes[0], Note::EntryDropped { .. }), "{notes:?}");
        // It may have been a refusal of any stream: without the view all of
        // them start over.
        let known = keeps_view.then_some(Seq(4));
        assert_eq!(delivered_to(&store), known);
        drop(store);
        let (store, notes) = open(&state);
        assert_eq!((delivered_to(&store), notes), (known, vec![]));
    }
}

#[test]
fn a_view_of_a_newer_version_is_never_overwritten() {
    let (_dir, state) = state();
    let view = state.dir().join("delivery.view");
    let (mut store, _) = open(&state);
    store.commit(&settle(1, 4), WAIT).unwrap();
    let sender = store.into_sender();
    let mut bytes = fs::read(&view).unwrap();
    bytes[8] = 9;
    let mut crc = crc32fast::Hasher::new();
    crc.update(&bytes[..20]);
    crc.update(&bytes[24..]);
    bytes[20..24].copy_from_slice(&crc.finalize().to_le_bytes());
    fs::write(&view, &bytes).unwrap();
    let error = state.open_ledger(sender, WAIT).unwrap_err();
    assert!(matches!(error, StateError::Newer { .. }), "{error}");
    assert_eq!(fs::read(&view).unwrap(), bytes);
}

/// A sender was killed between the store and the view, and nothing new is to be
/// sent. Found by killing real ones.
#[test]
fn a_view_that_was_left_behind_is_renewed_by_the_next_sender() {
    let (_dir, state) = state();
    let view = state.dir().join("delivery.view");
    let (mut store, _) = open(&state);
    store.commit(&settle(1, 4), WAIT).unwrap();
    let behind = fs::read(&view).unwrap();
    store.commit(&settle(5, 9), WAIT).unwrap();
    drop(store);
    for left in [Some(behind), None] {
        match left {
            Some(bytes) => fs::write(&view, bytes).unwrap(),
            None => fs::remove_file(&view).unwrap(),
        }
        let (store, notes) = open(&state);
        assert_eq!((delivered_to(&store), notes), (Some(Seq(9)), vec![]));
        assert_eq!(state.view().unwrap().as_ref(), Some(store.ledger()));
    }
}

#[cfg(unix)]
#[test]
fn a_state_directory_deleted_under_a_sender_stops_it_and_hurts_nobody_else() {
    let (_dir, state) = state();
    let (mut store, _) = open(&state);
    store.commit(&settle(1, 4), WAIT).unwrap();
    fs::remove_dir_all(state.dir()).unwrap();
    let lease = state.reserve(clean(8, 8), 1, WAIT).unwrap();
    assert_eq!((lease.value.start, lease.notes), (Lamport(9), vec![]));
    let (other, _) = open(&state);
    let error = store.commit(&settle(5, 5), WAIT).unwrap_err();
    assert!(matches!(error, StateError::Displaced { .. }), "{error}");
    assert_eq!(delivered_to(&store), Some(Seq(4)), "nothing was changed");
    assert_eq!(delivered_to(&other), None);
}
