//! Real processes, killed at random moments, on the real file system with the
//! real state store.
//!
//! At least 500 processes are killed while they record, start segments, deliver,
//! prune and repair. Then every promise has to hold: each receipt stands for one event
//! in the log, or for one with the server that was pruned; the rest is whole
//! events without a receipt, the clock has only grown, the node is still the
//! same, and what the ledger calls delivered is with the server.
//!
//! The moments are drawn from a seed: `SPEC_KITTY_SEED=7 cargo test --test
//! kills`. The scheduling is the machine's, so a seed does not replay a run.

#![cfg(unix)]
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]

#[path = "support/stage.rs"]
mod stage;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use spec_kitty::dev_server::Running;
use spec_kitty::home::Home;

use stage::{Recorded, Stage, events, line, server, stored};

const HOMES: u64 = 14;
const KILLS_IN_A_HOME: u64 = 38;
const _: () = assert!(HOMES * KILLS_IN_A_HOME >= 500);

/// Small, fast and good enough to pick moments.
struct Rng(u64);

impl Rng {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

/// A receipt that came out before the process was killed.
#[derive(Debug)]
struct Receipt {
    id: String,
    seq: u64,
    clock: u64,
}

/// What was handed to the processes of a home, and what they answered.
#[derive(Default)]
struct Known {
    receipts: Vec<Receipt>,
    sent: BTreeSet<String>,
    killed: u64,
}

/// A process that records a stream of events, its feeder and its listener.
struct Stream {
    child: Child,
    feeder: thread::JoinHandle<BTreeSet<String>>,
    listener: thread::JoinHandle<Vec<Receipt>>,
    heard: Arc<AtomicU64>,
}

impl Stream {
    fn start(stage: &Stage, home: &Home, name: &str) -> Self {
        let mut command = stage.command(home, &["--json", "emit", "--stdin"]);
        command.stdin(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let name = name.to_owned();
        let feeder = thread::spawn(move || {
            let mut sent = BTreeSet::new();
            for number in 0.. {
                let text = format!("{name}-{number}");
                let line = line(&text);
                sent.insert(text);
                if input.write_all(line.as_bytes()).is_err() {
                    break;
                }
                // Mostly one event an append, now and then a few of them.
                if number % 5 != 0 {
                    thread::sleep(Duration::from_micros(700));
                }
            }
            sent
        });
        let heard = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&heard);
        let listener = thread::spawn(move || {
            let whole = output.split(b'\n').map_while(Result::ok);
            let receipts = whole.filter_map(|line| receipt(&line));
            receipts
                .inspect(|_| {
                    count.fetch_add(1, Ordering::Relaxed);
                })
                .collect()
        });
        Self {
            child,
            feeder,
            listener,
            heard,
        }
    }

    /// Lets the process live for a while: until it has answered so often, or
    /// for some time, if it takes too long.
    fn let_live(&self, receipts: u64, patience: Duration) {
        let since = Instant::now();
        while self.heard.load(Ordering::Relaxed) < receipts && since.elapsed() < patience {
            thread::sleep(Duration::from_micros(200));
        }
    }

    fn kill(mut self, known: &mut Known) {
        known.killed += kill(&mut self.child);
        known.sent.extend(self.feeder.join().unwrap());
        let receipts = self.listener.join().unwrap();
        let in_order =
            |pair: &[Receipt]| pair[0].seq < pair[1].seq && pair[0].clock < pair[1].clock;
        assert!(receipts.windows(2).all(in_order), "{receipts:?}");
        known.receipts.extend(receipts);
    }
}

/// The last line may have been cut off by the kill.
fn receipt(line: &[u8]) -> Option<Receipt> {
    let receipt: Value = serde_json::from_slice(line).ok()?;
    assert_eq!(receipt["status"], "recorded", "{receipt}");
    Some(Receipt {
        id: receipt["event_id"].as_str()?.to_owned(),
        seq: receipt["seq"].as_u64()?,
        clock: receipt["lamport_clock"].as_u64()?,
    })
}

/// Whether the process was still there to be killed.
fn kill(child: &mut Child) -> u64 {
    child.kill().unwrap();
    u64::from(child.wait().unwrap().signal() == Some(9))
}

const SYNC: [&str; 3] = ["sync", "now", "-q"];
const PRUNE: [&str; 3] = ["log", "prune", "--yes"];
const REPAIR: [&str; 3] = ["log", "repair", "--yes"];

/// One home, whose processes are killed one after the other.
fn torment(stage: &Stage, server: &Running, home: &Home, rng: &mut Rng) -> Known {
    let mut known = Known::default();
    let mut round = 0;
    // Half of the homes prune what is delivered.
    let prunes = rng.below(2) == 0;
    if prunes {
        let settings = "[log]\nsegment_bytes = 4096\nretention_days = 0\n";
        fs::write(home.config_file(), settings).unwrap();
    }
    // Half of them record signed out for a while.
    let mut signed_in = rng.below(2) == 0;
    if signed_in {
        stage.sign_in(home, server);
    }
    while known.killed < KILLS_IN_A_HOME {
        round += 1;
        if !signed_in && known.killed > KILLS_IN_A_HOME / 3 {
            stage.sign_in(home, server);
            signed_in = true;
        }
        let senders = rng.below(3) * u64::from(signed_in);
        let mut streams: Vec<Stream> = (0..=rng.below(2))
            .map(|number| Stream::start(stage, home, &format!("{round}-{number}")))
            .collect();
        let pruners = rng.below(3) * u64::from(prunes) * u64::from(signed_in);
        let repairers = u64::from(rng.below(4) == 0);
        let whats = [(SYNC, senders), (PRUNE, pruners), (REPAIR, repairers)];
        let mut others: Vec<Child> = whats
            .into_iter()
            .flat_map(|(what, count)| (0..count).map(move |_| what))
            .map(|what| {
                let mut command = stage.command(home, &what);
                command.stdout(Stdio::null()).stderr(Stdio::null());
                command.spawn().unwrap()
            })
            .collect();
        while !(streams.is_empty() && others.is_empty()) {
            // Some die young, some in the midst of their work.
            match streams.first() {
                Some(stream) if rng.below(4) > 0 => {
                    stream.let_live(rng.below(14), Duration::from_millis(400));
                    thread::sleep(Duration::from_micros(rng.below(4_000)));
                }
                Some(_) => thread::sleep(Duration::from_micros(rng.below(30_000))),
                None => thread::sleep(Duration::from_micros(rng.below(100_000))),
            }
            let left = (streams.len() + others.len()) as u64;
            let index = rng.below(left) as usize;
            match index.checked_sub(streams.len()) {
                Some(index) => known.killed += kill(&mut others.remove(index)),
                None => streams.remove(index).kill(&mut known),
            }
        }
    }
    if !signed_in {
        stage.sign_in(home, server);
    }
    known
}

/// The log holds what was confirmed, once, and nothing but whole events else. A
/// beginning of it may be gone, when all of that is with the server.
fn expect_promises(home: &Home, known: &Known, there: &BTreeSet<String>) -> Vec<Recorded> {
    let events = events(home);
    let first = events.first().map_or(u64::MAX, |event| event.seq);
    let by_id: BTreeMap<&str, &Recorded> = events.iter().map(|event| (event.id(), event)).collect();
    assert_eq!(by_id.len(), events.len(), "an event is there twice");
    for receipt in &known.receipts {
        let Some(event) = by_id.get(receipt.id.as_str()) else {
            let pruned = receipt.seq < first && there.contains(&receipt.id);
            assert!(pruned, "{receipt:?} was confirmed and is lost");
            continue;
        };
        assert_eq!((event.seq, event.clock), (receipt.seq, receipt.clock));
        assert_eq!(event.event["lamport_clock"], receipt.clock);
    }
    let texts: BTreeSet<&str> = events.iter().map(Recorded::text).collect();
    assert_eq!(texts.len(), events.len(), "a line was recorded twice");
    assert!(texts.iter().all(|text| known.sent.contains(*text)));
    assert!(events.is_sorted_by(|one, two| one.seq < two.seq && one.clock < two.clock));
    let nodes: BTreeSet<&str> = events.iter().map(Recorded::node).collect();
    assert!(nodes.len() <= 1, "nobody copied this home");
    events
}

#[test]
fn five_hundred_kills_break_no_promise() {
    let seed = std::env::var("SPEC_KITTY_SEED").map_or(1, |text| text.parse().unwrap());
    println!("seed {seed}");
    let next = AtomicU64::new(0);
    let total = Mutex::new(Tally::default());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let number @ 0..HOMES = next.fetch_add(1, Ordering::Relaxed) {
                    let tally = one_home(&mut Rng(seed * 1000 + number));
                    total.lock().unwrap().add(&tally);
                }
            });
        }
    });
    let total = total.into_inner().unwrap();
    println!("{total:?}");
    assert!(total.kills >= 500 && total.confirmed >= 500 && total.pruned > 0);
}

/// What happened, in numbers.
#[derive(Debug, Default)]
struct Tally {
    kills: u64,
    recorded: u64,
    confirmed: u64,
    pruned: u64,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.kills += other.kills;
        self.recorded += other.recorded;
        self.confirmed += other.confirmed;
        self.pruned += other.pruned;
    }
}

/// What the server has stored, each event once.
fn ids_at(server: &Running) -> BTreeSet<String> {
    let stored = stored(server);
    let ids = stored
        .iter()
        .map(|event| event["event_id"].as_str().unwrap());
    let ids: BTreeSet<String> = ids.map(str::to_owned).collect();
    assert_eq!(ids.len(), stored.len());
    ids
}

/// One home, after everything was checked.
fn one_home(rng: &mut Rng) -> Tally {
    let stage = Stage::new();
    let server = server(&stage.path("server"));
    let home = stage.home("home");
    let known = torment(&stage, &server, &home, rng);
    let there = ids_at(&server);
    let events = expect_promises(&home, &known, &there);
    stage.verified(&home);

    // Whatever the ledger says was delivered is with the server.
    for (id, state) in stage.states(&home) {
        let settled = matches!(state.as_str(), "delivered" | "duplicate");
        assert!(settled || state == "pending", "{id} is {state}");
        assert!(!settled || there.contains(&id), "{id} never arrived");
    }

    // One pass that nobody kills delivers the rest.
    stage.synced(&home);
    let there = ids_at(&server);
    assert!(events.iter().all(|event| there.contains(event.id())));
    let texts = stored(&server).into_iter().map(|event| {
        let text = event["payload"]["entry_content"].as_str().unwrap();
        assert!(known.sent.contains(text), "{text} was never recorded");
        text.to_owned()
    });
    assert_eq!(texts.collect::<BTreeSet<_>>().len(), there.len());
    let states = stage.states(&home);
    let pending = states.values().filter(|state| *state == "pending").count();
    assert_eq!(pending, 0, "delivered, and still shown as pending");
    let again = expect_promises(&home, &known, &there);
    assert_eq!(again.len(), events.len());
    Tally {
        kills: known.killed,
        recorded: there.len() as u64,
        confirmed: known.receipts.len() as u64,
        pruned: (there.len() - events.len()) as u64,
    }
}
