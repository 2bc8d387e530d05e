//! Copied homes, restored logs, and credentials of somebody else.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use spec_kitty::home::Home;

use crate::stage::{PASSWORD, Recorded, Stage, events, events_left, stored, texts};
use crate::trial::{Trial, copy, replace};

#[test]
fn a_copied_home_is_another_node_and_both_go_on() {
    let mut trial = Trial::new();
    let copied = Home::at(trial.stage.path("copy"));
    copy(trial.home.root(), copied.root());
    trial.goes_on();
    let original = std::mem::replace(&mut trial.home, copied);
    assert_eq!(trial.concede(), 9);
    trial.goes_on();
    trial.told_once("copied or moved");
    let copied = std::mem::replace(&mut trial.home, original);
    trial.concede();
    assert_eq!(trial.goes_on(), 9, "the original has not noticed anything");
    assert_eq!(trial.told(), "");
    let node = |home: &Home| events(home).last().unwrap().node().to_owned();
    assert_ne!(node(&trial.home), node(&copied));
}

#[test]
fn two_homes_of_one_user_are_two_nodes() {
    let stage = Stage::new();
    let own = Home::at(stage.path("nobody/.spec-kitty"));
    stage.recorded(&own, &texts("own", 9));
    let second = stage.home("second");
    stage.recorded(&second, &texts("second", 9));
    stage.recorded(&own, &texts("own-again", 9));
    let told = stage.recorded(&second, &texts("second-again", 9));
    assert_eq!(told, "", "the second home is not taken for a copied one");
    let all = [events(&own), events(&second)].concat();
    let values: BTreeSet<_> = all.iter().map(|e| (e.node(), e.clock)).collect();
    assert_eq!(values.len(), all.len(), "no value is issued twice");
    let nodes: BTreeSet<_> = all.iter().map(Recorded::node).collect();
    assert_eq!(nodes.len(), 2, "each home keeps its node");
}

#[test]
fn a_home_that_is_put_back_from_a_backup_never_repeats_a_value() {
    let mut trial = Trial::new();
    let backup = trial.stage.path("backup");
    copy(trial.home.root(), &backup);
    trial.goes_on();
    let home = trial.home.root().to_owned();
    replace(&backup, &home);
    assert_eq!(trial.concede(), 9);
    trial.goes_on();
    trial.told_once("copied or moved");
}

#[test]
fn a_log_that_is_put_back_from_a_backup_never_repeats_a_value() {
    let mut trial = Trial::new();
    let backup = trial.stage.path("backup");
    copy(&trial.log(), &backup);
    trial.goes_on();
    let log = trial.log();
    replace(&backup, &log);
    assert_eq!(trial.concede(), 9);
    trial.goes_on();
    trial.told_once("copied or moved");
}

/// The lock file stays where it is, so the log looks like one that was never
/// away: only what was written down elsewhere tells.
#[test]
fn segments_that_are_put_back_never_repeat_a_value() {
    for in_place in [false, true] {
        let mut trial = Trial::new();
        let backup = trial.stage.path("backup");
        copy(&trial.log(), &backup);
        trial.record(1);
        trial.record(9);
        trial.deliver();
        for entry in fs::read_dir(trial.log()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_owned();
            if name.to_str().unwrap().ends_with(".seg") {
                let old = backup.join(&name);
                match (in_place, old.exists()) {
                    (true, true) => drop(fs::copy(&old, &path).unwrap()),
                    (false, true) => {
                        fs::remove_file(&path).unwrap();
                        copy(&old, &path);
                    }
                    (_, false) => fs::remove_file(&path).unwrap(),
                }
            }
        }
        assert_eq!(trial.concede(), 10);
        trial.verdict = 5;
        trial.goes_on();
        let told = trial.told();
        let mut told = told.lines();
        assert!(told.next().unwrap().contains("older copy"), "{told:?}");
        // What is lost is told by every command that reads past it.
        assert!(told.all(|line| line.contains("10 records, 18 to 27 are lost")));
    }
}

/// Not even the sender knows of it: the last receipt does.
#[test]
fn an_end_that_is_cut_off_between_two_frames_is_seen_and_told() {
    let stage = Stage::new();
    let home = stage.home("home");
    stage.recorded(&home, &texts("a", 3));
    let segment = home.log_dir().join("0000000001.seg");
    let whole = fs::metadata(&segment).unwrap().len();
    stage.recorded(&home, &texts("b", 1));
    let before = events(&home);
    let file = fs::File::options().write(true).open(&segment).unwrap();
    file.set_len(whole).unwrap();
    let output = stage.run(&home, &["--json", "log", "verify"]);
    assert_eq!(output.status.code(), Some(5));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let lost = report["lost"][0].clone();
    assert_eq!((&lost["from_seq"], &lost["to_seq"]), (&4.into(), &4.into()));
    assert_eq!(lost["possibly_unacknowledged"], false);
    let told = stage.recorded(&home, &texts("c", 1));
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(told.contains("the end of the event log is gone"), "{told}");
    let after = events_left(&home);
    assert_eq!(after.len(), 4);
    assert!(after[3].clock > before[3].clock && after[3].node() != before[3].node());
    assert_eq!(after[3].seq, 5, "no number is used twice");
    assert_eq!(stage.recorded(&home, &texts("d", 1)), "");
    let output = stage.run(&home, &["--json", "log", "verify"]);
    assert_eq!(
        output.status.code(),
        Some(5),
        "and the loss is not forgotten"
    );
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["lost"].as_array().unwrap().len(), 1, "{report}");
    assert_eq!(report["lost"][0]["from_seq"], 4);
}

#[test]
fn credentials_of_another_account_move_nothing() {
    for user in ["colleague", "stranger"] {
        let mut trial = Trial::new();
        let own = fs::read(trial.home.credentials_file()).unwrap();
        let theirs = trial.stage.home("theirs");
        let arguments = [
            "auth",
            "login",
            "--server",
            trial.server.url(),
            "-u",
            user,
            "--password-stdin",
        ];
        let output = trial.stage.feed(&theirs, &arguments, PASSWORD);
        assert_eq!(output.status.code(), Some(0));
        fs::copy(theirs.credentials_file(), trial.home.credentials_file()).unwrap();
        let before = stored(&trial.server).len();
        let output = trial.stage.run(&trial.home, &["sync", "now"]);
        assert_eq!(output.status.code(), Some(4), "held, and said so");
        assert_eq!(stored(&trial.server).len(), before, "nothing moved");
        fs::write(trial.home.credentials_file(), own).unwrap();
        assert_eq!(trial.goes_on(), 16);
        assert_eq!(trial.told(), "");
    }
}
