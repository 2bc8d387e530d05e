//! Signing in, staying signed in and signing out, against a server that
//! answers as told.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use assert_cmd::Command;
use serde_json::{Value, json};
use spec_kitty::auth::client::{self, LoginError, RefreshError, Refusal};
use spec_kitty::auth::http::{Client, NoAnswer};
use spec_kitty::auth::{Credentials, Session, Store};
use spec_kitty::home::Home;
use spec_kitty::server_url::ServerUrl;
use support::{FakeServer, Reply};

const PASSWORD: &str = "correct horse";

fn tokens(n: usize) -> Value {
    json!({"access": format!("ACCESS-{n}"), "refresh": format!("REFRESH-{n}"),
           "access_lifetime": "900", "refresh_lifetime": 604_800, "team_slug": "acme-corp"})
}

fn client(server: &FakeServer) -> Client {
    Client::new(
        &ServerUrl::parse(&server.url()).unwrap(),
        None,
        client::LIMITS,
    )
    .unwrap()
}

fn login(server: &FakeServer, store: &Store) -> Result<Credentials, LoginError> {
    client::login(
        &client(server),
        store,
        "alice@example.com",
        &PASSWORD.into(),
    )
}

fn store(dir: &Path) -> Store {
    Store::new(&Home::at(dir.join("home")))
}

/// Answers a sign-in with tokens, and a refresh with `reply`.
fn refreshing(mut reply: impl FnMut() -> Reply + Send + 'static) -> FakeServer {
    FakeServer::start(move |request| match request.path.as_str() {
        "/api/v1/token/" => Reply::json(200, &tokens(0)),
        "/api/v1/token/refresh/" => reply(),
        _ => Reply::text(404, ""),
    })
}

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
    let client = client(&server);
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
            .map(|_| scope.spawn(|| client::refresh(&client(&server), &store, &used)))
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
        let error = client::refresh(&client(&server), &store, &used).unwrap_err();
        assert!(
            matches!(error, RefreshError::Ended(_)),
            "{status} {body}: {error:?}"
        );
        let Session::Ended(account) = store.load().session else {
            panic!("{status}")
        };
        assert_eq!(account.target(), used.account.target());
        // The dead token is not tried again.
        let again = client::refresh(&client(&server), &store, &used).unwrap_err();
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
        let error = client::refresh(&client(&server), &store, &used).unwrap_err();
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
    let next = client::refresh(&client(&server), &store, &used).unwrap();
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
    let error = client::refresh(&client(&other), &store, &used).unwrap_err();
    assert!(matches!(error, RefreshError::Changed));
    assert!(other.requests().is_empty());
}

fn spec_kitty(home: &Path, args: &[&str], stdin: &str) -> Output {
    Command::cargo_bin("spec-kitty")
        .unwrap()
        .env_clear()
        .env("SPEC_KITTY_HOME", home)
        .args(args)
        .write_stdin(stdin)
        .output()
        .unwrap()
}

fn stdout_json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("not one JSON object: {output:?}"))
}

fn error_json(output: &Output) -> Value {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    serde_json::from_str::<Value>(text.lines().last().unwrap()).unwrap()["error"].clone()
}

#[test]
fn the_commands_sign_in_once_say_so_and_sign_out() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("home");
    let server = FakeServer::start(|_| Reply::json(200, &tokens(1)));
    let url = server.url();
    let login = [
        "--json",
        "auth",
        "login",
        "--server",
        &url,
        "-u",
        "alice",
        "--password-stdin",
    ];

    let before = spec_kitty(&home, &["--json", "auth", "status"], "");
    assert_eq!(before.status.code(), Some(4));
    assert_eq!(stdout_json(&before)["state"], "signed-out");
    assert!(!home.exists(), "asking makes nothing");

    let first = spec_kitty(&home, &login, "secret\n");
    assert_eq!(first.status.code(), Some(0), "{first:?}");
    assert_eq!(stdout_json(&first)["status"], "signed-in");
    assert_eq!(server.requests()[0].json()["password"], "secret");

    let again = spec_kitty(&home, &login, "secret\n");
    assert_eq!(stdout_json(&again)["status"], "already-signed-in");
    assert_eq!(server.requests().len(), 1, "the server is not asked again");
    let forced = [&login[..], &["--force"]].concat();
    assert_eq!(
        stdout_json(&spec_kitty(&home, &forced, "secret\n"))["status"],
        "signed-in"
    );

    let status = spec_kitty(&home, &["--json", "auth", "status"], "");
    assert_eq!(status.status.code(), Some(0));
    let status = stdout_json(&status);
    assert_eq!(
        (&status["state"], &status["team"]),
        (&json!("signed-in"), &json!("acme-corp"))
    );

    let out = spec_kitty(&home, &["--json", "auth", "logout"], "");
    assert_eq!(stdout_json(&out)["status"], "signed-out");
    let out = spec_kitty(&home, &["--json", "auth", "logout"], "");
    assert_eq!(
        (out.status.code(), &stdout_json(&out)["status"]),
        (Some(0), &json!("nothing-to-do"))
    );
}

#[test]
fn a_sign_in_that_fails_has_its_code_and_exit() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeServer::start(|_| Reply::text(401, "{}"));
    let url = server.url();
    let try_to = |args: &[&str], stdin: &str| {
        let output = spec_kitty(
            dir.path(),
            &[&["--json", "auth", "login"], args].concat(),
            stdin,
        );
        assert!(output.stdout.is_empty(), "{output:?}");
        (
            output.status.code().unwrap(),
            error_json(&output)["code"].as_str().unwrap().to_owned(),
        )
    };
    let full = ["--server", &url, "-u", "alice", "--password-stdin"];
    assert_eq!(try_to(&full, "wrong\n"), (1, "invalid-credentials".into()));
    assert_eq!(
        try_to(&full, ""),
        (2, "usage".into()),
        "an empty password is not sent"
    );
    assert_eq!(
        try_to(&["-u", "alice", "--password-stdin"], "x"),
        (2, "usage".into())
    );
    assert_eq!(
        try_to(&["--server", &url, "-u", "alice"], ""),
        (2, "usage".into())
    );
    assert_eq!(
        try_to(&["--server", &url], ""),
        (2, "usage".into()),
        "nobody to ask for the user"
    );
    assert_eq!(
        try_to(
            &[
                "--server",
                "http://example.org",
                "-u",
                "a",
                "--password-stdin"
            ],
            "x"
        ),
        (2, "usage".into()),
        "no password over plain HTTP"
    );
    drop(server);
    assert_eq!(try_to(&full, "x\n"), (7, "unreachable".into()));
}

#[test]
fn signing_in_to_another_server_than_the_configured_one_configures_it() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config.toml");
    std::fs::write(
        &config,
        "[sync]\nserver_url = \"https://old.example\" # ours\n",
    )
    .unwrap();
    let server = FakeServer::start(|_| Reply::json(200, &tokens(1)));
    let args = [
        "auth",
        "login",
        "--server",
        &server.url(),
        "-u",
        "a",
        "--password-stdin",
    ];
    let output = spec_kitty(dir.path(), &args, "x");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = std::fs::read_to_string(&config).unwrap();
    assert_eq!(
        text,
        format!("[sync]\nserver_url = \"{}\" # ours\n", server.url())
    );
    // Configured for another server later: nothing may be sent, and it is said.
    std::fs::write(&config, "[sync]\nserver_url = \"https://old.example\"\n").unwrap();
    let status = spec_kitty(dir.path(), &["--json", "auth", "status"], "");
    assert_eq!(status.status.code(), Some(4));
    assert_eq!(stdout_json(&status)["state"], "disagreement");
}

#[test]
fn no_output_of_any_command_shows_a_secret() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeServer::start(|_| Reply::json(200, &tokens(1)));
    let url = server.url();
    let login = [
        "-vv",
        "auth",
        "login",
        "--server",
        &url,
        "-u",
        "alice",
        "--password-stdin",
    ];
    let outputs = [
        spec_kitty(dir.path(), &login, "secret\n"),
        spec_kitty(dir.path(), &["-vv", "auth", "status"], ""),
        spec_kitty(dir.path(), &["-vv", "--json", "auth", "status"], ""),
        spec_kitty(dir.path(), &["-vv", "auth", "logout"], ""),
    ];
    for output in outputs {
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        for secret in ["secret", "ACCESS-1", "REFRESH-1"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
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
