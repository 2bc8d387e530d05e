//! `sync status`: looks, and says it to programs; [`page`] says it to people.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{StatusArgs, daemon, resolve, target_json};

use crate::cli::Session;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::sync::gate::{self, Gate};
use crate::sync::probe;
use crate::sync::status::Status;

mod page;

pub(super) fn run(args: &StatusArgs, session: &mut Session) -> Result<(), Failure> {
    let (config, recipient) = resolve(session)?;
    let mut status = Status::take(&session.home, &recipient, gate::sync_is_off())?;
    if args.probe && !gate::sync_is_off() {
        status.note_probe(probe::probe(&session.home, &config.sync, &recipient)?);
    }
    if session.out.json() {
        session
            .out
            .object(&status_json(&status, daemon::in_json(&session.home)))?;
    } else {
        page::show(&status, config.sync.auto, session)?;
    }
    if status.disagrees() {
        Err(Failure::silent(Exit::Damage))
    } else {
        Ok(())
    }
}

fn status_json(status: &Status, daemon: Value) -> Value {
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
        "pending": status.pending, "sent": status.sent, "delivered": status.delivered,
        "rejected": status.rejected, "parked": status.parked,
        "oldest_pending_at": time(status.oldest_pending_at),
        "last_contact_at": time(status.last_contact_at),
        "last_delivered_at": time(status.last_delivered_at),
        "gates": gates,
        "counted": {"log": status.counted.log, "ledger": status.counted.ledger},
        "failures": status.failures.as_ref().map_or(Value::Null, |counts| json!(counts.total())),
        "daemon": daemon,
    })
}

fn time(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}
