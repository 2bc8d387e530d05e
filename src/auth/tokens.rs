//! The server's answer with tokens, read tolerantly and checked strictly.
//!
//! Servers write lifetimes as numbers or as texts, under two names, or not at
//! all. Tokens must be able to stand in a header. Pure.

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::{Map, Value};
use thiserror::Error;

use super::credentials::is_token;

/// The lifetime of an access token when the server names none.
const ACCESS_SECONDS: i64 = 900;
/// The lifetime of a refresh token when the server names none.
const REFRESH_SECONDS: i64 = 604_800;
/// No lifetime is longer: ten years.
const MAX_SECONDS: i64 = 315_360_000;

/// What a token endpoint gave.
#[derive(Clone, Debug)]
pub(super) struct TokenReply {
    pub(super) access: SecretString,
    pub(super) access_expires_at: Timestamp,
    /// A server that does not rotate gives none on refresh.
    pub(super) refresh: Option<(SecretString, Timestamp)>,
    pub(super) team: Option<String>,
}

/// Why an answer with status 200 is no answer with tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// Not a JSON object.
    #[error("the answer is not a JSON object")]
    NotJson,
    /// A token is missing, or could not stand in a header.
    #[error("the answer has no usable {key} token")]
    NoToken {
        /// `access` or `refresh`.
        key: &'static str,
    },
}

impl TokenReply {
    pub(super) fn parse(body: &[u8], now: Timestamp) -> Result<Self, ReplyError> {
        let Ok(Value::Object(reply)) = serde_json::from_slice(body) else {
            return Err(ReplyError::NotJson);
        };
        let ends = |keys, default| {
            let seconds = lifetime(&reply, keys).unwrap_or(default);
            now.saturating_add(SignedDuration::from_secs(seconds))
                .unwrap_or(now)
        };
        let access = token(&reply, "access").ok_or(ReplyError::NoToken { key: "access" })?;
        let refresh = match reply.get("refresh") {
            None | Some(Value::Null) => None,
            Some(_) => {
                let token =
                    token(&reply, "refresh").ok_or(ReplyError::NoToken { key: "refresh" })?;
                Some((
                    token,
                    ends(["refresh_lifetime", "refresh_expires_in"], REFRESH_SECONDS),
                ))
            }
        };
        Ok(Self {
            access,
            access_expires_at: ends(["access_lifetime", "expires_in"], ACCESS_SECONDS),
            refresh,
            team: team(&reply),
        })
    }
}

fn token(reply: &Map<String, Value>, key: &str) -> Option<SecretString> {
    let text = reply.get(key)?.as_str()?;
    is_token(text).then(|| SecretString::from(text))
}

fn team(reply: &Map<String, Value>) -> Option<String> {
    let team = reply.get("team_slug")?.as_str()?.trim();
    let usable = (1..=254).contains(&team.chars().count()) && !team.chars().any(char::is_control);
    usable.then(|| team.to_owned())
}

/// Whole seconds, more than none: a number or a text, fractions cut off.
fn lifetime(reply: &Map<String, Value>, keys: [&str; 2]) -> Option<i64> {
    keys.iter().find_map(|key| {
        let text = match reply.get(*key)? {
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.trim().to_owned(),
            _ => return None,
        };
        let whole = text
            .split_once('.')
            .map_or(text.as_str(), |(whole, _)| whole);
        let seconds = whole.parse::<i64>().ok()?;
        (seconds > 0).then_some(seconds.min(MAX_SECONDS))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T10:00:00Z".parse().unwrap()
    }

    fn ends(body: &str) -> (i64, i64) {
        let reply = TokenReply::parse(body.as_bytes(), now()).unwrap();
        let seconds = |at: Timestamp| at.duration_since(now()).as_secs();
        (
            seconds(reply.access_expires_at),
            seconds(reply.refresh.unwrap().1),
        )
    }

    #[test]
    fn lifetimes_come_as_numbers_texts_under_two_names_or_not_at_all() {
        let with = |more: &str| format!(r#"{{"access":"a","refresh":"r"{more}}}"#);
        assert_eq!(ends(&with("")), (900, 604_800));
        assert_eq!(
            ends(&with(r#","access_lifetime":60,"refresh_lifetime":"120""#)),
            (60, 120)
        );
        assert_eq!(
            ends(&with(r#","expires_in":" 61 ","refresh_expires_in":121.9"#)),
            (61, 121)
        );
        assert_eq!(
            ends(&with(r#","access_lifetime":"x","expires_in":null"#)),
            (900, 604_800)
        );
        assert_eq!(
            ends(&with(r#","access_lifetime":-5,"refresh_lifetime":0"#)),
            (900, 604_800)
        );
        assert_eq!(
            ends(&with(
                r#","access_lifetime":9e30,"refresh_lifetime":9223372036854775807"#
            )),
            (900, MAX_SECONDS)
        );
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let parse = |body: &str| TokenReply::parse(body.as_bytes(), now()).unwrap_err();
        for body in ["", "null", "[]", "<html>", "{\"access\":\"a\""] {
            assert_eq!(parse(body), ReplyError::NotJson, "{body}");
        }
        for body in [
            "{}",
            r#"{"access":""}"#,
            r#"{"access":7}"#,
            r#"{"access":"a\r\nX: y"}"#,
        ] {
            assert_eq!(parse(body), ReplyError::NoToken { key: "access" }, "{body}");
        }
        assert_eq!(
            parse(r#"{"access":"a","refresh":"a b"}"#),
            ReplyError::NoToken { key: "refresh" }
        );
    }

    #[test]
    fn an_empty_team_is_no_team() {
        let team = |text: &str| {
            let body = format!(r#"{{"access":"a","team_slug":{text}}}"#);
            TokenReply::parse(body.as_bytes(), now()).unwrap().team
        };
        assert_eq!(team(r#"" acme ""#).as_deref(), Some("acme"));
        for text in ["null", r#""""#, "7", r#""a\u0000b""#] {
            assert_eq!(team(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_body_stops_the_parser(body in proptest::collection::vec(proptest::num::u8::ANY, 0..60)) {
            let _ = TokenReply::parse(&body, now());
        }
    }
}
