//! The sender's books: whether they can be read, whether the log agrees with
//! them, and what waits.

use std::time::Duration;

use jiff::Timestamp;

use crate::auth::Recipient;
use crate::cli::columns::{counted, grouped};
use crate::cli::failure::TEMPORARY;
use crate::cli::time::ago;
use crate::home::Home;
use crate::state::{FailureReason, State, StateError, ViewError};
use crate::sync::gate::sync_is_off;
use crate::sync::status::Status;

use super::check::{Check, Mend};

/// How long a look waits for whoever uses the store.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) fn checks(home: &Home, recipient: &Recipient) -> Vec<Check> {
    let state = State::at(home.state_dir());
    let mut checks = vec![books(&state)];
    match Status::take(home, recipient, sync_is_off()) {
        // What cannot be read of the log is said by the checks of the log.
        Err(_) => {}
        Ok(status) => {
            checks.push(agreement(&status));
            checks.push(backlog(&status));
            checks.push(refused(&status));
        }
    }
    checks.push(failures(&state));
    checks
}

/// The store and its view, and whether one is behind the other.
fn books(state: &State) -> Check {
    let id = "ledger";
    if !state.dir().exists() {
        return Check::ok(id, "nothing was sent yet");
    }
    match state.examine(PATIENCE) {
        Ok(found) => match found.ailments.as_slice() {
            [] => Check::ok(id, "store and view can be read, and agree"),
            [first, ..] => {
                let name = first.path.file_name().unwrap_or_default();
                let said = format!("{}: {}", name.to_string_lossy(), first.reason);
                Check::problem(id, said)
                    .told_as("the store or its view is damaged or behind")
                    .mend(Mend::Rebuild)
            }
        },
        Err(StateError::Busy { .. }) => Check::ok(id, "in use by another process just now"),
        Err(error @ StateError::Newer { .. }) => Check::problem(id, error.to_string())
            .told_as("written by a newer version")
            .fix("install the spec-kitty that wrote it; see yours: spec-kitty --version"),
        Err(error @ StateError::NoCopy(_)) => Check::problem(id, error.to_string())
            .told_as("no room for a copy of the store, which is what is looked at")
            .fix(TEMPORARY),
        Err(error) => Check::problem(id, error.to_string())
            .told_as("the store cannot be looked at")
            .fix("spec-kitty log repair --dry-run"),
    }
}

fn agreement(status: &Status) -> Check {
    let (log, ledger) = (status.counted.log, status.counted.ledger);
    let id = "counted";
    if let Some(ViewError::Damaged { .. }) = &status.view_fault {
        return Check::problem(id, "without its view the backlog is counted once only")
            .mend(Mend::Rebuild);
    }
    if log != ledger {
        let said = format!(
            "the log says that {} wait, the ledger {}",
            grouped(log.unsigned_abs()),
            grouped(ledger.unsigned_abs())
        );
        return Check::problem(id, said).fix("spec-kitty sync now");
    }
    if status.disagreements > 0 {
        let streams = counted(status.disagreements, "project", "projects");
        let said = format!("the ledger of {streams} does not fit this log");
        return Check::problem(id, said).fix("spec-kitty sync now");
    }
    Check::ok(
        id,
        format!(
            "{} wait, by the log and by the ledger",
            grouped(status.pending)
        ),
    )
}

/// What waits is nothing wrong; what it waits for is worth knowing.
fn backlog(status: &Status) -> Check {
    let id = "delivery";
    if status.view_fault.is_some() {
        return Check::note(id, "what waits is known only when the ledger can be read");
    }
    if status.pending == 0 {
        return Check::ok(id, "nothing waits");
    }
    let waiting = match status.pending {
        1 => "1 event waits".to_owned(),
        n => format!("{} events wait", grouped(n)),
    };
    let since = status.oldest_pending_at;
    let since = since.map_or_else(String::new, |at| {
        format!(", the oldest {}", ago(at, Timestamp::now()))
    });
    match status.closed.first() {
        Some(closed) => Check::note(id, format!("{waiting}{since}: {}", closed.reason))
            .told_as(format!(
                "{waiting}{since}: the gate {} is closed",
                closed.gate.as_str()
            ))
            .fix(closed.next.clone()),
        None => Check::note(id, format!("{waiting} to be sent{since}")).fix("spec-kitty sync now"),
    }
}

fn refused(status: &Status) -> Check {
    let id = "refused";
    let list = "spec-kitty sync failures list";
    match (status.parked, status.rejected) {
        (0, 0) => Check::ok(id, "the server refuses nothing"),
        (0, rejected) => {
            let events = counted(rejected, "event is", "events are");
            Check::note(id, format!("{events} refused, and tried again")).fix(list)
        }
        (parked, _) => {
            let events = counted(parked, "event was", "events were");
            Check::problem(
                id,
                format!("{events} refused for good and wait for a person"),
            )
            .fix(list)
        }
    }
}

/// Events that could not be recorded: they cannot be brought back, only known.
fn failures(state: &State) -> Check {
    let id = "recording";
    let counts = match state.failures().read() {
        Ok(counts) => counts,
        Err(error) => {
            let plain = "the count of what could not be recorded cannot be read";
            return Check::note(id, error.to_string()).told_as(plain);
        }
    };
    if counts.total() == 0 {
        return Check::ok(id, "every event could be recorded");
    }
    let events = counted(counts.total(), "event", "events");
    let why: Vec<_> = FailureReason::ALL
        .into_iter()
        .filter(|reason| counts.of(*reason) > 0)
        .map(|reason| format!("{} {}", reason.as_str(), grouped(counts.of(reason))))
        .collect();
    let last = counts.last.and_then(|(ms, _)| i64::try_from(ms).ok());
    let last = last.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let last = last.map_or_else(String::new, |at| {
        format!(", last {}", ago(at, Timestamp::now()))
    });
    Check::note(
        id,
        format!("{events} could not be recorded ({}){last}", why.join(", ")),
    )
}
