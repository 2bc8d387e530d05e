//! The command tree as a list, and the program run without a terminal.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A command with the words that lead to it, such as `log tail`.
pub(crate) struct Place {
    pub(crate) words: Vec<String>,
    pub(crate) command: clap::Command,
}

impl Place {
    pub(crate) fn name(&self) -> String {
        self.words.join(" ")
    }
}

/// Every command, groups included, but for clap's own `help` inside groups.
pub(crate) fn everything() -> Vec<Place> {
    let mut tree = spec_kitty::cli::command();
    tree.build();
    let mut places = Vec::new();
    collect(&tree, &[], &mut places);
    assert!(places.len() > 40, "the tree was not walked");
    places
}

fn collect(command: &clap::Command, words: &[String], places: &mut Vec<Place>) {
    places.push(Place {
        words: words.to_vec(),
        command: command.clone(),
    });
    for inner in command.get_subcommands() {
        if inner.get_name() == "help" && !words.is_empty() {
            continue;
        }
        let mut longer = words.to_vec();
        longer.push(inner.get_name().to_owned());
        collect(inner, &longer, places);
    }
}

/// The program in a home of its own, without a terminal and with an empty stdin.
pub(crate) fn program(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spec-kitty"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("SPEC_KITTY_") || text.starts_with("SPECIFY_") {
            command.env_remove(name);
        }
    }
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "CI"] {
        command.env_remove(name);
    }
    command
        .env("SPEC_KITTY_HOME", home)
        .env("SPEC_KITTY_NO_DAEMON", "1")
        .env("TERM", "xterm-256color")
        .current_dir(home)
        .stdin(Stdio::null());
    command
}

/// Runs the words in `home`.
pub(crate) fn run(home: &Path, words: &[&str]) -> Output {
    program(home).args(words).output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Splits a line as a shell would: spaces, quotes, a backslash before a quote.
pub(crate) fn shell_words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut begun, mut quote) = (String::new(), false, None);
    for character in line.chars() {
        match (character, quote) {
            (mark @ ('"' | '\''), None) => (quote, begun) = (Some(mark), true),
            (mark, Some(open)) if mark == open => quote = None,
            (' ', None) if begun => {
                words.push(std::mem::take(&mut word));
                begun = false;
            }
            (' ', None) => {}
            (other, _) => {
                word.push(other);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

/// Why this line is no command of the program; placeholders such as `NNN-name`
/// may stand where values do.
pub(crate) fn wrong_command(line: &str) -> Option<String> {
    use clap::error::ErrorKind;
    let words = shell_words(line);
    match spec_kitty::cli::command().try_get_matches_from(&words) {
        Ok(_) => None,
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::ValueValidation
            | ErrorKind::InvalidValue => None,
            _ => Some(error.to_string().lines().next().unwrap().to_owned()),
        },
    }
}
