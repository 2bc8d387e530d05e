//! `sync status` without a network: cli-anchors §6.5, but for the time it takes,
//! which is a benchmark (`benches/looking.rs`).

use std::process::{Command, Output};

use serde_json::Value;

use crate::support::{Bench, clean, ran};

const PROGRAM: &str = env!("CARGO_BIN_EXE_spec-kitty");
const STATUS: [&str; 3] = ["--json", "sync", "status"];

/// Somebody is signed in to a server with a name, and an event waits.
fn waiting() -> Bench {
    let bench = Bench::new();
    bench.sign_in("alice");
    bench.note("waits");
    bench
}

/// Runs a tool with the program behind it; `None` where there is no such tool, or
/// it may not do that here.
fn under(bench: &Bench, tool: &str, options: &[&str]) -> Option<Output> {
    let mut command = Command::new(tool);
    clean(&mut command);
    command
        .args(options)
        .arg(PROGRAM)
        .arg("--home")
        .arg(bench.home())
        .args(STATUS)
        .env("SPEC_KITTY_NO_DAEMON", "1");
    let output = command.output().ok();
    let output = output.filter(|output| output.status.success() || !output.stdout.is_empty());
    if output.is_none() {
        eprintln!("skipped: no {tool} here");
    }
    output
}

/// A report without what is counted from now.
fn told(stdout: &[u8]) -> Value {
    let mut report: Value = serde_json::from_slice(stdout).unwrap();
    report.as_object_mut().unwrap().remove("at");
    report
}

/// In a namespace of its own there is no interface that is up, not even loopback:
/// every connection and every question for a name would fail at once.
#[test]
fn without_any_network_the_status_is_the_same() {
    let bench = waiting();
    let Some(output) = under(&bench, "unshare", &["--net", "--map-root-user"]) else {
        return;
    };
    let usual = ran(&mut bench.command(&STATUS));
    assert_eq!((output.status.code(), usual.code), (Some(0), Some(0)));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(told(&output.stdout), told(usual.stdout.as_bytes()));
}

/// Nor does it ask anybody when there is one: it makes no socket that leads
/// anywhere, so it asks for no name.
#[test]
fn the_status_makes_no_socket_to_anywhere() {
    let bench = waiting();
    let calls = bench.home().join("calls");
    let to = calls.display().to_string();
    let options = [
        "-f",
        "-qq",
        "-e",
        "trace=socket,connect,sendto,sendmsg,sendmmsg",
        "-o",
        &to,
    ];
    let Some(output) = under(&bench, "strace", &options) else {
        return;
    };
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let calls = std::fs::read_to_string(calls).unwrap();
    assert!(
        !calls.contains("AF_INET") && !calls.contains("nscd"),
        "{calls}"
    );
}
