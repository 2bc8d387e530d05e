//! Sockets and threads around the routes.
//!
//! Invariants: the listener is bound to 127.0.0.1 and nothing else can be asked
//! for; there is one thread per connection and never more than
//! [`MAX_CONNECTIONS`]; every read and write has a deadline; stopping lets
//! requests in flight be answered and leaves no thread and no socket behind.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::http::{Connection, Request, Response};
use super::script::{Canned, Script};
use super::service::{SOCKET_PATH, Service};
use super::store::Store;
use super::tokens::{Tokens, Use};
use super::websocket::{self, Channel};
use super::wire::{Received, ReadError, RequestReader};
use super::{Exchange, Observer, Options, StartError, Timing};

/// How many connections are served at a time; the next one gets a 503.
pub const MAX_CONNECTIONS: usize = 64;
/// How long a refused sender is listened to, so that it can read its answer.
const LINGER: Duration = Duration::from_millis(500);
/// How long connections may take to end once the server stops.
const STOP_PATIENCE: Duration = Duration::from_secs(2);

/// A server that is up. Dropping it stops it.
pub struct Running {
    url: String,
    address: SocketAddr,
    data_file: PathBuf,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    service: Service,
    timing: Timing,
    script: Option<Mutex<Script>>,
    observer: Option<Observer>,
    stopping: AtomicBool,
    connections: Mutex<Connections>,
    one_ended: Condvar,
}

#[derive(Default)]
struct Connections {
    last: u64,
    open: HashMap<u64, TcpStream>,
}

impl Running {
    /// Binds, reads what is stored, and begins to answer.
    pub(crate) fn start(options: Options) -> Result<Self, StartError> {
        options.check()?;
        let dir = &options.data_dir;
        let data = |source| StartError::Data {
            path: dir.clone(),
            source,
        };
        if !dir.is_dir() {
            crate::platform::create_private_dir(dir).map_err(data)?;
        }
        let data_file = dir.join("events.ndjson");
        let store = Store::open(&data_file)?;
        let tokens = Tokens::open(&dir.join("sessions.json"), options.lifetimes).map_err(data)?;
        let bind = |source| StartError::Bind {
            port: options.port,
            source,
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let shared = Arc::new(Shared {
            service: Service::new(
                options.accounts,
                options.password,
                options.limits,
                tokens,
                store,
            ),
            timing: options.timing,
            script: options.script.map(Mutex::new),
            observer: options.observer,
            stopping: AtomicBool::new(false),
            connections: Mutex::default(),
            one_ended: Condvar::new(),
        });
        let accepting = Arc::clone(&shared);
        let acceptor = thread::Builder::new()
            .name("dev-server".into())
            .spawn(move || accept(&listener, &accepting))
            .map_err(bind)?;
        Ok(Self {
            url: format!("http://{address}"),
            address,
            data_file,
            shared,
            acceptor: Some(acceptor),
        })
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The NDJSON file with every event received, in the order of arrival.
    #[must_use]
    pub fn data_file(&self) -> &Path {
        &self.data_file
    }

    /// Stops taking connections, lets the requests in flight be answered, and
    /// waits (at most about two seconds) until every connection has ended.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let Some(acceptor) = self.acceptor.take() else {
            return;
        };
        self.shared.stopping.store(true, Ordering::SeqCst);
        // The acceptor sleeps in `accept`: one more connection wakes it.
        let wake = TcpStream::connect_timeout(&self.address, STOP_PATIENCE);
        if wake.is_ok() {
            let _ = acceptor.join();
        }
        self.shared.hang_up(Shutdown::Read);
        if !self.shared.wait_until_quiet(STOP_PATIENCE) {
            self.shared.hang_up(Shutdown::Both);
            self.shared.wait_until_quiet(STOP_PATIENCE);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn hang_up(&self, how: Shutdown) {
        for stream in self.connections().open.values() {
            let _ = stream.shutdown(how);
        }
    }

    /// Whether all connections ended in time.
    fn wait_until_quiet(&self, patience: Duration) -> bool {
        let waited = self.one_ended.wait_timeout_while(
            self.connections(),
            patience,
            |connections| !connections.open.is_empty(),
        );
        let (connections, _) = waited.unwrap_or_else(PoisonError::into_inner);
        connections.open.is_empty()
    }

    fn register(self: &Arc<Self>, stream: &TcpStream) -> io::Result<Option<Registration>> {
        let mut connections = self.connections();
        if connections.open.len() >= MAX_CONNECTIONS {
            return Ok(None);
        }
        connections.last += 1;
        let number = connections.last;
        connections.open.insert(number, stream.try_clone()?);
        Ok(Some(Registration {
            number,
            shared: Arc::clone(self),
        }))
    }

    fn scripted(&self, request: &Request) -> Option<Canned> {
        let mut script = self
            .script
            .as_ref()?
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        script(request)
    }

    fn observe(&self, request: &Request, response: &Response) {
        if let Some(observer) = &self.observer {
            observer(&Exchange {
                method: request.method(),
                path: request.path(),
                status: response.status(),
                note: response.note(),
            });
        }
    }
}

/// A connection in the books, taken out when its thread ends in whatever way.
struct Registration {
    number: u64,
    shared: Arc<Shared>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.shared.connections().open.remove(&self.number);
        self.shared.one_ended.notify_all();
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopping() {
            return;
        }
        match stream {
            Ok(stream) => admit(stream, shared),
            // Out of descriptors, most likely: give others time to end.
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    }
}

fn admit(stream: TcpStream, shared: &Arc<Shared>) {
    let write_limit = shared.timing.request;
    if stream.set_nodelay(true).is_err() || stream.set_write_timeout(Some(write_limit)).is_err() {
        return;
    }
    match shared.register(&stream) {
        Ok(Some(registration)) => {
            // A thread that cannot be started drops the stream and its registration.
            let _ = thread::Builder::new()
                .name("dev-server-connection".into())
                .spawn(move || converse(stream, &registration.shared));
        }
        Ok(None) => {
            let body = serde_json::json!({"error": "Too many connections"});
            let response = Response::json(503, &body).with_header("Retry-After", "1");
            let _ = response.write_to(&mut { stream }, Connection::Close, Timestamp::now());
        }
        Err(_) => {}
    }
}

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

fn converse(stream: TcpStream, shared: &Shared) {
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
            return upgrade(reader, request, shared);
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
    Ok(if goes_on { After::Another } else { After::Hurry })
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

fn upgrade(mut reader: RequestReader<Paced>, request: &Request, shared: &Shared) {
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
