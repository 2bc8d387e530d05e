//! The real-time channel: a snapshot first, then events both ways.
//!
//! A client sends bare events, one a text frame; each gets an `ack` or an
//! `error` frame with its id. An event of anybody else in the team comes as an
//! `event` frame. One thread owns the socket: it reads with a short timeout and
//! uses the pauses for news, pings and the end of the server.

use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::TryRecvError;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tungstenite::handshake::server::create_response;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use super::Account;
use super::batch::Verdict;
use super::http::{Request, Response};
use super::service::Service;

/// How long a read waits before the other duties have their turn.
pub(crate) const TICK: Duration = Duration::from_millis(25);

/// Whether a request asks for the websocket protocol.
pub(crate) fn is_upgrade(request: &Request) -> bool {
    request
        .header("upgrade")
        .is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket"))
}

/// The answer that switches protocols, or the one that says why not.
pub(crate) fn accept(request: &Request) -> Result<Response, Response> {
    let refuse = |why: &dyn std::fmt::Display| {
        Response::json(
            400,
            &json!({"error": format!("Bad websocket handshake: {why}")}),
        )
    };
    let mut builder = tungstenite::http::Request::builder()
        .method(request.method())
        .uri(request.path());
    for (name, value) in request.header_pairs() {
        builder = builder.header(name, value);
    }
    let handshake = builder.body(()).map_err(|error| refuse(&error))?;
    let answer = create_response(&handshake).map_err(|error| refuse(&error))?;
    let mut response = Response::new(101);
    for (name, value) in answer.headers() {
        let value = value.to_str().map_err(|error| refuse(&error))?;
        response = response.with_header(name.as_str(), value);
    }
    Ok(response)
}

/// One open channel.
pub(crate) struct Channel<'a, S> {
    socket: WebSocket<S>,
    service: &'a Service,
    account: &'a Account,
    team: &'a str,
    stopping: &'a AtomicBool,
    ping_every: Duration,
}

/// Whether the conversation goes on.
enum Next {
    Go,
    /// Say goodbye with this code and reason.
    End(CloseCode, &'static str),
    /// The other side is gone.
    Gone,
}

#[derive(Deserialize)]
struct Control<'a> {
    #[serde(rename = "type", default, borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(default)]
    event_id: Option<Value>,
    #[serde(default)]
    timestamp: Option<Value>,
}

impl<'a, S: Read + Write> Channel<'a, S> {
    /// A channel over a stream whose handshake is done; `already_read` is what
    /// came after the handshake in the same reads.
    pub(crate) fn new(
        stream: S,
        already_read: Vec<u8>,
        service: &'a Service,
        account: &'a Account,
        team: &'a str,
        stopping: &'a AtomicBool,
        ping_every: Duration,
    ) -> Self {
        let limit = service.max_message_bytes();
        let config = WebSocketConfig::default()
            .read_buffer_size(16 * 1024)
            .write_buffer_size(16 * 1024)
            .max_write_buffer_size(usize::MAX)
            .max_message_size(Some(limit))
            .max_frame_size(Some(limit));
        Self {
            socket: WebSocket::from_partially_read(
                stream,
                already_read,
                Role::Server,
                Some(config),
            ),
            service,
            account,
            team,
            stopping,
            ping_every,
        }
    }

    /// Talks until one side has had enough.
    pub(crate) fn run(mut self) {
        let (listener, snapshot) = self.service.listen(self.team);
        if self.socket.send(Message::text(snapshot)).is_err() {
            return;
        }
        let mut pinged_at = Instant::now();
        let mut heard_at = Instant::now();
        loop {
            let next = if self.stopping.load(Ordering::Relaxed) {
                Next::End(CloseCode::Away, "the server is going down")
            } else if heard_at.elapsed() > self.ping_every.saturating_mul(3) {
                Next::End(CloseCode::Policy, "no sign of life")
            } else if pinged_at.elapsed() >= self.ping_every {
                pinged_at = Instant::now();
                let timestamp = jiff::Timestamp::now().to_string();
                self.say(&json!({"type": "ping", "timestamp": timestamp}))
            } else {
                match listener.news.try_recv() {
                    Ok(frame) => self.send(Message::text(&*frame)),
                    Err(TryRecvError::Disconnected) => Next::End(CloseCode::Policy, "too slow"),
                    Err(TryRecvError::Empty) => self.hear(listener.number, &mut heard_at),
                }
            };
            match next {
                Next::Go => {}
                Next::Gone => return,
                Next::End(code, reason) => {
                    let frame = CloseFrame {
                        code,
                        reason: reason.into(),
                    };
                    let _ = self.socket.close(Some(frame));
                    let _ = self.socket.flush();
                    return;
                }
            }
        }
    }

    /// Waits one tick for a message and deals with it.
    fn hear(&mut self, listener: u64, heard_at: &mut Instant) -> Next {
        let message = match self.socket.read() {
            Ok(message) => message,
            Err(Error::Io(error)) if is_pause(&error) => return Next::Go,
            Err(Error::Capacity(_)) => {
                return Next::End(CloseCode::Size, "the message is too large");
            }
            Err(_) => return Next::Gone,
        };
        *heard_at = Instant::now();
        match message {
            Message::Text(text) => self.answer(text.as_str(), listener),
            Message::Binary(_) => Next::End(CloseCode::Unsupported, "text frames only"),
            // The library has answered a ping and a close frame by itself.
            _ => Next::Go,
        }
    }

    fn answer(&mut self, text: &str, listener: u64) -> Next {
        let Ok(control) = serde_json::from_str::<Control<'_>>(text) else {
            return self.refuse(
                &Value::Null,
                "schema_mismatch",
                "the frame is not a JSON object",
            );
        };
        match (control.event_id, control.kind.as_deref()) {
            (Some(id), _) => self.take_event(text, &id, listener),
            (None, Some("ping")) => {
                self.say(&json!({"type": "pong", "timestamp": control.timestamp}))
            }
            (None, Some(_)) => Next::Go,
            (None, None) => self.refuse(&Value::Null, "schema_mismatch", "event_id: missing"),
        }
    }

    fn take_event(&mut self, text: &str, id: &Value, listener: u64) -> Next {
        let event = match serde_json::from_str::<&RawValue>(text) {
            Ok(event) => event,
            Err(error) => return self.refuse(id, "schema_mismatch", &error.to_string()),
        };
        let judgement = match self.service.receive(&[event], self.account, Some(listener)) {
            Ok(judgement) => judgement,
            Err(response) if response.status() == 403 => {
                return self.refuse(id, "forbidden", "the event is of another team");
            }
            Err(response) if response.status() == 400 => {
                return self.refuse(id, "schema_mismatch", "event_id: not a text");
            }
            Err(_) => return Next::End(CloseCode::Error, "events cannot be stored"),
        };
        match judgement.verdicts.first().map(|(_, verdict)| verdict) {
            Some(Verdict::Stored) => {
                self.say(&json!({"type": "ack", "event_id": id, "status": "accepted"}))
            }
            Some(Verdict::Duplicate) => {
                self.say(&json!({"type": "ack", "event_id": id, "status": "duplicate"}))
            }
            Some(Verdict::Rejected(refusal)) => self.refuse(id, refusal.category, &refusal.message),
            None => Next::Go,
        }
    }

    fn refuse(&mut self, id: &Value, category: &str, why: &str) -> Next {
        self.say(&json!({
            "type": "error",
            "event_id": id,
            "status": "rejected",
            "error": why,
            "error_category": category,
            "retryable": false,
        }))
    }

    fn say(&mut self, value: &Value) -> Next {
        self.send(Message::text(value.to_string()))
    }

    fn send(&mut self, message: Message) -> Next {
        match self.socket.send(message) {
            Ok(()) => Next::Go,
            Err(_) => Next::Gone,
        }
    }
}

/// A read that timed out; Unix and Windows have different words for it.
fn is_pause(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}
