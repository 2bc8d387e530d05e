//! What people read: the first line is what matters most, and it is true.

use assert_cmd::Command;
use serde_json::{Value, json};
use spec_kitty::state::{Answer, Commit, State};

use crate::support::Reply;
use crate::support::bench::{Bench, ids_of, server};
use crate::{ALICE, ready};

fn said(bench: &Bench, args: &[&str]) -> (String, String) {
    let output = Command::cargo_bin("spec-kitty")
        .unwrap()
        .env_clear()
        // Coverage is counted in child processes too.
        .envs(std::env::var_os("LLVM_PROFILE_FILE").map(|to| ("LLVM_PROFILE_FILE", to)))
        .env("SPEC_KITTY_HOME", bench.home.root())
        .env("SPEC_KITTY_NO_DAEMON", "1")
        // A proxy that is not there: loopback never asks one.
        .env("HTTP_PROXY", "http://127.0.0.1:9")
        .env("ALL_PROXY", "http://127.0.0.1:9")
        .args(args)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr))
}

fn head(bench: &Bench) -> String {
    said(bench, &["sync", "status"]).0
}

fn headline(bench: &Bench) -> String {
    let (stdout, _) = said(bench, &["sync", "status"]);
    stdout.lines().next().unwrap().to_owned()
}

#[test]
fn the_status_begins_with_what_matters_most() {
    let bench = Bench::new();
    assert_eq!(headline(&bench), "Nothing has been recorded yet.");
    bench.emit(&bench.project("widgets"), 2);
    assert!(headline(&bench).starts_with("2 events are safe here and wait: nobody is signed in"));
    let (server, _) = server(|_, _| None);
    bench.sign_in(&server, ALICE.0, None);
    assert!(
        head(&bench).starts_with(
            "2 events are safe here and wait: 2 events were recorded while nobody was signed\nin."
        ),
        "{}",
        head(&bench)
    );
    bench.adopt();
    assert!(headline(&bench).ends_with("alice@example.com has no team yet."));
    bench.sign_in(&server, ALICE.0, ALICE.1);
    bench.adopt();
    assert_eq!(
        headline(&bench),
        "2 events are safe here and wait to be sent."
    );
    let (sent, _) = said(&bench, &["sync", "now"]);
    assert!(
        sent.starts_with("Sent 2 events (") && sent.ends_with("2 delivered.\n"),
        "{sent}"
    );
    assert_eq!(headline(&bench), "Up to date. 2 recorded, none waiting.");
    assert_eq!(
        said(&bench, &["sync", "now"]).0,
        "Up to date: nothing is waiting.\n"
    );
    drop(server);
    bench.emit(&bench.project("widgets"), 1);
    let (_, error) = said(&bench, &["sync", "now"]);
    assert!(
        error.starts_with("error[network]: no connection to http://127.0.0.1"),
        "{error}"
    );
    assert!(
        error.contains("1 event stays here, waiting; nothing is lost"),
        "{error}"
    );
    assert!(headline(&bench).starts_with("1 event is safe here and waits: no connection"));
}

#[test]
fn nothing_is_green_over_a_contradiction() {
    let (server, _) = server(|_, _| None);
    let (bench, _) = ready(&server, 2);
    bench.sync();
    let view = bench.home.state_dir().join("delivery.view");
    let sound = std::fs::read(&view).unwrap();
    std::fs::write(&view, b"damaged").unwrap();
    assert!(
        headline(&bench).starts_with("Do not trust this yet: "),
        "{}",
        headline(&bench)
    );
    std::fs::write(&view, sound).unwrap();
    std::fs::remove_dir_all(bench.home.log_dir()).unwrap();
    assert_eq!(
        headline(&bench),
        "Do not trust this yet: two counts of the backlog disagree."
    );
}

#[test]
fn refusals_are_told_by_category_and_lead_to_the_events() {
    let (server, _) = server(|request, _| {
        let refuse = |id| {
            json!({"event_id": id, "status": "rejected", "retryable": false,
                   "category": "schema_mismatch", "error": "no \u{1b}[31mfield"})
        };
        let results: Vec<Value> = ids_of(request).into_iter().map(refuse).collect();
        Some(Reply::json(200, &json!({"results": results})))
    });
    let (bench, _) = ready(&server, 3);
    let (stdout, stderr) = said(&bench, &["sync", "now"]);
    assert!(
        stdout.contains("3 parked.\n  schema-mismatch: 3\n"),
        "{stdout}"
    );
    assert!(stderr.contains("the server refused 3 events"), "{stderr}");
    assert!(
        stderr.contains("next: spec-kitty sync failures list"),
        "{stderr}"
    );
    assert!(!format!("{stdout}{stderr}").contains('\u{1b}'));
    let (shown, _) = said(&bench, &["log", "tail", "--state", "parked"]);
    assert_eq!(shown.matches("HistoryAdded").count(), 3, "{shown}");
    assert_eq!(headline(&bench), "3 refused by the server for good.");
}

#[test]
fn a_server_of_another_account_is_shown() {
    let bench = Bench::new();
    let (server, _) = server(|_, _| None);
    bench.sign_in(&server, ALICE.0, ALICE.1);
    let (stdout, stderr) = said(&bench, &["sync", "server", "https://kitty.example.org"]);
    assert_eq!(stdout, "https://kitty.example.org\n");
    assert!(
        stderr.contains("nothing is sent until they agree"),
        "{stderr}"
    );
    let (stdout, _) = said(&bench, &["auth", "status"]);
    assert!(
        stdout.contains("but told to use https://kitty.example.org"),
        "{stdout}"
    );
    let (stdout, _) = said(&bench, &["auth", "logout"]);
    assert!(
        stdout.starts_with("Signed out of http://127.0.0.1"),
        "{stdout}"
    );
}

/// Who records day after day sees that nothing has been answered for long.
#[test]
fn a_command_that_records_says_how_long_the_server_has_been_silent() {
    let (server, _) = server(|_, _| None);
    let (bench, _) = ready(&server, 1);
    let payload = r#"{"wp_id":"WP01","entry_type":"note","entry_content":"x"}"#;
    let emit = ["-v", "emit", "HistoryAdded", "--payload", payload];
    bench.sync();
    let (_, stderr) = said(&bench, &emit);
    assert!(stderr.contains("[Offline - Batch Mode]\n"), "{stderr}");
    let state = State::at(bench.home.state_dir());
    let patience = std::time::Duration::from_secs(5);
    std::fs::remove_dir_all(bench.home.state_dir()).unwrap();
    let sender = state.sender_lock(patience).unwrap().unwrap();
    let mut ledger = state.open_ledger(sender, patience).unwrap().value;
    let three_days_ago = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(72);
    let at_ms = u64::try_from(three_days_ago.as_millisecond()).unwrap();
    let target = bench.recipient().account().unwrap().target().id();
    let mut commit = Commit::new(target, at_ms);
    commit.answer(Answer::Answered {
        retry_not_before_ms: None,
        trouble: None,
    });
    ledger.commit(&commit, patience).unwrap();
    drop(ledger);
    let (_, stderr) = said(&bench, &emit);
    let expected = "[Offline - Batch Mode] last answer 3 days ago: spec-kitty sync status";
    assert!(stderr.contains(expected), "{stderr}");
}
