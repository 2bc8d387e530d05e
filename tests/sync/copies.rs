//! Several targets for the same events.

use serde_json::json;
use spec_kitty::state::State;
use spec_kitty::sync::pass::log_dir;
use spec_kitty::sync::route::Bindings;
use spec_kitty::sync::survey::Survey;

use crate::commands::run;
use crate::support::bench::{Bench, server, stored_ids};
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
