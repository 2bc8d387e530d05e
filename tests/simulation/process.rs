//! What a virtual process does, with the library's own code, and what it saw.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use spec_kitty::auth::{Credentials, Recipient};
use spec_kitty::config::SyncConfig;
use spec_kitty::home::Home;
use spec_kitty::log::append::{Log, LogOptions, NodeIdentity, Outcome, Record};
use spec_kitty::log::header::NodeId;
use spec_kitty::log::read::Step;
use spec_kitty::log::reader::Reader;
use spec_kitty::log::segment::LogDir;
use spec_kitty::log::storage::Storage;
use spec_kitty::position::Seq;
use spec_kitty::retention::{Owners, Retention, Rules};
use spec_kitty::state::{Note, State};
use spec_kitty::sync::adopt::adopt;
use spec_kitty::sync::pass::{self, Pace, Setting};

use crate::cast::{Deed, Who};
use crate::coverage::Situation;
use crate::rng::Rng;
use crate::server::SimLine;
use crate::store::SimShelf;
use crate::world::{LOG, Process, STATE, SimAmbient, Stage};

const WAIT: Duration = Duration::from_secs(1);

/// What one process was told.
#[derive(Clone, Copy, Debug)]
pub enum Seen {
    /// A record of ours is durable.
    Recorded { token: u64, seq: u64 },
    /// What became of a record is not known.
    Unknown,
    /// A record was not written.
    NotWritten { token: u64 },
    /// A follower read a record.
    Read { seq: u64 },
    /// A follower was told that something is damaged.
    Damage,
}

/// The sizes of a run: small, so that rolling happens all the time.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    pub segment_bytes: u64,
    pub prepared_bytes: u64,
    pub segment_frames: u64,
    pub lease_ticks: u64,
}

/// What a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Emitter,
    Follower,
    Sender(Who),
    Pruner,
    SignsIn(Who),
    /// Removes the writer lock's file from under whoever holds it.
    Vandal,
    /// Emits once more, signs in, and sends everything.
    EndsInPeace,
}

/// One process of an epoch.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    pub role: Role,
    /// Whether an emitter makes one call only.
    pub is_short: bool,
    pub seed: u64,
    pub sizes: Sizes,
    /// The records that it may emit have numbers above this one.
    pub first_token: u64,
}

impl Part {
    /// Does what this process does until its script ends or it dies.
    pub fn play(self, process: &Process) -> Vec<Seen> {
        match self.role {
            Role::Emitter => {
                let calls = Rng::new(!self.seed).below(5) + 1;
                emit(process, self, if self.is_short { 1 } else { calls })
            }
            Role::Follower => follow(process, self.seed),
            Role::Sender(who) => {
                let one_batch = self.seed.is_multiple_of(5);
                let pace = if one_batch {
                    Pace::OneBatch
                } else {
                    Pace::FullSpeed
                };
                send(process, self.seed, who, pace);
                if self.seed.is_multiple_of(2) {
                    prune(process, self.seed);
                }
                Vec::new()
            }
            Role::Pruner => {
                prune(process, self.seed);
                Vec::new()
            }
            Role::SignsIn(who) => {
                sign_in(process, self, who);
                Vec::new()
            }
            Role::Vandal => {
                spoil_the_lock(process, self.seed);
                Vec::new()
            }
            Role::EndsInPeace => {
                let seen = emit(process, self, 1);
                sign_in(process, self, Who::Alice);
                send(process, self.seed, Who::Alice, Pace::FullSpeed);
                send(process, self.seed, Who::Bob, Pace::FullSpeed);
                seen
            }
        }
    }
}

fn spoil_the_lock(process: &Process, seed: u64) {
    for _ in 0..Rng::new(seed).below(40) {
        // Only to let time pass.
        let _ = process.list(Path::new(LOG));
    }
    let _ = Storage::remove(process, &log_dir(process).lock_path());
}

fn sign_in(process: &Process, part: Part, who: Who) {
    process.enters(Stage::Adopting);
    let log = log_of(process, part.seed, part.sizes);
    if adopt(&log, who.account()).is_ok_and(|adopted| !adopted.is_empty()) {
        process.saw(Situation::Adopted);
    }
}

pub fn log_dir(process: &Process) -> LogDir {
    LogDir::new(PathBuf::from(LOG), Arc::new(process.clone()))
}

/// So many processes' sights of the log are remembered: a mark is not synced, and
/// may be an older one.
const SIGHTS: u64 = 4;

/// The same, after what one of the last processes saw of it.
fn told_dir(process: &Process, seed: u64) -> LogDir {
    let dir = log_dir(process);
    let sights = process.world.machine().lasting.sights.clone();
    let told = sights.get(usize::try_from(seed % SIGHTS).unwrap());
    if let Some((highest, stamp)) = told {
        dir.recall_highest(*highest, *stamp);
        if dir.highest_seen().is_some() {
            process.saw(Situation::ListingBelieved);
        }
    }
    dir
}

/// Passes on what is seen of the log.
fn tell(process: &Process, dir: &LogDir) {
    let Some(sight) = dir.highest_seen() else {
        return;
    };
    let sights = &mut process.world.machine().lasting.sights;
    sights.insert(0, sight);
    sights.truncate(usize::try_from(SIGHTS).unwrap());
}

pub fn state(process: &Process) -> State {
    State::over(STATE, Arc::new(process.clone()))
}

fn log_of(process: &Process, seed: u64, sizes: Sizes) -> Log {
    let node = NodeIdentity {
        node_id: NodeId::parse("0123456789ab").unwrap(),
        facts: [7; 8],
    };
    let options = LogOptions {
        segment_bytes: sizes.segment_bytes,
        prepared_bytes: sizes.prepared_bytes,
        segment_frames: sizes.segment_frames,
        lease_ticks: sizes.lease_ticks,
        ..LogOptions::for_node(node)
    };
    let dir = told_dir(process, seed);
    Log::new(dir, SimAmbient::new(process, seed), options)
}

/// The state's directory is made without a sync, as the library does it.
fn prepare_state(process: &Process) -> bool {
    process.create_dir_all(Path::new(STATE)).is_ok()
}

fn emit(process: &Process, part: Part, calls: u64) -> Vec<Seen> {
    process.enters(Stage::Emitting);
    let mut rng = Rng::new(part.seed);
    let log = log_of(process, part.seed, part.sizes);
    let shelf = SimShelf(process.clone());
    let mut seen = Vec::new();
    let mut token = part.first_token;
    for _ in 0..calls {
        let count = if rng.chance(1, 6) {
            rng.below(12) + 1
        } else {
            rng.below(3) + 1
        };
        let mut deeds: Vec<Deed> = (0..count)
            .map(|_| {
                token += 1;
                Deed::of(token)
            })
            .collect();
        let mut lease = None;
        if let Some(floor) = log.lease_needed(count, count * 300) {
            lease = prepare_state(process)
                .then(|| shelf.reserve(floor, part.sizes.lease_ticks))
                .flatten();
            if lease.is_some() {
                process.saw(Situation::LeaseReserved);
            }
        }
        let mut borrowed: Vec<&mut dyn Record> = deeds
            .iter_mut()
            .map(|record| record as &mut dyn Record)
            .collect();
        let appended = log.append(&mut borrowed, lease, WAIT);
        tell(process, log.dir());
        for (deed, outcome) in deeds.iter().zip(&appended.outcomes) {
            let token = deed.token;
            seen.push(match outcome {
                Outcome::Recorded(placed) => Seen::Recorded {
                    token,
                    seq: placed.seq.0,
                },
                Outcome::Unknown(_) => Seen::Unknown,
                Outcome::NotWritten | Outcome::Refused(_) => Seen::NotWritten { token },
            });
        }
    }
    seen
}

/// Follows the log for a while.
fn follow(process: &Process, seed: u64) -> Vec<Seen> {
    process.enters(Stage::Following);
    let mut rng = Rng::new(seed);
    let mut reader = Reader::new(log_dir(process), Seq(1));
    let mut seen = Vec::new();
    for _ in 0..rng.below(12) + 3 {
        loop {
            match reader.step() {
                Ok(Step::Frame(item)) => seen.push(Seen::Read { seq: item.seq.0 }),
                Ok(Step::Damage(_)) => seen.push(Seen::Damage),
                Ok(Step::Idle) | Err(_) => break,
            }
        }
    }
    seen
}

/// Delivers what is there for one account, as `sync now` does.
fn send(process: &Process, seed: u64, who: Who, pace: Pace) {
    process.enters(Stage::OpeningLedger);
    let mut rng = Rng::new(seed);
    if !prepare_state(process) {
        return;
    }
    let path = Path::new(STATE).join("SENDER");
    let Ok(Some(_held)) = process.lock(&path, WAIT) else {
        return;
    };
    for _ in 0..rng.below(2) + 1 {
        process.enters(Stage::OpeningLedger);
        let shelf = SimShelf(process.clone());
        let Ok(opened) = state(process).open_ledger_on(shelf, WAIT) else {
            return;
        };
        if opened.notes.contains(&Note::RestoredFromView) {
            process.saw(Situation::LedgerRestoredFromView);
        }
        process.enters(Stage::Delivering);
        let credentials = Credentials {
            account: who.account().clone(),
            access: SecretString::from("access"),
            access_expires_at: None,
            refresh: SecretString::from("refresh"),
            refresh_expires_at: None,
        };
        let config = SyncConfig {
            max_events_per_batch: usize::try_from(rng.below(12) + 2).unwrap(),
            ..SyncConfig::default()
        };
        let setting = Setting {
            home: &Home::at("/home"),
            config: &config,
            recipient: &Recipient::Ready(credentials.clone()),
            sync_off: false,
            interrupt: &|| false,
            pace,
            progress: &mut |_| {},
        };
        let mut line = SimLine::new(process, who);
        let ambient = SimAmbient::new(process, seed);
        let dir = told_dir(process, rng.next());
        let _ = pass::run_over(setting, &credentials, dir, opened, ambient, &mut line);
        line.hang_up();
    }
}

/// Removes what may go, as `log prune` and a writer near the limit do.
fn prune(process: &Process, seed: u64) {
    process.enters(Stage::PlanningToPrune);
    let mut rng = Rng::new(seed);
    let now_us = process.world.machine().lasting.now_us;
    let (retention, limit_bytes) = if rng.chance(1, 2) {
        (Duration::ZERO, u64::MAX)
    } else {
        (Duration::from_secs(1 << 40), 1)
    };
    let retention = Retention {
        dir: log_dir(process),
        state: state(process),
        rules: Rules {
            retention,
            now_us: now_us + 1,
        },
        limit_bytes,
    };
    let owners = if rng.chance(1, 4) {
        Ok(Some(Owners::AsRecorded))
    } else {
        Owners::read(&retention.dir, None, &mut |_| {})
    };
    let Ok(Some(owners)) = owners else { return };
    let Ok(plan) = retention.plan(&owners, None, &mut |_| {}) else {
        return;
    };
    process.enters(Stage::Pruning);
    let _ = retention.carry_out(&plan, WAIT, &mut |_| {});
}
