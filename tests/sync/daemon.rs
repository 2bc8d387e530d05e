//! The background sender: it follows, keeps its pace, comes back, and leaves.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use spec_kitty::emitter;
use spec_kitty::sync::clock;
use spec_kitty::sync::daemon::{self, DaemonError, Duty, Left};

use crate::commands::run;
use crate::support::Reply;
use crate::support::bench::{BATCH, Bench, REFRESH, server, stored_ids};
use crate::{ALICE, ready, settled};

/// Far beyond anything that is measured here; only a hang is shown by it.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn wait_until(what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(10));
    }
}

struct Terms {
    program: Option<PathBuf>,
    idle_exit: Duration,
}

const ENDLESS: Terms = Terms {
    program: None,
    idle_exit: Duration::from_secs(3600),
};

fn follow(bench: &Bench, terms: Terms) -> Result<Left, DaemonError> {
    daemon::run(Duty {
        home: &bench.home,
        resolve: &|| (bench.config.sync.clone(), bench.recipient()),
        program: terms.program,
        interrupt: &|| false,
        idle_exit: terms.idle_exit,
        hear: &mut |clock| {
            let log = emitter::log_of(&bench.home);
            clock::receive(&log, clock).unwrap();
        },
    })
}

/// Asks the background sender to leave.
struct End<'a>(&'a Bench);

impl Drop for End<'_> {
    fn drop(&mut self) {
        daemon::tell_to_stop(&self.0.home).unwrap();
    }
}

/// Does `job` while a background sender follows, then asks it to leave.
pub(crate) fn meanwhile(bench: &Bench, job: impl FnOnce()) {
    thread::scope(|scope| {
        let daemon = scope.spawn(|| follow(bench, ENDLESS));
        // Also when the job fails: a test must not wait for ever.
        let end = End(bench);
        wait_until("it comes up", || daemon::read_status(&bench.home).is_some());
        job();
        drop(end);
        assert_eq!(daemon.join().unwrap().unwrap(), Left::Told);
    });
    // A command that another test starts at this moment shares the lock until it
    // has begun.
    wait_until("it is gone", || !daemon::is_running(&bench.home));
    let dir = std::fs::read_dir(bench.home.daemon_dir()).unwrap();
    let left: Vec<_> = dir.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["daemon.lock"], "nothing speaks of it any more");
}

#[test]
fn what_is_recorded_arrives_by_itself() {
    let (server, stored) = server(|_, _| None);
    let (mut bench, mut ids) = ready(&server, 3);
    bench.config.sync.interval = Duration::from_millis(100);
    meanwhile(&bench, || {
        wait_until("the first", || stored_ids(&stored).len() == 3);
        ids.extend(bench.emit(&bench.project("widgets"), 2));
        wait_until("the others", || stored_ids(&stored).len() == 5);
    });
    assert_eq!(stored_ids(&stored), ids);
    settled(&bench, (0, 5, 0, 0));
}

#[test]
fn it_sends_one_batch_an_interval_and_sync_now_gets_its_turn() {
    let (server, stored) = server(|_, _| None);
    let (mut bench, ids) = ready(&server, 30);
    bench.config.sync.max_events_per_batch = 10;
    bench.config.sync.interval = Duration::from_secs(3600);
    meanwhile(&bench, || {
        wait_until("one batch", || bench.status().delivered == 10);
        assert_eq!(bench.sync().delivered, 20);
    });
    assert_eq!(server.count(BATCH), 3);
    assert_eq!(stored_ids(&stored), ids);
    settled(&bench, (0, 30, 0, 0));
}

#[test]
fn a_server_that_comes_back_gets_everything() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let (server, stored) = server(move |request, _| {
        let early = request.path == BATCH && count.fetch_add(1, Ordering::SeqCst) < 2;
        early.then(|| Reply::text(503, "<html>"))
    });
    let (bench, ids) = ready(&server, 3);
    meanwhile(&bench, || {
        wait_until("back", || stored_ids(&stored).len() == 3)
    });
    assert_eq!(stored_ids(&stored), ids);
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    settled(&bench, (0, 3, 0, 0));
}

/// Signed out it says so, asks nobody, and goes on after the sign-in.
#[test]
fn it_waits_for_a_sign_in() {
    let (server, stored) = server(|_, _| None);
    let bench = Bench::new();
    bench.emit(&bench.project("widgets"), 2);
    meanwhile(&bench, || {
        wait_until("it says why it waits", || {
            let told = daemon::read_status(&bench.home);
            told.and_then(|told| told.why)
                .is_some_and(|why| why.contains("nobody is signed in"))
        });
        assert!(server.requests().is_empty());
        bench.sign_in(&server, ALICE.0, ALICE.1);
        bench.adopt();
        wait_until("after the sign-in", || stored_ids(&stored).len() == 2);
    });
    settled(&bench, (0, 2, 0, 0));
}

/// A session that ends under it is waited for too; nothing is lost or blamed.
#[test]
fn it_waits_for_a_sign_in_after_the_session_has_ended() {
    let ended = Arc::new(AtomicBool::new(true));
    let still = Arc::clone(&ended);
    let (server, stored) = server(move |request, _| {
        let refuses = still.load(Ordering::SeqCst) && [BATCH, REFRESH].contains(&&*request.path);
        refuses.then(|| Reply::json(401, &json!({"code": "token_not_valid"})))
    });
    let (bench, ids) = ready(&server, 2);
    meanwhile(&bench, || {
        wait_until("it says why it waits", || {
            let told = daemon::read_status(&bench.home);
            told.and_then(|told| told.why)
                .is_some_and(|why| why.contains("has ended"))
        });
        assert_eq!(server.count(REFRESH), 1, "the token is spent once");
        ended.store(false, Ordering::SeqCst);
        bench.sign_in(&server, ALICE.0, ALICE.1);
        wait_until("after the sign-in", || stored_ids(&stored).len() == 2);
    });
    assert_eq!(stored_ids(&stored), ids);
    settled(&bench, (0, 2, 0, 0));
}

/// Whoever signs in starts it again; until then it need not sit there.
#[test]
fn it_leaves_when_nobody_may_send_for_long() {
    let bench = Bench::new();
    bench.emit(&bench.project("widgets"), 2);
    let terms = Terms {
        idle_exit: Duration::from_millis(700),
        ..ENDLESS
    };
    assert_eq!(follow(&bench, terms).unwrap(), Left::Idle);
}

#[test]
fn a_second_one_does_not_begin() {
    let (server, _) = server(|_, _| None);
    let (bench, _) = ready(&server, 1);
    meanwhile(&bench, || {
        assert!(matches!(follow(&bench, ENDLESS), Err(DaemonError::Running)));
    });
}

#[test]
fn it_leaves_when_there_is_nothing_to_do() {
    let (server, stored) = server(|_, _| None);
    let (bench, ids) = ready(&server, 2);
    let terms = Terms {
        idle_exit: Duration::from_millis(700),
        ..ENDLESS
    };
    assert_eq!(follow(&bench, terms).unwrap(), Left::Idle);
    assert_eq!(stored_ids(&stored), ids, "but not before it is done");
}

#[test]
fn it_leaves_a_home_that_is_gone_and_does_not_make_it_anew() {
    let (server, _) = server(|_, _| None);
    let (bench, _) = ready(&server, 1);
    thread::scope(|scope| {
        let daemon = scope.spawn(|| follow(&bench, ENDLESS));
        wait_until("it has sent", || bench.status().delivered == 1);
        wait_until("it is quiet", || {
            daemon::read_status(&bench.home)
                .is_some_and(|told| told.state == daemon::Standing::Following)
        });
        std::fs::remove_dir_all(bench.home.root()).unwrap();
        assert_eq!(daemon.join().unwrap().unwrap(), Left::HomeGone);
    });
    assert!(!bench.home.root().exists());
}

#[test]
fn it_leaves_when_the_program_was_replaced() {
    let (server, _) = server(|_, _| None);
    let (bench, _) = ready(&server, 1);
    let program = bench.nowhere().join("spec-kitty");
    std::fs::write(&program, "old").unwrap();
    let terms = Terms {
        program: Some(program.clone()),
        ..ENDLESS
    };
    thread::scope(|scope| {
        let daemon = scope.spawn(|| follow(&bench, terms));
        wait_until("it comes up", || daemon::read_status(&bench.home).is_some());
        let newer = bench.nowhere().join("newer");
        std::fs::write(&newer, "new").unwrap();
        std::fs::rename(&newer, &program).unwrap();
        assert_eq!(daemon.join().unwrap().unwrap(), Left::Outdated);
    });
}

/// A retry that the server asked to put off is not waited for with the right
/// to send in hand.
#[test]
fn a_wait_does_not_hold_up_others() {
    let throttle = Arc::new(AtomicBool::new(true));
    let still = Arc::clone(&throttle);
    let (server, stored) = server(move |request, _| {
        let slow = request.path == BATCH && still.load(Ordering::SeqCst);
        slow.then(|| Reply::with(429, &[("Retry-After", "20")], b"{}"))
    });
    let (bench, _) = ready(&server, 1);
    meanwhile(&bench, || {
        wait_until("it was asked to wait", || {
            let told = daemon::read_status(&bench.home);
            told.and_then(|told| told.why)
                .is_some_and(|why| why.contains("asks to wait"))
        });
        let state = spec_kitty::state::State::at(bench.home.state_dir());
        let lock = state.sender_lock(Duration::from_secs(5)).unwrap();
        assert!(lock.is_some(), "anybody may send");
    });
    throttle.store(false, Ordering::SeqCst);
    assert!(stored_ids(&stored).is_empty());
    settled(&bench, (1, 0, 0, 0));
}

/// The commands, and a death without a word: no lock stays behind.
#[cfg(unix)]
#[test]
fn it_is_started_shown_and_stopped_and_a_killed_one_leaves_no_lock() {
    let (server, stored) = server(|_, _| None);
    let (bench, ids) = ready(&server, 2);
    let daemon_of = |args: &[&str]| {
        let (code, said, _) = run(&bench, &[&["sync", "daemon"], args].concat());
        assert_eq!(code, 0, "{said}");
        said["daemon"].clone()
    };
    let (_, status, _) = run(&bench, &["sync", "status"]);
    assert_eq!(status["daemon"]["running"], false);
    let first = daemon_of(&["start"]);
    assert_eq!(first["running"], true);
    assert_eq!(daemon_of(&["start"])["pid"], first["pid"], "one is enough");
    wait_until("delivered", || stored_ids(&stored).len() == 2);
    assert_eq!(stored_ids(&stored), ids);
    let (_, status, _) = run(&bench, &["sync", "status"]);
    assert_eq!(status["daemon"]["pid"], first["pid"]);
    let pid = first["pid"].to_string();
    let killed = std::process::Command::new("kill")
        .args(["-9", &pid])
        .status();
    assert!(killed.unwrap().success());
    wait_until("it is dead", || !daemon::is_running(&bench.home));
    let second = daemon_of(&["start"]);
    assert_ne!(second["pid"], first["pid"]);
    assert_eq!(daemon_of(&["stop"])["running"], false);
    assert_eq!(daemon_of(&["status"])["pid"], Value::Null);
    let (code, _, error) = run(&Bench::new(), &["sync", "daemon", "start"]);
    assert_eq!((code, &error["error"]["code"]), (4, &json!("signed-in")));
}
