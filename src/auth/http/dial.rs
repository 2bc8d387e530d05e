//! A connection of our own to the server, by the rules that requests keep to.
//!
//! Name, address, proxy and TLS together have one deadline. The proxy of the
//! environment is used as [`super::Client`] uses it, except that only a plain
//! HTTP proxy can be: it is asked to connect and then only passes bytes on.
//! Through any other there is no connection of this kind, which is said and
//! never circumvented.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use ureq::http::Uri;
use ureq::{Proxy, ProxyProtocol};

use super::{CONNECT_TIMEOUT, NoAnswer, SetupError, proxy_for, trust};
use crate::server_url::ServerUrl;

/// The most bytes of a proxy's answer.
const MAX_PROXY_BYTES: usize = 16 * 1024;

/// How a connection to one server is made.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    server: ServerUrl,
    host: String,
    port: u16,
    proxy: Option<Proxy>,
    tls: Option<Arc<ClientConfig>>,
}

/// A TCP stream whose reads and writes all end by a deadline while it has one,
/// and take a tick otherwise.
#[derive(Debug)]
pub(crate) struct Timed {
    stream: TcpStream,
    until: Option<Instant>,
}

/// A connection, encrypted where the server's URL says so.
#[derive(Debug)]
pub(crate) enum Wire {
    /// As it is: loopback.
    Plain(Timed),
    /// In TLS.
    Tls(Box<StreamOwned<ClientConnection, Timed>>),
}

impl Way {
    /// The way to `server`, trusting `ca_file` alone when one is given.
    pub(crate) fn to(server: &ServerUrl, ca_file: Option<&Path>) -> Result<Self, SetupError> {
        // A server URL is a URI that was parsed before.
        let uri: Uri = server.as_str().parse().unwrap_or_default();
        let own_port = if server.is_secure() { 443 } else { 80 };
        let tls = server
            .is_secure()
            .then(|| trust::tls(ca_file))
            .transpose()?;
        let host = uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Ok(Self {
            server: server.clone(),
            host: host.to_owned(),
            port: uri.port_u16().unwrap_or(own_port),
            proxy: proxy_for(server).filter(|proxy| !proxy.is_no_proxy(&uri)),
            tls: tls.map(Arc::new),
        })
    }

    /// The server at its end.
    pub(crate) fn server(&self) -> &ServerUrl {
        &self.server
    }

    /// Connects. What is done with the connection next has until the same
    /// deadline, which is given back; then [`Wire::by_ticks`] is called.
    pub(crate) fn connect(&self) -> Result<Wire, NoAnswer> {
        let until = Instant::now() + CONNECT_TIMEOUT;
        let timed = match &self.proxy {
            None => self.reach(&self.host, self.port, until)?,
            Some(proxy) => self.through(proxy, until)?,
        };
        let Some(config) = &self.tls else {
            return Ok(Wire::Plain(timed));
        };
        let name = ServerName::try_from(self.host.clone());
        let name = name.map_err(|error| self.tls_fault(&error))?;
        let connection = ClientConnection::new(Arc::clone(config), name);
        let connection = connection.map_err(|error| self.tls_fault(&error))?;
        let mut stream = StreamOwned::new(connection, timed);
        // Here a certificate that is not trusted is told as such.
        while stream.conn.is_handshaking() {
            let done = stream.conn.complete_io(&mut stream.sock);
            done.map_err(|error| self.fault(&error))?;
        }
        Ok(Wire::Tls(Box::new(stream)))
    }

    fn reach(&self, host: &str, port: u16, until: Instant) -> Result<Timed, NoAnswer> {
        let nowhere = || NoAnswer::NoAddress {
            host: host.to_owned(),
        };
        let addresses = (host, port).to_socket_addrs().map_err(|_| nowhere())?;
        let mut last = None;
        for address in addresses {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            match TcpStream::connect_timeout(&address, left) {
                Ok(stream) => {
                    // Events are small and should leave at once.
                    let _ = stream.set_nodelay(true);
                    let until = Some(until);
                    return Ok(Timed { stream, until });
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.map_or_else(nowhere, |error| self.fault(&error)))
    }

    fn through(&self, proxy: &Proxy, until: Instant) -> Result<Timed, NoAnswer> {
        let failed = |reason: String| NoAnswer::Proxy { reason };
        if proxy.protocol() != ProxyProtocol::Http {
            let reason = "a live connection goes through an HTTP proxy only".to_owned();
            return Err(failed(reason));
        }
        let mut timed = self.reach(proxy.host(), proxy.port(), until)?;
        let broken = |error: io::Error| failed(error.to_string());
        let request = connect_request(&self.host, self.port, proxy);
        timed.write_all(request.as_bytes()).map_err(broken)?;
        let mut head = Vec::new();
        // Byte by byte: what comes behind the head is not the proxy's.
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if head.len() >= MAX_PROXY_BYTES || timed.read(&mut byte).map_err(broken)? == 0 {
                return Err(failed("its answer is not understood".to_owned()));
            }
            head.extend(byte);
        }
        match status_of(&head) {
            Some(200..=299) => Ok(timed),
            Some(status) => Err(failed(format!("it answered {status}"))),
            None => Err(failed("its answer is not understood".to_owned())),
        }
    }

    fn tls_fault(&self, error: &dyn std::fmt::Display) -> NoAnswer {
        NoAnswer::Tls {
            host: self.server.to_string(),
            reason: error.to_string(),
        }
    }

    fn fault(&self, error: &io::Error) -> NoAnswer {
        NoAnswer::of_io(self.server.to_string(), "connecting", error)
    }
}

/// What asks a proxy for a connection to the server.
fn connect_request(host: &str, port: u16, proxy: &Proxy) -> String {
    let host = if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    };
    let mut request = format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n");
    if let Some(user) = proxy.username() {
        let password = proxy.password().unwrap_or_default();
        let secret = BASE64.encode(format!("{user}:{password}").as_bytes());
        request.push_str(&format!("Proxy-Authorization: Basic {secret}\r\n"));
    }
    request.push_str("\r\n");
    request
}

fn status_of(head: &[u8]) -> Option<u16> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    response.parse(head).ok()?;
    response.code
}

impl Timed {
    fn left(&self) -> io::Result<Option<Duration>> {
        let Some(until) = self.until else {
            return Ok(None);
        };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(Some(left))
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(left) = self.left()? {
            self.stream.set_read_timeout(Some(left))?;
        }
        self.stream.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(left) = self.left()? {
            self.stream.set_write_timeout(Some(left))?;
        }
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Wire {
    /// From now on a read waits for `read` at most and a write for `write`,
    /// each on its own.
    pub(crate) fn by_ticks(&mut self, read: Duration, write: Duration) -> io::Result<()> {
        let timed = match self {
            Self::Plain(timed) => timed,
            Self::Tls(stream) => &mut stream.sock,
        };
        timed.until = None;
        timed.stream.set_read_timeout(Some(read))?;
        timed.stream.set_write_timeout(Some(write))
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(timed) => timed.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(timed) => timed.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(timed) => timed.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    #[test]
    fn secrets_of_a_proxy_are_written_as_it_reads_them() {
        for (plain, coded) in [
            ("f:o", "Zjpv"),
            ("f:oo", "Zjpvbw=="),
            ("f:ooo", "Zjpvb28="),
            ("f:ooba", "Zjpvb2Jh"),
            ("Aladdin:open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ] {
            let (user, password) = plain.split_once(':').unwrap();
            let password = password.replace(' ', "%20");
            let proxy = Proxy::new(&format!("http://{user}:{password}@127.0.0.1:1")).unwrap();
            let asked = connect_request("a.org", 443, &proxy);
            let header = format!("\r\nProxy-Authorization: Basic {coded}\r\n");
            assert!(asked.contains(&header), "{plain}: {asked}");
        }
    }

    /// A way to a server that exists nowhere, through a proxy at `listener`.
    fn way(listener: &TcpListener) -> Way {
        let port = listener.local_addr().unwrap().port();
        Way {
            server: ServerUrl::parse("https://kitty.example.org").unwrap(),
            host: "kitty.example.org".to_owned(),
            port: 443,
            proxy: Some(Proxy::new(&format!("http://u:p@127.0.0.1:{port}")).unwrap()),
            tls: None,
        }
    }

    #[test]
    fn a_proxy_is_asked_to_connect_and_what_follows_is_the_servers() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let way = way(&listener);
        let proxy = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = vec![0; 4096];
            let read = stream.read(&mut asked).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhello").unwrap();
            String::from_utf8(asked[..read].to_vec()).unwrap()
        });
        let mut wire = way.connect().unwrap();
        let mut said = String::new();
        wire.read_to_string(&mut said).unwrap();
        assert_eq!(said, "hello");
        let asked = proxy.join().unwrap();
        let expected = "CONNECT kitty.example.org:443 HTTP/1.1\r\nHost: kitty.example.org:443\r\nProxy-Authorization: Basic dTpw\r\n\r\n";
        assert_eq!(asked, expected);
    }

    #[test]
    fn a_proxy_that_refuses_or_babbles_is_told_as_the_proxy() {
        for answer in ["HTTP/1.1 407 Who?\r\n\r\n", "hello", ""] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let way = way(&listener);
            let proxy = thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let mut asked = [0; 4096];
                let _ = stream.read(&mut asked).unwrap();
                stream.write_all(answer.as_bytes()).unwrap();
            });
            let failed = way.connect().unwrap_err();
            assert!(matches!(failed, NoAnswer::Proxy { .. }), "{failed:?}");
            proxy.join().unwrap();
        }
    }
}
