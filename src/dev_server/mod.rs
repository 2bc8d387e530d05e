//! The embedded reference server for the event contract, on loopback only.
//!
//! It is what the demo and the integration tests deliver to, and what somebody
//! who wants to run a server of their own can read as the contract's reference:
//! sign-in with rotating refresh tokens, the batch route, the advertised
//! limits and the websocket. It stores what it receives as NDJSON, one event a
//! line, durable before it is answered, and reads that file again when it
//! starts, so an event sent twice is a duplicate also after a restart.
//!
//! The path of a request: `server` (listener, threads) → `connection` → `wire` (bytes to a
//! [`Request`], all bounds) → `service` (routes, a pure function of request and
//! time) → `batch` (verdicts) → `store` (the file) and `hub` (news for the
//! listeners of `websocket`). The server knows the wire form of events and
//! nothing of the log, the state or the sender.
//!
//! It does not speak TLS, does not listen beyond 127.0.0.1, and has no accounts
//! other than the ones it is started with.
//!
//! ```
//! use spec_kitty::dev_server::{DevServer, Options};
//! let dir = tempfile::tempdir()?;
//! let server = DevServer::start(Options::new(dir.path(), "a password".into()))?;
//! assert!(server.url().starts_with("http://127.0.0.1:"));
//! server.stop();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

mod batch;
mod board;
mod connection;
mod http;
mod hub;
mod script;
mod server;
mod service;
mod store;
mod tokens;
mod websocket;
mod wire;

pub use http::{BodyRefused, Request, Response};
pub use script::{Canned, Script};
pub use server::{MAX_CONNECTIONS, Running};
pub use store::StoreError;
pub use tokens::Lifetimes;

/// The way in.
///
/// ```
/// use spec_kitty::dev_server::{DevServer, Options};
///
/// let data = tempfile::tempdir()?;
/// let server = DevServer::start(Options::new(data.path(), "sesame".into()))?;
/// assert!(server.url().starts_with("http://127.0.0.1:"));
/// assert!(std::fs::read_to_string(server.data_file())?.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct DevServer;

impl DevServer {
    /// Starts a server on a thread of this process.
    ///
    /// # Errors
    /// [`StartError`] when the port or the data directory cannot be used.
    pub fn start(options: Options) -> Result<Running, StartError> {
        Running::start(options)
    }
}

/// Somebody who may sign in.
///
/// ```
/// use spec_kitty::dev_server::{Account, DevServer, Options};
///
/// let data = tempfile::tempdir()?;
/// let mut options = Options::new(data.path(), "sesame".into());
/// options.accounts.push(Account {
///     name: "newcomer".to_owned(),
///     team: None, // can sign in, and that is all
/// });
/// let server = DevServer::start(options)?;
/// # drop(server);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user name.
    pub name: String,
    /// The team that all events of this account belong to. Without one the
    /// account can sign in, and that is all.
    pub team: Option<String>,
}

/// What the server takes in one request, and says so when asked.
///
/// ```
/// use spec_kitty::dev_server::{Limits, Options};
///
/// let data = tempfile::tempdir()?;
/// let mut options = Options::new(data.path(), "sesame".into());
/// options.limits = Limits {
///     max_events: 10, // a server that takes little at once
///     ..Limits::default()
/// };
/// assert_eq!(options.limits.max_decompressed_bytes, 1024 * 1024);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Events in one batch. Default 1,000.
    pub max_events: usize,
    /// Bytes of one batch after decompression. Default 1,048,576.
    pub max_decompressed_bytes: usize,
    /// The shortest wait it asks for, in seconds. Default 5.
    pub retry_after_min_s: u32,
    /// The longest wait it asks for, in seconds. Default 60.
    pub retry_after_max_s: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_events: 1000,
            max_decompressed_bytes: 1024 * 1024,
            retry_after_min_s: 5,
            retry_after_max_s: 60,
        }
    }
}

/// How long the server waits for others.
///
/// ```
/// use std::time::Duration;
/// use spec_kitty::dev_server::Timing;
///
/// let hasty = Timing {
///     request: Duration::from_millis(100),
///     ..Timing::default()
/// };
/// assert_eq!(hasty.idle, Duration::from_secs(30));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// For the next request on an open connection. Default 30 s.
    pub idle: Duration,
    /// For a whole request once it began, and for each write. Default 10 s.
    pub request: Duration,
    /// Between two pings on a websocket; a listener that is silent for three of
    /// them is let go. Default 15 s.
    pub ping: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(30),
            request: Duration::from_secs(10),
            ping: Duration::from_secs(15),
        }
    }
}

/// One request and how it was answered, for whoever watches the server. Holds
/// no header, no query and no body.
///
/// ```
/// use std::sync::mpsc;
/// use spec_kitty::auth::Store;
/// use spec_kitty::auth::client::{self, Client, LIMITS};
/// use spec_kitty::dev_server::{DevServer, Exchange, Options};
/// use spec_kitty::home::Home;
/// use spec_kitty::server_url::ServerUrl;
///
/// let dir = tempfile::tempdir()?;
/// let (tell, told) = mpsc::channel();
/// let mut options = Options::new(dir.path(), "sesame".into());
/// options.observer = Some(Box::new(move |exchange: &Exchange<'_>| {
///     let line = format!("{} {} {}", exchange.method, exchange.path, exchange.status);
///     let _ = tell.send(line);
/// }));
/// let server = DevServer::start(options)?;
///
/// let http = Client::new(&ServerUrl::parse(server.url())?, None, LIMITS)?;
/// let store = Store::new(&Home::at(dir.path().join("home")));
/// client::login(&http, &store, "demo", &"sesame".into())?;
/// assert_eq!(told.recv()?, "POST /api/v1/token/ 200");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// The method, as the client sent it.
    pub method: &'a str,
    /// The path, as the client sent it.
    pub path: &'a str,
    /// The status of the answer.
    pub status: u16,
    /// What became of the events of a batch, or what failed inside.
    pub note: Option<&'a str>,
}

/// Told about every exchange, from the thread of its connection.
///
/// ```
/// use spec_kitty::dev_server::{Observer, Options};
///
/// let data = tempfile::tempdir()?;
/// let observer: Observer = Box::new(|exchange| println!("{exchange:?}"));
/// let mut options = Options::new(data.path(), "sesame".into());
/// options.observer = Some(observer);
/// # Ok::<(), std::io::Error>(())
/// ```
pub type Observer = Box<dyn Fn(&Exchange<'_>) + Send + Sync>;

/// What a server is started with.
///
/// ```
/// use spec_kitty::dev_server::{DevServer, Options};
///
/// let data = tempfile::tempdir()?;
/// let options = Options::new(data.path(), "sesame".into());
/// assert_eq!((options.port, options.accounts.len()), (0, 1));
/// let server = DevServer::start(options)?;
/// assert_ne!(server.port(), 0); // a free one was taken
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Options {
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Where `events.ndjson` and the sessions live; made when missing (its
    /// parent is not).
    pub data_dir: PathBuf,
    /// Who may sign in. Default: `demo` of team `demo-team`.
    pub accounts: Vec<Account>,
    /// The password of every account.
    pub password: SecretString,
    /// What one request may hold.
    pub limits: Limits,
    /// How long tokens last.
    pub lifetimes: Lifetimes,
    /// How long the server waits.
    pub timing: Timing,
    /// Odd answers, for tests.
    pub script: Option<Script>,
    /// Who watches.
    pub observer: Option<Observer>,
}

impl Options {
    /// The defaults: a free port, one account `demo` of team `demo-team`.
    #[must_use]
    pub fn new(data_dir: &Path, password: SecretString) -> Self {
        Self {
            port: 0,
            data_dir: data_dir.to_owned(),
            accounts: vec![Account {
                name: "demo".to_owned(),
                team: Some("demo-team".to_owned()),
            }],
            password,
            limits: Limits::default(),
            lifetimes: Lifetimes::default(),
            timing: Timing::default(),
            script: None,
            observer: None,
        }
    }

    fn check(&self) -> Result<(), StartError> {
        if self.password.expose_secret().is_empty() {
            return Err(StartError::NoPassword);
        }
        let mut names: Vec<_> = self.accounts.iter().map(|account| &account.name).collect();
        names.sort();
        let twice = names.windows(2).any(|pair| pair.first() == pair.last());
        let empty = self.accounts.iter().any(|account| {
            account.name.is_empty() || account.team.as_deref().is_some_and(str::is_empty)
        });
        if names.is_empty() || twice || empty {
            return Err(StartError::Accounts);
        }
        Ok(())
    }
}

/// Why a server did not start.
///
/// ```
/// use spec_kitty::dev_server::{DevServer, Options, StartError};
///
/// let data = tempfile::tempdir()?;
/// let started = DevServer::start(Options::new(data.path(), "".into()));
/// assert!(matches!(started.err(), Some(StartError::NoPassword)));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The port cannot be had.
    #[error("cannot listen on 127.0.0.1 port {port}: {source}")]
    Bind {
        /// The port asked for.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// The data directory cannot be used.
    #[error("cannot use the data directory {}: {source}", path.display())]
    Data {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The stored events cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No account, two of one name, or an empty name.
    #[error("accounts need different, non-empty names")]
    Accounts,
    /// Everybody could sign in.
    #[error("the password is empty")]
    NoPassword,
}
