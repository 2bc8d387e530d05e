//! `sync failures [list | retry ID... | drop ID...]`: what the server refused.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::Session;
use crate::cli::columns::{counted, terminal_columns, wrapped};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::visible_line;
use crate::cli::time::{ago, utc};
use crate::emitter;
use crate::state::{Standing, State};
use crate::suggest;
use crate::sync::failures::{self, Refused};

/// What the server refused; try it again, or give it up.
#[derive(Debug, Args)]
pub(in crate::cli) struct FailuresArgs {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show every refused event with the reason
    List,
    /// Have events tried again by the next pass, from the first attempt on
    Retry(Ids),
    /// Give events up: they stay in the log and are not sent any more
    Drop(Ids),
}

#[derive(Debug, Args)]
struct Ids {
    /// Ids, or their beginnings
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
}

pub(super) fn run(args: FailuresArgs, session: &mut Session) -> Result<(), Failure> {
    let state = State::at(session.home.state_dir());
    let refused = failures::list(&state)?;
    match args.what.unwrap_or(What::List) {
        What::List => list(&refused, session),
        What::Retry(ids) => {
            let chosen = choose(refused, &ids.ids)?;
            failures::retry(&state, &chosen)?;
            done(&chosen, "retried", session)
        }
        What::Drop(ids) => {
            let chosen = choose(refused, &ids.ids)?;
            let log = emitter::log_of(&session.home);
            failures::give_up(&log, &state, &chosen)?;
            done(&chosen, "dropped", session)
        }
    }
}

/// The refused events with these ids. None is touched unless all are found.
fn choose(refused: Vec<Refused>, ids: &[String]) -> Result<Vec<Refused>, Failure> {
    for id in ids {
        let mut found: Vec<&str> = refused
            .iter()
            .filter(|one| is_meant(one, id))
            .map(|one| one.exception.event.as_str())
            .collect();
        found.dedup();
        let id = visible_line(id);
        match found.len() {
            0 => {
                let mut message = format!("no refused event has an id that begins with {id}");
                let known: Vec<&str> = refused
                    .iter()
                    .map(|one| one.exception.event.as_str())
                    .collect();
                // Of a beginning that was mistyped the rest is missing, not wrong.
                let typed = id.chars().count();
                let starts = known.iter().map(|id| id.get(..typed).unwrap_or(id));
                let starts: Vec<&str> = starts.collect();
                let place = suggest::nearest(&id, &starts);
                if let Some(meant) = place.and_then(|place| known.get(place)) {
                    message.push_str(&format!("\n  did you mean {}?", visible_line(meant)));
                }
                return Err(Failure::new("no-such-event", Exit::NotFound, message)
                    .hint("spec-kitty sync failures list"));
            }
            1 => {}
            n => {
                let message = format!("{n} refused events have an id that begins with {id}");
                return Err(Failure::usage(message).hint("spec-kitty sync failures list"));
            }
        }
    }
    let chosen = refused
        .into_iter()
        .filter(|one| ids.iter().any(|id| is_meant(one, id)));
    Ok(chosen.collect())
}

fn is_meant(one: &Refused, id: &str) -> bool {
    let event = one.exception.event.as_str();
    let begin = event.get(..id.len()).unwrap_or_default();
    !id.is_empty() && begin.eq_ignore_ascii_case(id)
}

fn done(chosen: &[Refused], word: &str, session: &mut Session) -> Result<(), Failure> {
    if session.out.json() {
        let ids: Vec<&str> = chosen.iter().map(|o| o.exception.event.as_str()).collect();
        return session
            .out
            .object(&json!({"kind": "sync-failures", "v": 1, word: ids}));
    }
    let events = counted(
        u64::try_from(chosen.len()).unwrap_or(u64::MAX),
        "event",
        "events",
    );
    session.out.line(match word {
        "dropped" => format!("Gave up {events}. They stay in the log and are not sent any more."),
        _ => format!("The next pass tries {events} again."),
    })?;
    if word == "retried" {
        session.out.note("  next: spec-kitty sync now");
    }
    Ok(())
}

fn list(refused: &[Refused], session: &mut Session) -> Result<(), Failure> {
    if session.out.json() {
        let failures: Vec<Value> = refused.iter().map(in_json).collect();
        return session
            .out
            .object(&json!({"kind": "sync-failures", "v": 1, "failures": failures}));
    }
    if refused.is_empty() {
        return session
            .out
            .line("The server has refused nothing that is still here.");
    }
    let (columns, now) = (terminal_columns(), Timestamp::now());
    for one in refused {
        for line in on_page(one, columns, now) {
            session.out.line(line)?;
        }
    }
    session.out.flush()?;
    if let Some(first) = refused.first() {
        let id = visible_line(first.exception.event.as_str());
        session
            .out
            .note(format!("  look:  spec-kitty log show {id}"));
        session
            .out
            .note(format!("  again: spec-kitty sync failures retry {id}"));
        session
            .out
            .note(format!("  never: spec-kitty sync failures drop {id}"));
    }
    Ok(())
}

fn on_page(one: &Refused, columns: usize, now: Timestamp) -> Vec<String> {
    let found = &one.exception;
    let state = if one.is_parked() {
        "parked"
    } else {
        "rejected"
    };
    let attempts = counted(found.attempts.into(), "attempt", "attempts");
    let when = instant(found.refused_at_ms).map_or_else(String::new, |at| ago(at, now));
    let (id, category) = (found.event.as_str(), found.trouble.category());
    let head = format!("{id}  {state}  {category}, {attempts}, {when}");
    let mut lines = wrapped(&visible_line(&head), columns);
    let words = visible_line(found.trouble.message());
    let words = wrapped(&words, columns.saturating_sub(2));
    lines.extend(words.into_iter().map(|line| format!("  {line}")));
    lines
}

fn in_json(one: &Refused) -> Value {
    let found = &one.exception;
    let next_try = match found.standing {
        Standing::Rejected { next_try_at_ms } => instant(next_try_at_ms),
        Standing::Parked | Standing::Unanswered => None,
    };
    let time = |at: Option<Timestamp>| at.map(|at| utc(at.as_microsecond()));
    json!({
        "event_id": found.event.as_str(), "seq": one.seq,
        "state": if one.is_parked() { "parked" } else { "rejected" },
        "attempts": found.attempts, "category": found.trouble.category(),
        "error": found.trouble.message(), "http_status": found.trouble.http_status(),
        "refused_at": time(instant(found.refused_at_ms)), "next_try_at": time(next_try),
        "project_uuid": one.project(), "target": one.target.to_string(),
    })
}

fn instant(ms: u64) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(ms).ok()?).ok()
}
