//! Signing in, and refreshing a session once across all processes.
//!
//! The refresh token rotates: whoever spends it gets the only valid successor.
//! So [`refresh`] holds the lock from reading the file to writing it, looks
//! first whether somebody else has refreshed already, and when the server
//! refuses it reads the file once more before it believes that the session is
//! over. Even then the file stays, marked as ended, so that the user sees
//! whose session ended and their events keep their recipient.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use thiserror::Error;

use super::credentials::{Account, Credentials, Session, Unusable};
use super::http::{Answer, Encoding};
use super::store::{LOCK_DEADLINE, Locked, Store, StoreError};
use super::tokens::{ReplyError, TokenReply};

pub use super::http::{Client, Limits, NoAnswer, SetupError};

/// What a request to a token endpoint may cost.
pub const LIMITS: Limits = Limits {
    total: Duration::from_secs(10),
    body_bytes: 64 * 1024,
};

/// The longest wait for another process that the server says is refreshing.
const REPLAY_WAIT_MAX: Duration = Duration::from_secs(2);

/// What a token endpoint answered instead of tokens.
///
/// ```
/// use spec_kitty::auth::Store;
/// use spec_kitty::auth::client::{self, Client, LIMITS, LoginError, Refusal};
/// use spec_kitty::dev_server::{Canned, DevServer, Options, Response};
/// use spec_kitty::home::Home;
/// use spec_kitty::server_url::ServerUrl;
///
/// let dir = tempfile::tempdir()?;
/// let server = DevServer::start(Options {
///     script: Some(Box::new(|_| Some(Canned::Instead(Response::new(404))))),
///     ..Options::new(dir.path(), "sesame".into())
/// })?;
/// let http = Client::new(&ServerUrl::parse(server.url())?, None, LIMITS)?;
/// let store = Store::new(&Home::at(dir.path().join("home")));
/// let refused = client::login(&http, &store, "demo", &"sesame".into());
/// assert!(matches!(refused, Err(LoginError::Refused(Refusal::NotFound))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A redirect, which is never followed.
    #[error("the server answered {status}, a redirect to {location}; it is not followed")]
    Redirect {
        /// The HTTP status.
        status: u16,
        /// Where it pointed.
        location: String,
    },
    /// There is no such path on this server.
    #[error("there is no spec-kitty server at this URL (404)")]
    NotFound,
    /// Too many requests.
    #[error("the server asks to wait (429)")]
    Throttled {
        /// The `Retry-After` header as it came.
        retry_after: Option<String>,
    },
    /// Any other status.
    #[error("the server answered {status}{}", said(says.as_ref()))]
    Status {
        /// The HTTP status.
        status: u16,
        /// The server's own words, shortened.
        says: Option<String>,
    },
    /// A 200 that carries no tokens.
    #[error("the server's answer is not understood: {0}")]
    Reply(#[from] ReplyError),
}

fn said(says: Option<&String>) -> String {
    says.map_or_else(String::new, |text| format!(": {text}"))
}

/// Why signing in did not work. Whoever was signed in before still is.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The server does not accept this user and password.
    #[error("{server} does not accept this user name and password")]
    InvalidCredentials {
        /// The server.
        server: String,
    },
    /// The server answered something else.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No answer came.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    /// The new tokens could not be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a session could not be refreshed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RefreshError {
    /// Nobody is signed in any more.
    #[error("nobody is signed in")]
    SignedOut,
    /// Another account was signed in meanwhile.
    #[error("another account has been signed in meanwhile")]
    Changed,
    /// The session is over.
    #[error("the session of {} on {} has ended", .0.user, .0.server)]
    Ended(Account),
    /// The credentials file cannot be used.
    #[error(transparent)]
    Unreadable(#[from] Unusable),
    /// The server answered something that says nothing about the session.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No answer came.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    /// The lock or the file could not be had.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Signs `user` in at the client's server and stores the tokens.
///
/// # Errors
/// [`LoginError`]; the credentials are unchanged then.
///
/// ```
/// use spec_kitty::auth::client::{self, Client, LIMITS, LoginError, NoAnswer};
/// use spec_kitty::auth::{Session, Store};
/// use spec_kitty::dev_server::{DevServer, Options};
/// use spec_kitty::home::Home;
/// use spec_kitty::server_url::ServerUrl;
///
/// let dir = tempfile::tempdir()?;
/// let server = DevServer::start(Options::new(dir.path(), "sesame".into()))?;
/// let http = Client::new(&ServerUrl::parse(server.url())?, None, LIMITS)?;
/// let store = Store::new(&Home::at(dir.path().join("home")));
///
/// let refused = client::login(&http, &store, "demo", &"open".into());
/// assert!(matches!(refused, Err(LoginError::InvalidCredentials { .. })));
///
/// let credentials = client::login(&http, &store, "demo", &"sesame".into())?;
/// assert_eq!(credentials.account.team.as_deref(), Some("demo-team"));
/// assert!(matches!(store.load().session, Session::Active(_)));
///
/// server.stop();
/// let refused = client::login(&http, &store, "demo", &"sesame".into());
/// let Err(LoginError::NoAnswer(NoAnswer::Connection { host, .. })) = refused else {
///     panic!("nobody listens there any more");
/// };
/// assert!(host.contains("127.0.0.1"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn login(
    client: &Client,
    store: &Store,
    user: &str,
    password: &SecretString,
) -> Result<Credentials, LoginError> {
    let body = json!({"username": user, "password": password.expose_secret()}).to_string();
    let answer = client.post_json("/api/v1/token/", None, body.as_bytes(), Encoding::Plain)?;
    let reply = match answer.status {
        200 => TokenReply::parse(&answer.body, Timestamp::now()).map_err(Refusal::from)?,
        401 => {
            let server = client.server().to_string();
            return Err(LoginError::InvalidCredentials { server });
        }
        _ => return Err(refusal(&answer, password).into()),
    };
    let Some((refresh, refresh_expires_at)) = reply.refresh else {
        return Err(Refusal::from(ReplyError::NoToken { key: "refresh" }).into());
    };
    let credentials = Credentials {
        account: Account {
            server: client.server().clone(),
            user: user.trim().to_owned(),
            team: reply.team,
        },
        access: reply.access,
        access_expires_at: Some(reply.access_expires_at),
        refresh,
        refresh_expires_at: Some(refresh_expires_at),
    };
    store.lock(LOCK_DEADLINE)?.save(&credentials)?;
    Ok(credentials)
}

/// Gets a pair of tokens other than `used`, whose access token has expired or
/// was refused: the pair that another process stored meanwhile, or a new one
/// from the server.
///
/// # Errors
/// [`RefreshError`]; after [`RefreshError::Ended`] the file says so as well.
///
/// ```
/// use spec_kitty::auth::client::{self, Client, LIMITS, RefreshError};
/// use spec_kitty::auth::Store;
/// use spec_kitty::dev_server::{DevServer, Options};
/// use spec_kitty::home::Home;
/// use spec_kitty::server_url::ServerUrl;
///
/// let dir = tempfile::tempdir()?;
/// let server = DevServer::start(Options::new(dir.path(), "sesame".into()))?;
/// let http = Client::new(&ServerUrl::parse(server.url())?, None, LIMITS)?;
/// let store = Store::new(&Home::at(dir.path().join("home")));
///
/// let first = client::login(&http, &store, "demo", &"sesame".into())?;
/// let second = client::refresh(&http, &store, &first)?;
/// assert!(!second.same_tokens(&first));
///
/// store.lock(std::time::Duration::from_secs(1))?.remove()?; // signed out
/// let refused = client::refresh(&http, &store, &second);
/// assert!(matches!(refused, Err(RefreshError::SignedOut)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn refresh(
    client: &Client,
    store: &Store,
    used: &Credentials,
) -> Result<Credentials, RefreshError> {
    let locked = store.lock(LOCK_DEADLINE)?;
    let present = current(&locked, used)?;
    if !present.same_tokens(used) && present.access_is_fresh(Timestamp::now()) {
        return Ok(present);
    }
    if *client.server() != present.account.server {
        return Err(RefreshError::Changed);
    }
    let body = json!({"refresh": present.refresh.expose_secret()}).to_string();
    let path = "/api/v1/token/refresh/";
    let answer = client.post_json(path, None, body.as_bytes(), Encoding::Plain)?;
    match answer.status {
        200 => {
            let reply = TokenReply::parse(&answer.body, Timestamp::now()).map_err(Refusal::from)?;
            let next = renewed(present, reply);
            locked.save(&next)?;
            Ok(next)
        }
        400 | 401 | 409 => refused(&locked, &present, &answer),
        _ => Err(refusal(&answer, &present.refresh).into()),
    }
}

/// The credentials in the file, if they still are those of the same account.
fn current(locked: &Locked<'_>, used: &Credentials) -> Result<Credentials, RefreshError> {
    match locked.load().session {
        Session::SignedOut => Err(RefreshError::SignedOut),
        Session::Unreadable(unusable) => Err(unusable.into()),
        Session::Ended(account) => Err(RefreshError::Ended(account)),
        Session::Active(present) if present.account.target() != used.account.target() => {
            Err(RefreshError::Changed)
        }
        Session::Active(present) => Ok(present),
    }
}

fn renewed(present: Credentials, reply: TokenReply) -> Credentials {
    let (refresh, refresh_expires_at) = match reply.refresh {
        Some((token, end)) => (token, Some(end)),
        None => (present.refresh, present.refresh_expires_at),
    };
    Credentials {
        account: Account {
            team: reply.team.or(present.account.team),
            ..present.account
        },
        access: reply.access,
        access_expires_at: Some(reply.access_expires_at),
        refresh,
        refresh_expires_at,
    }
}

/// The server did not take the refresh token. A tool that does not know our
/// lock (the Python one) may have spent it a moment ago: then its successor is
/// in the file, or will be shortly.
fn refused(
    locked: &Locked<'_>,
    spent: &Credentials,
    answer: &Answer,
) -> Result<Credentials, RefreshError> {
    if answer.status == 409 {
        std::thread::sleep(replay_wait(&answer.body));
    }
    let present = current(locked, spent)?;
    if !present.same_tokens(spent) {
        return Ok(present);
    }
    if !is_final(answer) {
        return Err(refusal(answer, &spent.refresh).into());
    }
    let now = Timestamp::now();
    let ended = Credentials {
        access_expires_at: Some(now),
        refresh_expires_at: Some(now),
        ..present
    };
    locked.save(&ended)?;
    Err(RefreshError::Ended(ended.account))
}

/// Whether the answer says that the session is over. A page of HTML does not:
/// it comes from something between us and the server.
fn is_final(answer: &Answer) -> bool {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    let word = ["error", "code", "error_code"]
        .iter()
        .find_map(|key| body.get(*key)?.as_str());
    match answer.status {
        401 => !answer.body.trim_ascii_start().starts_with(b"<"),
        400 => matches!(
            word,
            Some("invalid_grant" | "session_invalid" | "token_not_valid")
        ),
        _ => false,
    }
}

fn replay_wait(body: &[u8]) -> Duration {
    let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let seconds = body.get("retry_after").and_then(Value::as_u64).unwrap_or(1);
    Duration::from_secs(seconds).min(REPLAY_WAIT_MAX)
}

/// What an unexpected answer means; the server's words are shown only when
/// they do not repeat the secret.
fn refusal(answer: &Answer, secret: &SecretString) -> Refusal {
    match answer.status {
        status @ 300..=399 => Refusal::Redirect {
            status,
            location: answer
                .location
                .clone()
                .unwrap_or_else(|| "nowhere".to_owned()),
        },
        404 => Refusal::NotFound,
        429 => Refusal::Throttled {
            retry_after: answer.retry_after.clone(),
        },
        status => Refusal::Status {
            status,
            says: answer
                .says()
                .filter(|text| !text.contains(secret.expose_secret())),
        },
    }
}
