//! Signing in, staying signed in and signing out, against a server that
//! answers as told.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod commands;
mod sessions;
#[path = "../support/mod.rs"]
mod support;

use std::path::Path;

use serde_json::{Value, json};
use spec_kitty::auth::client::{self, LoginError};
use spec_kitty::auth::http::Client;
use spec_kitty::auth::{Credentials, Store};
use spec_kitty::home::Home;
use spec_kitty::server_url::ServerUrl;
use support::{FakeServer, Reply};

const PASSWORD: &str = "correct horse";

fn tokens(n: usize) -> Value {
    json!({"access": format!("ACCESS-{n}"), "refresh": format!("REFRESH-{n}"),
           "access_lifetime": "900", "refresh_lifetime": 604_800, "team_slug": "acme-corp"})
}

fn client_of(server: &FakeServer) -> Client {
    Client::new(
        &ServerUrl::parse(&server.url()).unwrap(),
        None,
        client::LIMITS,
    )
    .unwrap()
}

fn login(server: &FakeServer, store: &Store) -> Result<Credentials, LoginError> {
    client::login(
        &client_of(server),
        store,
        "alice@example.com",
        &PASSWORD.into(),
    )
}

fn store(dir: &Path) -> Store {
    Store::new(&Home::at(dir.join("home")))
}

/// Answers a sign-in with tokens, and a refresh with `reply`.
fn refreshing(mut reply: impl FnMut() -> Reply + Send + 'static) -> FakeServer {
    FakeServer::start(move |request| match request.path.as_str() {
        "/api/v1/token/" => Reply::json(200, &tokens(0)),
        "/api/v1/token/refresh/" => reply(),
        _ => Reply::text(404, ""),
    })
}
