//! Whatever is asked at the highest verbosity, and whatever a server echoes: no
//! token and no payload stands in what the tool says or writes beside the log.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::ALICE;
use crate::daemon::wait_until;
use crate::support::Reply;
use crate::support::bench::{BATCH, Bench, REFRESH, ids_of, server};

const TOKENS: [&str; 4] = ["ACCESS-0", "REFRESH-0", "ACCESS-1", "REFRESH-1"];
const PAYLOAD: &str = "a confidence";

fn program(bench: &Bench, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spec-kitty"));
    command
        .arg("-vv")
        .args(args)
        .env("SPEC_KITTY_HOME", bench.home.root())
        .env("SPEC_KITTY_NO_DAEMON", "1")
        .env("RUST_LOG", "trace")
        .env("RUST_BACKTRACE", "1")
        .current_dir(bench.nowhere())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn said(output: &Output) -> String {
    let both = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&both).into_owned()
}

/// A server that tells back what it was given, as some do when they are debugged:
/// a 401 first, then a 500, then a refusal of each event.
fn gossip() -> (crate::support::FakeServer, crate::support::bench::Stored) {
    let asked = AtomicUsize::new(0);
    server(move |request, _| {
        let echo = format!(
            "{:?} {}",
            request.headers,
            String::from_utf8_lossy(&request.body)
        );
        if request.path == REFRESH {
            return Some(Reply::json(
                200,
                &json!({"access": "ACCESS-1", "refresh": "REFRESH-1"}),
            ));
        }
        if request.path != BATCH {
            return Some(Reply::text(500, &echo));
        }
        Some(match asked.fetch_add(1, Ordering::SeqCst) {
            0 => Reply::json(401, &json!({"detail": echo})),
            1 => Reply::json(403, &json!({"error": echo})),
            _ => {
                let bearer = request.header("authorization").unwrap_or_default();
                let refuse = |id| {
                    json!({"event_id": id, "status": "rejected", "retryable": false,
                           "error": format!("refused for {bearer}")})
                };
                let results: Vec<Value> = ids_of(request).into_iter().map(refuse).collect();
                Reply::json(200, &json!({"results": results}))
            }
        })
    })
}

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn must_not_hold(what: &str, text: &[u8], secrets: &[&str]) {
    for secret in secrets {
        let holds = text
            .windows(secret.len())
            .any(|part| part == secret.as_bytes());
        assert!(
            !holds,
            "{what} holds {secret}: {}",
            String::from_utf8_lossy(text)
        );
    }
}

#[test]
fn nothing_that_is_said_or_written_holds_a_token_or_a_payload() {
    let (server, _) = gossip();
    let bench = Bench::new();
    bench.sign_in(&server, ALICE.0, ALICE.1);
    let texts = vec![PAYLOAD.to_owned(); 3];
    bench.emit_texts(&bench.project("widgets"), &texts);
    let report = bench.nowhere().join("report.json");
    let report = report.to_str().unwrap();
    let all = [TOKENS.as_slice(), &[PAYLOAD]].concat();
    let check = |args: &[&str], output: &Output| {
        must_not_hold(&args.join(" "), said(output).as_bytes(), &all);
    };
    // The background sender first: it gets the 401 and the 403.
    let mut daemon = program(&bench, &["sync", "daemon", "run"]).spawn().unwrap();
    wait_until("it was answered", || server.count(BATCH) >= 2);
    for args in [
        &["sync", "daemon", "status"][..],
        &["sync", "status", "--probe"],
    ] {
        check(args, &program(&bench, args).output().unwrap());
    }
    let told = Command::new("kill")
        .args(["-TERM", &daemon.id().to_string()])
        .status();
    assert!(told.unwrap().success());
    let _ = daemon.wait().unwrap();
    check(
        &["sync", "daemon", "run"],
        &daemon.wait_with_output().unwrap(),
    );
    for args in [
        &["sync", "now", "--report", report][..],
        &["--json", "sync", "now"],
        &["sync", "status", "--probe"],
        &["--json", "sync", "status"],
        &["sync", "failures", "list"],
        &["--json", "sync", "failures", "list"],
        &["sync", "targets"],
        &["sync", "server"],
        &["auth", "status"],
        &["log", "stats"],
        &["log", "verify"],
    ] {
        check(args, &program(&bench, args).output().unwrap());
    }
    // Payloads are what the log is for; tokens stand in one file.
    let mut found = Vec::new();
    files(bench.home.root(), &mut found);
    files(&bench.nowhere(), &mut found);
    assert!(found.iter().any(|path| path.ends_with("report.json")));
    assert!(found.iter().any(|path| path.ends_with("delivery.view")));
    for path in found.iter().filter(|path| !path.ends_with("credentials")) {
        let bytes = std::fs::read(path).unwrap();
        let what = path.display().to_string();
        let is_log = path.starts_with(bench.home.log_dir());
        must_not_hold(&what, &bytes, if is_log { &TOKENS } else { &all });
    }
}
