//! The documents keep to the truth where a test can tell: links lead somewhere,
//! tests that are named exist, tables of rooms are the real ones.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file with this ending below `dir`.
fn files(dir: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn documents() -> Vec<(PathBuf, String)> {
    let mut paths = files(&root().join("docs"), ".md");
    paths.extend(["README.md", "CHANGELOG.md"].map(|name| root().join(name)));
    paths
        .into_iter()
        .map(|path| (path.clone(), fs::read_to_string(&path).unwrap()))
        .collect()
}

/// The targets of the links in a page.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("](")
        .filter_map(|(at, mark)| text[at + mark.len()..].split(')').next())
}

/// The name that a heading can be linked by.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let title = heading.trim_start_matches('#').trim();
    title
        .chars()
        .filter(kept)
        .collect::<String>()
        .to_lowercase()
        .replace(' ', "-")
}

fn has_anchor(page: &Path, wanted: &str) -> bool {
    let text = fs::read_to_string(page).unwrap();
    let mut headings = text.lines().filter(|line| line.starts_with('#'));
    headings.any(|heading| anchor(heading) == wanted)
}

#[test]
fn every_link_leads_somewhere() {
    let mut broken = Vec::new();
    for (page, text) in documents() {
        for link in links(&text).filter(|link| !link.contains("://")) {
            let (file, wanted) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => page.clone(),
                file => page.parent().unwrap().join(file),
            };
            let leads = target.exists() && (wanted.is_empty() || has_anchor(&target, wanted));
            if !leads {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(
        broken.is_empty(),
        "links that lead nowhere:\n{}",
        broken.join("\n")
    );
}

#[test]
fn every_page_can_be_found_from_the_index() {
    let mut lonely = Vec::new();
    for dir in ["docs", "docs/decisions"] {
        let dir = root().join(dir);
        let index = fs::read_to_string(dir.join("README.md")).unwrap();
        let linked: BTreeSet<_> = links(&index).collect();
        for entry in fs::read_dir(&dir).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".md") && name != "README.md" && !linked.contains(name.as_str()) {
                lonely.push(dir.join(name));
            }
        }
    }
    assert!(lonely.is_empty(), "no index names: {lonely:?}");
}

/// A test that a page calls as a witness: a name of several words, in backticks.
fn witnesses(text: &str) -> BTreeSet<&str> {
    let named = text.split('`').skip(1).step_by(2);
    let is_witness = |name: &&str| {
        name.matches('_').count() >= 4
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    named.filter(is_witness).collect()
}

#[test]
fn every_test_that_is_named_exists() {
    let mut code = String::new();
    for path in [root().join("src"), root().join("tests")]
        .iter()
        .flat_map(|dir| files(dir, ".rs"))
    {
        code.push_str(&fs::read_to_string(path).unwrap());
    }
    let mut missing = Vec::new();
    for (page, text) in documents() {
        for name in witnesses(&text) {
            if !code.contains(&format!("fn {name}(")) {
                missing.push(format!("{}: {name}", page.display()));
            }
        }
    }
    assert!(
        missing.is_empty(),
        "tests that do not exist:\n{}",
        missing.join("\n")
    );
}

#[test]
fn every_room_and_source_file_that_is_named_exists() {
    let mut missing = Vec::new();
    for (page, text) in documents() {
        for name in text.split('`').skip(1).step_by(2) {
            let is_path = ["src/", "tests/", "fuzz/", "docs/"]
                .iter()
                .any(|dir| name.starts_with(dir));
            if is_path && !name.contains(['<', '*', ' ']) && !root().join(name).exists() {
                missing.push(format!("{}: {name}", page.display()));
            }
        }
    }
    assert!(
        missing.is_empty(),
        "files that do not exist:\n{}",
        missing.join("\n")
    );
}

/// The commands of this program that a page shows or names, without arguments.
fn commands(text: &str) -> BTreeSet<Vec<String>> {
    let shown = text
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("spec-kitty "));
    let named = text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|code| code.strip_prefix("spec-kitty "));
    let is_word = |word: &&str| {
        !word.starts_with('-') && word.chars().all(|c| c.is_ascii_lowercase() || c == '-')
    };
    shown
        .chain(named)
        .map(|line| {
            line.split_whitespace()
                .take_while(is_word)
                .map(str::to_owned)
                .collect()
        })
        .collect()
}

#[test]
fn every_command_that_is_shown_exists() {
    let mut unknown = Vec::new();
    for (page, text) in documents() {
        for words in commands(&text).iter().filter(|words| !words.is_empty()) {
            let mut command = Command::new(env!("CARGO_BIN_EXE_spec-kitty"));
            let asked = command.args(words).arg("--help").output().unwrap();
            let usage = format!("spec-kitty {}", words.join(" "));
            let known = String::from_utf8_lossy(&asked.stdout).contains(&usage);
            // `help` is the one command that has no help of its own.
            if words[0] != "help" && !(known && asked.status.success()) {
                unknown.push(format!("{}: {usage}", page.display()));
            }
        }
    }
    assert!(
        unknown.is_empty(),
        "commands that do not exist:\n{}",
        unknown.join("\n")
    );
}

/// The block under "A first look" does what it says, typed as it stands.
#[cfg(unix)]
#[test]
fn the_first_look_of_the_readme_works() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, after) = readme.split_once("## A first look").unwrap();
    let script = after
        .split("```")
        .nth(1)
        .unwrap()
        .strip_prefix("sh\n")
        .unwrap();
    let home = tempfile::tempdir().unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_spec-kitty"))
        .parent()
        .unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.args(["-euc", script]).current_dir(home.path());
    shell
        .env("PATH", path)
        .env("SPEC_KITTY_HOME", home.path().join("home"))
        .env("SPEC_KITTY_NO_DAEMON", "1");
    let done = shell.output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(
        done.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&done.stderr)
    );
    assert!(
        said.contains("HistoryAdded") && said.contains("Sound"),
        "{said}"
    );
}
