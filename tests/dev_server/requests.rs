//! Requests and responses on the wire.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use spec_kitty::dev_server::{
    Canned, DevServer, MAX_CONNECTIONS, Options, Response, StartError, StoreError,
};

use crate::support::{connect, event, exchange, login, options, send, start, stored};

#[test]
fn a_gzipped_batch_arrives_and_survives_a_restart_on_the_same_port() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let tokens = login(server.url(), "demo");
    let (status, body) = send(server.url(), &tokens["access"], &[event(1), event(2)]).unwrap();
    assert_eq!(
        (status, &body["results"][1]["status"]),
        (200, &json!("success"))
    );
    let port = server.port();
    server.stop();
    let mut again = options(dir.path());
    again.port = port;
    let server = DevServer::start(again).unwrap();
    let (_, body) = send(server.url(), &tokens["access"], &[event(2), event(3)]).unwrap();
    assert_eq!(body["results"][0]["status"], "duplicate");
    assert_eq!(body["results"][1]["status"], "success");
    assert_eq!(stored(&server), [event(1), event(2), event(3)]);
}

#[test]
fn one_connection_carries_many_requests_in_any_framing() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let body = json!({"username": "demo", "password": "secret"}).to_string();
    let (first, second) = body.split_at(9);
    let head =
        "POST /api/v1/token/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let text = format!(
        "{head}Content-Length: {}\r\n\r\n{body}\
         {head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n\
         HEAD /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n\
         GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        body.len(),
        first.len(),
        second.len(),
    );
    let answer = exchange(&server, text.as_bytes());
    assert_eq!(answer.matches("HTTP/1.1 200 OK\r\n").count(), 2, "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 404 Not Found\r\n").count(), 2);
    assert_eq!(answer.matches("Not found.").count(), 1, "HEAD has no body");
    assert_eq!(answer.matches("\r\nDate: ").count(), 4);
    assert!(answer.contains("Connection: close"));
}

#[test]
fn a_client_that_asks_before_it_sends_is_told_to_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let mut stream = connect(&server);
    stream
        .write_all(
            b"POST /api/v1/token/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
              Expect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\n",
        )
        .unwrap();
    let mut told = [0; 25];
    stream.read_exact(&mut told).unwrap();
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"{}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[test]
fn garbage_gets_an_answer_or_an_end_and_the_server_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let long = format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(3 * 1024 * 1024));
    let tls = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n";
    for (bytes, answer) in [
        (long.as_bytes(), "HTTP/1.1 431 "),
        (&tls[..], "HTTP/1.1 400 "),
        (
            b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
            "HTTP/1.1 421 ",
        ),
        (
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nshort",
            "",
        ),
        (b"GET / HT", ""),
        (b"", ""),
    ] {
        let said = exchange(&server, bytes);
        assert!(said.starts_with(answer), "{said}");
        assert_eq!(said.is_empty(), answer.is_empty(), "{said}");
    }
    login(server.url(), "demo");
}

#[test]
fn a_body_too_large_is_refused_so_that_its_sender_can_read_why() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let mut request =
        b"POST /api/v1/events/batch/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000000\r\n\r\n"
            .to_vec();
    request.resize(request.len() + 4_000_000, b'x');
    assert!(exchange(&server, &request).starts_with("HTTP/1.1 413 "));
}

#[test]
fn who_dawdles_is_sent_away() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path());
    options.timing.idle = Duration::from_millis(50);
    options.timing.request = Duration::from_millis(50);
    let server = DevServer::start(options).unwrap();
    let wait_for_end = |first: &[u8]| {
        let mut stream = connect(&server);
        stream.write_all(first).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(wait_for_end(b"GET / HTTP/1.1\r\n").starts_with("HTTP/1.1 408 "));
    assert_eq!(wait_for_end(b""), "");
}

#[test]
fn connections_beyond_the_limit_are_told_to_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let mut held = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        let mut stream = connect(&server);
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .unwrap();
        // An answer proves that this connection has its thread.
        stream.read_exact(&mut [0; 12]).unwrap();
        held.push(stream);
    }
    let mut answer = String::new();
    connect(&server).read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("Retry-After: 1\r\n"));
    server.stop();
    for mut stream in held {
        // Whatever is left of the answer, then the end: no connection stays open.
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

#[test]
fn a_script_answers_instead_and_a_cut_answer_is_a_reply_lost_after_the_commit() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path());
    let mut batches = 0;
    options.script = Some(Box::new(move |request| {
        if request.path() != "/api/v1/events/batch/" {
            return None;
        }
        batches += 1;
        match batches {
            1 => Some(Canned::Instead(
                Response::new(502)
                    .with_header("Content-Type", "text/html")
                    .with_body("null"),
            )),
            2 => Some(Canned::Cut { sent_bytes: 0 }),
            3 => Some(Canned::Cut { sent_bytes: 40 }),
            _ => None,
        }
    }));
    let server = DevServer::start(options).unwrap();
    let token = &login(server.url(), "demo")["access"];
    assert_eq!(send(server.url(), token, &[event(1)]).unwrap().0, 502);
    assert!(stored(&server).is_empty());
    assert!(send(server.url(), token, &[event(1)]).is_err());
    assert!(send(server.url(), token, &[event(2)]).is_err());
    assert_eq!(stored(&server), [event(1), event(2)]);
    let (_, body) = send(server.url(), token, &[event(1)]).unwrap();
    assert_eq!(body["results"][0]["status"], "duplicate");
}

#[test]
fn the_observer_sees_what_happened_and_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let seen = Arc::new(Mutex::new(String::new()));
    let mut options = options(dir.path());
    let log = Arc::clone(&seen);
    options.observer = Some(Box::new(move |exchange| {
        *log.lock().unwrap() += &format!("{exchange:?}\n");
    }));
    let server = DevServer::start(options).unwrap();
    let tokens = login(server.url(), "demo");
    send(server.url(), &tokens["access"], &[event(1), event(1)]).unwrap();
    server.stop();
    let seen = seen.lock().unwrap();
    assert!(seen.contains("1 stored, 1 duplicate, 0 rejected"), "{seen}");
    for secret in [
        "secret",
        tokens["access"].as_str().unwrap(),
        tokens["refresh"].as_str().unwrap(),
    ] {
        assert!(!seen.contains(secret), "{seen}");
    }
}

#[test]
fn concurrent_senders_of_the_same_events_leave_each_of_them_once() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let token = &login(server.url(), "demo")["access"];
    let events: Vec<_> = (0..100).map(event).collect();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for chunk in events.chunks(7) {
                    assert_eq!(send(server.url(), token, chunk).unwrap().0, 200);
                }
            });
        }
    });
    let mut ids: Vec<_> = stored(&server)
        .iter()
        .map(|event| event["event_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 100);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 100);
}

#[test]
fn a_server_that_cannot_start_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let error = DevServer::start(options(dir.path())).err().unwrap();
    assert!(
        matches!(error, StartError::Store(StoreError::InUse { .. })),
        "{error}"
    );
    let other = tempfile::tempdir().unwrap();
    let mut taken = options(other.path());
    taken.port = server.port();
    let error = DevServer::start(taken).err().unwrap();
    assert!(matches!(error, StartError::Bind { .. }), "{error}");
    let mut twice = options(other.path());
    twice.accounts.extend(twice.accounts.clone());
    let error = DevServer::start(twice).err().unwrap();
    assert!(matches!(error, StartError::Accounts), "{error}");
    let error = DevServer::start(Options::new(other.path(), "".into()))
        .err()
        .unwrap();
    assert!(matches!(error, StartError::NoPassword), "{error}");
}
