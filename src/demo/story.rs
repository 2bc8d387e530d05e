//! What happens, from the first command to the proof.
//!
//! Read it from top to bottom: it is the demo's script.

use std::path::Path;

use super::project::{self, BRANCH};
use super::stage::{Input, Mood, Stage};
use super::{Audience, DemoError, Report, proof};

const DONE: i32 = 0;
const NO_ANSWER: i32 = 7;

/// Plays everything in `root`, which exists and is empty.
pub(super) fn play(
    program: &Path,
    root: &Path,
    audience: &mut Audience<'_>,
) -> Result<Report, DemoError> {
    let mut stage = Stage::new(program, root, audience)?;
    make_project(&mut stage)?;
    sign_in(&mut stage)?;
    work_offline(&mut stage)?;
    wait_for_the_network(&mut stage)?;
    come_back(&mut stage)?;
    bring_it_home(&mut stage)?;
    stage.scene("Prove it")?;
    run(&mut stage, "log verify")?;
    stage.server_down();
    let proof = proof::prove(&stage.log_dir(), &stage.received())?;
    Ok(Report {
        steps: stage.into_steps(),
        proof,
    })
}

fn make_project(stage: &mut Stage<'_, '_>) -> Result<(), DemoError> {
    stage.scene("A project and a server")?;
    project::write(stage.project())?;
    stage.git(&["init", "-q", "-b", BRANCH])?;
    stage.git(&["add", "-A"])?;
    stage.git(&["commit", "-q", "-m", "Plan the tea timer"])?;
    stage.remark(
        "A git repository with one feature, a tea timer, in three work packages. \
         The team's server is played by this program, on 127.0.0.1.",
    )
}

fn sign_in(stage: &mut Stage<'_, '_>) -> Result<(), DemoError> {
    stage.scene("Sign in, then lose the network")?;
    let url = stage.server_up(Mood::Well)?;
    let password = stage.password();
    let arguments = [
        "auth",
        "login",
        "--server",
        &url,
        "-u",
        "demo",
        "--password-stdin",
    ];
    stage.run(&arguments, Input::Secret(&password), DONE)?;
    stage.server_down();
    stage.remark("The server is stopped: nobody answers on its port.")
}

fn work_offline(stage: &mut Stage<'_, '_>) -> Result<(), DemoError> {
    stage.scene("Work; each step is an event in the log of this machine")?;
    run(stage, "agent feature finalize-tasks")?;
    run(stage, "implement WP01 --agent claude")?;
    build(stage, "WP01")?;
    stage.remark("The agent does the work and commits it there. Then it ticks its subtasks.")?;
    run(
        stage,
        "agent tasks mark-status T001 T002 --status done --agent claude",
    )?;
    run(
        stage,
        "agent tasks move-task WP01 --to for_review --agent claude",
    )?;
    stage.remark("WP02 depends on WP01, so it begins where that ended.")?;
    run(stage, "implement WP02 --agent codex")?;
    build(stage, "WP02")?;
    let note = [
        "agent",
        "tasks",
        "add-history",
        "WP02",
        "--note",
        "it counts",
        "--agent",
        "codex",
    ];
    stage.run(&note, Input::None, DONE)
}

fn wait_for_the_network(stage: &mut Stage<'_, '_>) -> Result<(), DemoError> {
    stage.scene("Nothing was delivered, nothing is lost")?;
    stage.run(&["sync", "now"], Input::None, NO_ANSWER)?;
    run(stage, "log tail --undelivered")
}

fn come_back(stage: &mut Stage<'_, '_>) -> Result<(), DemoError> {
    stage.scene("The network comes back, badly at first")?;
    stage.server_up(Mood::LosesOneAnswer)?;
    stage.remark(
        "The server is back. It stores the first batch, but its answer is lost on the way, \
         so nobody here can know.",
    )?;
    stage.run(&["sync", "now"], Input::None, NO_ANSWER)?;
    stage.remark("What was not confirmed is sent again; the server knows each event by its id.")?;
    run(stage, "sync now")
}

fn bring_it_home(stage: &mut Stage<'_, '_>) -> Result<(), DemoError> {
    stage.scene("Finish, merge, accept")?;
    run(stage, "implement WP03 --agent claude")?;
    build(stage, "WP03")?;
    run(
        stage,
        "agent tasks mark-status T003 T004 T005 T006 --status done --agent claude",
    )?;
    run(stage, "merge")?;
    run(stage, "accept --actor Ada")?;
    run(stage, "sync now")?;
    run(stage, "sync status")
}

/// Runs a command that reads nothing and has to succeed; no word of it has a
/// space.
fn run(stage: &mut Stage<'_, '_>, command: &str) -> Result<(), DemoError> {
    let words: Vec<&str> = command.split(' ').collect();
    stage.run(&words, Input::None, DONE)
}

/// What an agent does between two commands, unseen.
fn build(stage: &mut Stage<'_, '_>, wp_id: &str) -> Result<(), DemoError> {
    let worktree = project::build(stage.project(), wp_id)?;
    let worktree = worktree.to_string_lossy();
    stage.git(&["-C", &worktree, "add", "-A"])?;
    stage.git(&["-C", &worktree, "commit", "-q", "-m", wp_id])
}
