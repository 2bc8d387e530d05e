//! Did you mean? Wherever one of a known set of words is typed, a slip is
//! answered with the word.

use std::process::Command;

use crate::project::{FEATURE, Project};
use crate::support::{program, run, stderr, stdout};
use serde_json::{Value, json};

/// What is typed in any home, and what was meant.
const SLIPS: &[(&[&str], &str)] = &[
    // Commands: beside the others, and elsewhere in the tree.
    (&["lgo"], "log"),
    (&["doctro"], "doctor"),
    (&["orch"], "orchestrate"),
    (&["log", "tial"], "tail"),
    (&["log", "satts"], "stats"),
    (&["tail"], "log tail"),
    (&["tial"], "log tail"),
    (&["log", "now"], "sync now"),
    (&["sync", "daemon", "strat"], "start"),
    (&["sync", "targets", "ad"], "add"),
    (&["agent", "task"], "tasks"),
    (&["agent", "tasks", "mvoe-task"], "move-task"),
    (&["config", "lsit"], "list"),
    (
        &["status"],
        "auth status or sync status or sync daemon status",
    ),
    // Options.
    (&["log", "tail", "--sicne", "1h"], "--since"),
    (&["log", "tail", "--undeliverd"], "--undelivered"),
    (&["sync", "status", "--porbe"], "--probe"),
    (&["log", "stats", "--jsno"], "--json"),
    // Values of options.
    (&["log", "tail", "-s", "pedning"], "pending"),
    (&["log", "tail", "-o", "jsno"], "json"),
    (&["log", "export", "--format", "njdson"], "ndjson"),
    (&["log", "import", "x", "--format", "sqilte"], "sqlite"),
    (&["--color", "awlays", "log", "tail"], "always"),
    (&["completions", "bsah"], "bash"),
    (&["merge", "--strategy", "sqaush"], "squash"),
    (&["accept", "--mode", "lcoal"], "local"),
    (
        &[
            "sync",
            "targets",
            "add",
            "https://x.example",
            "--from",
            "begining",
        ],
        "beginning",
    ),
    // Event types.
    (&["emit", "WPCraeted", "--payload", "{}"], "WPCreated"),
    (&["log", "tail", "--type", "HistroyAdded"], "HistoryAdded"),
    (&["log", "stats", "--type", "history"], "HistoryAdded"),
    (&["log", "stats", "--type", "Histroy"], "HistoryAdded"),
    // Settings and their values.
    (&["config", "get", "snyc.auto"], "sync.auto"),
    (
        &["config", "get", "sync.retention_days"],
        "log.retention_days",
    ),
    (&["config", "get", "server_ulr"], "sync.server_url"),
    (&["config", "set", "sync.auto", "ture"], "true"),
    (&["config", "set", "sync.auto", "off"], "false"),
    // Topics.
    (&["help", "offlien"], "offline"),
    (&["help", "log", "tial"], "tail"),
    (&["help", "enviroment"], "environment"),
];

/// The same in a project that has the feature [`FEATURE`] and work packages.
const SLIPS_IN_A_PROJECT: &[(&[&str], &str)] = &[
    (
        &["agent", "tasks", "move-task", "WP1", "--to", "doing"],
        "WP01",
    ),
    (
        &["agent", "tasks", "move-task", "wp-02", "--to", "doing"],
        "WP02",
    ),
    (
        &["agent", "tasks", "move-task", "WP01", "--to", "doign"],
        "--to doing",
    ),
    (
        &["agent", "tasks", "move-task", "WP01", "--to", "review"],
        "--to for_review",
    ),
    (
        &["agent", "tasks", "mark-status", "WP1", "--status", "done"],
        "WP01",
    ),
    (
        &["agent", "tasks", "mark-status", "T001", "--status", "doen"],
        "--status done",
    ),
    (
        &[
            "agent",
            "tasks",
            "mark-status",
            "WP01",
            "--status",
            "plannde",
        ],
        "--status planned",
    ),
    (
        &[
            "agent",
            "tasks",
            "add-history",
            "WP01",
            "--note",
            "x",
            "--entry-type",
            "ntoe",
        ],
        "note",
    ),
    (&["implement", "WP1"], "WP01"),
];

fn meant(said: &str, meant: &str) -> bool {
    said.contains(&format!("did you mean {meant}?"))
}

#[test]
fn a_slip_is_answered_with_the_word_that_was_meant() {
    let home = tempfile::tempdir().unwrap();
    for (typed, word) in SLIPS {
        let said = run(home.path(), typed);
        assert_eq!(said.status.code(), Some(2), "{typed:?}: {}", stderr(&said));
        let text = stderr(&said);
        assert!(meant(&text, word), "{typed:?}: {text}");
        assert!(!text.contains("tip:"), "it is said once: {text}");
        assert!(text.lines().count() <= 5, "{text}");
    }
}

#[test]
fn in_a_project_lanes_work_packages_and_features_are_found() {
    let project = Project::new();
    for (typed, word) in SLIPS_IN_A_PROJECT {
        let ran = project.run(typed);
        assert!(
            ran.code != 0 && meant(&ran.stderr, word),
            "{typed:?}: {}",
            ran.stderr
        );
    }
    let swapped = FEATURE.replace("sync", "snyc");
    for typed in [&swapped, "28", "28-cli-event", "cli-event-emission-sync"] {
        let words = ["agent", "tasks", "move-task", "WP01", "--to", "doing"];
        let ran = project.run(&[&words[..], &["--feature", typed]].concat());
        assert!(
            ran.code != 0 && meant(&ran.stderr, FEATURE),
            "{typed}: {}",
            ran.stderr
        );
    }
}

#[test]
fn what_is_near_to_nothing_is_answered_without_a_guess() {
    let home = tempfile::tempdir().unwrap();
    for typed in [
        &["zebra"][..],
        &["log", "tail", "--state", "zebra"],
        &["log", "tail", "--zebra"],
        &["config", "get", "zebra"],
        &["config", "set", "sync.auto", "zebra"],
        &["emit", "Zebra", "--payload", "{}"],
    ] {
        let said = run(home.path(), typed);
        assert_eq!(said.status.code(), Some(2), "{typed:?}");
        assert!(!stderr(&said).contains("did you mean"), "{}", stderr(&said));
    }
}

/// A word from outside is escaped before it is asked back.
#[test]
fn a_hostile_word_cannot_drive_the_terminal() {
    let home = tempfile::tempdir().unwrap();
    for typed in [
        &["log", "ta\u{1b}[31mil"][..],
        &["config", "get", "sync.au\u{1b}to"],
    ] {
        let said = run(home.path(), typed);
        assert!(!stderr(&said).contains('\u{1b}'), "{:?}", stderr(&said));
    }
}

fn auto(command: &mut Command) -> (Value, Value, Value) {
    let output = command.args(["--json", "config", "list"]).output().unwrap();
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let settings = report["settings"].as_array().unwrap();
    let auto = settings.iter().find(|one| one["key"] == "sync.auto");
    let auto = auto.unwrap();
    (
        auto["value"].clone(),
        auto["origin"].clone(),
        auto["variable"].clone(),
    )
}

/// What is in force in this directory and this environment, and by whose word.
#[test]
fn a_project_that_starts_no_sender_is_told_as_the_origin() {
    let home = tempfile::tempdir().unwrap();
    let project = home.path().join("widgets");
    std::fs::create_dir_all(project.join(".kittify")).unwrap();
    std::fs::write(home.path().join("config.toml"), "[sync]\nauto = true\n").unwrap();
    let by = |yaml: &str, variable: Option<&str>| {
        std::fs::write(project.join(".kittify/config.yaml"), yaml).unwrap();
        let mut command = program(home.path());
        command
            .current_dir(&project)
            .env_remove("SPEC_KITTY_NO_DAEMON");
        if let Some(name) = variable {
            command.env(name, "1");
        }
        auto(&mut command)
    };
    let (no, yes) = (json!(false), json!(true));
    let project_says = (no.clone(), json!("project"), Value::Null);
    assert_eq!(by("sync:\n  auto_start: false\n", None), project_says);
    assert_eq!(by("sync:\n  enabled: false\n", None), project_says);
    assert_eq!(
        by("sync:\n  auto_start: true\n", None),
        (yes, json!("config.toml"), Value::Null)
    );
    for name in ["SPEC_KITTY_NO_DAEMON", "SPEC_KITTY_SYNC_DISABLE"] {
        let told = by("sync:\n  auto_start: false\n", Some(name));
        assert_eq!(told, (no.clone(), json!("environment"), json!(name)));
    }
    let mut page = program(home.path());
    page.current_dir(&project)
        .env_remove("SPEC_KITTY_NO_DAEMON");
    let page = stdout(&page.args(["config", "list"]).output().unwrap());
    assert!(page.contains("project (sync.auto_start)"), "{page}");
}
