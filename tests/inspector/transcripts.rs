//! What commands print, to the letter, as files under `tests/transcripts/`.
//!
//! `SPEC_KITTY_WRITE_GOLDEN=1 cargo test --test inspector transcripts` writes them
//! anew; look at what changed before you commit it.
//!
//! The homes are made the same each time, down to ids and times, and no command is
//! shown that tells ages. So nothing is left out, and one thing only is replaced: the
//! directory of the home, which the test itself knows.

use std::path::{Path, PathBuf};

use spec_kitty::state::{Outcome, Retry};

use crate::support::{Bench, PROJECT, Ran, id, ran, rejected};

fn file(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("tests/transcripts").join(format!("{name}.txt"))
}

/// A small story: created, moved, refused, failed; with texts of every width.
fn story() -> Bench {
    let bench = Bench::new();
    bench.sign_in("alice");
    let created =
        r#"{"wp_id":"WP01","title":"日本語 の題名 🎉","dependencies":[],"feature_slug":"028-x"}"#;
    bench.emit("WPCreated", created);
    bench.moved("WP01", "planned", "doing", "claude");
    bench.caused(
        &id(1),
        "begun; this is a longer text, and it does not fit into any narrow line",
    );
    let failed = r#"{"wp_id":"WP01","error_type":"runtime","error_message":"2 failed\u001b[31m, 118 passed","agent_id":"codex"}"#;
    bench.emit("ErrorLogged", failed);
    bench.moved("WP01", "doing", "for_review", "Ada \u{202e}Lovelace");
    bench.caused(&id(4), "seen");
    bench.answered(
        PROJECT,
        &[
            (1, id(0), Outcome::Delivered),
            (2, id(1), Outcome::Duplicate),
            (
                3,
                id(2),
                rejected(Retry::At(4_000_000_000_000), "the feature is closed"),
            ),
            (
                4,
                id(3),
                rejected(Retry::Never, "WP01 has open subtasks: T009, T010"),
            ),
        ],
    );
    bench
}

fn transcript(bench: &Bench, shown: &[(String, Ran)]) -> String {
    let mut text = String::new();
    for (command, ran) in shown {
        text.push_str(&format!("$ {command}\n{}", ran.stdout));
        if !ran.stderr.is_empty() {
            text.push_str(&format!("--- beside it\n{}", ran.stderr));
        }
        text.push_str(&format!("--- exit {}\n\n", ran.code.unwrap()));
    }
    let text = text.replace(&*bench.home().to_string_lossy(), "HOME");
    assert!(
        !text.contains("/tmp/") && !text.contains("SECRET"),
        "{text}"
    );
    text
}

/// Compares with the file, or writes it.
fn is_as_written(name: &str, text: &str) {
    let path = file(name);
    if std::env::var_os("SPEC_KITTY_WRITE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        return;
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = text
        .lines()
        .zip(written.lines())
        .position(|(new, old)| new != old);
    assert!(
        text == written,
        "{} differs from line {:?} on; printed was:\n{text}",
        path.display(),
        differs.map(|line| line + 1)
    );
}

fn at_terminal(bench: &Bench, columns: usize, command: &str) -> (String, Ran) {
    let arguments: Vec<_> = command.split(' ').collect();
    (command.to_owned(), bench.page(columns, &arguments))
}

fn piped(bench: &Bench, command: &str) -> (String, Ran) {
    let arguments: Vec<_> = command.split(' ').collect();
    (
        format!("{command} | cat"),
        ran(&mut bench.command(&arguments)),
    )
}

#[test]
fn what_a_terminal_shows() {
    let bench = story();
    for columns in [120, 80, 40] {
        let commands = [
            "log tail --utc",
            "log tail --utc -u -n 2",
            "log why 3 --utc",
            "log why 4 --utc",
            "log why 6 --utc",
            "log show 4 --utc",
            "log stats --utc",
        ];
        let shown: Vec<_> = commands
            .map(|command| at_terminal(&bench, columns, command))
            .into();
        is_as_written(&format!("terminal-{columns}"), &transcript(&bench, &shown));
    }
}

#[test]
fn what_a_pipe_gets() {
    let bench = story();
    let commands = [
        "log tail",
        "log tail -o csv",
        "log tail --json -n 1",
        "log why 4 --utc",
        "log why 4 --json",
        "log show 4",
        "log stats",
        "log stats --json",
        "log verify",
    ];
    let shown: Vec<_> = commands.map(|command| piped(&bench, command)).into();
    is_as_written("pipe", &transcript(&bench, &shown));
}

#[test]
fn what_is_said_when_something_is_wrong() {
    let bench = story();
    let commands = [
        "log why 99",
        "log why 01KG",
        "log why @77",
        "log show 01KGHNZCG00000000000000009",
        "log tail --type WPStatusChangd",
        "log tail --state deliverd",
        "log tail --since 1M",
        "log tail --lamport 5..4",
        "--json log why 99",
        "doctor --fix --bundle /",
    ];
    let shown: Vec<_> = commands
        .map(|command| at_terminal(&bench, 80, command))
        .into();
    is_as_written("errors", &transcript(&bench, &shown));
}
