//! The commands: exit codes, JSON, and no secret anywhere.

use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use serde_json::{Value, json};

use crate::support::{FakeServer, Reply};
use crate::tokens;

fn spec_kitty(home: &Path, args: &[&str], stdin: &str) -> Output {
    Command::cargo_bin("spec-kitty")
        .unwrap()
        .env_clear()
        // Coverage is counted in child processes too.
        .envs(std::env::var_os("LLVM_PROFILE_FILE").map(|to| ("LLVM_PROFILE_FILE", to)))
        .env("SPEC_KITTY_HOME", home)
        .env("SPEC_KITTY_NO_DAEMON", "1")
        .args(args)
        .write_stdin(stdin)
        .output()
        .unwrap()
}

fn stdout_json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("not one JSON object: {output:?}"))
}

fn error_json(output: &Output) -> Value {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    serde_json::from_str::<Value>(text.lines().last().unwrap()).unwrap()["error"].clone()
}

#[test]
fn the_commands_sign_in_once_say_so_and_sign_out() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("home");
    let server = FakeServer::start(|_| Reply::json(200, &tokens(1)));
    let url = server.url();
    let login = [
        "--json",
        "auth",
        "login",
        "--server",
        &url,
        "-u",
        "alice",
        "--password-stdin",
    ];

    let before = spec_kitty(&home, &["--json", "auth", "status"], "");
    assert_eq!(before.status.code(), Some(4));
    assert_eq!(stdout_json(&before)["state"], "signed-out");
    assert!(!home.exists(), "asking makes nothing");

    let first = spec_kitty(&home, &login, "secret\n");
    assert_eq!(first.status.code(), Some(0), "{first:?}");
    assert_eq!(stdout_json(&first)["status"], "signed-in");
    assert_eq!(server.requests()[0].json()["password"], "secret");

    let again = spec_kitty(&home, &login, "secret\n");
    assert_eq!(stdout_json(&again)["status"], "already-signed-in");
    assert_eq!(server.requests().len(), 1, "the server is not asked again");
    let forced = [&login[..], &["--force"]].concat();
    assert_eq!(
        stdout_json(&spec_kitty(&home, &forced, "secret\n"))["status"],
        "signed-in"
    );

    let status = spec_kitty(&home, &["--json", "auth", "status"], "");
    assert_eq!(status.status.code(), Some(0));
    let status = stdout_json(&status);
    assert_eq!(
        (&status["state"], &status["team"]),
        (&json!("signed-in"), &json!("acme-corp"))
    );

    let out = spec_kitty(&home, &["--json", "auth", "logout"], "");
    assert_eq!(stdout_json(&out)["status"], "signed-out");
    let out = spec_kitty(&home, &["--json", "auth", "logout"], "");
    assert_eq!(
        (out.status.code(), &stdout_json(&out)["status"]),
        (Some(0), &json!("nothing-to-do"))
    );
}

#[test]
fn a_sign_in_that_fails_has_its_code_and_exit() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeServer::start(|_| Reply::text(401, "{}"));
    let url = server.url();
    let try_to = |args: &[&str], stdin: &str| {
        let output = spec_kitty(
            dir.path(),
            &[&["--json", "auth", "login"], args].concat(),
            stdin,
        );
        assert!(output.stdout.is_empty(), "{output:?}");
        (
            output.status.code().unwrap(),
            error_json(&output)["code"].as_str().unwrap().to_owned(),
        )
    };
    let full = ["--server", &url, "-u", "alice", "--password-stdin"];
    assert_eq!(try_to(&full, "wrong\n"), (1, "invalid-credentials".into()));
    assert_eq!(
        try_to(&full, ""),
        (2, "usage".into()),
        "an empty password is not sent"
    );
    assert_eq!(
        try_to(&["-u", "alice", "--password-stdin"], "x"),
        (2, "usage".into())
    );
    assert_eq!(
        try_to(&["--server", &url, "-u", "alice"], ""),
        (2, "usage".into())
    );
    assert_eq!(
        try_to(&["--server", &url], ""),
        (2, "usage".into()),
        "nobody to ask for the user"
    );
    assert_eq!(
        try_to(
            &[
                "--server",
                "http://example.org",
                "-u",
                "a",
                "--password-stdin"
            ],
            "x"
        ),
        (2, "usage".into()),
        "no password over plain HTTP"
    );
    drop(server);
    assert_eq!(try_to(&full, "x\n"), (7, "unreachable".into()));
}

#[test]
fn signing_in_to_another_server_than_the_configured_one_configures_it() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config.toml");
    std::fs::write(
        &config,
        "[sync]\nserver_url = \"https://old.example\" # ours\n",
    )
    .unwrap();
    let server = FakeServer::start(|_| Reply::json(200, &tokens(1)));
    let args = [
        "auth",
        "login",
        "--server",
        &server.url(),
        "-u",
        "a",
        "--password-stdin",
    ];
    let output = spec_kitty(dir.path(), &args, "x");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = std::fs::read_to_string(&config).unwrap();
    assert_eq!(
        text,
        format!("[sync]\nserver_url = \"{}\" # ours\n", server.url())
    );
    // Configured for another server later: nothing may be sent, and it is said.
    std::fs::write(&config, "[sync]\nserver_url = \"https://old.example\"\n").unwrap();
    let status = spec_kitty(dir.path(), &["--json", "auth", "status"], "");
    assert_eq!(status.status.code(), Some(4));
    assert_eq!(stdout_json(&status)["state"], "disagreement");
}

#[test]
fn no_output_of_any_command_shows_a_secret() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeServer::start(|_| Reply::json(200, &tokens(1)));
    let url = server.url();
    let login = [
        "-vv",
        "auth",
        "login",
        "--server",
        &url,
        "-u",
        "alice",
        "--password-stdin",
    ];
    let outputs = [
        spec_kitty(dir.path(), &login, "secret\n"),
        spec_kitty(dir.path(), &["-vv", "auth", "status"], ""),
        spec_kitty(dir.path(), &["-vv", "--json", "auth", "status"], ""),
        spec_kitty(dir.path(), &["-vv", "auth", "logout"], ""),
    ];
    for output in outputs {
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        for secret in ["secret", "ACCESS-1", "REFRESH-1"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
