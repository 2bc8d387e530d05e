//! `agent …`: the commands that coding agents run.

use clap::Subcommand;

use super::failure::Failure;
use super::output::Output;
use crate::home::{Home, HomeError};

mod add_history;
mod finalize;
mod mark_status;
mod move_task;

/// Commands for coding agents.
#[derive(Debug, Subcommand)]
pub(super) enum AgentCommand {
    /// Work packages and their lanes
    #[command(subcommand)]
    Tasks(TasksCommand),
    /// Features and their plans
    #[command(subcommand)]
    Feature(FeatureCommand),
}

/// Commands about features.
#[derive(Debug, Subcommand)]
pub(super) enum FeatureCommand {
    /// Write the dependencies that tasks.md states into the work packages, and announce them
    FinalizeTasks(finalize::Arguments),
}

/// Commands about work packages.
#[derive(Debug, Subcommand)]
pub(super) enum TasksCommand {
    /// Move a work package to another lane
    MoveTask(move_task::Arguments),
    /// Tick or untick subtasks, or set the lane of work packages
    MarkStatus(mark_status::Arguments),
    /// Add a line to a work package's activity log
    AddHistory(add_history::Arguments),
}

/// Runs a workflow command. A home that cannot be found costs the events, never
/// the command.
pub(super) fn run(
    command: AgentCommand,
    home: &Result<Home, HomeError>,
    out: &mut Output,
) -> Result<(), Failure> {
    match command {
        AgentCommand::Tasks(TasksCommand::MoveTask(arguments)) => {
            move_task::run(arguments, home, out)
        }
        AgentCommand::Tasks(TasksCommand::MarkStatus(arguments)) => {
            mark_status::run(arguments, home, out)
        }
        AgentCommand::Tasks(TasksCommand::AddHistory(arguments)) => {
            add_history::run(arguments, home, out)
        }
        AgentCommand::Feature(FeatureCommand::FinalizeTasks(arguments)) => {
            finalize::run(arguments, home, out)
        }
    }
}
