//! The commands: exit codes, the keys of their JSON, and the whole path to the
//! reference server.

use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use serde_json::{Value, json};
use spec_kitty::dev_server::{DevServer, Options};

use crate::support::Reply;
use crate::support::bench::{Bench, ids_of, server};
use crate::{ALICE, ready};

pub(crate) fn spec_kitty(bench: &Bench, directory: &Path, args: &[&str], stdin: &str) -> Output {
    Command::cargo_bin("spec-kitty")
        .unwrap()
        .env_clear()
        // Coverage is counted in child processes too.
        .envs(std::env::var_os("LLVM_PROFILE_FILE").map(|to| ("LLVM_PROFILE_FILE", to)))
        .env("SPEC_KITTY_HOME", bench.home.root())
        .env("SPEC_KITTY_NO_DAEMON", "1")
        .current_dir(directory)
        .args(args)
        .write_stdin(stdin)
        .output()
        .unwrap()
}

pub(crate) fn run(bench: &Bench, args: &[&str]) -> (i32, Value, Value) {
    let output = spec_kitty(bench, &bench.nowhere(), &[&["--json"], args].concat(), "");
    let json = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        let last = text.lines().last().unwrap_or("null").to_owned();
        serde_json::from_str(&last).unwrap_or_else(|_| panic!("no JSON: {text}"))
    };
    (
        output.status.code().unwrap(),
        json(&output.stdout),
        json(&output.stderr),
    )
}

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[test]
fn the_reports_have_the_keys_that_scripts_rely_on() {
    let (server, _) = server(|_, _| None);
    let (bench, _) = ready(&server, 2);
    let (code, status, _) = run(&bench, &["sync", "status"]);
    assert_eq!(code, 0);
    let expected = [
        "connection",
        "counted",
        "daemon",
        "delivered",
        "failures",
        "gates",
        "kind",
        "last_contact_at",
        "last_delivered_at",
        "oldest_pending_at",
        "parked",
        "pending",
        "rejected",
        "sent",
        "target",
        "v",
    ];
    assert_eq!(keys(&status), expected);
    assert_eq!(status["counted"], json!({"log": 2, "ledger": 2}));
    assert_eq!(status["connection"], "OfflineBatchMode");
    let gates: Vec<_> = status["gates"].as_array().unwrap().iter().collect();
    let names: Vec<_> = gates
        .iter()
        .map(|gate| gate["name"].as_str().unwrap())
        .collect();
    let order = [
        "sync",
        "signed-in",
        "team",
        "project",
        "server",
        "wait",
        "network",
    ];
    assert_eq!(names, order);
    assert!(
        gates
            .iter()
            .all(|gate| keys(gate) == ["name", "next", "open", "reason"])
    );

    let (code, report, error) = run(&bench, &["sync", "now"]);
    assert_eq!((code, &error), (0, &Value::Null));
    let expected = [
        "bytes",
        "delivered",
        "duplicate",
        "kind",
        "parked",
        "pending",
        "rejected",
        "sent",
        "stopped_by",
        "target",
        "v",
    ];
    assert_eq!(keys(&report), expected);
    assert_eq!(report["target"]["user"], ALICE.0);
    assert_eq!(
        (&report["delivered"], &report["stopped_by"]),
        (&json!(2), &Value::Null)
    );

    let (_, status, _) = run(&bench, &["sync", "status"]);
    assert_eq!(
        (&status["pending"], &status["delivered"]),
        (&json!(0), &json!(2))
    );
    assert!(status["last_delivered_at"].is_string());
}

#[test]
fn each_way_to_end_has_its_exit_code() {
    let code_of = |bench: &Bench| {
        let (code, report, error) = run(bench, &["sync", "now"]);
        let word = error["error"]["code"].as_str().map(str::to_owned);
        assert!(error.is_null() || error["error"]["exit"] == code);
        (code, report["stopped_by"].as_str().map(str::to_owned), word)
    };
    let some = |code, stop: &str, word: &str| (code, Some(stop.to_owned()), Some(word.to_owned()));

    let empty = Bench::new();
    assert_eq!(
        code_of(&empty),
        (0, None, None),
        "signed out with nothing to send"
    );
    empty.emit(&empty.project("widgets"), 1);
    assert_eq!(code_of(&empty), some(4, "signed-in", "signed-in"));

    let (busy, _) = server(|_, _| Some(Reply::text(503, "<html>")));
    let (bench, _) = ready(&busy, 1);
    assert_eq!(code_of(&bench), some(7, "server-error", "server-error"));

    let (strict, _) = server(|request, _| {
        let refuse = |id| json!({"event_id": id, "status": "rejected", "retryable": false});
        let results: Vec<Value> = ids_of(request).into_iter().map(refuse).collect();
        Some(Reply::json(200, &json!({"results": results})))
    });
    let (bench, ids) = ready(&strict, 1);
    let file = bench.nowhere().join("report.json");
    let args = ["sync", "now", "--report", file.to_str().unwrap()];
    let (code, report, error) = run(&bench, &args);
    assert_eq!((code, &error["error"]["code"]), (8, &json!("refused")));
    assert_eq!(
        (&report["parked"], &report["stopped_by"]),
        (&json!(1), &Value::Null)
    );
    let written: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(written["failures"][0]["event_id"], ids[0].as_str());
    assert_eq!(written["summary"]["failed"], 1);
    assert_eq!(
        code_of(&bench),
        (0, None, None),
        "parked events are not tried again"
    );

    std::fs::remove_dir_all(bench.home.log_dir()).unwrap();
    let (code, status, _) = run(&bench, &["sync", "status"]);
    assert_eq!(code, 5, "the ledger speaks of a log that is gone: {status}");
}

#[cfg(unix)]
#[test]
fn a_report_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let (server, _) = server(|_, _| None);
    let (bench, _) = ready(&server, 1);
    let file = bench.nowhere().join("report.json");
    run(&bench, &["sync", "now", "--report", file.to_str().unwrap()]);
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn the_switch_in_the_environment_keeps_everything_here() {
    let (server, _) = server(|_, _| None);
    let (bench, _) = ready(&server, 1);
    let output = Command::cargo_bin("spec-kitty")
        .unwrap()
        .env_clear()
        // Coverage is counted in child processes too.
        .envs(std::env::var_os("LLVM_PROFILE_FILE").map(|to| ("LLVM_PROFILE_FILE", to)))
        .env("SPEC_KITTY_HOME", bench.home.root())
        .env("SPEC_KITTY_NO_DAEMON", "1")
        .env("SPEC_KITTY_SYNC_DISABLE", "1")
        .args(["--json", "sync", "now"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(server.requests().is_empty());
}

#[test]
fn only_a_probe_touches_the_network() {
    let (server, _) = server(|request, _| {
        assert_eq!(request.json(), json!({"events": []}));
        Some(Reply::text(400, r#"{"error":"No events provided"}"#))
    });
    let (bench, _) = ready(&server, 1);
    run(&bench, &["sync", "status"]);
    assert!(server.requests().is_empty());
    let network = |status: &Value| status["gates"][6]["open"].clone();
    let (code, status, _) = run(&bench, &["sync", "status", "--probe"]);
    assert_eq!((code, network(&status)), (0, json!(true)));
    assert_eq!(server.requests().len(), 1);
    drop(server);
    let (code, status, _) = run(&bench, &["sync", "status", "--probe"]);
    assert_eq!((code, network(&status)), (0, json!(false)));
    let (_, status, _) = run(&bench, &["sync", "status"]);
    assert_eq!(network(&status), json!(true), "a probe is not written down");
}

#[test]
fn the_server_is_shown_and_set_and_only_a_safe_one() {
    let bench = Bench::new();
    assert_eq!(run(&bench, &["sync", "server"]).1["server"], Value::Null);
    let (code, shown, _) = run(&bench, &["sync", "server", "HTTPS://Kitty.example.org/"]);
    assert_eq!(
        (code, &shown["server"]),
        (0, &json!("https://kitty.example.org"))
    );
    assert_eq!(
        run(&bench, &["sync", "server"]).1["server"],
        "https://kitty.example.org"
    );
    let (code, _, error) = run(&bench, &["sync", "server", "http://kitty.example.org"]);
    assert_eq!((code, &error["error"]["code"]), (2, &json!("usage")));
}

/// Signed out, signed in, delivered, offline, back: against the server that
/// refuses what the real one refuses.
#[test]
fn the_whole_path_to_the_reference_server() {
    let data = tempfile::tempdir().unwrap();
    let started = DevServer::start(Options::new(data.path(), "a password".into())).unwrap();
    let url = started.url().to_owned();
    let port = started.port();
    let bench = Bench::new();
    let project = bench.project("widgets");
    let mut expected = bench.emit(&project, 3);

    let login = [
        "--json",
        "auth",
        "login",
        "--server",
        &url,
        "-u",
        "demo",
        "--password-stdin",
    ];
    let output = spec_kitty(&bench, &bench.nowhere(), &login, "a password\n");
    assert!(output.status.success(), "{output:?}");
    let signed_in: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(signed_in["adopted"][0]["events"], 3, "{signed_in}");
    assert_eq!(signed_in["adopted"][0]["project_slug"], "widgets");
    expected.extend(bench.emit(&project, 2));
    let (code, report, _) = run(&bench, &["sync", "now"]);
    assert_eq!((code, &report["delivered"]), (0, &json!(5)), "{report}");

    started.stop();
    expected.extend(bench.emit(&project, 4));
    let (code, _, error) = run(&bench, &["sync", "now"]);
    assert_eq!((code, &error["error"]["code"]), (7, &json!("network")));

    let mut options = Options::new(data.path(), "a password".into());
    options.port = port;
    let started = DevServer::start(options).unwrap();
    let (code, report, _) = run(&bench, &["sync", "now"]);
    assert_eq!(
        (code, &report["delivered"], &report["pending"]),
        (0, &json!(4), &json!(0))
    );
    let stored = std::fs::read_to_string(started.data_file()).unwrap();
    let stored: Vec<String> = stored
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|event| event["event_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(stored.len(), expected.len());
    assert!(expected.iter().all(|id| stored.contains(id)));
    started.stop();
}
