//! What clap_complete leaves out of the script for fish: the options of commands
//! that are three words deep, and the words that an argument without a name may be.
//!
//! Everything here comes from the command tree; nothing is asked of the system.

use std::fmt::Write as _;

use clap::{Arg, Command};

/// The lines that are missing in the script of the built tree `command`.
pub(super) fn missing(command: &Command) -> String {
    let mut script = String::new();
    add(command, &mut Vec::new(), &mut script);
    script
}

fn add<'c>(command: &'c Command, path: &mut Vec<&'c str>, script: &mut String) {
    /// So many words of a command are dealt with by the generator.
    const KNOWN_DEPTH: usize = 2;
    let start = format!("complete -c spec-kitty -n \"{}\"", condition(path));
    let visible = command.get_arguments().filter(|one| !one.is_hide_set());
    for argument in visible {
        let words = words(argument);
        let line = match argument.is_positional() {
            true if words.is_empty() => continue,
            true => format!("{start} -f -a '{words}'"),
            false if path.len() > KNOWN_DEPTH => option(&start, argument, &words),
            false => continue,
        };
        let _ = writeln!(script, "{line}");
    }
    for inner in command.get_subcommands() {
        path.push(inner.get_name());
        add(inner, path, script);
        path.pop();
    }
}

/// When fish is at this command, in the words of the generated script.
fn condition(path: &[&str]) -> String {
    let mut text = match path.first() {
        Some(first) => format!("__fish_spec_kitty_using_subcommand {first}"),
        None => "__fish_spec_kitty_needs_command".to_owned(),
    };
    for word in path.iter().skip(1) {
        let _ = write!(text, "; and __fish_seen_subcommand_from {word}");
    }
    text
}

fn option(start: &str, argument: &Arg, words: &str) -> String {
    let mut line = start.to_owned();
    if let Some(short) = argument.get_short() {
        let _ = write!(line, " -s {short}");
    }
    if let Some(long) = argument.get_long() {
        let _ = write!(line, " -l {long}");
    }
    if let Some(help) = argument.get_help() {
        let _ = write!(line, " -d '{}'", quoted(&help.to_string()));
    }
    if argument.get_action().takes_values() {
        line.push_str(" -r");
        if !words.is_empty() {
            let _ = write!(line, " -f -a '{words}'");
        }
    }
    line
}

/// The words that the argument may be, but for those that are hidden.
fn words(argument: &Arg) -> String {
    let values = argument.get_possible_values().into_iter();
    let values =
        values.filter(|value| !value.is_hide_set() && argument.get_action().takes_values());
    let words: Vec<_> = values.map(|value| quoted(value.get_name())).collect();
    words.join(" ")
}

fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('\'', "\\'");
    text.replace(char::is_control, " ")
}
