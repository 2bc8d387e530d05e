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

/// The command lines of this program that a page shows or names.
fn commands(text: &str) -> Vec<&str> {
    let shown = text
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("spec-kitty "));
    let named = text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|code| code.strip_prefix("spec-kitty "));
    shown.chain(named).collect()
}

/// What of a line is no command or no option of a command that exists.
fn unknown_part(line: &str, tree: &clap::Command) -> Option<String> {
    let mut command = tree;
    let mut is_word = true;
    for word in line.split_whitespace() {
        if ["|", "<", ">", ">>", "&", "&&", "\\", "#", "||", ";"].contains(&word) {
            break;
        }
        if let Some(long) = word.strip_prefix("--") {
            let long = long.split('=').next().unwrap_or_default();
            let long = long.trim_end_matches([',', '.', ';', ')']);
            let mut options = command.get_arguments().chain(tree.get_arguments());
            let known = options.any(|option| option.get_long() == Some(long));
            if !known && !long.is_empty() && !["help", "version"].contains(&long) {
                return Some(format!("{} has no option --{long}", command.get_name()));
            }
            is_word = false;
        } else if let (true, Some(inner)) = (is_word, command.find_subcommand(word)) {
            command = inner;
        } else if is_word && command.is_subcommand_required_set() {
            let is_command = word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
            if is_command && !word.starts_with('-') {
                return Some(format!("{} has no command {word}", command.get_name()));
            }
            is_word = false;
        }
    }
    None
}

#[test]
fn every_command_and_every_option_that_is_shown_exists() {
    let mut tree = spec_kitty::cli::command();
    tree.build();
    let mut unknown = Vec::new();
    for (page, text) in documents() {
        for line in commands(&text) {
            if let Some(why) = unknown_part(line, &tree) {
                unknown.push(format!("{}: `spec-kitty {line}`: {why}", page.display()));
            }
        }
    }
    assert!(
        unknown.is_empty(),
        "commands that do not exist:\n{}",
        unknown.join("\n")
    );
}

/// The guides, and what has to be there to follow them.
#[cfg(unix)]
const GUIDES: [(&str, &[&str]); 5] = [
    ("quick-start.md", &["git"]),
    ("offline.md", &["git"]),
    ("scripting.md", &[]),
    ("damaged-log.md", &[]),
    ("receiver.md", &["curl"]),
];

/// The blocks of a page that are to be typed.
#[cfg(unix)]
fn typed_blocks(text: &str) -> Vec<&str> {
    let blocks = text.split("\n```sh\n").skip(1);
    blocks
        .map(|block| block.split("\n```").next().unwrap())
        .collect()
}

/// A line may say how it ends: `# ends with 4 when …, 7 when …`.
#[cfg(unix)]
fn with_ends(block: &str) -> String {
    let line = |line: &str| match line.split_once("# ends with ") {
        None => line.to_owned(),
        Some((command, ends)) => {
            let codes: Vec<&str> = ends
                .split(|c: char| !c.is_ascii_digit())
                .filter(|code| !code.is_empty())
                .collect();
            format!(
                "{command} || case $? in {}) ;; *) exit 99;; esac",
                codes.join("|")
            )
        }
    };
    block.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Every guide is followed from its first block to its last, as it stands. A
/// block that starts the reference server runs beside the others.
#[cfg(unix)]
#[test]
fn the_guides_work_as_typed() {
    for (page, needed) in GUIDES {
        let there = |tool: &&str| Command::new(tool).arg("--version").output().is_ok();
        if !needed.iter().all(there) {
            continue;
        }
        let text = fs::read_to_string(root().join("docs").join(page)).unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port().to_string();
        drop(free);
        let text = text.replace("8028", &port);
        let home = tempfile::tempdir().unwrap();
        if page == "damaged-log.md" {
            damage(home.path());
        }
        let mut servers = Vec::new();
        let mut script = String::from("set -eu\n");
        for block in typed_blocks(&text) {
            if block.contains("spec-kitty dev-server") {
                let block = format!("exec env SPEC_KITTY_DEV_PORT={port} {block}");
                let mut server = in_shell(home.path(), &block);
                server.stdout(std::process::Stdio::null());
                server.stderr(std::process::Stdio::null());
                servers.push(server.spawn().unwrap());
                let begun = std::time::Instant::now();
                while std::net::TcpStream::connect(format!("127.0.0.1:{port}")).is_err() {
                    assert!(begun.elapsed().as_secs() < 60, "{page}: no server");
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
            } else {
                script.push_str(&with_ends(block));
                script.push('\n');
            }
        }
        let done = in_shell(home.path(), &script).output().unwrap();
        for server in &mut servers {
            // By a signal that lets it remove what it keeps.
            let told = Command::new("kill").arg(server.id().to_string()).status();
            assert!(told.unwrap().success());
            server.wait().unwrap();
        }
        let said = String::from_utf8_lossy(&done.stdout);
        let complained = String::from_utf8_lossy(&done.stderr);
        assert!(
            done.status.success(),
            "docs/{page} cannot be followed ({:?}):\n{said}\n{complained}",
            done.status.code()
        );
    }
}

/// A log of three events with one flipped bit.
#[cfg(unix)]
fn damage(dir: &Path) {
    let note = r#"{"wp_id":"WP01","entry_type":"note","entry_content":"begun"}"#;
    let emit = format!("for i in 1 2 3; do spec-kitty emit HistoryAdded --payload '{note}'; done");
    assert!(in_shell(dir, &emit).output().unwrap().status.success());
    let segment = dir.join("home/log/0000000001.seg");
    let mut bytes = fs::read(&segment).unwrap();
    // The first page of a segment is its header; the second event is behind it.
    let at = 1024 + (bytes.len() - 1024) / 2;
    bytes[at] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let verdict = in_shell(dir, "spec-kitty log verify").output().unwrap();
    assert_eq!(verdict.status.code(), Some(5), "nothing was damaged");
}

/// `sh` where the program is on the path, with a home of its own.
#[cfg(unix)]
fn in_shell(home: &Path, script: &str) -> Command {
    let programs = Path::new(env!("CARGO_BIN_EXE_spec-kitty"))
        .parent()
        .unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell
        .args(["-c", script])
        .current_dir(home)
        .stdin(std::process::Stdio::null())
        .env("PATH", path)
        .env("SPEC_KITTY_HOME", home.join("home"))
        .env("SPEC_KITTY_NO_DAEMON", "1");
    for name in [
        "SPEC_KITTY_SERVER_URL",
        "SPECIFY_FEATURE",
        "SPECIFY_REPO_ROOT",
    ] {
        shell.env_remove(name);
    }
    shell
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
    let mut shell = in_shell(home.path(), &format!("set -eu\n{script}"));
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
