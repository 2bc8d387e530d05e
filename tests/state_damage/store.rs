//! sled missing, locked, cut short, with flipped bits, older, of another home.

use std::fs;
use std::path::Path;

use spec_kitty::platform;

use crate::trial::{Trial, copy, files_below, replace};

/// What a delivered backlog costs when nothing of the ledger was lost: the
/// events that waited, and those of [`Trial::goes_on`].
const WAITING: u64 = 7 + 9;

#[test]
fn a_missing_store_is_made_anew_from_the_view() {
    let mut trial = Trial::new();
    fs::remove_dir_all(trial.state().join("sled")).unwrap();
    assert_eq!(trial.goes_on(), WAITING);
    assert_eq!(trial.told(), "", "nothing was lost");
}

#[test]
fn a_missing_state_directory_costs_a_second_delivery() {
    let mut trial = Trial::new();
    fs::remove_dir_all(trial.state()).unwrap();
    assert_eq!(trial.goes_on(), WAITING + 10);
    assert_eq!(trial.told(), "");
}

#[test]
fn a_store_that_is_locked_keeps_nobody_from_working() {
    for inside in ["LOCK", "sled/db"] {
        let mut trial = Trial::new();
        let path = trial.state().join(inside);
        let file = fs::File::options().write(true).open(path).unwrap();
        assert!(platform::try_lock_exclusive(&file).unwrap());
        trial.record(7);
        assert_eq!(trial.deliver(), 14, "the view is enough to deliver by");
        trial.holds();
        drop(file);
        assert_eq!(trial.goes_on(), 9, "what was delivered meanwhile is known");
        assert_eq!(trial.told(), "");
    }
}

#[test]
fn a_store_that_was_cut_short_is_set_aside_or_used_and_nothing_is_lost() {
    let mut trial = Trial::new();
    trial.goes_on();
    for name in ["db", "conf", "snap."] {
        for (numerator, denominator) in [(0, 1), (1, 2), (99, 100)] {
            for file in files_below(&trial.state().join("sled")) {
                let named = file.file_name().unwrap().to_str().unwrap();
                if named.starts_with(name) {
                    let length = fs::metadata(&file).unwrap().len();
                    let file = fs::File::options().write(true).open(&file).unwrap();
                    file.set_len(length * numerator / denominator).unwrap();
                }
            }
            assert_eq!(trial.goes_on(), 9);
            let told = trial.told();
            assert!(told.lines().count() <= 1, "{told}");
            assert!(told.is_empty() || told.contains("state store"), "{told}");
        }
    }
}

#[test]
fn flipped_bits_in_the_store_cost_nothing() {
    let mut trial = Trial::new();
    trial.goes_on();
    let mut flipped = 0;
    for place in 0..8 {
        let names: Vec<_> = files_below(&trial.state().join("sled"))
            .into_iter()
            .filter(|path| fs::metadata(path).unwrap().len() > 0)
            .collect();
        for index in 0..names.len() {
            // The snapshots have other names by now.
            let files = files_below(&trial.state().join("sled"));
            let Some(file) = files.get(index) else { break };
            flip(file, place, 8);
            flipped += 1;
            trial.record(7);
            assert_eq!(trial.deliver(), 7, "{} {place}", file.display());
            let told = trial.told();
            assert!(told.lines().count() <= 1, "{told}");
        }
    }
    assert!(flipped >= 24, "{flipped}");
    trial.goes_on();
}

/// Flips one bit of a file, at one of `places` spread over it.
pub fn flip(file: &Path, place: usize, places: usize) {
    let mut bytes = fs::read(file).unwrap();
    if let Some(length) = bytes.len().checked_sub(1) {
        bytes[length * place / (places - 1)] ^= 1 << (place % 8);
        fs::write(file, bytes).unwrap();
    }
}

#[test]
fn garbage_in_the_place_of_the_store_is_set_aside_and_told_once() {
    let mut trial = Trial::new();
    let sled = trial.state().join("sled");
    for file in files_below(&sled) {
        fs::write(file, [0xa5; 70_000]).unwrap();
    }
    assert_eq!(trial.goes_on(), WAITING, "the view still knows");
    trial.told_once("state store was damaged");
}

#[test]
fn the_sender_tells_of_a_damaged_store_when_it_is_the_first_to_see_it() {
    let mut trial = Trial::new();
    for file in files_below(&trial.state().join("sled")) {
        fs::write(file, [0xa5; 70_000]).unwrap();
    }
    assert_eq!(trial.deliver(), 7);
    trial.told_once("state store was damaged");
    assert_eq!(trial.goes_on(), 9);
    assert_eq!(trial.told(), "");
}

#[test]
fn a_file_in_the_place_of_the_store_is_set_aside() {
    let mut trial = Trial::new();
    let sled = trial.state().join("sled");
    fs::remove_dir_all(&sled).unwrap();
    fs::write(&sled, "not a directory").unwrap();
    assert_eq!(trial.goes_on(), WAITING);
    trial.told_once("state store was damaged");
}

#[test]
fn a_store_and_view_from_an_old_backup_cost_a_second_delivery() {
    let mut trial = Trial::new();
    let backup = trial.stage.path("backup");
    copy(&trial.state(), &backup);
    trial.goes_on();
    replace(&backup, &trial.state());
    assert_eq!(trial.goes_on(), WAITING + 9, "sent again from there on");
    assert_eq!(trial.told(), "");
}

#[test]
fn a_store_from_an_old_backup_is_brought_up_to_date_by_the_view() {
    let mut trial = Trial::new();
    let backup = trial.stage.path("backup");
    copy(&trial.state().join("sled"), &backup);
    trial.goes_on();
    replace(&backup, &trial.state().join("sled"));
    assert_eq!(trial.goes_on(), 9);
    assert_eq!(trial.told(), "");
}

#[test]
fn the_state_of_another_home_is_not_believed() {
    for inside in ["", "sled"] {
        let mut trial = Trial::new();
        let other = trial.other_home("other");
        let own = trial.state().join(inside);
        replace(&other.state_dir().join(inside), &own);
        let sent = trial.goes_on();
        assert!((WAITING..=WAITING + 10).contains(&sent), "{sent}");
        trial.told();
    }
}
