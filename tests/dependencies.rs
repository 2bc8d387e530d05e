//! What this package is built from, held still.
//!
//! Two crates that it stands on are old and pinned, and a second TLS provider
//! in the tree makes the first connection panic. So the lock file is read, and
//! every crate in it must be in `tests/dependencies.txt`: whoever adds one sees
//! it as a line in a diff. When a change of the list is meant, write it anew:
//!
//! ```text
//! SPEC_KITTY_WRITE_LIST=1 cargo test --test dependencies
//! ```
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use toml_edit::DocumentMut;

/// Crates that must not be anywhere in the lock file, with the reason.
const REFUSED: &[(&str, &str)] = &[
    ("aws-lc-rs", "one TLS provider only, and that is ring"),
    ("aws-lc-sys", "one TLS provider only, and that is ring"),
    ("native-tls", "TLS is rustls"),
    ("openssl", "TLS is rustls"),
    ("openssl-sys", "TLS is rustls"),
    ("tokio", "the sender is blocking by design"),
    (
        "serde_yaml",
        "deprecated, and it would rewrite the users' files",
    ),
    (
        "serde_yml",
        "RUSTSEC-2025-0068, and it would rewrite the users' files",
    ),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn list_path() -> PathBuf {
    root().join("tests/dependencies.txt")
}

/// Every crate of the lock file but this one, with all versions of it.
fn locked() -> BTreeMap<String, BTreeSet<String>> {
    let text = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let lock: DocumentMut = text.parse().unwrap();
    let packages = lock["package"].as_array_of_tables().unwrap();
    let mut crates = BTreeMap::<_, BTreeSet<_>>::new();
    for package in packages {
        let field = |name: &str| package[name].as_str().unwrap().to_owned();
        crates
            .entry(field("name"))
            .or_default()
            .insert(field("version"));
    }
    crates.remove(env!("CARGO_PKG_NAME")).unwrap();
    crates
}

/// The crates that the program itself is made of on Linux x86-64, build
/// scripts included, tests not. The lock file alone cannot tell.
fn shipped() -> BTreeSet<String> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["tree", "--locked", "--offline", "--edges", "normal,build"]);
    command.args(["--prefix", "none", "--format", "{p}", "--target", TARGET]);
    let output = command.current_dir(root()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo tree: {errors}");
    let mut names: BTreeSet<_> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| line.split(' ').next().map(str::to_owned))
        .collect();
    names.remove(env!("CARGO_PKG_NAME"));
    names
}

const TARGET: &str = "x86_64-unknown-linux-gnu";
const ON_TARGET: bool = cfg!(all(
    target_os = "linux",
    target_arch = "x86_64",
    target_env = "gnu"
));

const LIST_HEAD: &str = "\
# Every crate that Cargo.lock names. `ships`: part of the program on Linux
# x86-64. `-`: tests only, another platform, or a feature that is off.
# Written by: SPEC_KITTY_WRITE_LIST=1 cargo test --test dependencies
";

fn rendered(shipped: &BTreeSet<String>) -> String {
    let mut text = LIST_HEAD.to_owned();
    for name in locked().keys() {
        let mark = if shipped.contains(name) { "ships" } else { "-" };
        writeln!(text, "{mark:5} {name}").unwrap();
    }
    text
}

/// The checked-in list: the name of each crate, and whether it ships.
fn listed() -> BTreeMap<String, bool> {
    let text = std::fs::read_to_string(list_path()).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let words = lines.filter_map(|line| line.split_once(' '));
    words
        .map(|(mark, name)| (name.trim().to_owned(), mark == "ships"))
        .collect()
}

fn names(crates: impl IntoIterator<Item = String>) -> String {
    crates.into_iter().collect::<Vec<_>>().join(", ")
}

#[test]
fn no_crate_comes_or_goes_unseen() {
    if ON_TARGET && std::env::var_os("SPEC_KITTY_WRITE_LIST").is_some() {
        std::fs::write(list_path(), rendered(&shipped())).unwrap();
    }
    let (locked, listed) = (locked(), listed());
    let new = names(
        locked
            .keys()
            .filter(|name| !listed.contains_key(*name))
            .cloned(),
    );
    let gone = names(
        listed
            .keys()
            .filter(|name| !locked.contains_key(*name))
            .cloned(),
    );
    assert!(
        new.is_empty() && gone.is_empty(),
        "tests/dependencies.txt is not what Cargo.lock says.\n\
         new: {new}\ngone: {gone}\n\
         If that is meant: SPEC_KITTY_WRITE_LIST=1 cargo test --test dependencies"
    );
}

#[test]
fn what_ships_is_what_the_list_says_ships() {
    if !ON_TARGET || std::env::var_os("SPEC_KITTY_WRITE_LIST").is_some() {
        return;
    }
    let expected: BTreeSet<_> = listed()
        .into_iter()
        .filter_map(|(name, ships)| ships.then_some(name))
        .collect();
    let shipped = shipped();
    let more = names(shipped.difference(&expected).cloned());
    let less = names(expected.difference(&shipped).cloned());
    assert!(
        more.is_empty() && less.is_empty(),
        "the program is made of other crates than tests/dependencies.txt says.\n\
         ships now: {more}\nno longer ships: {less}\n\
         If that is meant: SPEC_KITTY_WRITE_LIST=1 cargo test --test dependencies"
    );
}

#[test]
fn the_pinned_crates_are_at_their_pins() {
    let locked = locked();
    for (name, version) in [("bincode", "2.0.1"), ("sled", "0.34.7")] {
        let found = locked.get(name).map(|versions| names(versions.clone()));
        assert_eq!(found.as_deref(), Some(version), "{name}");
    }
}

#[test]
fn there_is_one_tls_library_with_one_provider() {
    let locked = locked();
    for name in ["rustls", "ring"] {
        assert_eq!(
            locked.get(name).map(BTreeSet::len),
            Some(1),
            "versions of {name}"
        );
    }
    let features = {
        let text = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
        let manifest: DocumentMut = text.parse().unwrap();
        manifest["dependencies"]["rustls"]["features"].to_string()
    };
    assert!(features.contains("\"ring\""), "{features}");
}

#[test]
fn refused_crates_are_not_in_the_lock_file() {
    let locked = locked();
    for (name, reason) in REFUSED {
        assert!(!locked.contains_key(*name), "{name}: {reason}");
    }
}
