//! The websocket.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use spec_kitty::dev_server::{DevServer, Running};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

use crate::support::{agent, bearer, connect, event, login, options, send, start, stored};

fn socket_token(server: &Running, user: &str) -> Value {
    let access = &login(server.url(), user)["access"];
    let mut response = agent()
        .post(format!("{}/api/v1/ws-token/", server.url()))
        .header("Authorization", bearer(access))
        .send_empty()
        .unwrap();
    let text = response.body_mut().read_to_string().unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["ws_token"].clone()
}

fn open(server: &Running, token: &Value) -> Result<WebSocket<TcpStream>, String> {
    let url = format!("ws://127.0.0.1:{}/ws/v1/events/", server.port());
    let mut request = url.into_client_request().unwrap();
    let header = bearer(token).parse().unwrap();
    request.headers_mut().insert("Authorization", header);
    tungstenite::client(request, connect(server))
        .map(|(socket, _)| socket)
        .map_err(|error| error.to_string())
}

fn say(socket: &mut WebSocket<TcpStream>, value: &Value) {
    socket.send(Message::text(value.to_string())).unwrap();
}

/// The next text frame that is not a ping of the server.
fn hear(socket: &mut WebSocket<TcpStream>) -> Value {
    loop {
        let message = socket.read().unwrap();
        let frame: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
        if frame["type"] != "ping" {
            return frame;
        }
    }
}

#[test]
fn a_socket_begins_with_a_snapshot_and_answers_each_event() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let access = &login(server.url(), "demo")["access"];
    send(server.url(), access, &[event(7)]).unwrap();
    let mut socket = open(&server, &socket_token(&server, "demo")).unwrap();
    let snapshot = hear(&mut socket);
    assert_eq!(snapshot["type"], "snapshot");
    assert_eq!(snapshot["lamport_clock"], 7);
    assert_eq!(snapshot["work_packages"][0]["wp_id"], "WP01");
    assert_eq!(snapshot["work_packages"][0]["status"], "doing");
    for (sent, kind, status) in [
        (event(8), "ack", "accepted"),
        (event(8), "ack", "duplicate"),
        (json!({"event_id": "nonsense"}), "error", "rejected"),
        (json!({"event_id": 7}), "error", "rejected"),
        (json!({}), "error", "rejected"),
        (json!("text"), "error", "rejected"),
    ] {
        say(&mut socket, &sent);
        let answer = hear(&mut socket);
        assert_eq!(
            (&answer["type"], &answer["status"]),
            (&json!(kind), &json!(status))
        );
        assert_eq!(
            answer["event_id"],
            *sent.get("event_id").unwrap_or(&Value::Null)
        );
    }
    let mut foreign = event(9);
    foreign["team_slug"] = json!("other");
    say(&mut socket, &foreign);
    assert_eq!(hear(&mut socket)["error_category"], "forbidden");
    say(&mut socket, &json!({"type": "unknown"}));
    say(&mut socket, &json!({"type": "ping", "timestamp": 5}));
    assert_eq!(hear(&mut socket), json!({"type": "pong", "timestamp": 5}));
    assert_eq!(stored(&server), [event(7), event(8)]);
}

#[test]
fn news_reach_the_others_whichever_way_they_came() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let mut one = open(&server, &socket_token(&server, "demo")).unwrap();
    let mut other = open(&server, &socket_token(&server, "colleague")).unwrap();
    for socket in [&mut one, &mut other] {
        assert_eq!(hear(socket)["type"], "snapshot");
    }
    say(&mut one, &event(1));
    assert_eq!(hear(&mut one)["type"], "ack");
    let news = hear(&mut other);
    assert_eq!(
        (&news["type"], &news["event_id"]),
        (&json!("event"), &event(1)["event_id"])
    );
    let access = &login(server.url(), "demo")["access"];
    send(server.url(), access, &[event(1), event(2)]).unwrap();
    for socket in [&mut one, &mut other] {
        assert_eq!(hear(socket)["event_id"], event(2)["event_id"]);
    }
}

#[test]
fn only_a_socket_token_opens_a_socket() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let access = &login(server.url(), "demo")["access"];
    for token in [access, &json!("nonsense")] {
        let error = open(&server, token).unwrap_err();
        assert!(error.contains("401"), "{error}");
    }
}

#[test]
fn a_silent_listener_is_pinged_and_let_go() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path());
    options.timing.ping = Duration::from_millis(40);
    let server = DevServer::start(options).unwrap();
    let mut socket = open(&server, &socket_token(&server, "demo")).unwrap();
    let mut kinds = Vec::new();
    let end = loop {
        match socket.read() {
            Ok(Message::Text(text)) => {
                let frame: Value = serde_json::from_str(text.as_str()).unwrap();
                kinds.push(frame["type"].as_str().unwrap().to_owned());
            }
            Ok(Message::Close(frame)) => break frame.unwrap().reason.to_string(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(end, "no sign of life");
    assert_eq!(kinds[..2], ["snapshot", "ping"]);
}

#[test]
fn a_stopping_server_says_goodbye_to_its_listeners() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let mut socket = open(&server, &socket_token(&server, "demo")).unwrap();
    assert_eq!(hear(&mut socket)["type"], "snapshot");
    server.stop();
    let end = socket.read().unwrap();
    assert!(matches!(end, Message::Close(Some(frame)) if frame.reason.contains("going down")));
}
