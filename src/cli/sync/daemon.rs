//! `sync daemon start | stop | status | run`: the background sender.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{hear, resolve};
use crate::cli::Session;
use crate::cli::auth::named_server;
use crate::cli::background;
use crate::cli::columns::{terminal_columns, wrapped};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::visible_line;
use crate::cli::signals::Signals;
use crate::cli::time::ago;
use crate::home::Home;
use crate::platform;
use crate::sync::daemon::{self, Duty, IDLE_EXIT, Left, LiveTold, Standing, Told};
use crate::sync::gate::{account_gate, sync_is_off};
use crate::sync::status::Connection;

/// How long `start` and `stop` wait to see what they asked for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often they look.
const LOOK: Duration = Duration::from_millis(20);

/// The background sender: one process that follows the log.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum DaemonCommand {
    /// Start it, unless it is running
    Start,
    /// Ask it to leave, and wait until it has
    Stop,
    /// Show whether it is running and what it does
    Status,
    /// Be it, here, until interrupted
    Run(RunArgs),
}

/// Options of `sync daemon run`.
#[derive(Debug, Args)]
pub(in crate::cli) struct RunArgs {
    /// Leave after so long without anything to do [default: 10m]
    #[arg(long, value_name = "DUR", value_parser = humantime::parse_duration)]
    idle_exit: Option<Duration>,
    /// Leave the terminal behind
    #[arg(long, hide = true)]
    detached: bool,
}

pub(super) fn run(command: DaemonCommand, session: &mut Session) -> Result<(), Failure> {
    match command {
        DaemonCommand::Start => start(session),
        DaemonCommand::Stop => stop(session),
        DaemonCommand::Status => status(session),
        DaemonCommand::Run(args) => be(&args, session),
    }
}

/// What `sync status` and `sync daemon status` say to programs.
pub(super) fn in_json(home: &Home) -> Value {
    match daemon::read_status(home) {
        Some(told) => json!({
            "running": true, "pid": told.pid, "version": told.version,
            "state": told.state, "why": told.why,
            "started_at": told.started_at.to_string(), "at": told.at.to_string(),
            "connection": told.live.as_ref().map(|live| live.connection),
            "not_live_because": told.live.as_ref().and_then(|live| live.why.as_deref()),
        }),
        None => json!({
            "running": daemon::is_running(home), "pid": null, "version": null,
            "state": null, "why": null, "started_at": null, "at": null,
            "connection": null, "not_live_because": null,
        }),
    }
}

/// The same in a few words; `None` when none is running.
pub(super) fn in_words(home: &Home) -> Option<String> {
    let told = daemon::read_status(home)?;
    Some(words(&told))
}

fn words(told: &Told) -> String {
    match (told.state, &told.why) {
        (Standing::Following, _) => format!("following the log{}", by_which_way(told)),
        (Standing::Sending, _) => "sending".to_owned(),
        (Standing::Waiting, Some(why)) => format!("waiting: {why}"),
        (Standing::Waiting, None) => "waiting".to_owned(),
    }
}

/// How events leave, where that is known.
fn by_which_way(told: &Told) -> String {
    match &told.live {
        Some(live) if live.connection == Connection::Connected => ", live".to_owned(),
        Some(LiveTold { why: Some(why), .. }) => {
            format!(", in batches; no live connection: {why}")
        }
        _ => String::new(),
    }
}

fn status(session: &mut Session) -> Result<(), Failure> {
    if session.out.json() {
        let daemon = in_json(&session.home);
        return session
            .out
            .object(&json!({"kind": "sync-daemon", "v": 1, "daemon": daemon}));
    }
    match daemon::read_status(&session.home) {
        Some(told) => {
            let since = ago(told.started_at, Timestamp::now());
            let pid = told.pid;
            session
                .out
                .line(format!("Running as process {pid}, started {since}."))?;
            for line in wrapped(&visible_line(&words(&told)), terminal_columns() - 2) {
                session.out.line(format!("  {line}"))?;
            }
            Ok(())
        }
        None if daemon::is_running(&session.home) => session.out.line("Running."),
        None => {
            session.out.line("Not running.")?;
            session.out.flush()?;
            session.out.note("  next: spec-kitty sync daemon start");
            Ok(())
        }
    }
}

fn start(session: &mut Session) -> Result<(), Failure> {
    if !daemon::is_running(&session.home) {
        let (_, recipient) = resolve(session)?;
        if let Some(closed) = account_gate(&recipient, sync_is_off()) {
            let message = format!("{}: there is nothing to send with", closed.reason);
            return Err(Failure::new(closed.gate.as_str(), Exit::Held, message).hint(closed.next));
        }
        session.home.create()?;
        let mut child = background::spawn(&session.home).map_err(|error| not_started(&error))?;
        let mut is_decided = || {
            let has_ended = !matches!(child.try_wait(), Ok(None));
            // What a killed one said may still lie there; another one may be first.
            let told = daemon::read_status(&session.home);
            has_ended || told.is_some_and(|told| told.pid == child.id())
        };
        wait_until(&mut is_decided).ok_or_else(|| not_started(&"it has not come up"))?;
        if !daemon::is_running(&session.home) {
            return Err(not_started(&"it ended at once"));
        }
    }
    status(session)
}

fn not_started(why: &dyn std::fmt::Display) -> Failure {
    let message = format!("the background sender cannot be started: {why}");
    Failure::new("daemon", Exit::Failed, message).hint("spec-kitty sync daemon run")
}

fn stop(session: &mut Session) -> Result<(), Failure> {
    if !daemon::is_running(&session.home) {
        return status(session);
    }
    daemon::tell_to_stop(&session.home)
        .map_err(|error| Failure::new("daemon", Exit::Failed, error.to_string()))?;
    let gone = wait_until(&mut || !daemon::is_running(&session.home));
    gone.ok_or_else(|| {
        let message = "the background sender has been asked to leave and has not left yet";
        Failure::new("daemon-busy", Exit::Busy, message).hint("spec-kitty sync daemon status")
    })?;
    if session.out.json() {
        return status(session);
    }
    session.out.line("Stopped.")?;
    session.out.flush()?;
    session.out.note(
        "  The next command that records something starts it again, unless\n  SPEC_KITTY_NO_DAEMON is set, or auto = false under [sync] in config.toml.",
    );
    Ok(())
}

fn wait_until(done: &mut dyn FnMut() -> bool) -> Option<()> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if done() {
            return Some(());
        }
        thread::sleep(LOOK);
    }
    None
}

fn be(args: &RunArgs, session: &mut Session) -> Result<(), Failure> {
    if args.detached {
        platform::close_inherited();
        platform::leave_terminal();
    }
    let signals = Signals::watch()
        .map_err(|error| Failure::new("signals", Exit::Failed, error.to_string()))?;
    let named = named_server(None)?;
    let home = session.home.clone();
    let looked = &*session;
    let resolve = || background::resolve(&home, named.as_ref());
    let left = daemon::run(Duty {
        home: &home,
        resolve: &resolve,
        program: program(),
        interrupt: &|| signals.caught().is_some(),
        idle_exit: args.idle_exit.unwrap_or(IDLE_EXIT),
        hear: &mut |clock| hear(looked, clock),
    });
    match left {
        Ok(Left::Interrupted) => Err(Failure::silent(
            signals.caught().unwrap_or(Exit::Interrupted),
        )),
        Ok(left) => {
            session.out.detail(why(left));
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

const fn why(left: Left) -> &'static str {
    match left {
        Left::Told | Left::Interrupted => "left: it was asked to",
        Left::Idle => "left: there was nothing to do",
        Left::Outdated => "left: the program was replaced",
        Left::HomeGone => "left: its home is gone",
    }
}

fn program() -> Option<PathBuf> {
    std::env::current_exe().ok()
}
