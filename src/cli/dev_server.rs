//! `dev-server`: the embedded reference server until somebody stops it.
//!
//! Says once, on stdout, where it listens; everything else (who may sign in,
//! what comes in) is a note on stderr. The password comes from the
//! environment or is made for this run, never from an argument.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use uuid::Uuid;

use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, TEMPORARY};
use crate::cli::output::{Output, visible_line};
use crate::cli::signals::Signals;
use crate::dev_server::{Account, DevServer, Exchange, Options, Running};
use crate::scratch::Scratch;

/// Where the password of all accounts comes from.
const PASSWORD: &str = "SPEC_KITTY_DEV_PASSWORD";
/// How often the signals are looked at, at least.
const TICK: Duration = Duration::from_millis(50);
/// How many notes may wait to be printed; more are dropped, requests never wait.
const NOTES: usize = 1024;

/// Run the embedded reference server, on loopback only
///
/// It speaks the contract of the real server: sign-in, the batch route, the
/// advertised limits and the websocket. What it receives is one JSON line per
/// event in events.ndjson. All accounts have one password, taken from
/// SPEC_KITTY_DEV_PASSWORD or made for the run and shown.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(
        long,
        value_name = "N",
        default_value_t = 8028,
        env = "SPEC_KITTY_DEV_PORT",
        hide_env_values = true
    )]
    port: u16,
    /// Keep what is received in DIR [default: a temporary directory]
    #[arg(
        long,
        value_name = "DIR",
        env = "SPEC_KITTY_DEV_DATA",
        hide_env_values = true
    )]
    data: Option<PathBuf>,
    /// Who may sign in, and for which team; may be given more than once
    #[arg(
        long = "user",
        value_name = "NAME[:TEAM]",
        default_value = "demo:demo-team",
        env = "SPEC_KITTY_DEV_USERS",
        hide_env_values = true,
        value_delimiter = ','
    )]
    users: Vec<String>,
}

#[derive(Serialize)]
struct Ready<'a> {
    kind: &'static str,
    v: u8,
    url: &'a str,
    port: u16,
    accounts: Vec<Person<'a>>,
    /// Only when it was made for this run.
    password: Option<&'a str>,
    data_file: &'a Path,
    kept: bool,
}

#[derive(Serialize)]
struct Person<'a> {
    user: &'a str,
    team: Option<&'a str>,
}

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// A [`Failure`] when the server cannot start; otherwise the silent one that
/// carries the signal's exit code.
pub(crate) fn run(arguments: Arguments, out: &mut Output) -> Result<(), Failure> {
    let signals = Signals::watch().map_err(|error| failed(&error))?;
    let (data_dir, temporary) = match arguments.data {
        Some(dir) => (dir, None),
        None => {
            let made = Scratch::create();
            let scratch = made.map_err(|error| failed(&error).hint(TEMPORARY))?;
            (scratch.path().join("data"), Some(scratch))
        }
    };
    let given = std::env::var(PASSWORD).ok().map(SecretString::from);
    let made = given.is_none();
    let password = given.unwrap_or_else(|| Uuid::new_v4().simple().to_string().into());
    let accounts: Vec<Account> = arguments.users.iter().map(|user| account(user)).collect();
    let (notes, requests) = sync_channel(NOTES);
    let mut options = Options::new(&data_dir, password.clone());
    options.port = arguments.port;
    options.accounts.clone_from(&accounts);
    options.observer = Some(Box::new(move |exchange| note(&notes, exchange)));
    let server = DevServer::start(options)?;
    let shown = made.then(|| password.expose_secret());
    greet(&server, &accounts, shown, temporary.is_none(), out)?;
    let exit = serve(&signals, &requests, out);
    server.stop();
    Err(Failure::silent(exit))
}

fn account(text: &str) -> Account {
    match text.split_once(':') {
        Some((name, team)) => Account {
            name: name.to_owned(),
            team: Some(team.to_owned()),
        },
        None => Account {
            name: text.to_owned(),
            team: None,
        },
    }
}

fn greet(
    server: &Running,
    accounts: &[Account],
    password: Option<&str>,
    kept: bool,
    out: &mut Output,
) -> Result<(), Failure> {
    if out.json() {
        out.object(&Ready {
            kind: "dev-server",
            v: 1,
            url: server.url(),
            port: server.port(),
            accounts: accounts
                .iter()
                .map(|account| Person {
                    user: &account.name,
                    team: account.team.as_deref(),
                })
                .collect(),
            password,
            data_file: server.data_file(),
            kept,
        })?;
        return out.flush();
    }
    out.line(format!("Listening on {}", server.url()))?;
    out.flush()?;
    for account in accounts {
        let team = match &account.team {
            Some(team) => format!("team {}", visible_line(team)),
            None => "no team".to_owned(),
        };
        out.note(format!(
            "  account   {} ({team})",
            visible_line(&account.name)
        ));
    }
    match password {
        Some(password) => out.note(format!("  password  {password} (made for this run)")),
        None => out.note(format!("  password  as in {PASSWORD}")),
    }
    let fate = if kept { "" } else { " (removed at the end)" };
    let file = server.data_file().to_string_lossy();
    out.note(format!("  events    {}{fate}", visible_line(&file)));
    if let Some(first) = accounts.first() {
        out.note(format!(
            "  sign in   spec-kitty auth login --server {} -u {}",
            server.url(),
            visible_line(&first.name)
        ));
    }
    Ok(())
}

/// Prints what comes in until a signal comes.
fn serve(signals: &Signals, requests: &Receiver<String>, out: &Output) -> Exit {
    loop {
        if let Some(exit) = signals.caught() {
            return exit;
        }
        match requests.recv_timeout(TICK) {
            Ok(line) => out.note(line),
            Err(RecvTimeoutError::Timeout) => {}
            // Unreachable while the server holds the sender; never spin.
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(TICK),
        }
    }
}

fn note(notes: &SyncSender<String>, exchange: &Exchange<'_>) {
    let mut line = format!(
        "  {} {} {}",
        exchange.status,
        visible_line(exchange.method),
        visible_line(exchange.path)
    );
    if let Some(note) = exchange.note {
        line.push_str("  ");
        line.push_str(&visible_line(note));
    }
    let _ = notes.try_send(line);
}

fn failed(error: &dyn std::error::Error) -> Failure {
    Failure::new(
        "dev-server",
        Exit::Failed,
        format!("cannot start the server: {error}"),
    )
}
