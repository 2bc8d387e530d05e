//! `accept`: all checks, promotions, the record.

use std::fs;

use serde_json::{Value, json};
use spec_kitty::workflow::activity;

use crate::project::{FEATURE, Project, Ran};

fn accept(project: &Project, args: &[&str]) -> Ran {
    project.run(&[&["accept", "--actor", "Ada"], args].concat())
}

/// A feature with everything as it should be: two to be promoted, five done.
fn ready() -> Project {
    let project = Project::fresh();
    for name in ["spec.md", "plan.md"] {
        fs::write(project.feature().join(name), "# x\n").unwrap();
    }
    project.git(&["add", "-A"]);
    project.git(&["commit", "-qm", "files"]);
    project.tick_everything();
    for number in 1..=7 {
        let wp = format!("WP{number:02}");
        let to = if number < 6 { "done" } else { "for_review" };
        let pid = "4711";
        let args = [
            &wp,
            "--to",
            to,
            "--agent",
            "claude",
            "--assignee",
            "Ada",
            "--shell-pid",
            pid,
        ];
        project.move_task(&args).ok();
    }
    project
}

fn without_moves(project: &Project) -> Vec<(String, Value)> {
    project.told().split_off(7)
}

#[test]
fn what_was_reviewed_becomes_done_and_the_record_is_written() {
    let project = ready();
    let answer = accept(&project, &["--test", "make check", "--json"])
        .ok()
        .json();
    assert_eq!(
        (&answer["mode"], &answer["accepted_by"]),
        (&json!("local"), &json!("Ada"))
    );
    assert_eq!(answer["promoted"], json!(["WP06", "WP07"]));
    assert_eq!(
        (&answer["commit_created"], &answer["summary"]["ok"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(
        answer["parent_commit"],
        project.git(&["rev-parse", "HEAD~1"])
    );
    for wp in ["WP06", "WP07"] {
        assert_eq!(project.value(wp, "lane"), "done");
        assert_eq!(project.value(wp, "review_status"), "approved");
        let last = activity::entries(&project.text(wp)).pop().unwrap();
        assert_eq!(
            (last.lane.as_str(), last.agent.as_str()),
            ("done", "claude")
        );
    }
    let meta: Value =
        serde_json::from_slice(&fs::read(project.feature().join("meta.json")).unwrap()).unwrap();
    assert_eq!(
        (&meta["accepted_by"], &meta["vcs"]),
        (&json!("Ada"), &json!("git"))
    );
    assert_eq!(
        meta["acceptance_history"][0]["validation_commands"],
        json!(["make check"])
    );
    let subjects = project.git(&["log", "-3", "--format=%s"]);
    assert_eq!(
        subjects.lines().collect::<Vec<_>>(),
        [
            format!("Accept {FEATURE}"),
            "chore: Move WP07 to done on spec 028 [Ada]".to_owned(),
            "chore: Move WP06 to done on spec 028 [Ada]".to_owned(),
        ]
    );
    assert_eq!(project.git(&["status", "--porcelain"]), "");
    let done = |wp: &str| {
        let payload = json!({
            "wp_id": wp,
            "previous_status": "for_review",
            "new_status": "done",
            "changed_by": "Ada",
            "feature_slug": FEATURE,
        });
        ("WPStatusChanged".to_owned(), payload)
    };
    assert_eq!(without_moves(&project), [done("WP06"), done("WP07")]);
    // Again: nothing to promote, one more acceptance in the record.
    let again = accept(&project, &["--json"]).ok().json();
    assert_eq!(again["promoted"], json!([]));
    assert_eq!(without_moves(&project).len(), 2);
}

#[test]
fn every_check_is_reported_and_nothing_changes() {
    let project = Project::new();
    fs::write(
        project.feature().join("plan.md"),
        "[NEEDS CLARIFICATION: x]\n",
    )
    .unwrap();
    let before = project.snapshot();
    let ran = accept(&project, &["--json"]);
    assert_eq!(
        (ran.code, ran.error()["code"].as_str().unwrap()),
        (1, "not-acceptable")
    );
    let summary = ran.json();
    assert_eq!(
        summary["outstanding_keys"],
        json!([
            "not_done",
            "metadata",
            "activity",
            "unchecked_tasks",
            "needs_clarification",
            "missing_artifacts",
            "git_dirty"
        ])
    );
    assert_eq!(summary["lanes"]["planned"], json!(["WP06", "WP07"]));
    assert_eq!(summary["missing_artifacts"], json!(["spec.md"]));
    assert_eq!(
        summary["activity_issues"],
        json!([
            "WP03: Activity Log missing entry for lane=doing",
            "WP05: Activity Log missing entry for lane=doing"
        ])
    );
    assert_eq!(project.snapshot(), before);
    let told = project.told();
    assert_eq!((told.len(), told[0].0.as_str()), (1, "ErrorLogged"));
    assert!(
        told[0].1["error_message"]
            .as_str()
            .unwrap()
            .starts_with("outstanding acceptance issues: ")
    );
    let human = accept(&project, &["--mode", "checklist"]);
    assert_eq!(human.code, 1);
    assert!(
        human.stdout.contains("WP06 is in planned"),
        "{}",
        human.stdout
    );
}

#[test]
fn a_check_alone_writes_nothing() {
    let project = ready();
    let before = project.snapshot();
    for args in [&["--mode", "checklist"][..], &["--no-commit"]] {
        let ran = accept(&project, args).ok();
        assert!(
            ran.stdout.starts_with(&format!("{FEATURE}  ready\n")),
            "{}",
            ran.stdout
        );
    }
    assert_eq!(project.snapshot(), before);
    assert_eq!(without_moves(&project), []);
}

#[test]
fn our_own_identity_is_no_uncommitted_work() {
    let project = ready();
    let config = project.root().join(".kittify/config.yaml");
    let text = fs::read_to_string(&config).unwrap_or_default();
    fs::write(&config, format!("{text}\n# ours\n")).unwrap();
    accept(&project, &[]).ok();
    fs::write(project.root().join("work.txt"), "x").unwrap();
    let ran = accept(&project, &["--json"]);
    assert_eq!(ran.json()["git_dirty"], json!(["work.txt"]));
}

#[test]
fn lenient_asks_for_no_names_and_another_branch_is_refused() {
    let project = ready();
    project.edit("WP01", "assignee: \"Ada\"", "assignee: \"\"");
    project.git(&["commit", "-qam", "nobody"]);
    let strict = accept(&project, &["--json"]);
    assert_eq!(strict.json()["outstanding_keys"], json!(["metadata"]));
    assert!(
        strict.error()["hint"]
            .as_str()
            .unwrap()
            .contains("--lenient")
    );
    project.git(&["switch", "-qc", "topic"]);
    let other = accept(&project, &["--lenient", "--json"]);
    assert_eq!(
        (other.code, other.error()["code"].as_str().unwrap()),
        (1, "other-branch")
    );
    project.git(&["switch", "-q", "2.x"]);
    accept(&project, &["--lenient"]).ok();
}

#[test]
fn a_killed_acceptance_is_gone_on_with() {
    let project = ready();
    project.killed_in_a_hook(&["accept", "--actor", "Ada"], "1");
    // The file was moved and neither committed nor told; the next run does both.
    accept(&project, &[]).ok();
    let lanes: Vec<String> = without_moves(&project)
        .iter()
        .map(|(kind, payload)| format!("{kind} {}", payload["wp_id"].as_str().unwrap()))
        .collect();
    assert_eq!(lanes, ["WPStatusChanged WP06", "WPStatusChanged WP07"]);
    assert_eq!(project.git(&["status", "--porcelain"]), "");
}
