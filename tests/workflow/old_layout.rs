//! Projects of the first days keep a work package in the directory of its lane.

use std::fs;

use crate::project::Project;

#[test]
fn a_work_package_in_a_lane_directory_is_read_and_not_changed() {
    let project = Project::new();
    let old = project.feature().join("tasks/for_review");
    fs::create_dir(&old).unwrap();
    fs::rename(project.wp("WP04"), old.join("WP04-finalize-tasks.md")).unwrap();
    project.git(&["add", "-A"]);
    project.git(&["commit", "-qm", "old"]);
    let before = project.snapshot();
    for args in [
        &["move-task", "WP04", "--to", "done"][..],
        &["add-history", "WP04", "--note", "x"],
        &["mark-status", "WP04", "--status", "done"],
    ] {
        let ran = project.run(&[&["agent", "tasks"], args, &["--json"]].concat());
        assert_eq!(ran.code, 1, "{args:?}");
        assert_eq!(ran.error()["code"], "old-layout");
        assert!(ran.error()["hint"].as_str().unwrap().contains("git mv"));
    }
    assert_eq!(project.snapshot(), before);
    let missing = project.run(&[
        "agent",
        "tasks",
        "move-task",
        "WP09",
        "--to",
        "done",
        "--json",
    ]);
    let message = missing.error()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("WP03, WP04, WP05"), "{message}");
}
