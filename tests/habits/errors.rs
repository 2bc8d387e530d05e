//! Errors: each code is in the table, each hint is a command that exists, and
//! what is printed is short.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::wrong_command;
use spec_kitty::cli::failure::codes::{self, CODES};

fn sources(dir: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
    let mut found = Vec::new();
    let mut stack = vec![root];
    while let Some(path) = stack.pop() {
        if path.is_dir() {
            stack.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let code = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            found.push((path, code.collect::<Vec<_>>().join("\n")));
        }
    }
    found.sort();
    found
}

fn is_code(word: &str) -> bool {
    let mut parts = word.split('-');
    word.len() > 2
        && parts.all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase()))
}

/// The texts in quotes of a source.
fn literals(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let (mut begun, mut escaped) = (None, false);
    let mut literal = String::new();
    let mut last = ' ';
    for (at, character) in text.char_indices() {
        match (begun, character) {
            (None, '"') if last != '\'' => begun = Some(at),
            (None, _) => {}
            (Some(_), _) if escaped => {
                escaped = false;
                if character == 'n' {
                    literal.push('\n');
                } else if character != '\n' {
                    literal.push(character);
                }
            }
            (Some(_), '\\') => escaped = true,
            (Some(from), '"') => {
                found.push((from, std::mem::take(&mut literal)));
                begun = None;
            }
            (Some(_), other) => literal.push(other),
        }
        last = character;
    }
    found
}

/// The words in the sources that stand where an error code does.
fn codes_in_use() -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for (path, text) in sources("src/cli") {
        let name = path.display().to_string();
        if name.ends_with("failure/codes.rs") {
            continue;
        }
        let of_failures = name.contains("cli/failure");
        for (at, word) in literals(&text) {
            let before = text[..at].trim_end();
            let made = ["Failure::new(", "failed("]
                .iter()
                .any(|call| before.ends_with(call));
            let listed = of_failures
                && ["(", "=> ", "=>", "code =", "Self::new("]
                    .iter()
                    .any(|mark| before.ends_with(mark.trim_end()));
            if is_code(&word) && (made || listed) {
                found.insert((word, name.clone()));
            }
        }
    }
    found
}

#[test]
fn every_error_code_in_the_sources_is_in_the_table() {
    let used = codes_in_use();
    assert!(used.len() > 80, "the codes were not found: {}", used.len());
    let unknown: Vec<_> = used
        .iter()
        .filter(|(word, _)| codes::find(word).is_none())
        .collect();
    assert!(
        unknown.is_empty(),
        "add them to src/cli/failure/codes.rs: {unknown:#?}"
    );
}

#[test]
fn no_code_in_the_table_is_there_for_nothing() {
    let mut said = BTreeSet::new();
    for dir in ["src/cli", "src/emitter", "src/sync"] {
        for (path, text) in sources(dir) {
            if !path.ends_with("failure/codes.rs") {
                said.extend(literals(&text).into_iter().map(|(_, word)| word));
            }
        }
    }
    let idle: Vec<_> = CODES
        .iter()
        .flat_map(|(_, codes)| *codes)
        .filter(|code| !said.contains(code.word))
        .map(|code| code.word)
        .collect();
    assert!(idle.is_empty(), "no source says them: {idle:?}");
}

#[test]
fn every_code_is_explained_by_the_program() {
    let topic = spec_kitty::cli::topic("exit-codes").unwrap();
    for (title, codes) in CODES {
        assert!(topic.contains(title));
        for code in *codes {
            assert!(
                topic.contains(&format!("\n  {} ", code.word)),
                "{}",
                code.word
            );
        }
    }
}

/// The commands that a text names: from `spec-kitty` to where the sentence goes on.
fn named_commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("spec-kitty ") {
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '~' | '_');
        // What fish is told about the program is no command of it.
        if text[..at].ends_with(is_name) || text[..at].ends_with("complete -c ") {
            continue;
        }
        let rest = &text[at..];
        let ends = [
            "; ", ", ", "`", ")", "\n", " or ", " and ", " && ", "   ", " | ", " > ", " >> ",
            " \\", " < ", " makes ", ": ", "…",
        ];
        let command = ends.iter().fold(rest, |command, end| {
            command.split(end).next().unwrap_or(command)
        });
        let command = command.trim().trim_end_matches(['.', ',', ';', ':']);
        let next = command.split(' ').nth(1).unwrap_or_default();
        let prose = ["that", "is", "of", "needs", "command", "project"];
        // Which command is filled in, only the running program knows.
        if !next.is_empty() && !next.starts_with('{') && !prose.contains(&next) {
            found.push(placed(command));
        }
    }
    found
}

/// What a format string fills in, replaced by a word.
fn placed(command: &str) -> String {
    let mut text = String::new();
    let mut depth = 0;
    for character in command.chars() {
        match character {
            '{' => depth += 1,
            '}' => {
                depth -= 1;
                text.push_str("X1");
            }
            other if depth == 0 => text.push(other),
            _ => {}
        }
    }
    text
}

#[test]
fn every_command_in_a_message_or_hint_can_be_typed() {
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for dir in [
        "src/cli",
        "src/sync",
        "src/emitter",
        "src/retention",
        "src/workflow",
    ] {
        for (path, text) in sources(dir) {
            // What the tests of a source say is not said to people.
            let text = text.split("#[cfg(test)]").next().unwrap();
            for (_, literal) in literals(text) {
                for command in named_commands(&literal) {
                    if let Some(why) = wrong_command(&command) {
                        wrong.push(format!("{}: `{command}`: {why}", path.display()));
                    }
                    seen.insert(command);
                }
            }
        }
    }
    assert!(seen.len() > 40, "the commands were not found: {seen:#?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
