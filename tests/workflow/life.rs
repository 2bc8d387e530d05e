//! The whole life of a feature, by the commands alone.

use std::fs;

use crate::project::{FEATURE, Project};

#[test]
fn a_feature_lives_from_its_plan_to_its_acceptance() {
    let project = Project::fresh();
    for name in ["spec.md", "plan.md"] {
        fs::write(project.feature().join(name), "# x\n").unwrap();
    }
    project.git(&["add", "-A"]);
    project.git(&["commit", "-qm", "files"]);
    project.run(&["agent", "feature", "finalize-tasks"]).ok();
    let wps = ["WP01", "WP02", "WP03", "WP04", "WP05", "WP06", "WP07"];
    for wp in wps {
        project.run(&["implement", wp, "--agent", "claude"]).ok();
        let tree = project.root().join(format!(".worktrees/{FEATURE}-{wp}"));
        fs::write(tree.join(format!("{wp}.txt")), wp).unwrap();
        project.git_in(&tree, &["add", "-A"]);
        project.git_in(&tree, &["commit", "-qm", wp]);
    }
    let tasks = fs::read_to_string(project.feature().join("tasks.md")).unwrap();
    let open: Vec<&str> = tasks
        .lines()
        .filter_map(|line| line.strip_prefix("- [ ] "))
        .filter_map(|text| text.split(' ').next())
        .collect();
    let mark = [
        &["agent", "tasks", "mark-status"],
        &*open,
        &["--status", "done"],
    ]
    .concat();
    project.run(&mark).ok();
    project.move_task(&["WP01", "--to", "for_review"]).ok();
    project.run(&["merge"]).ok();
    let accepted = project.run(&["accept", "--actor", "Ada", "--json"]);
    let accepted = accepted.ok().json();
    for steps in ["instructions", "cleanup_instructions"] {
        let left = accepted[steps].as_array().unwrap();
        assert!(left.is_empty(), "the merge did it already: {left:?}");
    }
    assert_eq!(project.git(&["status", "--porcelain"]), "");
    for wp in wps {
        assert_eq!(project.value(wp, "lane"), "done");
        assert!(project.root().join(format!("{wp}.txt")).exists());
    }
    let shown: Vec<String> = project
        .told()
        .iter()
        .map(|(kind, payload)| {
            let text = |key: &str| payload[key].as_str().unwrap_or("-").to_owned();
            format!(
                "{kind} {} {} {}",
                text("wp_id"),
                text("previous_status"),
                text("new_status")
            )
        })
        .collect();
    let each = |form: &str| wps.map(|wp| form.replace("WP", wp).replace("KIND", "WP"));
    let mut expected = vec!["FeatureCreated - - -".to_owned()];
    expected.extend(each("KINDCreated WP - -"));
    expected.extend(each("KINDStatusChanged WP planned doing"));
    expected.extend(each("HistoryAdded WP - -"));
    expected.extend(each("KINDStatusChanged WP doing for_review"));
    expected.extend(each("KINDStatusChanged WP for_review done"));
    let count = |list: &[String], what: &str| list.iter().filter(|line| *line == what).count();
    assert_eq!(shown.len(), expected.len(), "{shown:#?}");
    for line in &expected {
        assert_eq!(count(&shown, line), 1, "{line} in {shown:#?}");
    }
}
