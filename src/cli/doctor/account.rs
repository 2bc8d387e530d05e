//! Settings, credentials, and the background sender.

use std::time::Duration;

use jiff::Timestamp;

use crate::auth::{Recipient, Stored};
use crate::cli::time::ago;
use crate::config::Loaded;
use crate::home::Home;
use crate::sync::daemon;

use super::check::{Check, Mend};
use super::files::quoted;

/// A background sender that said nothing for so long is stuck.
const SILENCE: Duration = Duration::from_secs(120);

pub(super) fn checks(
    home: &Home,
    config: &Loaded,
    stored: &Stored,
    recipient: &Recipient,
) -> Vec<Check> {
    vec![
        settings(config),
        credentials(home, recipient, stored.open_to_others),
        sender(home),
    ]
}

fn settings(config: &Loaded) -> Check {
    match config.problems.as_slice() {
        [] => Check::ok("config", "every setting can be used"),
        [first, rest @ ..] => {
            let more = match rest.len() {
                0 => String::new(),
                n => format!(" (and {n} more)"),
            };
            Check::problem("config", format!("{first}; the default is used{more}"))
                .told_as(format!("a setting cannot be used{more}"))
                .fix("spec-kitty config list")
        }
    }
}

fn credentials(home: &Home, recipient: &Recipient, open_to_others: bool) -> Check {
    let id = "account";
    let login = "spec-kitty auth login";
    match recipient {
        Recipient::SignedOut { .. } => {
            Check::note(id, "nobody is signed in; events are kept until somebody is").fix(
                match recipient.server() {
                    Some(_) => login,
                    None => "spec-kitty auth login --server https://YOUR-SERVER",
                },
            )
        }
        Recipient::Ended(account) => Check::problem(
            id,
            format!(
                "the session of {} on {} has ended",
                account.user, account.server
            ),
        )
        .told_as("the session has ended")
        .fix(login),
        Recipient::Disagreement { account, chosen } => Check::problem(
            id,
            format!(
                "signed in to {}, but told to use {}",
                account.server, chosen.server
            ),
        )
        .told_as("signed in to one server, told to use another")
        .fix(login),
        Recipient::Unreadable(why) => Check::problem(id, why.to_string())
            .told_as("the credentials cannot be used")
            .fix(format!("{login} --force")),
        Recipient::Ready(credentials) if credentials.account.team.is_none() => Check::note(
            id,
            format!("{} has no team yet; events wait", credentials.account.user),
        )
        .told_as("the account has no team yet; events wait")
        .fix("spec-kitty auth login --force"),
        Recipient::Ready(credentials) => {
            let account = &credentials.account;
            let team = account.team.as_deref().unwrap_or_default();
            let until = credentials.refresh_expires_at;
            let until = until.map_or_else(String::new, |at| {
                let days = at.duration_since(Timestamp::now()).as_hours() / 24;
                format!(", session good for {days} days")
            });
            let said = format!("{} on {}, team {team}{until}", account.user, account.server);
            let open = format!("; tokens: {}", quoted(&home.credentials_file()));
            let said = if open_to_others { said + &open } else { said };
            Check::ok(id, said).told_as(format!("signed in, with a team{until}"))
        }
    }
}

fn sender(home: &Home) -> Check {
    let id = "daemon";
    let stop = home.daemon_dir().join("stop");
    if !daemon::is_running(home) {
        return if stop.exists() {
            Check::note(id, "not running; an old request to stop lies there").mend(Mend::RemoveStop)
        } else {
            Check::ok(id, "not running")
        };
    }
    let Some(told) = daemon::read_status(home) else {
        return Check::note(id, "running, and has said nothing yet")
            .fix("spec-kitty sync daemon status");
    };
    let restart = "spec-kitty sync daemon stop";
    let ours = env!("CARGO_PKG_VERSION");
    let pid = told.pid;
    if told.version != ours {
        let said = format!("version {} is running, this is {ours}", told.version);
        return Check::problem(id, said).fix(restart);
    }
    let now = Timestamp::now();
    let silence = now.duration_since(told.at).unsigned_abs();
    if silence > SILENCE {
        let said = format!("process {pid} has said nothing since {}", ago(told.at, now));
        return Check::problem(id, said).fix(restart);
    }
    Check::ok(id, format!("running as process {pid}, version {ours}"))
}
