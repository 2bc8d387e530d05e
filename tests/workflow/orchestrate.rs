//! `orchestrate`: scripted agents that succeed, fail, hang and are killed.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::agents::{GOOD, dir, script, three};
use crate::project::{FEATURE, Project, Ran};

fn orchestrate(project: &Project, args: &[&str]) -> Ran {
    project.run(&[&["orchestrate"], args].concat())
}

pub fn shown(project: &Project) -> Vec<String> {
    let line = |(kind, payload): &(String, Value)| {
        let keys = [
            "wp_id",
            "previous_status",
            "new_status",
            "agent_id",
            "phase",
            "retry_count",
            "dependency_wp_id",
            "resolution_type",
        ];
        let values = keys.iter().filter_map(|key| match &payload[*key] {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        });
        let values: Vec<String> = values.collect();
        format!("{kind} {}", values.join(" ")).trim_end().to_owned()
    };
    project.told().iter().map(line).collect()
}

fn wait_for(path: &Path) {
    while !path.exists() {
        thread::sleep(Duration::from_millis(5));
    }
}

fn state(project: &Project) -> Value {
    orchestrate(project, &["--status", "--json"]).ok().json()
}

#[test]
fn a_feature_is_built_reviewed_and_told_of_exactly() {
    let project = three(GOOD, GOOD);
    let answer = orchestrate(&project, &["--json"]).ok().json();
    assert_eq!(
        (&answer["status"], &answer["wps_completed"]),
        (&json!("completed"), &json!(3))
    );
    let mut expected = Vec::new();
    for wp in ["WP01", "WP02", "WP03"] {
        expected.push(format!("WPStatusChanged {wp} planned doing"));
        expected.push(format!("WPAssigned {wp} one implementation 0"));
        expected.push(format!("WPStatusChanged {wp} doing for_review"));
        expected.push(format!("WPAssigned {wp} two review 0"));
        expected.push(format!("HistoryAdded {wp}"));
        expected.push(format!("WPStatusChanged {wp} for_review done"));
        if wp == "WP01" {
            expected.push("DependencyResolved WP02 WP01 completed".to_owned());
            expected.push("DependencyResolved WP03 WP01 completed".to_owned());
        }
    }
    expected.push("FeatureCompleted".to_owned());
    assert_eq!(shown(&project), expected);
    let completed = project.told().pop().unwrap().1;
    assert_eq!(
        (&completed["total_wps"], &completed["feature_slug"]),
        (&json!(3), &json!(FEATURE))
    );
    assert!(completed["total_duration"].as_str().unwrap().ends_with('s'));
    for wp in ["WP01", "WP02", "WP03"] {
        assert_eq!(project.value(wp, "lane"), "done");
        assert_eq!(project.value(wp, "reviewed_by"), "two");
    }
    assert_eq!(project.git(&["status", "--porcelain"]), "");
    let again = orchestrate(&project, &["--resume", "--json"]);
    assert_eq!(again.error()["code"], "orchestration-completed");
    project.run(&["merge"]).ok();
    project.run(&["accept", "--actor", "Ada"]).ok();
    assert!(project.root().join("WP03.txt").exists());
}

#[test]
fn who_fails_is_tried_again_then_the_next_one_is() {
    let project = three("echo no >&2; exit 3\n", GOOD);
    orchestrate(&project, &[]).ok();
    let wp01: Vec<String> = shown(&project)
        .into_iter()
        .filter(|line| line.contains(" WP01 ") && !line.starts_with("Dep"))
        .collect();
    assert_eq!(
        wp01[..7],
        [
            "WPStatusChanged WP01 planned doing",
            "WPAssigned WP01 one implementation 0",
            "ErrorLogged WP01 one",
            "WPAssigned WP01 one implementation 1",
            "ErrorLogged WP01 one",
            "WPAssigned WP01 two implementation 2",
            "WPStatusChanged WP01 doing for_review",
        ]
    );
    let error = project
        .told()
        .into_iter()
        .find(|(kind, _)| kind == "ErrorLogged")
        .unwrap()
        .1;
    assert_eq!(
        error["error_message"],
        "implementation of WP01 by one failed: it ended with exit code 3"
    );
    assert_eq!(error["error_type"], "runtime");
}

#[test]
fn what_nobody_can_do_stops_what_waits_for_it_until_it_is_tried_again_or_skipped() {
    let project = three("exit 1\n", "exit 1\n");
    let ran = orchestrate(&project, &["--json"]);
    assert_eq!(
        (ran.code, ran.error()["code"].as_str().unwrap()),
        (1, "work-packages-failed")
    );
    let report = ran.json();
    assert_eq!(report["work_packages"]["WP01"]["status"], "failed");
    assert_eq!(report["work_packages"]["WP02"]["status"], "pending");
    assert_eq!(project.value("WP01", "lane"), "doing");
    let begun = orchestrate(&project, &["--json"]);
    assert_eq!(begun.error()["code"], "orchestration-unfinished");
    orchestrate(&project, &["--skip", "WP01"]).ok();
    let last = shown(&project).split_off(shown(&project).len() - 2);
    assert_eq!(
        last,
        [
            "DependencyResolved WP02 WP01 skipped",
            "DependencyResolved WP03 WP01 skipped"
        ]
    );
    script(&project, "one", GOOD);
    script(&project, "two", GOOD);
    let answer = orchestrate(&project, &["--resume", "--json"]).ok().json();
    assert_eq!(answer["status"], "completed");
    assert_eq!(project.value("WP02", "lane"), "done");
}

#[test]
fn work_that_is_not_committed_is_not_done() {
    let project = three("echo x > left.txt\n", "exit 0\n");
    let ran = orchestrate(&project, &["--json"]);
    assert_eq!(ran.code, 1);
    let errors: Vec<String> = project
        .told()
        .iter()
        .filter(|(kind, _)| kind == "ErrorLogged")
        .map(|(_, payload)| payload["error_message"].as_str().unwrap().to_owned())
        .collect();
    assert!(
        errors[0].ends_with("it left uncommitted work"),
        "{errors:?}"
    );
}

#[test]
fn what_is_sent_back_is_built_again_with_the_words_of_the_review() {
    let review = "cat > /dev/null\nif [ -e DIR/seen ]; then echo APPROVED; else touch DIR/seen; echo '1. mend it'; echo REJECTED - broken; fi\n";
    let build = "cat > DIR/prompt\necho x >> $SPEC_KITTY_WP.txt; git add -A; git commit -qm work\ncp DIR/prompt DIR/prompt-$SPEC_KITTY_WP\n";
    let project = three(build, review);
    orchestrate(&project, &[]).ok();
    let wp01: Vec<String> = shown(&project)
        .into_iter()
        .filter(|line| line.contains(" WP01 ") && line.starts_with("WP"))
        .collect();
    assert_eq!(
        wp01[3..9],
        [
            "WPAssigned WP01 two review 0",
            "WPStatusChanged WP01 for_review doing",
            "WPAssigned WP01 one implementation 1",
            "WPStatusChanged WP01 doing for_review",
            "WPAssigned WP01 two review 0",
            "WPStatusChanged WP01 for_review done",
        ]
    );
    let prompt = fs::read_to_string(dir(&project).join("prompt-WP01")).unwrap();
    assert!(prompt.starts_with("# RE-IMPLEMENTATION REQUIRED") && prompt.contains("1. mend it"));
    assert!(project.text("WP01").contains("1. mend it"));
    assert_eq!(project.value("WP01", "review_status"), "approved");
}

#[test]
fn an_agent_whose_time_is_up_is_ended_with_all_that_it_started() {
    let project = three("sleep 600 & echo $! > DIR/child; sleep 600\n", "exit 1\n");
    let path = project.root().join(".kittify/agents.yaml");
    let text = fs::read_to_string(&path).unwrap();
    let text = text.replace("max_retries: 1", "max_retries: 0\nglobal_timeout: 1");
    fs::write(&path, text).unwrap();
    assert_eq!(orchestrate(&project, &[]).code, 1);
    let child = fs::read_to_string(dir(&project).join("child")).unwrap();
    let proc = Path::new("/proc").join(child.trim());
    if Path::new("/proc/self").exists() {
        let gone =
            || fs::read_to_string(proc.join("stat")).map_or(true, |stat| stat.contains(") Z "));
        while !gone() {
            thread::sleep(Duration::from_millis(5));
        }
    }
    let error = project
        .told()
        .into_iter()
        .find(|(kind, _)| kind == "ErrorLogged")
        .unwrap()
        .1;
    assert!(
        error["error_message"]
            .as_str()
            .unwrap()
            .ends_with("its time was up, and it was ended")
    );
}

#[test]
fn an_interrupted_run_is_paused_and_goes_on_and_a_killed_one_too() {
    for signal in ["INT", "KILL"] {
        let waiting =
            "cat > /dev/null\ntouch DIR/began\nwhile [ ! -e DIR/go ]; do sleep 0.02; done\n";
        let project = three(waiting, GOOD);
        let mut child = project
            .program(&project.root(), &["orchestrate"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_for(&dir(&project).join("began"));
        let pid = child.id().to_string();
        let sent = Command::new("kill")
            .args(["-s", signal, &pid])
            .status()
            .unwrap();
        assert!(sent.success());
        let code = child.wait().unwrap().code();
        // What a killed run started lives on; let it end.
        fs::write(dir(&project).join("go"), "").unwrap();
        if signal == "INT" {
            assert_eq!(code, Some(130));
            assert_eq!(state(&project)["status"], "paused");
        } else {
            assert_eq!(state(&project)["status"], "running");
        }
        script(&project, "one", GOOD);
        let answer = orchestrate(&project, &["--resume", "--json"]).ok().json();
        assert_eq!(answer["status"], "completed", "{signal}");
        let begun = shown(&project)
            .iter()
            .filter(|line| line.contains("WP01 planned doing"))
            .count();
        assert_eq!(begun, 1);
    }
}

#[test]
fn a_run_is_given_up_and_what_is_wrong_is_named() {
    let project = three("exit 1\n", "exit 1\n");
    let refused = |args: &[&str], code: i32, name: &str| {
        let ran = orchestrate(&project, &[args, &["--json"]].concat());
        assert_eq!(
            (ran.code, ran.error()["code"].as_str().unwrap()),
            (code, name),
            "{args:?}"
        );
    };
    refused(&["--status"], 3, "no-orchestration");
    refused(&["--resume"], 3, "no-orchestration");
    refused(&["--implementer", "ten"], 3, "no-such-agent");
    refused(&["--skip", "../x"], 2, "invalid-work-package");
    refused(&["--status", "--resume"], 2, "usage");
    refused(&[], 1, "work-packages-failed");
    refused(&["--skip", "WP09"], 1, "not-skippable");
    orchestrate(&project, &["--abort", "--cleanup"]).ok();
    refused(&["--status"], 3, "no-orchestration");
    assert!(
        !project
            .root()
            .join(format!(".worktrees/{FEATURE}-WP01"))
            .exists()
    );
    fs::write(
        project.root().join(".kittify/agents.yaml"),
        "max_retries: many\n",
    )
    .unwrap();
    refused(&[], 1, "bad-configuration");
}
