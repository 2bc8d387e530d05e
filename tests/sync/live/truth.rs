//! What is said while events are on the socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use spec_kitty::state::State;
use spec_kitty::sync::daemon;
use tungstenite::Message;

use super::{connected, delivered, live_server, serving, signed_in};
use crate::commands::{run, spec_kitty};
use crate::daemon::{meanwhile, wait_until};
use crate::settled;
use crate::support::bench::{BATCH, Bench, stored_ids};

/// The events as `log tail --json` shows them.
pub(super) fn tail(bench: &Bench) -> Vec<Value> {
    let args = ["--json", "log", "tail", "-n", "all"];
    let output = spec_kitty(bench, &bench.nowhere(), &args, "");
    let text = String::from_utf8(output.stdout).unwrap();
    let events = text.lines().map(|line| serde_json::from_str(line).unwrap());
    events.collect()
}

pub(super) fn states(bench: &Bench) -> Vec<String> {
    let states = tail(bench).into_iter();
    let state = |event: Value| event["local"]["state"].as_str().unwrap().to_owned();
    states.map(state).collect()
}

/// Sent is not delivered: until the server says so it is shown as what it is,
/// by every command, and then no longer.
#[test]
fn an_event_on_the_socket_is_sent_until_the_server_confirms_it() {
    let go = Arc::new(AtomicBool::new(false));
    let gone = Arc::clone(&go);
    let (server, _) = live_server(move |channel| {
        channel.snapshot();
        while let Some(event) = channel.event() {
            while !gone.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(5));
            }
            channel.ack(&event, "accepted");
        }
    });
    let bench = signed_in(&server);
    meanwhile(&bench, || {
        connected(&bench);
        bench.emit(&bench.project("widgets"), 1);
        wait_until("it is sent", || bench.status().sent == 1);
        let status = bench.status();
        assert_eq!((status.pending, status.delivered), (1, 0));
        assert!(!status.disagrees());
        assert_eq!(states(&bench), ["sent"]);
        let (code, said, _) = run(&bench, &["sync", "status"]);
        assert_eq!((code, &said["sent"]), (0, &json!(1)));
        assert_eq!(said["connection"], "Connected");
        go.store(true, Ordering::SeqCst);
        delivered(&bench, 1);
        assert_eq!(
            (bench.status().sent, states(&bench)),
            (0, vec!["delivered".to_owned()])
        );
    });
    settled(&bench, (0, 1, 0, 0));
}

/// Whoever records sees how things stand, in one dim line.
#[test]
fn a_command_that_records_says_that_it_is_connected() {
    let (_server, _, bench) = serving();
    let said = || {
        let payload = r#"{"wp_id":"WP01","entry_type":"note","entry_content":"x"}"#;
        let args = ["-v", "emit", "HistoryAdded", "--payload", payload];
        let output = spec_kitty(&bench, &bench.project("widgets"), &args, "");
        String::from_utf8(output.stderr).unwrap()
    };
    meanwhile(&bench, || {
        connected(&bench);
        assert!(said().contains("[Connected]"));
        delivered(&bench, 1);
    });
    assert!(!said().contains("[Connected]"), "nobody holds a connection");
}

/// What a killed background sender said is not believed.
#[cfg(unix)]
#[test]
fn a_killed_sender_is_not_connected_and_has_nothing_on_the_way() {
    let (server, stored) = live_server(|channel| {
        channel.snapshot();
        while let Some(event) = channel.event() {
            channel.store(&event);
        }
    });
    let bench = signed_in(&server);
    let (code, said, _) = run(&bench, &["sync", "daemon", "start"]);
    assert_eq!(code, 0);
    connected(&bench);
    bench.emit(&bench.project("widgets"), 1);
    wait_until("it is sent", || bench.status().sent == 1);
    let pid = said["daemon"]["pid"].to_string();
    let kill = std::process::Command::new("kill")
        .args(["-9", &pid])
        .status();
    assert!(kill.unwrap().success());
    wait_until("it is dead", || !daemon::is_running(&bench.home));
    let (_, said, _) = run(&bench, &["sync", "status"]);
    assert_eq!((&said["sent"], &said["pending"]), (&json!(0), &json!(1)));
    assert_eq!(said["connection"], "OfflineBatchMode");
    assert_eq!(states(&bench), ["pending"]);
    assert_eq!(bench.sync().sent, 1);
    assert_eq!(stored_ids(&stored).len(), 1, "it had arrived before");
    settled(&bench, (0, 1, 0, 0));
}

/// One sender at a time: while another has the right to send no frame leaves.
#[test]
fn frames_leave_only_with_the_right_to_send() {
    let (_server, stored, bench) = serving();
    meanwhile(&bench, || {
        connected(&bench);
        let state = State::at(bench.home.state_dir());
        let lock = state.sender_lock(Duration::from_secs(30)).unwrap().unwrap();
        bench.emit(&bench.project("widgets"), 1);
        // It looks four times a second: long enough for it to have tried.
        thread::sleep(Duration::from_secs(1));
        assert!(stored_ids(&stored).is_empty());
        drop(lock);
        delivered(&bench, 1);
    });
    settled(&bench, (0, 1, 0, 0));
}

/// `sync now` beside a live connection: each event once, and nobody waits for long.
#[test]
fn sync_now_gets_its_turn_beside_a_live_connection() {
    let (_server, stored, bench) = serving();
    meanwhile(&bench, || {
        connected(&bench);
        for _ in 0..5 {
            bench.emit(&bench.project("widgets"), 2);
            bench.sync();
        }
        delivered(&bench, 10);
    });
    assert_eq!(stored_ids(&stored).len(), 10);
    settled(&bench, (0, 10, 0, 0));
}

/// Asked to leave, it says goodbye, and what was acknowledged is in the ledger.
#[test]
fn whoever_leaves_says_goodbye() {
    let closed = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&closed);
    let (server, _) = live_server(move |channel| {
        channel.snapshot();
        while let Ok(message) = channel.socket.read() {
            if let Message::Close(_) = message {
                flag.store(true, Ordering::SeqCst);
            }
        }
    });
    let bench = signed_in(&server);
    meanwhile(&bench, || connected(&bench));
    wait_until("goodbye", || closed.load(Ordering::SeqCst));
    assert_eq!(server.count(BATCH), 0);
}
