//! `agent tasks mark-status`: boxes, lanes, who is told.

use std::fs;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::project::{FEATURE, Project};

fn mark(project: &Project, args: &[&str]) -> crate::project::Ran {
    project.run(&[&["agent", "tasks", "mark-status"], args].concat())
}

fn tasks(project: &Project) -> String {
    fs::read_to_string(project.feature().join("tasks.md")).unwrap()
}

fn history(wp: &str, content: &str, author: &str) -> (String, Value) {
    let payload = json!({
        "wp_id": wp,
        "entry_type": "note",
        "entry_content": content,
        "author": author,
        "feature_slug": FEATURE,
    });
    ("HistoryAdded".into(), payload)
}

#[test]
fn boxes_are_ticked_with_one_commit_and_told_to_their_owners() {
    let project = Project::new();
    let before = tasks(&project);
    let ran = mark(
        &project,
        &[
            "T028", "T029", "T034", "--status", "done", "--agent", "codex", "--json",
        ],
    )
    .ok();
    let answer = ran.json();
    assert_eq!(answer["result"], "success");
    assert_eq!(answer["updated"], json!(["T028", "T029", "T034"]));
    assert_eq!(
        (&answer["not_found"], &answer["count"]),
        (&json!([]), &json!(3))
    );
    let after = tasks(&project);
    let changed: Vec<(&str, &str)> = before
        .lines()
        .zip(after.lines())
        .filter(|(old, new)| old != new)
        .collect();
    assert_eq!(changed.len(), 3);
    for (old, new) in changed {
        assert_eq!(old.replacen("[ ]", "[x]", 1), new);
    }
    let (subject, files) = project.last_commit();
    assert_eq!(subject, "chore: Mark 3 subtasks as done on spec 028");
    assert_eq!(files, format!("kitty-specs/{FEATURE}/tasks.md"));
    assert_eq!(project.git(&["status", "--porcelain"]), "");
    assert_eq!(
        project.told(),
        [
            history("WP05", "Subtask(s) T028 marked as done", "codex"),
            history("WP06", "Subtask(s) T029, T034 marked as done", "codex"),
        ]
    );
}

#[test]
fn what_is_already_so_changes_nothing_and_is_not_told() {
    let project = Project::new();
    let before = project.snapshot();
    let ran = mark(&project, &["T001", "T005", "--status", "done"]).ok();
    assert_eq!(
        ran.stdout,
        "Already done, nothing was changed: T001, T005\n"
    );
    assert_eq!(project.snapshot(), before);
    assert_eq!(project.told(), []);
}

#[test]
fn a_box_can_be_opened_again_and_capital_marks_are_known() {
    let project = Project::new();
    let path = project.feature().join("tasks.md");
    let text = tasks(&project).replace("- [x] T001", "- [X] T001");
    fs::write(&path, &text).unwrap();
    project.git(&["commit", "-qam", "capital"]);
    let ran = mark(&project, &["T001", "--status", "pending"]).ok();
    assert_eq!(ran.stdout, "Marked T001 as pending\n");
    assert_eq!(tasks(&project), text.replace("- [X] T001", "- [ ] T001"));
    assert_eq!(
        project.last_commit().0,
        "chore: Mark T001 as pending on spec 028"
    );
    assert_eq!(
        project.told(),
        [history("WP01", "Subtask(s) T001 marked as pending", "user")]
    );
}

#[test]
fn what_has_no_box_is_named_and_costs_the_others_nothing() {
    let project = Project::new();
    let ran = mark(&project, &["T028", "T999", "--status", "done", "--json"]).ok();
    assert_eq!(ran.json()["not_found"], json!(["T999"]));
    let before = project.snapshot();
    let none = mark(&project, &["T998", "T999", "--status", "done", "--json"]);
    assert_eq!((none.code, none.stdout.as_str()), (3, ""));
    assert_eq!(none.error()["code"], "no-such-subtask");
    assert_eq!(project.snapshot(), before);
    assert_eq!(project.told().last().unwrap().0, "ErrorLogged");
}

#[test]
fn work_packages_move_with_the_guards_of_a_move() {
    let project = Project::new();
    mark(
        &project,
        &["WP06", "WP07", "--status", "doing", "--agent", "claude"],
    )
    .ok();
    assert_eq!(project.value("WP06", "lane"), "doing");
    let refused = mark(&project, &["WP06", "--status", "done", "--json"]);
    assert_eq!(refused.code, 1);
    assert_eq!(refused.error()["code"], "open-subtasks");
    let hint = refused.error()["hint"].as_str().unwrap().to_owned();
    assert!(hint.contains("move-task WP06 --to done"), "{hint}");
    mark(&project, &["WP07", "--status", "pending"]).ok();
    let kinds: Vec<String> = project
        .told()
        .iter()
        .map(|(kind, payload)| {
            format!(
                "{kind} {} {}",
                payload["wp_id"].as_str().unwrap(),
                payload["new_status"].as_str().unwrap_or_default()
            )
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "WPStatusChanged WP06 doing",
            "WPStatusChanged WP07 doing",
            "ErrorLogged WP06 ",
            "WPStatusChanged WP07 planned",
        ]
    );
}

#[test]
fn ticking_and_moving_in_one_go_lets_the_guard_see_the_ticks() {
    let project = Project::new();
    let open: Vec<String> = tasks(&project)
        .lines()
        .filter_map(|line| line.strip_prefix("- [ ] "))
        .filter_map(|text| text.split(' ').next().map(str::to_owned))
        .collect();
    let mut args: Vec<&str> = open.iter().map(String::as_str).collect();
    args.extend(["WP05", "--status", "done"]);
    mark(&project, &args).ok();
    assert_eq!(project.value("WP05", "lane"), "done");
}

#[test]
fn nonsense_is_refused_before_anything_changes() {
    let project = Project::new();
    let before = project.snapshot();
    for (args, code, name) in [
        (&["T001", "--status", "doing"][..], 2, "usage"),
        (&["../x", "--status", "done"], 2, "usage"),
        (
            &["T028", "WP09", "--status", "done"],
            3,
            "no-such-work-package",
        ),
        (
            &["T028", "--status", "done", "--feature", "../x"],
            2,
            "invalid-feature",
        ),
        (&["--status", "done"], 2, "usage"),
    ] {
        let ran = mark(&project, &[args, &["--json"]].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{args:?}");
        assert_eq!(ran.error()["code"], name, "{args:?}");
    }
    fs::remove_file(project.feature().join("tasks.md")).unwrap();
    let ran = mark(&project, &["T028", "--status", "done", "--json"]);
    assert_eq!(
        (ran.code, ran.error()["code"].as_str().unwrap()),
        (3, "no-tasks-file")
    );
    project.git(&["checkout", "-q", "--", "."]);
    assert_eq!(project.snapshot(), before);
}

#[test]
fn agents_that_mark_at_once_lose_no_box() {
    let project = Project::new();
    let ids = ["T028", "T029", "T033", "T034", "T035", "T036"];
    let running: Vec<_> = ids
        .iter()
        .map(|id| {
            project
                .program(
                    &project.root(),
                    &["agent", "tasks", "mark-status", id, "--status", "done"],
                )
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in running {
        assert!(child.wait().unwrap().success());
    }
    let text = tasks(&project);
    for id in ids {
        assert!(text.contains(&format!("- [x] {id}")), "{id}");
    }
    assert_eq!(project.told().len(), ids.len());
    assert_eq!(project.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_mark_that_was_killed_in_its_commit_is_completed_by_the_next_command() {
    let project = Project::new();
    let args = ["agent", "tasks", "mark-status", "T028", "--status", "done"];
    project.killed_in_a_hook(&args, "1");
    assert_eq!(project.told(), []);
    project.move_task(&["WP06", "--to", "doing"]).ok();
    let kinds: Vec<String> = project.told().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["HistoryAdded", "WPStatusChanged"]);
    assert_eq!(project.git(&["status", "--porcelain"]), "");
    assert_eq!(
        project.git(&["log", "-1", "--skip=1", "--format=%s"]),
        "chore: Mark T028 as done on spec 028"
    );
}

#[test]
fn what_was_marked_before_a_refusal_is_named_and_stays() {
    let project = Project::new();
    let args = ["T028", "WP07", "WP06", "--status", "done"];
    project.move_task(&["WP07", "--to", "done", "--force"]).ok();
    let ran = mark(&project, &args);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    assert!(
        ran.stderr
            .starts_with("note: marked before that, and left so: T028\n"),
        "{}",
        ran.stderr
    );
    assert!(tasks(&project).contains("- [x] T028"));
    assert_eq!(project.value("WP06", "lane"), "planned");
    assert_eq!(project.git(&["status", "--porcelain"]), "");
    let again = mark(&project, &args);
    assert!(!again.stderr.contains("marked before"), "{}", again.stderr);
}
