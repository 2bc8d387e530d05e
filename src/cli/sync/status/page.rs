//! `sync status` for people: the first line is what matters most, and it is
//! never green while anything contradicts it. Each fact is told once.

use jiff::Timestamp;

use crate::cli::Session;
use crate::cli::columns::{counted, grouped, terminal_columns, wrapped};
use crate::cli::failure::Failure;
use crate::cli::output::visible_line;
use crate::cli::sync::daemon;
use crate::cli::time::ago;
use crate::sync::gate::{Closed, Gate, no_daemon};
use crate::sync::status::{Connection, Status};

/// The width of the names in front of the details.
const NAME: usize = 11;

/// What stands on the page, from the top.
enum Line {
    Head(String),
    Next(String),
    Detail(&'static str, String),
}

pub(super) fn show(status: &Status, auto: bool, session: &mut Session) -> Result<(), Failure> {
    let (mut lines, told) = headline(status);
    let running = daemon::in_words(&session.home);
    let by_daemon = running.is_some();
    let background = running.unwrap_or_else(|| absent(status, auto).to_owned());
    lines.extend(details(status, told, (by_daemon, background)));
    let columns = terminal_columns();
    for line in lines {
        for text in laid_out(&line, columns) {
            session.out.line(text)?;
        }
    }
    Ok(())
}

fn laid_out(line: &Line, columns: usize) -> Vec<String> {
    let (first, rest, text) = match line {
        Line::Head(text) => (String::new(), 0, text),
        // A command is never broken: it is there to be copied.
        Line::Next(command) => return vec![format!("  next: {}", visible_line(command))],
        Line::Detail(name, text) => (format!("  {name:NAME$}"), NAME + 2, text),
    };
    let lines = wrapped(&visible_line(text), columns.saturating_sub(rest));
    let mut lines = lines.into_iter();
    let mut shown = vec![first + &lines.next().unwrap_or_default()];
    shown.extend(lines.map(|line| " ".repeat(rest) + &line));
    shown
}

fn head(text: String) -> Line {
    Line::Head(text)
}

fn next(command: &str) -> Line {
    Line::Next(command.to_owned())
}

/// The first lines, and the gate that they speak of.
fn headline(status: &Status) -> (Vec<Line>, Option<Gate>) {
    if let Some(doubt) = doubt(status) {
        return (doubt, None);
    }
    if status.pending == 0 {
        return (at_rest(status), None);
    }
    let waiting = match status.pending {
        1 => "1 event is safe here and waits".to_owned(),
        n => format!("{} events are safe here and wait", grouped(n)),
    };
    // What can be sent is told first, with what the last try ran into.
    let first = status
        .closed
        .iter()
        .find(|closed| status.sendable == 0 || closed.gate >= Gate::Server);
    match first {
        Some(Closed {
            gate,
            reason,
            next: command,
        }) => (
            vec![head(format!("{waiting}: {reason}.")), next(command)],
            Some(*gate),
        ),
        None => (
            vec![
                head(format!("{waiting} to be sent.")),
                next("spec-kitty sync now"),
            ],
            None,
        ),
    }
}

fn doubt(status: &Status) -> Option<Vec<Line>> {
    let lines = if let Some(fault) = &status.view_fault {
        vec![
            head(format!("Do not trust this yet: {fault}.")),
            next("spec-kitty sync now"),
        ]
    } else if status.damage > 0 {
        let places = counted(status.damage, "place", "places");
        vec![
            head(format!(
                "Do not trust this yet: the log cannot be read at {places}."
            )),
            next("spec-kitty log verify"),
        ]
    } else if status.disagrees() {
        let line = |name, count| Line::Detail(name, format!("{count} events not delivered"));
        vec![
            head("Do not trust this yet: two counts of the backlog disagree.".to_owned()),
            line("Log", status.counted.log),
            line("Ledger", status.counted.ledger),
            next("spec-kitty sync now"),
        ]
    } else {
        return None;
    };
    Some(lines)
}

fn at_rest(status: &Status) -> Vec<Line> {
    match (status.recorded, status.parked, status.rejected) {
        (0, ..) => vec![head("Nothing has been recorded yet.".to_owned())],
        (n, 0, 0) => vec![head(format!(
            "Up to date. {} recorded, none waiting.",
            grouped(n)
        ))],
        (_, 0, rejected) => vec![
            head(format!(
                "{} refused by the server, to be tried again.",
                grouped(rejected)
            )),
            next("spec-kitty sync now"),
        ],
        (_, parked, _) => vec![
            head(format!(
                "{} refused by the server for good.",
                grouped(parked)
            )),
            next("spec-kitty sync failures list"),
        ],
    }
}

fn details(
    status: &Status,
    told: Option<Gate>,
    (by_daemon, background): (bool, String),
) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(target) = &status.target {
        let team = match &target.team {
            Some(team) => format!("team {team}"),
            None => "no team".to_owned(),
        };
        lines.push(Line::Detail("Server", target.server.clone()));
        lines.push(Line::Detail("Account", format!("{}, {team}", target.user)));
    }
    lines.push(Line::Detail("Sending", sending(status, by_daemon)));
    lines.push(Line::Detail("Background", background));
    lines.push(Line::Detail("Delivery", delivery(status)));
    let now = Timestamp::now();
    for (name, at) in [
        ("Oldest", status.oldest_pending_at),
        ("Contact", status.last_contact_at),
        ("Delivered", status.last_delivered_at),
    ] {
        if let Some(at) = at {
            lines.push(Line::Detail(name, ago(at, now)));
        }
    }
    for closed in status.closed.iter().filter(|c| Some(c.gate) != told) {
        lines.push(Line::Detail("Held back", format!("{}.", closed.reason)));
        lines.push(Line::Detail("", format!("next: {}", closed.next)));
    }
    match &status.failures {
        Ok(counts) if counts.total() > 0 => {
            let events = counted(counts.total(), "event", "events");
            lines.push(Line::Detail(
                "Failures",
                format!("{events} could not be recorded"),
            ));
        }
        Ok(_) => {}
        Err(error) => lines.push(Line::Detail("Failures", error.to_string())),
    }
    lines
}

/// Why there is no background sender.
fn absent(status: &Status, auto: bool) -> &'static str {
    let may_send = status.closed.iter().all(|closed| closed.gate > Gate::Team);
    match (auto, no_daemon()) {
        (false, _) => "off, by auto = false under [sync] in config.toml",
        (true, true) => "off, by SPEC_KITTY_NO_DAEMON",
        (true, false) if may_send => "not running; the next command that records starts it",
        (true, false) => "not running",
    }
}

/// How events leave this machine, when they may.
fn sending(status: &Status, by_daemon: bool) -> String {
    match status.connection {
        Connection::Connected => "live, in the background".to_owned(),
        Connection::Reconnecting => {
            "in batches, in the background; the live connection is tried again".to_owned()
        }
        Connection::OfflineBatchMode if by_daemon => "in batches, in the background".to_owned(),
        Connection::OfflineBatchMode => "in batches, by spec-kitty sync now".to_owned(),
        Connection::Offline => "offline".to_owned(),
    }
}

fn delivery(status: &Status) -> String {
    let mut parts = vec![
        format!("{} waiting", grouped(status.pending)),
        format!("{} delivered", grouped(status.delivered)),
    ];
    if status.sent > 0 {
        let sent = format!("{} of them sent, unconfirmed", grouped(status.sent));
        parts.insert(1, sent);
    }
    for (count, what) in [(status.rejected, "refused"), (status.parked, "parked")] {
        if count > 0 {
            parts.push(format!("{} {what}", grouped(count)));
        }
    }
    parts.join(", ")
}
