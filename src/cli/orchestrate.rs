//! `orchestrate`: agents build and review a feature.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use clap::{ArgGroup, Args};
use serde::Serialize;

use super::exit::Exit;
use super::failure::{self, Failure};
use super::output::{Output, visible_line};
use super::signals::Signals;
use super::workflow::{Recorder, place};
use crate::home::{Home, HomeError};
use crate::workflow::orchestrate::{
    Action, Choices, Cleanup, OrchestrateRequest, RunState, RunStatus, orchestrate,
};
use crate::workflow::trouble::Trouble;

/// How often it is looked for a signal.
const LOOK: Duration = Duration::from_millis(50);

/// Let agents build and review the work packages of a feature
///
/// Interrupting it pauses it; --resume goes on. Agents are described in
/// .kittify/agents.yaml.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("action").args(["status", "resume", "abort", "skip"]), after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The feature, such as 028-sync [default: SPECIFY_FEATURE, the branch, the directory]
    #[arg(long, value_name = "SLUG")]
    feature: Option<String>,
    /// Say how the run stands
    #[arg(long)]
    status: bool,
    /// Go on with a run that was paused, was killed, or failed
    #[arg(long)]
    resume: bool,
    /// Give the run up; what is done stays
    #[arg(long)]
    abort: bool,
    /// With --abort: remove its worktrees, unless they have uncommitted work
    #[arg(long, requires = "abort")]
    cleanup: bool,
    /// Leave a work package out, so that those that wait for it can begin
    #[arg(long, value_name = "WPxx")]
    skip: Option<String>,
    /// The agent that builds
    #[arg(long, value_name = "AGENT")]
    implementer: Option<String>,
    /// The agent that reviews
    #[arg(long, value_name = "AGENT")]
    reviewer: Option<String>,
    /// How many agents may run at once
    #[arg(long, value_name = "N")]
    max_parallel: Option<usize>,
}
const EXAMPLES: &str = "\
Examples:
  spec-kitty orchestrate --feature 028-sync --max-parallel 2
  spec-kitty orchestrate --status
  spec-kitty orchestrate --resume";

pub(super) fn run(
    arguments: Arguments,
    home: &Result<Home, HomeError>,
    out: &mut Output,
) -> Result<(), Failure> {
    let place = place()?;
    let action = action(&arguments)?;
    let request = OrchestrateRequest {
        feature: arguments.feature,
        action,
        choices: Choices {
            implementer: arguments.implementer,
            reviewer: arguments.reviewer,
            max_parallel: arguments.max_parallel,
        },
    };
    let stop = Arc::new(AtomicBool::new(false));
    let signals = matches!(action, Action::Start | Action::Resume)
        .then(Signals::watch)
        .transpose()
        .map_err(|error| Failure::new("signals", Exit::Failed, error.to_string()))?;
    if let Some(signals) = signals.clone() {
        let stop = Arc::clone(&stop);
        thread::spawn(move || {
            while signals.caught().is_none() {
                thread::sleep(LOOK);
            }
            stop.store(true, Ordering::SeqCst);
        });
    }
    let mut recorder = Recorder::hosting(home, out);
    let outcome = orchestrate(&request, &place, &stop, &mut recorder);
    drop(recorder);
    let state = outcome.map_err(|error| failure::of_orchestrate(&error))?;
    answer(&state, action, out)?;
    match (state.status, action) {
        (RunStatus::Paused, Action::Start | Action::Resume) => {
            out.note("paused; next: spec-kitty orchestrate --resume");
            let exit = signals.and_then(|signals| signals.caught());
            Err(Failure::silent(exit.unwrap_or(Exit::Interrupted)))
        }
        (RunStatus::Failed, Action::Start | Action::Resume) => Err(Failure::new(
            "work-packages-failed",
            Exit::Failed,
            format!("{} work packages failed", state.wps_failed),
        )
        .hint("see their logs, then: spec-kitty orchestrate --resume, or --skip WPxx")),
        _ => Ok(()),
    }
}

fn action(arguments: &Arguments) -> Result<Action, Failure> {
    if let Some(wp) = &arguments.skip {
        let wp = wp
            .trim()
            .parse()
            .map_err(|error| failure::of_trouble(&Trouble::WpId(error), "orchestrate", ""))?;
        return Ok(Action::Skip(wp));
    }
    Ok(
        match (arguments.status, arguments.resume, arguments.abort) {
            (true, _, _) => Action::Status,
            (_, true, _) => Action::Resume,
            (_, _, true) if arguments.cleanup => Action::Abort(Cleanup::Remove),
            (_, _, true) => Action::Abort(Cleanup::Keep),
            _ => Action::Start,
        },
    )
}

/// The report of `--json`: the state as it is kept.
#[derive(Serialize)]
struct Report<'a> {
    kind: &'static str,
    v: u8,
    aborted: bool,
    #[serde(flatten)]
    state: &'a RunState,
}

fn answer(state: &RunState, action: Action, out: &mut Output) -> Result<(), Failure> {
    let aborted = matches!(action, Action::Abort(_));
    if out.json() {
        return out.object(&Report {
            kind: "orchestrate",
            v: 1,
            aborted,
            state,
        });
    }
    if aborted {
        return out.line(format!(
            "Gave up the orchestration of {}",
            state.feature_slug
        ));
    }
    out.line(format!(
        "{}  {}  {} of {} done, {} failed",
        state.feature_slug,
        state.status.as_str(),
        state.wps_completed,
        state.wps_total,
        state.wps_failed
    ))?;
    for (id, wp) in &state.work_packages {
        let why = match &wp.last_error {
            Some(why) => format!("  {}", visible_line(why)),
            None => String::new(),
        };
        out.line(format!("  {id}  {}{why}", wp.status.as_str()))?;
    }
    Ok(())
}
