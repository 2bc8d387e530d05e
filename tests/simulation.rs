//! A deterministic simulator of the log on a machine that fails.
//!
//! One number decides everything: what the processes do, how their file
//! operations interleave, which calls fail, when a process is killed, when the
//! power goes and what the disk still holds then. `docs/reliability.md` says
//! what is promised; this says how it was tried to break it.
//!
//! * In every `cargo test`: some thousands of seeds, and the planted bugs.
//! * One seed again, with its trace: `SPEC_KITTY_SEED=123 cargo test --test
//!   simulation replay -- --nocapture`.
//! * A long run: `SPEC_KITTY_SEEDS=0..1000000 cargo test --release --test
//!   simulation long_run -- --ignored --nocapture`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(unreachable_pub, clippy::cast_possible_truncation)]

#[path = "simulation/disk.rs"]
mod disk;
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
#[path = "simulation/world.rs"]
mod world;

use std::time::{Duration, Instant};

use model::Run;
use plant::Bug;

/// Seeds of an ordinary run, and the time after which it stops short.
const SEEDS: u64 = 3000;
const BUDGET: Duration = Duration::from_secs(45);
/// Within how many seeds each planted bug must be found.
const SEEDS_FOR_A_BUG: u64 = 3000;

fn check(seed: u64) {
    if let Err(violation) = Run::new(seed, None).go() {
        panic!("{violation}\nagain: SPEC_KITTY_SEED={seed} cargo test --test simulation replay");
    }
}

#[test]
fn no_seed_breaks_a_promise() {
    let started = Instant::now();
    let mut done = 0;
    for seed in 0..SEEDS {
        check(seed);
        done += 1;
        if started.elapsed() > BUDGET {
            break;
        }
    }
    println!("{done} seeds in {:.1} s", started.elapsed().as_secs_f32());
    assert!(done > 0);
}

#[test]
fn each_planted_bug_is_found() {
    for bug in Bug::ALL {
        let found = (0..SEEDS_FOR_A_BUG)
            .find_map(|seed| Run::new(seed, Some(bug)).go().err().map(|why| (seed, why)));
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

/// `SPEC_KITTY_SEED=123 cargo test --test simulation replay -- --nocapture`
#[test]
fn replay() {
    let Ok(seed) = std::env::var("SPEC_KITTY_SEED") else {
        return;
    };
    let seed = seed.parse().expect("SPEC_KITTY_SEED is a number");
    match Run::new(seed, None).go() {
        Ok(()) => println!("seed {seed}: every promise held"),
        Err(violation) => panic!("{violation}"),
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
    let mut totals = model::Totals::default();
    for seed in from..to {
        let mut run = Run::new(seed, None);
        if let Err(violation) = run.go() {
            panic!(
                "{violation}\nagain: SPEC_KITTY_SEED={seed} cargo test --test simulation replay"
            );
        }
        totals.add(run.totals());
        if (seed + 1) % 10_000 == 0 {
            println!(
                "{} seeds, {:.0} s, {totals}",
                seed + 1 - from,
                started.elapsed().as_secs_f32()
            );
        }
    }
    println!(
        "seeds {from}..{to}: {:.0} s, {totals}",
        started.elapsed().as_secs_f32()
    );
}
