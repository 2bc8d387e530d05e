//! `merge`: preflight, order, conflicts, interruptions, what is left.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use spec_kitty::workflow::frontmatter::set_list;
use spec_kitty::workflow::text::Split;

use crate::project::{FEATURE, Project, Ran};

fn merge(project: &Project, args: &[&str]) -> Ran {
    project.run(&[&["merge"], args].concat())
}

fn worktree(project: &Project, wp: &str) -> PathBuf {
    project
        .root()
        .join(".worktrees")
        .join(format!("{FEATURE}-{wp}"))
}

fn work(project: &Project, wp: &str, file: &str, text: &str) {
    let path = worktree(project, wp);
    fs::create_dir_all(path.join(file).parent().unwrap()).unwrap();
    fs::write(path.join(file), text).unwrap();
    project.git_in(&path, &["add", "--sparse", file]);
    project.git_in(&path, &["commit", "-qm", &format!("work of {wp}")]);
}

/// Three work packages: WP03 needs WP01, WP01 needs WP02. All begun, with work
/// in a file of their own, or all in the same one.
fn three(same_file: bool) -> Project {
    let project = Project::fresh();
    for wp in ["WP04", "WP05", "WP06", "WP07"] {
        fs::remove_file(project.wp(wp)).unwrap();
    }
    let third: &[&str] = if same_file { &[] } else { &["WP01"] };
    for (wp, needs) in [("WP01", &["WP02"][..]), ("WP02", &[]), ("WP03", third)] {
        let text = project.text(wp);
        let split = Split::of(&text).unwrap();
        let front = set_list(split.front, "dependencies", needs, "\n").unwrap();
        fs::write(project.wp(wp), split.join(&front, split.body)).unwrap();
    }
    project.git(&["commit", "-qam", "three"]);
    for wp in ["WP02", "WP01", "WP03"] {
        project.run(&["implement", wp, "--agent", "claude"]).ok();
        let own = format!("{wp}.txt");
        work(
            &project,
            wp,
            if same_file { "same.txt" } else { &own },
            &format!("{wp}\n"),
        );
    }
    project
}

fn reviewed(wp: &str) -> (String, Value) {
    let payload = json!({
        "wp_id": wp,
        "previous_status": "doing",
        "new_status": "for_review",
        "changed_by": "user",
        "feature_slug": FEATURE,
    });
    ("WPStatusChanged".into(), payload)
}

/// What was told after the three beginnings.
fn told(project: &Project) -> Vec<(String, Value)> {
    project.told().split_off(3)
}

fn subjects(project: &Project) -> Vec<String> {
    let log = project.git(&["log", "--first-parent", "--format=%s", "2.x"]);
    log.lines()
        .filter(|line| line.starts_with("Merge "))
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_feature_is_merged_in_the_order_of_its_dependencies() {
    let project = three(false);
    project
        .run(&[
            "agent",
            "tasks",
            "move-task",
            "WP02",
            "--to",
            "done",
            "--force",
        ])
        .ok();
    let answer = merge(&project, &["--json"]).ok().json();
    assert_eq!(
        (&answer["status"], &answer["target"]),
        (&json!("merged"), &json!("2.x"))
    );
    assert_eq!(answer["order"], json!(["WP02", "WP01", "WP03"]));
    assert_eq!(answer["reviewed"], json!(["WP01", "WP03"]));
    assert_eq!(
        subjects(&project),
        ["WP03", "WP01", "WP02"].map(|wp| format!("Merge {wp} from {FEATURE}"))
    );
    for wp in ["WP01", "WP02", "WP03"] {
        assert!(project.root().join(format!("{wp}.txt")).exists());
        assert!(!worktree(&project, wp).exists());
        let record = format!(".kittify/workspaces/{FEATURE}-{wp}.json");
        assert!(!project.root().join(record).exists());
    }
    assert_eq!(project.git(&["branch", "--format=%(refname:short)"]), "2.x");
    assert_eq!(
        project.value("WP02", "lane"),
        "done",
        "what is done stays done"
    );
    assert_eq!(told(&project)[1..], [reviewed("WP01"), reviewed("WP03")]);
    assert_eq!(project.git(&["status", "--porcelain"]), "");
    // Merged and gone: the same again is nothing, and dependents begin from the target.
    let again = merge(&project, &["--json"]).ok().json();
    assert_eq!(again["reviewed"], json!([]));
    assert_eq!(told(&project).len(), 3);
}

#[test]
fn a_squash_is_one_commit_each_and_what_is_kept_stays() {
    let project = three(false);
    merge(&project, &["--strategy", "squash", "--keep-worktree"]).ok();
    assert_eq!(subjects(&project).len(), 3);
    assert_eq!(
        project.git(&["rev-list", "--merges", "--count", "2.x"]),
        "0"
    );
    assert!(worktree(&project, "WP01").exists());
    assert_eq!(project.git(&["status", "--porcelain"]), "");
    assert_eq!(told(&project).len(), 3);
}

#[test]
fn a_forecast_names_conflicts_and_changes_nothing() {
    let project = three(true);
    let before = project.snapshot();
    let answer = merge(&project, &["--dry-run", "--json"]).ok().json();
    assert_eq!(answer["status"], "dry-run");
    let forecast = answer["forecast"].as_array().unwrap();
    assert_eq!(forecast.len(), 3);
    assert_eq!(forecast[0]["conflicts"], json!([]));
    let last = &forecast[2];
    assert_eq!(last["wp_id"], "WP03");
    assert_eq!(
        last["conflicts"],
        json!([{"file": "same.txt", "auto_resolvable": false}])
    );
    assert_eq!(project.snapshot(), before);
    assert_eq!(told(&project), []);
}

#[test]
fn after_a_conflict_the_merge_goes_on_where_it_stopped() {
    let project = three(true);
    let ran = merge(&project, &["--json"]);
    assert_eq!(
        (ran.code, ran.error()["code"].as_str().unwrap()),
        (1, "merge-conflict")
    );
    assert!(
        ran.error()["message"]
            .as_str()
            .unwrap()
            .contains("WP03 conflicts in\n  same.txt")
    );
    let kinds: Vec<String> = told(&project).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["WPStatusChanged", "WPStatusChanged", "ErrorLogged"]);
    for args in [&["--json"][..], &["--resume", "--json"]] {
        let again = merge(&project, args);
        assert_eq!(again.code, 1, "{args:?}: {}", again.stdout);
    }
    fs::write(project.root().join("same.txt"), "all\n").unwrap();
    project.git(&["add", "same.txt"]);
    let answer = merge(&project, &["--resume", "--json"]).ok().json();
    assert_eq!(answer["reviewed"], json!(["WP03"]));
    assert_eq!(subjects(&project)[0], format!("Merge WP03 from {FEATURE}"));
    assert_eq!(project.value("WP03", "lane"), "for_review");
    assert_eq!(project.git(&["status", "--porcelain"]), "");
    assert!(!project.root().join(".kittify/merge-state.json").exists());
    let none = merge(&project, &["--resume", "--json"]);
    assert_eq!(
        (none.code, none.error()["code"].as_str().unwrap()),
        (1, "nothing-to-resume")
    );
}

#[test]
fn a_merge_is_given_up_and_what_is_merged_stays() {
    // Squashed, the branch of WP01 does not know that WP02 is merged.
    for (strategy, merged) in [("merge", 2), ("squash", 1)] {
        let project = three(true);
        assert_eq!(merge(&project, &["--strategy", strategy]).code, 1);
        let answer = merge(&project, &["--abort", "--json"]).ok().json();
        assert_eq!(answer["status"], "aborted");
        assert_eq!(project.git(&["status", "--porcelain"]), "");
        assert_eq!(subjects(&project).len(), merged);
        assert!(worktree(&project, "WP03").exists());
        let nothing = merge(&project, &["--abort", "--json"]).ok().json();
        assert_eq!(nothing["status"], "nothing-to-abort");
    }
}

#[test]
fn status_files_in_conflict_are_resolved_by_themselves() {
    let project = three(false);
    let path = format!(
        "kitty-specs/{FEATURE}/tasks/{}",
        project.wp("WP02").file_name().unwrap().to_str().unwrap()
    );
    let text = project
        .text("WP02")
        .replace("lane: \"doing\"", "lane: \"done\"");
    let theirs = format!(
        "{}\n- 2026-02-04T11:41:17Z – codex – lane=done – On the branch\n",
        text.trim_end()
    );
    work(&project, "WP02", &path, &theirs);
    let add = [
        "agent",
        "tasks",
        "add-history",
        "WP02",
        "--note",
        "On the target",
    ];
    project.run(&add).ok();
    merge(&project, &[]).ok();
    let both = project.text("WP02");
    assert!(
        both.contains("On the branch") && both.contains("On the target"),
        "{both}"
    );
    assert_eq!(project.value("WP02", "lane"), "done");
    assert_eq!(project.git(&["status", "--porcelain"]), "");
}

#[test]
fn everything_is_checked_before_anything_is_merged() {
    let project = three(false);
    fs::write(worktree(&project, "WP01").join("mine.txt"), "x").unwrap();
    project
        .run(&["agent", "tasks", "move-task", "WP03", "--to", "planned"])
        .ok();
    fs::write(project.root().join("WP.txt"), "x").unwrap();
    project.git(&["add", "WP.txt"]);
    let before = project.snapshot();
    let ran = merge(&project, &["--json"]);
    assert_eq!(
        (ran.code, ran.error()["code"].as_str().unwrap()),
        (1, "not-mergeable")
    );
    let message = ran.error()["message"].as_str().unwrap().to_owned();
    for words in [
        "the main repository has uncommitted changes: WP.txt",
        "WP01 has uncommitted work in",
        "WP03 is in planned",
    ] {
        assert!(message.contains(words), "{message}");
    }
    assert_eq!(project.snapshot(), before);
    project.git(&["rm", "-q", "--cached", "WP.txt"]);
    project.git(&["switch", "-qc", "topic"]);
    let other = merge(&project, &["--json"]);
    assert_eq!(
        (other.code, other.error()["code"].as_str().unwrap()),
        (1, "other-branch")
    );
    let inside = project.run_in(&worktree(&project, "WP01"), &["merge", "--json"]);
    assert_eq!(inside.error()["code"], "in-worktree");
}

#[test]
fn a_killed_merge_goes_on() {
    let project = three(false);
    // The first commit of the run is the merge of WP02 itself.
    let hook = project.root().join(".git/hooks/pre-merge-commit");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\nexec .git/hooks/pre-commit\n").unwrap();
    fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    project.killed_in_a_hook(&["merge"], "1");
    fs::remove_file(&hook).unwrap();
    let begun = merge(&project, &["--json"]);
    assert_eq!(begun.code, 1, "{}", begun.stdout);
    let answer = merge(&project, &["--resume", "--json"]).ok().json();
    assert_eq!(answer["reviewed"], json!(["WP02", "WP01", "WP03"]));
    assert_eq!(subjects(&project).len(), 3);
    assert_eq!(project.git(&["status", "--porcelain"]), "");
}

#[test]
fn the_target_is_brought_up_to_date_and_pushed_where_there_is_somewhere_to() {
    let project = three(false);
    let remote = project.root().parent().unwrap().join("remote.git");
    let shown = remote.to_str().unwrap();
    project.git(&["init", "-q", "--bare", shown]);
    project.git(&["remote", "add", "origin", shown]);
    project.git(&["push", "-q", "-u", "origin", "2.x"]);
    let other = project.root().parent().unwrap().join("other");
    project.git(&["clone", "-q", "-b", "2.x", shown, other.to_str().unwrap()]);
    fs::write(other.join("theirs.txt"), "x").unwrap();
    project.git_in(&other, &["add", "theirs.txt"]);
    project.git_in(&other, &["commit", "-qm", "theirs"]);
    project.git_in(&other, &["push", "-q"]);
    let answer = merge(&project, &["--push", "--json"]).ok().json();
    assert_eq!(answer["pushed"], true);
    assert!(project.root().join("theirs.txt").exists());
    assert_eq!(
        project.git(&["rev-parse", "HEAD"]),
        project.git_in(&remote, &["rev-parse", "2.x"])
    );
}
