//! Reads that fail, and logs that must not be written to.

use spec_kitty::log::append::{AppendError, Outcome};
use spec_kitty::log::backward::Backward;
use spec_kitty::log::read::{ReadError, Step};
use spec_kitty::log::reader::Reader;
use spec_kitty::log::segment::LogDir;
use spec_kitty::log::verify::{Writers, verify};
use spec_kitty::position::Seq;

use std::fs;
use std::sync::Arc;

use crate::Home;
use crate::faulty::{Call, eio};
use crate::stage::{Stage, texts};

fn filled() -> Home {
    let mut home = Home::new();
    let log = home.process();
    for n in 0..20 {
        home.confirm(&log, &[&format!("record {n} {}", "x".repeat(n * 13 % 90))]);
    }
    home
}

/// A disk that cannot be read now may be readable again later: nothing is
/// guessed and nothing is written.
#[test]
fn an_appender_that_cannot_read_the_end_writes_nothing() {
    let mut reached = 0;
    for call in [Call::Read, Call::Open, Call::List, Call::Size] {
        for skipped in 0..4 {
            let mut home = filled();
            let log = home.process();
            home.faulty.later(call, skipped, eio());
            home.faulty.made();
            let appended = home.append(&log, &["one"]);
            if home.faulty.is_armed() {
                continue;
            }
            reached += 1;
            if appended.failure.is_some() {
                assert!(matches!(appended.failure, Some(AppendError::Io { .. })));
                assert_eq!(appended.outcomes, [Outcome::NotWritten]);
                let made = home.faulty.made();
                assert!(
                    made.iter().all(|(call, _)| *call != Call::Write),
                    "{made:?}"
                );
            }
            home.confirm(&log, &["two"]);
            home.expect_sound();
        }
    }
    assert!(reached > 3);
}

/// A reader says so, skips nothing, and goes on where it was when the disk can
/// be read again.
#[test]
fn a_reader_that_cannot_read_stops_and_goes_on_later() {
    let home = filled();
    let dir = LogDir::new(home.log_dir().path(), Arc::new(home.faulty.clone()));
    for call in [Call::Read, Call::Open, Call::List, Call::Size] {
        for skipped in 0.. {
            home.faulty.later(call, skipped, eio());
            let mut reader = Reader::new(dir.clone(), Seq(1));
            let (mut read, mut failures) = (Vec::new(), 0);
            loop {
                match reader.step() {
                    Ok(Step::Frame(item)) => read.push(item.seq.0),
                    Ok(Step::Damage(damage)) => panic!("{damage:?}"),
                    Ok(Step::Idle) => break,
                    Err(ReadError::Io { .. }) => failures += 1,
                    Err(error) => panic!("{error}"),
                }
                assert!(failures < 3, "one fault is one failure");
            }
            assert_eq!(read, (1..=20).collect::<Vec<_>>(), "{call:?} {skipped}");
            if home.faulty.is_armed() {
                assert!(skipped > 0, "{call:?} was never made");
                break;
            }
        }
        home.faulty.forget();
    }
}

#[test]
fn verifying_and_reading_backward_say_that_they_cannot_read() {
    let home = filled();
    let dir = LogDir::new(home.log_dir().path(), Arc::new(home.faulty.clone()));
    for call in [Call::Read, Call::Open, Call::List, Call::Size] {
        home.faulty.next(call, eio());
        let verdict = verify(dir.clone(), Writers::None, |_| ());
        assert!(
            matches!(verdict, Err(ReadError::Io { .. })),
            "{call:?}: {verdict:?}"
        );
        home.faulty.next(call, eio());
        let mut failed = false;
        match Backward::new(dir.clone()) {
            Err(_) => failed = true,
            Ok(mut reader) => {
                let mut count = 0;
                loop {
                    match reader.step() {
                        Ok(Some(_)) => count += 1,
                        Ok(None) => break,
                        Err(_) => failed = true,
                    }
                }
                assert_eq!(count, 20, "{call:?}: it goes on after a failure");
            }
        }
        assert!(failed, "{call:?}");
    }
    home.expect_sound();
}

/// Writes a later format version into both copies of a segment's header.
fn make_newer(path: &std::path::Path) {
    let mut bytes = fs::read(path).unwrap();
    for copy in bytes[..1024].chunks_exact_mut(512) {
        copy[8..10].copy_from_slice(&2_u16.to_le_bytes());
        let crc = crc32fast::hash(&copy[..508]);
        copy[508..].copy_from_slice(&crc.to_le_bytes());
    }
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_log_of_a_newer_version_is_refused_and_not_touched() {
    let mut home = filled();
    let newest = home.log_dir().ordinals().unwrap().last().unwrap().0;
    make_newer(&home.segment(newest));
    let before = fs::read(home.segment(newest)).unwrap();
    let appended = home.append(&home.process(), &["one"]);
    assert!(matches!(
        appended.failure,
        Some(AppendError::Newer { version: 2, .. })
    ));
    assert_eq!(appended.outcomes, [Outcome::NotWritten]);
    assert_eq!(fs::read(home.segment(newest)).unwrap(), before);
    assert_eq!(home.log_dir().ordinals().unwrap().last().unwrap().0, newest);
}

/// Every command that needs the log ends with 10 and says what to do; nothing
/// is written anywhere in `log/`.
#[test]
fn every_command_refuses_a_log_of_a_newer_version_with_exit_10() {
    let stage = Stage::new();
    let home = stage.home("home");
    let server = crate::stage::server(&stage.path("server"));
    stage.sign_in(&home, &server);
    stage.recorded(&home, &texts("before", 9));
    let segments = || {
        let mut files: Vec<_> = fs::read_dir(home.log_dir())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|end| end == "seg"))
            .collect();
        files.sort();
        files
            .into_iter()
            .map(|path| (fs::read(&path).unwrap(), path))
            .collect::<Vec<_>>()
    };
    let newest = segments().last().unwrap().1.clone();
    make_newer(&newest);
    let before = segments();
    let payload = r#"{"wp_id":"WP01","entry_type":"note","entry_content":"x"}"#;
    for arguments in [
        &["emit", "HistoryAdded", "--payload", payload][..],
        &["log", "tail", "-n", "all"],
        &["log", "tail", "-n", "1"],
        &["log", "stats"],
        &["log", "verify"],
        &["log", "show", "01HX8T4J6QW2V0N5YB3K000001"],
        &["sync", "now"],
        &["sync", "status"],
    ] {
        let output = stage.run(&home, arguments);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(10), "{arguments:?}: {stderr}");
        assert!(stderr.contains("next: "), "{arguments:?}: {stderr}");
    }
    let output = stage.emit(&home, &texts("more", 3));
    assert_eq!(output.status.code(), Some(10));
    assert!(segments() == before, "nothing in log/ was touched");
    assert!(crate::stage::stored(&server).is_empty());
}

/// A segment that cannot be read for good hides nothing that lies before it.
#[test]
fn what_comes_before_an_unreadable_segment_is_read() {
    let home = filled();
    let last = home.log_dir().ordinals().unwrap().last().unwrap().0;
    let first_there = {
        let bytes = fs::read(home.segment(last)).unwrap();
        u64::from_le_bytes(bytes[88..96].try_into().unwrap())
    };
    // A directory opens like a file, and every read of it fails.
    fs::remove_file(home.segment(last)).unwrap();
    fs::create_dir(home.segment(last)).unwrap();
    let mut reader = Reader::new(home.log_dir(), Seq(1));
    let mut read = Vec::new();
    loop {
        match reader.step() {
            Ok(Step::Frame(item)) => read.push(item.seq.0),
            Ok(other) => panic!("{other:?}"),
            Err(ReadError::Io { .. }) => break,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(read, (1..first_there).collect::<Vec<_>>());
    assert!(reader.step().is_err(), "and it stays said");
    let refused = home.process();
    let appended = crate::append(&refused, &["one"], crate::DEADLINE);
    assert_eq!(appended.outcomes, [Outcome::NotWritten]);
}
