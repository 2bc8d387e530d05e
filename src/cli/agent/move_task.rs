//! `agent tasks move-task`: arguments in, one line out.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::cli::failure::{self, Failure};
use crate::cli::output::Output;
use crate::cli::workflow::{Recorder, asked, place, tell};
use crate::event::Lane;
use crate::home::{Home, HomeError};
use crate::workflow::lane_change::LaneChange;
use crate::workflow::move_task::{Moved, Raw, Request, move_task};

const EXAMPLES: &str = "\
Examples:
  spec-kitty agent tasks move-task WP01 --to for_review --agent claude
  spec-kitty agent tasks move-task WP01 --to doing \\
    --review-feedback-file feedback.md --reviewer alice";

/// Arguments of `agent tasks move-task`.
///
/// The lanes are planned, doing, for_review and done; any may follow any other.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// The work package, such as WP01
    #[arg(value_name = "WPxx")]
    wp: String,
    /// The lane: planned, doing, for_review or done
    #[arg(long, value_name = "LANE")]
    to: String,
    /// The feature, such as 028-sync [default: SPECIFY_FEATURE, the branch, the directory]
    #[arg(long, value_name = "SLUG")]
    feature: Option<String>,
    /// Who moves it; recorded as the work package's agent
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Recorded as its assignee
    #[arg(long, value_name = "NAME")]
    assignee: Option<String>,
    /// The process id of the agent's shell
    #[arg(long, value_name = "PID")]
    shell_pid: Option<u32>,
    /// What to say in the activity log [default: Moved to LANE]
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    note: Option<String>,
    /// A file with the reviewer's words, for a move back to planned or doing
    #[arg(long, value_name = "FILE")]
    review_feedback_file: Option<PathBuf>,
    /// Who reviewed it [default: git's user.name]
    #[arg(long, value_name = "NAME")]
    reviewer: Option<String>,
    /// Skip the checks: owner, feedback, subtasks, worktree
    #[arg(long)]
    force: bool,
    /// Commit the changed file (the default)
    #[arg(long, overrides_with = "no_auto_commit")]
    auto_commit: bool,
    /// Leave the changed file uncommitted
    #[arg(long, overrides_with = "auto_commit")]
    no_auto_commit: bool,
}

pub(super) fn run(
    arguments: Arguments,
    home: &Result<Home, HomeError>,
    out: &mut Output,
) -> Result<(), Failure> {
    let place = place()?;
    let mut recorder = Recorder::new(home, out);
    let request = asked(Request::parse(arguments.into()), &mut recorder)
        .map_err(|error| failure::of_move(&error, None))?;
    let outcome = move_task(&request, &place, &mut recorder);
    drop(recorder);
    match outcome {
        Ok(moved) => {
            tell("the move", &moved.settled, out);
            answer(&moved, out)
        }
        Err(error) => Err(failure::of_move(&error, Some(&request))),
    }
}

impl From<Arguments> for Raw {
    fn from(arguments: Arguments) -> Self {
        Self {
            wp: arguments.wp,
            to: arguments.to,
            feature: arguments.feature,
            agent: arguments.agent,
            assignee: arguments.assignee,
            shell_pid: arguments.shell_pid,
            note: arguments.note,
            feedback_file: arguments.review_feedback_file,
            reviewer: arguments.reviewer,
            force: arguments.force,
            no_auto_commit: arguments.no_auto_commit,
        }
    }
}

/// The report of `--json`, with the field names of the original.
#[derive(Serialize)]
struct Report<'a> {
    kind: &'static str,
    v: u8,
    result: &'static str,
    task_id: String,
    old_lane: Lane,
    new_lane: Lane,
    path: String,
    /// Whether the lane was another one before.
    changed: bool,
    /// The abbreviated id of the commit; null when nothing was committed.
    commit: Option<&'a str>,
}

/// The answer, on stdout.
fn answer(moved: &Moved, out: &mut Output) -> Result<(), Failure> {
    let commit = moved.settled.committed.id();
    let LaneChange { wp, old, new, .. } = moved.change.clone();
    if out.json() {
        return out.object(&Report {
            kind: "move-task",
            v: 1,
            result: "success",
            task_id: wp.to_string(),
            old_lane: old,
            new_lane: new,
            path: moved.path.to_string_lossy().into_owned(),
            changed: moved.changed(),
            commit,
        });
    }
    if !moved.changed() {
        return out.line(format!("{wp} is already in {new}; nothing was changed"));
    }
    let commit = commit.map_or_else(String::new, |id| format!(" (commit {id})"));
    out.line(format!("Moved {wp} from {old} to {new}{commit}"))
}
