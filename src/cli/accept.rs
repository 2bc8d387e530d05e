//! `accept`: the checks of a feature, and its record.

use std::path::Path;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::failure::{self, Failure};
use super::output::{Output, visible_line};
use super::workflow::{Recorder, asked, place, tell};
use crate::home::{Home, HomeError};
use crate::workflow::accept::{
    AcceptError, AcceptRequest, Accepted, Mode, RawAccept, Summary, accept,
};

/// Check a feature, and record that it is accepted
///
/// What was reviewed moves to done. What is still missing is listed, and then
/// nothing is written.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The feature, such as 028-sync [default: SPECIFY_FEATURE, the branch, the directory]
    #[arg(long, value_name = "SLUG")]
    feature: Option<String>,
    /// What comes after; checklist writes nothing
    #[arg(long, value_name = "MODE", default_value = "auto")]
    mode: ModeWord,
    /// Who accepts [default: USER]
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// A command that was run to validate; recorded, not run
    #[arg(long = "test", value_name = "CMD")]
    tests: Vec<String>,
    /// Do not ask for agent, assignee and shell_pid
    #[arg(long)]
    lenient: bool,
    /// Only check; write and commit nothing
    #[arg(long)]
    no_commit: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ModeWord {
    /// A pull request when there is a remote, else local
    Auto,
    /// A pull request
    Pr,
    /// A local merge
    Local,
    /// Only the checks
    Checklist,
}
const EXAMPLES: &str = "\
Examples:
  spec-kitty accept --mode checklist          only look
  spec-kitty accept --test \"cargo test\" --actor alice";

pub(super) fn run(
    arguments: Arguments,
    home: &Result<Home, HomeError>,
    out: &mut Output,
) -> Result<(), Failure> {
    let place = place()?;
    let user = ["USER", "USERNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let raw = RawAccept {
        feature: arguments.feature,
        mode: match arguments.mode {
            ModeWord::Auto => Mode::Auto,
            ModeWord::Pr => Mode::Pr,
            ModeWord::Local => Mode::Local,
            ModeWord::Checklist => Mode::Checklist,
        },
        actor: arguments.actor.or(user),
        tests: arguments.tests,
        lenient: arguments.lenient,
        no_commit: arguments.no_commit,
    };
    let mut recorder = Recorder::tying(home, out);
    let outcome = asked(AcceptRequest::parse(raw), &mut recorder)
        .and_then(|request| accept(&request, &place, &mut recorder));
    drop(recorder);
    match outcome {
        Ok(accepted) => answer(&accepted, out),
        Err(error) => {
            if let AcceptError::Outstanding(summary) = &error {
                if out.json() {
                    out.object(&Checked {
                        kind: "accept-summary",
                        v: 1,
                        summary,
                    })?;
                } else {
                    checklist(summary, out)?;
                }
            }
            Err(failure::of_accept(&error))
        }
    }
}

#[derive(Serialize)]
struct Checked<'a> {
    kind: &'static str,
    v: u8,
    #[serde(flatten)]
    summary: &'a Summary,
}

/// The report of `--json`, with the field names of the original.
#[derive(Serialize)]
struct Report<'a> {
    kind: &'static str,
    v: u8,
    accepted_at: &'a str,
    accepted_by: &'a str,
    mode: &'static str,
    parent_commit: Option<&'a str>,
    accept_commit: Option<&'a str>,
    commit_created: bool,
    instructions: Vec<String>,
    cleanup_instructions: Vec<String>,
    notes: &'a [String],
    /// The work packages that became done.
    promoted: Vec<String>,
    summary: &'a Summary,
}

fn answer(accepted: &Accepted, out: &mut Output) -> Result<(), Failure> {
    for settled in &accepted.settled {
        tell("the acceptance", settled, out);
    }
    let summary = &accepted.summary;
    let record = accepted.settled.last();
    let commit = record.and_then(|settled| settled.committed.id());
    let promoted: Vec<String> = accepted.promoted.iter().map(|c| c.wp.to_string()).collect();
    if out.json() {
        return out.object(&Report {
            kind: "accept",
            v: 1,
            accepted_at: &accepted.at,
            accepted_by: &accepted.actor,
            mode: accepted.mode.as_str(),
            parent_commit: accepted.parent.as_deref(),
            accept_commit: commit,
            commit_created: commit.is_some(),
            instructions: instructions(accepted),
            cleanup_instructions: cleanup(summary),
            notes: &summary.warnings,
            promoted,
            summary,
        });
    }
    if record.is_none() {
        return checklist(summary, out);
    }
    for wp in &promoted {
        out.line(format!("{wp}  for_review to done"))?;
    }
    let commit = commit.map_or_else(String::new, |id| format!(" (commit {id})"));
    out.line(format!("Accepted {}{commit}", summary.feature))?;
    for step in instructions(accepted) {
        out.note(format!("next: {}", visible_line(&step)));
    }
    Ok(())
}

fn instructions(accepted: &Accepted) -> Vec<String> {
    let branch = accepted.summary.branch.as_deref().unwrap_or_default();
    match accepted.mode {
        Mode::Pr => vec![
            format!("git push origin '{branch}'"),
            "open a pull request and name the acceptance in it".to_owned(),
        ],
        Mode::Local if worktrees(&accepted.summary).next().is_some() => vec![format!(
            "spec-kitty merge --feature {}",
            accepted.summary.feature
        )],
        Mode::Local | Mode::Auto | Mode::Checklist => Vec::new(),
    }
}

/// The worktrees of the feature that are still there; a merge takes them away.
fn worktrees(summary: &Summary) -> impl Iterator<Item = String> {
    let root = Path::new(&summary.repo_root);
    let ids = summary.work_packages.iter().map(|wp| &wp.id);
    ids.map(|id| format!(".worktrees/{}-{id}", summary.feature))
        .filter(move |worktree| root.join(worktree).exists())
}

fn cleanup(summary: &Summary) -> Vec<String> {
    worktrees(summary)
        .map(|worktree| format!("git worktree remove {worktree}"))
        .collect()
}

/// What the checks found, for people.
fn checklist(summary: &Summary, out: &mut Output) -> Result<(), Failure> {
    out.line(format!(
        "{}  {}",
        summary.feature,
        if summary.ok { "ready" } else { "not ready" }
    ))?;
    let not_done: Vec<String> = ["planned", "doing"]
        .iter()
        .flat_map(|lane| {
            let ids = summary
                .lanes
                .get(*lane)
                .map(Vec::as_slice)
                .unwrap_or_default();
            ids.iter().map(move |id| format!("{id} is in {lane}"))
        })
        .collect();
    let groups: [(&str, &[String]); 7] = [
        ("not done", &not_done),
        ("front matter", &summary.metadata_issues),
        ("activity log", &summary.activity_issues),
        ("open subtasks", &summary.unchecked_tasks),
        ("open questions", &summary.needs_clarification),
        ("missing files", &summary.missing_artifacts),
        ("not committed", &summary.git_dirty),
    ];
    for (title, items) in groups {
        let state = if items.is_empty() { "ok" } else { "" };
        out.line(format!("  {title}: {state}").trim_end())?;
        for item in items {
            out.line(format!("    {}", visible_line(item)))?;
        }
    }
    Ok(())
}
