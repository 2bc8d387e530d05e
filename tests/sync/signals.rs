//! Ctrl-C while a request hangs: the command ends, and the ledger is true.
#![cfg(unix)]

use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use crate::daemon::wait_until;
use crate::support::Reply;
use crate::support::bench::{BATCH, Bench, server, stored_ids};
use crate::{ready, settled, start};

/// Far below what a request may take, and far above what is measured.
const GENEROUS: Duration = Duration::from_secs(10);

/// How a command ended that got `signal` while the second request hung.
fn interrupted(bench: &Bench, args: &[&str], signal: &str, hangs: &AtomicBool) -> ExitStatus {
    let mut child = start(bench, args);
    wait_until("the second request hangs", || hangs.load(Ordering::SeqCst));
    let pid = child.id().to_string();
    let begun = Instant::now();
    assert!(
        Command::new("kill")
            .args([signal, &pid])
            .status()
            .unwrap()
            .success()
    );
    let status = child.wait().unwrap();
    let took = begun.elapsed();
    assert!(took < GENEROUS, "{args:?} {signal}: {took:?}");
    println!("{args:?} {signal}: ended after {} ms", took.as_millis());
    status
}

fn ends_in_order(args: &[&str], signal: &str, code: i32) {
    let (answer, may_answer) = mpsc::channel::<()>();
    let hangs = Arc::new(AtomicBool::new(false));
    let (seen, asked) = (Arc::clone(&hangs), AtomicUsize::new(0));
    let (server, stored) = server(move |request, _| {
        let second = request.path == BATCH && asked.fetch_add(1, Ordering::SeqCst) == 1;
        second.then(|| {
            seen.store(true, Ordering::SeqCst);
            let _ = may_answer.recv_timeout(Duration::from_secs(50));
            Reply::text(503, "")
        })
    });
    let (bench, ids) = ready(&server, 30);
    let config = "[sync]\nmax_events_per_batch = 10\ninterval_seconds = 1\n";
    std::fs::write(bench.home.config_file(), config).unwrap();
    let status = interrupted(&bench, args, signal, &hangs);
    assert_eq!(status.code(), Some(code));
    // What the first request delivered is known, and no more.
    settled(&bench, (20, 10, 0, 0));
    answer.send(()).unwrap();
    assert_eq!(bench.sync().pending, 0);
    assert_eq!(stored_ids(&stored), ids);
    settled(&bench, (0, 30, 0, 0));
}

#[test]
fn an_interrupted_sync_now_ends_at_once_with_the_ledger_true() {
    ends_in_order(&["sync", "now"], "-INT", 130);
    ends_in_order(&["sync", "now"], "-TERM", 143);
}

#[test]
fn a_terminated_background_sender_ends_at_once_with_the_ledger_true() {
    ends_in_order(&["sync", "daemon", "run"], "-TERM", 143);
}
