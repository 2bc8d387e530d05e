//! `merge`: all work packages of a feature into its branch.

use clap::{ArgGroup, Args, ValueEnum};
use serde::Serialize;

use super::failure::{self, Failure};
use super::output::{Output, visible_line};
use super::workflow::{Recorder, place, tell};
use crate::home::{Home, HomeError};
use crate::workflow::merge::{
    Action, Ending, Expected, Keep, MergeRequest, Merged, Strategy, merge,
};

/// Merge a feature's work packages in the order of their needs
///
/// They go into the branch that the feature names as its target. Interrupted,
/// it can be resumed or given up; what is merged stays.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
#[command(group = ArgGroup::new("action").args(["dry_run", "resume", "abort"]))]
pub(super) struct Arguments {
    /// The feature, such as 028-sync [default: SPECIFY_FEATURE, the branch, the directory]
    #[arg(long, value_name = "SLUG")]
    feature: Option<String>,
    /// How each one is merged
    #[arg(long, value_name = "STRATEGY", default_value = "merge")]
    strategy: StrategyWord,
    /// The branch to merge into; it must be checked out [default: the feature's]
    #[arg(long, value_name = "BRANCH")]
    target: Option<String>,
    /// Push the branch to origin afterwards
    #[arg(long)]
    push: bool,
    /// Say what would be merged, and what would conflict
    #[arg(long)]
    dry_run: bool,
    /// Keep the branches
    #[arg(long)]
    keep_branch: bool,
    /// Keep the worktrees, and so the branches
    #[arg(long)]
    keep_worktree: bool,
    /// Go on with a merge that was interrupted
    #[arg(long)]
    resume: bool,
    /// Give up a merge that was interrupted; what is merged stays
    #[arg(long)]
    abort: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum StrategyWord {
    /// With a merge commit
    Merge,
    /// As one commit
    Squash,
}
const EXAMPLES: &str = "\
Examples:
  spec-kitty merge --dry-run
  spec-kitty merge --feature 028-sync --strategy squash --push
  spec-kitty merge --resume";

pub(super) fn run(
    arguments: Arguments,
    home: &Result<Home, HomeError>,
    out: &mut Output,
) -> Result<(), Failure> {
    let place = place()?;
    let request = MergeRequest {
        feature: arguments.feature,
        strategy: match arguments.strategy {
            StrategyWord::Merge => Strategy::Merge,
            StrategyWord::Squash => Strategy::Squash,
        },
        target: arguments.target,
        keep: Keep {
            branches: arguments.keep_branch,
            worktrees: arguments.keep_worktree,
            push: arguments.push,
        },
        action: match (arguments.dry_run, arguments.resume, arguments.abort) {
            (true, _, _) => Action::Forecast,
            (_, true, _) => Action::Resume,
            (_, _, true) => Action::Abort,
            _ => Action::Start,
        },
    };
    let mut recorder = Recorder::tying(home, out);
    let outcome = merge(&request, &place, &mut recorder);
    drop(recorder);
    let merged = outcome.map_err(|error| failure::of_merge(&error))?;
    for settled in &merged.settled {
        tell("the move to review", settled, out);
    }
    if out.json() {
        out.object(&Report::of(&merged))
    } else {
        answer(&merged, out)
    }
}

/// The report of `--json`.
#[derive(Serialize)]
struct Report<'a> {
    kind: &'static str,
    v: u8,
    status: &'static str,
    feature: &'a str,
    target: &'a str,
    strategy: Strategy,
    order: Vec<String>,
    /// The work packages that went from doing to for_review.
    reviewed: Vec<String>,
    pushed: bool,
    /// The work packages whose worktree and branch were removed.
    removed: Vec<String>,
    /// What a dry run expects; empty otherwise.
    forecast: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    wp_id: String,
    already_merged: bool,
    conflicts: Vec<ConflictRow>,
}

#[derive(Serialize)]
struct ConflictRow {
    file: String,
    auto_resolvable: bool,
}

impl<'a> Report<'a> {
    fn of(merged: &'a Merged) -> Self {
        let ids = |ids: &[crate::workflow::work_package::WpId]| -> Vec<String> {
            ids.iter().map(ToString::to_string).collect()
        };
        let mut report = Self {
            kind: "merge",
            v: 1,
            status: "merged",
            feature: &merged.feature,
            target: &merged.target,
            strategy: merged.strategy,
            order: ids(&merged.order),
            reviewed: merged.changes.iter().map(|c| c.wp.to_string()).collect(),
            pushed: false,
            removed: Vec::new(),
            forecast: Vec::new(),
        };
        match &merged.ending {
            Ending::Merged { pushed, removed } => {
                report.pushed = *pushed;
                report.removed = ids(removed);
            }
            Ending::Forecast(expected) => {
                report.status = "dry-run";
                report.forecast = expected.iter().map(Row::of).collect();
            }
            Ending::Aborted(_) => report.status = "aborted",
            Ending::NothingToAbort => report.status = "nothing-to-abort",
        }
        report
    }
}

impl Row {
    fn of(expected: &Expected) -> Self {
        Self {
            wp_id: expected.wp.to_string(),
            already_merged: expected.is_held,
            conflicts: expected
                .conflicts
                .iter()
                .map(|(file, auto_resolvable)| ConflictRow {
                    file: file.clone(),
                    auto_resolvable: *auto_resolvable,
                })
                .collect(),
        }
    }
}

fn answer(merged: &Merged, out: &mut Output) -> Result<(), Failure> {
    match &merged.ending {
        Ending::Merged { .. } => {
            for change in &merged.changes {
                out.line(format!("{}  {} to {}", change.wp, change.old, change.new))?;
            }
            out.line(format!(
                "Merged {} work packages of {} into {}",
                merged.order.len(),
                merged.feature,
                visible_line(&merged.target)
            ))?;
            out.note("next: spec-kitty accept");
            Ok(())
        }
        Ending::Forecast(expected) => {
            for one in expected {
                let what = match (one.is_held, one.conflicts.as_slice()) {
                    (true, _) => "already merged".to_owned(),
                    (false, []) => "merges cleanly".to_owned(),
                    (false, conflicts) => format!("conflicts in {} files", conflicts.len()),
                };
                out.line(format!("{}  {what}", one.wp))?;
                for (file, by_itself) in &one.conflicts {
                    let how = if *by_itself {
                        "  (status, resolved by itself)"
                    } else {
                        ""
                    };
                    out.line(format!("      {}{how}", visible_line(file)))?;
                }
            }
            out.line("Nothing was changed")
        }
        Ending::Aborted(completed) => {
            out.line(format!("Gave up the merge of {}", merged.feature))?;
            if !completed.is_empty() {
                out.line(format!("These stay merged: {}", completed.join(", ")))?;
            }
            Ok(())
        }
        Ending::NothingToAbort => out.line("There is no merge to give up"),
    }
}
