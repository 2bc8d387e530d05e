//! What a move records: exactly what changed, once, in order.

use std::fs;
use std::thread;

use serde_json::{Value, json};

use crate::project::{FEATURE, Project, events};

fn told(project: &Project) -> Vec<(String, Value)> {
    project.told()
}

fn changed(wp: &str, from: &str, to: &str, by: &str) -> (String, Value) {
    let payload = json!({
        "wp_id": wp,
        "previous_status": from,
        "new_status": to,
        "changed_by": by,
        "feature_slug": FEATURE,
    });
    ("WPStatusChanged".into(), payload)
}

#[test]
fn each_change_is_told_once_with_its_true_lanes() {
    let project = Project::new();
    project
        .move_task(&["WP06", "--to", "doing", "--agent", "claude"])
        .ok();
    project
        .move_task(&["WP06", "--to", "doing", "--agent", "claude"])
        .ok();
    project
        .move_task(&["WP06", "--to", "for_review", "--force"])
        .ok();
    project.git(&["switch", "-q", "-c", "topic"]);
    project
        .move_task(&["WP06", "--to", "planned", "--force"])
        .ok();
    assert_eq!(
        told(&project),
        [
            changed("WP06", "planned", "doing", "claude"),
            changed("WP06", "doing", "for_review", "user"),
            changed("WP06", "for_review", "planned", "user"),
        ]
    );
}

#[test]
fn an_event_belongs_to_the_project_and_its_work_package() {
    let project = Project::new();
    project.move_task(&["WP06", "--to", "doing"]).ok();
    let event = events(&project.home()).remove(0);
    assert_eq!(event["aggregate_id"], "WP06");
    assert_eq!(event["aggregate_type"], "WorkPackage");
    assert_eq!(event["project_slug"], "spec-kitty");
    assert_eq!(event["git_branch"], "2.x");
    assert_eq!(
        event["head_commit_sha"],
        project.git(&["rev-parse", "HEAD"])
    );
}

#[test]
fn a_refusal_is_told_once_with_its_real_reason_and_no_private_path() {
    let project = Project::new();
    project.move_task(&["WP07", "--to", "done", "--agent", "gemini"]);
    project.move_task(&["WP09", "--to", "done"]);
    project.move_task(&["WP06", "--to", "lunch"]);
    let missing = project.root().join("secret/feedback.md");
    let missing = missing.to_str().unwrap();
    project.move_task(&["WP04", "--to", "planned", "--review-feedback-file", missing]);
    let told = told(&project);
    assert_eq!(told.len(), 4);
    let private = project
        .root()
        .parent()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    for (kind, payload) in &told {
        assert_eq!(kind, "ErrorLogged");
        assert_eq!(payload["error_type"], "validation");
        assert_eq!(payload.get("stack_trace"), None);
        assert!(!payload.to_string().contains(&private), "{payload}");
    }
    let message = |index: usize| told[index].1["error_message"].as_str().unwrap();
    assert!(
        message(0).starts_with("WP07 has 8 open subtasks"),
        "{}",
        message(0)
    );
    assert_eq!(told[0].1["agent_id"], "gemini");
    assert_eq!(told[0].1["wp_id"], "WP07");
    assert_eq!(told[0].1["feature_slug"], FEATURE);
    assert!(message(1).starts_with("there is no work package WP09 in ./kitty-specs/"));
    assert!(message(2).starts_with("there is no lane 'lunch'"));
    assert_eq!(message(3), "the review feedback file cannot be read");
}

#[test]
fn several_agents_are_told_in_the_order_of_their_moves() {
    let project = Project::new();
    thread::scope(|scope| {
        for agent in ["a", "b", "c", "d"] {
            let project = &project;
            scope.spawn(move || {
                for lane in ["doing", "planned"] {
                    project
                        .move_task(&["WP06", "--to", lane, "--force", "--agent", agent])
                        .ok();
                }
            });
        }
    });
    let told = told(&project);
    let mut lane = "planned".to_owned();
    for (_, payload) in &told {
        assert_eq!(payload["previous_status"], lane.as_str(), "{told:#?}");
        lane = payload["new_status"].as_str().unwrap().to_owned();
    }
    let commits: usize = project
        .git(&["rev-list", "--count", "HEAD"])
        .parse()
        .unwrap();
    assert_eq!(told.len(), commits - 1);
}

#[test]
fn a_home_that_cannot_record_costs_one_line_and_nothing_else() {
    let (well, ill) = (Project::new(), Project::new());
    fs::create_dir_all(ill.home().parent().unwrap()).unwrap();
    fs::write(ill.home(), "in the way").unwrap();
    let (expected, ran) = (
        well.move_task(&["WP06", "--to", "doing", "--no-auto-commit"])
            .ok(),
        ill.move_task(&["WP06", "--to", "doing", "--no-auto-commit"])
            .ok(),
    );
    assert_eq!(ran.stdout, expected.stdout);
    assert_eq!(expected.stderr, "");
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    assert!(
        ran.stderr.starts_with("warning: an event was not recorded"),
        "{}",
        ran.stderr
    );
    let refused = ill.move_task(&["WP99", "--to", "doing", "--json"]);
    assert_eq!(
        (refused.code, refused.stderr.lines().count()),
        (3, 2),
        "{}",
        refused.stderr
    );
    assert_eq!(refused.error()["code"], "no-such-work-package");
}

#[test]
fn a_project_without_an_identity_gets_one_and_stays_usable() {
    let project = Project::new();
    let config = project.root().join(".kittify/config.yaml");
    let text = fs::read_to_string(&config).unwrap();
    let bare = text.split("project:").next().unwrap().to_owned();
    fs::write(&config, bare).unwrap();
    project.git(&["commit", "-q", "-a", "-m", "no identity"]);
    project.tick_everything();
    project.move_task(&["WP06", "--to", "doing"]).ok();
    project.move_task(&["WP06", "--to", "for_review"]).ok();
    let events = events(&project.home());
    assert!(events[0]["project_uuid"].is_string());
    assert_eq!(events[0]["project_uuid"], events[1]["project_uuid"]);
}

const MOVE: [&str; 8] = [
    "agent",
    "tasks",
    "move-task",
    "WP06",
    "--to",
    "doing",
    "--agent",
    "claude",
];

#[test]
fn what_a_killed_run_had_moved_is_committed_and_told_by_the_next() {
    for (ending, again) in [("1", "doing"), ("0", "doing"), ("1", "planned")] {
        let project = Project::new();
        project.killed_in_a_hook(&MOVE, ending);
        assert_eq!(project.value("WP06", "lane"), "doing");
        assert!(events(&project.home()).is_empty());
        let ran = project.move_task(&["WP06", "--to", again, "--json"]).ok();
        assert!(
            ran.stderr.contains("completed an interrupted run"),
            "{}",
            ran.stderr
        );
        assert_eq!(ran.json()["old_lane"], "doing");
        let mut expected = vec![changed("WP06", "planned", "doing", "claude")];
        let mut subjects = vec!["chore: Move WP06 to doing on spec 028 [claude]"];
        if again == "planned" {
            expected.push(changed("WP06", "doing", "planned", "user"));
            subjects.insert(0, "chore: Move WP06 to planned on spec 028");
        }
        assert_eq!(told(&project), expected);
        assert_eq!(project.git(&["status", "--porcelain"]), "");
        subjects.push("start");
        assert_eq!(project.git(&["log", "--format=%s"]), subjects.join("\n"));
        project.move_task(&["WP06", "--to", again]).ok();
        assert_eq!(told(&project), expected, "told once");
    }
}

#[test]
fn a_refused_command_tells_what_the_killed_one_did_not() {
    let project = Project::new();
    project.killed_in_a_hook(&MOVE, "1");
    let ran = project.move_task(&["WP07", "--to", "done"]);
    assert_eq!(ran.code, 1);
    let told = told(&project);
    assert_eq!(told[0], changed("WP06", "planned", "doing", "claude"));
    assert_eq!((told.len(), told[1].0.as_str()), (2, "ErrorLogged"));
}
