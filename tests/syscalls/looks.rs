//! What a command opens, lists and asks for: not more than it needs, however long the
//! log is.

use std::fs;
use std::time::Duration;

use crate::stage::{server, texts};
use crate::watched::{Watched, opened, segments_opened, traced};

#[test]
fn an_event_opens_each_file_once() {
    let Some(watched) = Watched::new() else {
        return;
    };
    for (path, text) in [
        ("project/.git/HEAD", "ref: refs/heads/main\n"),
        ("project/.git/refs/heads/main", &format!("{:040}\n", 7)),
        (
            "project/.git/config",
            "[remote \"origin\"]\n\turl = https://h/acme/widgets\n",
        ),
        (
            "home/credentials",
            "[user]\nusername = \"a\"\n[server]\nurl = \"http://127.0.0.1:9\"\n",
        ),
    ] {
        let path = watched.stage.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    watched.emit();
    let payload = r#"{"wp_id":"WP01","entry_type":"note","entry_content":"begun"}"#;
    let opened = opened(&watched, &["emit", "HistoryAdded", "--payload", payload]);
    let expected = [
        "home/config.toml",
        "home/state/mark",
        "home/log",
        "project/.git/HEAD",
        "project/.git/refs/heads/main",
        "project/.git/config",
        "project/.kittify/config.yaml",
        "home/credentials",
        "home/log/LOCK",
        "home/log/0000000001.seg",
    ];
    assert_eq!(opened, expected);
}

/// What one process saw in the directory is good for the next as long as the
/// directory is as it was, which can be told once it has rested.
#[test]
fn a_directory_at_rest_is_not_listed_again() {
    let Some(watched) = Watched::new() else {
        return;
    };
    let payload = r#"{"wp_id":"WP01","entry_type":"note","entry_content":"begun"}"#;
    let commands: [&[&str]; 3] = [
        &["emit", "HistoryAdded", "--payload", payload],
        &["log", "tail", "-n", "2"],
        &["sync", "status"],
    ];
    let listings = |arguments: &[&str]| {
        let trace = traced(&watched, "trace=getdents64", arguments);
        trace
            .lines()
            .filter(|line| line.contains("getdents64("))
            .count()
    };
    watched.emit();
    for command in commands {
        assert!(
            listings(command) > 0,
            "{command:?}: it may still change unseen"
        );
    }
    std::thread::sleep(Duration::from_millis(2600));
    let [emit, _, status] = commands;
    assert!(
        listings(emit) > 0 && listings(status) > 0,
        "nothing is known of it yet"
    );
    for command in commands {
        assert_eq!(listings(command), 0, "{command:?}");
    }
    fs::write(watched.home.log_dir().join("something"), "").unwrap();
    for command in commands {
        assert!(listings(command) > 0, "{command:?}: it is another one now");
    }
}

/// A look that finds nothing was made once more, by an older call.
#[test]
fn whether_there_is_a_successor_is_asked_before_the_lock_and_under_it() {
    let Some(watched) = Watched::new() else {
        return;
    };
    watched.emit();
    let payload = r#"{"wp_id":"WP01","entry_type":"note","entry_content":"begun"}"#;
    let emit = ["emit", "HistoryAdded", "--payload", payload];
    let trace = traced(&watched, "trace=%stat,statx", &emit);
    let asked = trace.lines().filter(|line| line.contains("0000000002.seg"));
    assert_eq!(asked.count(), 2, "{trace}");
}

#[test]
fn what_is_asked_of_a_long_log_opens_its_end_only() {
    let Some(watched) = Watched::new() else {
        return;
    };
    let settings = "[log]\nsegment_bytes = 4096\nretention_days = 0\n";
    fs::write(watched.home.config_file(), settings).unwrap();
    let server = server(&watched.stage.path("server"));
    watched.stage.sign_in(&watched.home, &server);
    watched.stage.recorded(&watched.home, &texts("a", 60));
    let status = ["sync", "status"];
    let first = segments_opened(&watched, &status);
    let mut all = first.clone();
    all.sort();
    all.dedup();
    assert!(all.len() > 10, "{all:?}");
    let newest = all.last().unwrap();
    let only_newest = |arguments: &[&str]| {
        let opened = segments_opened(&watched, arguments);
        assert!(
            opened.iter().all(|name| name == newest),
            "{arguments:?}: {opened:?}"
        );
        assert!(opened.len() <= 8, "{arguments:?}: {opened:?}");
    };
    only_newest(&status);
    only_newest(&["log", "tail", "-n", "1"]);
    segments_opened(&watched, &["sync", "now"]);
    only_newest(&["sync", "now"]);
    only_newest(&status);
    only_newest(&["log", "tail", "-n", "1"]);
    // The first event is told as delivered without a look at all segments.
    let mut begin = segments_opened(&watched, &["log", "tail", "-n", "all", "--limit", "1"]);
    begin.sort();
    begin.dedup();
    assert!(begin.len() * 2 < all.len(), "{begin:?}");
}
