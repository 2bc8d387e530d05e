//! A client of the contract, as plain as it can be.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use spec_kitty::dev_server::{Account, DevServer, Options, Running};

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn options(dir: &Path) -> Options {
    let mut options = Options::new(dir, "secret".into());
    options.accounts.push(Account {
        name: "colleague".into(),
        team: Some("demo-team".into()),
    });
    options
}

pub(crate) fn start(dir: &Path) -> Running {
    DevServer::start(options(dir)).unwrap()
}

pub(crate) fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .proxy(None)
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .build()
        .into()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn event(n: u64) -> Value {
    json!({
        "event_id": format!("01HX8T4J6QW2V0N5YB3K{n:06}"),
        "event_type": "WPStatusChanged",
        "aggregate_id": "WP01",
        "aggregate_type": "WorkPackage",
        "payload": {"wp_id": "WP01", "previous_status": "planned", "new_status": "doing"},
        "node_id": "b805cd5cee74",
        "lamport_clock": n,
        "causation_id": null,
        "timestamp": "2026-11-22T10:11:33.702142+00:00",
        "team_slug": "demo-team",
        "project_uuid": "44a34391-86d8-4159-abf1-e0b4d3abc746",
    })
}

pub(crate) fn login(url: &str, user: &str) -> Value {
    let mut response = agent()
        .post(format!("{url}/api/v1/token/"))
        .header("Content-Type", "application/json")
        .send(json!({"username": user, "password": "secret"}).to_string())
        .unwrap();
    assert_eq!(response.status(), 200);
    serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap()
}

pub(crate) fn bearer(token: &Value) -> String {
    format!("Bearer {}", token.as_str().unwrap())
}

/// Sends a batch; the status and the body of the answer.
pub(crate) fn send(
    url: &str,
    token: &Value,
    events: &[Value],
) -> Result<(u16, Value), ureq::Error> {
    let body = gzip(json!({"events": events}).to_string().as_bytes());
    let mut response = agent()
        .post(format!("{url}/api/v1/events/batch/"))
        .header("Authorization", bearer(token))
        .header("Content-Type", "application/json")
        .header("Content-Encoding", "gzip")
        .send(&body)?;
    let text = response.body_mut().read_to_string()?;
    Ok((
        response.status().as_u16(),
        serde_json::from_str(&text).unwrap(),
    ))
}

pub(crate) fn connect(server: &Running) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Writes bytes and reads until the server has had enough.
pub(crate) fn exchange(server: &Running, bytes: &[u8]) -> String {
    let mut stream = connect(server);
    // A server that has refused already may have stopped listening.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

pub(crate) fn stored(server: &Running) -> Vec<Value> {
    std::fs::read_to_string(server.data_file())
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
