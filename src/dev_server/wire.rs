//! From bytes to a [`Request`]: everything here comes from a stranger.
//!
//! Invariants: no more than [`MAX_HEAD`] bytes of head, [`MAX_HEADERS`] headers
//! and [`MAX_BODY`] bytes of body are ever held; a message whose length is told
//! in two ways is refused rather than guessed at; garbage gets a response where
//! one can be given, and the connection ends. Time limits are the stream's
//! business: a read that takes too long is an error of the read.

use std::io::{self, Read, Write};

use httparse::Status;

use super::http::{Request, Response};

/// The longest request line with its headers, in bytes.
pub(crate) const MAX_HEAD: usize = 64 * 1024;
/// The longest body as it comes over the wire, in bytes.
pub(crate) const MAX_BODY: usize = 2 * 1024 * 1024;
/// The most header lines.
const MAX_HEADERS: usize = 100;
/// The longest line that announces a chunk, and all trailers together, in bytes.
const MAX_CHUNK_LINE: usize = 1024;

/// Why no request came.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The stream failed, timed out or ended in the middle of a request.
    Io(io::Error),
    /// The bytes are refused: send this, then close.
    Refused(Response),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads requests from one connection, one after the other.
pub(crate) struct RequestReader<S> {
    stream: S,
    buffer: Vec<u8>,
}

/// A request and whether its sender will read more than one response.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) request: Request,
    pub(crate) persistent: bool,
}

struct Head {
    request: Request,
    body: BodyLength,
    persistent: bool,
    expects_continue: bool,
}

enum BodyLength {
    Known(usize),
    Chunked,
}

impl<S: Read + Write> RequestReader<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    pub(crate) fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// The stream, and what was read from it beyond the last request.
    pub(crate) fn into_parts(self) -> (S, Vec<u8>) {
        (self.stream, self.buffer)
    }

    /// Waits for the first byte of the next request; false when none will come.
    pub(crate) fn wait(&mut self) -> io::Result<bool> {
        if !self.buffer.is_empty() {
            return Ok(true);
        }
        Ok(self.fill()? > 0)
    }

    /// Reads one whole request.
    pub(crate) fn read(&mut self) -> Result<Received, ReadError> {
        let head = self.read_head()?;
        let body = match head.body {
            BodyLength::Known(0) => Vec::new(),
            length => {
                if head.expects_continue {
                    self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
                    self.stream.flush()?;
                }
                match length {
                    BodyLength::Known(length) => self.read_exact(length)?,
                    BodyLength::Chunked => self.read_chunks()?,
                }
            }
        };
        Ok(Received {
            request: head.request.with_body(body),
            persistent: head.persistent,
        })
    }

    fn read_head(&mut self) -> Result<Head, ReadError> {
        let mut searched = 0;
        loop {
            if let Some(end) = head_end(&self.buffer, searched) {
                if end > MAX_HEAD {
                    return Err(refuse(431, "Request head too large"));
                }
                let head = self.take(end);
                return parse_head(&head);
            }
            searched = self.buffer.len();
            if searched > MAX_HEAD {
                return Err(refuse(431, "Request head too large"));
            }
            self.fill_some()?;
        }
    }

    fn read_exact(&mut self, length: usize) -> Result<Vec<u8>, ReadError> {
        while self.buffer.len() < length {
            self.fill_some()?;
        }
        Ok(self.take(length))
    }

    fn read_chunks(&mut self) -> Result<Vec<u8>, ReadError> {
        let mut body = Vec::new();
        loop {
            let size = self.read_chunk_size()?;
            if size == 0 {
                self.skip_trailers()?;
                return Ok(body);
            }
            if size > MAX_BODY.saturating_sub(body.len()) {
                return Err(too_large());
            }
            body.extend(self.read_exact(size)?);
            if self.read_exact(2)? != b"\r\n" {
                return Err(refuse(400, "Malformed chunk"));
            }
        }
    }

    fn read_chunk_size(&mut self) -> Result<usize, ReadError> {
        loop {
            match httparse::parse_chunk_size(&self.buffer) {
                Ok(Status::Complete((consumed, size))) => {
                    self.take(consumed);
                    return usize::try_from(size).map_err(|_| too_large());
                }
                Ok(Status::Partial) if self.buffer.len() < MAX_CHUNK_LINE => self.fill_some()?,
                Ok(Status::Partial) | Err(_) => return Err(refuse(400, "Malformed chunk size")),
            }
        }
    }

    /// Trailers say nothing to us; they end with an empty line.
    fn skip_trailers(&mut self) -> Result<(), ReadError> {
        let mut skipped = 0;
        loop {
            let line = self.buffer.iter().position(|byte| *byte == b'\n');
            let Some(end) = line.map(|at| at.saturating_add(1)) else {
                if self.buffer.len() > MAX_CHUNK_LINE {
                    return Err(refuse(400, "Trailers too large"));
                }
                self.fill_some()?;
                continue;
            };
            let line = self.take(end);
            skipped += line.len();
            if line == b"\r\n" || line == b"\n" {
                return Ok(());
            }
            if skipped > MAX_CHUNK_LINE {
                return Err(refuse(400, "Trailers too large"));
            }
        }
    }

    /// Removes the first `length` bytes of the buffer; all of them if there are fewer.
    fn take(&mut self, length: usize) -> Vec<u8> {
        let rest = self.buffer.split_off(length.min(self.buffer.len()));
        std::mem::replace(&mut self.buffer, rest)
    }

    fn fill_some(&mut self) -> io::Result<()> {
        match self.fill()? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut chunk = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(read) => {
                    self.buffer
                        .extend_from_slice(chunk.get(..read).unwrap_or_default());
                    return Ok(read);
                }
            }
        }
    }
}

/// Where the head ends, if its end is in `buffer`; what was searched before
/// (up to `searched`) is not searched again, so that drips cost no more than floods.
fn head_end(buffer: &[u8], searched: usize) -> Option<usize> {
    const END: &[u8] = b"\r\n\r\n";
    let from = searched.saturating_sub(END.len() - 1);
    buffer
        .get(from..)?
        .windows(END.len())
        .position(|window| window == END)
        .map(|at| from + at + END.len())
}

fn parse_head(bytes: &[u8]) -> Result<Head, ReadError> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    match parsed.parse(bytes) {
        Ok(Status::Complete(_)) => {}
        Ok(Status::Partial) => return Err(refuse(400, "Malformed request")),
        Err(httparse::Error::TooManyHeaders) => return Err(refuse(431, "Too many headers")),
        Err(_) => return Err(refuse(400, "Malformed request")),
    }
    let (Some(method), Some(path), Some(version)) = (parsed.method, parsed.path, parsed.version)
    else {
        return Err(refuse(400, "Malformed request"));
    };
    let mut request = Request::new(method, path);
    for header in parsed.headers.iter() {
        let value = std::str::from_utf8(header.value)
            .map_err(|_| refuse(400, "Header values must be UTF-8"))?;
        request = request.with_header(header.name, value);
    }
    check_host(&request, version)?;
    Ok(Head {
        body: body_length(&request)?,
        persistent: persistent(&request, version),
        expects_continue: request
            .header("expect")
            .is_some_and(|value| value.eq_ignore_ascii_case("100-continue")),
        request,
    })
}

/// A page in a browser can point its own host name at 127.0.0.1; such a request
/// still carries that name, so only loopback names are served.
fn check_host(request: &Request, version: u8) -> Result<(), ReadError> {
    let mut hosts = request.header_values("host");
    match (hosts.next(), hosts.next()) {
        (None, _) if version == 0 => Ok(()),
        (Some(host), None) if is_loopback_name(host) => Ok(()),
        (Some(_), None) => Err(refuse(421, "This server answers on loopback names only")),
        _ => Err(refuse(400, "Exactly one Host header is needed")),
    }
}

fn is_loopback_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name == "127.0.0.1" || name.eq_ignore_ascii_case("localhost")
}

fn body_length(request: &Request) -> Result<BodyLength, ReadError> {
    let mut codings = request.header_values("transfer-encoding");
    let mut lengths = request.header_values("content-length");
    match (codings.next(), lengths.next()) {
        (None, None) => Ok(BodyLength::Known(0)),
        (Some(_), Some(_)) => Err(refuse(400, "Content-Length and Transfer-Encoding together")),
        (Some(coding), None) => {
            if codings.next().is_none() && coding.trim().eq_ignore_ascii_case("chunked") {
                Ok(BodyLength::Chunked)
            } else {
                Err(refuse(501, "Only the chunked transfer coding is supported"))
            }
        }
        (None, Some(length)) => {
            let digits = length.trim();
            if lengths.next().is_some()
                || digits.is_empty()
                || !digits.bytes().all(|byte| byte.is_ascii_digit())
            {
                return Err(refuse(400, "Malformed Content-Length"));
            }
            match digits.parse::<usize>() {
                Ok(length) if length <= MAX_BODY => Ok(BodyLength::Known(length)),
                _ => Err(too_large()),
            }
        }
    }
}

fn persistent(request: &Request, version: u8) -> bool {
    let said = |word: &str| {
        request
            .header_values("connection")
            .flat_map(|value| value.split(','))
            .any(|option| option.trim().eq_ignore_ascii_case(word))
    };
    version == 1 && !said("close")
}

fn refuse(status: u16, why: &str) -> ReadError {
    ReadError::Refused(Response::json(status, &serde_json::json!({"error": why})))
}

fn too_large() -> ReadError {
    refuse(413, "Request body too large")
}

#[cfg(test)]
mod tests;
