//! A small HTTP server on loopback that answers whatever a test wants, also
//! what no honest server would: cut bodies, no body, raw bytes.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

pub mod bench;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use tungstenite::WebSocket;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::Role;

/// One request as it arrived; a gzip body is unpacked.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("the request body is JSON")
    }
}

/// What goes back: raw bytes, then the connection is closed, or, after a 101,
/// given to whoever talks over sockets.
pub struct Reply(pub Vec<u8>);

/// Talks over a socket, on a thread of its own.
pub type Talk = Arc<dyn Fn(WebSocket<TcpStream>) + Send + Sync>;

impl Reply {
    /// The answer that switches to the protocol of sockets.
    pub fn upgrade(request: &Request) -> Self {
        let key = request.header("sec-websocket-key").unwrap();
        let accept = derive_accept_key(key.as_bytes());
        let head = format!(
            "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        Self(head.into_bytes())
    }

    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::text(status, &body.to_string())
    }

    pub fn text(status: u16, body: &str) -> Self {
        Self::with(status, &[], body.as_bytes())
    }

    pub fn with(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let mut head = format!(
            "HTTP/1.1 {status} Status\r\nContent-Length: {}\r\nConnection: close\r\n",
            body.len()
        );
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        Self([head.as_bytes(), body].concat())
    }

    /// The first `bytes` of this reply, then the connection breaks.
    pub fn cut(mut self, bytes: usize) -> Self {
        self.0.truncate(bytes);
        self
    }
}

/// The server; stops when dropped.
pub struct FakeServer {
    pub address: SocketAddr,
    /// So many uploads are reset in the middle.
    pub reset_uploads: Arc<AtomicUsize>,
    /// Answers come byte by byte.
    pub drips: Arc<AtomicBool>,
    /// What happens on an upgraded connection.
    pub talk: Arc<Mutex<Option<Talk>>>,
    requests: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl FakeServer {
    /// Starts a server that answers each request with what `answer` returns.
    pub fn start(answer: impl FnMut(&Request) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let answer = Arc::new(Mutex::new(answer));
        let reset_uploads = Arc::new(AtomicUsize::new(0));
        let drips = Arc::new(AtomicBool::new(false));
        let talk = Arc::<Mutex<Option<Talk>>>::default();
        let faults = Faults {
            reset_uploads: Arc::clone(&reset_uploads),
            drips: Arc::clone(&drips),
            talk: Arc::clone(&talk),
        };
        let thread = {
            let (requests, stop) = (Arc::clone(&requests), Arc::clone(&stop));
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    let Ok(stream) = stream else { continue };
                    let _ = serve(stream, &requests, &answer, &faults);
                }
            })
        };
        Self {
            address,
            reset_uploads,
            drips,
            talk,
            requests,
            stop,
            thread: Some(thread),
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub fn count(&self, path: &str) -> usize {
        self.requests()
            .iter()
            .filter(|request| request.path == path)
            .count()
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Faults {
    reset_uploads: Arc<AtomicUsize>,
    drips: Arc<AtomicBool>,
    talk: Arc<Mutex<Option<Talk>>>,
}

fn serve<F: FnMut(&Request) -> Reply>(
    mut stream: TcpStream,
    requests: &Mutex<Vec<Request>>,
    answer: &Mutex<F>,
    faults: &Faults,
) -> std::io::Result<()> {
    let reset = faults
        .reset_uploads
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
    if reset.is_ok() {
        // Closing what was not read to its end resets the connection.
        let mut some = [0; 200];
        let _ = stream.read(&mut some)?;
        return Ok(());
    }
    let mut reader = BufReader::new(stream.try_clone()?);
    let Some(request) = read(&mut reader)? else {
        return Ok(());
    };
    requests.lock().unwrap().push(request.clone());
    let reply = (answer.lock().unwrap())(&request);
    let step = if faults.drips.load(Ordering::SeqCst) {
        1
    } else {
        usize::MAX
    };
    for some in reply.0.chunks(step) {
        stream.write_all(some)?;
        stream.flush()?;
        if step == 1 {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
    let talk = faults.talk.lock().unwrap().clone();
    if let (true, Some(talk)) = (reply.0.starts_with(b"HTTP/1.1 101"), talk) {
        std::thread::spawn(move || talk(WebSocket::from_raw_socket(stream, Role::Server, None)));
    }
    Ok(())
}

fn read(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    let mut request = Request {
        method,
        path,
        headers,
        body: Vec::new(),
    };
    let length: u64 = request
        .header("content-length")
        .map_or(0, |text| text.parse().unwrap());
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    if request.header("content-encoding") == Some("gzip") {
        flate2::read::GzDecoder::new(body.as_slice()).read_to_end(&mut request.body)?;
    } else {
        request.body = body;
    }
    Ok(Some(request))
}
