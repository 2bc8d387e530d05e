//! `implement`: a work package in, its workspace out.

use clap::Args;
use serde::Serialize;

use super::failure::{self, Failure};
use super::output::{Output, visible_line};
use super::workflow::{Recorder, asked, place, same_feature, tell};
use crate::event::Lane;
use crate::home::{Home, HomeError};
use crate::platform;
use crate::workflow::implement::{ImplementRequest, Implemented, Made, RawImplement, implement};

/// Begin a work package: make its worktree, move it to doing
///
/// The worktree is on a branch of its own, which stands on the target branch and
/// on what the work package depends on.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The work package, such as WP01
    #[arg(value_name = "WPxx")]
    wp: String,
    /// Build on this work package [default: on all that it depends on]
    #[arg(long, value_name = "WPyy")]
    base: Option<String>,
    /// The feature, such as 028-sync [default: SPECIFY_FEATURE, the branch, the directory]
    #[arg(long, value_name = "SLUG")]
    feature: Option<String>,
    /// Who begins it; recorded as the work package's agent
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Recorded as its assignee [default: the present one, else the agent]
    #[arg(long, value_name = "NAME")]
    assignee: Option<String>,
    /// The process id of the agent's shell [default: the process that runs this]
    #[arg(long, value_name = "PID")]
    shell_pid: Option<u32>,
    /// Begin although a dependency was not begun, or another agent is at it
    #[arg(long)]
    force: bool,
}

const EXAMPLES: &str = "\
Examples:
  spec-kitty implement WP01 --agent claude
  spec-kitty implement WP03 --base WP01";

pub(super) fn run(
    arguments: Arguments,
    home: &Result<Home, HomeError>,
    out: &mut Output,
) -> Result<(), Failure> {
    let place = place()?;
    let again = again(&arguments);
    let raw = RawImplement {
        wp: arguments.wp,
        base: arguments.base,
        feature: arguments.feature,
        agent: arguments.agent,
        assignee: arguments.assignee,
        shell_pid: arguments.shell_pid.or_else(platform::parent_process),
        force: arguments.force,
    };
    let mut recorder = Recorder::new(home, out);
    let outcome = asked(ImplementRequest::parse(raw), &mut recorder)
        .and_then(|request| implement(&request, &place, &mut recorder));
    drop(recorder);
    let implemented = outcome.map_err(|error| failure::of_implement(&error, &again))?;
    tell("the workspace", &implemented.settled, out);
    answer(&implemented, out)
}

fn again(arguments: &Arguments) -> String {
    let feature = same_feature(arguments.feature.as_deref());
    format!("spec-kitty implement {}{feature}", arguments.wp)
}

/// The report of `--json`, with the field names of the original.
#[derive(Serialize)]
struct Report<'a> {
    kind: &'static str,
    v: u8,
    workspace_path: String,
    branch: &'a str,
    feature: &'a str,
    wp_id: String,
    base: Option<&'a str>,
    status: &'static str,
    old_lane: Lane,
    new_lane: Lane,
    /// The abbreviated id of the commit; null when nothing was committed.
    commit: Option<&'a str>,
}

fn answer(done: &Implemented, out: &mut Output) -> Result<(), Failure> {
    let change = &done.change;
    let status = match done.made {
        Made::Created => "created",
        Made::Reused => "reused",
    };
    if out.json() {
        return out.object(&Report {
            kind: "implement",
            v: 1,
            workspace_path: done.worktree.to_string_lossy().into_owned(),
            branch: &done.branch,
            feature: change.feature.as_str(),
            wp_id: change.wp.to_string(),
            base: done.base.as_deref(),
            status,
            old_lane: change.old,
            new_lane: change.new,
            commit: done.settled.committed.id(),
        });
    }
    let lanes = if change.old == change.new {
        format!("in {}", change.new)
    } else {
        format!("{} to {}", change.old, change.new)
    };
    let base = match &done.base {
        Some(base) => format!(", from {}", visible_line(base)),
        None => String::new(),
    };
    out.line(format!("{}  {lanes}", change.wp))?;
    out.line(format!(
        "workspace {status}: {} (branch {}{base})",
        visible_line(&done.relative.to_string_lossy()),
        visible_line(&done.branch),
    ))?;
    out.note(format!(
        "next: cd '{}'",
        visible_line(&done.worktree.to_string_lossy())
    ));
    Ok(())
}
