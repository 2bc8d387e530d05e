//! The live connection in TLS: trusted as requests are, and as little.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use spec_kitty::sync::status::Connection;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::Role;
use tungstenite::{Message, WebSocket};

use super::{connected, connection, delivered, live_server, signed_in, why_not_live};
use crate::daemon::{meanwhile, wait_until};
use crate::settled;
use crate::support::bench::Bench;
use crate::tls::{Papers, sign_in_at};

/// A server that knows the two steps of a live connection, in TLS. Its threads
/// end with their connections, and with the process of the test.
fn start(config: &Arc<ServerConfig>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let config = Arc::clone(config);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, config) = (stream.unwrap(), Arc::clone(&config));
            // A client that does not trust us hangs up.
            thread::spawn(move || serve(stream, config).ok());
        }
    });
    address
}

fn serve(tcp: TcpStream, config: Arc<ServerConfig>) -> std::io::Result<()> {
    let connection = ServerConnection::new(config).unwrap();
    let mut reader = BufReader::new(StreamOwned::new(connection, tcp));
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head)? > 0 {}
    let mut stream = reader.into_inner();
    if !head.starts_with("GET /ws/v1/events/ ") {
        let body = json!({"ws_token": "SOCKET-TOKEN"}).to_string();
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )?;
        stream.conn.send_close_notify();
        return stream.flush();
    }
    let key = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_key = name.eq_ignore_ascii_case("sec-websocket-key");
        is_key.then(|| value.trim().to_owned())
    });
    let accept = derive_accept_key(key.unwrap().as_bytes());
    write!(
        stream,
        "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    )?;
    let mut socket = WebSocket::from_raw_socket(stream, Role::Server, None);
    let snapshot = r#"{"type":"snapshot","work_packages":[]}"#;
    let _ = socket.send(Message::text(snapshot));
    while let Ok(message) = socket.read() {
        let Message::Text(text) = message else {
            continue;
        };
        let event: Value = serde_json::from_str(text.as_str()).unwrap();
        let ack = json!({"type": "ack", "event_id": event["event_id"], "status": "accepted"});
        let _ = socket.send(Message::text(ack.to_string()));
    }
    Ok(())
}

/// Somebody who is signed in at `address`, in TLS.
fn bench_at(address: SocketAddr) -> Bench {
    let (plain, _) = live_server(|_| {});
    let bench = signed_in(&plain);
    sign_in_at(&bench, &format!("https://localhost:{}", address.port()));
    bench
}

#[test]
fn an_authority_that_is_trusted_for_requests_is_trusted_for_the_socket() {
    let papers = Papers::for_host("localhost");
    let mut bench = bench_at(start(&papers.server));
    let file = bench.nowhere().join("ca.pem");
    std::fs::write(&file, &papers.authority_pem).unwrap();
    bench.config.sync.ca_file = Some(file);
    meanwhile(&bench, || {
        connected(&bench);
        bench.emit(&bench.project("widgets"), 3);
        delivered(&bench, 3);
    });
    settled(&bench, (0, 3, 0, 0));
}

#[test]
fn a_server_that_is_not_trusted_gets_no_connection() {
    let bench = bench_at(start(&Papers::for_host("localhost").server));
    meanwhile(&bench, || {
        wait_until("it says why", || {
            why_not_live(&bench).is_some_and(|why| why.contains("certificate"))
        });
        assert_eq!(connection(&bench), Connection::OfflineBatchMode);
    });
}
