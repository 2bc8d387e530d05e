//! What `doctor` tells a person: first whether to worry, then what to do.

use crate::cli::columns::{counted, left, terminal_columns, wrapped};
use crate::cli::failure::Failure;
use crate::cli::output::{Output, Verbosity, visible_line, width};
use crate::cli::style::{BOLD, DIM, GREEN, RED, YELLOW, paint};
use crate::home::Home;

use super::check::{Check, Mend, State};

/// `permissions`.
const NAME_COLUMNS: usize = 12;
/// Below this, what was found stands under its name.
const LEAST_BESIDE: usize = 56;

/// Prints the page. `offer` names the way to give a report to others.
pub(super) fn print(checks: &[Check], offer: bool, out: &mut Output) -> Result<(), Failure> {
    let is_terminal = out.stdout_is_terminal();
    let margin = if is_terminal { "  " } else { "" };
    let columns = if is_terminal {
        terminal_columns().saturating_sub(margin.len())
    } else {
        usize::MAX
    };
    let everything = out.verbosity() >= Verbosity::Verbose;
    let mut lines: Vec<String> = wrapped(&headline(checks), columns)
        .iter()
        .map(|line| paint(BOLD, line))
        .collect();
    let told = |check: &&Check| everything || check.state > State::Ok;
    let mut shown: Vec<_> = checks.iter().filter(told).collect();
    if !everything {
        // What has to be done comes before what is worth knowing.
        shown.sort_by_key(|check| std::cmp::Reverse(check.state));
    }
    if !shown.is_empty() {
        lines.push(String::new());
    }
    for check in &shown {
        lines.extend(entry(check, columns));
    }
    let is_wrong = checks.iter().any(|check| check.state == State::Problem);
    if offer && is_wrong {
        lines.push(String::new());
        let (text, command) = (
            "To ask others, without secrets:",
            "spec-kitty doctor --bundle FILE",
        );
        if text.len() + 1 + command.len() <= columns {
            lines.push(format!("{text} {command}"));
        } else {
            lines.extend([text.to_owned(), command.to_owned()]);
        }
    }
    for line in lines {
        out.line(format!("{margin}{line}").trim_end())?;
    }
    Ok(())
}

fn headline(checks: &[Check]) -> String {
    let count = |state| {
        let of_state = checks.iter().filter(|check| check.state == state);
        u64::try_from(of_state.count()).unwrap_or(u64::MAX)
    };
    let (problems, notes, fine) = (count(State::Problem), count(State::Note), count(State::Ok));
    let wrong = counted(problems, "thing to fix", "things to fix");
    match (problems, notes) {
        (0, 0) => format!("Nothing to fix: all {fine} checks are fine."),
        (0, notes) => format!("Nothing to fix, {notes} to know. {fine} checks are fine."),
        (_, 0) => format!("{wrong}. {fine} other checks are fine."),
        (_, notes) => format!("{wrong}, {notes} to know. {fine} other checks are fine."),
    }
}

/// One check: its sign and name, what was found beside or below, and the fix.
fn entry(check: &Check, columns: usize) -> Vec<String> {
    let style = match check.state {
        State::Ok => GREEN,
        State::Note => YELLOW,
        State::Problem => RED,
    };
    let sign = paint(style, check.state.sign());
    let beside = columns >= LEAST_BESIDE;
    let indent = if beside { 2 + NAME_COLUMNS + 1 } else { 2 };
    let blank = " ".repeat(indent);
    let text = wrapped(&visible_line(&check.detail), columns.saturating_sub(indent));
    let mut lines = Vec::new();
    let mut text = text.into_iter();
    if beside {
        let name = left(check.id, NAME_COLUMNS);
        lines.push(format!("{sign} {name} {}", text.next().unwrap_or_default()));
    } else {
        lines.push(format!("{sign} {}", check.id));
    }
    lines.extend(text.map(|line| format!("{blank}{line}")));
    if let Some(fix) = check.fix.as_ref().filter(|_| check.state > State::Ok) {
        lines.extend(fix_lines(&visible_line(fix), &blank, columns));
    }
    lines
}

/// The fix behind its label. A command is never broken: it is there to be copied.
fn fix_lines(fix: &str, blank: &str, columns: usize) -> Vec<String> {
    let label = paint(DIM, "fix:");
    if width(blank) + 5 + width(fix) <= columns {
        return vec![format!("{blank}{label} {fix}")];
    }
    let is_command = ["spec-kitty ", "chmod ", "edit "]
        .iter()
        .any(|start| fix.starts_with(start));
    if is_command {
        return vec![format!("{blank}{label}"), format!("  {fix}")];
    }
    let mut lines = wrapped(fix, columns.saturating_sub(width(blank) + 5)).into_iter();
    let mut shown = vec![format!(
        "{blank}{label} {}",
        lines.next().unwrap_or_default()
    )];
    shown.extend(lines.map(|line| format!("{blank}     {line}")));
    shown
}

/// What `--fix` is about to do.
pub(super) fn plan(mends: &[Mend], home: &Home, out: &mut Output) -> Result<(), Failure> {
    let margin = if out.stdout_is_terminal() { "  " } else { "" };
    out.line(format!(
        "{margin}{}",
        paint(BOLD, "To be done; nothing is changed yet:")
    ))?;
    for mend in mends {
        match mend {
            Mend::Close(paths) => {
                for path in paths {
                    let path = path.strip_prefix(home.root()).unwrap_or(path);
                    let name = path.to_string_lossy();
                    let name = if name.is_empty() {
                        "the home itself".into()
                    } else {
                        name
                    };
                    let line = format!("{margin}close to others: {}", visible_line(&name));
                    out.line(line)?;
                }
            }
            Mend::Rebuild => out.line(format!(
                "{margin}rebuild: state/sled and state/delivery.view, from what is left of both"
            ))?,
            Mend::RemoveStop => out.line(format!("{margin}remove: daemon/stop"))?,
        }
    }
    out.line("")
}
