//! A deterministic simulator of a home on a machine that fails.
//!
//! One number decides everything: what the processes do, how their operations
//! interleave, which calls fail, what the servers answer, when a process is
//! killed, when the power goes and what the disk still holds then.
//! `docs/reliability.md` says what is promised; this says how it was tried to
//! break it. The code that is tried is the library's own, from the frame to
//! the ledger: the log, recovery, the pass of a sender with its courier and its
//! book, binding at sign-in, retention and pruning. Simulated are the disk, the
//! store under the ledger, the servers and the time.
//!
//! Not in it: what sled does with its own files (`tests/state/`), real
//! processes (`tests/kills.rs`), and the live connection. What a live
//! connection receives is there as clock frames that processes record.
//!
//! * In every `cargo test`: some thousands of seeds, and the planted bugs.
//! * One seed again, with its least trace: `SPEC_KITTY_SEED=123 cargo test
//!   --test simulation replay -- --nocapture`.
//! * A long run: `SPEC_KITTY_SEEDS=0..1000000 cargo test --release --test
//!   simulation long_run -- --ignored --nocapture`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(unreachable_pub, clippy::cast_possible_truncation)]

#[path = "simulation/cast.rs"]
mod cast;
#[path = "simulation/coverage.rs"]
mod coverage;
#[path = "simulation/disk.rs"]
mod disk;
#[path = "simulation/facts.rs"]
mod facts;
#[path = "simulation/judge.rs"]
mod judge;
#[path = "simulation/model.rs"]
mod model;
#[path = "simulation/plant.rs"]
mod plant;
#[path = "simulation/process.rs"]
mod process;
#[path = "simulation/rng.rs"]
mod rng;
#[path = "simulation/scheduler.rs"]
mod scheduler;
#[path = "simulation/server.rs"]
mod server;
#[path = "simulation/shrink.rs"]
mod shrink;
#[path = "simulation/storage.rs"]
mod storage;
#[path = "simulation/store.rs"]
mod store;
#[path = "simulation/world.rs"]
mod world;

use std::time::{Duration, Instant};

use coverage::Coverage;
use model::Run;
use plant::Bug;

/// Seeds of an ordinary run, and the time after which it stops short.
const SEEDS: u64 = 3000;
const BUDGET: Duration = Duration::from_secs(45);
/// Within how many seeds each planted bug must be found.
const SEEDS_FOR_A_BUG: u64 = 10_000;

fn check(seed: u64, met: &mut Coverage) {
    let mut run = Run::new(seed, None);
    if let Err(violation) = run.go() {
        let least = shrink::least(seed, None).unwrap_or(violation);
        panic!("{least}\nagain: SPEC_KITTY_SEED={seed} cargo test --test simulation replay");
    }
    met.add(run.coverage());
}

#[test]
fn no_seed_breaks_a_promise_and_every_situation_is_met() {
    let started = Instant::now();
    let mut met = Coverage::default();
    for seed in 0..SEEDS {
        check(seed, &mut met);
        if started.elapsed() > BUDGET {
            break;
        }
    }
    println!("{:.1} s: {met}", started.elapsed().as_secs_f32());
    // A run that was stopped short has not seen everything.
    if met.runs == SEEDS {
        assert_eq!(met.missing(), Vec::<String>::new());
    }
}

#[test]
fn each_planted_bug_is_found() {
    for bug in Bug::ALL {
        // A seed that fails without the bug as well has found something else.
        let found = (0..SEEDS_FOR_A_BUG).find_map(|seed| {
            let why = Run::new(seed, Some(bug)).go().err()?;
            Run::new(seed, None).go().ok().map(|()| (seed, why))
        });
        match found {
            Some((seed, why)) => println!("{bug:?}: seed {seed}: {}", why.what),
            None => panic!("{bug:?} was not found in {SEEDS_FOR_A_BUG} seeds"),
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in [1, 77, 4242] {
        let runs = [0; 2].map(|_| {
            let mut run = Run::new(seed, None);
            run.go().unwrap_or_else(|why| panic!("{why}"));
            run.digest()
        });
        assert_eq!(runs[0], runs[1], "seed {seed}");
    }
}

#[test]
fn a_failure_is_told_with_as_little_as_it_needs() {
    let bug = Some(Bug::ReceiptBeforeSync);
    let seed = (0..SEEDS_FOR_A_BUG).find(|seed| Run::new(*seed, bug).go().is_err());
    let seed = seed.expect("the bug is found");
    let whole = Run::trimmed(seed, bug, model::Trim::default(), true).go();
    let (whole, least) = (whole.unwrap_err(), shrink::least(seed, bug).unwrap());
    let lines = |violation: &model::Violation| violation.to_string().lines().count();
    assert!(lines(&least) < lines(&whole), "{least}");
    assert!(lines(&least) < 120, "{least}");
}

/// `SPEC_KITTY_SEED=123 cargo test --test simulation replay -- --nocapture`
#[test]
fn replay() {
    let Ok(seed) = std::env::var("SPEC_KITTY_SEED") else {
        return;
    };
    let seed = seed.parse().expect("SPEC_KITTY_SEED is a number");
    match shrink::least(seed, None) {
        None => println!("seed {seed}: every promise held"),
        Some(violation) => panic!("{violation}"),
    }
}

/// `SPEC_KITTY_SEEDS=0..1000000 cargo test --release --test simulation long_run
/// -- --ignored --nocapture`
#[test]
#[ignore = "takes as long as it is told to"]
fn long_run() {
    let range = std::env::var("SPEC_KITTY_SEEDS").unwrap_or_else(|_| "0..100000".into());
    let (from, to) = range
        .split_once("..")
        .expect("SPEC_KITTY_SEEDS is FROM..TO");
    let (from, to): (u64, u64) = (from.parse().unwrap(), to.parse().unwrap());
    let started = Instant::now();
    let mut met = Coverage::default();
    for seed in from..to {
        check(seed, &mut met);
        if (seed + 1) % 10_000 == 0 || seed + 1 == to {
            println!(
                "seeds {from}..{}: {:.0} s, {met}\n",
                seed + 1,
                started.elapsed().as_secs_f32()
            );
        }
    }
}
