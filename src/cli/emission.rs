//! What a command says about the events that it recorded, or could not record.
//!
//! Events are never a reason for a workflow command to fail, so all of this
//! goes to stderr and changes no exit code.

use std::io::IsTerminal;

use jiff::{SignedDuration, Timestamp};

use crate::auth::Store;
use crate::cli::output::{Output, Verbosity, visible_line};
use crate::cli::time::ago;
use crate::emitter::Emission;
use crate::home::Home;
use crate::state::State;
use crate::sync::status::Connection;
use crate::sync::{daemon, gate};

/// A server that has answered since is not called silent.
const SILENCE: SignedDuration = SignedDuration::from_hours(24);

/// The one warning that an emission is worth, if any: that events were not
/// recorded, else the first thing that should be done about the home or the
/// project (the others are shown with `-v`). For workflow commands; their exit
/// code stays what it is.
pub(super) fn warning(out: &Output, emission: &Emission) -> Option<String> {
    let mut failed = emission
        .receipts
        .iter()
        .filter_map(|receipt| receipt.error.as_ref());
    if let Some(error) = failed.next() {
        let what = match failed.count() {
            0 => "an event was not recorded".to_owned(),
            others => format!("{} events were not recorded", others + 1),
        };
        let reason = visible_line(&error.to_string());
        return Some(format!("{what} [{}]: {reason}", error.code()));
    }
    let mut warning = None;
    for note in &emission.notes {
        let text = visible_line(&note.to_string());
        if note.needs_attention() && warning.is_none() {
            warning = Some(text);
        } else {
            out.detail(text);
        }
    }
    warning
}

/// Shows how this home is connected, once, when somebody is looking: on a
/// terminal or with `-v`. Says nothing when nothing is known.
pub(super) fn show_connection(home: &Home, out: &Output) {
    let wanted = out.verbosity() >= Verbosity::Verbose
        || (out.verbosity() == Verbosity::Normal && std::io::stderr().is_terminal());
    if !wanted {
        return;
    }
    if let Some(words) = connection(home) {
        let dim = anstyle::Style::new().dimmed();
        let offline = words.starts_with("Offline");
        let silent = offline.then(|| silence(home, Timestamp::now())).flatten();
        let silent = silent.unwrap_or_default();
        out.note(format!("{dim}[{words}]{silent}{dim:#}"));
    }
}

/// How long the server has not answered, once that is a day: events may wait
/// unnoticed for as long as nobody asks.
fn silence(home: &Home, now: Timestamp) -> Option<String> {
    let target = Store::new(home).load().session.target()?.id();
    let ledger = State::at(home.state_dir()).view().ok()??;
    let at_ms = i64::try_from(ledger.target(target)?.last_contact_at_ms()?).ok()?;
    let at = Timestamp::from_millisecond(at_ms).ok()?;
    (now.duration_since(at) >= SILENCE).then(|| {
        let since = ago(at, now);
        format!(" last answer {since}: spec-kitty sync status")
    })
}

/// The connection as the background sender says, where it runs and has or
/// wants a live one; else as the delivery ledger knows it: events go in batches.
fn connection(home: &Home) -> Option<&'static str> {
    let target = Store::new(home).load().session.target()?.id();
    if !gate::sync_is_off() {
        match daemon::read_live(home, target).map(|live| live.connection) {
            Some(Connection::Connected) => return Some("Connected"),
            Some(Connection::Reconnecting) => return Some("Reconnecting"),
            Some(Connection::OfflineBatchMode | Connection::Offline) | None => {}
        }
    }
    let ledger = State::at(home.state_dir()).view().ok()??;
    let target = ledger.target(target)?;
    match (target.last_error(), target.last_contact_at_ms()) {
        (Some((_, trouble)), _) if trouble.http_status().is_none() => Some("Offline"),
        (Some(_), _) | (None, Some(_)) => Some("Offline - Batch Mode"),
        (None, None) => None,
    }
}
