//! The reference pages are made from the code and held to it:
//! `SPEC_KITTY_WRITE_GOLDEN=1 cargo test --test habits reference` writes them.

use std::fmt::Write as _;
use std::path::Path;

use clap::Command;
use spec_kitty::cli::environment;
use spec_kitty::cli::exit::Exit;
use spec_kitty::cli::failure::codes::CODES;
use spec_kitty::config::KEYS;

use crate::support::{Place, everything};

const MADE: &str =
    "<!-- Made from the code: SPEC_KITTY_WRITE_GOLDEN=1 cargo test --test habits reference -->\n";

#[track_caller]
fn hold(page: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(page);
    if std::env::var_os("SPEC_KITTY_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let present = std::fs::read_to_string(&path).unwrap_or_default();
    if present != text {
        let differs = present
            .lines()
            .zip(text.lines())
            .find(|(present, made)| present != made);
        panic!(
            "docs/{page} is not what the code says ({differs:?}). Make it anew:\n  \
             SPEC_KITTY_WRITE_GOLDEN=1 cargo test --test habits reference"
        );
    }
}

/// Text for a cell of a table: one line, nothing that Markdown would take.
fn cell(text: &str) -> String {
    let text = text.replace('\n', " ").replace('|', "\\|");
    text.replace('<', "&lt;")
        .replace("  ", " ")
        .trim()
        .to_owned()
}

fn signature(argument: &clap::Arg) -> String {
    let mut names = Vec::new();
    names.extend(argument.get_short().map(|short| format!("-{short}")));
    names.extend(argument.get_long().map(|long| format!("--{long}")));
    let mut text = names.join(", ");
    let takes = argument.get_action().takes_values();
    let values = argument.get_value_names().unwrap_or_default();
    if takes && !values.is_empty() {
        let values: Vec<_> = values.iter().map(ToString::to_string).collect();
        let _ = write!(
            text,
            "{}{}",
            if names.is_empty() { "" } else { " " },
            values.join(" ")
        );
    }
    text
}

fn row(argument: &clap::Arg) -> String {
    let help = argument
        .get_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    let mut about = cell(&help);
    let words: Vec<String> = argument
        .get_possible_values()
        .iter()
        .filter(|_| argument.get_action().takes_values() && !argument.is_hide_possible_values_set())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if !words.is_empty() {
        let _ = write!(about, ": {}", words.join(", "));
    }
    let defaults = argument.get_default_values();
    if !defaults.is_empty()
        && argument.get_action().takes_values()
        && argument.get_long() != Some("color")
    {
        let values: Vec<_> = defaults
            .iter()
            .map(|value| value.to_string_lossy())
            .collect();
        let _ = write!(about, " (default `{}`)", values.join(","));
    }
    if let Some(name) = argument.get_env() {
        let _ = write!(about, " (`{}`)", name.to_string_lossy());
    }
    format!(
        "| `{}` | {about} |\n",
        signature(argument).replace('|', "\\|")
    )
}

fn shown<'a>(
    command: &'a Command,
    everywhere: &'a [String],
) -> impl Iterator<Item = &'a clap::Arg> {
    command.get_arguments().filter(move |argument| {
        let id = argument.get_id().as_str();
        !argument.is_hide_set()
            && !["help", "version"].contains(&id)
            && !everywhere.iter().any(|global| global == id)
    })
}

fn section(text: &mut String, place: &Place, everywhere: &[String]) {
    let Place { words, command } = place;
    let _ = write!(
        text,
        "\n{} {}\n\n",
        "#".repeat(words.len() + 1),
        words.join(" ")
    );
    let about = command
        .get_about()
        .map(ToString::to_string)
        .unwrap_or_default();
    let long = command.get_long_about().map(ToString::to_string);
    // Help has no full stop behind its first line; a page does.
    let long = long.map(|long| long.replacen("\n\n", ".\n\n", 1));
    let _ = writeln!(
        text,
        "{}",
        long.unwrap_or(format!("{about}.")).replace('<', "&lt;")
    );
    let mut usage = command.clone().render_usage().to_string();
    if let Some(rest) = usage.strip_prefix("Usage: ") {
        usage = rest.trim_end().to_owned();
    }
    if command.is_subcommand_required_set() {
        return;
    }
    let _ = write!(text, "\n```text\n{usage}\n```\n");
    let mut rows = String::new();
    for argument in shown(command, everywhere) {
        rows.push_str(&row(argument));
    }
    if !rows.is_empty() {
        let _ = write!(text, "\n| | |\n|---|---|\n{rows}");
    }
    if let Some(after) = command.get_after_long_help() {
        let _ = write!(text, "\n```text\n{}\n```\n", after.to_string().trim_end());
    }
}

#[test]
fn the_command_reference_is_what_the_code_says() {
    let places = everything();
    let root = &places[0].command;
    let everywhere: Vec<String> = root
        .get_arguments()
        .filter(|argument| argument.is_global_set())
        .map(|argument| argument.get_id().to_string())
        .collect();
    let mut text = String::from(MADE);
    text.push_str(
        "# Commands\n\nWhat each command takes. The program says the same with `--help`, which also fits a \
         terminal. A name in capitals\nand brackets, such as `SPEC_KITTY_UTC`, is the variable that stands for \
         an option; all of them are in\n[settings.md](settings.md). What a command may end with is in \
         [errors.md](errors.md).\n\n## Everywhere\n\n| | |\n|---|---|\n",
    );
    for argument in root
        .get_arguments()
        .filter(|argument| argument.is_global_set())
    {
        text.push_str(&row(argument));
    }
    for place in places.iter().skip(1) {
        section(&mut text, place, &everywhere);
    }
    hold("commands.md", &text);
}

#[test]
fn the_page_of_settings_and_variables_is_what_the_code_says() {
    let mut text = String::from(MADE);
    text.push_str(
        "# Settings and variables\n\n`spec-kitty config list` shows every setting with its value and who said \
         so; `spec-kitty config set` changes one and\nkeeps everything else in `config.toml` as it is. A word on \
         the command line wins over a variable, a variable over the\nfile. The file is shared with the Python \
         tool, whose other keys are left alone.\n\n`sync.auto` is off, whatever the file says, where something else \
         keeps commands from starting the background\nsender: `SPEC_KITTY_NO_DAEMON` or `SPEC_KITTY_SYNC_DISABLE` in \
         the environment, then `sync: {auto_start: false}` or\n`sync: {enabled: false}` in the `.kittify/config.yaml` \
         of the project around the directory. `config list` and `config\nget` say what is in force there, and \
         by whose word (`default`, `config.toml`, `project`, `environment`).\n\n## Settings\n\n| setting | holds | default | what it is |\n\
         |---|---|---|---|\n",
    );
    for key in KEYS {
        let default = key.default_value().to_string();
        let default = if default.is_empty() {
            "none".to_owned()
        } else {
            format!("`{default}`")
        };
        let variable = key
            .variable
            .map(|name| format!(" (`{name}`)"))
            .unwrap_or_default();
        let _ = writeln!(
            text,
            "| `{}` | {} | {default} | {}{variable} |",
            key.full_name(),
            key.kind.expects(),
            cell(key.about)
        );
    }
    text.push_str("\n## Variables\n\nSet but empty counts as not set. `0`, `false`, `no` and `off` switch a switch off.\n");
    let mut tree = spec_kitty::cli::command();
    tree.build();
    for (title, variables) in environment::groups(&tree) {
        let _ = write!(
            text,
            "\n### {}\n\n| | |\n|---|---|\n",
            title.replace('`', "")
        );
        for variable in variables {
            let _ = writeln!(text, "| `{}` | {} |", variable.name, cell(&variable.about));
        }
    }
    text.push_str("\n### Options without a variable\n\n| | |\n|---|---|\n");
    for (name, reason) in environment::WITHOUT {
        let _ = writeln!(text, "| `{name}` | {} |", cell(reason));
    }
    hold("settings.md", &text);
}

#[test]
fn the_page_of_errors_is_what_the_code_says() {
    let mut text = String::from(MADE);
    text.push_str(
        "# Exit codes and error codes\n\nA command that fails says on stderr what happened and why, and what to do \
         next. With `--json` the last line of\nstderr is `{\"error\":{\"code\",\"exit\",\"message\",\"hint\"}}`. Codes \
         do not change; messages do. `spec-kitty help exit-codes`\nsays the same.\n\nAbove all codes: a workflow \
         command never fails, and never waits, because an event could not be recorded or sent.\n\n\
         ## Exit codes\n\n| exit | means |\n|---|---|\n",
    );
    for exit in Exit::ALL {
        let _ = writeln!(text, "| {} | {} |", exit.code(), cell(exit.about()));
    }
    text.push_str("\n## Error codes\n");
    for (title, codes) in CODES {
        let _ = write!(
            text,
            "\n### {title}\n\n| code | exit | means |\n|---|---|---|\n"
        );
        for code in *codes {
            let _ = writeln!(
                text,
                "| `{}` | {} | {} |",
                code.word,
                code.exits_as_text(", "),
                cell(code.about)
            );
        }
    }
    hold("errors.md", &text);
}
