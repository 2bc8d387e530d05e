//! Byte-exactness over every work package file at hand: a move changes the lines
//! it names and nothing else.

use std::fs;
use std::path::{Path, PathBuf};

use spec_kitty::event::Lane;
use spec_kitty::workflow::frontmatter::{self, Data};
use spec_kitty::workflow::text::Split;
use spec_kitty::workflow::{activity, tasks_md};

use crate::project::{Project, fixtures};

fn files_below(dir: &Path, wanted: &dyn Fn(&str) -> bool, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            files_below(&path, wanted, found);
        } else if wanted(&name) {
            found.push(path);
        }
    }
}

/// The checked-in files, and all shared ones where they are at hand.
fn all(wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    files_below(&fixtures(), &wanted, &mut found);
    if let Some(shared) = std::env::var_os("SPEC_KITTY_SHARED") {
        files_below(
            &Path::new(&shared).join("fixtures/projects"),
            &wanted,
            &mut found,
        );
    }
    found.sort();
    found
}

fn is_wp(name: &str) -> bool {
    name.starts_with("WP") && name.ends_with(".md")
}

/// The lines of `after` that are not in `before`, and the other way round, by position.
fn differing<'a>(before: &'a str, after: &'a str) -> Vec<(&'a str, &'a str)> {
    before
        .split('\n')
        .zip(after.split('\n'))
        .filter(|(old, new)| old != new)
        .collect()
}

#[test]
fn setting_a_key_changes_that_line_in_every_file_and_every_form_of_it() {
    let files = all(is_wp);
    assert!(files.len() >= 20, "{}", files.len());
    for path in files {
        let plain = fs::read_to_string(&path).unwrap();
        let windows = plain.replace('\n', "\r\n");
        let marked = format!("\u{feff}{plain}");
        for text in [plain, windows, marked] {
            let split = Split::of(&text).unwrap();
            assert_eq!(split.join(split.front, split.body), text);
            let before = Data::parse(split.front).unwrap();
            for key in [
                "lane",
                "agent",
                "assignee",
                "shell_pid",
                "review_status",
                "reviewed_by",
            ] {
                let edited =
                    frontmatter::set(split.front, key, "a: \"b\" # c", split.line_ending())
                        .unwrap_or_else(|error| panic!("{}: {key}: {error}", path.display()));
                let data = Data::parse(&edited).unwrap();
                assert_eq!(data.text(key), Some("a: \"b\" # c"));
                if before.get(key).is_some() {
                    let changed = differing(split.front, &edited);
                    assert_eq!(changed.len(), 1, "{}: {key}: {changed:?}", path.display());
                    assert!(changed[0].1.starts_with(key));
                    assert_eq!(split.front.lines().count(), edited.lines().count());
                } else {
                    assert_eq!(split.front.lines().count() + 1, edited.lines().count());
                }
                assert_eq!(
                    edited.matches("\r\n").count() == edited.matches('\n').count(),
                    text.contains("\r\n")
                );
            }
        }
    }
}

#[test]
fn an_activity_line_is_one_inserted_line_in_every_file() {
    for path in all(is_wp) {
        let text = fs::read_to_string(&path).unwrap();
        let body = Split::of(&text).unwrap().body;
        let entry = activity::Entry {
            timestamp: "2026-02-04T11:41:17Z".into(),
            agent: "claude".into(),
            shell_pid: String::new(),
            lane: "done".into(),
            note: "note".into(),
        };
        let after = activity::append(body, &entry, "\n").unwrap();
        let line = format!("{}\n", entry.to_line());
        assert_eq!(after.matches(&line).count(), 1);
        let without = after.replacen(&line, "", 1);
        assert!(
            without == body || without == format!("{body}\n"),
            "{}",
            path.display()
        );
        assert_eq!(
            activity::entries(&after).last(),
            Some(&entry),
            "{}",
            path.display()
        );
    }
}

#[test]
fn every_lane_and_log_of_the_real_files_is_read() {
    for path in all(is_wp) {
        let text = fs::read_to_string(&path).unwrap();
        let split = Split::of(&text).unwrap();
        let data = Data::parse(split.front).unwrap();
        let lane: Lane = data.text("lane").unwrap().parse().unwrap();
        assert!(!data.texts("subtasks").is_empty(), "{}", path.display());
        let entries = activity::entries(split.body);
        assert!(!entries.is_empty(), "{}", path.display());
        assert!(
            entries
                .iter()
                .all(|entry| entry.lane.parse::<Lane>().is_ok())
        );
        if lane == Lane::Done && !path.to_string_lossy().contains("odd-") {
            assert!(
                entries.iter().any(|entry| entry.lane == "done"),
                "{}",
                path.display()
            );
        }
    }
}

#[test]
fn every_work_package_has_its_subtasks_in_tasks_md() {
    for path in all(is_wp) {
        let feature = path.parent().unwrap().parent().unwrap();
        let Ok(tasks) = fs::read_to_string(feature.join("tasks.md")) else {
            continue;
        };
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let found = tasks_md::subtasks(&tasks, &name[..4]).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let data = Data::parse(Split::of(&text).unwrap().front).unwrap();
        let ids: Vec<&str> = found.iter().filter_map(tasks_md::Subtask::id).collect();
        assert_eq!(ids, data.texts("subtasks"), "{}", path.display());
    }
}

#[test]
fn a_body_that_looks_like_front_matter_is_not_touched() {
    let project = Project::of(&["odd-files/010-wp03-frontmatter-in-body"]);
    let feature = "010-workspace-per-work-package-for-parallel-development";
    let path = project
        .root()
        .join("kitty-specs")
        .join(feature)
        .join("tasks/WP03-frontmatter-schema-extension.md");
    let before = fs::read_to_string(&path).unwrap();
    project
        .move_task(&[
            "WP03",
            "--to",
            "doing",
            "--agent",
            "claude",
            "--force",
            "--shell-pid",
            "7",
        ])
        .ok();
    let after = fs::read_to_string(&path).unwrap();
    let mut changed = differing(&before, &after);
    let log = changed.pop().unwrap();
    assert_eq!(log.0, "", "the log line is the last one");
    assert!(
        log.1
            .contains(" – claude – shell_pid=7 – lane=doing – Moved to doing")
    );
    assert_eq!(
        changed,
        [
            ("lane: done", "lane: doing"),
            ("agent: team", "agent: claude"),
            ("shell_pid: manual", "shell_pid: \"7\""),
        ]
    );
}

#[test]
fn a_file_with_windows_line_endings_and_a_mark_stays_one() {
    let project = Project::new();
    let text = format!("\u{feff}{}", project.text("WP06").replace('\n', "\r\n"));
    fs::write(project.wp("WP06"), &text).unwrap();
    let mode = fs::metadata(project.wp("WP06")).unwrap().permissions();
    project
        .move_task(&["WP06", "--to", "doing", "--agent", "x"])
        .ok();
    let after = project.text("WP06");
    assert!(after.starts_with("\u{feff}---\r\n"));
    assert_eq!(after.matches('\n').count(), after.matches("\r\n").count());
    assert_eq!(
        differing(&text, &after).len(),
        3,
        "lane, agent, and the line at the end"
    );
    assert_eq!(
        fs::metadata(project.wp("WP06")).unwrap().permissions(),
        mode
    );
}

#[test]
fn setting_a_list_changes_that_list_in_every_file_and_every_form_of_it() {
    for path in all(is_wp) {
        let plain = fs::read_to_string(&path).unwrap();
        let windows = plain.replace('\n', "\r\n");
        let marked = format!("\u{feff}{plain}");
        for text in [plain, windows, marked] {
            let split = Split::of(&text).unwrap();
            let before = Data::parse(split.front).unwrap();
            for wanted in [&[][..], &["WP09"], &["WP08", "WP09"]] {
                let edited =
                    frontmatter::set_list(split.front, "dependencies", wanted, split.line_ending())
                        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                let after = Data::parse(&edited).unwrap();
                assert_eq!(after.texts("dependencies"), wanted, "{}", path.display());
                let others = |front: &str| -> Vec<String> {
                    let mut inside = false;
                    let keep = |line: &&str| {
                        inside = line.starts_with("dependencies:")
                            || (inside && line.trim_start().starts_with("- "));
                        !inside
                    };
                    front
                        .split_inclusive('\n')
                        .filter(keep)
                        .map(str::to_owned)
                        .collect()
                };
                assert_eq!(others(split.front), others(&edited), "{}", path.display());
                assert!(
                    before.get("dependencies").is_none()
                        || after.get("title") == before.get("title")
                );
            }
        }
    }
}
