//! What the kernel is asked to do, in which order: nothing is called durable
//! before it was made so, and nothing is synced more often than it must be.
//!
//! The binary runs under strace. Where that is missing, or may not trace, the
//! tests say so and end; the simulator holds the same rules there.

#![cfg(target_os = "linux")]
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "support/stage.rs"]
mod stage;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use spec_kitty::home::Home;

use stage::{Stage, server, texts};

const CALLS: &str = "trace=mkdir,rename,renameat2,unlink,fsync,fdatasync,sync_file_range,syncfs,\
                     write,pwrite64,pwritev,ftruncate,connect,close";

/// One call that changed something or made it durable: `fdatasync log/1.seg`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Call {
    text: String,
    fd: Option<u32>,
}

/// A home whose commands are watched.
struct Watched {
    stage: Stage,
    home: Home,
}

impl Watched {
    /// `None`, and said, where nothing can be watched.
    fn new() -> Option<Self> {
        let works = Command::new("strace")
            .args(["-qq", "-e", "trace=none", "true"])
            .stderr(Stdio::null())
            .status();
        if !works.is_ok_and(|status| status.success()) {
            println!("skipped: strace is missing or may not trace");
            return None;
        }
        let stage = Stage::new();
        let home = stage.home("home");
        Some(Self { stage, home })
    }

    /// Runs a command, which has to succeed; what it did, in order.
    fn run(&self, arguments: &[&str]) -> Vec<Call> {
        let plain = self.stage.command(&self.home, arguments);
        let trace = self.stage.path("trace");
        let mut command = Command::new("strace");
        command
            .args(["-f", "-y", "-qq", "-s", "0", "-e", CALLS, "-o"])
            .arg(&trace)
            .arg(plain.get_program())
            .args(plain.get_args())
            .current_dir(plain.get_current_dir().unwrap());
        for (name, value) in plain.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let output = command.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        calls(&fs::read_to_string(trace).unwrap(), self.home.root())
    }

    fn emit(&self) -> Vec<Call> {
        let payload = r#"{"wp_id":"WP01","entry_type":"note","entry_content":"begun"}"#;
        self.run(&["emit", "HistoryAdded", "--payload", payload])
    }
}

/// The calls of a trace that succeeded, each where it ended; closing is left in
/// only for the descriptors of segments.
fn calls(trace: &str, home: &Path) -> Vec<Call> {
    let mut begun: BTreeMap<&str, &str> = BTreeMap::new();
    let mut calls = Vec::new();
    for line in trace.lines() {
        let (thread, rest) = line.split_once(' ').unwrap();
        let rest = rest.trim_start();
        let (start, end) = if let Some(start) = rest.strip_suffix(" <unfinished ...>") {
            begun.insert(thread, start);
            continue;
        } else if rest.starts_with("<...") {
            let Some(start) = begun.remove(thread) else {
                continue;
            };
            (start, rest)
        } else {
            (rest, rest)
        };
        let result = end.rsplit_once(" = ").map_or("", |(_, result)| result);
        // A connection that is still being made is an error to the caller.
        if !result.starts_with('-') || start.starts_with("connect") {
            calls.extend(call(start, home));
        }
    }
    calls
}

fn call(text: &str, home: &Path) -> Option<Call> {
    let (name, arguments) = text.split_once('(')?;
    let quoted = |nth: usize| arguments.split('"').nth(2 * nth + 1);
    let opened = || {
        let (fd, rest) = arguments.split_once('<')?;
        let (path, _) = rest.split_once('>')?;
        Some((fd.parse::<u32>().ok()?, path))
    };
    let (what, fd) = match name {
        "rename" | "renameat2" => {
            let (from, to) = (short(quoted(0)?, home)?, short(quoted(1)?, home)?);
            (format!("rename {from} {to}"), None)
        }
        "mkdir" | "unlink" => (format!("{name} {}", short(quoted(0)?, home)?), None),
        "connect" => ("connect".to_owned(), None),
        _ => {
            let (fd, path) = opened()?;
            let path = if fd == 1 {
                "stdout".to_owned()
            } else {
                short(path, home)?
            };
            let name = if name.starts_with("pwrite") {
                "write"
            } else {
                name
            };
            (format!("{name} {path}"), Some(fd))
        }
    };
    let closes = what.starts_with("close ") && !what.ends_with(".seg");
    (!closes).then_some(Call { text: what, fd })
}

/// The path as seen from the home; temporary names are all the same.
fn short(path: &str, home: &Path) -> Option<String> {
    let path = Path::new(path);
    if let Ok(down) = home.strip_prefix(path)
        && path != home
    {
        return Some(vec![".."; down.iter().count()].join("/"));
    }
    let inside = path.strip_prefix(home).ok()?.to_str().unwrap();
    Some(match inside {
        "" => ".".to_owned(),
        inside if inside.starts_with("log/.") => "log/new".to_owned(),
        inside => inside.to_owned(),
    })
}

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

/// The trace of these calls of a command, which has to succeed.
fn traced(watched: &Watched, calls: &str, arguments: &[&str]) -> String {
    let trace = watched.stage.path("traced");
    let plain = watched.stage.command(&watched.home, arguments);
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-s", "4096", "-e", calls, "-o"]);
    command.arg(&trace).arg(plain.get_program());
    command.args(plain.get_args());
    command.current_dir(plain.get_current_dir().unwrap());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    assert!(command.output().unwrap().status.success());
    fs::read_to_string(trace).unwrap()
}

/// What a command opened below its directory, in order.
fn opened(watched: &Watched, arguments: &[&str]) -> Vec<String> {
    let trace = traced(watched, "trace=openat", arguments);
    let below = trace.lines().filter_map(|line| {
        let path = Path::new(line.split('"').nth(1)?);
        let inside = path.strip_prefix(watched.stage.path("")).ok()?;
        (!line.contains(" = -1 ")).then(|| inside.to_str().unwrap().to_owned())
    });
    below.collect()
}

/// The segments that a command opened, in order.
fn segments_opened(watched: &Watched, arguments: &[&str]) -> Vec<String> {
    let names = opened(watched, arguments).into_iter().filter_map(|path| {
        let name = Path::new(&path).file_name()?.to_str()?;
        name.ends_with(".seg").then(|| name.to_owned())
    });
    names.collect()
}

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
