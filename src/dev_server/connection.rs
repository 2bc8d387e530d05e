//! One connection from its first byte to its last.
//!
//! Requests are answered one after the other until one side has had enough; a
//! websocket takes the connection over. Every read and write has a deadline,
//! so a connection that does nothing ends by itself.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::http::{Connection, Request, Response};
use super::script::Canned;
use super::server::{Registration, Shared};
use super::service::SOCKET_PATH;
use super::tokens::Use;
use super::websocket::{self, Channel};
use super::wire::{ReadError, Received, RequestReader};

/// How long a refused sender is listened to, so that it can read its answer.
const LINGER: Duration = Duration::from_millis(500);

/// A stream whose reads must all be done by a deadline.
struct Paced {
    stream: TcpStream,
    deadline: Instant,
}

impl Paced {
    fn within(&mut self, limit: Duration) {
        self.deadline = Instant::now() + limit;
    }
}

impl Read for Paced {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(buffer)
    }
}

impl Write for Paced {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Whether another request may follow on the same connection.
enum After {
    Another,
    Hurry,
}

/// Serves one connection to its end.
pub(crate) fn converse(stream: TcpStream, registration: &Registration) {
    let shared = &*registration.shared;
    let mut reader = RequestReader::new(Paced {
        stream,
        deadline: Instant::now(),
    });
    loop {
        reader.stream().within(shared.timing.idle);
        if !matches!(reader.wait(), Ok(true)) || shared.stopping() {
            return;
        }
        reader.stream().within(shared.timing.request);
        let received = match reader.read() {
            Ok(received) => received,
            Err(ReadError::Refused(response)) => return turn_away(&mut reader, &response),
            Err(ReadError::Io(error)) if is_timeout(&error) => {
                let body = serde_json::json!({"error": "Request took too long"});
                return turn_away(&mut reader, &Response::json(408, &body));
            }
            Err(ReadError::Io(_)) => return,
        };
        let request = &received.request;
        let canned = shared.scripted(request);
        if canned.is_none() && request.path() == SOCKET_PATH && websocket::is_upgrade(request) {
            return upgrade(reader, request, registration);
        }
        match answer(reader.stream(), &received, canned, shared) {
            Ok(After::Another) => {}
            Ok(After::Hurry) | Err(_) => return,
        }
    }
}

fn answer(
    stream: &mut Paced,
    received: &Received,
    canned: Option<Canned>,
    shared: &Shared,
) -> io::Result<After> {
    let request = &received.request;
    let now = Timestamp::now();
    let (response, cut) = match canned {
        Some(Canned::Instead(response)) => (response, None),
        Some(Canned::Cut { sent_bytes }) => (shared.service.handle(request, now), Some(sent_bytes)),
        None => (shared.service.handle(request, now), None),
    };
    shared.observe(request, &response);
    // A body after the answer to HEAD would be taken for the next answer.
    let response = match request.method() {
        "HEAD" => response.with_body(Vec::new()),
        _ => response,
    };
    let goes_on = received.persistent && !shared.stopping();
    let connection = if goes_on {
        Connection::KeepAlive
    } else {
        Connection::Close
    };
    if let Some(sent_bytes) = cut {
        let bytes = response.to_bytes(connection, now);
        let sent = bytes.get(..sent_bytes).unwrap_or(&bytes);
        stream.write_all(sent)?;
        stream.flush()?;
        return Ok(After::Hurry);
    }
    response.write_to(stream, connection, now)?;
    Ok(if goes_on {
        After::Another
    } else {
        After::Hurry
    })
}

/// Answers a request that was not read to its end. Closing at once would make
/// the kernel reset the connection and take the answer with it, so what still
/// comes is read away for a moment.
fn turn_away(reader: &mut RequestReader<Paced>, response: &Response) {
    let stream = reader.stream();
    let sent = response.write_to(stream, Connection::Close, Timestamp::now());
    if sent.is_err() || stream.stream.shutdown(Shutdown::Write).is_err() {
        return;
    }
    stream.within(LINGER);
    let mut sink = [0; 16 * 1024];
    while matches!(stream.read(&mut sink), Ok(read) if read > 0) {}
}

fn upgrade(mut reader: RequestReader<Paced>, request: &Request, registration: &Registration) {
    let shared = &*registration.shared;
    let now = Timestamp::now();
    let caller = shared
        .service
        .caller(request, Use::Socket, now.as_second())
        .and_then(|account| Ok((account, websocket::accept(request)?)));
    let (account, response) = match caller {
        Ok(accepted) => accepted,
        Err(response) => {
            shared.observe(request, &response);
            return turn_away(&mut reader, &response);
        }
    };
    // A token for the socket is only ever given to a member of a team.
    let Some(team) = account.team.as_deref() else {
        return;
    };
    shared.observe(request, &response);
    if response
        .write_to(reader.stream(), Connection::KeepAlive, now)
        .is_err()
    {
        return;
    }
    registration.is_a_channel();
    let (paced, already_read) = reader.into_parts();
    let stream = paced.stream;
    if stream.set_read_timeout(Some(websocket::TICK)).is_err() {
        return;
    }
    Channel::new(
        stream,
        already_read,
        &shared.service,
        account,
        team,
        &shared.stopping,
        shared.timing.ping,
    )
    .run();
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}
