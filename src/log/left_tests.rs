//! What is remembered of the end is what would be read there, and counts for
//! nothing once anybody was there.

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::log::append::{Log, Record, Tick};
use crate::log::prepared::{written_end, written_length};
use crate::log::read::Reason;
use crate::log::tail;
use crate::log::test_support::{
    DEADLINE, Text, append, dir_at, log_at, options, placed, prepared, read_dir, small,
};
use crate::position::{Lamport, Ordinal};

use super::*;

fn home() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn segment(dir: &Path, ordinal: u64) -> std::path::PathBuf {
    dir_at(dir).segment_path(Ordinal(ordinal))
}

/// Whether the log still believes what it left behind.
fn believes(log: &Log) -> bool {
    let newest = log.dir().newest().unwrap().unwrap();
    let left = log.take_left().expect("something was left");
    left.untouched(log.dir(), newest).is_some()
}

#[test]
fn what_is_left_is_what_is_read_there() {
    let dir = home();
    let log = log_at(dir.path(), small(2000));
    placed(&log, &["the first call leaves nothing"]);
    let of = |text: &str, tick| Text {
        text: text.to_owned(),
        tick,
    };
    for round in 0..20 {
        let mut records = [
            of("a", Tick::Own),
            of("refuse", Tick::Own),
            of("foreign", Tick::Still),
            of("clock", Tick::Past(Lamport(round))),
        ];
        let from = usize::try_from(round).unwrap() % records.len();
        let mut slots: Vec<&mut dyn Record> = records[from..]
            .iter_mut()
            .map(|record| record as &mut dyn Record)
            .collect();
        slots.rotate_left(from % 2);
        assert!(log.append(&mut slots, None, DEADLINE).failure.is_none());
        let Some(left) = log.take_left() else {
            panic!("nothing was left in round {round}");
        };
        let Open {
            header, file, tail, ..
        } = &left.open;
        let size = written_end(file.as_ref(), left.open.length, 0).unwrap();
        assert_eq!(file.size().unwrap(), left.open.length);
        assert_eq!(tail::find(file.as_ref(), header, size).unwrap(), *tail);
        let newest = log.dir().newest().unwrap().unwrap();
        assert!(left.untouched(log.dir(), newest).is_some());
    }
}

/// Whoever writes into prepared space leaves the length as it is.
#[test]
fn a_write_into_prepared_space_is_seen_although_the_file_is_as_long_as_before() {
    let dir = home();
    let log = log_at(dir.path(), prepared(4096));
    placed(&log, &["a"]);
    placed(&log, &["b"]);
    let left = log.take_left().expect("something was left");
    assert_eq!(
        placed(&log_at(dir.path(), prepared(4096)), &["x"])[0].seq.0,
        3
    );
    let shape = log.dir().storage().shape_of(&segment(dir.path(), 1));
    assert_eq!(Trace::Shape(shape.unwrap()), left.trace, "it fitted in");
    assert!(left.untouched(log.dir(), Ordinal(1)).is_none());
}

#[test]
fn a_bit_that_flipped_at_the_end_of_prepared_space_is_seen() {
    let bytes_at_end = {
        let dir = home();
        let log = log_at(dir.path(), prepared(4096));
        placed(&log, &["a"]);
        placed(&log, &["b"])[0].bytes + 1
    };
    for back in 0..bytes_at_end {
        let dir = home();
        let log = log_at(dir.path(), prepared(4096));
        placed(&log, &["a"]);
        placed(&log, &["b"]);
        let left = log.take_left().expect("something was left");
        let path = segment(dir.path(), 1);
        let mut bytes = fs::read(&path).unwrap();
        // From the byte behind the last frame to its first one.
        let at = usize::try_from(left.open.tail.end.0 - back).unwrap();
        bytes[at] ^= 0x10;
        let file = fs::File::options().write(true).open(&path);
        file.unwrap().write_all(&bytes).unwrap();
        assert!(left.untouched(log.dir(), Ordinal(1)).is_none(), "at {at}");
    }
}

#[test]
fn nothing_is_left_of_what_went_wrong_or_was_not_written() {
    let dir = home();
    let log = log_at(dir.path(), options());
    assert!(log.take_left().is_none());
    placed(&log, &["a"]);
    assert!(log.take_left().is_none(), "most write only once");
    assert!(append(&log, &["refuse"]).failure.is_none());
    assert!(log.take_left().is_none());
    placed(&log, &["b"]);
    assert!(believes(&log));
    assert!(log.take_left().is_none(), "who asks has it");
    placed(&log, &["c"]);
    assert_eq!(read_dir(dir.path()).0.len(), 3);
}

/// What may happen between two calls of a process; how many records it adds,
/// and whether the log goes on in a successor.
type Touch = (&'static str, fn(&Path), u64);

const TOUCHES: [Touch; 10] = [
    (
        "another writer",
        |dir| {
            placed(&log_at(dir, options()), &["x"]);
        },
        1,
    ),
    (
        "another writer who began a successor",
        |dir| {
            let long = "x".repeat(900);
            placed(&log_at(dir, small(1200)), &[&long, &long]);
        },
        2,
    ),
    (
        "debris",
        |dir| {
            let file = fs::File::options().append(true).open(segment(dir, 1));
            file.unwrap().write_all(b"half a fra").unwrap();
        },
        0,
    ),
    (
        "a copy in its place",
        |dir| {
            let (here, there) = (segment(dir, 1), dir.join("copy"));
            fs::copy(&here, &there).unwrap();
            fs::rename(&there, &here).unwrap();
        },
        0,
    ),
    (
        "the same bytes written again",
        |dir| {
            let bytes = fs::read(segment(dir, 1)).unwrap();
            let file = fs::File::options().write(true).open(segment(dir, 1));
            file.unwrap().write_all(&bytes).unwrap();
        },
        0,
    ),
    (
        "a bit of the last frame, in place",
        |dir| {
            let mut bytes = fs::read(segment(dir, 1)).unwrap();
            let at = written_length(&bytes) - 12;
            bytes[at] ^= 1;
            let file = fs::File::options().write(true).open(segment(dir, 1));
            file.unwrap().write_all(&bytes).unwrap();
        },
        0,
    ),
    (
        "a new lock file",
        |dir| {
            fs::remove_file(dir.join("log/LOCK")).unwrap();
        },
        0,
    ),
    (
        "the directory renamed and a copy in its place",
        |dir| {
            fs::rename(dir.join("log"), dir.join("old")).unwrap();
            fs::create_dir(dir.join("log")).unwrap();
            for name in ["LOCK", "0000000001.seg"] {
                fs::copy(dir.join("old").join(name), dir.join("log").join(name)).unwrap();
            }
        },
        0,
    ),
    (
        "a stranger in the place of the successor",
        |dir| {
            let other = home();
            placed(&log_at(other.path(), options()), &["s"]);
            fs::copy(segment(other.path(), 1), segment(dir, 2)).unwrap();
        },
        0,
    ),
    ("nothing", |_| {}, 0),
];

#[test]
fn whatever_was_touched_the_next_record_gets_the_next_number() {
    let all = [0, 4096].map(|prepared_bytes| TOUCHES.map(|touch| (prepared_bytes, touch)));
    for (prepared_bytes, (what, touch, added)) in all.into_iter().flatten() {
        let dir = home();
        let log = log_at(dir.path(), prepared(prepared_bytes));
        placed(&log, &["a"]);
        placed(&log, &["b"]);
        // Longer than a tick of the clock that files are stamped with.
        std::thread::sleep(std::time::Duration::from_millis(20));
        touch(dir.path());
        let next = placed(&log, &["c"]);
        let after = placed(&log, &["d"]);
        assert_eq!(next[0].seq.0, 3 + added, "{what}");
        assert_eq!(after[0].seq.0, 4 + added, "{what}");
        let (frames, damage) = read_dir(dir.path());
        let seqs: Vec<u64> = frames.iter().map(|(seq, _)| *seq).collect();
        let expected: Vec<u64> = (1..=4 + added)
            .filter(|seq| *seq != 2 || !what.starts_with("a bit"))
            .collect();
        assert_eq!(seqs, expected, "{what}: {damage:?}");
        let clocks: std::collections::BTreeSet<_> = frames
            .iter()
            .map(|(_, text)| text.rsplit('@').next().unwrap().to_owned())
            .collect();
        assert_eq!(clocks.len(), frames.len(), "{what}: {frames:?}");
        let strange = damage.iter().all(|found| found.reason == Reason::Alien);
        assert!(strange || what.starts_with("a bit"), "{what}: {damage:?}");
    }
}

#[test]
fn a_log_that_was_removed_begins_anew() {
    let dir = home();
    let log = log_at(dir.path(), options());
    placed(&log, &["a"]);
    fs::remove_dir_all(dir.path().join("log")).unwrap();
    assert_eq!(placed(&log, &["b"])[0].seq.0, 1);
    assert_eq!(placed(&log, &["c"])[0].seq.0, 2);
    assert_eq!(read_dir(dir.path()).0.len(), 2);
}

#[test]
fn threads_that_share_a_log_lose_nothing() {
    let dir = home();
    let log = log_at(dir.path(), small(4000));
    std::thread::scope(|scope| {
        for name in ["p", "q", "r"] {
            let log = &log;
            scope.spawn(move || {
                for index in 0..40 {
                    placed(log, &[&format!("{name}{index}")]);
                }
            });
        }
    });
    let (frames, damage) = read_dir(dir.path());
    assert!(damage.is_empty(), "{damage:?}");
    let seqs: Vec<u64> = frames.iter().map(|(seq, _)| *seq).collect();
    assert_eq!(seqs, (1..=120).collect::<Vec<_>>());
}

#[test]
fn a_lock_that_was_given_back_keeps_nobody_out() {
    let dir = home();
    let (log, other) = (log_at(dir.path(), options()), log_at(dir.path(), options()));
    for _ in 0..3 {
        placed(&log, &["a"]);
        placed(&other, &["b"]);
    }
    let held = other
        .dir()
        .storage()
        .lock(&other.dir().lock_path(), DEADLINE);
    let held = held.unwrap().unwrap();
    let shut_out = log.append(&mut [], None, std::time::Duration::ZERO);
    assert!(shut_out.failure.is_some(), "somebody holds it");
    drop(held);
    placed(&log, &["c"]);
    assert_eq!(read_dir(dir.path()).0.len(), 7);
}
