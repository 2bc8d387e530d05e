//! Which functions a start runs, as the linker's list of what lies first:
//! `src/link/first.ld`, of which `src/link/build.rs` says what it is for.
//!
//! Takes valgrind, and the program with its symbols, as Cargo leaves it. Names
//! are written without what a compiler puts into them to keep versions apart, so
//! that a list outlives the compiler it was made with, mostly.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::process::Command;

use crate::homes::{PAYLOAD, Place, program, scratch};

/// What is run all the time.
const COMMANDS: &[&[&str]] = &[
    &["emit", "HistoryAdded", "--payload", PAYLOAD],
    &["log", "tail", "-n", "1"],
    &["sync", "status"],
];

/// The list as it was when this was built: the file is about to be written anew.
const PRESENT: &str = include_str!("../../../src/link/first.ld");

/// Prints the list; says on stderr what has changed.
pub fn order() {
    let dir = scratch();
    let place = Place::new(dir.path(), "http://127.0.0.1:9", "");
    // What only a new home needs does not count.
    place.run(COMMANDS[0]);
    let mut listed = BTreeSet::new();
    println!("/* Made by `spec-kitty-peers order`, see benches/README.md. */");
    println!("SECTIONS\n{{\n  .text :\n  {{");
    for command in COMMANDS {
        println!("    /* {} {} */", command[0], command[1]);
        let run = patterns(&place, command, dir.path());
        for pattern in run.difference(&listed) {
            println!("    {}", line(pattern));
        }
        listed.extend(run);
    }
    println!("  }}\n}}\nINSERT BEFORE .init;");
    let new = listed
        .iter()
        .filter(|pattern| !PRESENT.contains(&line(pattern)));
    let (all, new) = (listed.len(), new.count());
    assert!(all > 200, "{all} names: has the program lost its symbols?");
    eprintln!("{all} names, {new} of them not in the list that this was built with");
}

/// Also what the compiler holds to be run rarely, in `.text.unlikely.…`.
fn line(pattern: &str) -> String {
    format!("*(.text*.{pattern})")
}

fn patterns(place: &Place, command: &[&str], dir: &Path) -> BTreeSet<String> {
    let profile = dir.join("profile");
    let plain = place.command(command);
    let mut profiled = Command::new("valgrind");
    profiled
        .args(["-q", "--tool=callgrind", "--demangle=no"])
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(plain.get_program())
        .args(plain.get_args())
        .current_dir(&place.project);
    for (name, value) in plain.get_envs() {
        profiled.env(name, value.unwrap());
    }
    let output = profiled.output().expect("valgrind is needed");
    assert!(output.status.success(), "{output:?}");
    let profile = std::fs::read_to_string(profile).unwrap();
    let run = functions(&profile, &program());
    run.iter().filter_map(|name| pattern(name)).collect()
}

/// The names of the functions of `program` in a profile of callgrind's: see "The
/// format" in its manual. A name is written out once, and a number from then on.
fn functions(profile: &str, program: &Path) -> Vec<String> {
    let program = program.canonicalize().unwrap();
    let mut objects = HashMap::new();
    let mut names = HashMap::new();
    let mut is_ours = false;
    let mut found = Vec::new();
    for line in profile.lines() {
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        match key {
            "ob" => is_ours = program == Path::new(&full(&mut objects, value)),
            "cob" => drop(full(&mut objects, value)),
            "cfn" => drop(full(&mut names, value)),
            "fn" => {
                let name = full(&mut names, value);
                found.extend(is_ours.then_some(name));
            }
            _ => {}
        }
    }
    found
}

fn full(known: &mut HashMap<String, String>, value: &str) -> String {
    let (number, name) = value.split_once(' ').unwrap_or((value, ""));
    if !name.is_empty() {
        known.insert(number.to_owned(), name.to_owned());
    }
    known[number].clone()
}

/// What the linker is told to look for; `None` for what has no name, and for names
/// of callgrind's own.
fn pattern(name: &str) -> Option<String> {
    // Behind it callgrind counts how deep a function is in itself.
    let name = name.split('\'').next()?;
    let usual = |c: char| c.is_ascii_alphanumeric() || "_.$".contains(c);
    if !name.chars().all(usual) || name.starts_with("0x") {
        return None;
    }
    Some(
        match name.rfind("17h").filter(|_| name.starts_with("_ZN")) {
            Some(hash) => format!("{}*", &name[..hash + 3]),
            None => without_crate_ids(name),
        },
    )
}

/// In names of the newer kind each crate has a number of its own, between `Cs`
/// and `_`.
fn without_crate_ids(name: &str) -> String {
    let name = name.split(".llvm.").next().unwrap_or(name);
    if !name.starts_with("_R") {
        return name.to_owned();
    }
    let mut parts = name.split("Cs");
    let mut pattern = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.find('_').map_or("", |end| &part[end..]);
        pattern.push_str("Cs*");
        pattern.push_str(rest);
    }
    pattern
}
