//! Several targets for the same events.

use serde_json::json;
use spec_kitty::position::Seq;
use spec_kitty::state::{Commit, EventKey, Outcome, Project, State};
use spec_kitty::sync::pass::log_dir;
use spec_kitty::sync::route::Bindings;
use spec_kitty::sync::survey::Survey;

use crate::commands::run;
use crate::support::bench::{Bench, server, stored_ids, uuid_of};
use crate::{ALICE, settled};

fn add<'a>(url: &'a str, from: &'a str) -> [&'a str; 7] {
    ["sync", "targets", "add", url, "--from", from, "--yes"]
}

#[test]
fn another_server_of_the_team_gets_the_same_events_and_holds_up_nobody() {
    let (first, at_first) = server(|_, _| None);
    let (second, at_second) = server(|_, _| None);
    let bench = Bench::new();
    let project = bench.project("widgets");
    let mut ids = bench.emit(&project, 2);
    bench.sign_in(&first, ALICE.0, ALICE.1);
    bench.adopt();
    ids.extend(bench.emit(&project, 3));
    assert_eq!(bench.sync().delivered, 5);

    let url = second.url();
    let asked = ["sync", "targets", "add", &url, "--from", "beginning"];
    let (code, _, error) = run(&bench, &asked);
    assert_eq!((code, &error["error"]["code"]), (9, &json!("needs-yes")));
    let (code, added, _) = run(&bench, &add(&url, "beginning"));
    assert_eq!((code, &added["events"]), (0, &json!(5)), "{added}");
    let (_, listed, _) = run(&bench, &["sync", "targets"]);
    let counts = |at: usize| {
        (
            listed["targets"][at]["pending"].clone(),
            listed["targets"][at]["delivered"].clone(),
        )
    };
    assert_eq!(
        (counts(0), counts(1)),
        ((json!(0), json!(5)), (json!(5), json!(0)))
    );

    assert_eq!(bench.sync().sent, 0, "a token goes to its own server only");
    assert!(second.requests().is_empty());
    ids.extend(bench.emit(&project, 1));
    bench.sync();

    bench.sign_in(&second, ALICE.0, ALICE.1);
    let own = bench.emit(&project, 2);
    let report = bench.sync();
    assert_eq!(report.delivered, 8, "{report:?}");
    let mut got = stored_ids(&at_second);
    got.sort();
    let mut wanted = [ids.clone(), own.clone()].concat();
    wanted.sort();
    assert_eq!(got, wanted);
    bench.sign_in(&first, ALICE.0, ALICE.1);
    assert_eq!(
        bench.sync().sent,
        0,
        "what is for the second server is not for the first"
    );
    let mut got = stored_ids(&at_first);
    got.sort();
    ids.sort();
    assert_eq!(got, ids);
    assert!(!bench.status().disagrees(), "{:?}", bench.status());
}

#[test]
fn no_other_team_and_no_opted_out_project_gets_anything() {
    let (first, _) = server(|_, _| None);
    let (second, at_second) = server(|_, _| None);
    let bench = Bench::new();
    bench.sign_in(&first, "mallory@example.com", Some("rivals"));
    bench.emit(&bench.project("widgets"), 2);
    let silent = bench.project("silent");
    let config = silent.join(".kittify/config.yaml");
    let text = std::fs::read_to_string(&config).unwrap() + "sync:\n  enabled: false\n";
    std::fs::write(&config, text).unwrap();
    bench.sign_in(&first, ALICE.0, ALICE.1);
    bench.emit(&silent, 2);
    let ids = bench.emit(&bench.project("widgets"), 1);
    run(&bench, &add(&second.url(), "beginning"));
    bench.sign_in(&second, ALICE.0, ALICE.1);
    bench.sync();
    assert_eq!(stored_ids(&at_second), ids);
}

#[test]
fn from_now_on_means_what_follows_and_removing_ends_it() {
    let (first, _) = server(|_, _| None);
    let (second, at_second) = server(|_, _| None);
    let bench = Bench::new();
    let project = bench.project("widgets");
    bench.sign_in(&first, ALICE.0, ALICE.1);
    bench.emit(&project, 2);
    let (code, added, _) = run(&bench, &add(&second.url(), "now"));
    assert_eq!((code, &added["events"]), (0, &json!(0)));
    let follow = bench.emit(&project, 2);
    bench.sign_in(&second, ALICE.0, ALICE.1);
    bench.sync();
    assert_eq!(stored_ids(&at_second), follow);
    let (code, _, error) = run(&bench, &["sync", "targets", "remove", &first.url()]);
    assert_eq!(
        (code, &error["error"]["code"]),
        (3, &json!("no-such-target"))
    );
    let (code, _, _) = run(&bench, &["sync", "targets", "remove", &second.url()]);
    assert_eq!(code, 0);
    bench.sign_in(&first, ALICE.0, ALICE.1);
    bench.emit(&project, 2);
    bench.sign_in(&second, ALICE.0, ALICE.1);
    assert_eq!(bench.sync().sent, 0);
    bench.sign_in(&first, ALICE.0, ALICE.1);
    assert_eq!(bench.sync().delivered, 6);
    settled(&bench, (0, 6, 0, 0));
}

/// Also without any look at the whole log: what a further target lacks stays.
#[test]
fn what_another_target_lacks_is_not_pruned() {
    let (first, _) = server(|_, _| None);
    let (second, _) = server(|_, _| None);
    let bench = Bench::new();
    let config = "[log]\nsegment_bytes = 4096\nretention_days = 0\n";
    std::fs::write(bench.home.config_file(), config).unwrap();
    let project = bench.project("widgets");
    bench.sign_in(&first, ALICE.0, ALICE.1);
    for _ in 0..4 {
        bench.emit(&project, 10);
    }
    bench.sync();
    run(&bench, &add(&second.url(), "beginning"));
    let (_, kept, _) = run(&bench, &["log", "prune", "--yes"]);
    assert_eq!(kept["removed"], json!([]), "{kept}");
    bench.sign_in(&second, ALICE.0, ALICE.1);
    bench.sync();
    let (_, pruned, _) = run(&bench, &["log", "prune", "--yes"]);
    assert!(
        !pruned["removed"].as_array().unwrap().is_empty(),
        "{pruned}"
    );
}

/// One look, and a look with every control frame known from the start, see the
/// same, wherever the frames lie.
#[test]
fn a_log_that_is_read_once_is_understood_as_one_that_is_read_twice() {
    let (first, _) = server(|_, _| None);
    let (second, _) = server(|_, _| None);
    let bench = Bench::new();
    let (one, two) = (bench.project("one"), bench.project("two"));
    let dir = log_dir(&bench.home);
    let agree = || {
        let state = State::at(bench.home.state_dir());
        let ledger = state.view().unwrap().unwrap_or_default();
        let (survey, bindings) = Survey::look(&dir, &ledger).unwrap();
        let known = Bindings::read(&dir).unwrap();
        let twice = Survey::take(&dir, &ledger, &known).unwrap();
        assert_eq!(format!("{survey:?}"), format!("{twice:?}"));
        assert_eq!(format!("{bindings:?}"), format!("{known:?}"));
    };
    agree();
    bench.emit(&one, 2);
    bench.emit(&bench.nowhere(), 1);
    agree();
    bench.sign_in(&first, ALICE.0, None);
    bench.adopt();
    bench.emit(&two, 2);
    agree();
    bench.sign_in(&first, ALICE.0, ALICE.1);
    bench.adopt();
    agree();
    bench.emit(&one, 3);
    bench.sync();
    agree();
    bench.sign_out();
    bench.emit(&two, 2);
    agree();
    run(&bench, &add(&second.url(), "beginning"));
    bench.sign_in(&first, ALICE.0, ALICE.1);
    run(&bench, &add(&second.url(), "beginning"));
    bench.emit(&one, 1);
    agree();
    bench.sign_in(&second, ALICE.0, ALICE.1);
    bench.adopt();
    bench.sync();
    agree();
    run(&bench, &["sync", "targets", "remove", &second.url()]);
    bench.emit(&two, 1);
    agree();
}

/// What lay before the first word is sent once the second word says so.
#[test]
fn from_now_and_later_from_the_beginning_means_all_of_it() {
    let (first, _) = server(|_, _| None);
    let (second, at_second) = server(|_, _| None);
    let bench = Bench::new();
    let project = bench.project("widgets");
    bench.sign_in(&first, ALICE.0, ALICE.1);
    let before = bench.emit(&project, 3);
    run(&bench, &add(&second.url(), "now"));
    let after = bench.emit(&project, 2);
    bench.sign_in(&second, ALICE.0, ALICE.1);
    bench.sync();
    assert_eq!(stored_ids(&at_second), after);
    bench.sign_in(&first, ALICE.0, ALICE.1);
    let (code, _, error) = run(&bench, &add(&second.url(), "beginning"));
    assert_eq!(code, 2, "{error}");
    let hint = error["error"]["hint"].as_str().unwrap();
    let before_that: Vec<&str> = hint.split(' ').skip(1).collect();
    assert_eq!(run(&bench, &before_that).0, 0, "{hint}");
    let (code, added, _) = run(&bench, &add(&second.url(), "beginning"));
    assert_eq!((code, &added["events"]), (0, &json!(5)), "{added}");
    bench.sign_in(&second, ALICE.0, ALICE.1);
    assert!(!bench.status().disagrees(), "{:?}", bench.status());
    let report = bench.sync();
    assert_eq!((report.delivered, report.duplicate), (3, 2), "{report:?}");
    assert_eq!(stored_ids(&at_second), [after, before].concat());
    assert!(!bench.status().disagrees(), "{:?}", bench.status());
    assert_eq!(bench.sync().sent, 0);
}

/// Events that got their owner late, and lie before others that the further
/// target has long since: also when they were somebody else's sign-in.
#[test]
fn events_of_a_late_sign_in_reach_another_target_too() {
    let (first, _) = server(|_, _| None);
    let (second, at_second) = server(|_, _| None);
    let bench = Bench::new();
    let project = bench.project("widgets");
    // Bob has no team yet; what he records waits, and lies first.
    bench.sign_in(&first, "bob@example.com", None);
    let mut expected = bench.emit(&project, 2);
    bench.sign_out();
    expected.extend(bench.emit(&project, 2));
    bench.sign_in(&first, ALICE.0, ALICE.1);
    bench.adopt();
    run(&bench, &add(&second.url(), "beginning"));
    bench.sign_in(&second, ALICE.0, ALICE.1);
    bench.sync();
    assert_eq!(stored_ids(&at_second), expected[2..], "Alice's, adopted");
    bench.sign_in(&first, "bob@example.com", Some("acme"));
    bench.adopt();
    bench.sign_in(&second, ALICE.0, ALICE.1);
    bench.sync();
    let mut held = stored_ids(&at_second);
    held.sort();
    expected.sort();
    assert_eq!(held, expected);
    assert!(!bench.status().disagrees(), "{:?}", bench.status());
    assert_eq!(bench.sync().sent, 0);
}

/// What an earlier version wrote under other names is not believed: its events
/// are sent once more, and the server knows them.
#[test]
fn a_ledger_with_the_names_of_before_costs_duplicates_and_no_event() {
    let (first, _) = server(|_, _| None);
    let (second, at_second) = server(|_, _| None);
    let bench = Bench::new();
    bench.sign_in(&first, ALICE.0, ALICE.1);
    let ids = bench.emit(&bench.project("widgets"), 2);
    run(&bench, &add(&second.url(), "beginning"));
    bench.sign_in(&second, ALICE.0, ALICE.1);
    let account = bench.recipient().account().unwrap().target();
    let state = State::at(bench.home.state_dir());
    let patience = std::time::Duration::from_secs(5);
    let sender = state.sender_lock(patience).unwrap().unwrap();
    let mut ledger = state.open_ledger(sender, patience).unwrap().value;
    let old = Project::new(&format!("\u{2}{}", uuid_of("widgets"))).unwrap();
    let mut commit = Commit::new(account.id(), 1);
    for (seq, id) in (1..).zip(&ids) {
        let key = EventKey::new(id).unwrap();
        commit.settle(Some(&old), Seq(seq), key, Outcome::Delivered);
    }
    ledger.commit(&commit, patience).unwrap();
    drop(ledger);
    assert_eq!(bench.sync().delivered, 2);
    assert_eq!(stored_ids(&at_second), ids);
    assert!(!bench.status().disagrees(), "{:?}", bench.status());
    assert_eq!(bench.sync().sent, 0);
}

#[test]
fn another_user_of_the_team_gets_the_same_events() {
    let (first, at_first) = server(|_, _| None);
    let bench = Bench::new();
    bench.sign_in(&first, ALICE.0, ALICE.1);
    let ids = bench.emit(&bench.project("widgets"), 3);
    let url = first.url();
    let bob = ["-u", "bob@example.com"];
    let same = [&add(&url, "beginning")[..], &["-u", ALICE.0]].concat();
    let (code, _, error) = run(&bench, &same);
    assert_eq!((code, &error["error"]["exit"]), (2, &json!(2)), "{error}");
    let (code, added, _) = run(&bench, &[&add(&url, "beginning")[..], &bob].concat());
    assert_eq!((code, &added["events"]), (0, &json!(3)), "{added}");
    let (_, listed, _) = run(&bench, &["sync", "targets"]);
    let of_bob = |listed: &serde_json::Value| {
        let targets = listed["targets"].as_array().unwrap().clone();
        let bobs = targets
            .into_iter()
            .find(|one| one["user"] == bob[1])
            .unwrap();
        (bobs["pending"].clone(), bobs["delivered"].clone())
    };
    assert_eq!(of_bob(&listed), (json!(3), json!(0)), "{listed}");
    bench.sign_in(&first, bob[1], ALICE.1);
    assert_eq!(bench.sync().delivered, 3);
    assert_eq!(stored_ids(&at_first), ids);
    let (_, listed, _) = run(&bench, &["sync", "targets"]);
    assert_eq!(of_bob(&listed), (json!(0), json!(3)), "{listed}");
    bench.sign_in(&first, ALICE.0, ALICE.1);
    assert_eq!(
        bench.sync().duplicate,
        3,
        "and Alice's are Alice's all the same"
    );
    let (code, _, _) = run(&bench, &["sync", "targets", "remove", &url]);
    assert_eq!(code, 0);
}
