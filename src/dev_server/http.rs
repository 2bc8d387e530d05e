//! HTTP messages as values: what the routes take and what they answer.
//!
//! A [`Request`] is complete (head and body are in memory, within the bounds of
//! `wire.rs`) and a [`Response`] is not on its way yet, so every route can be
//! tested without a socket. Nothing here reads; the only writing is
//! [`Response::write_to`].
//!
//! Neither type shows header values or bodies in its `Debug` form: they hold
//! bearer tokens and passwords.

use std::fmt;
use std::io::{self, Read, Write};

use flate2::read::MultiGzDecoder;
use jiff::fmt::rfc2822::DateTimePrinter;

/// A received request.
///
/// ```
/// use spec_kitty::dev_server::Request;
/// let request = Request::new("POST", "/api/v1/token/?x=1").with_header("Content-Type", "application/json");
/// assert_eq!(request.path(), "/api/v1/token/");
/// assert_eq!(request.header("content-type"), Some("application/json"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    method: String,
    target: String,
    headers: Headers,
    body: Vec<u8>,
}

/// Names and values in the order they came; names compare without case.
#[derive(Clone, Default, PartialEq, Eq)]
struct Headers(Vec<(String, String)>);

impl Headers {
    fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Why a body cannot be had in its plain form.
///
/// ```
/// use spec_kitty::dev_server::{BodyRefused, Request};
///
/// let request = Request::new("POST", "/api/v1/events/batch/").with_body("[1, 2, 3]");
/// assert_eq!(request.plain_body(4), Err(BodyRefused::TooLong(4)));
/// let request = request.with_header("Content-Encoding", "br");
/// assert_eq!(request.plain_body(99), Err(BodyRefused::UnknownEncoding));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyRefused {
    /// The plain form is longer than the limit, in bytes.
    TooLong(usize),
    /// The bytes are not what `Content-Encoding` says.
    Corrupt,
    /// A `Content-Encoding` other than `gzip` and `identity`.
    UnknownEncoding,
}

impl Request {
    /// A request without headers and body; `target` is the path with its query.
    #[must_use]
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Headers::default(),
            body: Vec::new(),
        }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.0.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with this body, as it is on the wire (that is: perhaps gzipped).
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The method, as sent.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The path without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target
            .split_once('?')
            .map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The first value of a header; `name` in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// Every value of a header; `name` in any case.
    pub fn header_values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers.all(name)
    }

    pub(crate) fn header_pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers
            .0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The body as it came over the wire.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body with its `Content-Encoding` undone, never more than `limit` bytes
    /// of it: a decompression bomb is refused after `limit + 1` bytes.
    ///
    /// # Errors
    /// [`BodyRefused`], in the words above.
    pub fn plain_body(&self, limit: usize) -> Result<Vec<u8>, BodyRefused> {
        let plain = match self.header("content-encoding").map(str::trim) {
            None | Some("") => self.body.clone(),
            Some(coding) if coding.eq_ignore_ascii_case("identity") => self.body.clone(),
            Some(coding)
                if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") =>
            {
                let mut plain = Vec::new();
                let ceiling = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
                MultiGzDecoder::new(self.body.as_slice())
                    .take(ceiling)
                    .read_to_end(&mut plain)
                    .map_err(|_| BodyRefused::Corrupt)?;
                plain
            }
            Some(_) => return Err(BodyRefused::UnknownEncoding),
        };
        if plain.len() > limit {
            return Err(BodyRefused::TooLong(limit));
        }
        Ok(plain)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.path())
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Whether the connection goes on after a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connection {
    KeepAlive,
    Close,
}

/// An answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    status: u16,
    headers: Headers,
    body: Vec<u8>,
    /// For whoever watches the server; never sent.
    note: Option<String>,
}

impl Response {
    /// An empty answer with this status.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Headers::default(),
            body: Vec::new(),
            note: None,
        }
    }

    /// An answer with a JSON body.
    ///
    /// ```
    /// use spec_kitty::dev_server::Response;
    /// let response = Response::json(404, &serde_json::json!({"detail": "Not found."}));
    /// assert_eq!(response.status(), 404);
    /// assert_eq!(response.body(), br#"{"detail":"Not found."}"#);
    /// ```
    #[must_use]
    pub fn json(status: u16, value: &serde_json::Value) -> Self {
        Self::new(status)
            .with_header("Content-Type", "application/json")
            .with_body(value.to_string())
    }

    /// The same with one more header. Line breaks in the value become spaces.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        let value = value.replace(['\r', '\n'], " ");
        self.headers.0.push((name.to_owned(), value));
        self
    }

    /// The same with this body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn with_note(mut self, note: String) -> Self {
        self.note = Some(note);
        self
    }

    pub(crate) fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The first value of a header; `name` in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The whole response as it goes over the wire.
    pub(crate) fn to_bytes(&self, connection: Connection, now: jiff::Timestamp) -> Vec<u8> {
        let mut bytes = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers.0 {
            bytes.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Ok(date) = DateTimePrinter::new().timestamp_to_rfc9110_string(&now) {
            bytes.push_str(&format!("Date: {date}\r\n"));
        }
        if self.status != 101 {
            bytes.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
            if connection == Connection::Close {
                bytes.push_str("Connection: close\r\n");
            }
        }
        bytes.push_str("\r\n");
        let mut bytes = bytes.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Writes the whole response and flushes it.
    pub(crate) fn write_to(
        &self,
        stream: &mut impl Write,
        connection: Connection,
        now: jiff::Timestamp,
    ) -> io::Result<()> {
        stream.write_all(&self.to_bytes(connection, now))?;
        stream.flush()
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// The reason phrase; only for people, so the uncommon ones have none.
fn reason(status: u16) -> &'static str {
    match status {
        101 => "Switching Protocols",
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        411 => "Length Required",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        421 => "Misdirected Request",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_bomb_is_refused_and_a_body_at_the_limit_is_not() {
        let request = |size: usize| {
            Request::new("POST", "/")
                .with_header("Content-Encoding", "gzip")
                .with_body(gzip(&vec![b' '; size]))
        };
        assert_eq!(request(1000).plain_body(1000).unwrap().len(), 1000);
        for size in [1001, 50_000_000] {
            assert_eq!(
                request(size).plain_body(1000),
                Err(BodyRefused::TooLong(1000))
            );
        }
    }

    #[test]
    fn a_cut_gzip_stream_is_corrupt_not_short() {
        let whole = gzip(b"{\"events\":[]}");
        for cut in 0..whole.len() {
            let request = Request::new("POST", "/")
                .with_header("content-encoding", "GZIP")
                .with_body(&whole[..cut]);
            // No bytes at all are no gzip member: an empty body, which is no JSON either.
            if cut > 0 {
                assert_eq!(
                    request.plain_body(1000),
                    Err(BodyRefused::Corrupt),
                    "cut at {cut}"
                );
            }
        }
    }

    #[test]
    fn debug_output_shows_neither_headers_nor_bodies() {
        let request = Request::new("POST", "/api/v1/token/?password=hunter2")
            .with_header("Authorization", "Bearer hunter2")
            .with_body("hunter2");
        let response = Response::json(200, &serde_json::json!({"access": "hunter2"}));
        assert!(!format!("{request:?} {response:?}").contains("hunter2"));
    }

    #[test]
    fn a_header_value_cannot_start_a_new_header() {
        let response = Response::new(200).with_header("X", "a\r\nSet-Cookie: b");
        let bytes = response.to_bytes(Connection::Close, jiff::Timestamp::UNIX_EPOCH);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains("X: a  Set-Cookie: b\r\n"), "{text}");
        assert!(text.contains("Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"));
        assert!(text.ends_with("Content-Length: 0\r\nConnection: close\r\n\r\n"));
    }
}
