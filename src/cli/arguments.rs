//! From the words of the command line to a [`Cli`], or to the failure that they
//! are.
//!
//! Wrong usage is told like every other failure: a code, what is wrong, what to
//! type next. A variable that is set but empty counts as not set, and a word on
//! the command line wins over a variable.

use std::ffi::OsString;
use std::mem::ManuallyDrop;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, CommandFactory, FromArgMatches, Subcommand};

use super::failure::Failure;
use super::help;
use super::output::Form;
use super::{Cli, Color, Global, agent, log, sync};

mod alone;

mod meant;

/// The whole command tree: what completions, manual pages, `help` and the
/// command reference are made from.
#[must_use]
pub fn command() -> Command {
    let command = Cli::command();
    let template = help::template(&command);
    command.help_template(template)
}

/// What came of the words.
pub(super) enum Parsed {
    /// A command to run.
    Run(Box<Cli>),
    /// Help or the version, to be printed.
    Shown(clap::Error),
    /// Nothing that can be run.
    Wrong(Failure, Form),
}

/// Reads the arguments of this process.
pub(super) fn parse() -> Parsed {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    // What a part of the tree does not understand the whole tree explains.
    let in_part = || match branch(&arguments).map(|tree| parse_by(tree, &arguments)) {
        Some(Ok(parsed)) => Ok(parsed),
        Some(Err(error)) if error.kind() == ErrorKind::DisplayVersion => Err(error),
        _ => parse_by(command(), &arguments),
    };
    match alone::parse(&arguments).map_or_else(in_part, Ok) {
        Ok((mut cli, typed)) => match settle(&mut cli, typed) {
            Ok(()) => Parsed::Run(Box::new(cli)),
            Err(failure) => Parsed::Wrong(failure, form(&arguments)),
        },
        Err(error) if !error.use_stderr() => Parsed::Shown(error),
        Err(error) if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            match form(&arguments) {
                Form::Human => Parsed::Shown(error),
                Form::Json => Parsed::Wrong(
                    Failure::usage("no command was given")
                        .hint(help_of(&self::command(), &arguments)),
                    Form::Json,
                ),
            }
        }
        Err(error) => {
            let tree = self::command();
            let hint = help_of(&tree, &arguments);
            let message = message(&error, &tree, &arguments);
            Parsed::Wrong(Failure::usage(message).hint(hint), form(&arguments))
        }
    }
}

/// The tree with that branch only that the first word names; making all of it
/// would cost a short command more than everything else it does.
fn branch(arguments: &[OsString]) -> Option<Command> {
    let name = arguments.get(1)?.to_str()?;
    if arguments.len() == 2 && matches!(name, "--version" | "-V") {
        return Some(Command::new("spec-kitty").version(env!("CARGO_PKG_VERSION")));
    }
    let tree = Global::augment_args(Command::new("spec-kitty").disable_help_subcommand(true));
    let branch = match name {
        "log" => log::LogCommand::augment_subcommands(Command::new("log")),
        "sync" => sync::SyncCommand::augment_subcommands(Command::new("sync")),
        "agent" => agent::AgentCommand::augment_subcommands(Command::new("agent")),
        _ => return None,
    };
    Some(tree.subcommand(branch))
}

/// Which of two options that exclude each other were typed.
#[derive(Clone, Copy, Debug)]
struct Typed {
    quiet: bool,
    verbose: bool,
}

impl Typed {
    fn of(matches: &ArgMatches) -> Self {
        let typed = |name| matches.value_source(name) == Some(ValueSource::CommandLine);
        Self {
            quiet: typed("quiet"),
            verbose: typed("verbose"),
        }
    }
}

fn parse_by(tree: Command, arguments: &[OsString]) -> Result<(Cli, Typed), clap::Error> {
    // The process is about to do one thing and end: to take the tree down would
    // cost as much as to use it.
    let mut tree = ManuallyDrop::new(without_empty_variables(tree));
    let mut matches = ManuallyDrop::new(tree.try_get_matches_from_mut(arguments)?);
    let typed = Typed::of(&matches);
    Ok((Cli::from_arg_matches_mut(&mut matches)?, typed))
}

/// `-q` and `-v` exclude each other; where one of them is a variable, the word
/// on the command line wins.
fn settle(cli: &mut Cli, typed: Typed) -> Result<(), Failure> {
    match (typed.quiet, typed.verbose) {
        (true, true) => {
            return Err(Failure::usage("--quiet and --verbose exclude each other")
                .hint("spec-kitty --help"));
        }
        (true, false) => cli.global.verbose = 0,
        (false, true) => cli.global.quiet = false,
        (false, false) => {}
    }
    Ok(())
}

/// The tree without those variables that are set but empty.
fn without_empty_variables(command: Command) -> Command {
    if has_empty_variable(&command) {
        forget_empty(command)
    } else {
        command
    }
}

fn has_empty_variable(command: &Command) -> bool {
    let is_empty = |argument: &Arg| {
        let value = argument.get_env().and_then(std::env::var_os);
        value.is_some_and(|value| value.is_empty())
    };
    command.get_arguments().any(is_empty) || command.get_subcommands().any(has_empty_variable)
}

fn forget_empty(command: Command) -> Command {
    command
        .mut_args(|argument| {
            let value = argument.get_env().and_then(std::env::var_os);
            if value.is_some_and(|value| value.is_empty()) {
                argument.env(None::<&'static str>)
            } else {
                argument
            }
        })
        .mut_subcommands(forget_empty)
}

/// What the parser found wrong, without its usage lines: the hint leads there.
fn message(error: &clap::Error, tree: &Command, arguments: &[OsString]) -> String {
    let text = error.render().to_string();
    let said = text
        .lines()
        .map(str::trim_end)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
        .filter(|line| !line.is_empty() && !line.starts_with("  tip: a similar "))
        .filter(|line| !line.starts_with("  tip: some similar "));
    let mut message = said.collect::<Vec<_>>().join("\n");
    if let Some(rest) = message.strip_prefix("error: ") {
        message = rest.to_owned();
    }
    let meant = meant::meant(error, tree, deepest(tree, arguments).0);
    if !meant.is_empty() {
        message.push_str(&format!("\n  did you mean {}?", meant.join(" or ")));
    }
    if let Some(name) = variable_at_fault(error, tree, arguments) {
        message.push_str(&format!("\n  the value comes from {name}"));
    }
    message
}

/// The variable that a wrong value was taken from.
fn variable_at_fault(
    error: &clap::Error,
    tree: &Command,
    arguments: &[OsString],
) -> Option<String> {
    let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let word = option.split_whitespace().next()?;
    let long = word.strip_prefix("--")?.trim_end_matches('.');
    let typed = arguments.iter().any(|argument| {
        let argument = argument.to_string_lossy();
        let name = argument.split('=').next().unwrap_or_default();
        name.strip_prefix("--") == Some(long)
    });
    let of_this = |command: &Command| {
        let mut options = command.get_arguments();
        let option = options.find(|option| option.get_long() == Some(long))?;
        let name = option.get_env()?;
        std::env::var_os(name)?;
        Some(name.to_string_lossy().into_owned())
    };
    if typed {
        return None;
    }
    of_this(deepest(tree, arguments).0).or_else(|| of_this(tree))
}

/// The command that shows how the one that was typed is used.
fn help_of(tree: &Command, arguments: &[OsString]) -> String {
    let (_, path) = deepest(tree, arguments);
    format!("spec-kitty {path}--help")
}

/// The command that was typed, as far as it exists.
fn deepest<'a>(tree: &'a Command, arguments: &[OsString]) -> (&'a Command, String) {
    let (mut command, mut path) = (tree, String::new());
    for argument in arguments.iter().skip(1) {
        if let Some(inner) = command.find_subcommand(argument) {
            command = inner;
            path.push_str(inner.get_name());
            path.push(' ');
        }
    }
    (command, path)
}

/// The form that errors take when the arguments could not be understood.
fn form(arguments: &[OsString]) -> Form {
    let variable = std::env::var("SPEC_KITTY_JSON").unwrap_or_default();
    let falsey = ["", "0", "n", "no", "f", "false", "off"];
    let said = !falsey.contains(&variable.to_lowercase().as_str());
    if said || arguments.iter().any(|argument| argument == "--json") {
        Form::Json
    } else {
        Form::Human
    }
}

/// The colour that was asked for, when the arguments as a whole were not
/// understood or ask for help.
pub(super) fn color() -> Color {
    let arguments: Vec<String> = std::env::args_os()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let joined = arguments
        .iter()
        .find_map(|argument| argument.strip_prefix("--color="));
    let apart = arguments
        .iter()
        .position(|argument| argument == "--color")
        .and_then(|at| arguments.get(at + 1));
    let variable = std::env::var("SPEC_KITTY_COLOR").ok();
    match joined.or(apart.map(String::as_str)).or(variable.as_deref()) {
        Some("always") => Color::Always,
        Some("never") => Color::Never,
        _ => Color::Auto,
    }
}
