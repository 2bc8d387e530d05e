//! `implement`: worktree, branch, base, lane.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use spec_kitty::workflow::activity;

use crate::project::{FEATURE, Project, Ran};

fn implement(project: &Project, args: &[&str]) -> Ran {
    project.run(&[&["implement"], args].concat())
}

fn worktree(project: &Project, wp: &str) -> PathBuf {
    project
        .root()
        .join(".worktrees")
        .join(format!("{FEATURE}-{wp}"))
}

/// Commits a file on a work package's branch.
fn work(project: &Project, wp: &str, file: &str, text: &str) {
    let path = worktree(project, wp);
    fs::write(path.join(file), text).unwrap();
    project.git_in(&path, &["add", file]);
    project.git_in(&path, &["commit", "-qm", &format!("work of {wp}")]);
}

fn fresh() -> Project {
    Project::fresh()
}

fn changed(wp: &str, by: &str) -> (String, Value) {
    let payload = json!({
        "wp_id": wp,
        "previous_status": "planned",
        "new_status": "doing",
        "changed_by": by,
        "feature_slug": FEATURE,
    });
    ("WPStatusChanged".into(), payload)
}

#[test]
fn a_work_package_is_begun_and_nothing_of_the_users_is_touched() {
    let project = fresh();
    let root = project.root();
    fs::write(root.join(".gitignore"), "target\n").unwrap();
    project.git(&["add", ".gitignore"]);
    project.git(&["commit", "-qm", "ignore"]);
    fs::write(root.join("staged.txt"), "x").unwrap();
    project.git(&["add", "staged.txt"]);
    let args = ["WP01", "--agent", "claude", "--shell-pid", "4711", "--json"];
    let answer = implement(&project, &args).ok().json();
    assert_eq!(answer["status"], "created");
    assert_eq!(answer["branch"], format!("{FEATURE}-WP01"));
    assert_eq!(
        (&answer["base"], &answer["wp_id"]),
        (&json!("2.x"), &json!("WP01"))
    );
    let tree = worktree(&project, "WP01");
    assert_eq!(
        fs::canonicalize(answer["workspace_path"].as_str().unwrap()).unwrap(),
        fs::canonicalize(&tree).unwrap()
    );
    assert!(tree.join(".kittify").exists() && !tree.join("kitty-specs").exists());
    assert_eq!(project.git_in(&tree, &["status", "--porcelain"]), "");
    assert_eq!(
        fs::read_to_string(tree.join(".gitignore")).unwrap(),
        "target\n"
    );
    assert_eq!(project.git(&["status", "--porcelain"]), "A  staged.txt");
    assert_eq!(project.git(&["symbolic-ref", "--short", "HEAD"]), "2.x");
    for (key, value) in [
        ("lane", "doing"),
        ("agent", "claude"),
        ("shell_pid", "4711"),
        ("base_branch", "2.x"),
    ] {
        assert_eq!(project.value("WP01", key), value, "{key}");
    }
    assert!(!project.value("WP01", "assignee").is_empty());
    assert_eq!(
        project.value("WP01", "base_commit"),
        project.git(&["rev-parse", "HEAD~1"])
    );
    let last = activity::entries(&project.text("WP01")).pop().unwrap();
    assert_eq!(
        (last.lane.as_str(), last.note.as_str()),
        ("doing", "Started implementation")
    );
    assert_eq!(
        project.last_commit().0,
        "chore: WP01 claimed for implementation"
    );
    let record = root.join(format!(".kittify/workspaces/{FEATURE}-WP01.json"));
    let record: Value = serde_json::from_slice(&fs::read(record).unwrap()).unwrap();
    assert_eq!(record["created_by"], "implement-command");
    assert_eq!(
        record["worktree_path"],
        format!(".worktrees/{FEATURE}-WP01")
    );
    assert_eq!(project.told(), [changed("WP01", "claude")]);
}

#[test]
fn a_second_run_finds_the_workspace_and_changes_nothing() {
    let project = fresh();
    implement(&project, &["WP01", "--agent", "claude"]).ok();
    let before = project.snapshot();
    let answer = implement(&project, &["WP01", "--json"]).ok().json();
    assert_eq!(
        (&answer["status"], &answer["commit"]),
        (&json!("reused"), &Value::Null)
    );
    assert_eq!(project.snapshot(), before);
    assert_eq!(project.told().len(), 1);
    let other = implement(&project, &["WP01", "--agent", "codex", "--json"]);
    assert_eq!(
        (other.code, other.error()["code"].as_str().unwrap()),
        (1, "agent-mismatch")
    );
    // Sent back to planned, it is begun again in the same place.
    project.move_task(&["WP01", "--to", "planned"]).ok();
    implement(&project, &["WP01"]).ok();
    assert_eq!(project.value("WP01", "lane"), "doing");
}

#[test]
fn what_it_waits_for_is_what_it_begins_from() {
    let project = fresh();
    let refused = implement(&project, &["WP02", "--json"]);
    assert_eq!(
        (refused.code, refused.error()["code"].as_str().unwrap()),
        (1, "dependency-not-begun")
    );
    assert!(
        refused.error()["hint"]
            .as_str()
            .unwrap()
            .starts_with("spec-kitty implement WP01")
    );
    assert!(!worktree(&project, "WP02").exists());
    implement(&project, &["WP01"]).ok();
    // Begun and empty: its branch is in the target, its work is not.
    let empty = implement(&project, &["WP02", "--json"]).ok().json();
    assert_eq!(empty["base"], format!("{FEATURE}-WP01"));
    work(&project, "WP01", "one.txt", "1");
    let full = implement(&project, &["WP03", "--json"]).ok().json();
    assert_eq!(full["base"], format!("{FEATURE}-WP01"));
    assert!(worktree(&project, "WP03").join("one.txt").exists());
    project.move_task(&["WP01", "--to", "done", "--force"]).ok();
    let done = implement(&project, &["WP04", "--json"]).ok().json();
    assert_eq!(
        done["base"],
        format!("{FEATURE}-WP01"),
        "done is not merged"
    );
    project.git(&[
        "merge",
        "-q",
        "--no-ff",
        "-m",
        "m",
        &format!("{FEATURE}-WP01"),
    ]);
    let merged = implement(&project, &["WP05", "--json"]).ok().json();
    assert_eq!(merged["base"], "2.x");
    assert!(worktree(&project, "WP05").join("one.txt").exists());
    let forced = implement(&project, &["WP07", "--force", "--json"])
        .ok()
        .json();
    assert_eq!(forced["base"], "2.x");
}

#[test]
fn a_branch_that_was_merged_and_deleted_is_in_the_target() {
    let project = fresh();
    project.move_task(&["WP01", "--to", "done", "--force"]).ok();
    let answer = implement(&project, &["WP02", "--json"]).ok().json();
    assert_eq!(answer["base"], "2.x");
}

/// WP07 waits for WP02 and WP03, which both wait for WP01.
fn with_two_bases(conflict: bool) -> Project {
    let project = fresh();
    project.edit(
        "WP07",
        "dependencies: [\"WP06\"]",
        "dependencies: [\"WP02\", \"WP03\"]",
    );
    project.git(&["commit", "-qam", "two"]);
    for wp in ["WP01", "WP02", "WP03"] {
        implement(&project, &[wp]).ok();
        let file = if conflict {
            "same.txt".to_owned()
        } else {
            format!("{wp}.txt")
        };
        work(&project, wp, &file, wp);
    }
    project
}

#[test]
fn several_branches_are_merged_without_a_work_tree() {
    let project = with_two_bases(false);
    fs::write(project.root().join("mine.txt"), "x").unwrap();
    let ran = implement(&project, &["WP07", "--json"]).ok();
    let name = format!("{FEATURE}-WP07-merge-base");
    assert_eq!(ran.json()["base"], name);
    for wp in ["WP01", "WP02", "WP03"] {
        assert!(
            worktree(&project, "WP07")
                .join(format!("{wp}.txt"))
                .exists(),
            "{wp}"
        );
    }
    let subject = project.git(&["log", "-1", "--format=%s", &name]);
    assert_eq!(
        subject,
        format!("Merge {FEATURE}-WP03 into multi-parent base for WP07")
    );
    assert_eq!(project.git(&["symbolic-ref", "--short", "HEAD"]), "2.x");
    assert_eq!(project.git(&["status", "--porcelain"]), "?? mine.txt");
}

#[test]
fn bases_in_conflict_leave_nothing_behind() {
    let project = with_two_bases(true);
    let before = project.snapshot();
    let ran = implement(&project, &["WP07", "--json"]);
    assert_eq!(
        (ran.code, ran.error()["code"].as_str().unwrap()),
        (1, "base-conflict")
    );
    assert!(
        ran.error()["message"]
            .as_str()
            .unwrap()
            .contains("same.txt")
    );
    assert_eq!(project.snapshot(), before);
    let named = implement(&project, &["WP07", "--base", "WP03", "--json"])
        .ok()
        .json();
    assert_eq!(named["base"], format!("{FEATURE}-WP03"));
}

#[test]
fn an_interrupted_making_is_completed() {
    let project = fresh();
    let tree = worktree(&project, "WP01");
    let name = format!("{FEATURE}-WP01");
    // As a kill between the making of the worktree and its checkout leaves it.
    project.git(&[
        "worktree",
        "add",
        "--no-checkout",
        "-q",
        "-b",
        &name,
        tree.to_str().unwrap(),
    ]);
    let answer = implement(&project, &["WP01", "--json"]).ok().json();
    assert_eq!(answer["status"], "created");
    assert!(tree.join(".kittify").exists());
    assert_eq!(project.git_in(&tree, &["status", "--porcelain"]), "");
    // As a directory that was removed by hand leaves it.
    work(&project, "WP01", "one.txt", "1");
    fs::remove_dir_all(&tree).unwrap();
    implement(&project, &["WP01"]).ok();
    assert!(tree.join("one.txt").exists(), "the branch is kept");
}

#[test]
fn a_run_that_is_killed_in_its_commit_is_completed_and_told_once() {
    let project = fresh();
    project.killed_in_a_hook(&["implement", "WP01", "--agent", "claude"], "1");
    assert_eq!(project.told(), []);
    let answer = implement(&project, &["WP01", "--json"]).ok().json();
    assert_eq!(answer["status"], "reused");
    assert_eq!(project.told(), [changed("WP01", "claude")]);
    assert_eq!(project.git(&["status", "--porcelain"]), "");
    assert_eq!(
        project.last_commit().0,
        "chore: WP01 claimed for implementation"
    );
}

#[test]
fn the_vcs_is_written_into_meta_json_and_its_other_bytes_stay() {
    let project = fresh();
    let meta = project.feature().join("meta.json");
    let text = fs::read_to_string(&meta).unwrap();
    let without = text
        .replace(",\n  \"vcs\": \"git\"", "")
        .replace("{\n", "{\n  \"x\": [1,2],\n");
    fs::write(&meta, &without).unwrap();
    project.git(&["commit", "-qam", "no vcs"]);
    implement(&project, &["WP01"]).ok();
    let after = fs::read_to_string(&meta).unwrap();
    let start = without.trim_end().trim_end_matches('}').trim_end();
    assert!(after.starts_with(start), "{after}");
    let keys: Value = serde_json::from_str(&after).unwrap();
    assert_eq!(keys["vcs"], "git");
    assert!(keys["vcs_locked_at"].as_str().unwrap().ends_with("+00:00"));
    assert_eq!(project.git(&["status", "--porcelain"]), "");
}

#[test]
fn what_cannot_be_begun_is_refused_and_changes_nothing() {
    let project = fresh();
    let snapshot = project.snapshot();
    let refused = |args: &[&str], code: i32, name: &str| {
        let ran = implement(&project, &[args, &["--json"]].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{args:?}");
        assert_eq!(ran.error()["code"], name, "{args:?}");
        assert!(!ran.error()["hint"].as_str().unwrap().is_empty());
    };
    refused(&["WP09"], 3, "no-such-work-package");
    refused(&["../WP01"], 2, "invalid-work-package");
    refused(&["WP01", "--base", "WP01"], 2, "usage");
    refused(&["WP01", "--base", "WP09"], 3, "no-such-work-package");
    refused(&["WP01", "--feature", "099-none"], 3, "no-such-feature");
    assert_eq!(project.snapshot(), snapshot);
    let tree = worktree(&project, "WP01");
    fs::create_dir_all(&tree).unwrap();
    fs::write(tree.join("mine"), "x").unwrap();
    refused(&["WP01"], 1, "not-a-worktree");
    assert!(tree.join("mine").exists());
    fs::remove_dir_all(&tree).unwrap();
    project.git(&["checkout", "-q", "--detach"]);
    refused(&["WP01"], 1, "detached-head");
    project.git(&["switch", "-q", "2.x"]);
    fs::write(
        project.root().join(".git/MERGE_HEAD"),
        project.git(&["rev-parse", "HEAD"]),
    )
    .unwrap();
    refused(&["WP01"], 1, "git-in-progress");
    fs::remove_file(project.root().join(".git/MERGE_HEAD")).unwrap();
    implement(&project, &["WP01"]).ok();
    let inside = project.run_in(&tree, &["implement", "WP02", "--json"]);
    assert_eq!(
        (inside.code, inside.error()["code"].as_str().unwrap()),
        (1, "in-worktree")
    );
    project.git_in(&tree, &["switch", "-qc", "elsewhere"]);
    refused(&["WP01"], 1, "worktree-branch");
    let kinds: Vec<String> = project.told().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(
        kinds
            .iter()
            .filter(|kind| *kind == "WPStatusChanged")
            .count(),
        1
    );
    assert!(
        !project
            .told()
            .iter()
            .any(|(_, payload)| payload.to_string().contains(private(&project)))
    );
}

fn private(project: &Project) -> &'static str {
    let path: &Path = &project.root();
    Box::leak(
        path.parent()
            .unwrap()
            .to_string_lossy()
            .into_owned()
            .into_boxed_str(),
    )
}

#[test]
fn a_repository_without_a_commit_is_named() {
    let project = fresh();
    project.git(&["switch", "-q", "--orphan", "empty"]);
    project.git(&["checkout", "2.x", "--", "."]);
    let ran = implement(&project, &["WP01", "--json"]);
    assert_eq!(
        (ran.code, ran.error()["code"].as_str().unwrap()),
        (1, "no-commit")
    );
}
