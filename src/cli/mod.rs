//! The command line: parsing, rendering, exit codes. The only room that prints.
//!
//! One file per command; a command takes its arguments and the [`Session`] and
//! returns a `Result<(), Failure>`. What a command computes comes from the
//! other rooms as values.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

mod accept;
mod agent;
mod arguments;
mod ask;
mod auth;
mod background;
mod charset;
pub mod columns;
mod completions;
mod config;
mod demo;
mod dev_server;
mod doctor;
mod emission;
mod emit;
pub mod environment;
pub mod exit;
pub mod failure;
mod help;
mod implement;
mod log;
mod man;
mod merge;
mod orchestrate;
pub mod output;
mod progress;
mod signals;
mod style;
mod sync;
mod telling;
mod time;
mod workflow;

pub use arguments::command;
pub use help::topic;

use arguments::Parsed;
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
    max_term_width = 80,
    disable_help_subcommand = true,
    after_help = AFTER
)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: AnyCommand,
}

const AFTER: &str = "\
Topics: help environment, exit-codes, filters, json, offline, files
First time here?  spec-kitty demo";

/// The JSON Schema of what `--json` prints, as `help json --json` shows it.
///
/// It is open: within its version fields may be added.
pub const SCHEMA: &str = include_str!("../../docs/schema/output-v1.schema.json");

/// Options that every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// Where log, state and credentials live [default: ~/.spec-kitty]
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "SPEC_KITTY_HOME",
        hide_env_values = true
    )]
    home: Option<PathBuf>,
    /// Machine-readable output (see: help json)
    #[arg(long, global = true, env = "SPEC_KITTY_JSON", hide_env_values = true, value_parser = clap::builder::FalseyValueParser::new())]
    json: bool,
    /// Only errors
    #[arg(short, long, global = true, env = "SPEC_KITTY_QUIET", hide_env_values = true, value_parser = clap::builder::FalseyValueParser::new())]
    quiet: bool,
    /// More detail; twice for debug
    #[arg(short, long, global = true, action = clap::ArgAction::Count, env = "SPEC_KITTY_VERBOSE", hide_env_values = true)]
    verbose: u8,
    /// When to use colour: auto, always or never
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        value_enum,
        default_value_t,
        hide_possible_values = true,
        hide_default_value = true,
        env = "SPEC_KITTY_COLOR",
        hide_env_values = true
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
    Completions(completions::Arguments),
    Man(man::Arguments),
    Help(help::Arguments),
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
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Send what is waiting; see what is waiting, and why
    #[command(subcommand)]
    Sync(sync::SyncCommand),
    Demo(demo::Arguments),
    DevServer(dev_server::Arguments),
    Doctor(doctor::Arguments),
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
    let (result, mut out) = match arguments::parse() {
        Parsed::Run(cli) => {
            let out = output_for(&cli.global);
            run(*cli, out)
        }
        Parsed::Shown(text) => return show(&text),
        Parsed::Wrong(failure, form) => {
            choose_color(arguments::color());
            (Err(failure), Output::new(form, Verbosity::Normal))
        }
    };
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
        AnyCommand::Completions(arguments) => return (completions::run(&arguments, &mut out), out),
        AnyCommand::Man(arguments) => return (man::run(&arguments, &mut out), out),
        AnyCommand::Help(arguments) => return (help::run(&arguments, &mut out), out),
        AnyCommand::AtHome(command) => command,
    };
    let home = match home {
        Ok(home) => home,
        Err(error) => return (Err(error.into()), out),
    };
    let mut session = Session { home, out };
    let result = match command {
        Command::Auth(command) => auth::run(command, &mut session),
        Command::Config(command) => config::run(command, &mut session),
        Command::Sync(command) => sync::run(command, &mut session),
        Command::Emit(arguments) => emit::run(arguments, &mut session),
        Command::Demo(arguments) => demo::run(&arguments, &mut session.out),
        Command::DevServer(arguments) => dev_server::run(arguments, &mut session.out),
        Command::Doctor(arguments) => doctor::run(&arguments, &mut session),
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

fn choose_color(color: Color) {
    match color {
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::AlwaysAnsi.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
}

fn output_for(global: &Global) -> Output {
    choose_color(global.color);
    let form = if global.json { Form::Json } else { Form::Human };
    let verbosity = match (global.quiet, global.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, 0) => Verbosity::Normal,
        (false, 1) => Verbosity::Verbose,
        (false, _) => Verbosity::Debug,
    };
    Output::new(form, verbosity)
}

/// Help and version go to stdout and end with 0; help because no command was
/// given goes to stderr and is wrong usage.
fn show(text: &clap::Error) -> ExitCode {
    choose_color(arguments::color());
    let mut styled = text.render().ansi().to_string();
    if !styled.ends_with('\n') {
        styled.push('\n');
    }
    if text.use_stderr() {
        let _ = write!(anstream::stderr(), "{styled}");
        return ExitCode::from(Exit::Usage.code());
    }
    let _ = write!(anstream::stdout(), "{styled}");
    ExitCode::SUCCESS
}
