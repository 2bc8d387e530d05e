//! `auth login | status | logout`.
//!
//! A password comes from a prompt without echo, from stdin or from
//! `SPEC_KITTY_PASSWORD`, never as an argument. Signing in again as the same
//! user on the same server is nothing to do, unless `--force` is given.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use clap::{Args, Subcommand};
use secrecy::SecretString;
use serde_json::json;

mod status;

use super::Session;
use super::background::Waker;
use super::columns::grouped;
use super::exit::Exit;
use super::failure::Failure;
use super::output::visible_line;
use crate::auth::http::Client;
use crate::auth::{self, Account, Chosen, Credentials, Recipient, Store, client};
use crate::config::{self, Config};
use crate::emitter;
use crate::server_url::ServerUrl;
use crate::sync::adopt::{self, Adopted};

/// The most bytes of a line that is typed or piped in.
const MAX_LINE_BYTES: u64 = 4096;

/// Sign in, sign out, show who you are.
#[derive(Debug, Subcommand)]
pub(super) enum AuthCommand {
    /// Sign in to a server
    Login(LoginArgs),
    /// Show who is signed in, without asking the server
    Status,
    /// Forget the session; events stay where they are
    Logout,
}

const EXAMPLES: &str = "\
Examples:
  spec-kitty auth login --server https://kitty.example.org -u alice
  spec-kitty auth login --password-stdin < password.txt";

/// Options of `auth login`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct LoginArgs {
    /// The server, when it is not the configured one
    #[arg(
        long,
        value_name = "URL",
        env = "SPEC_KITTY_SERVER_URL",
        hide_env_values = true
    )]
    server: Option<String>,
    /// The user name; asked for on a terminal when it is not given
    #[arg(
        short,
        long,
        value_name = "USER",
        env = "SPEC_KITTY_USER",
        hide_env_values = true
    )]
    user: Option<String>,
    /// Read the password from the first line of stdin
    #[arg(long)]
    password_stdin: bool,
    /// Sign in even when already signed in
    #[arg(long)]
    force: bool,
}

pub(super) fn run(command: AuthCommand, session: &mut Session) -> Result<(), Failure> {
    match command {
        AuthCommand::Login(args) => login(&args, session),
        AuthCommand::Status => status::run(session),
        AuthCommand::Logout => logout(session),
    }
}

/// The server named by an option, or else by `SPEC_KITTY_SERVER_URL`.
pub(super) fn named_server(option: Option<&str>) -> Result<Option<ServerUrl>, Failure> {
    let variable = std::env::var("SPEC_KITTY_SERVER_URL").ok();
    let text = option.map(str::to_owned).or(variable).unwrap_or_default();
    if text.trim().is_empty() {
        return Ok(None);
    }
    ServerUrl::parse(&text).map(Some).map_err(|wrong| {
        Failure::usage(format!("the server {wrong}: {text}"))
            .hint("spec-kitty auth login --server https://YOUR-SERVER")
    })
}

/// Loads the settings and says in one line what of them is ignored.
pub(super) fn load_config(session: &Session) -> config::Loaded {
    let mut loaded = Config::load(&session.home.config_file());
    let ca_file = std::env::var_os(config::CA_FILE_VARIABLE).filter(|path| !path.is_empty());
    if let Some(path) = ca_file {
        loaded.config.sync.ca_file = Some(path.into());
    }
    if let Some(first) = loaded.problems.first() {
        let more = match loaded.problems.len() {
            1 => String::new(),
            n => format!(" (and {} more)", n - 1),
        };
        session
            .out
            .warn(visible_line(&format!("{first}; the default is used{more}")));
    }
    loaded
}

/// Loads the credentials and says when others may read them.
pub(super) fn load_credentials(session: &Session) -> auth::Session {
    let stored = Store::new(&session.home).load();
    if stored.open_to_others {
        let path = session.home.credentials_file();
        session.out.warn(format!(
            "other users of this machine may read your tokens: chmod 600 {}",
            path.display()
        ));
    }
    stored.session
}

fn login(args: &LoginArgs, session: &mut Session) -> Result<(), Failure> {
    let named = named_server(args.server.as_deref())?;
    let config = load_config(session).config;
    let present = match load_credentials(session) {
        auth::Session::Unreadable(why) => {
            session
                .out
                .note(format!("the present credentials are replaced: {why}"));
            auth::Session::SignedOut
        }
        usable => usable,
    };
    let recipient = Recipient::resolve(named.as_ref(), &config, present);
    let Some(Chosen { server, .. }) = recipient.server() else {
        return Err(Failure::usage("no server is configured")
            .hint("spec-kitty auth login --server https://YOUR-SERVER"));
    };
    let known = recipient
        .account()
        .filter(|account| account.server == server);
    if let Recipient::Ready(credentials) = &recipient
        && !args.force
        && args
            .user
            .as_deref()
            .is_none_or(|user| credentials.account.same_user(&server, user))
    {
        return signed_in(session, "already-signed-in", credentials);
    }
    let user = user_name(args, known)?;
    let password = password(args, &user, &server)?;
    let http = Client::new(&server, config.sync.ca_file.as_deref(), client::LIMITS)?;
    let credentials = client::login(&http, &Store::new(&session.home), &user, &password)?;
    follow(session, &config, &server)?;
    signed_in(session, "signed-in", &credentials)
}

/// A sign-in to another server than the configured one configures it:
/// otherwise the two would disagree and nothing could be sent.
fn follow(session: &Session, config: &Config, server: &ServerUrl) -> Result<(), Failure> {
    if config
        .sync
        .server_url
        .as_ref()
        .is_none_or(|configured| configured == server)
    {
        return Ok(());
    }
    let path = session.home.config_file();
    config::set(&path, "sync.server_url", server.as_str())?;
    session.out.note(format!("sync.server_url is now {server}"));
    Ok(())
}

fn signed_in(
    session: &mut Session,
    status: &str,
    credentials: &Credentials,
) -> Result<(), Failure> {
    let account = &credentials.account;
    let adopted = adopt_events(session, account);
    Waker::default().wake(&session.home);
    if session.out.json() {
        let adopted: Vec<_> = adopted
            .iter()
            .map(|a| json!({"project_uuid": a.project, "project_slug": a.slug, "events": a.events}))
            .collect();
        return session.out.object(&json!({
            "kind": "auth-login", "v": 1, "status": status,
            "server": account.server.as_str(), "user": account.user, "team": account.team,
            "session_expires_at": status::time(credentials.refresh_expires_at), "adopted": adopted,
        }));
    }
    let word = if status == "signed-in" {
        "Signed in"
    } else {
        "Already signed in"
    };
    session
        .out
        .line(format!("{word} to {}", described(account)))?;
    if account.team.is_none() {
        session.out.note(NO_TEAM);
    }
    Ok(())
}

/// Says what was recorded while nobody was signed in, by project, and makes it
/// this account's. When that fails the events go on waiting.
fn adopt_events(session: &Session, account: &Account) -> Vec<Adopted> {
    let log = emitter::log_of(&session.home);
    let waiting = match adopt::adoptable(&log, account) {
        Ok(waiting) => waiting,
        Err(error) => {
            session.out.warn(visible_line(&error.to_string()));
            return Vec::new();
        }
    };
    for one in &waiting {
        let name = one.slug.as_deref().or(one.project.as_deref());
        let name = name.unwrap_or("no project");
        let (events, had) = match one.events {
            1 => ("event ", "had no owner here and is now yours"),
            _ => ("events", "had no owner here and are now yours"),
        };
        session.out.note(visible_line(&format!(
            "  {:>6} {events} of {name} {had}",
            grouped(one.events),
        )));
    }
    adopt::adopt(&log, account).unwrap_or_else(|error| {
        session.out.warn(visible_line(&format!(
            "they wait until the next spec-kitty auth login: {error}"
        )));
        Vec::new()
    })
}

const NO_TEAM: &str =
    "This account has no team yet: events are recorded and wait until it has one.";

fn user_name(args: &LoginArgs, known: Option<&Account>) -> Result<String, Failure> {
    let given = args
        .user
        .clone()
        .or_else(|| known.map(|account| account.user.clone()));
    let user = match given {
        Some(user) => user,
        None if io::stdin().is_terminal() && !args.password_stdin => {
            eprint_prompt("User name: ");
            line_of_stdin()?
        }
        None => {
            return Err(Failure::usage(
                "no user name was given, and there is no terminal to ask on",
            )
            .hint("spec-kitty auth login -u USER --password-stdin"));
        }
    };
    let user = user.trim();
    if user.is_empty() || user.chars().any(char::is_control) || user.chars().count() > 254 {
        return Err(Failure::usage("the user name is empty or not usable"));
    }
    Ok(user.to_owned())
}

fn password(args: &LoginArgs, user: &str, server: &ServerUrl) -> Result<SecretString, Failure> {
    let variable = std::env::var("SPEC_KITTY_PASSWORD")
        .ok()
        .filter(|text| !text.is_empty());
    let text = if args.password_stdin {
        line_of_stdin()?
    } else if let Some(text) = variable {
        text
    } else if io::stdin().is_terminal() {
        let prompt = format!("Password of {user} on {server}: ");
        rpassword::prompt_password(visible_line(&prompt)).map_err(|error| stdin_failure(&error))?
    } else {
        return Err(
            Failure::usage("no password was given, and there is no terminal to ask on")
                .hint("spec-kitty auth login -u USER --password-stdin"),
        );
    };
    if text.is_empty() {
        return Err(Failure::usage("the password is empty"));
    }
    Ok(SecretString::from(text))
}

fn eprint_prompt(text: &str) {
    let mut stderr = io::stderr();
    let _ = stderr
        .write_all(text.as_bytes())
        .and_then(|()| stderr.flush());
}

/// The first line of stdin without its line break.
fn line_of_stdin() -> Result<String, Failure> {
    let mut line = String::new();
    io::stdin()
        .lock()
        .take(MAX_LINE_BYTES)
        .read_line(&mut line)
        .map_err(|error| stdin_failure(&error))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn stdin_failure(error: &io::Error) -> Failure {
    Failure::new(
        "stdin",
        Exit::Failed,
        format!("cannot read the answer: {error}"),
    )
}

fn logout(session: &mut Session) -> Result<(), Failure> {
    let store = Store::new(&session.home);
    let account = store.load().session.account().cloned();
    let removed =
        session.home.credentials_file().exists() && store.lock(auth::LOCK_DEADLINE)?.remove()?;
    if session.out.json() {
        return session.out.object(&json!({
            "kind": "auth-logout", "v": 1,
            "status": if removed { "signed-out" } else { "nothing-to-do" },
            "server": account.as_ref().map(|account| account.server.as_str()),
            "user": account.as_ref().map(|account| account.user.as_str()),
        }));
    }
    match (removed, account) {
        (true, Some(account)) => session.out.line(visible_line(&format!(
            "Signed out of {}",
            described(&account)
        ))),
        (true, None) => session.out.line("Signed out"),
        (false, _) => session.out.line("Nobody was signed in"),
    }
}

/// `server as user, team team`.
fn described(account: &Account) -> String {
    let team = match &account.team {
        Some(team) => format!("team {team}"),
        None => "no team".to_owned(),
    };
    visible_line(&format!("{} as {} ({team})", account.server, account.user))
}
