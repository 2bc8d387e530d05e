//! What happens, from the first command to the proof.
//!
//! Read it from top to bottom: it is the demo's script.

use std::path::Path;

use super::project::{self, BRANCH};
use super::stage::{Input, Mood, Stage};
use super::{Audience, DemoError, Report, proof};

/// What `emit --stdin` reads, as seen from the project.
const PLAN_FILE: &str = "../plan.ndjson";

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
    work(&mut stage)?;
    deliver(&mut stage)?;
    work_offline(&mut stage)?;
    come_back(&mut stage)?;
    stage.scene("Prove it")?;
    stage.run(&["log", "verify"], Input::None, DONE)?;
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
    let plan = stage.project().join(PLAN_FILE);
    std::fs::write(&plan, project::planning_events()).map_err(DemoError::io("write", &plan))?;
    stage.git(&["init", "-q", "-b", BRANCH])?;
    stage.git(&["add", "-A"])?;
    stage.git(&["commit", "-q", "-m", "Plan the tea timer"])?;
    stage.remark(
        "A git repository with one feature, a tea timer, in three work packages. \
         The team's server is played by this program, on 127.0.0.1.",
    )
}

fn sign_in(stage: &mut Stage<'_, '_>) -> Result<(), DemoError> {
    stage.scene("Sign in")?;
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
    stage.run(&arguments, Input::Secret(&password), DONE)
}

fn work(stage: &mut Stage<'_, '_>) -> Result<(), DemoError> {
    stage.scene("Work; each step is an event in the log of this machine")?;
    stage.run(&["emit", "--stdin"], Input::File(PLAN_FILE), DONE)?;
    move_task(stage, "WP01", "doing", "claude")?;
    note(stage, "WP01", "it reads 3m30s")?;
    finish(stage, "WP01")?;
    move_task(stage, "WP01", "for_review", "claude")?;
    stage.run(&["log", "tail", "-n", "4"], Input::None, DONE)
}

fn deliver(stage: &mut Stage<'_, '_>) -> Result<(), DemoError> {
    stage.scene("Deliver")?;
    stage.run(&["sync", "now"], Input::None, DONE)
}

fn work_offline(stage: &mut Stage<'_, '_>) -> Result<(), DemoError> {
    stage.scene("The network goes away; work goes on")?;
    stage.server_down();
    stage.remark("The server is stopped: nobody answers on its port.")?;
    move_task(stage, "WP01", "done", "claude")?;
    let resolved = r#"{"wp_id":"WP02","dependency_wp_id":"WP01","resolution_type":"completed"}"#;
    stage.run(
        &["emit", "DependencyResolved", "--payload", resolved],
        Input::None,
        DONE,
    )?;
    move_task(stage, "WP02", "doing", "codex")?;
    note(stage, "WP02", "works lid down")?;
    stage.run(&["sync", "now"], Input::None, NO_ANSWER)?;
    stage.run(&["sync", "status"], Input::None, DONE)?;
    stage.run(&["log", "tail", "--undelivered"], Input::None, DONE)
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
    stage.run(&["sync", "now"], Input::None, DONE)?;
    stage.run(&["sync", "status"], Input::None, DONE)
}

fn move_task(
    stage: &mut Stage<'_, '_>,
    wp_id: &str,
    lane: &str,
    agent: &str,
) -> Result<(), DemoError> {
    let arguments = [
        "agent",
        "tasks",
        "move-task",
        wp_id,
        "--to",
        lane,
        "--agent",
        agent,
    ];
    stage.run(&arguments, Input::None, DONE)
}

fn note(stage: &mut Stage<'_, '_>, wp_id: &str, text: &str) -> Result<(), DemoError> {
    let payload = format!(r#"{{"wp_id":"{wp_id}","entry_type":"note","entry_content":"{text}"}}"#);
    let arguments = ["emit", "HistoryAdded", "--payload", &payload];
    stage.run(&arguments, Input::None, DONE)
}

/// What an agent does between two commands: the work, and its tick.
fn finish(stage: &mut Stage<'_, '_>, wp_id: &str) -> Result<(), DemoError> {
    let file = project::finish_subtasks(stage.project(), wp_id)?;
    let file = file.to_string_lossy();
    stage.git(&["add", &file])?;
    stage.git(&["commit", "-q", "-m", "Tick the subtasks"])?;
    stage.remark("The agent does the work and ticks its subtasks in tasks.md.")
}
