//! What a move writes and answers.

use std::fs;

use spec_kitty::workflow::activity;

use crate::project::{FEATURE, Project};

#[test]
fn a_move_writes_the_file_commits_it_and_answers_one_line() {
    let project = Project::new();
    let before = project.text("WP06");
    let ran = project
        .move_task(&[
            "WP06",
            "--to",
            " Doing ",
            "--agent",
            "claude",
            "--assignee",
            "Ada",
            "--shell-pid",
            "4711",
            "--note",
            "Start\nnow",
        ])
        .ok();
    assert!(
        ran.stdout
            .starts_with("Moved WP06 from planned to doing (commit "),
        "{}",
        ran.stdout
    );
    assert_eq!(ran.stdout.lines().count(), 1);
    assert_eq!(project.value("WP06", "lane"), "doing");
    assert_eq!(project.value("WP06", "agent"), "claude");
    assert_eq!(project.value("WP06", "assignee"), "Ada");
    assert_eq!(project.value("WP06", "shell_pid"), "4711");
    let after = project.text("WP06");
    let last = activity::entries(&after).pop().unwrap();
    assert_eq!(
        (
            last.agent.as_str(),
            last.shell_pid.as_str(),
            last.lane.as_str(),
            last.note.as_str()
        ),
        ("claude", "4711", "doing", "Start now")
    );
    assert!(after.ends_with(&format!("{}\n", last.to_line())));
    assert_eq!(after.lines().count(), before.lines().count() + 1);
    let (subject, files) = project.last_commit();
    assert_eq!(subject, "chore: Move WP06 to doing on spec 028 [claude]");
    assert!(files.ends_with("/WP06-background-sync.md") && files.lines().count() == 1);
    assert_eq!(project.git(&["status", "--porcelain"]), "");
}

#[test]
fn the_json_answer_is_one_line_with_the_original_field_names() {
    let project = Project::new();
    let ran = project.move_task(&["WP06", "--to", "doing", "--json"]).ok();
    let answer = ran.json();
    assert_eq!(answer["result"], "success");
    assert_eq!(answer["task_id"], "WP06");
    assert_eq!(answer["old_lane"], "planned");
    assert_eq!(answer["new_lane"], "doing");
    let path = fs::canonicalize(answer["path"].as_str().unwrap()).unwrap();
    assert_eq!(path, fs::canonicalize(project.wp("WP06")).unwrap());
    assert_eq!(
        answer["commit"].as_str().unwrap(),
        project.git(&["rev-parse", "--short", "HEAD"])
    );
}

#[test]
fn a_move_to_the_same_lane_changes_nothing_and_says_so() {
    let project = Project::new();
    let before = project.snapshot();
    let ran = project
        .move_task(&["WP05", "--to", "doing", "--agent", "someone"])
        .ok();
    assert_eq!(
        ran.stdout,
        "WP05 is already in doing; nothing was changed\n"
    );
    let json = project
        .move_task(&["WP05", "--to", "doing", "--json"])
        .ok()
        .json();
    assert_eq!(
        (&json["changed"], &json["old_lane"]),
        (&false.into(), &"doing".into())
    );
    assert_eq!(project.snapshot(), before);
}

#[test]
fn any_lane_may_follow_any_other() {
    let project = Project::new();
    let lanes = ["planned", "doing", "for_review", "done"];
    let mut present = "planned";
    for (from, to) in lanes.iter().flat_map(|from| lanes.map(|to| (*from, to))) {
        for lane in [from, to] {
            project
                .move_task(&["WP06", "--to", lane, "--force", "--no-auto-commit"])
                .ok();
            present = lane;
        }
    }
    assert_eq!(project.value("WP06", "lane"), present);
}

#[test]
fn feedback_goes_with_the_way_back_and_done_means_approved() {
    let project = Project::new();
    let feedback = project.root().join("feedback.md");
    let target = project.home().with_file_name("notes.md");
    fs::create_dir_all(target.parent().unwrap()).unwrap();
    fs::write(&target, "\u{feff}# Findings\n\n1. Fix `it`.\n").unwrap();
    std::os::unix::fs::symlink(&target, &feedback).unwrap();
    let ran = project.move_task_in(
        &project.feature(),
        &[
            "WP04",
            "--to",
            "planned",
            "--review-feedback-file",
            "../../feedback.md",
            "--reviewer",
            "Bob",
        ],
    );
    ran.ok();
    let text = project.text("WP04");
    assert!(text.contains("**Reviewed by**: Bob\n**Status**: ❌ Changes Requested\n**Date**: 20"));
    assert!(text.contains("### Findings\n\n1. Fix `it`.\n\n---\n\n## Markdown Formatting"));
    assert!(!text.contains("*[This section is empty initially."));
    assert_eq!(project.value("WP04", "review_status"), "has_feedback");
    assert_eq!(project.value("WP04", "reviewed_by"), "Bob");
    project.git(&["config", "user.name", "Git Name"]);
    project.move_task(&["WP04", "--to", "done", "--force"]).ok();
    assert_eq!(project.value("WP04", "review_status"), "approved");
    assert_eq!(project.value("WP04", "reviewed_by"), "Bob");
    project.move_task(&["WP03", "--to", "done", "--force"]).ok();
    assert_eq!(project.value("WP03", "reviewed_by"), "Git Name");
}

#[test]
fn a_move_to_review_names_the_work_packages_that_build_on_it() {
    let project = Project::new();
    let ran = project
        .move_task(&["WP05", "--to", "for_review", "--force"])
        .ok();
    assert!(
        ran.stderr.contains("WP06 depends on WP05"),
        "{}",
        ran.stderr
    );
    let quiet = project
        .move_task(&["WP03", "--to", "for_review", "--force", "-q"])
        .ok();
    assert_eq!(quiet.stderr, "");
}

#[test]
fn the_feature_is_found_from_a_worktree_the_environment_and_the_branch() {
    let project = Project::of(&["028-mid-flight", "021-twelve-wps"]);
    let worktree = project.worktree("WP05");
    let here = project
        .move_task_in(&worktree, &["WP05", "--to", "planned", "--json"])
        .ok();
    assert!(here.json()["path"].as_str().unwrap().contains(FEATURE));
    assert_eq!(here.stderr, "");
    assert_eq!(project.value("WP05", "lane"), "planned");

    let other = "021-orchestrator-end-to-end-testing-suite";
    let mut command = project.command(&project.root(), &["WP01", "--to", "doing", "--json"]);
    let output = command.env("SPECIFY_FEATURE", other).output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().contains(other));

    // 021 is not complete any more, and 028 is the newer of the two.
    let chosen = project.move_task(&["WP05", "--to", "doing", "--json"]).ok();
    assert!(chosen.json()["path"].as_str().unwrap().contains(FEATURE));
    assert!(
        chosen.stderr.contains("took the latest incomplete one"),
        "{}",
        chosen.stderr
    );
}

#[test]
fn the_root_of_the_environment_wins_over_the_directory() {
    let (here, there) = (Project::new(), Project::new());
    let mut command = here.command(&here.root(), &["WP06", "--to", "doing"]);
    let output = command
        .env("SPECIFY_REPO_ROOT", there.root())
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!(here.value("WP06", "lane"), "planned");
    assert_eq!(there.value("WP06", "lane"), "doing");
}

#[test]
fn a_home_that_cannot_be_used_costs_no_move() {
    let project = Project::new();
    fs::create_dir_all(project.home().parent().unwrap()).unwrap();
    fs::write(project.home(), "a file where a directory should be").unwrap();
    project.move_task(&["WP06", "--to", "doing"]).ok();
    let mut command = project.command(&project.root(), &["WP06", "--to", "planned"]);
    let output = command
        .env("HOME", project.home())
        .env("SPEC_KITTY_HOME", "")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(project.value("WP06", "lane"), "planned");
}
