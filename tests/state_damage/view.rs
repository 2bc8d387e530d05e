//! The view missing, garbled, older, newer, of another home; the counters of
//! failures garbled.

use std::fs;

use crate::store::flip;
use crate::trial::{Trial, copy};

const VIEW: &str = "delivery.view";

#[test]
fn a_missing_view_is_written_anew_from_the_store() {
    let mut trial = Trial::new();
    fs::remove_file(trial.state().join(VIEW)).unwrap();
    assert_eq!(trial.goes_on(), 16);
    assert_eq!(trial.told(), "");
}

#[test]
fn a_garbled_view_is_told_once_and_written_anew_from_the_store() {
    let mut trial = Trial::new();
    let path = trial.state().join(VIEW);
    for place in 0..8 {
        flip(&path, place, 8);
        assert!(trial.deliver() <= 7, "the store knows what was delivered");
        trial.told_once("delivery.view");
        trial.goes_on();
        assert_eq!(trial.told(), "");
    }
    for bytes in [&b""[..], b"x", &[0; 24], &[0xff; 5000]] {
        fs::write(&path, bytes).unwrap();
        assert_eq!(trial.goes_on(), 9);
        trial.told_once("delivery.view");
    }
}

#[test]
fn a_garbled_view_beside_a_garbled_store_costs_a_second_delivery() {
    let mut trial = Trial::new();
    fs::write(trial.state().join(VIEW), [0xff; 500]).unwrap();
    fs::write(trial.state().join("sled/db"), [0xff; 70_000]).unwrap();
    assert_eq!(trial.goes_on(), 26);
    let told = trial.told();
    assert!(told.contains("state store was damaged"), "{told}");
    assert!(told.lines().count() <= 2, "one each: {told}");
}

#[test]
fn an_older_view_is_written_anew_from_the_store() {
    let mut trial = Trial::new();
    let (path, backup) = (trial.state().join(VIEW), trial.stage.path("backup"));
    copy(&path, &backup);
    trial.goes_on();
    fs::copy(&backup, &path).unwrap();
    assert_eq!(trial.goes_on(), 9);
    assert_eq!(trial.told(), "");
}

#[test]
fn a_view_of_a_newer_format_is_left_alone() {
    let mut trial = Trial::new();
    let path = trial.state().join(VIEW);
    let mut bytes = fs::read(&path).unwrap();
    bytes[8] = 9;
    let crc = {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&bytes[..20]);
        hasher.update(&bytes[24..]);
        hasher.finalize()
    };
    bytes[20..24].copy_from_slice(&crc.to_le_bytes());
    fs::write(&path, &bytes).unwrap();
    trial.record(7);
    let output = trial.stage.run(&trial.home, &["sync", "now"]);
    assert_eq!(output.status.code(), Some(10), "as for a newer log");
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!(trial.told(), "", "recording is not concerned");
}

#[test]
fn a_view_of_another_home_is_not_believed() {
    let mut trial = Trial::new();
    let other = trial.other_home("other");
    fs::copy(other.state_dir().join(VIEW), trial.state().join(VIEW)).unwrap();
    let sent = trial.goes_on();
    assert!((16..=26).contains(&sent), "{sent}");
}

#[test]
fn garbled_counters_of_failures_hold_up_nothing_and_are_said() {
    let mut trial = Trial::new();
    let path = trial.state().join("failures");
    for bytes in [vec![0xff; 1024], vec![0xff; 3], vec![7; 9000]] {
        fs::write(&path, bytes).unwrap();
        trial.goes_on();
        let output = trial.expect(&["sync", "status"]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("Failures"), "{text}");
        assert_eq!(trial.told(), "");
    }
}
