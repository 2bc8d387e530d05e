//! Whose imported events are, up to the server; and how often they were refused
//! before.

use std::io::Write;
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use spec_kitty::dev_server::{Account, DevServer, Options, Running};
use spec_kitty::legacy::Scope;
use spec_kitty::target::Target;

use super::shared::Reply;
use super::shared::bench::{BATCH, Bench as Wire, ids_of, server, stored_ids};
use super::support::{Bench, QueueRow, id, make_queue};

const PASSWORD: &str = "a password";

fn dev_server(bench: &Bench) -> Running {
    std::fs::create_dir_all(bench.path("data")).unwrap();
    let mut options = Options::new(&bench.path("data"), PASSWORD.into());
    for name in ["alice", "bob"] {
        options.accounts.push(Account {
            name: name.into(),
            team: Some("acme".into()),
        });
    }
    DevServer::start(options).unwrap()
}

/// A row that the original queued for a team, in the words of the server.
fn row(n: u64) -> QueueRow {
    let mut row = teamless(n);
    let text = String::from_utf8(row.data).unwrap();
    let text = text.replace(r#""team_slug": "local""#, r#""team_slug": "acme""#);
    row.data = text.into_bytes();
    row
}

/// The same as it is queued while nobody is signed in.
fn teamless(n: u64) -> QueueRow {
    let mut row = super::support::row(n);
    let text = String::from_utf8(row.data).unwrap();
    let text = text
        .replace("from_lane", "previous_status")
        .replace("to_lane", "new_status");
    row.data = text.into_bytes();
    row
}

/// The queue that the original would keep for this account.
fn queue_of(bench: &Bench, server: &Running, user: &str) -> std::path::PathBuf {
    let scope = Scope::of(&Target::new(server.url(), user, Some("acme")));
    bench.path(&format!("queue-{}.db", scope.hash()))
}

fn fed(bench: &Bench, arguments: &[&str]) -> Output {
    let mut child = bench
        .command("home", arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{PASSWORD}").unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}

/// Signs in and delivers; returns how many events were adopted.
fn signed_in(bench: &Bench, server: &Running, user: &str) -> u64 {
    let url = server.url();
    let login = [
        "--json",
        "auth",
        "login",
        "--server",
        url,
        "-u",
        user,
        "--password-stdin",
    ];
    let output = fed(bench, &login);
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let adopted = report["adopted"].as_array().unwrap();
    let adopted = adopted.iter().map(|one| one["events"].as_u64().unwrap());
    let adopted = adopted.sum();
    bench.run(&["--json", "sync", "now"]);
    adopted
}

/// The ids that the server has.
fn delivered(server: &Running) -> Vec<String> {
    let text = std::fs::read_to_string(server.data_file()).unwrap_or_default();
    let events = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    events
        .map(|event| event["event_id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_queue_known_by_its_hash_alone_waits_for_its_account_and_goes_to_no_other() {
    let bench = Bench::new();
    let server = dev_server(&bench);
    let (alices, bobs) = (
        queue_of(&bench, &server, "alice"),
        queue_of(&bench, &server, "bob"),
    );
    drop(make_queue(&alices, &[row(1), row(2)]));
    drop(make_queue(&bobs, &[row(3)]));
    // Imported while nobody is signed in: both are known by half an id.
    for queue in [&alices, &bobs] {
        let report = bench.import(queue).ok();
        assert_eq!(report["sources"][0]["account_known"], false);
    }
    assert_eq!(signed_in(&bench, &server, "bob"), 1);
    assert_eq!(delivered(&server), [id(3)]);
    assert_eq!(signed_in(&bench, &server, "alice"), 2);
    assert_eq!(delivered(&server), [id(3), id(1), id(2)]);
    // Signed in the other way round again, nobody gets anything of the other's.
    assert_eq!(signed_in(&bench, &server, "bob"), 0);
    assert_eq!(delivered(&server).len(), 3);
}

#[test]
fn imported_under_one_account_the_queue_of_another_stays_the_others() {
    let bench = Bench::new();
    let server = dev_server(&bench);
    let alices = queue_of(&bench, &server, "alice");
    let bobs = queue_of(&bench, &server, "bob");
    drop(make_queue(&alices, &[row(1)]));
    drop(make_queue(&bobs, &[row(2)]));
    drop(make_queue(&bench.path("queue.db"), &[teamless(3)]));
    assert_eq!(signed_in(&bench, &server, "bob"), 0);
    let known =
        |path: &std::path::Path| bench.import(path).ok()["sources"][0]["account_known"].clone();
    assert_eq!((known(&alices), known(&bobs)), (json!(false), json!(true)));
    // What was recorded while signed out is nobody's until it is adopted.
    bench.import(&bench.path("queue.db")).ok();
    bench.run(&["--json", "sync", "now"]);
    assert_eq!(delivered(&server), [id(2)]);
    assert_eq!(signed_in(&bench, &server, "alice"), 2);
    assert_eq!(delivered(&server), [id(2), id(1), id(3)]);
    let kept = String::from_utf8(teamless(3).data).unwrap();
    assert!(
        bench.stored().contains(&kept),
        "the team is given in the request only"
    );
}

#[test]
fn a_queue_whose_account_signed_in_after_it_was_imported_twice_is_sent_once() {
    let bench = Bench::new();
    let server = dev_server(&bench);
    let alices = queue_of(&bench, &server, "alice");
    drop(make_queue(&alices, &[row(1)]));
    bench.import(&alices).ok();
    assert_eq!(signed_in(&bench, &server, "alice"), 1);
    // Now the account is known; the event is the same one.
    let again = bench.import(&alices).ok();
    assert_eq!(
        (&again["imported"], &again["already_present"]),
        (&json!(0), &json!(1))
    );
    bench.run(&["--json", "sync", "now"]);
    assert_eq!(delivered(&server), [id(1)]);
}

#[test]
fn what_was_refused_often_is_tried_once_more_and_then_parked() {
    let (server, stored) = server(|request, stored| {
        let refused = |event: &Value| event["payload"]["wp_id"] == "WP66";
        if request.path != BATCH {
            return None;
        }
        let body = request.json();
        let results = body["events"].as_array().unwrap().iter().map(|event| {
            let id = &event["event_id"];
            if refused(event) {
                return json!({"event_id": id, "status": "rejected", "error": "not now",
                              "category": "internal", "retryable": true});
            }
            stored.lock().unwrap().push(event.clone());
            json!({"event_id": id, "status": "success"})
        });
        let results: Vec<Value> = results.collect();
        Some(Reply::json(200, &json!({"results": results})))
    });
    let wire = Wire::new();
    wire.sign_in(&server, "alice@example.com", Some("acme"));
    let bench = Bench::new();
    let scope = Scope::of(&Target::new(
        &server.url(),
        "alice@example.com",
        Some("acme"),
    ));
    let path = bench.path(&format!("queue-{}.db", scope.hash()));
    let mut rows: Vec<_> = (1..=5).map(row).collect();
    // The original counts without end and never gives up.
    for (row, retries) in rows.iter_mut().zip([0, 2, 4, 7, 31]) {
        row.retry_count = retries;
        let text = String::from_utf8(row.data.clone()).unwrap();
        row.data = text
            .replace(r#""wp_id": "WP01""#, r#""wp_id": "WP66""#)
            .into_bytes();
    }
    rows.push(row(6));
    rows[5].retry_count = 9;
    drop(make_queue(&path, &rows));
    let home = wire.home.root().to_str().unwrap();
    bench
        .run_in(home, &["--json", "log", "import", path.to_str().unwrap()])
        .ok();
    let sync = || {
        let ran = bench.run_in(home, &["--json", "sync", "now"]);
        let last = ran.stdout.lines().last().unwrap().to_owned();
        serde_json::from_str::<Value>(&last).unwrap()
    };
    let first = sync();
    assert_eq!(
        (&first["parked"], &first["delivered"]),
        (&json!(3), &json!(1)),
        "{first}"
    );
    assert!(
        ids_of(&server.requests()[0]).len() == 6,
        "each is tried, however often it was refused"
    );
    assert_eq!(stored_ids(&stored), [id(6)], "a count is no verdict");
    let tail = bench.run_in(home, &["--json", "log", "tail", "-n", "all"]);
    let states: Vec<(u64, String)> = tail
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["local"].clone())
        .map(|local| {
            (
                local["attempts"].as_u64().unwrap(),
                local["state"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    let parked: Vec<bool> = states.iter().map(|(_, state)| state == "parked").collect();
    assert_eq!(
        parked,
        [false, false, true, true, true, false],
        "{states:?}"
    );
    let listed = bench.run_in(home, &["--json", "sync", "failures"]).ok();
    assert_eq!(listed["failures"].as_array().unwrap().len(), 5, "{listed}");
}
