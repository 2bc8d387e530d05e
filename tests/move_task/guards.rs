//! The four guards, on real trees.

use std::fs;

use crate::project::{FEATURE, Project, Ran};

#[track_caller]
fn refused(project: &Project, args: &[&str], code: &str) -> Ran {
    let before = project.snapshot();
    let ran = project.move_task(&[args, &["--json"]].concat());
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.error()["code"], code, "{}", ran.stderr);
    assert!(
        ran.error()["hint"]
            .as_str()
            .is_some_and(|hint| !hint.is_empty())
    );
    assert_eq!(ran.stdout, "");
    assert_eq!(project.snapshot(), before, "a refusal changes nothing");
    ran
}

#[test]
fn another_agent_is_refused_unless_forced() {
    let project = Project::new();
    let args = ["WP02", "--to", "planned", "--agent", "gemini"];
    let ran = refused(&project, &args, "agent-mismatch");
    assert!(
        ran.error()["message"]
            .as_str()
            .unwrap()
            .contains("'claude-opus'")
    );
    project.move_task(&[&args[..], &["--force"]].concat()).ok();
    assert_eq!(project.value("WP02", "agent"), "gemini");
}

#[test]
fn the_way_back_from_review_needs_a_feedback_file_that_exists() {
    let project = Project::new();
    refused(&project, &["WP04", "--to", "planned"], "feedback-needed");
    let missing = ["WP04", "--to", "planned", "--review-feedback-file", "no.md"];
    refused(&project, &missing, "review-feedback");
    refused(
        &project,
        &[&missing[..], &["--force"]].concat(),
        "review-feedback",
    );
    fs::write(project.root().join("empty.md"), " \n").unwrap();
    let empty = [
        "WP04",
        "--to",
        "planned",
        "--review-feedback-file",
        "empty.md",
    ];
    refused(&project, &empty, "review-feedback");
    let directory = ["WP04", "--to", "planned", "--review-feedback-file", "."];
    refused(&project, &directory, "review-feedback");
    project.move_task(&["WP04", "--to", "doing"]).ok();
}

#[test]
fn open_subtasks_are_refused_and_listed() {
    let project = Project::new();
    let ran = refused(&project, &["WP07", "--to", "done"], "open-subtasks");
    let message = ran.error()["message"].as_str().unwrap().to_owned();
    assert!(
        message.contains("T036") && message.contains("T043"),
        "{message}"
    );
    assert!(!message.contains("T035"), "{message}");
    project.tick_everything();
    project.move_task(&["WP07", "--to", "done"]).ok();
}

#[test]
fn a_plan_that_is_not_committed_is_refused_and_status_is_not_plan() {
    let project = Project::new();
    project.tick_everything();
    fs::write(project.wp("WP01"), project.text("WP01") + "more\n").unwrap();
    fs::write(project.root().join("elsewhere.txt"), "x").unwrap();
    fs::write(project.feature().join("spec.md"), "new").unwrap();
    let ran = refused(
        &project,
        &["WP05", "--to", "for_review"],
        "uncommitted-planning",
    );
    let message = ran.error()["message"].as_str().unwrap().to_owned();
    assert!(
        message.contains("spec.md") && !message.contains("WP01"),
        "{message}"
    );
    fs::remove_file(project.feature().join("spec.md")).unwrap();
    project.move_task(&["WP05", "--to", "for_review"]).ok();
}

#[test]
fn a_worktree_must_be_in_a_state_to_be_reviewed() {
    let project = Project::new();
    project.tick_everything();
    let worktree = project.worktree("WP05");
    let args = ["WP05", "--to", "for_review"];
    let says = |expected: &str| {
        let ran = refused(&project, &args, "worktree");
        let message = ran.error()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(expected), "{message}");
    };
    fs::write(worktree.join("new.txt"), "x").unwrap();
    says("1 untracked");
    project.git_in(&worktree, &["add", "new.txt"]);
    fs::write(worktree.join("work.txt"), "more").unwrap();
    says("1 staged, 1 unstaged");
    project.git_in(&worktree, &["stash", "-q"]);
    project.git_in(&worktree, &["checkout", "-q", "--detach"]);
    says("detached HEAD");
    project.git_in(&worktree, &["checkout", "-q", &format!("{FEATURE}-WP05")]);
    project.git_in(&worktree, &["reset", "-q", "--hard", "HEAD~1"]);
    says("no commit beyond its base '2.x'");
    project.git_in(&worktree, &["commit", "-q", "--allow-empty", "-m", "work"]);
    project.move_task(&args).ok();
}

#[test]
fn our_own_identity_in_the_configuration_is_not_uncommitted_work() {
    let project = Project::new();
    project.tick_everything();
    let worktree = project.worktree("WP05");
    let config = worktree.join(".kittify/config.yaml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text + "project:\n  slug: x\n").unwrap();
    project.move_task(&["WP05", "--to", "for_review"]).ok();
}

#[test]
fn a_merge_in_the_worktree_is_named() {
    let project = Project::new();
    project.tick_everything();
    let worktree = project.worktree("WP05");
    project.git_in(&worktree, &["checkout", "-q", "-b", "other", "HEAD~1"]);
    fs::write(worktree.join("work.txt"), "other").unwrap();
    project.git_in(&worktree, &["add", "work.txt"]);
    project.git_in(&worktree, &["commit", "-q", "-m", "other"]);
    let merge = project.try_git(&worktree, &["merge", "-q", &format!("{FEATURE}-WP05")]);
    assert_eq!(merge.code, 1, "the merge must conflict: {}", merge.stderr);
    let ran = refused(&project, &["WP05", "--to", "for_review"], "worktree");
    assert!(
        ran.error()["message"]
            .as_str()
            .unwrap()
            .contains("middle of a merge")
    );
}

#[test]
fn behind_means_behind_the_recorded_base_and_status_commits_do_not_count() {
    let project = Project::new();
    project.tick_everything();
    let worktree = project.worktree("WP05");
    // Status commits on the target branch: nobody has to rebase for them.
    project.move_task(&["WP06", "--to", "doing"]).ok();
    project.move_task(&["WP05", "--to", "for_review"]).ok();
    project.move_task(&["WP05", "--to", "doing"]).ok();
    // Work on the target branch.
    fs::write(project.root().join("code.txt"), "x").unwrap();
    project.git(&["add", "code.txt"]);
    project.git(&["commit", "-q", "-m", "work on the target"]);
    let args = ["WP05", "--to", "for_review"];
    let ran = refused(&project, &args, "worktree");
    assert!(
        ran.error()["message"]
            .as_str()
            .unwrap()
            .contains("behind its base '2.x' by 1 commit")
    );
    // The workspace was made from another branch, which did not move.
    project.git(&["branch", "base-of-wp05", "2.x~4"]);
    let record = project.root().join(".kittify/workspaces");
    fs::create_dir_all(&record).unwrap();
    let record = record.join(format!("{FEATURE}-WP05.json"));
    fs::write(
        &record,
        "{\"wp_id\":\"WP05\",\"base_branch\":\"base-of-wp05\"}",
    )
    .unwrap();
    project.move_task(&args).ok();
    project.move_task(&["WP05", "--to", "doing"]).ok();
    // A base that is gone: the target branch counts, and that is said.
    project.git(&["branch", "-q", "-D", "base-of-wp05"]);
    project.git_in(&worktree, &["rebase", "-q", "2.x"]);
    let ran = project.move_task(&args).ok();
    assert!(
        ran.stderr
            .contains("'base-of-wp05' of the workspace is gone"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_directory_that_is_no_worktree_is_not_taken_for_the_main_repository() {
    let project = Project::new();
    project.tick_everything();
    let path = format!(".worktrees/{FEATURE}-WP05");
    fs::create_dir_all(project.root().join(path)).unwrap();
    let ran = refused(&project, &["WP05", "--to", "for_review"], "worktree");
    assert!(
        ran.error()["message"]
            .as_str()
            .unwrap()
            .contains("not a git worktree")
    );
    project
        .move_task(&["WP05", "--to", "for_review", "--force"])
        .ok();
}
