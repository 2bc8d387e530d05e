//! What the server says to a sign-in or a refresh, and what is kept of it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use spec_kitty::auth::Session;
use spec_kitty::auth::client::{self, LoginError, RefreshError, Refusal};
use spec_kitty::auth::http::{Client, NoAnswer};
use spec_kitty::home::Home;
use spec_kitty::server_url::ServerUrl;

use crate::support::{FakeServer, Reply};
use crate::{PASSWORD, client_of, login, refreshing, store, tokens};

#[test]
fn signing_in_stores_the_tokens_and_sends_the_password_only_in_the_body() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeServer::start(|_| Reply::json(200, &tokens(1)));
    login(&server, &store(dir.path())).unwrap();
    let request = &server.requests()[0];
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("POST", "/api/v1/token/")
    );
    assert_eq!(
        request.json(),
        json!({"username": "alice@example.com", "password": PASSWORD})
    );
    assert!(request.header("authorization").is_none());
    let Session::Active(stored) = store(dir.path()).load().session else {
        panic!()
    };
    assert_eq!(stored.account.team.as_deref(), Some("acme-corp"));
    assert_eq!(stored.account.server.as_str(), server.url());
}

#[test]
fn every_other_answer_to_a_sign_in_is_told_apart_and_stores_nothing() {
    type Judge = fn(&LoginError) -> bool;
    let html = "<html>Sign in to the hotel network</html>";
    let cases: Vec<(Reply, Judge)> = vec![
        (Reply::text(401, "{}"), |e| {
            matches!(e, LoginError::InvalidCredentials { .. })
        }),
        (Reply::text(200, html), |e| {
            matches!(e, LoginError::Refused(Refusal::Reply(_)))
        }),
        (Reply::text(200, ""), |e| {
            matches!(e, LoginError::Refused(Refusal::Reply(_)))
        }),
        (Reply::text(200, r#"{"access":"a"}"#), |e| {
            matches!(e, LoginError::Refused(Refusal::Reply(_)))
        }),
        (
            Reply::with(302, &[("Location", "https://evil.example/")], b""),
            |e| {
                matches!(
                    e,
                    LoginError::Refused(Refusal::Redirect { status: 302, .. })
                )
            },
        ),
        (Reply::with(307, &[("Location", "/elsewhere")], b""), |e| {
            matches!(
                e,
                LoginError::Refused(Refusal::Redirect { status: 307, .. })
            )
        }),
        (Reply::text(404, html), |e| {
            matches!(e, LoginError::Refused(Refusal::NotFound))
        }),
        (
            Reply::with(429, &[("Retry-After", "7")], b""),
            |e| matches!(e, LoginError::Refused(Refusal::Throttled { retry_after: Some(s) }) if s == "7"),
        ),
        (
            Reply::text(500, r#"{"error":"boom"}"#),
            |e| matches!(e, LoginError::Refused(Refusal::Status { status: 500, says: Some(s) }) if s == "boom"),
        ),
        (
            Reply::text(400, r#"{"detail":"correct horse is not a password"}"#),
            |e| {
                matches!(
                    e,
                    LoginError::Refused(Refusal::Status {
                        status: 400,
                        says: None
                    })
                )
            },
        ),
        (Reply::json(200, &tokens(1)).cut(120), |e| {
            matches!(e, LoginError::Refused(Refusal::Reply(_)))
        }),
        (Reply::json(200, &tokens(1)).cut(9), |e| {
            matches!(e, LoginError::NoAnswer(_))
        }),
        (Reply(b"SSH-2.0-OpenSSH\r\n\r\n".to_vec()), |e| {
            matches!(e, LoginError::NoAnswer(_))
        }),
    ];
    for (number, (reply, judge)) in cases.into_iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        let mut reply = Some(reply);
        let server = FakeServer::start(move |_| reply.take().unwrap());
        let error = login(&server, &store(dir.path())).unwrap_err();
        assert!(judge(&error), "case {number}: {error:?}");
        assert!(
            !error.to_string().contains(PASSWORD),
            "case {number}: {error}"
        );
        assert_eq!(
            server.requests().len(),
            1,
            "case {number}: nothing is followed or retried"
        );
        assert!(matches!(
            store(dir.path()).load().session,
            Session::SignedOut
        ));
    }
}

#[test]
fn nobody_listening_is_unreachable() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeServer::start(|_| Reply::text(200, ""));
    let client = client_of(&server);
    drop(server);
    let error = client::login(&client, &store(dir.path()), "alice", &PASSWORD.into()).unwrap_err();
    assert!(
        matches!(error, LoginError::NoAnswer(NoAnswer::Connection { .. })),
        "{error:?}"
    );
}

#[test]
fn many_at_once_spend_one_refresh_token() {
    let dir = tempfile::tempdir().unwrap();
    let spent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&spent);
    let server = refreshing(move || match counter.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::json(200, &tokens(1)),
        _ => Reply::text(401, "{}"),
    });
    let store = store(dir.path());
    let used = login(&server, &store).unwrap();
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| client::refresh(&client_of(&server), &store, &used)))
            .collect();
        for one in all {
            assert!(!one.join().unwrap().unwrap().same_tokens(&used));
        }
    });
    assert_eq!(spent.load(Ordering::SeqCst), 1);
    let body = server
        .requests()
        .into_iter()
        .find(|r| r.path.ends_with("refresh/"))
        .unwrap()
        .json();
    assert_eq!(body, json!({"refresh": "REFRESH-0"}));
}

#[test]
fn a_refused_refresh_ends_the_session_and_keeps_the_account() {
    for (status, body) in [
        (401, ""),
        (401, "{}"),
        (400, r#"{"error":"invalid_grant"}"#),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let server = refreshing(move || Reply::text(status, body));
        let store = store(dir.path());
        let used = login(&server, &store).unwrap();
        let error = client::refresh(&client_of(&server), &store, &used).unwrap_err();
        assert!(
            matches!(error, RefreshError::Ended(_)),
            "{status} {body}: {error:?}"
        );
        let Session::Ended(account) = store.load().session else {
            panic!("{status}")
        };
        assert_eq!(account.target(), used.account.target());
        // The dead token is not tried again.
        let again = client::refresh(&client_of(&server), &store, &used).unwrap_err();
        assert!(matches!(again, RefreshError::Ended(_)));
        assert_eq!(server.count("/api/v1/token/refresh/"), 1);
    }
}

#[test]
fn what_says_nothing_about_the_session_does_not_end_it() {
    let replies: Vec<fn() -> Reply> = vec![
        || Reply::text(500, ""),
        || Reply::text(401, "<html>proxy</html>"),
        || Reply::text(400, r#"{"error":"bad request"}"#),
        || {
            Reply::text(
                409,
                r#"{"error":"refresh_replay_benign_retry","retry_after":0}"#,
            )
        },
        || Reply::text(403, ""),
        || Reply::text(200, "<html>"),
        || Reply::with(302, &[("Location", "http://127.0.0.1:9/")], b""),
        || Reply::text(429, ""),
        || Reply::text(200, "{}").cut(5),
    ];
    for (number, reply) in replies.into_iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        let server = refreshing(reply);
        let store = store(dir.path());
        let used = login(&server, &store).unwrap();
        let error = client::refresh(&client_of(&server), &store, &used).unwrap_err();
        assert!(
            matches!(error, RefreshError::Refused(_) | RefreshError::NoAnswer(_)),
            "case {number}: {error:?}"
        );
        let Session::Active(kept) = store.load().session else {
            panic!("case {number}")
        };
        assert!(kept.same_tokens(&used));
    }
}

/// The Python tool refreshes without our lock: its successor may appear while
/// our request is under way.
#[test]
fn a_successor_stored_by_somebody_else_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let file = Home::at(dir.path().join("home")).credentials_file();
    let server = refreshing(move || {
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(
            &file,
            text.replace("ACCESS-0", "ACCESS-9")
                .replace("REFRESH-0", "R-9"),
        )
        .unwrap();
        Reply::text(401, "{}")
    });
    let store = store(dir.path());
    let used = login(&server, &store).unwrap();
    let next = client::refresh(&client_of(&server), &store, &used).unwrap();
    assert!(!next.same_tokens(&used));
    assert!(matches!(store.load().session, Session::Active(_)));
}

#[test]
fn a_token_goes_to_no_server_but_its_issuer() {
    let dir = tempfile::tempdir().unwrap();
    let issuer = refreshing(|| Reply::json(200, &tokens(1)));
    let other = refreshing(|| Reply::json(200, &tokens(2)));
    let store = store(dir.path());
    let used = login(&issuer, &store).unwrap();
    let error = client::refresh(&client_of(&other), &store, &used).unwrap_err();
    assert!(matches!(error, RefreshError::Changed));
    assert!(other.requests().is_empty());
}

/// Files that the Python tool wrote, or choked on; see the folder's names.
#[test]
fn every_credentials_file_of_the_python_tool_is_judged() {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/python-home/credentials");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .trim_start_matches("credentials-");
        let text = std::fs::read_to_string(&path).unwrap();
        let session = Session::parse(&text, "2026-11-22T10:00:00Z".parse().unwrap());
        let state = match &session {
            Session::SignedOut => "signed out",
            Session::Active(credentials) if credentials.account.team.is_none() => "no team",
            Session::Active(credentials)
                if !credentials.access_is_fresh("2026-11-22T10:00:00Z".parse().unwrap()) =>
            {
                "to refresh"
            }
            Session::Active(_) => "active",
            Session::Ended(_) => "ended",
            Session::Unreadable(_) => "unreadable",
        };
        let expected = match name {
            "malformed" => "unreadable",
            "missing-tokens" | "both-expired" => "ended",
            "access-expired" => "to refresh",
            "no-team" => "no team",
            _ => "active",
        };
        assert_eq!(state, expected, "{name}");
        if name == "mixed-case-scope" {
            assert!(
                session
                    .target()
                    .unwrap()
                    .id()
                    .to_string()
                    .starts_with("272b48816140535c")
            );
        }
        assert!(!format!("{session:?}").contains("FAKE"), "{name}");
    }
}

#[test]
fn a_server_without_tls_is_told_apart_from_one_that_is_away() {
    let dir = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let url = ServerUrl::parse(&url).unwrap();
    let plain = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let client = Client::new(&url, None, client::LIMITS).unwrap();
    let error = client::login(&client, &store(dir.path()), "alice", &PASSWORD.into()).unwrap_err();
    assert!(
        matches!(error, LoginError::NoAnswer(NoAnswer::Tls { .. })),
        "{error:?}"
    );
    plain.join().unwrap();
}

#[test]
fn certificates_that_cannot_be_used_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let url = ServerUrl::parse("https://127.0.0.1:1").unwrap();
    let file = dir.path().join("ca.pem");
    for text in [None, Some("no certificate")] {
        if let Some(text) = text {
            std::fs::write(&file, text).unwrap();
        }
        let error = Client::new(&url, Some(&file), client::LIMITS).unwrap_err();
        assert!(error.to_string().contains("ca.pem"), "{error}");
    }
}
