//! From a session to an open socket: token, connection, upgrade.
//!
//! The token is asked of the server that issued the session, and the socket is
//! opened to that same server, whatever else a reply may name. It travels in a
//! header, never in a URL. Redirects are not followed. A 401, of either step,
//! is worth one refresh of the session and one more try. What the server says
//! is judged as the answers to batches are.

use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use tungstenite::client::IntoClientRequest;
use tungstenite::http::{HeaderValue, Response, header};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Error, HandshakeError, WebSocket};

use crate::auth::client::{self, RefreshError};
use crate::auth::http::dial::{Way, Wire};
use crate::auth::http::{Answer, BodyEnd, Client, NoAnswer};
use crate::auth::{Credentials, Store, socket_token};
use crate::sync::courier::Stop;
use crate::sync::live::ladder::Failure;
use crate::sync::outcome::{self, Verdict};

/// Where the server upgrades to a socket.
const PATH: &str = "/ws/v1/events/";
/// The largest message that is read: more than any snapshot should need.
const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;
/// What is read at once.
const READ_BUFFER_BYTES: usize = 16 * 1024;

/// Everything that opening takes.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) client: Client,
    pub(super) way: Way,
    pub(super) store: Store,
    pub(super) credentials: Credentials,
}

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Down {
    pub(super) failure: Failure,
    /// For people, without any token.
    pub(super) why: String,
}

/// How one try ended early.
enum Early {
    /// The session's token, or the one bought with it, is not accepted.
    Unauthorized(Down),
    Down(Down),
}

pub(super) fn passing(why: impl Into<String>) -> Down {
    Down {
        failure: Failure::Passing,
        why: why.into(),
    }
}

pub(super) fn lasting(why: impl Into<String>) -> Down {
    Down {
        failure: Failure::Lasting,
        why: why.into(),
    }
}

impl Call {
    /// Opens the socket. `refreshing` is true while the session's rotating
    /// token is being spent, which must not be cut short.
    pub(super) fn open(&mut self, refreshing: &AtomicBool) -> Result<WebSocket<Wire>, Down> {
        if !self.credentials.access_is_fresh(Timestamp::now()) {
            self.refresh(refreshing)?;
        }
        match self.once() {
            Ok(socket) => return Ok(socket),
            Err(Early::Down(down)) => return Err(down),
            Err(Early::Unauthorized(_)) => self.refresh(refreshing)?,
        }
        self.once().map_err(|early| match early {
            Early::Down(down) | Early::Unauthorized(down) => down,
        })
    }

    fn refresh(&mut self, refreshing: &AtomicBool) -> Result<(), Down> {
        refreshing.store(true, Ordering::SeqCst);
        let next = client::refresh(&self.client, &self.store, &self.credentials);
        refreshing.store(false, Ordering::SeqCst);
        let same = |next: &Credentials| next.account.target() == self.credentials.account.target();
        let next = next.and_then(|next| match same(&next) {
            true => Ok(next),
            false => Err(RefreshError::Changed),
        });
        self.credentials = next.map_err(|error| match Stop::of_refresh(error) {
            Stop::Session(why) => lasting(why),
            Stop::Trouble(trouble) => passing(outcome::phrase(&trouble)),
            Stop::Wait { .. } | Stop::Interrupted => passing("the refresh was broken off"),
        })?;
        Ok(())
    }

    fn once(&self) -> Result<WebSocket<Wire>, Early> {
        let access = &self.credentials.access;
        let silent = |silence: NoAnswer| judged(outcome::judge_silence(&silence), &[access]);
        let answer = socket_token::ask(&self.client, access).map_err(silent)?;
        let token = match answer.status {
            200 => socket_token::read(&answer),
            _ => return Err(judged(judge(&answer), &[access])),
        };
        let token = token.ok_or_else(|| {
            let why = "the server gave no token for a live connection";
            Early::Down(lasting(why))
        })?;
        let wire = self.way.connect().map_err(silent)?;
        self.upgrade(wire, &token)
    }

    fn upgrade(&self, wire: Wire, token: &SecretString) -> Result<WebSocket<Wire>, Early> {
        let url = self.way.server().join(PATH).replacen("http", "ws", 1);
        let odd = |error: &dyn std::fmt::Display| {
            let text = format!("the live connection cannot be asked for: {error}");
            Early::Down(lasting(text))
        };
        let mut request = url.into_client_request().map_err(|error| odd(&error))?;
        let bearer = format!("Bearer {}", token.expose_secret());
        let mut bearer = HeaderValue::try_from(bearer).map_err(|error| odd(&error))?;
        bearer.set_sensitive(true);
        let headers = request.headers_mut();
        headers.insert(header::AUTHORIZATION, bearer);
        let agent = concat!("spec-kitty/", env!("CARGO_PKG_VERSION"));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(agent));
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_message_size(Some(MAX_MESSAGE_BYTES))
            .max_frame_size(Some(MAX_MESSAGE_BYTES));
        let refused = match tungstenite::client::client_with_config(request, wire, Some(config)) {
            Ok((socket, _)) => return Ok(socket),
            Err(HandshakeError::Interrupted(_)) => None,
            Err(HandshakeError::Failure(Error::Http(response))) => Some(Ok(response)),
            Err(HandshakeError::Failure(error)) => Some(Err(error)),
        };
        Err(match refused {
            None => Early::Down(passing("the server did not answer the upgrade in time")),
            Some(Ok(response)) => {
                let secrets = [token, &self.credentials.access];
                judged(judge(&answer_of(&response)), &secrets)
            }
            Some(Err(Error::Io(error))) => Early::Down(passing(error.to_string())),
            Some(Err(error)) => {
                let why = format!("what answers does not speak the protocol: {error}");
                Early::Down(passing(why))
            }
        })
    }
}

fn judge(answer: &Answer) -> Verdict {
    outcome::judge(answer, &[], Timestamp::now())
}

/// An answer to the upgrade that is none to a batch, but says as much.
fn answer_of<B>(response: &Response<B>) -> Answer {
    let header = |name: header::HeaderName| {
        let value = response.headers().get(name)?.to_str().ok()?;
        Some(value.trim().to_owned())
    };
    Answer {
        status: response.status().as_u16(),
        retry_after: header(header::RETRY_AFTER),
        location: header(header::LOCATION),
        body: Vec::new(),
        end: BodyEnd::Whole,
    }
}

/// What a verdict means for the connection. What the server echoes of the
/// `secrets` is not told.
fn judged(verdict: Verdict, secrets: &[&SecretString]) -> Early {
    let told = |trouble: &crate::state::Trouble| {
        let phrase = outcome::phrase(trouble);
        secrets.iter().fold(phrase, |phrase, secret| {
            phrase.replace(secret.expose_secret(), "***")
        })
    };
    Early::Down(match verdict {
        Verdict::Unauthorized(trouble) => return Early::Unauthorized(lasting(told(&trouble))),
        Verdict::Wait { wait, trouble } => Down {
            failure: Failure::Wait(wait),
            why: told(&trouble),
        },
        Verdict::Halt(trouble)
        | Verdict::Unexplained(trouble)
        | Verdict::TooLarge { trouble, .. } => lasting(told(&trouble)),
        Verdict::Transient(trouble) => passing(told(&trouble)),
        Verdict::Answers(_) => passing("the answer is not understood"),
    })
}
