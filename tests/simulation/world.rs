//! The simulated machine: one disk, one store, several processes, servers,
//! faults, a power switch.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use spec_kitty::log::ambient::Ambient;
use spec_kitty::platform::Stamp;
use spec_kitty::position::Ordinal;

use crate::coverage::{Coverage, Op, Situation};
use crate::disk::Disk;
use crate::plant::Bug;
use crate::rng::{Rng, mix};
use crate::scheduler::Scheduler;
use crate::server::Server;
use crate::store::SimStore;

pub const LOG: &str = "/home/log";
pub const STATE: &str = "/home/state";

/// How likely each kind of trouble is, in parts of 1,000 operations.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    pub failed_sync: u64,
    pub failed_write: u64,
    pub short_write: u64,
    pub failed_other: u64,
    /// How likely a server misbehaves, in parts of 100 requests.
    pub bad_server: u64,
}

/// What a process is in the middle of; deaths are counted by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Emitting,
    Following,
    Adopting,
    OpeningLedger,
    Delivering,
    PlanningToPrune,
    Pruning,
}

impl Stage {
    pub const ALL: [Self; 7] = [
        Self::Emitting,
        Self::Following,
        Self::Adopting,
        Self::OpeningLedger,
        Self::Delivering,
        Self::PlanningToPrune,
        Self::Pruning,
    ];
}

/// What outlives a crash, and what is known from outside.
#[derive(Clone, Debug)]
pub struct Lasting {
    pub disk: Disk,
    pub store: SimStore,
    /// The servers of Alice and of Bob.
    pub servers: [Server; 2],
    pub now_us: i64,
    /// What the last processes saw of the end of the log, and passed on.
    pub sights: Vec<(Ordinal, Stamp)>,
    /// The events that left the log with a segment that was pruned.
    pub pruned: BTreeMap<u64, Gone>,
    /// Bind frames that were pruned.
    pub pruned_binds: Vec<crate::facts::Bind>,
    pub coverage: Coverage,
}

/// An event that was pruned.
#[derive(Clone, Copy, Debug)]
pub struct Gone {
    pub seq: u64,
}

#[derive(Debug)]
pub struct Machine {
    pub lasting: Lasting,
    pub rng: Rng,
    pub faults: Faults,
    /// Operations until the power goes.
    power_left: u64,
    /// For each process, operations until it is killed.
    life_left: Vec<u64>,
    danger: Danger,
    stages: Vec<Stage>,
    /// Who holds the lock on which file.
    pub locks: BTreeMap<u64, usize>,
    pub operations: u64,
    /// Everything that happened, when somebody wants to read it.
    pub trace: Option<Vec<String>>,
    pub digest: u64,
    /// The first thing that may never happen, if it was seen.
    pub violation: Option<String>,
    /// Whether the log needs recovery, and whether somebody died in it.
    pub recovery: Recovery,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Recovery {
    pub due: bool,
    pub died_in_it: bool,
}

/// Who may die in the middle of any change that is made.
#[derive(Clone, Debug, Default)]
pub struct Danger {
    pub power: bool,
    pub processes: BTreeSet<usize>,
}

/// Whether a process ends in the middle of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dies {
    Now,
    NotYet,
}

/// How an epoch is to go.
#[derive(Debug)]
pub struct Plan {
    pub seed: u64,
    pub faults: Faults,
    pub power_left: u64,
    pub life_left: Vec<u64>,
    pub danger: Danger,
    pub bug: Option<Bug>,
    pub recovery_due: bool,
    pub traced: bool,
}

/// The machine as its processes share it.
#[derive(Debug)]
pub struct World {
    machine: Mutex<Machine>,
    scheduler: Scheduler,
    bug: Option<Bug>,
}

impl World {
    pub fn new(lasting: Lasting, plan: Plan) -> Arc<Self> {
        let processes = plan.life_left.len();
        let machine = Machine {
            lasting,
            rng: Rng::new(plan.seed.wrapping_mul(31)),
            faults: plan.faults,
            power_left: plan.power_left,
            stages: vec![Stage::Emitting; processes],
            life_left: plan.life_left,
            danger: plan.danger,
            locks: BTreeMap::new(),
            operations: 0,
            trace: plan.traced.then(Vec::new),
            digest: 0,
            violation: None,
            recovery: Recovery {
                due: plan.recovery_due,
                died_in_it: false,
            },
        };
        Arc::new(Self {
            machine: Mutex::new(machine),
            scheduler: Scheduler::new(plan.seed, processes),
            bug: plan.bug,
        })
    }

    /// A machine to which nothing happens, for one process.
    pub fn quiet(lasting: Lasting) -> Arc<Self> {
        Self::new(
            lasting,
            Plan {
                seed: 0,
                faults: Faults::default(),
                power_left: u64::MAX,
                life_left: vec![u64::MAX],
                danger: Danger::default(),
                bug: None,
                recovery_due: false,
                traced: false,
            },
        )
    }

    pub fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap()
    }

    pub fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }

    pub fn bug(&self) -> Option<Bug> {
        self.bug
    }

    pub fn into_machine(self: Arc<Self>) -> Machine {
        Arc::into_inner(self)
            .expect("all processes have ended")
            .machine
            .into_inner()
            .unwrap()
    }
}

impl Machine {
    pub fn power_is_on(&self) -> bool {
        self.power_left > 0
    }

    pub fn is_alive(&self, process: usize) -> bool {
        self.power_left > 0 && self.life_left[process] > 0
    }

    pub fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(line());
        }
    }

    pub fn strikes(&mut self, chance: u64) -> bool {
        chance > 0 && self.rng.chance(chance, 1000)
    }

    /// Runs `work` with the machine's own randomness and the rest of it.
    pub fn with_rng<T>(&mut self, work: impl FnOnce(&mut Lasting, &mut Rng) -> T) -> T {
        let mut rng = self.rng.clone();
        let done = work(&mut self.lasting, &mut rng);
        self.rng = rng;
        done
    }

    /// Counts one operation of a process that still lives: whether it dies in
    /// the middle of it.
    fn count(&mut self, process: usize, op: Op, what: impl FnOnce() -> String) -> io::Result<Dies> {
        if !self.is_alive(process) {
            return Err(io::Error::other("this process is no more"));
        }
        self.operations += 1;
        if op.is_a_change() {
            // The worst moments are those in which something is promised.
            let worse = match (op, self.stages[process]) {
                (_, Stage::Pruning) => 15,
                (Op::Sync | Op::Post, _) => 4,
                _ => 1,
            };
            if self.danger.power && self.rng.chance(worse, 150) {
                self.power_left = 1;
            }
            if self.danger.processes.contains(&process) && self.rng.chance(worse, 60) {
                self.life_left[process] = 1;
            }
        }
        self.power_left -= 1;
        self.life_left[process] -= 1;
        let dies = !self.is_alive(process);
        let word = (process as u64) << 8 | op as u64;
        self.digest = mix(self.digest ^ word);
        self.note(|| {
            format!(
                "p{process} {op:?} {}{}",
                what(),
                if dies { " †" } else { "" }
            )
        });
        if dies {
            self.death(process, op);
            return Ok(Dies::Now);
        }
        Ok(Dies::NotYet)
    }

    /// What is remembered of deaths: in the middle of what.
    fn death(&mut self, process: usize, op: Op) {
        let coverage = &mut self.lasting.coverage;
        coverage.died_in(op);
        coverage.died_while(self.stages[process]);
        let power = self.power_left == 0;
        let dying = if power {
            0..self.life_left.len()
        } else {
            process..process + 1
        };
        for process in dying {
            let holds = self.locks.values().any(|holder| *holder == process);
            let appends = matches!(self.stages[process], Stage::Emitting | Stage::Adopting);
            self.recovery.died_in_it |= self.recovery.due && holds && appends;
        }
    }
}

/// One process's view of the machine.
#[derive(Clone, Debug)]
pub struct Process {
    pub world: Arc<World>,
    pub number: usize,
}

impl Process {
    pub fn new(world: &Arc<World>, number: usize) -> Self {
        Self {
            world: Arc::clone(world),
            number,
        }
    }

    pub fn enters(&self, stage: Stage) {
        self.world.machine().stages[self.number] = stage;
    }

    pub fn stage(&self) -> Stage {
        self.world.machine().stages[self.number]
    }

    pub fn is_alive(&self) -> bool {
        self.world.machine().is_alive(self.number)
    }

    pub fn saw(&self, situation: Situation) {
        self.world.machine().lasting.coverage.saw(situation);
    }

    /// Lets others go first, then counts the operation.
    pub fn turn(
        &self,
        op: Op,
        what: impl FnOnce() -> String,
    ) -> io::Result<(MutexGuard<'_, Machine>, Dies)> {
        if self.is_alive() {
            self.world.scheduler.pause(self.number);
        }
        let mut machine = self.world.machine();
        let dies = machine.count(self.number, op, what)?;
        if !machine.power_is_on() {
            self.world.scheduler.release_everybody();
        }
        if dies == Dies::Now {
            machine.locks.retain(|_, holder| *holder != self.number);
            self.world.scheduler.lock_was_given_back();
        }
        Ok((machine, dies))
    }

    /// One operation with an effect. Whoever dies in it may or may not have
    /// had the effect.
    pub fn act<T>(
        &self,
        op: Op,
        path: &Path,
        effect: impl FnOnce(&mut Machine) -> io::Result<T>,
    ) -> io::Result<T> {
        let (mut machine, dies) = self.turn(op, || path.display().to_string())?;
        let chance = machine.faults.failed_other;
        if machine.strikes(chance) {
            machine.note(|| format!("   … {op:?} fails"));
            machine.lasting.coverage.failed(op);
            return Err(io::Error::other("simulated failure"));
        }
        if dies == Dies::Now && machine.rng.chance(1, 2) {
            return Err(io::Error::other("killed before the call"));
        }
        let answer = effect(&mut machine);
        match dies {
            Dies::Now => Err(io::Error::other("killed after the call")),
            Dies::NotYet => answer,
        }
    }
}

/// The machine's time, and randomness from the seed.
#[derive(Debug)]
pub struct SimAmbient {
    world: Arc<World>,
    rng: Mutex<Rng>,
}

impl SimAmbient {
    pub fn new(process: &Process, seed: u64) -> Arc<Self> {
        Arc::new(Self {
            world: Arc::clone(&process.world),
            rng: Mutex::new(Rng::new(seed)),
        })
    }
}

impl Ambient for SimAmbient {
    fn now_us(&self) -> i64 {
        let mut machine = self.world.machine();
        if machine.power_is_on() {
            machine.lasting.now_us += 1000;
        }
        machine.lasting.now_us
    }

    fn random(&self) -> [u8; 16] {
        let mut rng = self.rng.lock().unwrap();
        let (high, low) = (rng.next(), rng.next());
        (u128::from(high) << 64 | u128::from(low)).to_le_bytes()
    }
}

/// A file of the log's directory or of the state's.
pub fn is_state(path: &Path) -> bool {
    path.starts_with(STATE)
}

pub fn view_path() -> PathBuf {
    Path::new(STATE).join("delivery.view")
}
