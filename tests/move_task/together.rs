//! Several agents at once, and what an interrupted one leaves behind.

use std::fs;
use std::process::{Child, Stdio};
use std::thread;

use spec_kitty::workflow::activity;

use crate::project::{Project, Ran};

const WPS: [&str; 7] = ["WP01", "WP02", "WP03", "WP04", "WP05", "WP06", "WP07"];

fn start(project: &Project, args: &[&str]) -> Child {
    project
        .command(&project.root(), args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn end(child: Child) -> Ran {
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn agents_that_move_different_work_packages_lose_nothing() {
    let project = Project::new();
    let commits = |project: &Project| -> usize {
        project
            .git(&["rev-list", "--count", "HEAD"])
            .parse()
            .unwrap()
    };
    let before = commits(&project);
    for lane in ["planned", "doing", "done"] {
        let running: Vec<Child> = WPS
            .iter()
            .map(|wp| start(&project, &[wp, "--to", lane, "--force", "--json"]))
            .collect();
        for child in running {
            let ran = end(child).ok();
            let answer = ran.json();
            if answer["changed"] == true {
                assert!(answer["commit"].is_string(), "{}", ran.stderr);
            }
        }
    }
    assert_eq!(project.git(&["status", "--porcelain"]), "");
    for wp in WPS {
        assert_eq!(project.value(wp, "lane"), "done");
    }
    // WP01 was done, WP03 and WP05 were doing, WP06 and WP07 planned at first.
    let moves = WPS.len() * 3 - 2;
    assert_eq!(commits(&project) - before, moves);
    project.git(&["fsck", "--strict"]);
}

#[test]
fn agents_that_move_the_same_work_package_keep_every_line() {
    let project = Project::new();
    let before = activity::entries(&project.text("WP06")).len();
    thread::scope(|scope| {
        for agent in ["a", "b", "c", "d", "e"] {
            let project = &project;
            scope.spawn(move || {
                for lane in ["doing", "planned", "doing"] {
                    project
                        .move_task(&["WP06", "--to", lane, "--force", "--agent", agent])
                        .ok();
                }
            });
        }
    });
    let text = project.text("WP06");
    let entries = activity::entries(&text);
    let commits = project.git(&["rev-list", "--count", "HEAD"]);
    assert_eq!(
        entries.len() - before,
        commits.parse::<usize>().unwrap() - 1
    );
    // Every line is a real change: no two in a row say the same lane.
    let lanes: Vec<&str> = entries
        .iter()
        .skip(before)
        .map(|e| e.lane.as_str())
        .collect();
    assert!(lanes.windows(2).all(|pair| pair[0] != pair[1]), "{lanes:?}");
    assert_eq!(project.value("WP06", "lane"), *lanes.last().unwrap());
    assert_eq!(project.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_user_who_commits_meanwhile_is_waited_for() {
    let project = Project::new();
    thread::scope(|scope| {
        let project = &project;
        let user = scope.spawn(move || {
            for number in 0..12 {
                fs::write(project.root().join("user.txt"), number.to_string()).unwrap();
                // The user's git may lose a race for the lock too; then it is run again.
                let script = "for i in 1 2 3 4 5 6 7 8 9; do git add user.txt && \
                              git commit -q -m user && exit 0; sleep 0.05; done; exit 1";
                let mut command = std::process::Command::new("sh");
                let output = command
                    .args(["-c", script])
                    .current_dir(project.root())
                    .env("GIT_CONFIG_GLOBAL", "/dev/null")
                    .envs(["AUTHOR", "COMMITTER"].map(|role| (format!("GIT_{role}_NAME"), "U")))
                    .envs(["AUTHOR", "COMMITTER"].map(|role| (format!("GIT_{role}_EMAIL"), "u@x")))
                    .output()
                    .unwrap();
                assert!(output.status.success(), "{output:?}");
            }
        });
        for wp in WPS {
            for lane in ["for_review", "planned"] {
                let ran = project
                    .move_task(&[wp, "--to", lane, "--force", "--json"])
                    .ok();
                let answer = ran.json();
                if answer["changed"] == true {
                    assert!(answer["commit"].is_string(), "{}", ran.stderr);
                }
            }
        }
        user.join().unwrap();
    });
    assert_eq!(project.git(&["status", "--porcelain"]), "");
}

#[test]
fn what_an_interrupted_run_left_is_cleared_away() {
    let project = Project::new();
    let tasks = project.feature().join("tasks");
    let leftover = tasks.join(".spec-kitty-Ab12.tmp");
    fs::write(&leftover, "half a file").unwrap();
    project.move_task(&["WP06", "--to", "doing"]).ok();
    assert!(!leftover.exists());
    assert_eq!(project.git(&["status", "--porcelain"]), "");
}
