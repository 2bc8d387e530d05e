//! The credentials file: what it says, judged at one moment.
//!
//! The format is the Python tool's (`[tokens]`, `[user]`, `[server]`); times
//! are RFC 3339 text, where a time without a zone means UTC, and native TOML
//! times are understood as well. Tokens live in `SecretString` and never show
//! in `Debug`. Parsing is pure; the file is read in `store`.

use jiff::Timestamp;
use jiff::civil::DateTime;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use toml_edit::{Document, DocumentMut, Item, Table, value};

use crate::server_url::{ServerUrl, ServerUrlError};
use crate::target::Target;

/// The most characters a token may have.
const MAX_TOKEN_CHARS: usize = 16 * 1024;
/// The most characters of a user name or a team.
const MAX_NAME_CHARS: usize = 254;

/// An account on a server: enough to know whose events these are.
///
/// ```
/// use spec_kitty::auth::Account;
/// use spec_kitty::server_url::ServerUrl;
///
/// let account = Account {
///     server: ServerUrl::parse("https://kitty.example.org")?,
///     user: "alice".to_owned(),
///     team: Some("acme".to_owned()),
/// };
/// assert!(account.same_user(&account.server, "Alice"));
/// assert_eq!(account.target().scope(), "https://kitty.example.org|alice|acme");
/// # Ok::<(), spec_kitty::server_url::ServerUrlError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The server that issued the tokens, and the only one that may see them.
    pub server: ServerUrl,
    /// The user name as it was given.
    pub user: String,
    /// The team's slug as the server gave it; `None` while there is no team.
    pub team: Option<String>,
}

impl Account {
    /// The delivery target of this account.
    #[must_use]
    pub fn target(&self) -> Target {
        Target::new(self.server.as_str(), &self.user, self.team.as_deref())
    }

    /// Whether this is the same user on the same server, whatever the team.
    #[must_use]
    pub fn same_user(&self, server: &ServerUrl, user: &str) -> bool {
        self.server == *server && self.user.trim().to_lowercase() == user.trim().to_lowercase()
    }
}

/// A signed-in account with its tokens.
///
/// ```
/// use jiff::{SignedDuration, Timestamp};
/// use spec_kitty::auth::{Account, Credentials, Session};
/// use spec_kitty::server_url::ServerUrl;
///
/// let now = Timestamp::now();
/// let credentials = Credentials {
///     account: Account {
///         server: ServerUrl::parse("https://kitty.example.org")?,
///         user: "alice".to_owned(),
///         team: None,
///     },
///     access: "ACCESS".into(),
///     access_expires_at: Some(now - SignedDuration::from_mins(1)),
///     refresh: "REFRESH".into(),
///     refresh_expires_at: Some(now + SignedDuration::from_hours(1)),
/// };
/// assert!(!credentials.access_is_fresh(now)); // to be refreshed
/// assert!(!credentials.has_ended(now));
/// assert!(!format!("{credentials:?}").contains("ACCESS")); // tokens are never shown
///
/// let read = Session::parse(&credentials.to_toml(), now);
/// assert!(matches!(read, Session::Active(read) if read.same_tokens(&credentials)));
/// # Ok::<(), spec_kitty::server_url::ServerUrlError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Whose tokens these are.
    pub account: Account,
    /// The bearer token of requests.
    pub access: SecretString,
    /// When the access token ends; `None` when the file does not say.
    pub access_expires_at: Option<Timestamp>,
    /// The rotating token that buys the next pair; spent at most once.
    pub refresh: SecretString,
    /// When the refresh token ends; `None` when the file does not say.
    pub refresh_expires_at: Option<Timestamp>,
}

impl Credentials {
    /// Whether the access token is good at `now` as far as its own dates say.
    #[must_use]
    pub fn access_is_fresh(&self, now: Timestamp) -> bool {
        self.access_expires_at.is_some_and(|end| now < end)
    }

    /// Whether the session has ended at `now` as far as its own dates say.
    #[must_use]
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.refresh_expires_at.is_some_and(|end| end <= now) && !self.access_is_fresh(now)
    }

    /// Whether `other` holds the same pair of tokens.
    #[must_use]
    pub fn same_tokens(&self, other: &Self) -> bool {
        self.access.expose_secret() == other.access.expose_secret()
            && self.refresh.expose_secret() == other.refresh.expose_secret()
    }

    /// The text of the credentials file for these tokens, in the Python tool's
    /// format and key order.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let time = |at: Option<Timestamp>| at.map(|at| format!("{at:.6}").replace('Z', "+00:00"));
        let mut tokens = Table::new();
        tokens.insert("access", value(self.access.expose_secret()));
        tokens.insert("refresh", value(self.refresh.expose_secret()));
        for (name, at) in [
            ("access_expires_at", self.access_expires_at),
            ("refresh_expires_at", self.refresh_expires_at),
        ] {
            if let Some(text) = time(at) {
                tokens.insert(name, value(text));
            }
        }
        let mut user = Table::new();
        user.insert("username", value(self.account.user.as_str()));
        if let Some(team) = &self.account.team {
            user.insert("team_slug", value(team.as_str()));
        }
        let mut server = Table::new();
        server.insert("url", value(self.account.server.as_str()));
        let mut document = DocumentMut::new();
        document.insert("tokens", Item::Table(tokens));
        document.insert("user", Item::Table(user));
        document.insert("server", Item::Table(server));
        document.to_string()
    }
}

/// What the credentials file means at one moment.
///
/// ```
/// use jiff::Timestamp;
/// use spec_kitty::auth::Session;
///
/// assert!(matches!(Session::parse("", Timestamp::now()), Session::SignedOut));
///
/// // A file without tokens still tells whose events these are.
/// let text = "[user]\nusername = 'alice'\n[server]\nurl = 'https://kitty.example.org'\n";
/// let session = Session::parse(text, Timestamp::now());
/// assert!(matches!(session, Session::Ended(_)));
/// assert_eq!(session.account().map(|account| account.user.as_str()), Some("alice"));
/// ```
#[derive(Clone, Debug)]
pub enum Session {
    /// Nobody is signed in.
    SignedOut,
    /// Somebody is signed in; the access token may still need a refresh.
    Active(Credentials),
    /// Somebody was signed in and must sign in again; their events stay theirs.
    Ended(Account),
    /// There is a file that cannot be used.
    Unreadable(Unusable),
}

/// Why a credentials file cannot be used.
///
/// ```
/// use jiff::Timestamp;
/// use spec_kitty::auth::{Session, Unusable};
///
/// let session = Session::parse("[server]\nurl = 'https://kitty.example.org'\n", Timestamp::now());
/// let Session::Unreadable(why) = session else {
///     panic!("nobody is named");
/// };
/// assert_eq!(why, Unusable::Missing { key: "user.username" });
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Unusable {
    /// The file could not be read; the message names it.
    #[error("{0}")]
    Unreadable(String),
    /// The file is not TOML.
    #[error("the credentials file is not valid TOML")]
    NotToml,
    /// A value is missing, or is not a text that could stand there.
    #[error("the credentials file has no usable {key}")]
    Missing {
        /// The key, `section.key`.
        key: &'static str,
    },
    /// The server may not be used.
    #[error("the server in the credentials file {0}")]
    Server(#[from] ServerUrlError),
}

impl Session {
    /// Judges the text of a credentials file at `now`.
    #[must_use]
    pub fn parse(text: &str, now: Timestamp) -> Self {
        match Self::judge(text, now) {
            Ok(session) => session,
            Err(unusable) => Self::Unreadable(unusable),
        }
    }

    /// The account whose events are being recorded, also when its session has ended.
    #[must_use]
    pub fn account(&self) -> Option<&Account> {
        match self {
            Self::Active(credentials) => Some(&credentials.account),
            Self::Ended(account) => Some(account),
            Self::SignedOut | Self::Unreadable(_) => None,
        }
    }

    /// The target that an event recorded now is bound to; `None` when nobody is
    /// known to be signed in.
    #[must_use]
    pub fn target(&self) -> Option<Target> {
        self.account().map(Account::target)
    }

    fn judge(text: &str, now: Timestamp) -> Result<Self, Unusable> {
        if text.trim().is_empty() {
            return Ok(Self::SignedOut);
        }
        // The parser's own message quotes the line, which may hold a token.
        let document = Document::parse(text).map_err(|_| Unusable::NotToml)?;
        let get = |section: &str, key: &str| document.get(section).and_then(|s| s.get(key));
        let name = |item: Option<&Item>| {
            item.and_then(Item::as_str)
                .map(str::trim)
                .filter(|text| !text.is_empty() && text.chars().count() <= MAX_NAME_CHARS)
                .filter(|text| !text.chars().any(char::is_control))
                .map(str::to_owned)
        };
        let server = name(get("server", "url")).ok_or(Unusable::Missing { key: "server.url" })?;
        let account = Account {
            server: ServerUrl::parse(&server)?,
            user: name(get("user", "username")).ok_or(Unusable::Missing {
                key: "user.username",
            })?,
            team: name(get("user", "team_slug")),
        };
        let (Some(access), Some(refresh)) = (
            get("tokens", "access").and_then(token),
            get("tokens", "refresh").and_then(token),
        ) else {
            return Ok(Self::Ended(account));
        };
        let credentials = Credentials {
            account,
            access,
            access_expires_at: get("tokens", "access_expires_at").and_then(time),
            refresh,
            refresh_expires_at: get("tokens", "refresh_expires_at").and_then(time),
        };
        Ok(if credentials.has_ended(now) {
            Self::Ended(credentials.account)
        } else {
            Self::Active(credentials)
        })
    }
}

/// A text that can stand in a header: printable ASCII within a bound.
pub(super) fn is_token(text: &str) -> bool {
    (1..=MAX_TOKEN_CHARS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn token(item: &Item) -> Option<SecretString> {
    item.as_str()
        .filter(|text| is_token(text))
        .map(SecretString::from)
}

/// A time as text or as a native TOML time; without a zone it is UTC.
fn time(item: &Item) -> Option<Timestamp> {
    let text = match item.as_datetime() {
        Some(native) => native.to_string(),
        None => item.as_str()?.trim().to_owned(),
    };
    text.parse::<Timestamp>().ok().or_else(|| {
        let naive: DateTime = text.parse().ok()?;
        naive
            .to_zoned(jiff::tz::TimeZone::UTC)
            .ok()
            .map(|zoned| zoned.timestamp())
    })
}

#[cfg(test)]
#[path = "credentials_tests.rs"]
mod tests;
