//! Tokens, upgrades, and servers that will not have us.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use spec_kitty::sync::daemon;
use spec_kitty::sync::status::Connection;

use super::{SOCKET, TOKEN, connected, connection, delivered, faulty, signed_in, why_not_live};
use crate::daemon::{meanwhile, wait_until};
use crate::settled;
use crate::support::bench::{Bench, REFRESH};
use crate::support::{FakeServer, Reply};

fn serve(channel: &mut super::Channel) {
    channel.snapshot();
    channel.serve();
}

/// The socket is opened with its own token, in a header; no URL holds a secret.
#[test]
fn tokens_travel_in_headers_alone() {
    let (server, _) = faulty(|_| None, serve);
    let bench = signed_in(&server);
    meanwhile(&bench, || connected(&bench));
    let requests = server.requests();
    let of = |path: &str| requests.iter().find(|request| request.path == path);
    let bearer = |path| of(path).unwrap().header("authorization").unwrap();
    assert_eq!(bearer(TOKEN), "Bearer ACCESS-0");
    assert_eq!(of(TOKEN).unwrap().method, "POST");
    assert_eq!(bearer(SOCKET), "Bearer SOCKET-TOKEN");
    for request in &requests {
        assert!(!request.path.contains("ACCESS") && !request.path.contains("TOKEN-"));
    }
}

/// An access token that has gone stale is refreshed once, at either step.
#[test]
fn a_refused_token_is_refreshed_once() {
    for path in [TOKEN, SOCKET] {
        let refused = AtomicUsize::new(0);
        let (server, _) = faulty(
            move |request| {
                let first = request.path == path && refused.fetch_add(1, Ordering::SeqCst) == 0;
                first.then(|| Reply::text(401, ""))
            },
            serve,
        );
        let bench = signed_in(&server);
        meanwhile(&bench, || connected(&bench));
        assert_eq!(server.count(REFRESH), 1, "{path}");
    }
}

/// A server that will not have the session is not asked again and again; the
/// batches go on, and a new sign-in is tried at once.
#[test]
fn a_refused_session_goes_to_batches_until_the_next_sign_in() {
    let (server, _) = faulty(
        |request| {
            let old = request.header("authorization") != Some("Bearer ACCESS-NEW");
            (request.path == TOKEN && old).then(|| Reply::text(401, ""))
        },
        serve,
    );
    let bench = signed_in(&server);
    meanwhile(&bench, || {
        wait_until("it is refused", || why_not_live(&bench).is_some());
        assert_eq!(connection(&bench), Connection::OfflineBatchMode);
        bench.emit(&bench.project("widgets"), 2);
        delivered(&bench, 2);
        assert_eq!((server.count(TOKEN), server.count(REFRESH)), (2, 1));
        let file = bench.home.credentials_file();
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace("ACCESS-1", "ACCESS-NEW")).unwrap();
        connected(&bench);
    });
    assert_eq!((server.count(TOKEN), server.count(REFRESH)), (3, 1));
    settled(&bench, (0, 2, 0, 0));
}

/// Redirects are told and never followed, and what they echo of a token is not
/// told.
#[test]
fn a_redirect_is_not_followed_and_no_token_is_told() {
    let elsewhere = FakeServer::start(|_| Reply::text(200, "{}"));
    for path in [TOKEN, SOCKET] {
        let to = format!("{}/?t=SOCKET-TOKEN&a=ACCESS-0", elsewhere.url());
        let (server, _) = faulty(
            move |request| {
                let there = || Reply::with(307, &[("Location", &to)], b"");
                (request.path == path).then(there)
            },
            serve,
        );
        let bench = signed_in(&server);
        meanwhile(&bench, || {
            wait_until("it says why", || why_not_live(&bench).is_some());
            let why = why_not_live(&bench).unwrap();
            assert!(why.contains("never followed"), "{why}");
            let told = std::fs::read_to_string(bench.home.daemon_dir().join("status.json"));
            let told = told.unwrap();
            assert!(!told.contains("ACCESS-0"), "{told}");
            assert!(path == TOKEN || !told.contains("SOCKET-TOKEN"), "{told}");
            assert_eq!(connection(&bench), Connection::OfflineBatchMode);
            bench.emit(&bench.project("widgets"), 1);
            delivered(&bench, 1);
        });
    }
    assert!(elsewhere.requests().is_empty());
}

/// What a server names beside the token is not where the token goes.
#[test]
fn the_token_goes_to_nobody_but_its_issuer() {
    let elsewhere = FakeServer::start(|_| Reply::text(200, "{}"));
    let url = format!("ws://{}/ws/v1/events/", elsewhere.address);
    let (server, _) = faulty(
        move |request| {
            let reply = json!({"ws_token": "SOCKET-TOKEN", "ws_url": url});
            (request.path == TOKEN).then(|| Reply::json(200, &reply))
        },
        serve,
    );
    let bench = signed_in(&server);
    meanwhile(&bench, || connected(&bench));
    assert!(elsewhere.requests().is_empty());
}

#[test]
fn an_older_server_without_the_channel_is_left_in_peace() {
    let (server, _) = faulty(
        |request| (request.path == TOKEN).then(|| Reply::text(404, "")),
        serve,
    );
    let bench = signed_in(&server);
    meanwhile(&bench, || {
        wait_until("it says why", || why_not_live(&bench).is_some());
        assert_eq!(connection(&bench), Connection::OfflineBatchMode);
        bench.emit(&bench.project("widgets"), 1);
        delivered(&bench, 1);
    });
    assert_eq!((server.count(TOKEN), server.count(SOCKET)), (1, 0));
}

/// Nobody signed in: nobody is asked. After the sign-in it connects.
#[test]
fn it_connects_after_the_sign_in() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let (server, _) = faulty(
        move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            None
        },
        serve,
    );
    let bench = Bench::new();
    meanwhile(&bench, || {
        let told = || daemon::read_status(&bench.home);
        assert!(told().unwrap().live.is_none());
        assert_eq!(asked.load(Ordering::SeqCst), 0);
        bench.sign_in(&server, crate::ALICE.0, crate::ALICE.1);
        connected(&bench);
        bench.sign_out();
        wait_until("it lets go", || {
            told().is_some_and(|told| told.live.is_none())
        });
        assert_eq!(connection(&bench), Connection::Offline);
    });
}
