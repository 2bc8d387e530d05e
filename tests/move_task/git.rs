//! What a move leaves alone in git, and what it says when it cannot commit.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::project::Project;

fn hook(project: &Project, name: &str, script: &str) {
    let hooks = project.root().join(".git/hooks");
    fs::create_dir_all(&hooks).unwrap();
    let path = hooks.join(name);
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_users_index_and_other_work_stay_as_they_were() {
    let project = Project::new();
    fs::write(project.root().join("staged.txt"), "one").unwrap();
    project.git(&["add", "staged.txt"]);
    fs::write(project.root().join("staged.txt"), "two").unwrap();
    fs::write(project.root().join("untracked.txt"), "x").unwrap();
    fs::write(project.wp("WP01"), project.text("WP01") + "dirty\n").unwrap();
    project.git(&["rm", "-q", "--cached", ".kittify/metadata.yaml"]);
    let before = (
        project.git(&["status", "--porcelain"]),
        project.git(&["diff", "--cached"]),
    );
    project.move_task(&["WP06", "--to", "doing"]).ok();
    let after = (
        project.git(&["status", "--porcelain"]),
        project.git(&["diff", "--cached"]),
    );
    assert_eq!(after, before);
    assert_eq!(project.last_commit().1.lines().count(), 1);
    assert_eq!(project.git(&["branch", "--show-current"]), "2.x");
    project.git(&["fsck", "--strict"]);
}

#[test]
fn without_auto_commit_the_change_waits_in_the_work_tree() {
    let project = Project::new();
    let head = project.git(&["rev-parse", "HEAD"]);
    project
        .move_task(&["WP06", "--to", "doing", "--auto-commit", "--no-auto-commit"])
        .ok();
    assert_eq!(project.git(&["rev-parse", "HEAD"]), head);
    let status = project.git(&["status", "--porcelain"]);
    assert!(
        status.starts_with(" M ") && status.ends_with("WP06-background-sync.md"),
        "{status}"
    );
}

#[test]
fn on_another_branch_the_move_is_made_and_no_branch_is_switched() {
    let project = Project::new();
    project.git(&["switch", "-q", "-c", "topic"]);
    let heads = project.git(&["for-each-ref"]);
    let ran = project.move_task(&["WP06", "--to", "doing", "--json"]).ok();
    assert_eq!(ran.json()["commit"], serde_json::Value::Null);
    assert_eq!(project.value("WP06", "lane"), "doing");
    assert_eq!(project.git(&["for-each-ref"]), heads);
    assert_eq!(project.git(&["branch", "--show-current"]), "topic");
    assert!(
        ran.stderr
            .contains("on 'topic' and the feature belongs to '2.x'"),
        "{}",
        ran.stderr
    );
    // What the warning says can be done.
    let command = ran
        .stderr
        .lines()
        .find_map(|line| line.strip_prefix("  next: "))
        .unwrap();
    let (switch, commit) = command.split_once(", then ").unwrap();
    for command in [switch, commit] {
        let status = std::process::Command::new("sh")
            .args(["-c", command])
            .current_dir(project.root())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .envs(["AUTHOR", "COMMITTER"].map(|role| (format!("GIT_{role}_NAME"), "T")))
            .envs(["AUTHOR", "COMMITTER"].map(|role| (format!("GIT_{role}_EMAIL"), "t@x")))
            .output()
            .unwrap();
        assert!(status.status.success(), "{command}: {status:?}");
    }
    assert_eq!(
        project.last_commit().0,
        "chore: Move WP06 to doing on spec 028"
    );
    assert_eq!(project.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_hook_that_refuses_costs_the_commit_and_not_the_move() {
    let project = Project::new();
    hook(
        &project,
        "pre-commit",
        "#!/bin/sh\necho 'no: lint failed' >&2\nexit 1\n",
    );
    let ran = project.move_task(&["WP06", "--to", "doing", "--json"]).ok();
    assert_eq!(ran.json()["commit"], serde_json::Value::Null);
    assert!(ran.stderr.contains("no: lint failed"), "{}", ran.stderr);
    assert!(ran.stderr.contains("git -C "), "{}", ran.stderr);
    assert_eq!(project.value("WP06", "lane"), "doing");
}

#[test]
fn the_users_hooks_run_as_they_are() {
    let project = Project::new();
    hook(
        &project,
        "prepare-commit-msg",
        "#!/bin/sh\nprintf '\\nSigned-off-by: hook\\n' >> \"$1\"\n",
    );
    project.move_task(&["WP06", "--to", "doing"]).ok();
    assert!(
        project
            .git(&["log", "-1", "--format=%B"])
            .contains("Signed-off-by: hook")
    );
}

#[test]
fn a_new_work_package_is_committed_and_an_ignored_one_is_not() {
    let project = Project::new();
    let tasks = project.feature().join("tasks");
    fs::write(
        tasks.join("WP08-new.md"),
        "---\nlane: planned\n---\n# New\n",
    )
    .unwrap();
    project.move_task(&["WP08", "--to", "doing"]).ok();
    assert!(project.last_commit().1.ends_with("WP08-new.md"));
    fs::write(
        project.root().join(".git/info/exclude"),
        "kitty-specs/**/tasks/*.md\n",
    )
    .unwrap();
    fs::write(
        tasks.join("WP09-new.md"),
        "---\nlane: planned\n---\n# New\n",
    )
    .unwrap();
    let head = project.git(&["rev-parse", "HEAD"]);
    let ran = project.move_task(&["WP09", "--to", "doing"]).ok();
    assert!(
        ran.stderr.contains("git ignores the file"),
        "{}",
        ran.stderr
    );
    assert_eq!(project.git(&["rev-parse", "HEAD"]), head);
    // Tracked files are committed, whatever the patterns say.
    project.move_task(&["WP06", "--to", "doing"]).ok();
    assert!(project.last_commit().1.ends_with("WP06-background-sync.md"));
}

#[test]
fn a_project_below_the_top_of_its_repository_works_the_same() {
    let outer = Project::new();
    let inner = outer.root().join("apps/one");
    crate::project::copy(
        &outer.root().join("kitty-specs"),
        &inner.join("kitty-specs"),
    );
    fs::create_dir_all(inner.join(".kittify")).unwrap();
    outer.git(&["add", "-A"]);
    outer.git(&["commit", "-q", "-m", "inner"]);
    let tasks = inner
        .join("kitty-specs")
        .join(crate::project::FEATURE)
        .join("tasks.md");
    let ticked = fs::read_to_string(&tasks)
        .unwrap()
        .replace("- [ ]", "- [x]");
    fs::write(&tasks, ticked).unwrap();
    let ran = outer.move_task_in(&inner, &["WP06", "--to", "for_review", "--json"]);
    assert_eq!(
        ran.error()["code"],
        "uncommitted-planning",
        "{}",
        ran.stderr
    );
    outer.git(&["commit", "-q", "-a", "-m", "tick"]);
    outer
        .move_task_in(&inner, &["WP06", "--to", "for_review"])
        .ok();
    let (_, file) = outer.last_commit();
    assert!(
        Path::new(&file).starts_with("apps/one/kitty-specs"),
        "{file}"
    );
    assert_eq!(
        outer.value("WP06", "lane"),
        "planned",
        "the outer feature is another one"
    );
}

#[test]
fn variables_of_a_surrounding_git_do_not_lead_elsewhere() {
    let (project, other) = (Project::new(), Project::new());
    let before = other.snapshot();
    let mut command = project.command(&project.root(), &["WP06", "--to", "doing"]);
    let output = command
        .env("GIT_DIR", other.root().join(".git"))
        .env("GIT_WORK_TREE", other.root())
        .env("GIT_INDEX_FILE", other.root().join(".git/index"))
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!(
        project.last_commit().0,
        "chore: Move WP06 to doing on spec 028"
    );
    assert_eq!(other.snapshot(), before);
}

#[test]
fn a_path_that_is_not_text_is_no_obstacle() {
    use std::os::unix::ffi::OsStrExt;
    let project = Project::new();
    let odd = project
        .root()
        .with_file_name(std::ffi::OsStr::from_bytes(b"\xff \x1b"));
    fs::rename(project.root(), &odd).unwrap();
    let ran = project.move_task_in(&odd, &["WP06", "--to", "doing", "--json"]);
    let siblings = fs::read_dir(odd.parent().unwrap()).unwrap().count();
    fs::rename(&odd, project.root()).unwrap();
    let ran = ran.ok();
    assert!(ran.json()["commit"].is_string(), "{}", ran.stderr);
    assert_eq!(project.git(&["status", "--porcelain"]), "");
    assert_eq!(
        siblings, 2,
        "the project and the home, and no directory made by mistake"
    );
}
