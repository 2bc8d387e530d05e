//! Every command has help that fits 80 columns and says how the option is
//! called in the environment.

use std::collections::BTreeSet;

use crate::support::{Place, everything, wrong_command};
use spec_kitty::cli::columns::left;
use spec_kitty::cli::environment::{self, WITHOUT};
use spec_kitty::cli::output::width;

const COLUMNS: usize = 80;

#[test]
fn the_help_of_every_command_fits_80_columns() {
    let mut wide = Vec::new();
    for Place { words, mut command } in everything() {
        for text in [command.render_help(), command.render_long_help()] {
            let text = text.to_string();
            let lines = text.lines().filter(|line| width(line) > COLUMNS);
            wide.extend(lines.map(|line| format!("{} --help: {line}", words.join(" "))));
        }
    }
    assert!(wide.is_empty(), "wider than 80:\n{}", wide.join("\n"));
    assert_eq!(width(&left("x", COLUMNS)), COLUMNS);
}

#[test]
fn every_command_and_every_option_says_what_it_is_for() {
    let mut silent = Vec::new();
    for place in everything() {
        let about = place.command.get_about().map(ToString::to_string);
        if about.is_none_or(|about| about.trim().is_empty() || about.contains('\n')) {
            silent.push(format!("{}: no one-line description", place.name()));
        }
        for argument in place.command.get_arguments() {
            if argument.get_help().is_none() {
                silent.push(format!("{} {}", place.name(), argument.get_id()));
            }
        }
    }
    assert!(silent.is_empty(), "without help:\n{}", silent.join("\n"));
}

/// The commands shown under "Examples:" of a help page.
fn examples(place: &Place) -> Vec<String> {
    let long = place.command.get_after_long_help();
    let text = long.or(place.command.get_after_help());
    let text = text.map(ToString::to_string).unwrap_or_default();
    let whole = text.replace("\\\n", " ").replace("|\n", "| ");
    let mut found = Vec::new();
    for line in whole.lines() {
        for part in line.split('|') {
            let Some(at) = part.find("spec-kitty ") else {
                continue;
            };
            // What follows several spaces explains, what follows these marks is the shell's.
            let command = part[at..].trim();
            let ends = ["   ", " > ", " >> ", " < ", " && "];
            let command = ends.iter().fold(command, |command, end| {
                command.split(end).next().unwrap_or(command)
            });
            found.push(command.to_owned());
        }
    }
    found
}

#[test]
fn every_example_in_the_help_can_be_typed() {
    let mut wrong = Vec::new();
    let mut shown = 0;
    for place in everything() {
        for line in place
            .command
            .get_after_long_help()
            .map(ToString::to_string)
            .unwrap_or_default()
            .lines()
        {
            if width(line) > COLUMNS {
                wrong.push(format!("{}: would be wrapped: {line}", place.name()));
            }
        }
        for example in examples(&place) {
            shown += 1;
            if let Some(why) = wrong_command(&example) {
                wrong.push(format!("{}: `{example}`: {why}", place.name()));
            }
        }
    }
    assert!(shown > 20, "the examples were not found: {shown}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_commands_people_type_most_have_examples() {
    let important = [
        "implement",
        "merge",
        "accept",
        "orchestrate",
        "agent tasks move-task",
        "agent tasks mark-status",
        "agent tasks add-history",
        "emit",
        "log tail",
        "log export",
        "log import",
        "sync now",
        "auth login",
        "config set",
        "completions",
        "man",
    ];
    let places = everything();
    for name in important {
        let place = places.iter().find(|place| place.name() == name).unwrap();
        assert!(!examples(place).is_empty(), "{name} has no examples");
    }
}

#[test]
fn every_command_stands_in_a_group_of_the_first_page() {
    let mut tree = spec_kitty::cli::command();
    let page = tree.render_help().to_string();
    assert!(
        !page.contains("\nMore:"),
        "give the command under \"More\" a place in GROUPS, src/cli/help/mod.rs:\n{page}"
    );
    for command in tree.get_subcommands() {
        let name = format!("\n  {} ", command.get_name());
        assert!(page.contains(&name), "{name} is not on the first page");
    }
}

/// Every option, by its long name, with the variable that stands for it.
fn options() -> BTreeSet<(String, Option<String>, String)> {
    let mut options = BTreeSet::new();
    for place in everything() {
        for argument in place.command.get_arguments() {
            let Some(long) = argument.get_long() else {
                continue;
            };
            if !["help", "version"].contains(&long) && !argument.is_hide_set() {
                let variable = argument.get_env();
                let variable = variable.map(|name| name.to_string_lossy().into_owned());
                options.insert((format!("--{long}"), variable, place.name()));
            }
        }
    }
    options
}

#[test]
fn every_option_has_a_variable_or_is_listed_as_having_none() {
    let mut undecided = Vec::new();
    for (long, variable, place) in options() {
        let listed = WITHOUT.iter().any(|(name, _)| *name == long);
        if variable.is_none() && !listed {
            undecided.push(format!(
                "{place} {long}: give it `env = \"SPEC_KITTY_…\", hide_env_values = true`, or a \
                 line with the reason in WITHOUT, src/cli/environment.rs"
            ));
        }
        if let Some(name) = variable {
            assert!(
                name.starts_with("SPEC_KITTY_"),
                "{place} {long}: {name} is no name of ours"
            );
        }
    }
    assert!(undecided.is_empty(), "{}", undecided.join("\n"));
}

#[test]
fn what_is_listed_as_having_no_variable_exists_and_has_none() {
    let options = options();
    for (name, reason) in WITHOUT {
        let without = options
            .iter()
            .any(|(long, variable, _)| long == name && variable.is_none());
        assert!(without, "{name} ({reason}) is no option without a variable");
    }
    assert!(WITHOUT.is_sorted_by_key(|(name, _)| name));
}

#[test]
fn every_variable_that_is_read_is_explained() {
    let topic = spec_kitty::cli::topic("environment").unwrap();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut unknown = BTreeSet::new();
    let mut stack = vec![root];
    while let Some(dir) = stack.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                stack.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            for start in ["SPEC_KITTY_", "SPECIFY_"] {
                for (at, _) in text.match_indices(start) {
                    let is_name = |c: &char| c.is_ascii_uppercase() || matches!(c, '_' | '0'..='9');
                    let name: String = text[at..].chars().take_while(is_name).collect();
                    let whole = name.len() > start.len() && !name.ends_with('_');
                    if whole && !topic.contains(&name) {
                        unknown.insert(format!("{name} ({})", path.display()));
                    }
                }
            }
        }
    }
    assert!(
        unknown.is_empty(),
        "add them to src/cli/environment.rs: {unknown:#?}"
    );
    let mut tree = spec_kitty::cli::command();
    tree.build();
    for (_, variables) in environment::groups(&tree) {
        for variable in variables {
            assert!(topic.contains(&variable.name), "{}", variable.name);
        }
    }
}
