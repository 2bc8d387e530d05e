//! One run: epochs of work between power cuts, and a peaceful end.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::thread;

use spec_kitty::log::header::HEADER_BYTES;

use crate::cast::{ALICE_ALONE, Who};
use crate::coverage::{Coverage, Situation};
use crate::disk::Disk;
use crate::judge::Memory;
use crate::plant::{self, Bug};
use crate::process::{Part, Role, Seen, Sizes};
use crate::rng::{Rng, mix};
use crate::server::Server;
use crate::storage::segments;
use crate::store::{Content, SimStore};
use crate::world::{Danger, Faults, Lasting, Plan, Process, STATE, Stage, World, view_path};

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
        let mut looks = 0;
        for line in &self.trace {
            if is_a_look(line) {
                looks += 1;
                continue;
            }
            if looks > 0 {
                writeln!(f, "     ({looks} looks)")?;
            }
            looks = 0;
            writeln!(f, "  {line}")?;
        }
        Ok(())
    }
}

/// Whether the line tells only of reading that worked.
fn is_a_look(line: &str) -> bool {
    let op = line.split(' ').nth(1);
    let looks = matches!(op, Some("List" | "Open" | "Size" | "Read"));
    looks && line.starts_with('p') && !line.ends_with('†')
}

/// What kind of trouble a run has, besides kills and power cuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// Calls that were made succeed.
    Fair,
    /// Writes and other calls fail, the disk runs full.
    Rough,
    /// Syncs fail too: what others wrote may be lost with them.
    Foul,
    /// Bits of the last frame rot between epochs.
    Rot,
}

/// What is left out of a run: a failure that stays without it is told without it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trim {
    pub epochs: BTreeSet<u64>,
    pub parts: BTreeSet<(u64, usize)>,
    pub power_cuts: BTreeSet<u64>,
    /// After how many operations of an epoch the power goes, instead.
    pub power_after: BTreeMap<u64, u64>,
    pub kills: BTreeSet<(u64, usize)>,
    pub accidents: BTreeSet<u64>,
    pub faults: BTreeSet<u64>,
    /// Emitters that make one call only.
    pub calls: BTreeSet<(u64, usize)>,
}

/// One run of the simulator.
pub struct Run {
    pub seed: u64,
    bug: Option<Bug>,
    trim: Trim,
    traced: bool,
    weather: Weather,
    sizes: Sizes,
    first_token: u64,
    lasting: Lasting,
    pub memory: Memory,
    trace: Vec<String>,
    digest: u64,
    /// How many epochs in a row somebody died in recovery.
    deaths_in_recovery: u32,
    died_pruning: bool,
    /// The segment in which a bit rotted last.
    rotten: Option<PathBuf>,
    /// What a backup holds: the store, and the view.
    backup: Option<(Content, Option<Vec<u8>>)>,
    pub epochs: u64,
}

/// The numbers that one process of an epoch may give to its records.
const TOKENS: u64 = 1000;

impl Run {
    pub fn new(seed: u64, bug: Option<Bug>) -> Self {
        Self::trimmed(seed, bug, Trim::default(), false)
    }

    /// The same without what `trim` names, and with a trace if wanted.
    pub fn trimmed(seed: u64, bug: Option<Bug>, trim: Trim, traced: bool) -> Self {
        let mut rng = Rng::new(seed);
        let weather = match rng.below(4) {
            0 => Weather::Fair,
            1 => Weather::Rough,
            2 => Weather::Foul,
            _ => Weather::Rot,
        };
        let frames = rng.below(12) + 2;
        let sizes = Sizes {
            segment_bytes: 1500 + rng.below(5000),
            prepared_bytes: [0, 512, 700, 4096][usize::try_from(seed % 4).unwrap()],
            segment_frames: frames,
            lease_ticks: frames + rng.below(8),
        };
        let lasting = Lasting {
            disk: Disk::new(),
            store: SimStore::default(),
            servers: [Server::default(), Server::default()],
            now_us: i64::try_from(seed % 1000).unwrap(),
            sights: Vec::new(),
            pruned: BTreeMap::new(),
            pruned_binds: Vec::new(),
            coverage: Coverage::of_one_run(),
        };
        Self {
            seed,
            bug,
            trim,
            traced,
            weather,
            sizes,
            first_token: if rng.chance(1, 3) { ALICE_ALONE } else { 0 },
            lasting,
            memory: Memory::default(),
            trace: Vec::new(),
            digest: 0,
            deaths_in_recovery: 0,
            died_pruning: false,
            rotten: None,
            backup: None,
            epochs: rng.below(4) + 1,
        }
    }

    pub fn coverage(&self) -> &Coverage {
        &self.lasting.coverage
    }

    pub fn digest(&self) -> u64 {
        self.digest
    }

    pub fn go(&mut self) -> Result<(), Violation> {
        for number in 0..self.epochs {
            if !self.trim.epochs.contains(&number) {
                self.epoch(number)?;
            }
            if !self.trim.accidents.contains(&number) {
                self.accident(number);
            }
        }
        // At the end everything must be readable, writable, and delivered.
        self.weather = Weather::Fair;
        self.last_epochs()
    }

    fn rng(&self, number: u64, purpose: u64) -> Rng {
        Rng::new(mix(self.seed ^ mix(number << 8 | purpose)))
    }

    fn faults(&self, rng: &mut Rng) -> Faults {
        let bad_server = if rng.chance(1, 3) { 0 } else { rng.below(60) };
        let faults = match self.weather {
            Weather::Fair | Weather::Rot => Faults::default(),
            Weather::Rough => Faults {
                failed_write: rng.below(40),
                short_write: rng.below(40),
                failed_other: rng.below(20),
                ..Faults::default()
            },
            Weather::Foul => Faults {
                failed_write: rng.below(20),
                short_write: rng.below(20),
                failed_other: rng.below(10),
                failed_sync: rng.below(150),
                ..Faults::default()
            },
        };
        Faults {
            bad_server,
            ..faults
        }
    }

    fn cast(&self, rng: &mut Rng) -> Vec<Role> {
        let mut roles = vec![Role::Emitter; usize::try_from(rng.below(3) + 1).unwrap()];
        let anybody = [Who::Alice, Who::Bob, Who::AliceWithoutTeam];
        if rng.chance(1, 3) {
            roles.push(Role::Follower);
        }
        if rng.chance(1, 3) {
            roles.push(Role::SignsIn(
                anybody[usize::try_from(rng.below(3)).unwrap()],
            ));
        }
        for who in [Who::Alice, Who::Bob] {
            if rng.chance(2, 5) {
                roles.push(Role::Sender(who));
            }
        }
        if rng.chance(2, 5) {
            roles.push(Role::Pruner);
        }
        if rng.chance(1, 12) {
            roles.push(Role::Vandal);
        }
        roles
    }

    /// Processes work until they end, are killed, or the power goes.
    fn epoch(&mut self, number: u64) -> Result<(), Violation> {
        let mut rng = self.rng(number, 1);
        let recovery_due = self.recovery_is_due();
        let roles = self.cast(&mut rng);
        let hasty = recovery_due && rng.chance(3, 4);
        let soon = if hasty { 24 } else { 300 };
        let mut power_left = u64::MAX;
        if hasty || rng.chance(1, 4) {
            power_left = rng.below(soon) + 1;
        }
        let mut danger = Danger {
            power: rng.chance(1, 2),
            processes: (0..roles.len()).filter(|_| rng.chance(1, 2)).collect(),
        };
        let mut life_left = Vec::new();
        for process in 0..roles.len() {
            let mut life = u64::MAX;
            if rng.chance(1, 6) {
                life = rng.below(soon) + 1;
            }
            if self.trim.kills.contains(&(number, process)) {
                danger.processes.remove(&process);
                life = u64::MAX;
            }
            life_left.push(life);
        }
        let room = rng.below(5000);
        let full = self.weather == Weather::Rough && rng.chance(1, 4);
        let mut faults = self.faults(&mut rng);
        self.lasting.disk.room = if full { room } else { u64::MAX };
        if self.trim.faults.contains(&number) {
            faults = Faults::default();
            self.lasting.disk.room = u64::MAX;
        }
        if self.trim.power_cuts.contains(&number) {
            power_left = u64::MAX;
            danger.power = false;
        }
        if let Some(sooner) = self.trim.power_after.get(&number) {
            power_left = *sooner;
        }
        let plan = Plan {
            seed: rng.next(),
            faults,
            power_left,
            life_left,
            danger,
            bug: self.bug,
            recovery_due,
            traced: self.traced,
        };
        let parts = self.parts(number, &roles, &mut rng);
        self.play(number, plan, &parts)
    }

    fn parts(&self, number: u64, roles: &[Role], rng: &mut Rng) -> Vec<Option<Part>> {
        let parts = roles.iter().enumerate().map(|(process, role)| {
            let part = Part {
                role: *role,
                is_short: self.trim.calls.contains(&(number, process)),
                seed: rng.next(),
                sizes: self.sizes,
                first_token: self.first_token + (number * 16 + process as u64) * TOKENS,
            };
            (!self.trim.parts.contains(&(number, process))).then_some(part)
        });
        parts.collect()
    }

    fn play(&mut self, number: u64, plan: Plan, parts: &[Option<Part>]) -> Result<(), Violation> {
        self.lasting.coverage.epochs += 1;
        if self.traced {
            let roles: Vec<_> = parts.iter().flatten().map(|part| part.role).collect();
            let weather = self.weather;
            self.trace
                .push(format!("-- epoch {number}, {weather:?}: {roles:?}"));
        }
        let pruned_before = self.lasting.coverage.of(Situation::Prune);
        let world = World::new(self.take_lasting(), plan);
        let handles: Vec<_> = parts
            .iter()
            .enumerate()
            .map(|(number, part)| {
                let (process, part) = (Process::new(&world, number), *part);
                thread::spawn(move || {
                    process.world.scheduler().start(number);
                    let seen = part.map(|part| part.play(&process));
                    process.world.scheduler().finish(number);
                    seen.unwrap_or_default()
                })
            })
            .collect();
        let seen: Vec<Vec<Seen>> = handles
            .into_iter()
            .map(|handle| handle.join().expect("no process panics"))
            .collect();
        let mut machine = world.into_machine();
        self.trace
            .append(&mut machine.trace.take().unwrap_or_default());
        self.digest = mix(self.digest ^ machine.digest);
        let (power_is_on, recovery) = (machine.power_is_on(), machine.recovery);
        self.lasting = machine.lasting;
        self.lasting.coverage.operations += machine.operations;
        if let Some(what) = machine.violation.take() {
            return Err(self.violation(what));
        }
        self.count_deaths(recovery.died_in_it, pruned_before);
        self.memory.foul |= self.lasting.coverage.foul;
        let noted = self.memory.note(&seen, &mut self.lasting.coverage);
        noted.map_err(|what| self.violation(what))?;
        if !power_is_on {
            let mut rng = self.rng(number, 2);
            self.lasting.disk.power_cut(&mut rng);
            self.lasting.store.power_cut(&mut rng);
            self.lasting.coverage.saw(Situation::PowerCut);
            self.tell("-- the power is gone");
        }
        let judged = self.memory.judge(&self.lasting);
        judged.map_err(|what| self.violation(what))
    }

    fn count_deaths(&mut self, died_in_recovery: bool, pruned_before: u64) {
        let coverage = &mut self.lasting.coverage;
        self.deaths_in_recovery = if died_in_recovery {
            self.deaths_in_recovery + 1
        } else {
            0
        };
        if self.deaths_in_recovery > 0 {
            coverage.saw(Situation::DeathInRecovery);
        }
        if self.deaths_in_recovery > 1 {
            coverage.saw(Situation::DeathInSecondRecovery);
        }
        if self.died_pruning && coverage.of(Situation::Prune) > pruned_before {
            coverage.saw(Situation::PruneContinued);
        }
        self.died_pruning |= coverage.deaths_while(Stage::Pruning) > 0;
    }

    /// Peace: everybody signs in, and what can be delivered is.
    fn last_epochs(&mut self) -> Result<(), Violation> {
        self.lasting.disk.room = u64::MAX;
        // No server asks to wait longer than a day.
        self.lasting.now_us += 25 * 3600 * 1_000_000;
        let last = [vec![Role::EndsInPeace], vec![Role::Pruner]];
        let steps = if self.seed.is_multiple_of(4) { 2 } else { 1 };
        for (step, roles) in last.iter().take(steps).enumerate() {
            let number = self.epochs + step as u64;
            let mut rng = self.rng(number, 1);
            let plan = Plan {
                seed: rng.next(),
                faults: Faults::default(),
                power_left: u64::MAX,
                life_left: vec![u64::MAX; roles.len()],
                danger: Danger::default(),
                bug: self.bug,
                recovery_due: false,
                traced: self.traced,
            };
            let parts = self.parts(number, roles, &mut rng);
            self.play(number, plan, &parts)?;
            if step == 0 {
                let drained = self.memory.judge_drained(&self.lasting);
                drained.map_err(|what| self.violation(what))?;
                self.lasting.coverage.saw(Situation::Drained);
            }
        }
        Ok(())
    }

    /// Whether the next appender finds something else than a good end.
    fn recovery_is_due(&self) -> bool {
        let disk = &self.lasting.disk;
        let newest = segments(disk).pop();
        newest
            .and_then(|path| disk.lookup(&path))
            .is_some_and(|inode| {
                let bytes = &disk.inode(inode).cache;
                bytes.len() < HEADER_BYTES || plant::valid_end(bytes) < plant::written_end(bytes)
            })
    }

    /// What happens while nobody works.
    fn accident(&mut self, number: u64) {
        let mut rng = self.rng(number, 3);
        // Two bad bits in one last frame can make it look like one that was
        // never finished.
        if self.weather == Weather::Rot
            && rng.chance(1, 2)
            && let Some(newest) = segments(&self.lasting.disk).pop()
            && self.rotten.as_ref() != Some(&newest)
            && self
                .lasting
                .disk
                .rot_near_the_end(&newest, HEADER_BYTES, &mut rng)
        {
            self.memory.rotted = true;
            self.rotten = Some(newest.clone());
            self.lasting.coverage.saw(Situation::BitRotted);
            self.tell(&format!("-- a bit of {} rots", newest.display()));
        }
        if rng.chance(1, 3) {
            let view = self.view();
            self.backup = Some((self.lasting.store.now.clone(), view));
        }
        if rng.chance(1, 3) {
            self.memory.forget(&self.lasting);
            for _ in 0..rng.below(2) + 1 {
                self.lose_state(&mut rng);
            }
        }
    }

    fn view(&self) -> Option<Vec<u8>> {
        let disk = &self.lasting.disk;
        let inode = disk.lookup(&view_path())?;
        Some(disk.inode(inode).cache.clone())
    }

    fn lose_state(&mut self, rng: &mut Rng) {
        let backup = self.backup.clone();
        let Lasting { disk, store, .. } = &mut self.lasting;
        let fresh = Content {
            id: u128::from(rng.next()).to_le_bytes(),
            ..Content::default()
        };
        let what = match rng.below(6) {
            0 => {
                store.becomes(fresh);
                Situation::StoreLost
            }
            1 => {
                disk.remove(&view_path());
                disk.sync_dir(Path::new(STATE));
                Situation::ViewLost
            }
            2 => {
                if !disk.rot_near_the_end(&view_path(), 0, rng) {
                    return;
                }
                Situation::ViewDamaged
            }
            3 => {
                store.becomes(fresh);
                if disk.names(Path::new(STATE)).is_some() {
                    disk.remove_tree(Path::new(STATE));
                }
                Situation::StateDirLost
            }
            4 => {
                let Some((content, _)) = backup else { return };
                store.becomes(content);
                Situation::StoreRestored
            }
            _ => {
                let Some((_, Some(view))) = backup else {
                    return;
                };
                if disk.names(Path::new(STATE)).is_none() {
                    return;
                }
                disk.restore(&view_path(), &view);
                Situation::ViewRestored
            }
        };
        self.lasting.coverage.saw(what);
        self.tell(&format!("-- {what:?}"));
    }

    fn take_lasting(&mut self) -> Lasting {
        let empty = Lasting {
            disk: Disk::new(),
            store: SimStore::default(),
            servers: [Server::default(), Server::default()],
            now_us: 0,
            sights: Vec::new(),
            pruned: BTreeMap::new(),
            pruned_binds: Vec::new(),
            coverage: Coverage::default(),
        };
        std::mem::replace(&mut self.lasting, empty)
    }

    fn tell(&mut self, line: &str) {
        if self.traced {
            self.trace.push(line.to_owned());
        }
    }

    fn violation(&self, what: impl Into<String>) -> Violation {
        Violation {
            seed: self.seed,
            what: what.into(),
            trace: self.trace.clone(),
        }
    }
}
