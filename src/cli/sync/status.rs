//! `sync status`: the headline is what matters most, and it is never green
//! while anything contradicts it.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{StatusArgs, resolve, target_json};
use crate::cli::Session;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::visible_line;
use crate::sync::gate::{self, Gate};
use crate::sync::probe;
use crate::sync::status::Status;

pub(super) fn run(args: &StatusArgs, session: &mut Session) -> Result<(), Failure> {
    let (config, recipient) = resolve(session)?;
    let mut status = Status::take(&session.home, &recipient, gate::sync_is_off())?;
    if args.probe && !gate::sync_is_off() {
        status.note_probe(probe::probe(&session.home, &config.sync, &recipient)?);
    }
    if session.out.json() {
        session.out.object(&status_json(&status))?;
    } else {
        for line in headline(&status) {
            session.out.line(visible_line(&line))?;
        }
        for line in details(&status) {
            session.out.line(visible_line(&line))?;
        }
    }
    if status.disagrees() {
        Err(Failure::silent(Exit::Damage))
    } else {
        Ok(())
    }
}

fn status_json(status: &Status) -> Value {
    let gates: Vec<Value> = Gate::ALL
        .into_iter()
        .map(|gate| {
            let closed = status.closed.iter().find(|closed| closed.gate == gate);
            json!({
                "name": gate.as_str(),
                "open": closed.is_none(),
                "reason": closed.map(|closed| closed.reason.as_str()),
                "next": closed.map(|closed| closed.next.as_str()),
            })
        })
        .collect();
    json!({
        "kind": "sync-status", "v": 1,
        "connection": status.connection.as_str(),
        "target": target_json(status.target.as_ref()),
        "pending": status.pending, "sent": 0, "delivered": status.delivered,
        "rejected": status.rejected, "parked": status.parked,
        "oldest_pending_at": time(status.oldest_pending_at),
        "last_contact_at": time(status.last_contact_at),
        "last_delivered_at": time(status.last_delivered_at),
        "gates": gates,
        "counted": {"log": status.counted.log, "ledger": status.counted.ledger},
        "failures": status.failures.as_ref().map_or(Value::Null, |counts| json!(counts.total())),
        "daemon": null,
    })
}

fn headline(status: &Status) -> Vec<String> {
    if let Some(fault) = &status.view_fault {
        return vec![
            format!("Do not trust this yet: {fault}."),
            "  next: spec-kitty sync now".to_owned(),
        ];
    }
    if status.damage > 0 {
        let places = if status.damage == 1 {
            "place"
        } else {
            "places"
        };
        return vec![
            format!(
                "Do not trust this yet: the log cannot be read at {} {places}.",
                status.damage
            ),
            "  next: spec-kitty log verify".to_owned(),
        ];
    }
    if status.disagrees() {
        return vec![
            "Do not trust this yet: two counts of the backlog disagree.".to_owned(),
            format!("  Log      {} events not delivered", status.counted.log),
            format!("  Ledger   {} events not delivered", status.counted.ledger),
            "  next: spec-kitty sync now".to_owned(),
        ];
    }
    if status.pending == 0 {
        let first = match (status.recorded, status.parked, status.rejected) {
            (0, ..) => "Nothing has been recorded yet.".to_owned(),
            (n, 0, 0) => format!("Up to date. {n} recorded, none waiting."),
            (_, 0, rejected) => format!("{rejected} refused by the server, to be tried again."),
            (_, parked, _) => format!("{parked} refused by the server for good."),
        };
        return vec![first];
    }
    let waiting = match status.pending {
        1 => "1 event is safe here and waits".to_owned(),
        n => format!("{n} events are safe here and wait"),
    };
    // What can be sent is told first, with what the last try ran into.
    let first = status
        .closed
        .iter()
        .find(|closed| status.sendable == 0 || closed.gate >= Gate::Server);
    match first {
        Some(closed) => vec![
            format!("{waiting}: {}.", closed.reason),
            format!("  next: {}", closed.next),
        ],
        None => vec![
            format!("{waiting} to be sent."),
            "  next: spec-kitty sync now".to_owned(),
        ],
    }
}

fn details(status: &Status) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(target) = &status.target {
        let team = target.team.as_deref().unwrap_or("no team");
        lines.push(format!("  Server     {}", target.server));
        lines.push(format!("  Account    {}, {team}", target.user));
    }
    lines.push(format!("  Connection {}", status.connection.as_str()));
    lines.push(format!(
        "  Delivery   {} waiting, {} delivered, {} rejected, {} parked",
        status.pending, status.delivered, status.rejected, status.parked
    ));
    for (name, at) in [
        ("Oldest    ", status.oldest_pending_at),
        ("Contact   ", status.last_contact_at),
        ("Delivered ", status.last_delivered_at),
    ] {
        if let Some(at) = at {
            lines.push(format!("  {name} {at:.0}"));
        }
    }
    for closed in &status.closed {
        lines.push(format!(
            "  Gate       {}: {}",
            closed.gate.as_str(),
            closed.reason
        ));
        lines.push(format!("             next: {}", closed.next));
    }
    match &status.failures {
        Ok(counts) if counts.total() > 0 => {
            lines.push(format!(
                "  Failures   {} could not be recorded",
                counts.total()
            ));
        }
        Ok(_) => {}
        Err(error) => lines.push(format!("  Failures   {error}")),
    }
    lines
}

fn time(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}
