//! One careful HTTP client for everything that talks to the server.
//!
//! Every wait has a deadline. Redirects are never followed, so neither a token
//! nor an event can be led to another host. A response body is read up to a
//! bound after decompression. A status is never an error here: what an answer
//! means is decided by whoever asked. The proxy of the environment is used,
//! except for loopback. TLS is rustls with ring; the system's certificates are
//! trusted, or those compiled in where the system has none, or those of
//! `[sync] ca_file` and no others.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use ureq::tls::TlsConfig;
use ureq::{Agent, Proxy, http};

use crate::server_url::ServerUrl;

pub(crate) mod dial;
mod trust;

/// How long connecting may take, name resolution and TLS each counted on its own.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a single read or write may stand still.
pub const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// The most bytes of response headers.
const MAX_HEADER_BYTES: usize = 32 * 1024;
/// The most characters that are repeated of a server's words.
const MAX_SAID_CHARS: usize = 300;

/// What one request may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The whole request, from the first packet to the last byte of the answer.
    pub total: Duration,
    /// The most bytes of the answer's body, after decompression.
    pub body_bytes: u64,
}

/// A client for one server.
///
/// ```
/// use std::time::Duration;
/// use spec_kitty::auth::client::{Client, Limits, SetupError};
/// use spec_kitty::server_url::ServerUrl;
///
/// let limits = Limits { total: Duration::from_secs(5), body_bytes: 64 * 1024 };
/// let server = ServerUrl::parse("https://kitty.example.org")?;
/// assert_eq!(*Client::new(&server, None, limits)?.server(), server);
/// let broken = Client::new(&server, Some("no-such.pem".as_ref()), limits);
/// assert!(matches!(broken, Err(SetupError::CaFile { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    agent: Agent,
    server: ServerUrl,
    limits: Limits,
}

/// Why no client could be made: the configuration is at fault, not the network.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The certificate file cannot be read.
    #[error("cannot use the certificates in {}: {source}", path.display())]
    CaFile {
        /// The file of `[sync] ca_file`.
        path: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// The TLS library cannot be set up.
    #[error("cannot set up TLS: {0}")]
    Tls(rustls::Error),
}

/// An answer, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The `Retry-After` header.
    pub retry_after: Option<String>,
    /// The `Location` header.
    pub location: Option<String>,
    /// The body, as far as it came.
    pub body: Vec<u8>,
    /// How the body ended.
    pub end: BodyEnd,
}

impl Answer {
    /// The server's own words in a JSON body, on one line and shortened; `None`
    /// when there are none.
    #[must_use]
    pub fn says(&self) -> Option<String> {
        let body: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        let keys = [
            "error_description",
            "error_message",
            "error",
            "detail",
            "reason",
            "message",
        ];
        let text = keys.iter().find_map(|key| body.get(*key)?.as_str())?;
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        (!line.is_empty()).then(|| line.chars().take(MAX_SAID_CHARS).collect())
    }
}

/// How a response body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEnd {
    /// It is all there.
    Whole,
    /// The connection broke, stalled, or the compression was damaged.
    Cut,
    /// There was more than the bound.
    TooLarge,
}

/// Why there is no answer at all.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NoAnswer {
    /// The name has no address.
    #[error("{host} has no address (DNS)")]
    NoAddress {
        /// The server's host.
        host: String,
    },
    /// A deadline passed.
    #[error("{host} did not answer in time ({step})")]
    Timeout {
        /// The server's host.
        host: String,
        /// What was being waited for.
        step: String,
    },
    /// The connection could not be made, or broke.
    #[error("no connection to {host}: {reason}")]
    Connection {
        /// The server's host.
        host: String,
        /// What the system said.
        reason: String,
    },
    /// TLS failed: a certificate that is not trusted, or no TLS at all.
    #[error("no trusted connection to {host}: {reason}")]
    Tls {
        /// The server's host.
        host: String,
        /// What the TLS library said.
        reason: String,
    },
    /// The proxy of the environment is unusable or refused.
    #[error("the proxy of the environment failed: {reason}")]
    Proxy {
        /// What is wrong with it.
        reason: String,
    },
    /// What came back is not HTTP.
    #[error("{host} does not speak HTTP as expected: {reason}")]
    Protocol {
        /// The server's host.
        host: String,
        /// What was wrong.
        reason: String,
    },
    /// Somebody wanted to wait no longer.
    #[error("the request was broken off")]
    Abandoned,
}

/// How a request body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As it is.
    Plain,
    /// Compressed with gzip.
    Gzip,
}

/// The proxy of the environment; loopback never goes through one.
fn proxy_for(server: &ServerUrl) -> Option<Proxy> {
    (!server.is_loopback()).then(Proxy::try_from_env).flatten()
}

impl Client {
    /// A client for `server` that trusts `ca_file` alone when one is given.
    ///
    /// # Errors
    /// [`SetupError`] when the certificates cannot be used.
    pub fn new(
        server: &ServerUrl,
        ca_file: Option<&Path>,
        limits: Limits,
    ) -> Result<Self, SetupError> {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(proxy_for(server))
            .user_agent(concat!("spec-kitty/", env!("CARGO_PKG_VERSION")))
            .max_response_header_size(MAX_HEADER_BYTES)
            .timeout_resolve(Some(CONNECT_TIMEOUT))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_per_read(Some(STALL_TIMEOUT))
            .timeout_per_write(Some(STALL_TIMEOUT));
        if server.is_secure() {
            let tls = TlsConfig::builder()
                .root_certs(trust::roots(ca_file)?)
                .build();
            config = config.tls_config(tls);
        }
        Ok(Self {
            agent: config.build().new_agent(),
            server: server.clone(),
            limits,
        })
    }

    /// The same client, with the same connections, for requests that may cost
    /// something else.
    #[doc(hidden)]
    #[must_use]
    pub fn within(&self, limits: Limits) -> Self {
        Self {
            limits,
            ..self.clone()
        }
    }

    /// The server this client talks to.
    #[must_use]
    pub fn server(&self) -> &ServerUrl {
        &self.server
    }

    /// Breaks off every request in flight, from another thread; this client and
    /// its clones are of no use afterwards. A connection that is only being
    /// made goes on to its own deadline: whoever cannot wait for that lets the
    /// request run on a thread of its own.
    #[doc(hidden)]
    pub fn hang_up(&self) {
        self.agent.clone().shutdown();
    }

    /// Posts `json` to `path` of the server. The token, when given, goes into
    /// the `Authorization` header and nowhere else.
    ///
    /// # Errors
    /// [`NoAnswer`] when no status came back. The request may have arrived.
    #[doc(hidden)]
    pub fn post_json(
        &self,
        path: &str,
        bearer: Option<&SecretString>,
        json: &[u8],
        encoding: Encoding,
    ) -> Result<Answer, NoAnswer> {
        let mut request = self
            .agent
            .post(self.server.join(path))
            .config()
            .timeout_global(Some(self.limits.total))
            .build()
            .header("Content-Type", "application/json")
            .header("Accept", "application/json");
        if encoding == Encoding::Gzip {
            request = request.header("Content-Encoding", "gzip");
        }
        if let Some(token) = bearer {
            request = request.header("Authorization", format!("Bearer {}", token.expose_secret()));
        }
        let response = request.send(json).map_err(|error| self.no_answer(error))?;
        Ok(self.read(response))
    }

    /// Gets `path` of the server, with further headers. The token goes into the
    /// `Authorization` header and nowhere else.
    ///
    /// # Errors
    /// [`NoAnswer`] when no status came back.
    #[doc(hidden)]
    pub fn get(
        &self,
        path: &str,
        bearer: &SecretString,
        headers: &[(&str, &str)],
    ) -> Result<Answer, NoAnswer> {
        let mut request = self
            .agent
            .get(self.server.join(path))
            .config()
            .timeout_global(Some(self.limits.total))
            .build()
            .header("Accept", "application/json")
            .header(
                "Authorization",
                format!("Bearer {}", bearer.expose_secret()),
            );
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.call().map_err(|error| self.no_answer(error))?;
        Ok(self.read(response))
    }

    fn read(&self, response: http::Response<ureq::Body>) -> Answer {
        let header = |name: http::HeaderName| {
            let value = response.headers().get(name)?;
            Some(value.to_str().ok()?.trim().to_owned())
        };
        let retry_after = header(http::header::RETRY_AFTER);
        let location = header(http::header::LOCATION);
        let status = response.status().as_u16();
        let mut body = Vec::new();
        let limit = self.limits.body_bytes;
        let mut reader = response
            .into_body()
            .into_reader()
            .take(limit.saturating_add(1));
        let end = match reader.read_to_end(&mut body) {
            Err(_) => BodyEnd::Cut,
            Ok(read) if u64::try_from(read).unwrap_or(u64::MAX) > limit => BodyEnd::TooLarge,
            Ok(_) => BodyEnd::Whole,
        };
        Answer {
            status,
            retry_after,
            location,
            body,
            end,
        }
    }

    fn no_answer(&self, error: ureq::Error) -> NoAnswer {
        let host = self.server.as_str().to_owned();
        match error {
            ureq::Error::HostNotFound => NoAnswer::NoAddress { host },
            ureq::Error::Timeout(step) => NoAnswer::Timeout {
                host,
                step: step.to_string(),
            },
            ureq::Error::Rustls(error) => NoAnswer::Tls {
                host,
                reason: error.to_string(),
            },
            ureq::Error::Tls(reason) => NoAnswer::Tls {
                host,
                reason: reason.to_owned(),
            },
            ureq::Error::Pem(error) => NoAnswer::Tls {
                host,
                reason: error.to_string(),
            },
            ureq::Error::Io(error) => NoAnswer::of_io(host, "the connection stood still", &error),
            ureq::Error::ConnectionFailed => NoAnswer::Connection {
                host,
                reason: "refused".to_owned(),
            },
            ureq::Error::InvalidProxyUrl => NoAnswer::Proxy {
                reason: "its URL is not valid".to_owned(),
            },
            ureq::Error::ConnectProxyFailed(reason) => NoAnswer::Proxy { reason },
            other => NoAnswer::Protocol {
                host,
                reason: other.to_string(),
            },
        }
    }
}

impl NoAnswer {
    /// What an I/O error means; `step` is what took too long, if it was that.
    /// rustls reports a failed handshake as an I/O error that wraps its own.
    fn of_io(host: String, step: &str, error: &io::Error) -> Self {
        let inner = error.get_ref();
        let reason = error.to_string();
        if inner.is_some_and(|inner| inner.is::<rustls::Error>()) {
            return Self::Tls { host, reason };
        }
        match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Self::Timeout {
                host,
                step: step.to_owned(),
            },
            _ => Self::Connection { host, reason },
        }
    }
}
