//! The writer lock: not had in time, given back, replaced.

use std::fs;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use spec_kitty::log::append::{AppendError, Note, Outcome};
use spec_kitty::log::read::Step;
use spec_kitty::log::reader::Reader;
use spec_kitty::log::storage::{Disk, Storage};
use spec_kitty::position::Seq;

use crate::faulty::{Call, Fault};
use crate::{DEADLINE, Home, append};

#[test]
fn a_lock_that_is_not_had_in_time_is_said_and_nothing_is_written() {
    let mut home = Home::new();
    let log = home.process();
    home.confirm(&log, &["before"]);
    let path = home.log_dir().lock_path();
    let held = Disk.lock(&path, DEADLINE).unwrap().unwrap();
    for wait_ms in [0, 20] {
        let texts = ["waiting", "in vain"];
        let appended = append(&log, &texts, Duration::from_millis(wait_ms));
        home.heard(&texts, &appended);
        assert!(matches!(appended.failure, Some(AppendError::Busy { .. })));
        assert_eq!(
            appended.outcomes,
            [Outcome::NotWritten, Outcome::NotWritten]
        );
    }
    drop(held);
    home.confirm(&log, &["after"]);
    home.expect_sound();
}

/// Waiters that gave up still stand in the kernel's queue. Each of them gives
/// the lock back the moment it gets it.
#[test]
fn abandoned_waiters_give_the_lock_back() {
    let mut home = Home::new();
    let log = home.process();
    home.confirm(&log, &["before"]);
    let path = home.log_dir().lock_path();
    let held = Disk.lock(&path, DEADLINE).unwrap().unwrap();
    for _ in 0..10 {
        let appended = append(&log, &["in vain"], Duration::from_millis(2));
        assert!(matches!(appended.failure, Some(AppendError::Busy { .. })));
    }
    drop(held);
    let since = Instant::now();
    home.confirm(&log, &["after"]);
    assert!(since.elapsed() < DEADLINE, "the lock comes back at once");
    let left = Disk.lock(&path, DEADLINE).unwrap();
    assert!(left.is_some(), "and stays free");
    drop(left);
    home.expect_sound();
}

/// Whoever wonders why a command took long finds it in its notes.
#[test]
fn a_lock_or_a_sync_that_takes_a_second_is_told_of() {
    let mut home = Home::in_memory();
    let log = home.process();
    let quick = home.confirm(&log, &["quick"]);
    assert!(quick.notes.is_empty());
    for call in [Call::Lock, Call::Sync] {
        let wait = || thread::sleep(Duration::from_millis(1_001));
        home.faulty.next(call, Fault::After(Box::new(wait)));
        let slow = home.confirm(&log, &["slow"]);
        let told = match (call, &slow.notes[..]) {
            (Call::Lock, [Note::SlowLock { waited }]) => *waited,
            (Call::Sync, [Note::SlowSync { waited }]) => *waited,
            other => panic!("{other:?}"),
        };
        assert!(told > Duration::from_secs(1));
    }
}

/// Somebody deletes the lock file while it is held, and another process comes
/// in through the new one, at every possible moment of an append, the first of
/// a process or a later one. Two writers are at work then; whatever both of them
/// confirm is there, for who reads afterwards and for who has followed all the
/// time.
#[test]
fn a_lock_that_is_replaced_at_any_moment_costs_nothing_that_was_confirmed() {
    let (short, long) = (vec!["short"], vec!["x"; 40]);
    for (texts, is_first) in [
        (&short, true),
        (&long, true),
        (&short, false),
        (&long, false),
    ] {
        let mut moments = 0;
        for skipped in 0.. {
            let mut home = Home::new();
            let log = home.process();
            let writer = if is_first { &home.process() } else { &log };
            home.confirm(writer, &["before"]);
            home.confirm(writer, &["and before"]);
            let told = Arc::new(Mutex::new(None));
            let (tell, other, lock) = (
                Arc::clone(&told),
                home.healthy_process(),
                home.log_dir().lock_path(),
            );
            let mut follower = Follower::new(&home);
            let comes_in = move || {
                follower.go_on();
                fs::remove_file(lock).unwrap();
                let said = append(&other, &["through the new lock"], DEADLINE);
                follower.go_on();
                *tell.lock().unwrap() = Some((said, follower));
            };
            home.faulty.any(skipped, Fault::After(Box::new(comes_in)));
            home.append(&log, texts);
            if home.faulty.is_armed() {
                break;
            }
            moments += 1;
            let (said, mut follower) = told.lock().unwrap().take().unwrap();
            home.heard(&["through the new lock"], &said);
            home.append(&log, &["after"]);
            home.confirm(&home.process(), &["and after"]);
            home.expect_promises_of_many();
            follower.go_on();
            for confirmed in &home.confirmed {
                let times = follower.read.iter().filter(|item| *item == confirmed);
                assert_eq!(times.count(), 1, "moment {skipped}: {confirmed:?}");
            }
        }
        assert!(moments > if is_first { 8 } else { 6 }, "{moments}");
    }
}

/// Reads on whenever it is asked to, and remembers.
struct Follower {
    reader: Reader,
    read: Vec<(u64, u64, String)>,
}

impl Follower {
    fn new(home: &Home) -> Self {
        Self {
            reader: Reader::new(home.log_dir(), Seq(1)),
            read: Vec::new(),
        }
    }

    fn go_on(&mut self) {
        loop {
            match self.reader.step().unwrap() {
                Step::Frame(item) => {
                    let text = String::from_utf8(item.body.to_vec()).unwrap();
                    self.read.push((item.seq.0, item.clock.0, text));
                }
                Step::Damage(_) => {}
                Step::Idle => break,
            }
        }
    }
}

impl Home {
    /// The promises when several processes were told things at the same time:
    /// the order in which they were told is not the order of the log.
    fn expect_promises_of_many(&self) {
        let read = self.read();
        assert!(read.is_sorted_by(|one, two| one.0 < two.0), "{read:?}");
        for confirmed in &self.confirmed {
            let found = read.iter().filter(|item| *item == confirmed).count();
            assert_eq!(found, 1, "{confirmed:?} of {read:?}");
        }
        for item in read.iter().filter(|item| !self.confirmed.contains(item)) {
            assert!(self.unknown.contains(&item.2), "{item:?}");
        }
    }
}
