//! `agent …`: the commands that coding agents run.

use clap::Subcommand;

use super::emission;
use super::failure::Failure;
use super::output::{Output, visible_line};
use crate::emitter::{EventEmitter, lock_timeout_from_env, start_directory};
use crate::event::{Draft, Invalid};
use crate::home::{Home, HomeError};

mod move_task;

/// Commands for coding agents.
#[derive(Debug, Subcommand)]
pub(super) enum AgentCommand {
    /// Work packages and their lanes
    #[command(subcommand)]
    Tasks(TasksCommand),
}

/// Commands about work packages.
#[derive(Debug, Subcommand)]
pub(super) enum TasksCommand {
    /// Move a work package to another lane
    MoveTask(move_task::Arguments),
}

/// Runs a workflow command. A home that cannot be found costs the events, never
/// the command.
pub(super) fn run(
    command: AgentCommand,
    home: Result<Home, HomeError>,
    out: &mut Output,
) -> Result<(), Failure> {
    let recorder = Recorder { home };
    match command {
        AgentCommand::Tasks(TasksCommand::MoveTask(arguments)) => {
            move_task::run(arguments, &recorder, out)
        }
    }
}

/// Records what a workflow command did. Whatever becomes of an event is at most
/// one line on stderr, and nothing else of the command changes.
struct Recorder {
    home: Result<Home, HomeError>,
}

impl Recorder {
    fn record(&self, drafts: Vec<Result<Draft, Invalid>>, out: &Output) {
        if drafts.is_empty() {
            return;
        }
        let lost = match (
            &self.home,
            drafts.into_iter().collect::<Result<Vec<_>, _>>(),
        ) {
            (Ok(home), Ok(drafts)) => {
                let emitter = EventEmitter::new(home.clone(), start_directory())
                    .lock_timeout(lock_timeout_from_env());
                emission::warn_once(out, &emitter.emit_all(drafts));
                emission::show_connection(home, out);
                return;
            }
            (_, Err(invalid)) => invalid.to_string(),
            (Err(unknown), _) => unknown.to_string(),
        };
        out.warn(format!(
            "an event was not recorded: {}",
            visible_line(&lost)
        ));
    }
}
