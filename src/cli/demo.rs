//! `demo`: the guided run, told to a person at 80 columns or to a program as
//! one report.

use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::{Output, visible, visible_line, width};
use crate::cli::signals::Signals;
use crate::demo::{self, Moment, Proof, Step};

/// The columns that the story keeps to.
const COLUMNS: usize = 79;

/// See it work: a guided run in a temporary project, home and server
///
/// Makes a git repository with a small feature and takes it with real commands
/// from its plan to its acceptance. On the way the network goes away and comes
/// back, and at the end the server's own file proves that every event arrived
/// once and in order. Nothing outside a temporary directory is touched. Exit 0
/// says that it is proved.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Play in DIR (new or empty) and leave the home, the project and the
    /// server's file there
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

#[derive(Serialize)]
struct Told<'a> {
    kind: &'static str,
    v: u8,
    ok: bool,
    #[serde(flatten)]
    proof: &'a Proof,
    steps: &'a [Step],
    kept: Option<&'a PathBuf>,
}

/// Plays the demo.
///
/// # Errors
/// A [`Failure`] when it could not be played or did not prove its point.
pub(super) fn run(arguments: &Arguments, out: &mut Output) -> Result<(), Failure> {
    let cannot = |error: &std::io::Error| {
        let message = format!("cannot start the demo: {error}");
        Failure::new("demo", Exit::Failed, message)
    };
    let signals = Signals::watch().map_err(|error| cannot(&error))?;
    let program = std::env::current_exe().map_err(|error| cannot(&error))?;
    let mut unwritten = None;
    if !out.json() {
        greet(out)?;
    }
    let played = demo::play(&program, arguments.keep.as_deref(), &mut |moment| {
        let told = if out.json() {
            Ok(())
        } else {
            tell(out, &moment)
        };
        match told {
            Ok(()) if signals.caught().is_none() => ControlFlow::Continue(()),
            Ok(()) => ControlFlow::Break(()),
            Err(failure) => {
                unwritten = Some(failure);
                ControlFlow::Break(())
            }
        }
    });
    if let Some(exit) = signals.caught() {
        return Err(Failure::silent(exit));
    }
    if let Some(failure) = unwritten {
        return Err(failure);
    }
    let report = played?;
    let holds = report.proof.holds();
    if out.json() {
        out.object(&Told {
            kind: "demo",
            v: 1,
            ok: holds,
            proof: &report.proof,
            steps: &report.steps,
            kept: arguments.keep.as_ref(),
        })?;
    } else {
        conclude(out, &report.proof, arguments.keep.as_ref())?;
    }
    if holds {
        Ok(())
    } else {
        Err(Failure::silent(Exit::Damage))
    }
}

fn greet(out: &mut Output) -> Result<(), Failure> {
    paragraph(
        out,
        "A small project, two agents, and a network that fails. It takes a few seconds and \
         touches nothing outside a directory of its own, here called “…”. Each line that begins \
         with $ is a real command; below it is what it said.",
    )
}

fn tell(out: &mut Output, moment: &Moment<'_>) -> Result<(), Failure> {
    match moment {
        Moment::Scene { number, title } => {
            let style = anstyle::Style::new().bold();
            out.line("")?;
            out.line(format!("{style}{number}  {title}{style:#}"))?;
        }
        Moment::Remark(text) => {
            out.line("")?;
            paragraph(out, text)?;
        }
        Moment::Command { words } => {
            out.line("")?;
            let cyan = anstyle::AnsiColor::Cyan.on_default();
            for line in typed(words) {
                out.line(format!("{cyan}{line}{cyan:#}"))?;
            }
        }
        Moment::Output { text } => {
            let text = visible(text);
            for line in dedented(&text).flat_map(folded) {
                let margin = if line.is_empty() { "" } else { "    " };
                out.line(format!("{margin}{line}"))?;
            }
        }
    }
    out.flush()
}

fn conclude(out: &mut Output, proof: &Proof, kept: Option<&PathBuf>) -> Result<(), Failure> {
    out.line("")?;
    paragraph(out, &verdict(proof))?;
    for objection in objections(proof) {
        out.line(format!("    {objection}"))?;
    }
    if let Some(dir) = kept {
        let dir = visible_line(&dir.to_string_lossy());
        out.line("")?;
        out.line(format!(
            "  Kept in {dir}: home, project, server/events.ndjson."
        ))?;
        out.line(format!(
            "  Look around:  spec-kitty --home {dir}/home log tail"
        ))?;
    } else {
        out.line("")?;
        out.line("  To keep everything and look around:  spec-kitty demo --keep DIR")?;
    }
    Ok(())
}

/// The last word, in one sentence.
fn verdict(proof: &Proof) -> String {
    let (recorded, received) = (proof.recorded, proof.received);
    if proof.holds() {
        format!(
            "Proved. {recorded} events were recorded on this machine, and the server's own file \
             holds the same {received}: each exactly once, in the same order, byte for byte, \
             although the network failed twice."
        )
    } else {
        format!(
            "Not proved: {recorded} events were recorded and the server's file holds {received}."
        )
    }
}

/// What speaks against it, one line each; nothing when it is proved.
fn objections(proof: &Proof) -> Vec<String> {
    let lists = [
        ("missing", &proof.missing),
        ("more than once", &proof.repeated),
        ("unknown here", &proof.unknown),
        ("altered", &proof.altered),
    ];
    let mut lines: Vec<String> = lists
        .iter()
        .flat_map(|(what, ids)| ids.iter().map(move |id| (what, id)))
        .map(|(what, id)| format!("{what}: {}", visible_line(id)))
        .collect();
    if !proof.in_order {
        lines.push("not in the order of the log".to_owned());
    }
    if proof.damaged > 0 {
        let places = proof.damaged;
        lines.push(format!("places of the log that cannot be read: {places}"));
    }
    lines
}

/// The command as it is typed, broken between words where it is too long.
fn typed(words: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = "  $".to_owned();
    for word in words {
        let word = visible_line(word);
        if width(&line) + width(&word) + 3 > COLUMNS {
            line.push_str(" \\");
            lines.push(std::mem::replace(&mut line, "     ".to_owned()));
        }
        line.push(' ');
        line.push_str(&word);
    }
    lines.push(line);
    lines
}

/// The lines of `text` without the margin that all of them have.
fn dedented(text: &str) -> impl Iterator<Item = &str> {
    let margin_of = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let margin = text
        .lines()
        .filter(|line| !line.is_empty())
        .map(margin_of)
        .min();
    text.lines()
        .map(move |line| line.get(margin.unwrap_or(0)..).unwrap_or_default())
}

/// A line of output, folded between words where it is too long.
fn folded(line: &str) -> Vec<String> {
    let room = COLUMNS - 4;
    let mut lines = Vec::new();
    let mut rest = String::new();
    for piece in line.split_inclusive(' ') {
        if !rest.trim().is_empty() && width(&rest) + width(piece.trim_end()) > room {
            lines.push(std::mem::replace(&mut rest, "  ".to_owned()));
        }
        rest.push_str(piece);
    }
    lines.push(rest);
    lines
}

/// Writes prose in lines of at most [`COLUMNS`], with a margin of two.
fn paragraph(out: &mut Output, text: &str) -> Result<(), Failure> {
    let mut line = " ".to_owned();
    for word in text.split_whitespace() {
        if width(&line) + width(word) + 1 > COLUMNS {
            out.line(&line)?;
            " ".clone_into(&mut line);
        }
        line.push(' ');
        line.push_str(word);
    }
    out.line(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_loses_no_word_and_keeps_to_the_columns() {
        let text = "  note: WP02 depends on WP01; ".repeat(6);
        let lines = folded(&text);
        assert!(lines.len() > 1);
        assert!(
            lines
                .iter()
                .all(|line| width(line.trim_end()) <= COLUMNS - 4),
            "{lines:?}"
        );
        let words = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(words(&lines.concat()), words(&text));
        assert_eq!(folded(""), [""]);
        assert_eq!(folded("  kept   as it is"), ["  kept   as it is"]);
    }

    #[test]
    fn a_failed_proof_names_everything_that_speaks_against_it() {
        let ids = |id: &str| vec![id.to_owned()];
        let mut proof = Proof {
            recorded: 2,
            received: 2,
            in_order: true,
            ..Proof::default()
        };
        assert!(verdict(&proof).starts_with("Proved. 2 events"));
        assert!(objections(&proof).is_empty());
        proof.in_order = false;
        proof.damaged = 1;
        proof.missing = ids("A");
        proof.repeated = ids("B");
        proof.unknown = ids("C\u{1b}");
        proof.altered = ids("D");
        assert!(verdict(&proof).starts_with("Not proved: "));
        let objections = objections(&proof);
        assert_eq!(objections.len(), 6);
        assert_eq!(objections[2], "unknown here: C␛");
    }

    #[test]
    fn a_common_margin_goes_and_deeper_ones_stay() {
        let lines: Vec<_> = dedented("  a\n\n    b\n").collect();
        assert_eq!(lines, ["a", "", "  b"]);
    }

    #[test]
    fn a_long_command_is_broken_between_words() {
        let words = vec!["spec-kitty".to_owned(), "x".repeat(60), "y".repeat(60)];
        let lines = typed(&words);
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("  $ spec-kitty") && lines[0].ends_with('\\'));
        assert!(lines[1].ends_with("yyy"));
        assert_eq!(typed(&words[..1]), ["  $ spec-kitty"]);
    }
}
