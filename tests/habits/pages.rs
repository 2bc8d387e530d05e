//! Completions, manual pages and help topics.

use std::collections::BTreeSet;

use crate::support::{everything, run, stderr, stdout, wrong_command};
use spec_kitty::cli::output::width;

const TOPICS: [&str; 6] = [
    "environment",
    "exit-codes",
    "filters",
    "json",
    "offline",
    "files",
];

#[test]
fn every_command_has_a_manual_page() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("man/man1");
    let done = run(home.path(), &["man", "--dir", dir.to_str().unwrap()]);
    assert!(done.status.success(), "{}", stderr(&done));
    let written: BTreeSet<String> = std::fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let wanted: BTreeSet<String> = everything()
        .iter()
        .filter(|place| place.name() != "help")
        .map(|place| {
            format!(
                "{}.1",
                [&["spec-kitty".into()], &place.words[..]]
                    .concat()
                    .join("-")
            )
        })
        .collect();
    assert_eq!(written, wanted);
    for name in written {
        let page = std::fs::read_to_string(dir.join(&name)).unwrap();
        for part in [".TH", ".SH NAME", ".SH SYNOPSIS"] {
            assert!(page.contains(part), "{name} has no {part}");
        }
    }
    let first = run(home.path(), &["man"]);
    assert!(stdout(&first).contains(".TH spec-kitty 1"));
    let report: serde_json::Value =
        serde_json::from_slice(&run(home.path(), &["man", "--json"]).stdout).unwrap();
    assert_eq!(report["kind"], "man");
}

#[test]
fn pages_that_cannot_be_written_are_told_with_a_way_out() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    std::fs::write(&file, "").unwrap();
    let failed = run(home.path(), &["man", "--dir", file.to_str().unwrap()]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(
        stderr(&failed).starts_with("error[man]: "),
        "{}",
        stderr(&failed)
    );
}

#[test]
fn completions_are_printed_for_four_shells_and_no_other() {
    let home = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = run(home.path(), &["completions", shell]);
        assert!(script.status.success());
        assert!(stdout(&script).contains("move-task"), "{shell}");
    }
    let other = run(home.path(), &["completions", "zshell"]);
    assert_eq!(other.status.code(), Some(2));
    assert!(
        stderr(&other).contains("did you mean zsh?"),
        "{}",
        stderr(&other)
    );
}

/// The scripts are read by the shells themselves, where there is such a shell.
#[test]
fn bash_reads_its_completions() {
    let home = tempfile::tempdir().unwrap();
    let script = run(home.path(), &["completions", "bash"]).stdout;
    let file = home.path().join("script");
    std::fs::write(&file, script).unwrap();
    let ask = "source \"$0\"; COMP_WORDS=(spec-kitty log ta); COMP_CWORD=2; \
               _spec__kitty spec-kitty ta log; echo \"${COMPREPLY[@]}\"";
    let shell = std::process::Command::new("bash")
        .args(["--norc", "-c", ask])
        .arg(&file)
        .output();
    let Ok(shell) = shell else {
        return;
    };
    assert_eq!(stdout(&shell).trim(), "tail", "{}", stderr(&shell));
}

#[test]
fn every_topic_fits_80_columns_and_shows_only_commands_that_exist() {
    let home = tempfile::tempdir().unwrap();
    for topic in TOPICS {
        let said = run(home.path(), &["help", topic]);
        assert!(said.status.success(), "{topic}: {}", stderr(&said));
        let text = stdout(&said);
        for line in text.lines() {
            assert!(width(line) <= 80, "{topic}: {line}");
            let shown = line.trim_start().strip_prefix("spec-kitty ");
            if let Some(rest) = shown {
                let rest = rest.split("   ").next().unwrap();
                let rest = rest.split(" | ").next().unwrap();
                let rest = rest.split(" > ").next().unwrap();
                let wrong = wrong_command(&format!("spec-kitty {rest}"));
                assert_eq!(wrong, None, "help {topic}: {line}");
            }
        }
    }
}

#[test]
fn help_of_a_command_is_what_the_command_says_itself() {
    let home = tempfile::tempdir().unwrap();
    for place in everything() {
        let words: Vec<&str> = place.words.iter().map(String::as_str).collect();
        if words.is_empty() {
            continue;
        }
        let by_help = run(home.path(), &[&["help"], &words[..]].concat());
        let by_itself = run(home.path(), &[&words[..], &["--help"]].concat());
        assert_eq!(stdout(&by_help), stdout(&by_itself), "{}", place.name());
        assert!(by_help.status.success() && by_itself.status.success());
    }
}

#[test]
fn a_mistyped_topic_or_command_is_guessed() {
    let home = tempfile::tempdir().unwrap();
    for (typed, meant) in [
        (&["help", "enviroment"][..], "environment"),
        (&["help", "exit_code"], "exit-codes"),
        (&["help", "log", "verfy"], "verify"),
        (&["help", "synk"], "sync"),
    ] {
        let said = run(home.path(), typed);
        assert_eq!(said.status.code(), Some(2));
        let wanted = format!("did you mean {meant}?");
        assert!(stderr(&said).contains(&wanted), "{}", stderr(&said));
    }
}

/// Help is asked for when something is broken: it must need nothing.
#[test]
fn help_needs_no_home_and_makes_none() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("none");
    std::fs::create_dir(&home).unwrap();
    for words in [
        &["help"][..],
        &["help", "files"],
        &["--help"],
        &["--version"],
        &["completions", "fish"],
        &["man"],
        &["config", "list"],
    ] {
        assert!(run(&home, words).status.success(), "{words:?}");
    }
    assert_eq!(std::fs::read_dir(&home).unwrap().count(), 0);
}
