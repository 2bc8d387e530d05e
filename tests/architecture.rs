//! The shape of the source, held still: who may import whom, who may print,
//! how long a file may be. `docs/ARCHITECTURE.md` says why.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Every room and the rooms it may import, lowest first. A room may only name
/// rooms above it in this table, so that there can be no circle.
const ROOMS: &[(&str, &[&str])] = &[
    ("platform", &[]),
    ("position", &[]),
    ("server_url", &[]),
    ("target", &[]),
    ("suggest", &[]),
    ("scratch", &["platform"]),
    ("home", &["platform"]),
    ("private_file", &["platform"]),
    ("event", &["position", "suggest", "target"]),
    ("log", &["platform", "position"]),
    (
        "state",
        &["home", "platform", "position", "scratch", "target"],
    ),
    (
        "config",
        &["platform", "private_file", "server_url", "suggest"],
    ),
    (
        "auth",
        &[
            "config",
            "home",
            "platform",
            "private_file",
            "server_url",
            "target",
        ],
    ),
    (
        "sync",
        &[
            "auth",
            "config",
            "event",
            "home",
            "log",
            "platform",
            "position",
            "private_file",
            "state",
            "target",
        ],
    ),
    (
        "retention",
        &["event", "log", "position", "state", "sync", "target"],
    ),
    (
        "emitter",
        &[
            "auth",
            "config",
            "event",
            "home",
            "log",
            "platform",
            "position",
            "retention",
            "state",
            "target",
        ],
    ),
    (
        "legacy",
        &[
            "event",
            "home",
            "log",
            "platform",
            "position",
            "private_file",
            "scratch",
            "server_url",
            "state",
            "target",
        ],
    ),
    ("workflow", &["event", "platform"]),
    ("dev_server", &["event", "platform"]),
    ("demo", &["dev_server", "event", "home", "log", "position"]),
];

/// The one room that prints may import all the others.
const TOP: &str = "cli";

/// Not of the program: what Cargo runs before it builds it, and listens to.
const BUILD: &str = "link";

const MAX_LINES: usize = 400;

struct Source {
    path: PathBuf,
    room: String,
    text: String,
}

impl Source {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// The lines that are code, numbered from 1.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let numbered = self.text.lines().enumerate();
        numbered
            .map(|(index, line)| (index + 1, line))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    collect(&root.join("src"), root, &mut found);
    assert!(found.len() > 50, "the sources were not found");
    found
}

fn collect(dir: &Path, root: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, root, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(root).unwrap().to_owned();
            let room = path.components().nth(1).unwrap().as_os_str();
            let room = Path::new(room)
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            found.push(Source { path, room, text });
        }
    }
}

/// The room that comes after each `crate::` in a line of code.
fn named_after_crate(line: &str) -> impl Iterator<Item = &str> {
    let ends = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    let places = line.match_indices("crate::");
    places.filter_map(move |(at, word)| line.get(at + word.len()..)?.split(ends).next())
}

/// How many modules above the crate's root a file's module lies.
fn depth(path: &Path) -> usize {
    let below_src = path.components().count() - 1;
    below_src - usize::from(path.file_name().is_some_and(|name| name == "mod.rs"))
}

#[test]
fn the_table_names_every_room_and_has_no_circle() {
    let mut above = BTreeSet::new();
    for (room, imports) in ROOMS {
        for import in *imports {
            assert!(
                above.contains(import),
                "{room} imports {import}, which is not above it"
            );
        }
        above.insert(*room);
    }
    let present: BTreeSet<_> = sources().into_iter().map(|source| source.room).collect();
    let known = |room: &str| above.contains(room) || [TOP, BUILD, "lib", "main"].contains(&room);
    let unknown: Vec<_> = present.iter().filter(|room| !known(room)).collect();
    assert!(
        unknown.is_empty(),
        "rooms without a line in the table: {unknown:?}"
    );
    let gone: Vec<_> = above
        .iter()
        .filter(|room| !present.contains(**room))
        .collect();
    assert!(gone.is_empty(), "rooms that are no more: {gone:?}");
}

#[test]
fn imports_follow_the_directions() {
    let mut wrong = Vec::new();
    for source in sources() {
        let Some((_, allowed)) = ROOMS.iter().find(|(room, _)| *room == source.room) else {
            continue;
        };
        for (number, line) in source.code() {
            for named in named_after_crate(line) {
                if named != source.room && !allowed.contains(&named) {
                    wrong.push(format!("{}:{number}: {}", source.name(), line.trim()));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "imports against the directions:\n{}",
        wrong.join("\n")
    );
}

/// What the check above cannot see: a group of rooms in one `use`, and a way
/// out of a room by `super::`.
#[test]
fn another_room_is_always_named_by_a_path_of_its_own() {
    let mut wrong = Vec::new();
    for source in sources() {
        let way_out = "super::".repeat(depth(&source.path));
        for (number, line) in source.code() {
            let leaves = !line.starts_with(' ') && line.contains(&way_out);
            if line.contains("crate::{") || leaves {
                wrong.push(format!("{}:{number}: {}", source.name(), line.trim()));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "write `crate::room::…`:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn only_the_command_line_prints() {
    const PRINTING: &[&str] = &[
        "print!(",
        "println!(",
        "dbg!(",
        "io::stdout(",
        "io::stderr(",
    ];
    let mut wrong = Vec::new();
    let silent = |source: &Source| ![TOP, BUILD].contains(&source.room.as_str());
    for source in sources().into_iter().filter(silent) {
        for (number, line) in source.code() {
            if PRINTING.iter().any(|call| line.contains(call)) {
                wrong.push(format!("{}:{number}: {}", source.name(), line.trim()));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "only src/{TOP} prints:\n{}",
        wrong.join("\n")
    );
}

/// Crates that are old, unsafe inside or different on every platform, and the
/// only places that may call them.
const FENCES: &[(&str, &[&str])] = &[
    ("bincode::", &["src/event/codec.rs", "src/state/codec.rs"]),
    ("sled::", &["src/state/"]),
    ("fs2::", &["src/platform"]),
    ("rusqlite::", &["src/legacy/"]),
    ("rustix::", &["src/platform"]),
    (" nix::", &["src/platform/"]),
];

#[test]
fn fenced_crates_are_called_behind_their_fences() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (number, line) in source.code() {
            for (name, places) in FENCES {
                let inside = places.iter().any(|place| source.name().starts_with(place));
                if line.contains(name) && !inside {
                    wrong.push(format!("{}:{number}: {}", source.name(), line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "outside the fence:\n{}", wrong.join("\n"));
}

fn is_test_only(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("#[cfg(test)]") || line.starts_with("#[cfg(all(test")
}

/// Tests may know the system they run on; what ships may not, but in one place.
#[test]
fn what_differs_between_systems_is_in_one_module() {
    const SYSTEMS: &[&str] = &["unix", "windows", "target_os", "std::os::"];
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| source.room != "platform") {
        let shipped = source.code().take_while(|(_, line)| !is_test_only(line));
        let is_test = source.name().ends_with("tests.rs");
        for (number, line) in shipped.filter(|_| !is_test) {
            let conditional = line.contains("cfg(") || line.contains("std::os::");
            if conditional && SYSTEMS.iter().any(|system| line.contains(system)) {
                wrong.push(format!("{}:{number}: {}", source.name(), line.trim()));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "belongs into src/platform:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn every_module_says_what_it_is_for() {
    let silent: Vec<_> = sources()
        .iter()
        .filter(|source| !source.text.starts_with("//!"))
        .map(Source::name)
        .collect();
    assert!(
        silent.is_empty(),
        "files that do not begin with //!: {silent:#?}"
    );
}

#[test]
fn no_file_is_longer_than_one_sitting() {
    let long: Vec<_> = sources()
        .iter()
        .map(|source| (source.name(), source.text.lines().count()))
        .filter(|(_, lines)| *lines > MAX_LINES)
        .collect();
    assert!(
        long.is_empty(),
        "files of more than {MAX_LINES} lines: {long:#?}"
    );
}

/// A test that runs a command must not leave a process behind by accident: each
/// file that names the program says that nothing is started, or uses a file
/// that does.
#[test]
fn no_test_starts_a_background_sender_by_accident() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wrong = Vec::new();
    let mut directories = vec![root.join("tests"), root.join("benches")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let runs = ["cargo_bin", "CARGO_BIN_EXE"].map(|name| text.contains(name));
                if runs.contains(&true) && !text.contains("SPEC_KITTY_NO_DAEMON") {
                    wrong.push(path.display().to_string());
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "set SPEC_KITTY_NO_DAEMON=1 in:\n{}",
        wrong.join("\n")
    );
}
