//! `agent tasks mark-status`: ids in, what changed out.

use clap::Args;
use serde::Serialize;

use crate::cli::failure::{self, Failure};
use crate::cli::output::Output;
use crate::cli::workflow::{Recorder, asked, place, same_feature, tell};
use crate::home::{Home, HomeError};
use crate::workflow::mark_status::{MarkRequest, Outcome, RawMark, mark_status};

const EXAMPLES: &str = "\
Examples:
  spec-kitty agent tasks mark-status T001 T002 --status done
  spec-kitty agent tasks mark-status WP01 --status for_review";

/// Arguments of `agent tasks mark-status`.
///
/// Subtasks (T001) are ticked or unticked in tasks.md. Work packages (WP01) move
/// to the lane of that name, with the checks of move-task.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// Subtasks, such as T001, and work packages, such as WP01
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// done or pending; for work packages also planned, doing, for_review
    #[arg(long, value_name = "STATUS")]
    status: String,
    /// The feature, such as 028-sync [default: SPECIFY_FEATURE, the branch, the directory]
    #[arg(long, value_name = "SLUG")]
    feature: Option<String>,
    /// Who marks them
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Commit what is changed (the default)
    #[arg(long, overrides_with = "no_auto_commit")]
    auto_commit: bool,
    /// Leave what is changed uncommitted
    #[arg(long, overrides_with = "auto_commit")]
    no_auto_commit: bool,
}

pub(super) fn run(
    arguments: Arguments,
    home: &Result<Home, HomeError>,
    out: &mut Output,
) -> Result<(), Failure> {
    let place = place()?;
    let again = again(&arguments);
    let status = arguments.status.trim().to_ascii_lowercase();
    let raw = RawMark {
        ids: arguments.ids,
        status: arguments.status,
        feature: arguments.feature,
        agent: arguments.agent,
        no_auto_commit: arguments.no_auto_commit,
    };
    let mut recorder = Recorder::tying(home, out);
    let outcome = asked(MarkRequest::parse(raw), &mut recorder)
        .and_then(|request| mark_status(&request, &place, &mut recorder));
    drop(recorder);
    match outcome {
        Ok(outcome) => answer(&outcome, &status, out),
        Err(error) => Err(failure::of_mark(&error, &again)),
    }
}

fn again(arguments: &Arguments) -> String {
    let feature = same_feature(arguments.feature.as_deref());
    format!(
        "spec-kitty agent tasks mark-status {} --status {}{feature}",
        arguments.ids.join(" "),
        arguments.status
    )
}

/// The report of `--json`, with the field names of the original.
#[derive(Serialize)]
struct Report<'a> {
    kind: &'static str,
    v: u8,
    result: &'static str,
    updated: &'a [String],
    unchanged: &'a [String],
    not_found: &'a [String],
    status: &'a str,
    count: usize,
    /// The abbreviated ids of the commits.
    commits: Vec<&'a str>,
}

fn answer(outcome: &Outcome, status: &str, out: &mut Output) -> Result<(), Failure> {
    if let Some(settled) = &outcome.settled {
        tell("the change", settled, out);
    }
    for moved in &outcome.moves {
        tell("the move", &moved.settled, out);
    }
    if out.json() {
        let of_tasks = outcome.settled.iter();
        let of_moves = outcome.moves.iter().map(|moved| &moved.settled);
        return out.object(&Report {
            kind: "mark-status",
            v: 1,
            result: "success",
            updated: &outcome.updated,
            unchanged: &outcome.unchanged,
            not_found: &outcome.not_found,
            status,
            count: outcome.updated.len(),
            commits: of_tasks
                .chain(of_moves)
                .filter_map(|settled| settled.committed.id())
                .collect(),
        });
    }
    if !outcome.not_found.is_empty() {
        out.warn(format!(
            "tasks.md has no box for {}",
            outcome.not_found.join(", ")
        ));
    }
    if !outcome.updated.is_empty() {
        out.line(format!("Marked {} as {status}", outcome.updated.join(", ")))?;
    }
    if !outcome.unchanged.is_empty() {
        out.line(format!(
            "Already {status}, nothing was changed: {}",
            outcome.unchanged.join(", ")
        ))?;
    }
    Ok(())
}
