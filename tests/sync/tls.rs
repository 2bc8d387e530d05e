//! Certificates and proxies: what is not trusted gets nothing, is told as what
//! it is, and costs no event an attempt.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;
use spec_kitty::private_file;

use crate::ALICE;
use crate::settled;
use crate::support::FakeServer;
use crate::support::bench::{Bench, Stored, server, stored_ids};

/// Stands in front of a plain server: what comes over TLS is handed on.
struct Tls {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Tls {
    fn before(server: &FakeServer, config: Arc<ServerConfig>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let (ends, plain) = (Arc::clone(&stop), server.address);
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                // A client that does not trust us hangs up: that is the test.
                let _ = serve(stream.unwrap(), &config, plain);
            }
        });
        Self {
            address,
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().unwrap().join();
    }
}

fn serve(tcp: TcpStream, config: &Arc<ServerConfig>, plain: SocketAddr) -> std::io::Result<()> {
    let connection = ServerConnection::new(Arc::clone(config)).unwrap();
    let mut reader = BufReader::new(StreamOwned::new(connection, tcp));
    let mut request = Vec::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        request.extend(line.as_bytes());
        let header = line.to_ascii_lowercase();
        if let Some(bytes) = header.strip_prefix("content-length:") {
            length = bytes.trim().parse().unwrap();
        }
        if line.trim_end().is_empty() {
            break;
        }
    }
    reader.by_ref().take(length).read_to_end(&mut request)?;
    let mut behind = TcpStream::connect(plain)?;
    behind.write_all(&request)?;
    let mut reply = Vec::new();
    behind.read_to_end(&mut reply)?;
    let stream = reader.get_mut();
    stream.write_all(&reply)?;
    stream.conn.send_close_notify();
    stream.flush()
}

/// An authority, and a server's certificate by it.
pub(crate) struct Papers {
    pub(crate) authority_pem: String,
    pub(crate) server: Arc<ServerConfig>,
}

impl Papers {
    pub(crate) fn for_host(host: &str) -> Self {
        Self::issued(host, |_| {})
    }

    fn issued(host: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let authority_key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
        let issuer = Issuer::new(authority, authority_key);
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        change(&mut params);
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .unwrap();
        Self {
            authority_pem,
            server: Arc::new(server),
        }
    }
}

/// A bench whose server is behind TLS.
struct Scene {
    bench: Bench,
    ids: Vec<String>,
    stored: Stored,
    _tls: Tls,
    _server: FakeServer,
}

impl Scene {
    fn new(papers: &Papers) -> Self {
        let (server, stored) = server(|_, _| None);
        let tls = Tls::before(&server, Arc::clone(&papers.server));
        let bench = Bench::new();
        bench.sign_in(&server, ALICE.0, ALICE.1);
        sign_in_at(&bench, &format!("https://localhost:{}", tls.address.port()));
        let ids = bench.emit(&bench.project("widgets"), 2);
        Self {
            bench,
            ids,
            stored,
            _tls: tls,
            _server: server,
        }
    }

    fn trust(&self, pem: &str) {
        let file = self.bench.nowhere().join("ca.pem");
        std::fs::write(&file, pem).unwrap();
        let config = format!("[sync]\nca_file = \"{}\"\n", file.display());
        std::fs::write(self.bench.home.config_file(), config).unwrap();
    }

    /// Nothing went out, nothing was blamed, and it is called what it is.
    fn is_refused(&self, words: &str) {
        let (code, word, message) = sync_now(&self.bench, &[]);
        assert_eq!((code, word.as_str()), (7, "tls"), "{message}");
        assert!(message.contains(words), "{message}");
        assert!(message.contains("nothing is lost"), "{message}");
        assert!(stored_ids(&self.stored).is_empty());
        settled(&self.bench, (2, 0, 0, 0));
    }

    fn is_accepted(&self) {
        let (code, _, message) = sync_now(&self.bench, &[]);
        assert_eq!(code, 0, "{message}");
        assert_eq!(stored_ids(&self.stored), self.ids);
        settled(&self.bench, (0, 2, 0, 0));
    }
}

pub(crate) fn sign_in_at(bench: &Bench, url: &str) {
    let file = bench.home.credentials_file();
    let text = std::fs::read_to_string(&file).unwrap();
    let (before, _) = text.split_once("[server]").unwrap();
    let text = format!("{before}[server]\nurl = \"{url}\"\n");
    private_file::replace(&file, text.as_bytes()).unwrap();
}

/// The exit, the code and the message of `sync now`.
fn sync_now(bench: &Bench, environment: &[(&str, &str)]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_spec-kitty"))
        .env_clear()
        .envs(std::env::var_os("LLVM_PROFILE_FILE").map(|to| ("LLVM_PROFILE_FILE", to)))
        .env("SPEC_KITTY_HOME", bench.home.root())
        .env("SPEC_KITTY_NO_DAEMON", "1")
        .envs(environment.iter().copied())
        .args(["--json", "sync", "now"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    let last = text.lines().last().unwrap_or("null");
    let error: Value = serde_json::from_str(last).unwrap();
    let word = |key: &str| error["error"][key].as_str().unwrap_or_default().to_owned();
    (output.status.code().unwrap(), word("code"), word("message"))
}

#[test]
fn a_certificate_of_an_unknown_authority_gets_nothing_until_it_is_trusted() {
    let papers = Papers::for_host("localhost");
    let scene = Scene::new(&papers);
    scene.is_refused("certificate");
    scene.trust(&papers.authority_pem);
    scene.is_accepted();
}

#[test]
fn trusting_one_authority_trusts_no_other() {
    let scene = Scene::new(&Papers::for_host("localhost"));
    scene.trust(&Papers::for_host("localhost").authority_pem);
    scene.is_refused("certificate");
}

#[test]
fn a_certificate_of_another_host_gets_nothing() {
    let papers = Papers::for_host("other.example");
    let scene = Scene::new(&papers);
    scene.trust(&papers.authority_pem);
    scene.is_refused("certificate");
}

#[test]
fn a_certificate_that_is_over_or_not_yet_gets_nothing() {
    let over = Papers::issued("localhost", |params| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    });
    let not_yet = Papers::issued("localhost", |params| {
        params.not_before = date_time_ymd(2090, 1, 1);
        params.not_after = date_time_ymd(2091, 1, 1);
    });
    for papers in [over, not_yet] {
        let scene = Scene::new(&papers);
        scene.trust(&papers.authority_pem);
        scene.is_refused("certificate");
    }
}

#[test]
fn a_server_that_speaks_no_tls_is_told_as_that() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        // Ends with the process of the test.
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            let _ = stream.read(&mut [0; 4096]);
        }
    });
    let (server, _) = server(|_, _| None);
    let bench = Bench::new();
    bench.sign_in(&server, ALICE.0, ALICE.1);
    sign_in_at(&bench, &format!("https://localhost:{port}"));
    bench.emit(&bench.project("widgets"), 1);
    let (code, word, message) = sync_now(&bench, &[]);
    assert_eq!((code, word.as_str()), (7, "tls"), "{message}");
    settled(&bench, (1, 0, 0, 0));
}

#[test]
fn certificates_that_cannot_be_used_are_named_and_nothing_is_sent() {
    let scene = Scene::new(&Papers::for_host("localhost"));
    scene.trust("no certificate");
    let (code, _, message) = sync_now(&scene.bench, &[]);
    assert_eq!(code, 1, "{message}");
    assert!(message.contains("ca.pem"), "{message}");
    settled(&scene.bench, (2, 0, 0, 0));
}

/// Answers each connection with `reply`, whatever it asks; what was asked.
fn proxy(reply: &'static str) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&asked);
    thread::spawn(move || {
        // Ends with the process of the test.
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap_or(0) > 0 {}
            kept.lock().unwrap().push(head);
            let _ = stream.write_all(reply.as_bytes());
        }
    });
    (address, asked)
}

/// The token is for the server: a proxy sees the name of the host and no more.
#[test]
fn a_proxy_that_refuses_is_told_as_that_and_gets_no_secret() {
    for reply in [
        "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
    ] {
        let (server, _) = server(|_, _| None);
        let bench = Bench::new();
        bench.sign_in(&server, ALICE.0, ALICE.1);
        sign_in_at(&bench, "https://kitty.invalid");
        bench.emit(&bench.project("widgets"), 1);
        let (address, asked) = proxy(reply);
        let url = format!("http://{address}");
        let (code, word, message) = sync_now(&bench, &[("HTTPS_PROXY", &url)]);
        assert_eq!((code, word.as_str()), (7, "proxy"), "{reply}: {message}");
        let asked = asked.lock().unwrap();
        assert!(
            asked[0].starts_with("CONNECT kitty.invalid:443 "),
            "{asked:?}"
        );
        assert!(!asked.concat().contains("ACCESS"), "{asked:?}");
        settled(&bench, (1, 0, 0, 0));
    }
}

#[test]
fn a_proxy_that_is_not_there_is_told_and_loopback_never_asks_one() {
    let (server, stored) = server(|_, _| None);
    let bench = Bench::new();
    bench.sign_in(&server, ALICE.0, ALICE.1);
    bench.emit(&bench.project("widgets"), 1);
    let (address, asked) = proxy("HTTP/1.1 502 Bad Gateway\r\n\r\n");
    let url = format!("http://{address}");
    let names = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];
    let environment = names.map(|name| (name, url.as_str()));
    assert_eq!(sync_now(&bench, &environment).0, 0);
    assert_eq!(stored_ids(&stored).len(), 1);
    assert!(asked.lock().unwrap().is_empty());

    sign_in_at(&bench, "https://kitty.invalid");
    bench.emit(&bench.project("widgets"), 1);
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let (code, word, message) = sync_now(&bench, &[("HTTPS_PROXY", &url)]);
    assert_eq!(code, 7, "{message}");
    assert!(
        ["proxy", "network"].contains(&word.as_str()),
        "{word}: {message}"
    );
    let none = [("HTTPS_PROXY", url.as_str()), ("NO_PROXY", "kitty.invalid")];
    let (code, word, message) = sync_now(&bench, &none);
    // Which of the two it is, the system does not always tell.
    assert_eq!(code, 7, "{message}");
    assert!(["dns", "network"].contains(&word.as_str()), "{word}");
}
