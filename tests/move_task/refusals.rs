//! Bad input and bad states: one clear message with the next step, the right
//! exit code, nothing changed.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use crate::project::{FEATURE, Project};

/// Runs and expects a refusal with this exit code and error code.
#[track_caller]
fn refused(project: &Project, args: &[&str], exit: i32, code: &str) -> String {
    let before = project.snapshot();
    let human = project.move_task(args);
    assert_eq!(
        human.code, exit,
        "{args:?}: {}{}",
        human.stdout, human.stderr
    );
    assert!(
        human.stderr.starts_with(&format!("error[{code}]: ")),
        "{args:?}: {}",
        human.stderr
    );
    assert!(
        human.stderr.contains("\n  next: "),
        "{args:?}: {}",
        human.stderr
    );
    let json = project.move_task(&[args, &["--json"]].concat());
    assert_eq!((json.code, json.stdout.as_str()), (exit, ""), "{args:?}");
    assert_eq!(json.error()["code"], code, "{args:?}");
    assert_eq!(project.snapshot(), before, "{args:?} changed something");
    json.error()["message"].as_str().unwrap().to_owned()
}

const DOING: [&str; 3] = ["WP06", "--to", "doing"];

#[test]
fn names_from_outside_are_checked_before_they_are_paths() {
    let project = Project::new();
    for id in [
        "../WP01",
        "WP01/../../x",
        "wp01",
        "WP1",
        "WP001",
        "WP0a",
        "",
        "WP01-event-factory",
    ] {
        refused(&project, &[id, "--to", "doing"], 2, "invalid-work-package");
    }
    for slug in [
        "../../etc",
        "028-../x",
        "028-a/../../b",
        "x",
        "028-a\u{1b}[31m",
    ] {
        refused(
            &project,
            &["WP06", "--to", "doing", "--feature", slug],
            2,
            "invalid-feature",
        );
    }
    refused(
        &project,
        &["WP06", "--to", "doing", "--feature", "999-none"],
        3,
        "no-such-feature",
    );
    refused(
        &project,
        &["WP99", "--to", "doing"],
        3,
        "no-such-work-package",
    );
    for lane in [
        "",
        "blocked",
        "in_progress",
        "for review",
        "doing\0"[..5].as_ref(),
    ] {
        if lane != "doing" {
            refused(&project, &["WP06", "--to", lane], 2, "unknown-lane");
        }
    }
    let missing = project.move_task(&["WP06"]);
    assert_eq!(missing.code, 2);
}

#[test]
fn a_file_that_is_no_work_package_is_left_alone() {
    let project = Project::new();
    let path = project.wp("WP06");
    let good = project.text("WP06");
    for (text, code) in [
        ("no front matter\n".to_owned(), "bad-front-matter"),
        (good.replacen("\n---\n", "\n", 1), "bad-front-matter"),
        (good.replacen("title:", "title: [", 1), "bad-front-matter"),
        (good.replacen("---\n", "---\n- a\n", 1), "bad-front-matter"),
        (
            good.replacen("lane: \"planned\"", "lane: \"blocked\"", 1),
            "bad-lane",
        ),
        (
            good.replacen("lane: \"planned\"", "lane: &a planned", 1),
            "unsafe-edit",
        ),
        (
            good.replacen("lane: \"planned\"", "lane: planned\nlane: done", 1),
            "bad-front-matter",
        ),
    ] {
        let text = if text.contains("---") {
            text.clone()
        } else {
            text
        };
        fs::write(&path, &text).unwrap();
        let args = DOING;
        let before = fs::read(&path).unwrap();
        let ran = project.move_task(&args);
        // A document whose first rule is gone has its later rules as an end: that is a
        // front matter that does not parse, or has no lane.
        assert_eq!(ran.code, 1, "{code}: {}{}", ran.stdout, ran.stderr);
        assert!(
            ran.stderr.starts_with(&format!("error[{code}]")),
            "{code}: {}",
            ran.stderr
        );
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}

#[test]
fn files_that_are_not_text_files_are_refused() {
    let project = Project::new();
    let path = project.wp("WP06");
    fs::write(&path, b"---\nlane: planned\n---\n\xff\xfe").unwrap();
    refused(&project, &DOING, 1, "not-utf8");
    fs::write(
        &path,
        "---\nlane: planned\n---\n".to_owned() + &"x".repeat(5 << 20),
    )
    .unwrap();
    refused(&project, &DOING, 1, "file-too-large");
    fs::remove_file(&path).unwrap();
    symlink("/etc/hostname", &path).unwrap();
    refused(&project, &DOING, 1, "not-a-file");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refused(&project, &DOING, 1, "not-a-file");
}

#[test]
fn two_files_for_one_id_are_not_guessed_between() {
    let project = Project::new();
    fs::write(
        project.feature().join("tasks/WP06_again.md"),
        "---\nlane: doing\n---\n",
    )
    .unwrap();
    let message = refused(&project, &DOING, 1, "ambiguous-work-package");
    assert!(message.contains("WP06_again.md"), "{message}");
}

#[test]
fn hostile_file_names_do_no_harm() {
    let project = Project::new();
    let tasks = project.feature().join("tasks");
    let names: [&[u8]; 4] = [
        b"WP06\xff.md",
        b"WP05-\x1b[31mred.md",
        b"WP04b-x.md",
        b"-rf",
    ];
    for name in names {
        fs::write(
            tasks.join(std::ffi::OsStr::from_bytes(name)),
            "---\nlane: x\n---\n",
        )
        .unwrap();
    }
    project.move_task(&DOING).ok();
    let message = project.move_task(&["WP05", "--to", "doing"]);
    assert_eq!(message.code, 1);
    assert!(!message.stderr.contains('\u{1b}'), "{}", message.stderr);
}

#[test]
fn a_name_that_looks_like_an_option_or_a_pattern_is_only_a_name() {
    let project = Project::new();
    let tasks = project.feature().join("tasks");
    fs::write(tasks.join("WP08-*.md"), "---\nlane: planned\n---\n").unwrap();
    fs::write(tasks.join("WP09-plain.md"), "---\nlane: planned\n---\n").unwrap();
    project.move_task(&["WP08", "--to", "doing"]).ok();
    assert_eq!(project.last_commit().1.lines().count(), 1);
    assert!(project.last_commit().1.contains("WP08-*.md"));
}

#[test]
fn a_feature_without_a_usable_meta_json_is_refused() {
    let project = Project::new();
    let meta = project.feature().join("meta.json");
    let good = fs::read(&meta).unwrap();
    fs::remove_file(&meta).unwrap();
    refused(&project, &DOING, 1, "no-meta");
    fs::write(&meta, "{").unwrap();
    refused(&project, &DOING, 1, "bad-meta");
    fs::write(&meta, good).unwrap();
    project.move_task(&DOING).ok();
}

#[test]
fn a_feature_that_leads_out_of_the_project_is_refused() {
    let project = Project::new();
    let outside = tempfile::tempdir().unwrap();
    symlink(outside.path(), project.root().join("kitty-specs/099-out")).unwrap();
    let args = ["WP06", "--to", "doing", "--feature", "099-out"];
    refused(&project, &args, 1, "feature-outside");
}

#[test]
fn a_detached_head_is_refused_unless_nothing_is_to_be_committed() {
    let project = Project::new();
    project.git(&["checkout", "-q", "--detach"]);
    refused(&project, &DOING, 1, "detached-head");
    project
        .move_task(&[&DOING[..], &["--no-auto-commit"]].concat())
        .ok();
}

#[test]
fn a_merge_in_progress_is_refused_and_a_conflict_always() {
    let project = Project::new();
    project.git(&["switch", "-q", "-c", "other"]);
    project.edit("WP06", "lane: \"planned\"", "lane: \"doing\"");
    project.git(&["commit", "-q", "-a", "-m", "theirs"]);
    project.git(&["switch", "-q", "2.x"]);
    project.edit("WP06", "lane: \"planned\"", "lane: \"done\"");
    project.git(&["commit", "-q", "-a", "-m", "ours"]);
    let merge = project.try_git(&project.root(), &["merge", "-q", "other"]);
    assert_eq!(merge.code, 1, "the merge must conflict: {}", merge.stderr);
    refused(&project, &["WP05", "--to", "planned"], 1, "git-in-progress");
    let args = ["WP06", "--to", "planned", "--no-auto-commit"];
    let before = project.snapshot();
    let ran = project.move_task(&args);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(project.snapshot(), before);
    // Another file can still be moved, uncommitted.
    project
        .move_task(&["WP05", "--to", "planned", "--no-auto-commit"])
        .ok();
}

#[test]
fn a_project_without_git_is_refused() {
    let project = Project::new();
    let lone = tempfile::tempdir().unwrap();
    crate::project::copy(
        &project.root().join("kitty-specs"),
        &lone.path().join("kitty-specs"),
    );
    fs::create_dir(lone.path().join(".kittify")).unwrap();
    let mut command = project.command(lone.path(), &DOING);
    let output = command
        .env("GIT_CEILING_DIRECTORIES", lone.path())
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.starts_with("error[no-repository]: "), "{stderr}");
    let mut command = project.command(&project.root(), &DOING);
    let output = command.env("PATH", "/nonexistent").output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.starts_with("error[git-missing]: "), "{stderr}");
}

#[test]
fn outside_of_any_project_the_way_in_is_named() {
    let project = Project::new();
    let nowhere = tempfile::tempdir().unwrap();
    let ran = project.move_task_in(nowhere.path(), &DOING);
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains("SPECIFY_REPO_ROOT"), "{}", ran.stderr);
}

#[test]
fn values_that_cannot_be_written_are_refused() {
    let project = Project::new();
    refused(
        &project,
        &["WP06", "--to", "doing", "--agent", "a\nlane: done"],
        2,
        "usage",
    );
    refused(
        &project,
        &["WP06", "--to", "doing", "--agent", "a – lane=done – b"],
        1,
        "unsafe-edit",
    );
    for agent in [
        "it's \"quoted\" \\ # : x",
        "é – ü",
        "---",
        "- x",
        "yes",
        "0123",
    ] {
        project.edit("WP06", "agent: \"\"", "agent: \"\" ");
        project
            .move_task(&[
                "WP06",
                "--to",
                "doing",
                &format!("--agent={agent}"),
                "--no-auto-commit",
            ])
            .ok();
        assert_eq!(project.value("WP06", "agent"), agent);
        project.git(&["checkout", "-q", "--", "."]);
    }
}

#[test]
fn a_read_only_directory_changes_nothing() {
    use std::os::unix::fs::PermissionsExt;
    let project = Project::new();
    let tasks = project.feature().join("tasks");
    fs::set_permissions(&tasks, fs::Permissions::from_mode(0o555)).unwrap();
    let writable = fs::write(tasks.join("probe"), "").is_ok();
    if writable {
        // Root may write anywhere: nothing to see here.
        fs::remove_file(tasks.join("probe")).unwrap();
    } else {
        refused(&project, &DOING, 1, "file");
    }
    fs::set_permissions(&tasks, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(tasks.ends_with(format!("{FEATURE}/tasks")));
}
