//! Sockets that break, stall, or never say yes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use spec_kitty::sync::status::Connection;

use super::{SOCKET, faulty};
use super::{connected, connection, delivered, live_server, serving, signed_in, why_not_live};
use crate::daemon::{meanwhile, wait_until};
use crate::settled;
use crate::support::Reply;
use crate::support::bench::{BATCH, stored_ids};

/// Ten are sent, the connection is reset at the fifth: upstream lost one here.
#[test]
fn a_reset_in_the_middle_loses_nothing() {
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let (server, stored) = live_server(move |channel| {
        channel.snapshot();
        if count.fetch_add(1, Ordering::SeqCst) > 0 {
            return channel.serve();
        }
        for _ in 0..4 {
            let Some(event) = channel.event() else { return };
            channel.store(&event);
        }
    });
    let bench = signed_in(&server);
    meanwhile(&bench, || {
        connected(&bench);
        let ids = bench.emit(&bench.project("widgets"), 10);
        delivered(&bench, 10);
        assert_eq!(stored_ids(&stored), ids, "each once, in their order");
        wait_until("it comes back", || {
            connections.load(Ordering::SeqCst) > 1 && connection(&bench) == Connection::Connected
        });
        bench.emit(&bench.project("widgets"), 1);
        delivered(&bench, 11);
    });
    assert_eq!(stored_ids(&stored).len(), 11);
    settled(&bench, (0, 11, 0, 0));
}

/// Servers of 2.1.0 acknowledge nothing: the batch that follows is the truth.
#[test]
fn a_server_that_never_acknowledges_gets_everything_by_batch() {
    let (server, stored) = live_server(|channel| {
        channel.snapshot();
        while let Some(event) = channel.event() {
            channel.store(&event);
        }
    });
    let bench = signed_in(&server);
    meanwhile(&bench, || {
        connected(&bench);
        let ids = bench.emit(&bench.project("widgets"), 3);
        wait_until("it arrives", || stored_ids(&stored) == ids);
        delivered(&bench, 3);
        assert_eq!(bench.status().sent, 0);
        assert_eq!(connection(&bench), Connection::Connected);
        bench.emit(&bench.project("widgets"), 1);
        delivered(&bench, 4);
    });
    assert!(server.count(BATCH) >= 2);
    assert_eq!(stored_ids(&stored).len(), 4);
    settled(&bench, (0, 4, 0, 0));
}

#[test]
fn a_server_that_never_says_how_things_stand_is_given_up_and_holds_up_nothing() {
    let (server, stored) = live_server(|channel| {
        channel.say(r#"{"type":"ping","timestamp":1}"#);
        channel.say(r#"{"type":"event","event_id":"A","lamport_clock":1}"#);
        channel.serve();
    });
    let bench = signed_in(&server);
    meanwhile(&bench, || {
        bench.emit(&bench.project("widgets"), 2);
        delivered(&bench, 2);
        assert_ne!(connection(&bench), Connection::Connected);
        wait_until("it gives up", || {
            why_not_live(&bench).is_some_and(|why| why.contains("how things stand"))
        });
        assert_eq!(connection(&bench), Connection::Reconnecting);
    });
    assert_eq!(stored_ids(&stored).len(), 2);
    settled(&bench, (0, 2, 0, 0));
}

/// The server goes away altogether and comes back.
#[test]
fn a_server_that_is_away_for_a_while_is_found_again() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let (server, stored) = faulty(
        move |request| {
            let away = request.path == SOCKET && count.fetch_add(1, Ordering::SeqCst) < 2;
            away.then(|| Reply::text(503, ""))
        },
        |channel| {
            channel.snapshot();
            channel.serve();
        },
    );
    let bench = signed_in(&server);
    meanwhile(&bench, || {
        bench.emit(&bench.project("widgets"), 1);
        delivered(&bench, 1);
        connected(&bench);
        assert_eq!(why_not_live(&bench), None);
        bench.emit(&bench.project("widgets"), 1);
        delivered(&bench, 2);
    });
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    assert_eq!(stored_ids(&stored).len(), 2);
    settled(&bench, (0, 2, 0, 0));
}

/// More at once than a socket should carry goes in batches.
#[test]
fn a_burst_goes_in_batches() {
    let (server, stored, bench) = serving();
    meanwhile(&bench, || {
        connected(&bench);
        let ids = bench.emit(&bench.project("widgets"), 400);
        delivered(&bench, 400);
        assert_eq!(stored_ids(&stored), ids);
        assert!(server.count(BATCH) > 0);
        bench.emit(&bench.project("widgets"), 1);
        delivered(&bench, 401);
    });
    settled(&bench, (0, 401, 0, 0));
}

/// A server that asked for a pause in a batch is not written to on the socket.
#[test]
fn a_wait_that_the_server_asked_for_holds_for_the_socket_too() {
    let (server, stored) = faulty(
        |request| {
            let batch = request.path == BATCH;
            batch.then(|| Reply::with(429, &[("Retry-After", "3600")], b"{}"))
        },
        |channel| {
            channel.snapshot();
            channel.serve();
        },
    );
    let bench = signed_in(&server);
    bench.emit(&bench.project("widgets"), 1);
    meanwhile(&bench, || {
        connected(&bench);
        wait_until("it was asked to wait", || server.count(BATCH) == 1);
        bench.emit(&bench.project("widgets"), 1);
        // It looks four times a second: long enough for it to have tried.
        std::thread::sleep(std::time::Duration::from_secs(1));
    });
    assert!(stored_ids(&stored).is_empty());
    settled(&bench, (2, 0, 0, 0));
}
