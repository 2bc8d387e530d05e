//! The background sender as a thread of a command that lives long: the same
//! loop, the same lock, and an end that nobody waits for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use spec_kitty::auth::Recipient;
use spec_kitty::config::{Config, SyncConfig};
use spec_kitty::sync::daemon::{self, Errands, Host};

use crate::daemon::wait_until;
use crate::ready;
use crate::settled;
use crate::support::Reply;
use crate::support::bench::{BATCH, Bench, server, stored_ids};

fn host(bench: &Bench) -> Host {
    let recipient = bench.recipient();
    let resolve =
        move || -> (SyncConfig, Recipient) { (Config::default().sync, recipient.clone()) };
    let errands = Errands {
        resolve: Box::new(resolve),
        hear: Box::new(|_| {}),
    };
    Host::start(bench.home.clone(), errands).unwrap()
}

#[test]
fn a_thread_sends_as_a_process_would_and_leaves_with_its_command() {
    let (server, stored) = server(|_, _| None);
    let (bench, ids) = ready(&server, 3);
    let thread = host(&bench);
    wait_until("delivered", || stored_ids(&stored).len() == 3);
    let told = daemon::read_status(&bench.home).unwrap();
    assert_eq!(told.pid, std::process::id());
    let second = host(&bench);
    wait_until("one is enough", || second.has_left());
    assert!(!thread.has_left());
    drop(thread);
    assert!(!daemon::is_running(&bench.home), "in time");
    assert_eq!(stored_ids(&stored), ids);
    settled(&bench, (0, 3, 0, 0));
}

/// The server answers only after the command is over: that is what is shown, by
/// the order of things and not by a clock.
#[test]
fn a_command_that_ends_does_not_wait_for_a_request_in_flight() {
    let (answer, may_answer) = mpsc::channel::<()>();
    let asked = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&asked);
    let (server, _) = server(move |request, _| {
        if request.path == BATCH {
            seen.store(true, Ordering::SeqCst);
            let _ = may_answer.recv_timeout(Duration::from_secs(20));
        }
        Some(Reply::text(503, ""))
    });
    let (bench, _) = ready(&server, 1);
    let thread = host(&bench);
    wait_until("a request is in flight", || asked.load(Ordering::SeqCst));
    drop(thread);
    answer.send(()).unwrap();
    wait_until("the thread is gone", || !daemon::is_running(&bench.home));
    settled(&bench, (1, 0, 0, 0));
}

/// Many come and go, and none is left.
#[test]
fn a_command_that_is_over_at_once_leaves_no_lock() {
    let (server, _) = server(|_, _| None);
    let (bench, _) = ready(&server, 1);
    for _ in 0..5 {
        drop(host(&bench));
        thread::yield_now();
    }
    wait_until("none holds the lock", || !daemon::is_running(&bench.home));
}
