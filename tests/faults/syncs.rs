//! Syncs that fail, of files and of directories, here and elsewhere.

use std::fs;

use spec_kitty::log::append::{AppendError, Log, Outcome};
use spec_kitty::log::verify::{Writers, verify};

use crate::Home;
use crate::faulty::{Call, eio};

#[test]
fn after_a_failed_sync_the_handle_is_dead() {
    let mut home = Home::new();
    let log = home.process();
    home.confirm(&log, &["before"]);
    home.faulty.made();
    home.faulty.next(Call::Sync, eio());
    let appended = home.append(&log, &["one", "two"]);
    assert!(matches!(
        appended.failure,
        Some(AppendError::Unknown { action: "sync", .. })
    ));
    assert!(matches!(
        appended.outcomes[..],
        [Outcome::Unknown(_), Outcome::Unknown(_)]
    ));
    let syncs =
        |made: &[(Call, String)]| made.iter().filter(|(call, _)| *call == Call::Sync).count();
    assert_eq!(syncs(&home.faulty.made()), 1, "it is not tried again");

    let next = home.confirm(&log, &["after"]);
    let made = home.faulty.made();
    let old = |call| {
        made.iter()
            .any(|(made, name)| *made == call && name == "0000000001.seg")
    };
    assert!(
        !old(Call::Write),
        "nothing is added to that segment: {made:?}"
    );
    let Outcome::Recorded(placed) = next.outcomes[0] else {
        panic!("confirmed");
    };
    assert_eq!(placed.ordinal.0, 2);
    // Clock values of the unknown frames may be known elsewhere.
    assert!(placed.clock.0 > 50, "above the old lease: {placed:?}");
    home.expect_sound();
    assert_eq!(home.read().len(), 4);
}

/// A sync fails before the successor is made: the frames of this call that
/// were in the old segment are unknown, the ones behind are not held back.
#[test]
fn a_failed_sync_of_a_full_segment_is_said_of_its_own_frames_only() {
    expect_it_said_of_its_own_frames_only(40);
}

/// The same where so much is left to encode that a thread makes the sync.
#[test]
fn a_sync_that_fails_beside_the_encoding_is_said_of_its_own_frames_only() {
    expect_it_said_of_its_own_frames_only(1100);
}

fn expect_it_said_of_its_own_frames_only(records: usize) {
    let texts: Vec<String> = (0..records)
        .map(|n| format!("record {n:02} {}", "x".repeat(90)))
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for skipped in 0..8 {
        let mut home = Home::in_memory();
        let log = home.process();
        home.faulty.later(Call::Sync, skipped, eio());
        let appended = super::append(&log, &texts, super::DEADLINE);
        assert!(!home.faulty.is_armed());
        for (text, outcome) in texts.iter().zip(&appended.outcomes) {
            match outcome {
                Outcome::Recorded(placed) => {
                    home.confirmed
                        .push((placed.seq.0, placed.clock.0, (*text).to_owned()));
                }
                Outcome::Unknown(_) => home.unknown.push((*text).to_owned()),
                _ => {}
            }
        }
        assert!(
            home.confirmed.len() < texts.len(),
            "{skipped}: somebody is told"
        );
        assert!(
            appended.failure.is_some(),
            "{skipped}: and the caller learns why"
        );
        home.confirm(&log, &["after"]);
        home.expect_sound();
    }
}

/// Another process's sync fails and its pages are gone, while this one goes on
/// behind them in the same segment.
#[test]
fn another_processes_failed_sync_costs_nothing_that_was_confirmed_here() {
    let mut home = Home::new();
    let (here, there) = (home.process(), home.process());
    home.confirm(&here, &["before"]);
    home.faulty.next(Call::Sync, eio());
    let lost = home.append(&there, &["lost in the page cache"]);
    let Outcome::Unknown(place) = lost.outcomes[0] else {
        panic!("{lost:?}");
    };
    home.confirm(&here, &["behind it"]);
    home.confirm(&there, &["elsewhere again"]);
    home.expect_sound();

    // The disk never had that frame.
    let path = home.segment(place.ordinal.0);
    let mut bytes = fs::read(&path).unwrap();
    let (from, length) = (place.offset.0 as usize, place.bytes as usize);
    bytes[from..from + length].fill(0);
    fs::write(&path, bytes).unwrap();
    home.expect_promises();
    let verdict = verify(home.log_dir(), Writers::None, |_| ()).unwrap();
    assert_eq!(
        (verdict.places(), verdict.lost()),
        (1, 1),
        "and it is named"
    );
    home.confirm(&here, &["after"]);
    home.expect_promises();
}

/// Whichever sync of a directory fails on the way to the first frame: nothing
/// is confirmed until it was made good.
#[test]
fn a_failed_directory_sync_is_made_good_before_anything_is_confirmed() {
    let mut reached = 0;
    for skipped in 0..6 {
        let mut home = Home::new();
        let log = home.process();
        home.faulty.later(Call::SyncDir, skipped, eio());
        let appended = home.append(&log, &["one"]);
        if home.faulty.is_armed() {
            assert!(appended.failure.is_none());
            continue;
        }
        reached += 1;
        assert!(
            matches!(appended.failure, Some(AppendError::Io { .. })),
            "{appended:?}"
        );
        assert_eq!(appended.outcomes, [Outcome::NotWritten]);
        assert!(home.read().is_empty());
        home.faulty.made();
        // Another process, which knows nothing of it, comes first.
        home.confirm(&home.process(), &["two"]);
        let made = home.faulty.made();
        let at = |wanted: Call, name: &str| {
            made.iter()
                .position(|(call, file)| *call == wanted && file == name)
        };
        for dir in ["log", "home"] {
            assert!(
                at(Call::SyncDir, dir) < at(Call::Write, "0000000001.seg"),
                "{made:?}"
            );
            assert!(at(Call::SyncDir, dir).is_some(), "{dir}: {made:?}");
        }
        home.confirm(&log, &["three"]);
        home.expect_sound();
    }
    assert_eq!(reached, 3, "log, home and its parent");
}

#[test]
fn a_failed_directory_sync_of_a_successor_is_made_good_as_well() {
    let mut home = Home::new();
    let log = home.process();
    let long = "z".repeat(600);
    home.confirm(&log, &[&long]);
    home.faulty.next(Call::SyncDir, eio());
    let appended = home.append(&log, &[&long]);
    assert_eq!(
        appended.outcomes,
        [Outcome::NotWritten],
        "{:?}",
        appended.failure
    );
    home.faulty.made();
    home.confirm(&home.process(), &[&long]);
    let made = home.faulty.made();
    let sync = made
        .iter()
        .position(|(call, name)| *call == Call::SyncDir && name == "log");
    let write = made.iter().position(|(call, _)| *call == Call::Write);
    assert!(sync.is_some() && sync < write, "{made:?}");
    home.expect_sound();
}

/// The calls of one append, those on the lock left out.
fn calls_of(home: &mut Home, log: &Log, texts: &[&str]) -> Vec<Call> {
    home.faulty.made();
    home.confirm(log, texts);
    let made = home.faulty.made().into_iter().map(|(call, _)| call);
    made.filter(|call| !matches!(call, Call::Lock | Call::Current))
        .collect()
}

#[test]
fn an_append_costs_one_write_and_one_sync_and_a_later_one_opens_and_reads_nothing() {
    let mut home = Home::new();
    let healthy = home.healthy_process();
    home.confirm(&healthy, &["before"]);
    let log = home.process();
    let first = calls_of(&mut home, &log, &["a"]);
    home.confirm(&log, &["what the second call leaves the third finds"]);
    let count = |calls: &[Call], wanted| calls.iter().filter(|call| **call == wanted).count();
    assert_eq!(
        (count(&first, Call::Write), count(&first, Call::Sync)),
        (1, 1)
    );
    // Is there a successor? Is the segment as it was left? How is it left now?
    let later = [Call::Size, Call::Size, Call::Write, Call::Size, Call::Sync];
    assert_eq!(calls_of(&mut home, &log, &["b", "c"]), later);
    home.confirm(&healthy, &["by another"]);
    let after = calls_of(&mut home, &log, &["d"]);
    assert!(after.contains(&Call::Open), "{after:?}");
    assert_eq!(
        (count(&after, Call::Write), count(&after, Call::Sync)),
        (1, 1)
    );
    assert_eq!(calls_of(&mut home, &log, &["e"]), later);
}
