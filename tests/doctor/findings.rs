//! Each check, provoked.

use std::fs;

use serde_json::{Value, json};
use spec_kitty::log::frame::Kind;
use spec_kitty::state::{FailureReason, Outcome, Retry, State};

use crate::support::{Bench, NOON_US, PROJECT, id, rejected};
use crate::ward::{Ward, is, of};

const FIX: Option<&str> = Some("spec-kitty doctor --fix");

fn names(found: &[(String, String)]) -> Vec<&str> {
    found.iter().map(|(id, _)| id.as_str()).collect()
}

#[test]
fn a_healthy_home_has_nothing_to_fix() {
    let ward = Ward::healthy();
    assert_eq!(ward.findings(), []);
    for check in ward.checks() {
        assert!(check["fix"].is_null(), "{check}");
    }
    assert_eq!(
        names(&Ward::new().findings()),
        ["account"],
        "nobody is signed in"
    );
}

/// A home that was never made is not made by looking at it.
#[test]
fn looking_changes_nothing() {
    let ward = Ward::new();
    ward.checks();
    assert!(!ward.bench.home().exists());
    let ward = Ward::healthy();
    let files = |dir: std::path::PathBuf| {
        let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
        let mut names: Vec<_> = entries
            .map(|entry| (entry.file_name(), entry.metadata().unwrap().len()))
            .collect();
        names.sort();
        names
    };
    let all = || ["", "log", "state", "state/sled"].map(|dir| files(ward.file(dir)));
    let before = all();
    ward.checks();
    assert_eq!(all(), before);
}

#[test]
#[cfg(unix)]
fn what_others_can_read_is_a_problem() {
    use std::os::unix::fs::PermissionsExt;
    let ward = Ward::healthy();
    for name in ["log/0000000001.seg", "credentials"] {
        fs::set_permissions(ward.file(name), fs::Permissions::from_mode(0o644)).unwrap();
    }
    let check = ward.check("permissions");
    is(&check, "problem", "your tokens among them", FIX);
    is(&check, "problem", "log/0000000001.seg", FIX);
}

#[test]
fn a_home_that_is_no_directory_is_a_problem() {
    let ward = Ward::new();
    fs::write(ward.bench.home(), "").unwrap();
    assert_eq!(ward.check("home")["state"], "problem");
}

#[test]
fn damage_in_the_log_is_a_problem() {
    let ward = Ward::healthy();
    let placed = ward.bench.note("damaged");
    ward.bench.note("behind");
    ward.bench.flip(1, placed.offset.0 + 100);
    let check = ward.check("log");
    is(
        &check,
        "problem",
        "1 record is lost",
        Some("spec-kitty log verify"),
    );
    // The command that it names ends with the same verdict.
    assert_eq!(ward.run(&["log", "verify"]).code, Some(5));
}

#[test]
fn a_log_of_a_newer_version_is_named() {
    let ward = Ward::healthy();
    let body = [99_u8, 0, 0, 0];
    ward.bench.frame(Kind::ForeignEvent, &body);
    let check = ward.check("log");
    assert_eq!(check["state"], "problem", "{check}");
}

#[test]
fn files_that_do_not_belong_into_the_log_are_a_problem() {
    let ward = Ward::healthy();
    fs::copy(
        ward.file("log/0000000001.seg"),
        ward.file("log/0000000007.seg"),
    )
    .unwrap();
    let fix = Some("spec-kitty log repair --dry-run");
    is(
        &ward.check("log-files"),
        "problem",
        "1 file is out of order",
        fix,
    );
}

#[test]
fn a_log_that_is_nearly_full_is_a_note_and_a_full_one_a_problem() {
    let ward = Ward::healthy();
    let fill = |limit: u64| {
        let text = format!("[log]\nmax_bytes = {limit}\nsegment_bytes = 65536\n");
        spec_kitty::private_file::replace(&ward.file("config.toml"), text.as_bytes()).unwrap();
        let body = vec![7; 200_000];
        ward.bench.frame(Kind::Control, &body);
        ward.check("log-size")
    };
    let plan = Some("spec-kitty log prune --dry-run");
    for _ in 0..4 {
        fill(1 << 30);
    }
    is(&fill(1_100_000), "note", "filling up", plan);
    is(&fill(1_048_576), "problem", "full", plan);
}

#[test]
fn an_event_that_claims_a_higher_clock_is_a_note() {
    let ward = Ward::healthy();
    ward.bench
        .foreign_with("01ARZ3NDEKTSV4RRFFQ69G5FAV", "Other", "{}", |header| {
            header.lamport = 8_000_000_000_000_000;
        });
    is(&ward.check("clock"), "note", "8,000,000,000,000,000", None);
}

#[test]
fn events_that_are_dated_in_the_future_are_a_note() {
    let ward = Ward::healthy();
    let payload = r#"{"wp_id":"WP01","entry_type":"note","entry_content":"x"}"#;
    ward.bench.emit_with("HistoryAdded", payload, |context| {
        context.timestamp_us = NOON_US * 2;
    });
    let check = ward.check("wall-clock");
    is(
        &check,
        "note",
        "1 event is dated in the future",
        check["fix"].as_str(),
    );
}

#[test]
fn a_clock_file_that_is_ahead_is_a_problem_until_it_is_imported() {
    let ward = Ward::healthy();
    let path = ward.file("clock.json");
    let text = r#"{"value": 4711, "node_id": "b805cd5cee74"}"#;
    spec_kitty::private_file::replace(&path, text.as_bytes()).unwrap();
    let check = ward.check("clock-file");
    is(&check, "problem", "4,711", check["fix"].as_str());
    let fix = check["fix"].as_str().unwrap().to_owned();
    let words: Vec<_> = fix.split(' ').skip(1).collect();
    assert_eq!(ward.run(&words).code, Some(0), "{fix}");
    assert_eq!(ward.check("clock-file")["state"], "ok");
    spec_kitty::private_file::replace(&path, b"nonsense").unwrap();
    is(&ward.check("clock-file"), "note", "not a JSON object", None);
}

#[test]
fn a_copied_home_is_known_as_one() {
    let ward = Ward::healthy();
    is(&ward.check("node"), "ok", "", None);
    let strange = Ward {
        bench: Bench::new(),
        ..Ward::new()
    };
    strange.bench.note("of another machine");
    is(&strange.check("node"), "note", "on another machine", None);
    let copy = ward.path("copy");
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .arg(ward.bench.home())
        .arg(&copy)
        .status();
    assert!(copied.unwrap().success());
    let mut command = ward.command(&["--json", "doctor"]);
    command.args(["--home", copy.to_str().unwrap()]);
    let checks = ward.checks_of(command);
    is(&of(&checks, "node"), "note", "this home is a copy", None);
}

#[test]
fn a_damaged_view_is_a_problem_and_nothing_is_said_of_what_waits() {
    let ward = Ward::healthy();
    fs::write(ward.file("state/delivery.view"), "garbage").unwrap();
    let checks = ward.checks();
    is(&of(&checks, "ledger"), "problem", "delivery.view", FIX);
    is(&of(&checks, "counted"), "problem", "once only", FIX);
    is(&of(&checks, "delivery"), "note", "known only when", None);
}

#[test]
fn a_store_that_is_gone_is_a_problem() {
    let ward = Ward::healthy();
    fs::remove_dir_all(ward.file("state/sled")).unwrap();
    is(&ward.check("ledger"), "problem", "sled: it is missing", FIX);
}

#[test]
fn a_ledger_of_another_log_is_a_problem() {
    let ward = Ward::healthy();
    let strange = "01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned();
    ward.bench.note("more");
    ward.bench
        .answered(PROJECT, &[(4, strange, Outcome::Delivered)]);
    let fix = Some("spec-kitty sync now");
    is(&ward.check("counted"), "problem", "does not fit", fix);
}

#[test]
fn what_waits_and_what_for_is_a_note() {
    let ward = Ward::healthy();
    ward.bench.note("waits");
    let fix = Some("spec-kitty sync now");
    is(&ward.check("delivery"), "note", "1 event waits", fix);
    let mut command = ward.command(&["--json", "doctor"]);
    command.env("SPEC_KITTY_SYNC_DISABLE", "1");
    let check = of(&ward.checks_of(command), "delivery");
    let fix = Some("unset SPEC_KITTY_SYNC_DISABLE");
    is(&check, "note", "turned off by SPEC_KITTY_SYNC_DISABLE", fix);
}

#[test]
fn what_was_refused_for_good_is_a_problem_and_what_is_tried_again_a_note() {
    let ward = Ward::healthy();
    ward.bench.note("a");
    ward.bench.note("b");
    let list = Some("spec-kitty sync failures list");
    let later = rejected(Retry::At(1), "later");
    ward.bench.answered(PROJECT, &[(4, id(3), later)]);
    is(&ward.check("refused"), "note", "1 event is refused", list);
    let never = rejected(Retry::Never, "never");
    ward.bench.answered(PROJECT, &[(5, id(4), never)]);
    is(&ward.check("refused"), "problem", "for good", list);
}

#[test]
fn events_that_could_not_be_recorded_are_a_note() {
    let ward = Ward::healthy();
    let failures = State::at(ward.file("state")).failures();
    failures.record(FailureReason::Busy, 1_770_123_000_000);
    is(
        &ward.check("recording"),
        "note",
        "1 event could not be recorded (busy 1)",
        None,
    );
}

#[test]
fn settings_that_cannot_be_used_are_a_problem() {
    let ward = Ward::healthy();
    let text = b"[sync]\nauto = \"perhaps\"\n";
    spec_kitty::private_file::replace(&ward.file("config.toml"), text).unwrap();
    let list = Some("spec-kitty config list");
    is(&ward.check("config"), "problem", "sync.auto", list);
}

#[test]
fn every_state_of_the_credentials_is_told() {
    let ward = Ward::healthy();
    let write = |text: &str| {
        spec_kitty::private_file::replace(&ward.file("credentials"), text.as_bytes()).unwrap();
        ward.check("account")
    };
    let file = fs::read_to_string(ward.file("credentials")).unwrap();
    is(&ward.check("account"), "ok", "team acme-corp", None);
    let login = Some("spec-kitty auth login");
    is(
        &write(&file.replace("2099", "2020")),
        "problem",
        "has ended",
        login,
    );
    let force = Some("spec-kitty auth login --force");
    is(
        &write(&file.replace("team_slug = \"acme-corp\"\n", "")),
        "note",
        "no team yet",
        force,
    );
    is(&write("[tokens"), "problem", "", force);
    write(&file);
    let config = b"[sync]\nserver_url = \"https://other.example\"\n";
    spec_kitty::private_file::replace(&ward.file("config.toml"), config).unwrap();
    is(&ward.check("account"), "problem", "told to use", login);
    fs::remove_file(ward.file("credentials")).unwrap();
    is(&ward.check("account"), "note", "nobody is signed in", login);
}

#[test]
fn a_server_in_the_environment_that_is_none_is_a_problem() {
    let ward = Ward::healthy();
    let mut command = ward.command(&["--json", "doctor"]);
    command.env("SPEC_KITTY_SERVER_URL", "http://elsewhere.example");
    let check = of(&ward.checks_of(command), "server");
    is(&check, "problem", "", Some("unset SPEC_KITTY_SERVER_URL"));
}

#[test]
fn a_background_sender_of_another_version_or_without_a_word_is_a_problem() {
    let ward = Ward::healthy();
    is(&ward.check("daemon"), "ok", "not running", None);
    let dir = ward.file("daemon");
    spec_kitty::platform::create_private_dir(&dir).unwrap();
    let lock = spec_kitty::platform::private_options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(dir.join("daemon.lock"))
        .unwrap();
    assert!(spec_kitty::platform::try_lock_exclusive(&lock).unwrap());
    let say = |version: &str, at: &str| {
        let told = json!({
            "v": 1, "pid": 4182, "version": version, "state": "following", "why": null,
            "started_at": "2026-01-01T00:00:00Z", "at": at,
        });
        let path = dir.join("status.json");
        spec_kitty::private_file::replace(&path, told.to_string().as_bytes()).unwrap();
        ward.check("daemon")
    };
    let now = jiff::Timestamp::now().to_string();
    let ours = env!("CARGO_PKG_VERSION");
    is(&say(ours, &now), "ok", "process 4182", None);
    let stop = Some("spec-kitty sync daemon stop");
    is(
        &say("0.0.9", &now),
        "problem",
        "version 0.0.9 is running",
        stop,
    );
    is(
        &say(ours, "2026-01-01T00:00:00Z"),
        "problem",
        "has said nothing",
        stop,
    );
}

#[test]
fn an_old_request_to_stop_is_a_note() {
    let ward = Ward::healthy();
    let dir = ward.file("daemon");
    spec_kitty::platform::create_private_dir(&dir).unwrap();
    spec_kitty::private_file::replace(&dir.join("stop"), b"").unwrap();
    is(&ward.check("daemon"), "note", "an old request to stop", FIX);
}

#[test]
fn git_that_is_not_there_is_a_problem() {
    let ward = Ward::healthy();
    let mut command = ward.command(&["--json", "doctor"]);
    command.env("PATH", ward.path("nothing"));
    let check = of(&ward.checks_of(command), "git");
    assert_eq!(check["state"], "problem");
}

fn project(ward: &Ward, config: &str) -> Value {
    let dir = ward.path("here/.kittify");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("config.yaml"), config).unwrap();
    ward.check("project")
}

#[test]
fn a_project_says_whether_its_events_leave() {
    let ward = Ward::healthy();
    is(&ward.check("project"), "ok", "belongs to none", None);
    let identity = format!("project:\n  uuid: {PROJECT}\n  slug: w\n  node_id: b805cd5cee74\n");
    is(&project(&ward, &identity), "ok", "here", None);
    is(&project(&ward, ""), "ok", "with the first event", None);
    let out = identity + "sync:\n  enabled: false\n";
    let check = project(&ward, &out);
    is(&check, "note", "opted out", check["fix"].as_str());
    let check = project(&ward, "project: [\n");
    assert_eq!(check["state"], "problem", "{check}");
    assert_eq!(
        fs::read_to_string(ward.path("here/.kittify/config.yaml")).unwrap(),
        "project: [\n"
    );
}

#[test]
fn a_task_file_that_cannot_be_read_is_a_problem() {
    let ward = Ward::healthy();
    project(&ward, "");
    let tasks = ward.path("here/kitty-specs/028-x/tasks");
    fs::create_dir_all(&tasks).unwrap();
    let good = "---\nwork_package_id: WP01\ntitle: One\nlane: planned\n---\n# One\n";
    fs::write(tasks.join("WP01-one.md"), good).unwrap();
    is(&ward.check("tasks"), "ok", "1 task file", None);
    fs::write(
        tasks.join("WP02-two.md"),
        good.replace("planned", "nowhere"),
    )
    .unwrap();
    let check = ward.check("tasks");
    is(&check, "problem", "028-x: ", check["fix"].as_str());
}

#[test]
fn what_the_python_tool_left_is_a_problem_until_it_is_imported() {
    let ward = Ward::healthy();
    let queue = ward.file("queue.db");
    let connection = rusqlite::Connection::open(&queue).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE queue (id INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT UNIQUE NOT NULL,
             event_type TEXT NOT NULL, data TEXT NOT NULL, timestamp INTEGER NOT NULL,
             retry_count INTEGER DEFAULT 0)",
        )
        .unwrap();
    let event = json!({
        "event_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV", "event_type": "HistoryAdded",
        "aggregate_id": "WP01", "aggregate_type": "WorkPackage", "node_id": "b805cd5cee74",
        "lamport_clock": 3, "causation_id": null, "timestamp": "2026-02-03T12:00:00+00:00",
        "team_slug": "acme-corp",
        "payload": {"wp_id": "WP01", "entry_type": "note", "entry_content": "x", "author": "a"},
    });
    connection
        .execute(
            "INSERT INTO queue (event_id, event_type, data, timestamp) VALUES (?1, ?2, ?3, 1770120000)",
            ("01ARZ3NDEKTSV4RRFFQ69G5FAV", "HistoryAdded", event.to_string()),
        )
        .unwrap();
    drop(connection);
    let check = ward.check("python-tool");
    is(
        &check,
        "problem",
        "1 event of its queue",
        check["fix"].as_str(),
    );
    let fix = check["fix"].as_str().unwrap().to_owned();
    let words: Vec<_> = fix.split(' ').skip(1).collect();
    let ran = ward.run(&words);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ward.check("python-tool")["state"], "ok");
}

#[test]
fn a_second_home_with_a_log_is_a_note() {
    let ward = Ward::healthy();
    is(
        &ward.check("environment"),
        "ok",
        "SPEC_KITTY_NO_DAEMON",
        None,
    );
    let usual = Bench::new();
    usual.note("elsewhere");
    fs::rename(usual.home(), ward.path("user/.spec-kitty")).unwrap();
    let check = ward.check("environment");
    is(&check, "note", "which has a log too", check["fix"].as_str());
}

#[test]
fn what_is_set_in_the_environment_is_named_without_its_value() {
    let ward = Ward::healthy();
    let mut command = ward.command(&["--json", "doctor"]);
    command.env("SPEC_KITTY_PASSWORD", "hunter2");
    let check = of(&ward.checks_of(command), "environment");
    assert_eq!(check["detail"], "SPEC_KITTY_NO_DAEMON, SPEC_KITTY_PASSWORD");
}
