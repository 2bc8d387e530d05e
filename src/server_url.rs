//! The base URL of a server, checked once where it enters.
//!
//! HTTPS, or HTTP on loopback, because a token travels with every request. No
//! user name, query or fragment: a token goes in a header and nowhere else.
//! Two URLs are equal when they lead to the same place: scheme and host in
//! lower case, the scheme's own port left out, no slash at the end.

use std::fmt;
use std::net::IpAddr;

use thiserror::Error;
use ureq::http::Uri;
use ureq::http::uri::{Authority, Scheme};

/// The most characters a server URL may have.
const MAX_CHARS: usize = 512;

/// A usable base URL of a server, in its one form.
///
/// ```
/// use spec_kitty::server_url::ServerUrl;
/// let url = ServerUrl::parse("HTTPS://Kitty.example.org:443/")?;
/// assert_eq!(url.to_string(), "https://kitty.example.org");
/// assert_eq!(url.join("/api/v1/token/"), "https://kitty.example.org/api/v1/token/");
/// assert!(ServerUrl::parse("http://kitty.example.org").is_err());
/// # Ok::<(), spec_kitty::server_url::ServerUrlError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerUrl {
    base: String,
    loopback: bool,
    secure: bool,
}

/// Why a text is not the URL of a server that may be used.
///
/// ```
/// use spec_kitty::server_url::{ServerUrl, ServerUrlError};
///
/// let refused = |text| ServerUrl::parse(text).err();
/// assert_eq!(refused("http://kitty.example.org"), Some(ServerUrlError::Insecure));
/// assert_eq!(refused("https://me@kitty.example.org"), Some(ServerUrlError::Extra));
/// assert_eq!(refused("http://localhost:8000"), None); // loopback may be plain
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ServerUrlError {
    /// Not an absolute URL with a host.
    #[error("must be a URL such as https://kitty.example.org")]
    Malformed,
    /// Plain HTTP to another machine.
    #[error("must begin with https:// (http:// is for loopback only)")]
    Insecure,
    /// A user name, a query or a fragment.
    #[error("must not carry a user name, a query or a fragment")]
    Extra,
}

impl ServerUrl {
    /// Checks `text` and brings it to its one form.
    ///
    /// # Errors
    /// [`ServerUrlError`]: what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, ServerUrlError> {
        let text = text.trim();
        if text.chars().count() > MAX_CHARS || text.chars().any(|c| c.is_control() || c == ' ') {
            return Err(ServerUrlError::Malformed);
        }
        // The URI parser drops a fragment silently.
        if text.contains(['#', '?', '@']) {
            return Err(ServerUrlError::Extra);
        }
        let uri: Uri = text.parse().map_err(|_| ServerUrlError::Malformed)?;
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(ServerUrlError::Malformed);
        };
        let host = authority.host().to_lowercase();
        if host.is_empty() || host == "[]" {
            return Err(ServerUrlError::Malformed);
        }
        let loopback = is_loopback(&host);
        let secure = *scheme == Scheme::HTTPS;
        if !secure && *scheme != Scheme::HTTP {
            return Err(ServerUrlError::Malformed);
        }
        if !secure && !loopback {
            return Err(ServerUrlError::Insecure);
        }
        let port = port_of(authority, secure)?;
        let path = uri.path().trim_end_matches('/');
        Ok(Self {
            base: format!("{}://{host}{port}{path}", scheme.as_str().to_lowercase()),
            loopback,
            secure,
        })
    }

    /// The URL of `path` (which begins with a slash) on this server.
    #[must_use]
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The URL as text, without a slash at the end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.base
    }

    /// Whether the server is this very machine: no proxy is asked then.
    #[must_use]
    pub const fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// Whether the connection is encrypted.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.secure
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

/// `:port` when it is given and is not the scheme's own.
fn port_of(authority: &Authority, secure: bool) -> Result<String, ServerUrlError> {
    let own = if secure { 443 } else { 80 };
    match authority.port_u16() {
        Some(0) => Err(ServerUrlError::Malformed),
        Some(port) if port != own => Ok(format!(":{port}")),
        Some(_) => Ok(String::new()),
        // A port that is no number, or too large, must not be dropped silently.
        None if authority.as_str().len() > authority.host().len() => Err(ServerUrlError::Malformed),
        None => Ok(String::new()),
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_one_server_is_one_server() {
        for text in [
            "https://example.org",
            "https://example.org/",
            " HTTPS://Example.ORG:443// ",
        ] {
            assert_eq!(
                ServerUrl::parse(text).unwrap().as_str(),
                "https://example.org"
            );
        }
        let url = ServerUrl::parse("https://example.org:8443/Base/").unwrap();
        assert_eq!(url.join("/api/"), "https://example.org:8443/Base/api/");
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for text in [
            "http://127.0.0.1:8765",
            "http://[::1]:1/",
            "http://localhost",
            "http://127.9.9.9",
        ] {
            assert!(ServerUrl::parse(text).unwrap().is_loopback(), "{text}");
        }
        for text in [
            "http://example.org",
            "http://127.0.0.1.example.org",
            "http://10.0.0.1",
        ] {
            assert_eq!(
                ServerUrl::parse(text),
                Err(ServerUrlError::Insecure),
                "{text}"
            );
        }
    }

    #[test]
    fn what_could_carry_or_misdirect_a_token_is_refused() {
        for text in ["https://a@b.org", "https://b.org/?x=1", "https://b.org/#x"] {
            assert_eq!(ServerUrl::parse(text), Err(ServerUrlError::Extra), "{text}");
        }
        let malformed = [
            "",
            "example.org",
            "/path",
            "ftp://b.org",
            "https://",
            "https://b.org:0",
            "https://b.org:x",
            "https://b.org:99999",
            "https://b.org:",
            "https://b org",
            "https://b\n.org",
            "file:///etc",
        ];
        for text in malformed {
            assert_eq!(
                ServerUrl::parse(text),
                Err(ServerUrlError::Malformed),
                "{text:?}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_judged_and_the_form_is_stable(text in ".{0,40}|https?://[a-zA-Z0-9.:/@\\[\\]-]{0,30}") {
            if let Ok(url) = ServerUrl::parse(&text) {
                proptest::prop_assert_eq!(ServerUrl::parse(url.as_str()).unwrap(), url);
            }
        }
    }
}
