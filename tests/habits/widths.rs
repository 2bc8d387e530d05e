//! cli-anchors §6.4: no line of any command for people is wider than the terminal,
//! whatever names there are, and however the command ends.
//!
//! A command that is there to be copied is one line, and so are documents (`help`,
//! `man`, `completions`), the payload of an event, and what stands for itself: a
//! path or an address that is longer than the terminal has no place to be broken.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use spec_kitty::cli::output::{is_hostile, width};

use crate::matrix::{LONG, SERVING, words};
use crate::project::{FEATURE, Project, copy};
use crate::support::{everything, stderr, stdout};

/// Wide letters, pictures, and a sign that is wide in its picture form only.
const SLUG: &str = "029-日本語のとても長い名前-🎉🎉-❤\u{fe0f}-完成";
const NOTE: &str = "日本語の長い説明 🎉 with words, and more of them, until no line can hold it";
/// What is data or a document, and laid out for 80 columns.
const DOCUMENTS: [&str; 4] = ["completions", "man", "help", "log export"];

/// A project with a feature of wide letters beside the usual one, and a home with
/// its events.
struct Wide {
    project: Project,
}

impl Wide {
    fn new() -> Self {
        let project = Project::new();
        let wide = Self { project };
        let feature = wide.feature();
        copy(&wide.project.feature(), &feature);
        for entry in fs::read_dir(feature.join("tasks")).unwrap() {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            let text = text.replace("title: \"", "title: \"日本語の題名 🎉 ");
            fs::write(&path, text).unwrap();
        }
        wide.project.git(&["add", "-A"]);
        wide.project.git(&["commit", "-qm", "wide"]);
        let payload = serde_json::json!({
            "wp_id": "WP01", "entry_type": "note", "entry_content": NOTE,
        });
        let payload = payload.to_string();
        for _ in 0..3 {
            wide.project
                .run(&["emit", "HistoryAdded", "--payload", &payload])
                .ok();
        }
        wide
    }

    fn feature(&self) -> PathBuf {
        self.project.root().join("kitty-specs").join(SLUG)
    }

    fn shown(&self, directory: &Path, feature: &str, columns: usize, words: &[String]) -> Output {
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        self.project
            .program(directory, &words)
            .env("SPEC_KITTY_FORCE_TTY", "1")
            .env("COLUMNS", columns.to_string())
            .env("LC_ALL", "C.UTF-8")
            .env("SPECIFY_FEATURE", feature)
            .output()
            .unwrap()
    }
}

/// What may be wider: a command, or one word.
fn may_be_wide(line: &str) -> bool {
    let text = line.trim();
    let labels = ["next: ", "or: "];
    let text = labels
        .iter()
        .find_map(|label| text.strip_prefix(label))
        .unwrap_or(text);
    let commands = ["spec-kitty ", "git ", "cd ", "mv ", "chmod "];
    commands.iter().any(|command| text.starts_with(command)) || !text.contains(' ')
}

/// The lines of an output that are too wide, or that could drive a terminal.
fn wrong(output: &Output, columns: usize) -> Vec<String> {
    let (out, err) = (stdout(output), stderr(output));
    let lines = out.lines().chain(err.lines());
    let wrong = lines.filter(|line| {
        let plain = anstream::adapter::strip_str(line).to_string();
        let is_wide = width(line) > columns && !may_be_wide(&plain);
        is_wide || plain.chars().any(is_hostile)
    });
    wrong.map(str::to_owned).collect()
}

#[test]
fn no_line_of_any_command_is_wider_than_the_terminal() {
    let wide = Wide::new();
    let root = wide.project.root();
    let nowhere = tempfile::tempdir().unwrap();
    let mut complaints = Vec::new();
    let mut shown = 0;
    for place in everything() {
        let name = place.name();
        let is_document = DOCUMENTS.iter().any(|document| name.starts_with(document));
        // A group alone prints its help, which is a document, too.
        let is_document = is_document || place.command.has_subcommands();
        if is_document || SERVING.contains(&name.as_str()) || LONG.contains(&name.as_str()) {
            continue;
        }
        let words = words(&place);
        for columns in [80, 60, 40] {
            // What succeeds once may fail the second time; both are looked at.
            for (directory, feature) in [
                (root.as_path(), SLUG),
                (root.as_path(), FEATURE),
                (nowhere.path(), "030-nowhere"),
            ] {
                let output = wide.shown(directory, feature, columns, &words);
                shown += stdout(&output).lines().count() + stderr(&output).lines().count();
                let lines = wrong(&output, columns);
                complaints.extend(
                    lines
                        .iter()
                        .map(|line| format!("{columns} `{name}`: {line}")),
                );
            }
        }
    }
    assert!(shown > 500, "little was shown: {shown}");
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
