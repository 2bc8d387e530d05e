//! The command line: parsing, rendering, exit codes. The only room that prints.
//!
//! One file per command; a command takes its arguments and the [`Session`] and
//! returns a `Result<(), Failure>`. What a command computes comes from the
//! other rooms as values.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

mod accept;
mod agent;
mod ask;
mod auth;
mod background;
pub mod columns;
mod demo;
mod dev_server;
pub mod emission;
mod emit;
pub mod exit;
pub mod failure;
mod implement;
mod log;
mod merge;
mod orchestrate;
pub mod output;
pub mod progress;
pub mod signals;
pub mod style;
mod sync;
pub mod time;
mod workflow;

use exit::Exit;
use failure::Failure;
use output::{Form, Output, Verbosity};

use crate::home::Home;

/// An offline-first, crash-safe event log for spec-driven development.
#[derive(Debug, Parser)]
#[command(
    name = "spec-kitty",
    version,
    propagate_version = true,
    max_term_width = 100
)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: AnyCommand,
}

/// Options that every command takes.
#[derive(Debug, Args)]
pub struct Global {
    /// Where the log, the state and the credentials live [default: ~/.spec-kitty]
    ///
    /// SPEC_KITTY_HOME sets it too; set but empty counts as not set.
    #[arg(long, global = true, value_name = "DIR")]
    home: Option<PathBuf>,
    /// Machine-readable output
    #[arg(long, global = true, env = "SPEC_KITTY_JSON", value_parser = clap::builder::FalseyValueParser::new())]
    json: bool,
    /// Only errors
    #[arg(short, long, global = true, conflicts_with = "verbose", env = "SPEC_KITTY_QUIET", value_parser = clap::builder::FalseyValueParser::new())]
    quiet: bool,
    /// More detail; twice for debug
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// When to use colour
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        value_enum,
        default_value_t,
        env = "SPEC_KITTY_COLOR"
    )]
    color: Color,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum Color {
    /// On a terminal, unless the environment says otherwise.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// All commands.
#[derive(Debug, Subcommand)]
enum AnyCommand {
    /// What coding agents run: lanes, subtasks, history
    #[command(subcommand)]
    Agent(agent::AgentCommand),
    Implement(implement::Arguments),
    Merge(merge::Arguments),
    Accept(accept::Arguments),
    Orchestrate(orchestrate::Arguments),
    #[command(flatten)]
    AtHome(Command),
}

/// The commands that cannot work without a home. A workflow command can: it
/// only loses its events.
#[derive(Debug, Subcommand)]
enum Command {
    /// Sign in, sign out, show who you are
    #[command(subcommand)]
    Auth(auth::AuthCommand),
    /// Send what is waiting; see what is waiting, and why
    #[command(subcommand)]
    Sync(sync::SyncCommand),
    Demo(demo::Arguments),
    DevServer(dev_server::Arguments),
    Emit(emit::Arguments),
    /// See, count and check the local event log
    #[command(subcommand)]
    Log(log::LogCommand),
}

/// What every command needs: the home and the output.
pub struct Session {
    /// The home this process works in.
    pub home: Home,
    /// Where results and notes go.
    pub out: Output,
}

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    let matches = match Cli::command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return usage(&error),
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let out = output_for(&cli.global);
    let (result, mut out) = run(cli, out);
    ExitCode::from(finish(result, &mut out).code())
}

fn run(cli: Cli, mut out: Output) -> (Result<(), Failure>, Output) {
    let home = Home::resolve(cli.global.home.as_deref());
    let command = match cli.command {
        AnyCommand::Agent(command) => return (agent::run(command, &home, &mut out), out),
        AnyCommand::Implement(arguments) => {
            return (implement::run(arguments, &home, &mut out), out);
        }
        AnyCommand::Merge(arguments) => return (merge::run(arguments, &home, &mut out), out),
        AnyCommand::Orchestrate(arguments) => {
            return (orchestrate::run(arguments, &home, &mut out), out);
        }
        AnyCommand::Accept(arguments) => return (accept::run(arguments, &home, &mut out), out),
        AnyCommand::AtHome(command) => command,
    };
    let home = match home {
        Ok(home) => home,
        Err(error) => return (Err(error.into()), out),
    };
    let mut session = Session { home, out };
    let result = match command {
        Command::Auth(command) => auth::run(command, &mut session),
        Command::Sync(command) => sync::run(command, &mut session),
        Command::Emit(arguments) => emit::run(arguments, &mut session),
        Command::Demo(arguments) => demo::run(&arguments, &mut session.out),
        Command::DevServer(arguments) => dev_server::run(arguments, &mut session.out),
        Command::Log(command) => log::run(command, &mut session),
    };
    (result, session.out)
}

fn finish(result: Result<(), Failure>, out: &mut Output) -> Exit {
    let result = result.and_then(|()| out.flush());
    match result {
        Ok(()) => Exit::Done,
        Err(failure) => {
            out.failure(&failure);
            failure.exit
        }
    }
}

fn output_for(global: &Global) -> Output {
    match global.color {
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::AlwaysAnsi.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
    let form = if global.json { Form::Json } else { Form::Human };
    let verbosity = match (global.quiet, global.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, 0) => Verbosity::Normal,
        (false, 1) => Verbosity::Verbose,
        (false, _) => Verbosity::Debug,
    };
    Output::new(form, verbosity)
}

/// Help and version go to stdout and end with 0; wrong usage ends with 2, as
/// one JSON object where `--json` was among the arguments.
fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    if std::env::args_os().any(|argument| argument == "--json") {
        let text = error.render().to_string();
        let message = text
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("error: ");
        let failure = Failure::usage(message).hint("spec-kitty --help");
        Output::new(Form::Json, Verbosity::Normal).failure(&failure);
    } else {
        let _ = error.print();
    }
    ExitCode::from(Exit::Usage.code())
}
