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
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T10:00:00Z".parse().unwrap()
    }

    fn file(access_end: &str, refresh_end: &str) -> String {
        format!(
            "[tokens]\naccess = \"ACCESS-1\"\nrefresh = \"REFRESH-1\"\naccess_expires_at = {access_end}\nrefresh_expires_at = {refresh_end}\n\n[user]\nusername = \"alice@example.com\"\nteam_slug = \"acme-corp\"\n\n[server]\nurl = \"https://example.org\"\n"
        )
    }

    fn active(text: &str) -> Credentials {
        match Session::parse(text, now()) {
            Session::Active(credentials) => credentials,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_form_of_a_time_means_the_same_moment() {
        let expected: Timestamp = "2099-01-01T00:00:00Z".parse().unwrap();
        for end in [
            "\"2099-01-01T00:00:00+00:00\"",
            "\"2099-01-01T00:00:00Z\"",
            "\"2099-01-01T00:00:00\"",
            "\"2099-01-01 00:00:00.000\"",
            "2099-01-01T00:00:00+00:00",
            "2099-01-01T02:00:00+02:00",
            "2099-01-01T00:00:00",
        ] {
            let credentials = active(&file(end, end));
            assert_eq!(credentials.access_expires_at, Some(expected), "{end}");
            assert_eq!(credentials.refresh_expires_at, Some(expected), "{end}");
        }
    }

    #[test]
    fn an_unknown_end_asks_the_server_instead_of_ending_the_session() {
        let credentials = active(&file("\"soon\"", "7"));
        assert!(!credentials.access_is_fresh(now()));
        assert!(!credentials.has_ended(now()));
    }

    #[test]
    fn an_expired_refresh_token_ends_the_session_and_keeps_the_account() {
        let old = "\"2020-01-01T00:00:00+00:00\"";
        let later = "\"2099-01-01T00:00:00+00:00\"";
        assert!(!active(&file(old, later)).access_is_fresh(now()));
        let ended = Session::parse(&file(old, old), now());
        assert!(matches!(&ended, Session::Ended(_)));
        assert_eq!(
            ended.target(),
            active(&file(old, later)).account.target().into()
        );
        // An access token that is still good may be used to its end.
        assert!(active(&file(later, old)).access_is_fresh(now()));
    }

    #[test]
    fn missing_tokens_end_the_session_and_missing_names_make_the_file_unusable() {
        let later = "\"2099-01-01T00:00:00Z\"";
        let text = file(later, later);
        let without = |line: &str| -> String {
            text.lines()
                .filter(|l| !l.starts_with(line))
                .map(|l| format!("{l}\n"))
                .collect()
        };
        assert!(matches!(
            Session::parse(&without("refresh ="), now()),
            Session::Ended(_)
        ));
        assert_eq!(active(&without("team_slug")).account.team, None);
        for (line, key) in [("username", "user.username"), ("url", "server.url")] {
            let session = Session::parse(&without(line), now());
            assert!(
                matches!(&session, Session::Unreadable(Unusable::Missing { key: k }) if *k == key),
                "{session:?}"
            );
        }
        assert!(matches!(Session::parse("", now()), Session::SignedOut));
    }

    #[test]
    fn one_account_has_one_target_however_it_is_written() {
        let later = "\"2099-01-01T00:00:00Z\"";
        let mixed = file(later, later)
            .replace("alice@example.com", " Alice@Example.COM ")
            .replace("acme-corp", "Acme-Corp")
            .replace("https://example.org", "HTTPS://Example.org/");
        let one = Session::parse(&mixed, now()).target().unwrap();
        let two = Session::parse(&file(later, later), now()).target().unwrap();
        assert_eq!(one.id(), two.id());
    }

    #[test]
    fn nothing_that_is_shown_contains_a_token() {
        let later = "\"2099-01-01T00:00:00Z\"";
        let broken = file(later, later).replace("alice@example.com\"", "alice");
        let shown = [
            format!("{:?}", Session::parse(&file(later, later), now())),
            format!("{:?}", Session::parse(&broken, now())),
            format!("{:?}", Session::parse("access = \"ACCESS-1", now())),
        ];
        for text in shown {
            assert!(
                !text.contains("ACCESS-1") && !text.contains("REFRESH-1"),
                "{text}"
            );
        }
        let bad = file(later, later).replace("ACCESS-1", "ACC\\nESS");
        assert!(
            matches!(Session::parse(&bad, now()), Session::Ended(_)),
            "no header injection"
        );
    }

    #[test]
    fn the_file_is_written_as_the_python_tool_writes_it() {
        let text = file(
            "\"2026-11-22T10:23:56.711976+00:00\"",
            "\"2026-11-29T10:08:56.711988+00:00\"",
        );
        assert_eq!(active(&text).to_toml(), text);
    }

    proptest::proptest! {
        #[test]
        fn no_text_stops_the_parser(text in "(\\[(tokens|user|server)\\]\n|(access|refresh|url|username|team_slug|access_expires_at) = [-0-9T:\"a-z]{1,20}\n|.{0,20}\n){0,10}") {
            let _ = Session::parse(&text, now());
        }
    }
}
