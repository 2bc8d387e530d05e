//! Names: renames that fail, directories that vanish or are exchanged.

use std::fs;
use std::io;

use spec_kitty::log::append::{AppendError, Note, Outcome};
use spec_kitty::log::read::Step;
use spec_kitty::log::reader::Reader;
use spec_kitty::position::Seq;

use crate::faulty::{Call, Fault, eio};
use crate::{DEADLINE, Home, append};

#[test]
fn a_failed_rename_leaves_no_segment_and_no_trace() {
    for error in [
        io::Error::from_raw_os_error(5),
        io::ErrorKind::AlreadyExists.into(),
    ] {
        let mut home = Home::new();
        let log = home.process();
        home.faulty.next(Call::Rename, Fault::Error(error));
        let appended = home.append(&log, &["one"]);
        assert!(matches!(
            appended.failure,
            Some(AppendError::Io {
                action: "create",
                ..
            })
        ));
        assert_eq!(appended.outcomes, [Outcome::NotWritten]);
        assert!(home.log_dir().ordinals().unwrap().is_empty());
        home.confirm(&log, &["two"]);
        let names: Vec<_> = fs::read_dir(home.log_dir().path()).unwrap().collect();
        assert_eq!(names.len(), 2, "a lock and a segment: {names:?}");
        home.expect_sound();
    }
}

#[test]
fn a_creation_that_was_interrupted_anywhere_is_begun_again() {
    let calls = [
        Call::Create,
        Call::Write,
        Call::Sync,
        Call::Rename,
        Call::SyncDir,
        Call::Lock,
    ];
    for call in calls {
        for skipped in 0..3 {
            let mut home = Home::new();
            let log = home.process();
            home.faulty.later(call, skipped, eio());
            home.append(&log, &["one"]);
            home.append(&log, &["two"]);
            home.confirm(&log, &["three"]);
            home.expect_sound();
        }
    }
}

#[test]
fn a_directory_that_vanished_is_made_again() {
    let mut home = Home::new();
    let log = home.process();
    home.confirm(&log, &["gone"]);
    let mut follower = Reader::new(home.log_dir(), Seq(1));
    assert!(matches!(follower.step().unwrap(), Step::Frame(_)));
    fs::remove_dir_all(home.dir.path().join("home")).unwrap();
    home.confirmed.clear();
    assert!(
        matches!(follower.step().unwrap(), Step::Idle),
        "there is nothing more"
    );
    home.confirm(&log, &["new"]);
    home.expect_sound();
    let next = loop {
        match follower.step().unwrap() {
            Step::Frame(item) => break Some(item.body.to_vec()),
            Step::Damage(_) => {}
            Step::Idle => break None,
        }
    };
    assert!(
        next.is_none_or(|body| body == b"new"),
        "nothing else appears"
    );
}

/// At whatever moment the directory goes: what is confirmed afterwards is
/// there, and nothing that went with it was confirmed.
#[test]
fn a_directory_that_vanishes_in_the_middle_of_an_append_confirms_nothing_in_it() {
    let mut moments = 0;
    for skipped in 0.. {
        let mut home = Home::new();
        let log = home.process();
        home.confirm(&log, &["before"]);
        let (from, to) = (
            home.dir.path().join("home/log"),
            home.dir.path().join("elsewhere"),
        );
        let takes_away = move || fs::rename(from, to).unwrap();
        home.faulty.any(skipped, Fault::After(Box::new(takes_away)));
        home.confirmed.clear();
        let appended = append(&log, &["during"], DEADLINE);
        if home.faulty.is_armed() {
            break;
        }
        moments += 1;
        // Until the frame is in the file, nobody may be told that it is.
        let was_written = matches!(appended.outcomes[0], Outcome::Recorded(_));
        let there = home.read().iter().any(|(_, _, text)| text == "during");
        let elsewhere = fs::read(home.dir.path().join("elsewhere/0000000001.seg")).unwrap();
        let moved = elsewhere.windows(6).any(|bytes| bytes == b"during");
        assert!(
            !was_written || there || moved,
            "moment {skipped}: {appended:?}"
        );
        home.confirm(&log, &["after"]);
    }
    assert!(moments > 5, "{moments}");
}

/// The directory is replaced by an older copy of itself, under a process that
/// goes on and one that follows.
#[test]
fn a_directory_that_is_replaced_by_its_backup_is_a_copied_home() {
    let mut home = Home::new();
    let log = home.process();
    let dir = home.dir.path().join("home/log");
    home.confirm(&log, &["one", "two"]);
    let backup = home.dir.path().join("backup");
    fs::create_dir(&backup).unwrap();
    for entry in fs::read_dir(&dir).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), backup.join(entry.file_name())).unwrap();
    }
    let kept = home.confirmed.clone();
    home.confirm(&log, &["lost with the old one"]);
    let clock = home.confirmed.last().unwrap().1;
    let mut follower = Reader::new(home.log_dir(), Seq(1));
    while !matches!(follower.step().unwrap(), Step::Idle) {}

    fs::rename(&dir, home.dir.path().join("old")).unwrap();
    fs::rename(&backup, &dir).unwrap();
    home.confirmed = kept;
    let appended = home.confirm(&log, &["after"]);
    assert!(
        matches!(appended.notes[..], [Note::NewNode { .. }]),
        "{:?}",
        appended.notes
    );
    home.expect_sound();
    // The clock may repeat what the lost directory issued, but not as the same
    // node: the header says so.
    assert!(home.confirmed.last().unwrap().1 <= clock);
    for _ in 0..20 {
        if let Step::Frame(item) = follower.step().unwrap() {
            assert_eq!(item.body, b"after");
        }
    }
}
