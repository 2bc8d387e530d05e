//! One function for each row.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use spec_kitty::emitter::EventEmitter;
use spec_kitty::event::{Draft, EntryType, HistoryAdded, Payload};
use spec_kitty::home::Home;
use spec_kitty::log::segment::LogDir;
use spec_kitty::log::storage::Disk;
use spec_kitty::log::verify::{Writers, verify};

use crate::homes::{
    PAYLOAD, Place, Receiver, Used, drafts, drained_by, noop, original, program, scratch, used,
    watched,
};
use crate::stores::{self, BARE_FRAME, Store};
use crate::told::{Series, shown, table, timed};

/// How often everything is done: `ROUNDS`, else what is given.
fn rounds(usual: usize) -> usize {
    number("ROUNDS", usual)
}

fn number(name: &str, usual: usize) -> usize {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(usual)
}

fn child(arguments: &[&str]) -> Command {
    let mut command = silent(&std::env::current_exe().unwrap());
    command.arg("child").args(arguments);
    command
}

/// A program with nothing on its descriptors, as ours is started.
fn silent(program: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn run(mut command: Command) {
    assert!(command.status().unwrap().success());
}

const EMIT: [&str; 4] = ["emit", "HistoryAdded", "--payload", PAYLOAD];

/// Row 1: whole processes that record one durable event.
pub fn emit() {
    let dir = scratch();
    let place = Place::new(dir.path(), "http://127.0.0.1:9", "");
    place.run(&EMIT);
    let names = ["bare", "noop", "sqlite", "redb", "fjall"];
    let mut series: Vec<_> = names.iter().map(|name| Series::new(name)).collect();
    series.insert(1, Series::new("spec-kitty emit"));
    for _ in 0..rounds(300) {
        for one in &mut series {
            let at = dir.path().join(&one.name);
            let at = at.to_str().unwrap();
            one.times.push(match one.name.as_str() {
                "spec-kitty emit" => timed(|| place.run(&EMIT)),
                "noop" => timed(|| run(child(&["noop"]))),
                name => timed(|| run(child(&[name, at]))),
            });
        }
    }
    table("1  whole process, one durable event", &series);
}

/// Row 2: durable appends in one process.
pub fn append() {
    let dir = scratch();
    let names = stores::ALL
        .iter()
        .copied()
        .chain(["bare-prepared", "ours-prepared"]);
    let mut stores: Vec<(Series, Box<dyn Store>)> = names
        .map(|name| {
            (
                Series::new(name),
                stores::open(name, &dir.path().join(name)),
            )
        })
        .collect();
    let place = Place::new(&dir.path().join("emitter"), "http://127.0.0.1:9", "");
    let emitter = EventEmitter::new(place.home.clone(), &place.project);
    let mut typed = Series::new("ours, typed event");
    // In short runs of each, so that what a disk does now and then meets all.
    for _ in 0..rounds(100) {
        for (series, store) in &mut stores {
            series
                .times
                .extend((0..10).map(|_| timed(|| store.append())));
        }
        let mut batch = drafts(10);
        typed.times.extend(
            batch
                .drain(..)
                .map(|draft| timed(|| assert!(emitter.emit(draft).is_recorded()))),
        );
    }
    let mut series: Vec<_> = stores.into_iter().map(|(series, _)| series).collect();
    series.insert(2, typed);
    table("2  durable append in process", &series);
}

/// Row 3: many events, one sync. Ours are timed from their constructors on, and
/// are longer than a record of the peers: the bare loop also writes as many bytes.
pub fn batch() {
    let events = number("EVENTS", 100_000);
    let mut series: Vec<_> = stores::ALL.iter().map(|name| Series::new(name)).collect();
    let mut plain = Series::new("ours, typed, no project");
    let mut typed = Series::new("ours, typed events");
    let mut as_long = Series::new("bare, frames as long");
    let mut warming = Series::new("to warm up");
    let plain_bytes = typed_batch(events, Around::Nothing, &mut warming);
    let frame_bytes = typed_batch(events, Around::Project, &mut warming);
    for _ in 0..rounds(5) {
        for one in &mut series {
            let dir = scratch();
            let mut store = stores::open(&one.name, dir.path());
            store.append();
            one.times.push(timed(|| store.batch(events)));
        }
        let dir = scratch();
        let mut store = stores::bare_with(dir.path(), frame_bytes);
        store.append();
        as_long.times.push(timed(|| store.batch(events)));
        drop(store);
        typed_batch(events, Around::Nothing, &mut plain);
        typed_batch(events, Around::Project, &mut typed);
    }
    let ratio = typed.at(0.5).as_secs_f64() / as_long.at(0.5).as_secs_f64();
    series.splice(2..2, [plain, typed, as_long]);
    table(&format!("3  {events} events, one sync"), &series);
    println!(
        "a typed event takes {plain_bytes} bytes outside of projects, {frame_bytes} in one with \
         an account, a bare one {BARE_FRAME}; the latter {ratio:.2} times the bare loop that \
         writes as many bytes"
    );
}

/// Where typed events come from.
#[derive(Clone, Copy)]
enum Around {
    /// A directory that is neither a project nor a checkout; signed out.
    Nothing,
    /// A project in a checkout, with an account: the event names them all.
    Project,
}

/// Times typed events from their constructors to the disk; how long the frame
/// of one is.
fn typed_batch(events: usize, around: Around, series: &mut Series) -> usize {
    let dir = scratch();
    let home = Home::at(dir.path().join("home"));
    let emitter = match around {
        Around::Nothing => EventEmitter::new(home.clone(), dir.path()),
        Around::Project => {
            let place = Place::new(dir.path(), "http://127.0.0.1:9", "");
            EventEmitter::new(home.clone(), &place.project)
        }
    };
    assert!(emitter.emit_all(typed(1)).is_recorded());
    let mut emission = None;
    series
        .times
        .push(timed(|| emission = Some(emitter.emit_all(typed(events)))));
    assert!(emission.unwrap().is_recorded());
    let files = std::fs::read_dir(home.log_dir()).unwrap();
    let bytes: u64 = files
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum();
    bytes as usize / (events + 1)
}

fn typed(events: usize) -> Vec<Draft> {
    (0..events)
        .map(|_| {
            HistoryAdded::new("WP01", EntryType::Note, "begun")
                .into_draft()
                .unwrap()
        })
        .collect()
}

/// The typed batch alone, for a profiler.
pub fn profiled() {
    typed_batch(
        number("EVENTS", 20_000),
        Around::Project,
        &mut Series::new("ours"),
    );
}

const LARGE: &str = "[log]\nmax_bytes = 100000000000\nmax_pending_events = 1000000000\n";

/// Row 4: the same commands beside a short log and a long one.
pub fn size() {
    let events = number("EVENTS", 10_000_000);
    let needed = events as u64 * 700;
    let dir = scratch();
    let free = fs2::available_space(dir.path()).unwrap();
    if free < needed + (4 << 30) {
        println!(
            "skipped: {events} events take {} GB and 4 GB, {} are free",
            needed >> 30,
            free >> 30
        );
        return;
    }
    let short = Place::new(&dir.path().join("short"), "http://127.0.0.1:9", LARGE);
    short.fill(1000);
    let long = Place::new(&dir.path().join("long"), "http://127.0.0.1:9", LARGE);
    println!(
        "{events} events written in {}",
        shown(timed(|| long.fill(events)))
    );
    println!(
        "first sync status: {}",
        shown(timed(|| long.run(&["sync", "status"])))
    );
    let commands = [&EMIT[..], &["log", "tail", "-n", "20"], &["sync", "status"]];
    // What is seen of a directory is kept once it is at rest, as a log's mostly is:
    // it changes with every 16,384 events. The first event of another process
    // begins a segment here.
    long.run(&EMIT);
    short.run(&EMIT);
    std::thread::sleep(Duration::from_secs(3));
    for command in commands {
        long.run(command);
        short.run(command);
    }
    for command in commands {
        let mut series = [
            Series::new("1,000 events"),
            Series::new(&format!("{events} events")),
        ];
        for _ in 0..rounds(100) {
            series[0].times.push(timed(|| short.run(command)));
            series[1].times.push(timed(|| long.run(command)));
        }
        table(&format!("4  {}", command[..2].join(" ")), &series);
    }
}

/// Row 5: reading and verifying everything, from the page cache.
pub fn scan() {
    let frames = number("EVENTS", 1_000_000);
    let dir = scratch();
    let log = stores::log_in(dir.path(), u64::MAX);
    let mut ours = stores::open("ours", dir.path());
    for _ in 0..frames / 10_000 {
        ours.batch(10_000);
    }
    let path = dir.path().join("bare");
    stores::bare_file(&path, frames);
    let mut series = [Series::new("bare, 1 MiB pieces"), Series::new("log verify")];
    for _ in 0..rounds(9) {
        series[0]
            .times
            .push(timed(|| assert_eq!(scan_bare(&path), frames)));
        let dir = LogDir::new(log.dir().path(), Arc::new(Disk));
        series[1].times.push(timed(|| {
            let verdict = verify(dir, Writers::None, |_| {}).unwrap();
            assert!(verdict.is_sound() && verdict.events == frames as u64);
        }));
    }
    table(
        &format!("5  scan of {frames} records with verification"),
        &series,
    );
    let ratio = series[0].at(0.5).as_secs_f64() / series[1].at(0.5).as_secs_f64();
    println!(
        "{:.0} % of the bare scan (best rounds {:.0} %)",
        ratio * 100.0,
        series[0].at(0.0).as_secs_f64() / series[1].at(0.0).as_secs_f64() * 100.0
    );
}

fn scan_bare(path: &Path) -> usize {
    let mut file = File::open(path).unwrap();
    let mut buffer = vec![0; (1 << 20) + BARE_FRAME];
    let (mut held, mut frames) = (0, 0);
    loop {
        let read = file
            .read(&mut buffer[held..held + (1 << 20) - BARE_FRAME])
            .unwrap();
        if read == 0 {
            return frames;
        }
        held += read;
        let mut at = 0;
        while let Some(frame) = buffer[..held].get(at..at + BARE_FRAME) {
            let crc = u32::from_le_bytes(frame[4..8].try_into().unwrap());
            assert_eq!(crc32fast::hash(&frame[8..]), crc);
            (at, frames) = (at + BARE_FRAME, frames + 1);
        }
        buffer.copy_within(at..held, 0);
        held -= at;
    }
}

/// Row 6: `sync now` to a receiver on the same machine, and the same events from
/// the queue of the Python original.
pub fn drain() {
    let events = number("EVENTS", 100_000);
    let python = original();
    for _ in 0..rounds(3) {
        let dir = scratch();
        let receiver = Receiver::start();
        let place = Place::new(dir.path(), &receiver.url, LARGE);
        place.fill(events);
        let tell = |name: &str, took: Duration, sender: Used, receiver: &Receiver| {
            println!(
                "6  {name}: {events} events in {}: {:.0} events/s; sender {} of processor time, at most {:.1} MiB; receiver {}",
                shown(took),
                events as f64 / took.as_secs_f64(),
                shown(sender.cpu),
                sender.peak_kib as f64 / 1024.0,
                shown(receiver.used().cpu),
            );
        };
        let queue = python.as_ref().map(|_| {
            let queue = dir.path().join("queue.db");
            place.run(&[
                "log",
                "export",
                "--format",
                "sqlite",
                queue.to_str().unwrap(),
            ]);
            queue
        });
        let start = Instant::now();
        let mine = watched(place.command(&["sync", "now"]).spawn().unwrap());
        tell("ours", start.elapsed(), mine, &receiver);
        let status = place
            .command(&["--json", "sync", "status"])
            .stdout(Stdio::piped())
            .output();
        let status: serde_json::Value = serde_json::from_slice(&status.unwrap().stdout).unwrap();
        assert_eq!(status["pending"], 0, "{status}");
        if let Some((python, queue)) = python.as_ref().zip(queue) {
            let receiver = Receiver::start();
            let (took, theirs) = drained_by(python, &queue, &receiver.url);
            tell("the Python original", took, theirs, &receiver);
        }
    }
}

/// The work of one of the processes of row 7: opens, appends and closes.
pub fn many(name: &str, dir: &Path, count: usize) {
    for _ in 0..count {
        let took = timed(|| match name {
            "emitter" => {
                let emitter = EventEmitter::new(Home::at(dir.join("home")), dir.join("project"));
                assert!(emitter.emit(crate::homes::draft()).is_recorded());
            }
            name => stores::open(name, dir).append(),
        });
        println!("{}", took.as_nanos());
    }
}

/// Row 7: eight processes at once.
pub fn contention() {
    let (processes, each) = (8, number("EVENTS", 200));
    let names = ["bare", "bare-inside", "ours", "emitter", "sqlite"];
    let mut waits: Vec<_> = names.iter().map(|name| Series::new(name)).collect();
    let mut walls: Vec<_> = names.iter().map(|name| Series::new(name)).collect();
    for _ in 0..rounds(5) {
        for (wait, wall) in waits.iter_mut().zip(&mut walls) {
            let dir = scratch();
            let place = Place::new(dir.path(), "http://127.0.0.1:9", "");
            let at = dir.path().to_str().unwrap();
            stores::open(
                if wait.name == "emitter" {
                    "ours"
                } else {
                    &wait.name
                },
                &dir.path().join("x"),
            );
            let start = Instant::now();
            let children: Vec<_> = (0..processes)
                .map(|_| {
                    let mut command = child(&["many", &wait.name, at, &each.to_string()]);
                    command.stdout(Stdio::piped()).spawn().unwrap()
                })
                .collect();
            for child in children {
                let output = child.wait_with_output().unwrap();
                assert!(output.status.success());
                let lines = String::from_utf8(output.stdout).unwrap();
                wait.times.extend(
                    lines
                        .lines()
                        .map(|l| Duration::from_nanos(l.parse().unwrap())),
                );
            }
            wall.times.push(start.elapsed());
            if wait.name == "ours" || wait.name == "emitter" {
                let log = if wait.name == "ours" {
                    dir.path().join("log")
                } else {
                    place.home.log_dir()
                };
                let mut clocks = Vec::new();
                let dir = LogDir::new(log, Arc::new(Disk));
                verify(dir, Writers::None, |item| clocks.push(item.clock)).unwrap();
                clocks.dedup();
                assert_eq!(
                    clocks.len(),
                    processes * each,
                    "lost, or a clock value twice"
                );
            }
        }
    }
    table("7  eight processes, a wait for one append", &waits);
    for (wait, wall) in waits.iter().zip(&walls) {
        let rate = (processes * each) as f64 / wall.at(0.5).as_secs_f64();
        println!(
            "{:<28} {rate:>8.0} appends/s, worst wait {}",
            wait.name,
            shown(wait.at(1.0))
        );
    }
}

/// Row 8: start-up.
pub fn start() {
    let dir = scratch();
    let place = Place::new(dir.path(), "http://127.0.0.1:9", "");
    place.fill(1000);
    let size = |path: &Path| std::fs::metadata(path).unwrap().len() >> 20;
    println!(
        "program {} MiB, no-op {} MiB",
        size(&program()),
        size(&noop())
    );
    let mut series = [
        Series::new("noop"),
        Series::new("--version"),
        Series::new("log tail -n 1"),
    ];
    for _ in 0..rounds(300) {
        series[0].times.push(timed(|| run(silent(&noop()))));
        series[1].times.push(timed(|| place.run(&["--version"])));
        series[2]
            .times
            .push(timed(|| place.run(&["log", "tail", "-n", "1"])));
    }
    table("8  start-up", &series);
}

/// Row 9: what is used while nothing happens. The receiver knows no live
/// connection; the server of the program itself does.
pub fn idle() {
    let dir = scratch();
    let receiver = Receiver::start();
    let place = Place::new(&dir.path().join("batch"), &receiver.url, "");
    place.fill(1000);
    place.run(&["sync", "now"]);
    let live = Place::new(&dir.path().join("live"), "http://127.0.0.1:9", "");
    let _server = live.signed_in();
    live.fill(1000);
    live.run(&["sync", "now"]);
    let out = Place::new(&dir.path().join("out"), "http://127.0.0.1:9", "");
    std::fs::remove_file(out.home.credentials_file()).unwrap();
    out.fill(1000);
    let seconds = number("SECONDS", 60);
    let (follow, daemon) = (&["log", "tail", "-f"][..], &["sync", "daemon", "run"][..]);
    for (what, place, arguments) in [
        ("nothing to send", &place, follow),
        ("nothing to send, no live connection", &place, daemon),
        ("nothing to send, live connection", &live, daemon),
        ("signed out", &out, daemon),
    ] {
        let mut command = place.command(arguments);
        command.env_remove("SPEC_KITTY_NO_DAEMON");
        let mut child = command.spawn().unwrap();
        std::thread::sleep(Duration::from_secs(3));
        let before = used(child.id()).expect("it is running").cpu;
        std::thread::sleep(Duration::from_secs(seconds as u64));
        let after = used(child.id()).expect("it is running").cpu;
        let share = (after - before).as_secs_f64() / seconds as f64 * 100.0;
        println!(
            "9  {} ({what}): {share:.3} % of a core",
            arguments.join(" ")
        );
        let _ = child.kill();
        let _ = child.wait();
    }
}
