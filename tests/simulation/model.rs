//! One run: epochs of work between power cuts, and what must hold after each.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use spec_kitty::log::frame::Kind;
use spec_kitty::log::read::{Damage, Step, Unfinished};
use spec_kitty::log::reader::Reader;
use spec_kitty::position::Seq;

use crate::disk::Disk;
use crate::plant::Bug;
use crate::process::{self, LOG, Seen, Sizes};
use crate::rng::Rng;
use crate::world::{Faults, Process, World};

/// A promise that did not hold.
#[derive(Debug)]
pub struct Violation {
    pub seed: u64,
    pub what: String,
    pub trace: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}: {}", self.seed, self.what)?;
        let whole = std::env::var_os("SPEC_KITTY_SEED").is_some();
        let skip = if whole {
            0
        } else {
            self.trace.len().saturating_sub(40)
        };
        self.trace
            .iter()
            .skip(skip)
            .try_for_each(|line| writeln!(f, "  {line}"))
    }
}

/// What was done, over many runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    pub operations: u64,
    pub epochs: u64,
    pub recorded: u64,
    pub unknown: u64,
    pub shipped: u64,
}

impl Totals {
    pub fn add(&mut self, other: Self) {
        self.operations += other.operations;
        self.epochs += other.epochs;
        self.recorded += other.recorded;
        self.unknown += other.unknown;
        self.shipped += other.shipped;
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} epochs, {} file operations, {} recorded, {} unknown, {} shipped",
            self.epochs, self.operations, self.recorded, self.unknown, self.shipped
        )
    }
}

/// What kind of trouble a run has, besides kills and power cuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weather {
    /// Calls that were made succeed.
    Fair,
    /// Writes and other calls fail, the disk runs full.
    Rough,
    /// Syncs fail too: what others wrote may be lost with them.
    Foul,
    /// Bits of the last frame rot between epochs.
    Rot,
}

/// A record that was confirmed.
#[derive(Clone, Copy, Debug)]
struct Promise {
    seq: u64,
}

/// One run of the simulator.
pub struct Run {
    seed: u64,
    bug: Option<Bug>,
    rng: Rng,
    disk: Disk,
    weather: Weather,
    sizes: Sizes,
    next_token: u64,
    promised: BTreeMap<u64, Promise>,
    attempted: BTreeSet<u64>,
    never: BTreeSet<u64>,
    /// What the server holds.
    server: BTreeMap<u64, u64>,
    /// Where the sender's cursor is, as far as it is durable.
    cursor: u64,
    issued: BTreeMap<(String, u64), u64>,
    trace: Vec<String>,
    totals: Totals,
    digest: u64,
}

/// What a reader finds after everything has stopped.
#[derive(Debug, Default)]
struct Found {
    frames: Vec<(u64, u64, u64, Kind, String)>,
    damage: Vec<Damage>,
}

impl Run {
    pub fn new(seed: u64, bug: Option<Bug>) -> Self {
        let mut rng = Rng::new(seed);
        let weather = match rng.below(4) {
            0 => Weather::Fair,
            1 => Weather::Rough,
            2 => Weather::Foul,
            _ => Weather::Rot,
        };
        let frames = rng.below(12) + 2;
        let sizes = Sizes {
            segment_bytes: 1200 + rng.below(4000),
            segment_frames: frames,
            lease_ticks: frames + rng.below(8),
        };
        Self {
            seed,
            bug,
            rng,
            disk: Disk::new(),
            weather,
            sizes,
            next_token: 0,
            promised: BTreeMap::new(),
            attempted: BTreeSet::new(),
            never: BTreeSet::new(),
            server: BTreeMap::new(),
            cursor: 0,
            issued: BTreeMap::new(),
            trace: Vec::new(),
            totals: Totals::default(),
            digest: 0,
        }
    }

    pub fn totals(&self) -> Totals {
        self.totals
    }

    pub fn digest(&self) -> u64 {
        self.digest
    }

    pub fn go(&mut self) -> Result<(), Violation> {
        for _ in 0..self.rng.below(4) + 1 {
            self.epoch()?;
            self.between();
        }
        // At the end everything must be readable, and writable again.
        self.weather = Weather::Fair;
        self.epoch()
    }

    fn faults(&mut self) -> Faults {
        match self.weather {
            Weather::Fair | Weather::Rot => Faults::default(),
            Weather::Rough => Faults {
                failed_write: self.rng.below(40),
                short_write: self.rng.below(40),
                failed_other: self.rng.below(20),
                failed_sync: 0,
            },
            Weather::Foul => Faults {
                failed_write: self.rng.below(20),
                short_write: self.rng.below(20),
                failed_other: self.rng.below(10),
                failed_sync: self.rng.below(150),
            },
        }
    }

    /// Processes work until they end, are killed, or the power goes.
    fn epoch(&mut self) -> Result<(), Violation> {
        self.totals.epochs += 1;
        let emitters = usize::try_from(self.rng.below(3) + 1).unwrap();
        let (follower, sender) = (self.rng.chance(1, 2), self.rng.chance(2, 3));
        let processes = emitters + usize::from(follower) + usize::from(sender);
        let power = if self.rng.chance(1, 2) {
            self.rng.below(120) + 1
        } else {
            u64::MAX
        };
        let lives: Vec<u64> = (0..processes)
            .map(|_| {
                if self.rng.chance(1, 3) {
                    self.rng.below(60) + 1
                } else {
                    u64::MAX
                }
            })
            .collect();
        let rough = self.weather == Weather::Rough && self.rng.chance(1, 4);
        self.disk.room = if rough {
            self.rng.below(4000)
        } else {
            u64::MAX
        };
        let faults = self.faults();
        let seeds: Vec<u64> = (0..processes).map(|_| self.rng.next()).collect();
        let world_seed = self.rng.next();
        let disk = std::mem::replace(&mut self.disk, Disk::new());
        let world = World::new(disk, world_seed, faults, power, lives, self.bug);
        let jobs: Vec<_> = seeds
            .iter()
            .enumerate()
            .map(|(number, seed)| {
                let process = Process {
                    world: Arc::clone(&world),
                    number,
                };
                let (seed, sizes, bug, cursor) = (*seed, self.sizes, self.bug, self.cursor);
                let first_token = self.next_token + 1000 * number as u64;
                let is_follower = follower && number == emitters;
                move || {
                    process.world.scheduler().start(number);
                    let seen = if number < emitters {
                        process::emit(&process, seed, sizes, first_token)
                    } else if is_follower {
                        process::follow(&process, seed)
                    } else {
                        process::send(&process, seed, cursor, bug)
                    };
                    process.world.scheduler().finish(number);
                    seen
                }
            })
            .collect();
        let handles: Vec<_> = jobs.into_iter().map(thread::spawn).collect();
        let seen: Vec<Vec<Seen>> = handles
            .into_iter()
            .map(|handle| handle.join().expect("no process panics"))
            .collect();
        self.next_token += 1000 * processes as u64;
        let mut machine = world.into_machine();
        self.totals.operations += machine.operations;
        self.trace.push(format!(
            "-- epoch {}, {:?}",
            self.totals.epochs, self.weather
        ));
        self.trace.append(&mut machine.trace);
        for line in &self.trace {
            self.digest = line.bytes().fold(self.digest, |sum, byte| {
                sum.wrapping_mul(1_099_511_628_211)
                    .wrapping_add(u64::from(byte))
            });
        }
        if let Some(what) = machine.violation.take() {
            return Err(self.violation(what));
        }
        let power_is_on = machine.power_is_on();
        self.disk = machine.disk;
        self.note(&seen)?;
        if !power_is_on {
            let mut rng = self.rng.clone();
            self.disk.power_cut(&mut rng);
            self.rng = rng;
            self.trace.push("-- the power is gone".into());
        }
        let found = self.look();
        self.judge(&found)
    }

    /// What happens while nobody works.
    fn between(&mut self) {
        if self.weather == Weather::Rot && self.rng.chance(1, 2) {
            let names = self.disk.names(Path::new(LOG)).unwrap_or_default();
            let newest = names.iter().filter(|name| name.ends_with(".seg")).max();
            if let Some(newest) = newest {
                let path = Path::new(LOG).join(newest);
                let mut rng = self.rng.clone();
                if self.disk.rot_near_the_end(&path, 1024, &mut rng) {
                    self.trace.push(format!("-- a bit of {newest} rots"));
                }
                self.rng = rng;
            }
        }
    }

    fn violation(&self, what: impl Into<String>) -> Violation {
        Violation {
            seed: self.seed,
            what: what.into(),
            trace: self.trace.clone(),
        }
    }

    /// Takes in what the processes were told.
    fn note(&mut self, seen: &[Vec<Seen>]) -> Result<(), Violation> {
        for journal in seen {
            let mut last_read = 0;
            for entry in journal {
                match *entry {
                    Seen::Recorded { token, seq } => {
                        self.totals.recorded += 1;
                        self.attempted.insert(token);
                        self.promised.insert(token, Promise { seq });
                    }
                    Seen::Unknown { token } => {
                        self.totals.unknown += 1;
                        self.attempted.insert(token);
                    }
                    Seen::NotWritten { token } => {
                        self.never.insert(token);
                    }
                    Seen::Read { seq } if seq <= last_read => {
                        return Err(self.violation(format!("a follower read {seq} out of order")));
                    }
                    Seen::Read { seq } => last_read = seq,
                    Seen::Shipped { token, seq } => {
                        self.totals.shipped += 1;
                        self.server.insert(token, seq);
                    }
                    Seen::Settled { seq } => self.cursor = self.cursor.max(seq),
                }
            }
        }
        Ok(())
    }

    /// Reads everything, with a process to which nothing happens.
    fn look(&mut self) -> Found {
        let disk = std::mem::replace(&mut self.disk, Disk::new());
        let world = World::new(disk, 0, Faults::default(), u64::MAX, vec![u64::MAX], None);
        let mut found = Found::default();
        {
            let process = Process {
                world: Arc::clone(&world),
                number: 0,
            };
            let mut reader = Reader::new(process::log_dir(&process), Seq(1));
            loop {
                match reader
                    .step()
                    .expect("a simulated disk that works is readable")
                {
                    Step::Frame(item) => {
                        let (token, node) = process::token_of(item.body).unwrap_or_default();
                        let frame = (item.seq.0, item.clock.0, token, item.kind, node);
                        found.frames.push(frame);
                    }
                    Step::Damage(damage) => found.damage.push(damage),
                    Step::Idle => break,
                }
            }
            if let Some(Unfinished::Damage(damage)) = reader.unfinished() {
                found.damage.push(damage);
            }
        }
        self.disk = world.into_machine().disk;
        found
    }

    /// Holds what is there to what was promised.
    fn judge(&mut self, found: &Found) -> Result<(), Violation> {
        let mut tokens = BTreeMap::new();
        let (mut last_seq, mut last_clock) = (0, 0);
        for (seq, clock, token, kind, node) in &found.frames {
            if *seq <= last_seq || *clock < last_clock {
                return Err(self.violation(format!("frame {seq} (clock {clock}) is out of order")));
            }
            (last_seq, last_clock) = (*seq, *clock);
            if tokens.insert(*token, *seq).is_some() {
                return Err(self.violation(format!("record {token} is there twice")));
            }
            if self.never.contains(token) {
                return Err(self.violation(format!("record {token} was called not written")));
            }
            if *kind == Kind::Event {
                let before = self.issued.insert((node.clone(), *clock), *token);
                if before.is_some_and(|other| other != *token && self.was_seen(other)) {
                    return Err(self.violation(format!("clock {clock} of {node} was issued twice")));
                }
            }
        }
        self.judge_promises(&tokens, found)
    }

    /// Whether anybody was told of a record: its writer, or the server.
    fn was_seen(&self, token: u64) -> bool {
        self.promised.contains_key(&token) || self.server.contains_key(&token)
    }

    fn judge_promises(&self, tokens: &BTreeMap<u64, u64>, found: &Found) -> Result<(), Violation> {
        let rots = found_rot(self.weather);
        let reported = |seq: u64| {
            let holds = |damage: &Damage| {
                damage
                    .lost
                    .is_some_and(|lost| lost.from.0 <= seq && seq <= lost.to.0)
            };
            found.damage.iter().any(holds)
        };
        for (token, promise) in &self.promised {
            match tokens.get(token) {
                Some(seq) if *seq == promise.seq => {}
                Some(seq) => {
                    let what = format!("record {token} moved from {} to {seq}", promise.seq);
                    return Err(self.violation(what));
                }
                None if (rots || self.ever_rotted()) && reported(promise.seq) => {}
                None => {
                    let what = format!(
                        "record {token} (seq {}) was confirmed and is gone",
                        promise.seq
                    );
                    return Err(self.violation(what));
                }
            }
        }
        for (token, seq) in tokens {
            if *seq <= self.cursor && !self.server.contains_key(token) {
                let what = format!("record {token} counts as delivered; the server never had it");
                return Err(self.violation(what));
            }
        }
        if self.ever_foul() || self.ever_rotted() {
            return Ok(());
        }
        match self
            .server
            .iter()
            .find(|(token, _)| !tokens.contains_key(token))
        {
            None => Ok(()),
            Some((token, _)) => {
                Err(self.violation(format!("record {token} was shipped and is gone here")))
            }
        }
    }

    fn ever_rotted(&self) -> bool {
        self.trace.iter().any(|line| line.contains("rots"))
    }

    /// Whether a sync ever failed: then pages of others may be gone though a
    /// later sync of the same file succeeded.
    fn ever_foul(&self) -> bool {
        self.trace
            .iter()
            .any(|line| line.contains("the sync fails"))
    }
}

fn found_rot(weather: Weather) -> bool {
    weather == Weather::Rot
}
