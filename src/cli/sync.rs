//! `sync now | status | failures | targets | server | daemon`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Session;
use super::auth::{load_config, load_credentials, named_server};
use super::columns::{counted, grouped, size};
use super::exit::Exit;
use super::failure::{Failure, codes};
use super::output::visible_line;
use super::progress::{Progress, Unit};
use super::signals::Signals;
use crate::auth::Recipient;
use crate::config::{self, Config};
use crate::emitter;
use crate::position::Lamport;
use crate::private_file;
use crate::server_url::ServerUrl;
use crate::sync::clock::{self, Heard};
use crate::sync::gate;
use crate::sync::pass::{self, Pace, Setting};
use crate::sync::report::{Report, Stopped};
use crate::target::Target;

mod daemon;
mod failures;
mod status;
mod targets;

/// Send what is waiting; see what is waiting, and why.
#[derive(Debug, Subcommand)]
pub(super) enum SyncCommand {
    /// Send everything that may be sent, at full speed
    Now(NowArgs),
    /// Show what is delivered, what waits and why
    Status(StatusArgs),
    Failures(failures::FailuresArgs),
    Targets(targets::TargetsArgs),
    #[command(subcommand)]
    Daemon(daemon::DaemonCommand),
    /// Show the configured server, or set it
    Server(ServerArgs),
}

const EXAMPLES: &str = "\
Examples:
  spec-kitty sync now && echo all delivered
  spec-kitty sync now --report refused.json";

/// Options of `sync now`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct NowArgs {
    /// Write what was refused to this file, as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Options of `sync status`.
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// Ask the server as well; without this the network is not touched
    #[arg(long)]
    probe: bool,
}

/// Options of `sync server`.
#[derive(Debug, Args)]
pub(super) struct ServerArgs {
    /// HTTPS, or HTTP on loopback
    #[arg(value_name = "URL")]
    url: Option<String>,
}

pub(super) fn run(command: SyncCommand, session: &mut Session) -> Result<(), Failure> {
    match command {
        SyncCommand::Now(args) => now(&args, session),
        SyncCommand::Status(args) => status::run(&args, session),
        SyncCommand::Failures(args) => failures::run(args, session),
        SyncCommand::Targets(args) => targets::run(args, session),
        SyncCommand::Daemon(command) => daemon::run(command, session),
        SyncCommand::Server(args) => server(&args, session),
    }
}

/// The settings, and to whom events may be sent: asked once per process.
fn resolve(session: &Session) -> Result<(Config, Recipient), Failure> {
    let named = named_server(None)?;
    let config = load_config(session).config;
    let recipient = Recipient::resolve(named.as_ref(), &config, load_credentials(session));
    Ok((config, recipient))
}

fn now(args: &NowArgs, session: &mut Session) -> Result<(), Failure> {
    let (config, recipient) = resolve(session)?;
    let signals = Signals::watch()
        .map_err(|error| Failure::new("signals", Exit::Failed, error.to_string()))?;
    let mut meter = Progress::new(&session.out, "Sending", Unit::Events);
    let report = pass::run(Setting {
        home: &session.home,
        config: &config.sync,
        recipient: &recipient,
        sync_off: gate::sync_is_off(),
        interrupt: &|| signals.caught().is_some(),
        pace: Pace::FullSpeed,
        progress: &mut |so_far| meter.show(so_far.settled, Some(so_far.total)),
    });
    drop(meter);
    let report = report?;
    for note in &report.notes {
        let text = visible_line(&note.to_string());
        if note.needs_attention() {
            session.out.warn(text);
        } else {
            session.out.detail(text);
        }
    }
    if let Some(remote) = report.heard_clock {
        hear(session, remote);
    }
    if let Some(path) = &args.report {
        write_report(path, &report)?;
    }
    if session.out.json() {
        session.out.object(&report_json(&report))?;
    } else {
        tell(session, &report)?;
    }
    outcome(&report, &signals)
}

/// Moves our clock above the server's. That it could not be moved is worth a
/// word and nothing else: it is told again with the next answer.
fn hear(session: &Session, remote: Lamport) {
    match clock::receive(&emitter::log_of(&session.home), remote) {
        Ok(Heard::Known | Heard::Moved) => {}
        Ok(Heard::Ignored { local }) => session.out.warn(format!(
            "the server's clock says {remote}, ours {local}: too far apart to be believed"
        )),
        Err(error) => session.out.detail(visible_line(&error.to_string())),
    }
}

/// The exit: no usable answer first, then refusals, then what is held back.
fn outcome(report: &Report, signals: &Signals) -> Result<(), Failure> {
    let left = match report.pending {
        0 => "nothing is left waiting".to_owned(),
        1 => "1 event stays here, waiting".to_owned(),
        n => format!("{n} events stay here, waiting"),
    };
    match &report.stopped {
        Some(Stopped::Interrupted) => Err(Failure::silent(
            signals.caught().unwrap_or(Exit::Interrupted),
        )),
        Some(Stopped::Trouble {
            category, message, ..
        }) => {
            let code = code_of(category);
            Err(Failure::new(
                code,
                Exit::NoAnswer,
                format!("{message}\n{left}; nothing is lost"),
            )
            .hint("spec-kitty sync status"))
        }
        _ if report.rejected + report.parked > 0 => {
            let refused = report.rejected + report.parked;
            let message = match refused {
                1 => "the server refused 1 event".to_owned(),
                n => format!("the server refused {n} events"),
            };
            Err(Failure::new("refused", Exit::Partly, message)
                .hint("spec-kitty sync failures list"))
        }
        Some(Stopped::Gate(closed)) => {
            let message = format!("{}\n{left}; nothing is lost", closed.reason);
            Err(Failure::new(closed.gate.as_str(), Exit::Held, message).hint(&closed.next))
        }
        None => Ok(()),
    }
}

/// Codes are fixed words; what a server calls something is not one of them.
fn code_of(category: &str) -> &'static str {
    codes::ANSWERS
        .iter()
        .chain(codes::find("network"))
        .chain(codes::find("conflict"))
        .chain(codes::find("not-found"))
        .map(|code| code.word)
        .find(|known| *known == category)
        .unwrap_or("refused-request")
}

fn tell(session: &mut Session, report: &Report) -> Result<(), Failure> {
    if report.sent == 0 {
        if report.stopped.is_none() {
            session.out.line("Up to date: nothing is waiting.")?;
        }
        return Ok(());
    }
    let mut parts = Vec::new();
    for (count, what) in [
        (report.delivered, "delivered"),
        (report.duplicate, "already there"),
        (report.rejected, "refused, to be tried again"),
        (report.parked, "parked"),
    ] {
        if count > 0 {
            parts.push(format!("{} {what}", grouped(count)));
        }
    }
    if parts.is_empty() {
        parts.push("no answer about any of them".to_owned());
    }
    let (sent, size) = (counted(report.sent, "event", "events"), size(report.bytes));
    session
        .out
        .line(format!("Sent {sent} ({size}): {}.", parts.join(", ")))?;
    for (category, count) in report.categories() {
        session
            .out
            .line(visible_line(&format!("  {category}: {count}")))?;
    }
    Ok(())
}

fn target_json(target: Option<&Target>) -> Value {
    target.map_or(
        Value::Null,
        |target| json!({"server": target.server, "user": target.user, "team": target.team}),
    )
}

fn report_json(report: &Report) -> Value {
    json!({
        "kind": "sync-now", "v": 1,
        "target": target_json(report.target.as_ref()),
        "sent": report.sent, "delivered": report.delivered, "duplicate": report.duplicate,
        "rejected": report.rejected, "parked": report.parked, "pending": report.pending,
        "bytes": report.bytes,
        "stopped_by": report.stopped.as_ref().map(Stopped::word),
    })
}

/// The failure report: the Python tool's keys, and ours beside them.
fn write_report(path: &Path, report: &Report) -> Result<(), Failure> {
    let failures: Vec<Value> = report
        .refused
        .iter()
        .map(|refused| {
            json!({
                "event_id": refused.event_id, "error": refused.trouble.message(),
                "category": refused.trouble.category(), "seq": refused.seq,
                "state": if refused.parked { "parked" } else { "rejected" },
                "http_status": refused.trouble.http_status(),
            })
        })
        .collect();
    let mut text = json!({
        "kind": "sync-report", "v": 1,
        "generated_at": Timestamp::now().to_string(),
        "summary": {
            "total_events": report.sent, "synced": report.delivered,
            "duplicates": report.duplicate, "failed": report.rejected + report.parked,
            "pending": report.pending, "categories": report.categories(),
        },
        "failures": failures,
    })
    .to_string();
    text.push('\n');
    private_file::replace(path, text.as_bytes())
        .map_err(|error| Failure::new("report", Exit::Failed, error.to_string()))
}

fn server(args: &ServerArgs, session: &mut Session) -> Result<(), Failure> {
    if let Some(text) = &args.url {
        let url = ServerUrl::parse(text)
            .map_err(|wrong| Failure::usage(format!("the server {wrong}: {text}")))?;
        session.home.create()?;
        config::set(&session.home.config_file(), "sync.server_url", url.as_str())?;
    }
    let (_, recipient) = resolve(session)?;
    let chosen = recipient.server();
    let signed_in = recipient
        .account()
        .map(|account| account.server.to_string());
    if session.out.json() {
        return session.out.object(&json!({
            "kind": "sync-server", "v": 1,
            "server": chosen.as_ref().map(|chosen| chosen.server.to_string()),
            "signed_in_to": signed_in,
        }));
    }
    match &chosen {
        Some(chosen) => session.out.line(chosen.server.to_string())?,
        None => session.out.line("No server is configured.")?,
    }
    if let Recipient::Disagreement { account, .. } = &recipient {
        let server = visible_line(account.server.as_str());
        session.out.note(format!(
            "You are signed in to {server}; nothing is sent until they agree.\n  next: spec-kitty auth login"
        ));
    }
    Ok(())
}
