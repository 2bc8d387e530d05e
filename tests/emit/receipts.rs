//! One event by hand: its receipt, its payload, its project, what is refused.

use std::fs;

use serde_json::Value;
use spec_kitty::state::State;

use crate::support::{KEYS, World, error, exit, keys, note, receipts, text};

#[test]
fn a_receipt_says_where_the_event_is() {
    let world = World::new();
    let payload = note("begun").to_string();
    let output = world.emit(&["HistoryAdded", "--payload", &payload, "--json"]);
    assert_eq!(exit(&output), 0, "{output:?}");
    let receipt = receipts(&output).remove(0);
    assert_eq!(keys(&receipt), KEYS);
    assert_eq!(receipt["status"], "recorded");
    assert_eq!(receipt["error"], Value::Null);
    let (seq, clock, event) = world.events().remove(0);
    assert_eq!(receipt["seq"], seq);
    assert_eq!(receipt["lamport_clock"], clock);
    assert_eq!(receipt["event_id"], event["event_id"]);
    assert_eq!(event["payload"], note("begun"));
    let human = world.emit(&["HistoryAdded", "--payload", &payload]);
    assert_eq!(text(&human.stdout).lines().count(), 1);
    assert!(human.stderr.is_empty(), "{}", text(&human.stderr));
}

#[test]
fn a_payload_comes_from_an_argument_a_file_or_stdin() {
    let world = World::new();
    let cause = "01M81BTPP6PS3R3G0D5WC0XV38";
    fs::write(world.path("payload.json"), note("file").to_string()).unwrap();
    let file = format!("@{}", world.path("payload.json").display());
    let arguments = ["HistoryAdded", "--causation", cause, "--payload"];
    let with = |payload: &str, stdin: &[u8]| {
        let output = world.emit_in("project", &[&arguments[..], &[payload]].concat(), stdin);
        assert_eq!(exit(&output), 0, "{output:?}");
    };
    with(&note("argument").to_string(), b"");
    with(&file, b"");
    with("-", format!(" {} \n", note("stdin")).as_bytes());
    let events = world.events();
    let contents: Vec<&Value> = events
        .iter()
        .map(|(_, _, event)| &event["payload"]["entry_content"])
        .collect();
    assert_eq!(contents, ["argument", "file", "stdin"]);
    assert!(
        events
            .iter()
            .all(|(_, _, event)| event["causation_id"] == cause)
    );
}

#[test]
fn a_refused_event_names_its_field_and_leaves_no_trace() {
    let world = World::new();
    let long = format!("{:?}", "x".repeat(600 * 1024));
    let long = format!(r#"{{"wp_id":"WP01","entry_type":"note","entry_content":{long}}}"#);
    fs::write(world.path("long.json"), &long).unwrap();
    fs::write(world.path("bytes.json"), b"{\"wp_id\":\"\xff\"}").unwrap();
    let (long, bytes) = (world.path("long.json"), world.path("bytes.json"));
    let (long, bytes) = (
        format!("@{}", long.display()),
        format!("@{}", bytes.display()),
    );
    let good = note("x").to_string();
    for (arguments, named) in [
        (vec!["WPMoved", "--payload", "{}"], "event_type"),
        (vec!["HistoryAdded"], "payload.wp_id"),
        (vec!["HistoryAdded", "--payload", ""], "payload"),
        (vec!["HistoryAdded", "--payload", "{"], "payload"),
        (vec!["HistoryAdded", "--payload", "[]"], "payload"),
        (
            vec!["HistoryAdded", "--payload", r#"{"wp_id":"WP1"}"#],
            "payload.wp_id",
        ),
        (
            vec!["HistoryAdded", "--payload", r#"{"wp_id":NaN}"#],
            "payload",
        ),
        (
            vec!["HistoryAdded", "--payload", r#"{"wp_id":"\ud83d"}"#],
            "payload",
        ),
        (vec!["HistoryAdded", "--payload", &long], "payload"),
        (vec!["HistoryAdded", "--payload", &bytes], "payload"),
        (
            vec!["HistoryAdded", "--payload", &good, "--causation", "x"],
            "causation_id",
        ),
    ] {
        let output = world.emit(&[&["--json"], arguments.as_slice()].concat());
        assert_eq!(exit(&output), 2, "{arguments:?}");
        let receipt = receipts(&output).remove(0);
        assert_eq!(keys(&receipt), KEYS);
        assert_eq!(receipt["status"], "refused");
        assert_eq!(receipt["error"]["code"], "invalid-event");
        let message = receipt["error"]["message"].as_str().unwrap();
        assert!(message.starts_with(named), "{message}");
        assert_eq!(error(&output)["exit"], 2);
        assert!(error(&output)["hint"].is_string());
    }
    assert!(
        !world.path("home/log").exists(),
        "nothing is made for nothing"
    );
    assert_eq!(exit(&world.emit(&[])), 2);
    assert_eq!(exit(&world.emit(&["HistoryAdded", "--stdin"])), 2);
    assert_eq!(
        exit(&world.emit(&["HistoryAdded", "--payload", "@/no/such/file"])),
        1
    );
}

#[test]
fn two_projects_and_no_project_are_told_apart() {
    let world = World::new();
    fs::create_dir_all(world.path("other/.kittify")).unwrap();
    fs::create_dir(world.path("nowhere")).unwrap();
    let payload = note("x").to_string();
    let project_of = |directory: &str| {
        let arguments = ["HistoryAdded", "--payload", &payload];
        let output = world.emit_in(directory, &arguments, b"");
        assert_eq!(exit(&output), 0, "{}", text(&output.stderr));
        world.events().pop().unwrap().2["project_uuid"].clone()
    };
    let (one, two) = (project_of("project"), project_of("other"));
    assert!(one.is_string() && two.is_string() && one != two);
    assert_eq!(project_of("nowhere"), Value::Null);
    assert_eq!(project_of("project"), one);
}

#[test]
fn a_project_that_cannot_be_written_is_warned_of_and_recorded() {
    let world = World::new();
    fs::write(
        world.path("project/.kittify/config.yaml"),
        "- not\n- a mapping\n",
    )
    .unwrap();
    let output = world.emit(&["HistoryAdded", "--payload", &note("x").to_string()]);
    assert_eq!(exit(&output), 0);
    let warning = text(&output.stderr);
    assert!(
        warning.starts_with("warning: ") && warning.contains("config.yaml"),
        "{warning}"
    );
    assert_eq!(warning.lines().count(), 1, "{warning}");
    assert_eq!(world.events().remove(0).2["project_uuid"], Value::Null);
}

#[test]
fn the_connection_is_shown_when_asked_for_and_only_what_is_known_of_it() {
    use spec_kitty::state::{Answer, Commit, Trouble};
    use spec_kitty::target::Target;
    let world = World::new();
    fs::create_dir(world.path("home")).unwrap();
    let credentials = "[tokens]\naccess = \"a\"\nrefresh = \"r\"\n\
        [user]\nusername = \"alice\"\nteam_slug = \"acme\"\n\
        [server]\nurl = \"https://sync.example.org\"\n";
    fs::write(world.home().credentials_file(), credentials).unwrap();
    let shown = |world: &World| {
        let payload = note("x").to_string();
        let output = world.emit(&["-v", "HistoryAdded", "--payload", &payload]);
        assert_eq!(exit(&output), 0);
        let stderr = text(&output.stderr).to_owned();
        stderr
            .lines()
            .find(|line| line.starts_with('['))
            .map(str::to_owned)
    };
    assert_eq!(shown(&world), None, "nothing was ever sent");
    let target = Target::new("https://sync.example.org", "alice", Some("acme")).id();
    let commit = |answer, at_ms| {
        let deadline = std::time::Duration::from_secs(5);
        let state = State::at(world.home().state_dir());
        let sender = state.sender_lock(deadline).unwrap().unwrap();
        let mut ledger = state.open_ledger(sender, deadline).unwrap().value;
        let mut commit = Commit::new(target, at_ms);
        commit.answer(answer);
        ledger.commit(&commit, deadline).unwrap();
    };
    let unreachable = Trouble::new("unreachable", "no address", None);
    commit(Answer::Unanswered(unreachable), 1_000);
    assert_eq!(shown(&world).as_deref(), Some("[Offline]"));
    let answered = || Answer::Answered {
        retry_not_before_ms: None,
        trouble: None,
    };
    commit(answered(), 2_000);
    let long_ago = shown(&world).unwrap();
    assert!(
        long_ago.starts_with("[Offline - Batch Mode] last answer ")
            && long_ago.ends_with(" days ago: spec-kitty sync status"),
        "{long_ago}"
    );
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    commit(answered(), now.unwrap().as_millis().try_into().unwrap());
    assert_eq!(shown(&world).as_deref(), Some("[Offline - Batch Mode]"));
}
