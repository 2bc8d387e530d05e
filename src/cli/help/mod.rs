//! `help`: the commands in groups, and the topics that belong to no command.
//!
//! What a table in the code knows (variables, settings, exit codes, error
//! codes) is printed from that table. Nothing here runs unless it was asked for,
//! but for the list of groups, which is put into the tree at the start.

use std::fmt::Write as _;

use clap::{Args, Command};

use super::exit::Exit;
use super::failure::Failure;
use super::output::Output;
use crate::suggest::nearest;

mod tables;

/// Print the help of a command, or explain a topic
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// environment, exit-codes, filters, json, offline or files; or a command
    #[arg(value_name = "TOPIC|COMMAND")]
    topic: Vec<String>,
}

struct Topic {
    name: &'static str,
    text: fn(&Command) -> String,
}

const TOPICS: [Topic; 6] = [
    Topic {
        name: "environment",
        text: tables::environment,
    },
    Topic {
        name: "exit-codes",
        text: |_| tables::exit_codes(),
    },
    Topic {
        name: "filters",
        text: |_| include_str!("filters.txt").to_owned(),
    },
    Topic {
        name: "json",
        text: |_| include_str!("json.txt").to_owned(),
    },
    Topic {
        name: "offline",
        text: |_| include_str!("offline.txt").to_owned(),
    },
    Topic {
        name: "files",
        text: |_| include_str!("files.txt").to_owned(),
    },
];

/// The commands as they are grouped at the top. What is in no group comes last.
const GROUPS: [(&str, &[&str]); 4] = [
    (
        "Work",
        &["implement", "merge", "accept", "orchestrate", "agent"],
    ),
    ("Event log", &["log", "emit"]),
    ("Sync", &["sync", "auth"]),
    (
        "Care",
        &[
            "doctor",
            "config",
            "demo",
            "dev-server",
            "completions",
            "man",
            "help",
        ],
    ),
];

/// The names of the topics.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TOPICS.iter().map(|topic| topic.name)
}

/// The text of a topic, as `help TOPIC` prints it; `None` when there is none.
#[must_use]
pub fn topic(name: &str) -> Option<String> {
    let topic = TOPICS.iter().find(|topic| topic.name == name)?;
    let mut tree = super::command();
    tree.build();
    Some((topic.text)(&tree))
}

/// The layout of the first page of help.
pub(super) fn template(command: &Command) -> String {
    let styles = command.get_styles();
    let (head, literal) = (styles.get_header(), styles.get_literal());
    let mut text = String::from("{about-with-newline}\n{usage-heading} {usage}\n");
    let grouped: Vec<&str> = GROUPS
        .iter()
        .flat_map(|(_, names)| *names)
        .copied()
        .collect();
    let others: Vec<&str> = command
        .get_subcommands()
        .map(Command::get_name)
        .filter(|name| !grouped.contains(name))
        .collect();
    let groups = GROUPS.iter().copied().chain([("More", others.as_slice())]);
    for (title, names) in groups {
        let listed: Vec<_> = names
            .iter()
            .filter_map(|name| command.find_subcommand(name))
            .collect();
        if listed.is_empty() {
            continue;
        }
        let _ = write!(text, "\n{head}{title}:{head:#}\n");
        for one in listed {
            let about = one.get_about().map(ToString::to_string);
            let (name, about) = (one.get_name(), about.unwrap_or_default());
            let gap = " ".repeat(13_usize.saturating_sub(name.len()));
            let _ = writeln!(text, "  {literal}{name}{literal:#}{gap}{about}");
        }
    }
    let _ = write!(text, "\n{head}Options:{head:#}\n{{options}}{{after-help}}");
    text
}

pub(super) fn run(arguments: &Arguments, out: &mut Output) -> Result<(), Failure> {
    let mut tree = super::command();
    tree.build();
    let text = match arguments.topic.as_slice() {
        [] => tree.render_help().ansi().to_string(),
        [name] if name == "json" && out.json() => return out.line(super::SCHEMA.trim_end()),
        [name] if names().any(|known| known == name) => topic(name).unwrap_or_default(),
        words => of_command(&tree, words)?,
    };
    if out.json() {
        let name = arguments.topic.join(" ");
        let text = anstream::adapter::strip_str(&text).to_string();
        return out.object(&serde_json::json!({
            "kind": "help", "v": 1, "topic": name, "text": text,
        }));
    }
    out.whole(text.trim_end())
}

/// What the command says itself when it is asked for `--help`.
fn of_command(tree: &Command, words: &[String]) -> Result<String, Failure> {
    let mut command = tree;
    for word in words {
        command = command
            .find_subcommand(word)
            .ok_or_else(|| unknown(words, word, command))?;
    }
    let typed = words.iter().map(String::as_str);
    let typed = ["spec-kitty"].into_iter().chain(typed).chain(["--help"]);
    match super::command().try_get_matches_from(typed) {
        Ok(_) => Ok(String::new()),
        Err(help) => Ok(help.render().ansi().to_string()),
    }
}

fn unknown(words: &[String], word: &str, command: &Command) -> Failure {
    let is_top = words.first().is_some_and(|first| first == word);
    let mut known: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
    for topic in names().filter(|_| is_top) {
        known.push(topic);
    }
    let mut message = format!("there is no command or topic \"{}\"", words.join(" "));
    if let Some(meant) = nearest(word, &known).and_then(|index| known.get(index)) {
        let _ = write!(message, "\n  did you mean {meant}?");
    }
    Failure::new("no-such-topic", Exit::Usage, message).hint("spec-kitty help")
}
