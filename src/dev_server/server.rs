//! Sockets and threads around the routes.
//!
//! Invariants: the listener is bound to 127.0.0.1 and nothing else can be asked
//! for; there is one thread per connection and never more than
//! [`MAX_CONNECTIONS`]; every read and write has a deadline; stopping lets
//! requests that have arrived be answered and leaves no thread and no socket behind.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use jiff::Timestamp;

use super::connection::converse;
use super::http::{Connection, Request, Response};
use super::script::{Canned, Script};
use super::service::Service;
use super::store::Store;
use super::tokens::Tokens;
use super::{Exchange, Observer, Options, StartError, Timing};

/// How many connections are served at a time; the next one gets a 503.
///
/// ```
/// use std::net::TcpStream;
/// use spec_kitty::dev_server::{DevServer, MAX_CONNECTIONS, Options};
///
/// let data = tempfile::tempdir()?;
/// let server = DevServer::start(Options::new(data.path(), "sesame".into()))?;
/// let connect = |_| TcpStream::connect(("127.0.0.1", server.port()));
/// let all = (0..MAX_CONNECTIONS).map(connect).collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(all.len(), 64); // one more is told to come later
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub const MAX_CONNECTIONS: usize = 64;
/// How long connections may take to end once the server stops.
const STOP_PATIENCE: Duration = Duration::from_secs(2);

/// A server that is up. Dropping it stops it.
///
/// ```
/// use spec_kitty::dev_server::{DevServer, Options};
///
/// let data = tempfile::tempdir()?;
/// let server = DevServer::start(Options::new(data.path(), "sesame".into()))?;
/// assert_eq!(server.url(), format!("http://127.0.0.1:{}", server.port()));
/// assert!(server.data_file().is_file());
/// server.stop(); // or drop it
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Running {
    url: String,
    address: SocketAddr,
    data_file: PathBuf,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

pub(crate) struct Shared {
    pub(crate) service: Service,
    pub(crate) timing: Timing,
    script: Option<Mutex<Script>>,
    observer: Option<Observer>,
    pub(crate) stopping: AtomicBool,
    connections: Mutex<Connections>,
    one_ended: Condvar,
}

#[derive(Default)]
struct Connections {
    last: u64,
    open: HashMap<u64, Open>,
}

struct Open {
    stream: TcpStream,
    phase: Phase,
}

/// What a connection waits for, and so how it learns that the server stops.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// A request: the end of its input wakes it.
    Requests,
    /// It looks by itself, often, and says goodbye before it ends.
    Channel,
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

    /// Stops taking connections, lets the requests that have arrived be answered, and
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
        self.shared.wake_idle();
        if !self.shared.wait_until_quiet(STOP_PATIENCE) {
            self.shared.hang_up();
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
    pub(crate) fn stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn wake_idle(&self) {
        for open in self.connections().open.values() {
            if open.phase == Phase::Requests {
                let _ = open.stream.shutdown(Shutdown::Read);
            }
        }
    }

    fn hang_up(&self) {
        for open in self.connections().open.values() {
            let _ = open.stream.shutdown(Shutdown::Both);
        }
    }

    /// Whether all connections ended in time.
    fn wait_until_quiet(&self, patience: Duration) -> bool {
        let waited =
            self.one_ended
                .wait_timeout_while(self.connections(), patience, |connections| {
                    !connections.open.is_empty()
                });
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
        let open = Open {
            stream: stream.try_clone()?,
            phase: Phase::Requests,
        };
        connections.open.insert(number, open);
        Ok(Some(Registration {
            number,
            shared: Arc::clone(self),
        }))
    }

    pub(crate) fn scripted(&self, request: &Request) -> Option<Canned> {
        let mut script = self
            .script
            .as_ref()?
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        script(request)
    }

    pub(crate) fn observe(&self, request: &Request, response: &Response) {
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
pub(crate) struct Registration {
    number: u64,
    pub(crate) shared: Arc<Shared>,
}

impl Registration {
    /// From now on this connection notices by itself that the server stops.
    pub(crate) fn is_a_channel(&self) {
        if let Some(open) = self.shared.connections().open.get_mut(&self.number) {
            open.phase = Phase::Channel;
        }
    }
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
                .spawn(move || converse(stream, &registration));
        }
        Ok(None) => {
            let body = serde_json::json!({"error": "Too many connections"});
            let response = Response::json(503, &body).with_header("Retry-After", "1");
            let _ = response.write_to(&mut { stream }, Connection::Close, Timestamp::now());
        }
        Err(_) => {}
    }
}
