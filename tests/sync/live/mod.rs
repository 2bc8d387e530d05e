//! The live connection: what is new goes over the socket, what the server says
//! there is settled, and whatever happens to the socket loses nothing.

mod broken;
mod hostile;
mod opening;
mod refused;
mod secure;
mod truth;

use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use spec_kitty::dev_server::{DevServer, Options, Running};
use spec_kitty::event::decode_body;
use spec_kitty::log::read::Step;
use spec_kitty::log::reader::Reader;
use spec_kitty::position::Seq;
use spec_kitty::sync::daemon;
use spec_kitty::sync::pass::log_dir;
use spec_kitty::sync::status::Connection;
use tungstenite::{Message, WebSocket};

use crate::daemon::{meanwhile, wait_until};
use crate::settled;
use crate::support::bench::{BATCH, Bench, Stored, server};
use crate::support::{FakeServer, Reply, Request, Talk};

pub(super) const TOKEN: &str = "/api/v1/ws-token/";
pub(super) const SOCKET: &str = "/ws/v1/events/";
const SNAPSHOT: &str = r#"{"type":"snapshot","work_packages":[]}"#;

/// A server whose socket is `talk`, called after the snapshot was sent.
pub(super) fn live_server(
    talk: impl Fn(&mut Channel) + Send + Sync + 'static,
) -> (FakeServer, Stored) {
    faulty(|_| None, talk)
}

/// An honest server, and somebody who is signed in there and has recorded nothing.
pub(super) fn serving() -> (FakeServer, Stored, Bench) {
    let (server, stored) = live_server(|channel| {
        channel.snapshot();
        channel.serve();
    });
    let bench = signed_in(&server);
    (server, stored, bench)
}

/// As [`live_server`]; `fault` has its say about each request first.
pub(super) fn faulty(
    mut fault: impl FnMut(&Request) -> Option<Reply> + Send + 'static,
    talk: impl Fn(&mut Channel) + Send + Sync + 'static,
) -> (FakeServer, Stored) {
    let (server, stored) = server(move |request, _| {
        fault(request).or_else(|| match request.path.as_str() {
            TOKEN => Some(Reply::json(200, &json!({"ws_token": "SOCKET-TOKEN"}))),
            SOCKET => Some(Reply::upgrade(request)),
            _ => None,
        })
    });
    let kept = Arc::clone(&stored);
    let talk: Talk = Arc::new(move |socket| {
        let mut channel = Channel {
            socket,
            stored: Arc::clone(&kept),
        };
        talk(&mut channel);
    });
    *server.talk.lock().unwrap() = Some(talk);
    (server, stored)
}

/// The server's end of a socket.
pub(super) struct Channel {
    pub(super) socket: WebSocket<TcpStream>,
    stored: Stored,
}

impl Channel {
    pub(super) fn say(&mut self, text: &str) {
        // The other end may be gone.
        let _ = self.socket.send(Message::text(text));
    }

    pub(super) fn snapshot(&mut self) {
        self.say(SNAPSHOT);
    }

    /// The next event; `None` when the other end is gone.
    pub(super) fn event(&mut self) -> Option<Value> {
        loop {
            match self.socket.read().ok()? {
                Message::Text(text) => {
                    let frame: Value = serde_json::from_str(text.as_str()).ok()?;
                    if frame.get("type").is_none() {
                        return Some(frame);
                    }
                }
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }

    /// Stores an event once; the word for it.
    pub(super) fn store(&self, event: &Value) -> &'static str {
        let mut stored = self.stored.lock().unwrap();
        if stored.iter().any(|s| s["event_id"] == event["event_id"]) {
            return "duplicate";
        }
        stored.push(event.clone());
        "accepted"
    }

    pub(super) fn ack(&mut self, event: &Value, status: &str) {
        let ack = json!({"type": "ack", "event_id": event["event_id"], "status": status});
        self.say(&ack.to_string());
    }

    /// Stores and acknowledges everything until the other end is gone.
    pub(super) fn serve(&mut self) {
        while let Some(event) = self.event() {
            let status = self.store(&event);
            self.ack(&event, status);
        }
    }
}

/// A bench of somebody who is signed in at `server`, who has recorded nothing.
pub(super) fn signed_in(server: &FakeServer) -> Bench {
    let mut bench = Bench::new();
    bench.config.sync.interval = Duration::from_millis(200);
    bench.sign_in(server, crate::ALICE.0, crate::ALICE.1);
    bench
}

pub(super) fn connection(bench: &Bench) -> Connection {
    bench.status().connection
}

pub(super) fn connected(bench: &Bench) {
    wait_until("it connects", || connection(bench) == Connection::Connected);
}

/// Why there is no live connection, as the background sender says it.
pub(super) fn why_not_live(bench: &Bench) -> Option<String> {
    daemon::read_status(&bench.home)?.live?.why
}

pub(super) fn delivered(bench: &Bench, count: u64) {
    wait_until("delivered", || bench.status().delivered == count);
}

/// The events of the log, as they were recorded.
pub(super) fn recorded(bench: &Bench) -> Vec<String> {
    let mut reader = Reader::new(log_dir(&bench.home), Seq(1));
    let mut events = Vec::new();
    loop {
        match reader.step().unwrap() {
            Step::Frame(item) if item.kind.is_event() => {
                let (_, json) = decode_body(item.body).unwrap();
                events.push(String::from_utf8(json.to_vec()).unwrap());
            }
            Step::Idle => return events,
            _ => {}
        }
    }
}

/// The reference server, and somebody who is signed in there.
fn reference(dir: &std::path::Path) -> (Running, Bench) {
    let server = DevServer::start(Options::new(dir, "secret".into())).unwrap();
    let mut bench = Bench::new();
    bench.config.sync.interval = Duration::from_millis(200);
    sign_in_for_real(&bench, &server);
    (server, bench)
}

fn sign_in_for_real(bench: &Bench, server: &Running) {
    use spec_kitty::auth::{Store, client, http::Client};
    use spec_kitty::server_url::ServerUrl;
    let url = ServerUrl::parse(server.url()).unwrap();
    let client = Client::new(&url, None, client::LIMITS).unwrap();
    client::login(&client, &Store::new(&bench.home), "demo", &"secret".into()).unwrap();
}

fn kept_by(server: &Running) -> Vec<Value> {
    let text = std::fs::read_to_string(server.data_file()).unwrap_or_default();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

#[test]
fn what_is_recorded_arrives_over_the_socket_and_its_ack_settles_it() {
    let dir = tempfile::tempdir().unwrap();
    let (server, bench) = reference(&dir.path().join("server"));
    meanwhile(&bench, || {
        connected(&bench);
        let ids = bench.emit(&bench.project("widgets"), 3);
        delivered(&bench, 3);
        let kept: Vec<_> = kept_by(&server)
            .iter()
            .map(|event| event["event_id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(kept, ids);
        bench.emit(&bench.project("gadgets"), 2);
        delivered(&bench, 5);
    });
    settled(&bench, (0, 5, 0, 0));
    assert_eq!(bench.sync().sent, 0, "nothing is left for a pass");
}

#[test]
fn a_frame_is_the_event_as_it_was_recorded_and_no_batch_follows() {
    let frames = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&frames);
    let (server, _) = live_server(move |channel| {
        channel.snapshot();
        while let Ok(message) = channel.socket.read() {
            let Message::Text(text) = message else {
                continue;
            };
            heard.lock().unwrap().push(text.as_str().to_owned());
            let event = serde_json::from_str(text.as_str()).unwrap();
            channel.ack(&event, "accepted");
        }
    });
    let bench = signed_in(&server);
    meanwhile(&bench, || {
        connected(&bench);
        let texts = ["1.0 \u{e9}\u{1f600} \"x\"\n".to_owned(), "two".to_owned()];
        bench.emit_texts(&bench.project("widgets"), &texts);
        delivered(&bench, 2);
    });
    assert_eq!(*frames.lock().unwrap(), recorded(&bench));
    assert_eq!(server.count(BATCH), 0);
    settled(&bench, (0, 2, 0, 0));
}

/// The backlog goes by batch, also what was recorded while nobody was signed in
/// and got its team at the sign-in; what is new then goes over the socket.
#[test]
fn the_backlog_goes_by_batch_and_what_is_new_over_the_socket() {
    let (server, stored) = live_server(|channel| {
        channel.snapshot();
        channel.serve();
    });
    let bench = Bench::new();
    bench.emit(&bench.project("widgets"), 3);
    bench.sign_in(&server, crate::ALICE.0, crate::ALICE.1);
    bench.adopt();
    meanwhile(&bench, || {
        delivered(&bench, 3);
        connected(&bench);
        bench.emit(&bench.project("widgets"), 1);
        delivered(&bench, 4);
    });
    assert_eq!(server.count(BATCH), 1);
    assert_eq!(stored.lock().unwrap().len(), 4);
    settled(&bench, (0, 4, 0, 0));
}

/// Other people's events, and those of projects that opted out, never leave.
#[test]
fn only_what_a_pass_would_send_goes_over_the_socket() {
    let (server, stored, bench) = serving();
    let private = bench.project("private");
    let config = private.join(".kittify/config.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text + "sync:\n  enabled: false\n").unwrap();
    meanwhile(&bench, || {
        connected(&bench);
        bench.emit(&private, 2);
        bench.emit(&bench.nowhere(), 1);
        let ids = bench.emit(&bench.project("widgets"), 1);
        delivered(&bench, 1);
        assert_eq!(crate::support::bench::stored_ids(&stored), ids);
    });
    assert_eq!(server.count(BATCH), 0);
    settled(&bench, (1, 1, 0, 0));
}
