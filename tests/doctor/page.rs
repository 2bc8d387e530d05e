//! What a person reads: first whether to worry.

use std::fs;

use spec_kitty::cli::output::{is_hostile, width};

use crate::support::ran;
use crate::ward::Ward;

fn page(ward: &Ward, columns: usize, arguments: &[&str]) -> String {
    let mut command = ward.command(arguments);
    command
        .env("SPEC_KITTY_FORCE_TTY", "1")
        .env("COLUMNS", columns.to_string());
    ran(&mut command).stdout
}

#[test]
fn a_healthy_home_is_one_line() {
    let ward = Ward::healthy();
    let ran = ward.run(&["doctor"]);
    assert_eq!(ran.code, Some(0));
    assert_eq!(ran.stdout.lines().count(), 1, "{}", ran.stdout);
    assert!(
        ran.stdout.starts_with("Nothing to fix: all "),
        "{}",
        ran.stdout
    );
    let everything = page(&ward, 80, &["-v", "doctor"]);
    assert!(everything.lines().count() > 15, "{everything}");
}

#[test]
fn problems_come_first_and_no_line_is_too_wide() {
    let ward = Ward::healthy();
    ward.bench.note("waits");
    fs::create_dir_all(ward.path("here/.kittify")).unwrap();
    let slug = "028-日本語のとても長い名前-🎉🎉-\u{202e}\u{1b}[31mx";
    let tasks = ward.path("here/kitty-specs").join(slug).join("tasks");
    fs::create_dir_all(&tasks).unwrap();
    fs::write(tasks.join("WP01-x.md"), "---\nlane: \"日本\\e[2J\"\n---\n").unwrap();
    for columns in [120, 80, 60, 40] {
        let shown = page(&ward, columns, &["doctor"]);
        let first = shown.lines().next().unwrap();
        assert!(first.starts_with("  1 thing to fix"), "{shown}");
        for line in shown.lines() {
            assert!(width(line) <= columns, "{columns}: {line}\n{shown}");
        }
        assert!(
            !shown.chars().any(|c| c != '\n' && is_hostile(c)),
            "{shown:?}"
        );
    }
    let shown = page(&ward, 80, &["doctor"]);
    let (problem, note) = (shown.find("✗ tasks"), shown.find("! delivery"));
    assert!(problem.is_some() && problem < note, "{shown}");
}
