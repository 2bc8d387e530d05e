//! `agent tasks add-history`: one line, one commit, one event.

use std::fs;

use serde_json::json;
use spec_kitty::workflow::activity;

use crate::project::{FEATURE, Project, Ran};

fn add(project: &Project, args: &[&str]) -> Ran {
    project.run(&[&["agent", "tasks", "add-history"], args].concat())
}

#[test]
fn a_line_is_added_and_nothing_else_changes() {
    let project = Project::new();
    let before = project.text("WP05");
    let args = [
        "WP05",
        "--note",
        " Half\nway ",
        "--entry-type",
        "review",
        "--agent",
        "codex",
        "--json",
    ];
    let answer = add(&project, &args).ok().json();
    assert_eq!(answer["task_id"], "WP05");
    assert_eq!(answer["note"], "Half way");
    let after = project.text("WP05");
    let last = activity::entries(&after).pop().unwrap();
    assert_eq!(
        (last.agent.as_str(), last.lane.as_str(), last.note.as_str()),
        ("codex", "doing", "Half way")
    );
    assert_eq!(
        after.replacen(&format!("{}\n", last.to_line()), "", 1),
        before
    );
    let (subject, files) = project.last_commit();
    assert_eq!(subject, "chore: Add history to WP05 on spec 028");
    assert_eq!(files.lines().count(), 1);
    assert_eq!(project.git(&["status", "--porcelain"]), "");
    assert_eq!(
        project.told(),
        [(
            "HistoryAdded".to_owned(),
            json!({
                "wp_id": "WP05",
                "entry_type": "review",
                "entry_content": "Half way",
                "author": "codex",
                "feature_slug": FEATURE,
            })
        )]
    );
}

#[test]
fn what_cannot_be_written_is_refused() {
    let project = Project::new();
    let before = project.snapshot();
    for (args, code, name) in [
        (&["WP05", "--note", " \n"][..], 2, "usage"),
        (&["WP09", "--note", "x"], 3, "no-such-work-package"),
        (&["wp5", "--note", "x"], 2, "invalid-work-package"),
        (
            &["WP05", "--note", "x", "--entry-type", "lunch"],
            2,
            "usage",
        ),
        (
            &["WP05", "--note", "x", "--agent", "a – lane=done – b"],
            1,
            "unsafe-edit",
        ),
    ] {
        let ran = add(&project, &[args, &["--json"]].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{args:?}");
        assert_eq!(ran.error()["code"], name, "{args:?}");
    }
    assert_eq!(project.snapshot(), before);
}

#[test]
fn on_another_branch_the_line_is_written_and_left_to_be_committed() {
    let project = Project::new();
    project.git(&["switch", "-qc", "topic"]);
    let ran = add(&project, &["WP05", "--note", "x"]).ok();
    assert!(ran.stderr.contains("git switch '2.x'"), "{}", ran.stderr);
    assert_eq!(project.git(&["status", "--porcelain"]).lines().count(), 1);
    assert_eq!(project.told().len(), 1);
}

#[test]
fn a_home_that_cannot_be_used_costs_one_warning_and_no_line() {
    let project = Project::new();
    fs::create_dir_all(project.home().parent().unwrap()).unwrap();
    fs::write(project.home(), "a file where a directory should be").unwrap();
    let ran = add(&project, &["WP05", "--note", "x"]).ok();
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    assert!(ran.stderr.starts_with("warning: "), "{}", ran.stderr);
    assert!(project.text("WP05").contains("– lane=doing – x\n"));
}
