//! `auth status`: who is signed in, as far as this machine knows.

use jiff::Timestamp;
use serde_json::json;

use super::{described, load_config, load_credentials, named_server};
use crate::auth::{Credentials, Recipient};
use crate::cli::Session;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::visible_line;

/// Says what the credentials say; asks no server.
pub(super) fn run(session: &mut Session) -> Result<(), Failure> {
    let named = named_server(None)?;
    let config = load_config(session).config;
    let recipient = Recipient::resolve(named.as_ref(), &config, load_credentials(session));
    let state = State::of(&recipient);
    if session.out.json() {
        let credentials = match &recipient {
            Recipient::Ready(credentials) => Some(credentials),
            _ => None,
        };
        let account = recipient.account();
        session.out.object(&json!({
            "kind": "auth-status", "v": 1, "state": state.word,
            "server": account.map(|account| account.server.as_str()),
            "user": account.map(|account| account.user.as_str()),
            "team": account.and_then(|account| account.team.as_deref()),
            "configured_server": recipient.server().map(|chosen| chosen.server.to_string()),
            "access_expires_at": credentials.and_then(|c| time(c.access_expires_at)),
            "session_expires_at": credentials.and_then(|c| time(c.refresh_expires_at)),
            "next": state.next,
        }))?;
    } else {
        session.out.line(visible_line(&state.said))?;
        if let Some(next) = state.next {
            session.out.line(format!("  next: {next}"))?;
        }
    }
    match state.exit {
        Exit::Done => Ok(()),
        exit => Err(Failure::silent(exit)),
    }
}

/// How `auth status` tells what it found.
struct State {
    word: &'static str,
    said: String,
    next: Option<&'static str>,
    exit: Exit,
}

impl State {
    fn of(recipient: &Recipient) -> Self {
        let again = Some("spec-kitty auth login");
        match recipient {
            Recipient::Ready(credentials) => Self {
                word: "signed-in",
                said: format!(
                    "Signed in to {}{}",
                    described(&credentials.account),
                    session_left(credentials, Timestamp::now())
                ),
                next: None,
                exit: Exit::Done,
            },
            Recipient::SignedOut { server } => Self {
                word: "signed-out",
                said: "Nobody is signed in. Events are recorded and wait here.".to_owned(),
                next: match server {
                    Some(_) => again,
                    None => Some("spec-kitty auth login --server https://YOUR-SERVER"),
                },
                exit: Exit::Held,
            },
            Recipient::Ended(account) => Self {
                word: "ended",
                said: format!(
                    "The session has ended: {}. Events are recorded and wait here.",
                    described(account)
                ),
                next: again,
                exit: Exit::Held,
            },
            Recipient::Disagreement { account, chosen } => Self {
                word: "disagreement",
                said: format!(
                    "Signed in to {}, but told to use {}. Nothing is sent.",
                    described(account),
                    chosen.server
                ),
                next: again,
                exit: Exit::Held,
            },
            Recipient::Unreadable(why) => Self {
                word: "unreadable",
                said: format!("The credentials cannot be used: {why}"),
                next: again,
                exit: Exit::Failed,
            },
        }
    }
}

fn session_left(credentials: &Credentials, now: Timestamp) -> String {
    let Some(end) = credentials.refresh_expires_at else {
        return String::new();
    };
    let seconds = u64::try_from(end.duration_since(now).as_secs()).unwrap_or(0);
    let left = match seconds {
        0..=119 => "a moment".to_owned(),
        120..=7_199 => format!("{} minutes", seconds / 60),
        7_200..=172_799 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    };
    format!("; the session is good for {left}")
}

pub(super) fn time(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| format!("{at:.0}"))
}
