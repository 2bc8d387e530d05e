//! Nothing is called durable before it was made so, and nothing is synced more often
//! than it must be.

use std::fs;
use std::io::Write;

use spec_kitty::home::Home;

use crate::stage::{server, texts};
use crate::watched::{Call, Watched};

/// The calls on the log and what is around it, without the state directory.
fn around_the_log(calls: &[Call]) -> Vec<&str> {
    calls
        .iter()
        .map(|call| call.text.as_str())
        .filter(|text| !text.contains("state") && !text.starts_with("close"))
        .collect()
}

/// Where the only call of this text is.
fn place(calls: &[Call], text: &str) -> usize {
    let mut found = calls.iter().enumerate().filter(|(_, c)| c.text == text);
    let (place, _) = found
        .next()
        .unwrap_or_else(|| panic!("no {text:?} in {calls:#?}"));
    assert!(found.next().is_none(), "{text:?} twice in {calls:#?}");
    place
}

/// The syncs that we ask for. sled makes up to three of its own whenever it is
/// opened: two of its file, one of a snapshot. Its `sync_file_range` is none.
fn syncs(calls: &[Call]) -> usize {
    let is_ours = |call: &&Call| {
        let (name, path) = call.text.split_once(' ').unwrap_or_default();
        let is_of_sled = path == "state/sled/db" || path.starts_with("state/sled/snap");
        name == "fdatasync" || (name == "fsync" && !is_of_sled)
    };
    calls.iter().filter(is_ours).count()
}

/// What was written to a segment is synced through the very descriptor that
/// wrote it, which nobody closed in between, before there is a receipt.
fn expect_synced_where_written(calls: &[Call], segment: &str) {
    let written = place(calls, &format!("write {segment}"));
    let fd = calls[written].fd;
    let next = calls[written + 1..].iter().find(|call| {
        let text = &call.text;
        text == "write stdout" || (call.fd == fd && text.ends_with(segment))
    });
    let next = next.expect("something follows");
    assert_eq!(next.text, format!("fdatasync {segment}"), "{calls:#?}");
}

const FIRST: &str = "log/0000000001.seg";
const SECOND: &str = "log/0000000002.seg";

/// A successor comes into being durable, and after its predecessor.
const SUCCESSION: [&str; 8] = [
    "fdatasync log/0000000001.seg",
    "write log/new",
    "fdatasync log/new",
    "rename log/new log/0000000002.seg",
    "fsync log",
    "write log/0000000002.seg",
    "fdatasync log/0000000002.seg",
    "write stdout",
];

#[test]
fn the_first_event_of_a_home_is_findable_before_it_is_confirmed() {
    let Some(watched) = Watched::new() else {
        return;
    };
    let calls = watched.emit();
    let expected = [
        "mkdir log",
        "write log/new",
        "fdatasync log/new",
        "rename log/new log/0000000001.seg",
        "fsync log",
        "fsync .",
        "fsync ..",
        "write log/0000000001.seg",
        "fdatasync log/0000000001.seg",
        "write stdout",
    ];
    assert_eq!(around_the_log(&calls), expected);
    expect_synced_where_written(&calls, FIRST);
    // The lease is durable before a header names it.
    let leased = calls.iter().rposition(|call| {
        let text = &call.text;
        text.starts_with("f") && text.contains("sync state")
    });
    assert!(leased.unwrap() < place(&calls, "write log/new"));
    // And the place where the lease lies is as durable as itself.
    for text in ["fsync state/sled/conf", "fsync state/sled", "fsync state"] {
        place(&calls, text);
    }
    assert_eq!(
        syncs(&calls),
        5 + 4,
        "the log's and the store's: {calls:#?}"
    );
}

#[test]
fn every_directory_on_the_way_to_a_new_home_is_durable_before_the_first_frame() {
    let Some(mut watched) = Watched::new() else {
        return;
    };
    watched.home = Home::at(watched.stage.path("a/b/home"));
    let calls = watched.emit();
    let written = place(&calls, &format!("write {FIRST}"));
    for (made, above) in [("../..", "../../.."), ("..", "../.."), (".", "..")] {
        let made = place(&calls, &format!("mkdir {made}"));
        let synced = place_of_last(&calls, &format!("fsync {above}"));
        assert!(made < synced && synced < written, "{above}: {calls:#?}");
    }
}

#[test]
fn an_event_costs_one_sync_and_nothing_but_the_mark_beside_it() {
    let Some(watched) = Watched::new() else {
        return;
    };
    watched.stage.recorded(&watched.home, &texts("a", 1));
    let calls = watched.emit();
    let mut texts: Vec<&str> = calls.iter().map(|call| call.text.as_str()).collect();
    texts.retain(|text| !text.starts_with("close"));
    let expected = [
        "write log/0000000001.seg",
        "fdatasync log/0000000001.seg",
        "write state/mark",
        "write stdout",
    ];
    assert_eq!(texts, expected);
    expect_synced_where_written(&calls, FIRST);
}

#[test]
fn a_segment_is_durable_before_its_successor_exists() {
    let Some(watched) = Watched::new() else {
        return;
    };
    watched.stage.recorded(&watched.home, &texts("a", 4));
    let calls = loop {
        let calls = watched.emit();
        if watched.home.root().join(SECOND).exists() {
            break calls;
        }
    };
    assert_eq!(around_the_log(&calls), SUCCESSION);
    expect_synced_where_written(&calls, SECOND);
    assert_eq!(
        syncs(&calls),
        4 + 2,
        "the log's and the store's: {calls:#?}"
    );
}

#[test]
fn debris_is_synced_with_what_is_before_it_and_never_touched() {
    let Some(watched) = Watched::new() else {
        return;
    };
    watched.stage.recorded(&watched.home, &texts("a", 1));
    let segment = watched.home.root().join(FIRST);
    let mut file = fs::File::options().append(true).open(&segment).unwrap();
    file.write_all(b"half a fra").unwrap();
    let before = fs::read(&segment).unwrap();
    let calls = watched.emit();
    assert_eq!(around_the_log(&calls), SUCCESSION);
    expect_synced_where_written(&calls, SECOND);
    assert_eq!(fs::read(&segment).unwrap(), before);
}

/// A delivered home; what the delivery did.
fn delivered(watched: &Watched) -> Vec<Call> {
    let server = server(&watched.stage.path("server"));
    watched.stage.sign_in(&watched.home, &server);
    watched.stage.recorded(&watched.home, &texts("a", 12));
    watched.run(&["sync", "now"])
}

#[test]
fn nothing_is_sent_before_it_is_durable_and_nothing_is_settled_before_it_is_sent() {
    let Some(watched) = Watched::new() else {
        return;
    };
    let calls = delivered(&watched);
    let connected = calls.iter().position(|call| call.text == "connect");
    let newest = calls
        .iter()
        .position(|call| call.text.starts_with("f") && call.text.contains("sync log/"));
    assert!(newest.unwrap() < connected.unwrap(), "{calls:#?}");
    let view = [
        "write state/delivery.view.tmp",
        "fsync state/delivery.view.tmp",
        "rename state/delivery.view.tmp state/delivery.view",
        "fsync state",
    ];
    let places = view.map(|text| place(&calls, text));
    assert!(places.is_sorted(), "{calls:#?}");
    let after_all = calls.iter().rposition(|call| call.text == "connect");
    assert!(after_all.unwrap() < places[0]);
    // The store and the view, each once, and the store once more to begin with.
    let stored = place_of_last(&calls, "fsync state/sled");
    assert!(
        after_all.unwrap() < stored && stored < places[0],
        "{calls:#?}"
    );
    assert_eq!(syncs(&calls), 1 + 2 * 2 + 2, "{calls:#?}");
}

fn place_of_last(calls: &[Call], text: &str) -> usize {
    calls.iter().rposition(|call| call.text == text).unwrap()
}

#[test]
fn the_ledger_is_durable_before_a_segment_goes_and_each_goes_for_good() {
    let Some(watched) = Watched::new() else {
        return;
    };
    let settings = "[log]\nsegment_bytes = 4096\nretention_days = 0\n";
    fs::write(watched.home.config_file(), settings).unwrap();
    delivered(&watched);
    let calls = watched.run(&["log", "prune", "--yes"]);
    let texts: Vec<&str> = calls.iter().map(|call| call.text.as_str()).collect();
    let texts: Vec<&str> = texts
        .into_iter()
        .filter(|text| !text.starts_with("close") && !text.starts_with("write stdout"))
        .collect();
    let expected = [
        "fsync state/delivery.view",
        "fsync state",
        "fsync .",
        "fsync log",
        "unlink log/0000000001.seg",
        "fsync log",
        "unlink log/0000000002.seg",
        "fsync log",
    ];
    assert_eq!(texts, expected);
}
