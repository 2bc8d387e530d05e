//! `spec-kitty dev-server` as a process.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{login, start};

#[cfg(unix)]
#[test]
fn the_command_says_where_it_listens_and_ends_on_a_signal() {
    use rustix::process::{Pid, Signal, kill_process};
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_spec-kitty"))
            .env("SPEC_KITTY_NO_DAEMON", "1")
            .args([
                "--json",
                "dev-server",
                "--port",
                "0",
                "--user",
                "alice@example.org:acme",
            ])
            .arg("--data")
            .arg(&data)
            .env("SPEC_KITTY_HOME", dir.path())
            .env("SPEC_KITTY_DEV_PASSWORD", "secret")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (&ready["kind"], &ready["v"]),
            (&json!("dev-server"), &json!(1))
        );
        assert_eq!(
            ready["accounts"][0],
            json!({"user": "alice@example.org", "team": "acme"})
        );
        assert_eq!(ready["password"], Value::Null);
        let tokens = login(ready["url"].as_str().unwrap(), "alice@example.org");
        assert_eq!(tokens["team_slug"], "acme");
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code));
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "", "one object and nothing else");
        let mut said = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        assert!(said.contains("200 POST /api/v1/token/"), "{said}");
        assert!(!said.contains(tokens["access"].as_str().unwrap()));
    }
}

#[test]
fn the_command_names_what_keeps_it_from_starting() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(&dir.path().join("first"));
    let attempt = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_spec-kitty"))
            .args(["--json", "dev-server"])
            .args(arguments)
            .env("SPEC_KITTY_HOME", dir.path())
            .env("SPEC_KITTY_NO_DAEMON", "1")
            .output()
            .unwrap();
        let error: Value = serde_json::from_slice(&output.stderr).unwrap();
        (
            output.status.code().unwrap(),
            error["error"]["code"].clone(),
        )
    };
    let data = dir.path().join("first");
    let data = data.to_str().unwrap();
    assert_eq!(
        attempt(&["--port", "0", "--data", data]),
        (6, json!("busy"))
    );
    let port = server.port().to_string();
    assert_eq!(attempt(&["--port", &port]), (1, json!("port")));
    assert_eq!(
        attempt(&["--port", "0", "--user", ":team"]),
        (2, json!("usage"))
    );
    std::fs::write(dir.path().join("events.ndjson"), "nonsense\n").unwrap();
    let damaged = dir.path().to_str().unwrap();
    assert_eq!(attempt(&["--port", "0", "--data", damaged]).0, 5);
}
