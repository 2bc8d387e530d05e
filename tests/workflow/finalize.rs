//! `agent feature finalize-tasks`: what tasks.md states, written and announced.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use spec_kitty::workflow::frontmatter::Data;
use spec_kitty::workflow::text::Split;

use crate::project::{FEATURE, Project, Ran, events};

const TWELVE: &str = "021-orchestrator-end-to-end-testing-suite";
const ODD: &str = "011-constitution-packaging-safety-and-redesign";

fn finalize(project: &Project, args: &[&str]) -> Ran {
    project.run(&[&["agent", "feature", "finalize-tasks"], args].concat())
}

fn dependencies(project: &Project, feature: &str) -> Vec<(String, Vec<String>)> {
    let dir = project
        .root()
        .join("kitty-specs")
        .join(feature)
        .join("tasks");
    let mut found: Vec<(String, Vec<String>)> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| name(path).starts_with("WP"))
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let data = Data::parse(Split::of(&text).unwrap().front).unwrap();
            let needs = data.texts("dependencies");
            let needs = needs.iter().map(|id| (*id).to_owned()).collect();
            (name(&path)[..4].to_owned(), needs)
        })
        .collect();
    found.sort();
    found
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

fn table(rows: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
    rows.iter()
        .map(|(id, needs)| {
            let needs = needs.iter().map(|id| (*id).to_owned()).collect();
            ((*id).to_owned(), needs)
        })
        .collect()
}

#[test]
fn the_plans_of_real_features_are_read_whole() {
    let project = Project::of(&["028-mid-flight", "021-twelve-wps", "011-odd-headings"]);
    for feature in [FEATURE, TWELVE, ODD] {
        finalize(&project, &["--feature", feature]).ok();
    }
    assert_eq!(
        dependencies(&project, TWELVE),
        table(&[
            ("WP01", &[]),
            ("WP02", &["WP01"]),
            ("WP03", &[]),
            ("WP04", &["WP03"]),
            ("WP05", &["WP03"]),
            ("WP06", &["WP01", "WP02", "WP04"]),
            ("WP07", &["WP05", "WP06"]),
            ("WP08", &["WP05", "WP06"]),
            ("WP09", &["WP05", "WP06"]),
            ("WP10", &["WP01", "WP06"]),
            ("WP11", &["WP03", "WP05"]),
            (
                "WP12",
                &[
                    "WP01", "WP02", "WP03", "WP04", "WP05", "WP06", "WP07", "WP08", "WP09", "WP10",
                    "WP11"
                ]
            ),
        ])
    );
    assert_eq!(
        dependencies(&project, ODD),
        table(&[
            ("WP01", &[]),
            ("WP02", &[]),
            ("WP03", &["WP01"]),
            ("WP04", &[]),
            ("WP05", &["WP01"]),
            ("WP06", &["WP01", "WP02", "WP03", "WP04", "WP05"]),
        ])
    );
    assert_eq!(
        dependencies(&project, FEATURE),
        table(&[
            ("WP01", &[]),
            ("WP02", &["WP01"]),
            ("WP03", &["WP01"]),
            ("WP04", &["WP01"]),
            ("WP05", &["WP01"]),
            ("WP06", &["WP05"]),
            ("WP07", &["WP06"]),
        ])
    );
    // The others belong to another branch: written, and left to be committed there.
    let status = project.git(&["status", "--porcelain"]);
    assert!(!status.contains(FEATURE), "{status}");
}

#[test]
fn only_the_lists_change_and_only_in_the_work_packages() {
    let project = Project::of(&["011-odd-headings"]);
    project.git(&["branch", "-m", "main"]);
    fs::write(project.root().join("mine.txt"), "x").unwrap();
    fs::write(project.root().join("staged.txt"), "x").unwrap();
    project.git(&["add", "staged.txt"]);
    let answer = finalize(&project, &["--json"]).ok().json();
    assert_eq!(answer["result"], "success");
    assert_eq!(
        (&answer["updated_wp_count"], &answer["commit_created"]),
        (&json!(6), &json!(true))
    );
    assert_eq!(answer["files_committed"].as_array().unwrap().len(), 6);
    assert_eq!(
        project.last_commit().0,
        format!("Add tasks for feature {ODD}")
    );
    let diff = project.git(&["show", "--format=", "-U0", "HEAD"]);
    let changed: Vec<&str> = diff
        .lines()
        .filter(|line| {
            line.starts_with(['+', '-']) && !line.starts_with("+++") && !line.starts_with("---")
        })
        .collect();
    assert_eq!(changed.len(), 6, "{diff}");
    assert!(
        changed
            .iter()
            .all(|line| line.starts_with("+dependencies: [")),
        "{diff}"
    );
    assert_eq!(
        project.git(&["status", "--porcelain"]),
        "A  staged.txt\n?? mine.txt"
    );
}

#[test]
fn the_feature_and_its_work_packages_are_announced_once_in_order() {
    let project = Project::new();
    finalize(&project, &[]).ok();
    let events = events(&project.home());
    let cause = events[0]["causation_id"].as_str().unwrap().to_owned();
    assert!(events.iter().all(|event| event["causation_id"] == cause));
    let told = project.told();
    let created = json!({
        "feature_slug": FEATURE,
        "feature_number": "028",
        "target_branch": "2.x",
        "wp_count": 7,
        "created_at": told[0].1["created_at"],
    });
    assert_eq!(told[0], ("FeatureCreated".to_owned(), created));
    assert!(
        told[0].1["created_at"]
            .as_str()
            .unwrap()
            .starts_with("2026-")
    );
    let ids: Vec<&Value> = told[1..]
        .iter()
        .map(|(_, payload)| &payload["wp_id"])
        .collect();
    assert_eq!(
        ids,
        ["WP01", "WP02", "WP03", "WP04", "WP05", "WP06", "WP07"]
    );
    assert_eq!(
        told[7],
        (
            "WPCreated".to_owned(),
            json!({
                "wp_id": "WP07",
                "title": "Test Suite",
                "dependencies": ["WP06"],
                "feature_slug": FEATURE,
            })
        )
    );
    let before = project.snapshot();
    let again = finalize(&project, &["--json"]).ok().json();
    assert_eq!(
        (&again["updated_wp_count"], &again["commit_created"]),
        (&json!(0), &json!(false))
    );
    assert_eq!(again["commit_hash"], Value::Null);
    assert_eq!(project.snapshot(), before);
    assert_eq!(project.told(), told);
}

#[test]
fn a_work_package_that_is_added_later_is_announced_alone() {
    let project = Project::new();
    finalize(&project, &[]).ok();
    let count = project.told().len();
    let path = project.feature().join("tasks/WP08-docs.md");
    fs::write(&path, "---\nwork_package_id: WP08\ntitle: Docs\n---\n").unwrap();
    let tasks = project.feature().join("tasks.md");
    let text = fs::read_to_string(&tasks).unwrap();
    fs::write(
        &tasks,
        format!("{text}\n## Work Package WP08: Docs\n**Dependencies**: WP06, WP07\n"),
    )
    .unwrap();
    let answer = finalize(&project, &["--json"]).ok().json();
    assert_eq!(answer["files_committed"].as_array().unwrap().len(), 2);
    let told = project.told();
    assert_eq!(told.len(), count + 1);
    assert_eq!(told[count].1["wp_id"], "WP08");
    assert_eq!(told[count].1["dependencies"], json!(["WP06", "WP07"]));
    assert_eq!(project.git(&["status", "--porcelain"]), "");
}

#[test]
fn what_the_plan_does_not_state_is_left_alone() {
    let project = Project::new();
    project.edit(
        "WP07",
        "dependencies: [\"WP06\"]",
        "dependencies:\n  - WP05\n  - 'WP06'  # both",
    );
    let tasks = project.feature().join("tasks.md");
    let text = fs::read_to_string(&tasks).unwrap();
    let at = text.find("## Work Package WP07").unwrap();
    fs::write(&tasks, &text[..at]).unwrap();
    project.git(&["commit", "-qam", "by hand"]);
    let head = project.git(&["rev-parse", "HEAD"]);
    finalize(&project, &[]).ok();
    assert_eq!(dependencies(&project, FEATURE)[6].1, ["WP05", "WP06"]);
    assert_eq!(project.git(&["rev-parse", "HEAD"]), head);
    fs::remove_file(&tasks).unwrap();
    project.git(&["commit", "-qam", "no plan"]);
    finalize(&project, &[]).ok();
    assert_eq!(dependencies(&project, FEATURE)[6].1, ["WP05", "WP06"]);
}

#[test]
fn a_plan_that_contradicts_itself_changes_nothing() {
    for (from, to, code, words) in [
        (
            "- Depends on WP06 (",
            "- Depends on WP07 (",
            "self-dependency",
            "WP07 depends on itself",
        ),
        (
            "- Depends on WP06 (",
            "- Depends on WP42 (",
            "unknown-dependency",
            "WP42, which does not",
        ),
        (
            "- Depends on WP05 (",
            "- Depends on WP07 (",
            "circular-dependencies",
            "WP06 -> WP07 -> WP06",
        ),
    ] {
        let project = Project::new();
        let tasks = project.feature().join("tasks.md");
        let text = fs::read_to_string(&tasks).unwrap();
        assert!(text.contains(from));
        fs::write(&tasks, text.replace(from, to)).unwrap();
        let before = project.snapshot();
        let ran = finalize(&project, &["--json"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
        assert_eq!(ran.error()["code"], code);
        assert!(ran.error()["message"].as_str().unwrap().contains(words));
        assert_eq!(project.snapshot(), before);
        let told = project.told();
        assert_eq!((told.len(), told[0].0.as_str()), (1, "ErrorLogged"));
        assert_eq!(told[0].1["feature_slug"], FEATURE);
    }
}

#[test]
fn a_feature_without_work_packages_is_named() {
    let project = Project::new();
    fs::remove_dir_all(project.feature().join("tasks")).unwrap();
    let ran = finalize(&project, &["--json"]);
    assert_eq!(
        (ran.code, ran.error()["code"].as_str().unwrap()),
        (3, "no-work-packages")
    );
    let path = project.feature().join("tasks");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("WP01-a.md"), "no front matter\n").unwrap();
    let ran = finalize(&project, &["--json"]);
    assert_eq!(
        (ran.code, ran.error()["code"].as_str().unwrap()),
        (1, "bad-front-matter")
    );
}

#[test]
fn a_plan_whose_command_was_killed_in_its_commit_is_completed_by_the_next_run() {
    for ending in ["0", "1"] {
        let project = Project::of(&["011-odd-headings"]);
        project.git(&["branch", "-m", "main"]);
        let tasks = project
            .root()
            .join("kitty-specs")
            .join(ODD)
            .join("tasks.md");
        let text = fs::read_to_string(&tasks).unwrap();
        fs::write(&tasks, format!("{text}\n")).unwrap();
        project.killed_in_a_hook(&["agent", "feature", "finalize-tasks"], ending);
        assert_eq!(project.told(), []);
        let ran = finalize(&project, &[]).ok();
        assert!(
            ran.stderr.contains("completed an interrupted run"),
            "{}",
            ran.stderr
        );
        assert_eq!(project.git(&["status", "--porcelain"]), "");
        assert_eq!(dependencies(&project, ODD)[5].1.len(), 5);
        let kinds: Vec<String> = project.told().into_iter().map(|(kind, _)| kind).collect();
        let mut expected = vec!["FeatureCreated"];
        expected.extend(["WPCreated"; 6]);
        assert_eq!(kinds, expected);
        finalize(&project, &[]).ok();
        assert_eq!(project.told().len(), 7, "told once");
    }
}
