//! What caused an event: the one before it, an id that ties it to others, nothing.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::agents::{GOOD, script, three};
use crate::orchestrate::shown;
use crate::project::{Project, events};

/// Each event with what caused it, as in `WPAssigned WP01 <- DependencyResolved WP01`.
fn causes(project: &Project) -> Vec<String> {
    let (events, shown) = (events(&project.home()), shown(project));
    let cause = |id: &Value| {
        let at = events.iter().position(|event| event["event_id"] == *id);
        at.map_or_else(|| id.to_string(), |at| shown[at].clone())
    };
    let each = events.iter().zip(&shown);
    each.map(|(event, shown)| format!("{shown} <- {}", cause(&event["causation_id"])))
        .collect()
}

/// A life in which every event is caused by the one before it, with the last
/// word of the work package that it waited for.
fn built(wp: &str, first: &str) -> Vec<String> {
    let steps = [
        first.to_owned(),
        format!("WPStatusChanged {wp} planned doing"),
        format!("WPAssigned {wp} one implementation 0"),
        format!("WPStatusChanged {wp} doing for_review"),
        format!("WPAssigned {wp} two review 0"),
    ];
    let mut chain: Vec<String> = steps
        .windows(2)
        .map(|pair| format!("{} <- {}", pair[1], pair[0]))
        .collect();
    for effect in [
        format!("HistoryAdded {wp}"),
        format!("WPStatusChanged {wp} for_review done"),
    ] {
        chain.push(format!("{effect} <- {}", steps[4]));
    }
    chain
}

#[test]
fn what_an_orchestration_does_follows_from_what_it_did() {
    let project = three(GOOD, GOOD);
    project.run(&["orchestrate"]).ok();
    let resolved = |wp: &str| format!("DependencyResolved {wp} WP01 completed");
    let mut expected = built("WP01", "null");
    for wp in ["WP02", "WP03"] {
        let done = "WPStatusChanged WP01 for_review done";
        expected.push(format!("{} <- {done}", resolved(wp)));
    }
    expected.extend(built("WP02", &resolved("WP02")));
    expected.extend(built("WP03", &resolved("WP03")));
    expected.push("FeatureCompleted <- WPStatusChanged WP03 for_review done".to_owned());
    assert_eq!(causes(&project), expected);
}

#[test]
fn a_failure_leads_to_the_next_try_also_of_the_next_run() {
    let project = three("exit 3\n", "exit 3\n");
    assert_eq!(project.run(&["orchestrate"]).code, 1);
    for name in ["one", "two"] {
        script(&project, name, GOOD);
    }
    project.run(&["orchestrate", "--resume"]).ok();
    let found = causes(&project);
    let error = |agent: &str| format!("ErrorLogged WP01 {agent}");
    let assigned = |agent: &str, n: usize| format!("WPAssigned WP01 {agent} implementation {n}");
    let chain = [
        "WPStatusChanged WP01 planned doing".to_owned(),
        assigned("one", 0),
        error("one"),
        assigned("one", 1),
        error("one"),
        assigned("two", 2),
        error("two"),
        assigned("two", 3),
        error("two"),
        assigned("one", 4),
        "WPStatusChanged WP01 doing for_review".to_owned(),
    ];
    let expected: Vec<String> = chain
        .windows(2)
        .map(|pair| format!("{} <- {}", pair[1], pair[0]))
        .collect();
    assert_eq!(found[1..=10], expected);
}

#[test]
fn one_command_that_changes_several_things_ties_them_together() {
    let project = Project::fresh();
    for name in ["spec.md", "plan.md"] {
        fs::write(project.feature().join(name), "# x\n").unwrap();
    }
    project.git(&["add", "-A"]);
    project.git(&["commit", "-qm", "files"]);
    let wps = ["WP01", "WP02", "WP03", "WP04", "WP05", "WP06", "WP07"];
    for wp in wps {
        project.run(&["implement", wp, "--agent", "claude"]).ok();
        let tree = format!(".worktrees/028-cli-event-emission-sync-{wp}");
        let tree = project.root().join(tree);
        fs::write(tree.join(format!("{wp}.txt")), wp).unwrap();
        project.git_in(&tree, &["add", "-A"]);
        project.git_in(&tree, &["commit", "-qm", wp]);
    }
    project.tick_everything();
    project.run(&["merge"]).ok();
    project.run(&["accept", "--actor", "Ada"]).ok();
    project
        .run(&[
            "agent",
            "tasks",
            "mark-status",
            "T001",
            "T005",
            "--status",
            "pending",
        ])
        .ok();
    let events = events(&project.home());
    let (alone, tied) = events.split_at(wps.len());
    assert!(alone.iter().all(|event| event["causation_id"].is_null()));
    let ids: BTreeSet<&str> = events
        .iter()
        .map(|event| event["event_id"].as_str().unwrap())
        .collect();
    let mut ties: Vec<&str> = tied
        .iter()
        .map(|event| event["causation_id"].as_str().unwrap())
        .collect();
    assert!(ties.iter().all(|tie| !ids.contains(tie)));
    ties.dedup();
    assert_eq!((ties.len(), tied.len() > 2 * wps.len()), (3, true));
}
