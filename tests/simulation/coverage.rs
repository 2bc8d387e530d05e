//! What was met, over many runs: a simulator that never gets into a situation
//! proves nothing about it.

use std::collections::BTreeMap;
use std::fmt;

use crate::world::Stage;

/// The operations of a process on its world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    List,
    Open,
    Create,
    CreateDir,
    Size,
    Read,
    Write,
    Sync,
    SyncDir,
    Rename,
    Remove,
    Lock,
    Store,
    Post,
}

impl Op {
    pub const ALL: [Self; 14] = [
        Self::List,
        Self::Open,
        Self::Create,
        Self::CreateDir,
        Self::Size,
        Self::Read,
        Self::Write,
        Self::Sync,
        Self::SyncDir,
        Self::Rename,
        Self::Remove,
        Self::Lock,
        Self::Store,
        Self::Post,
    ];

    /// Whether it changes something that others see.
    pub fn is_a_change(self) -> bool {
        !matches!(self, Self::List | Self::Open | Self::Size | Self::Read)
    }
}

/// Something that can come about in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Situation {
    Recorded,
    Unknown,
    NotWritten,
    PowerCut,
    /// A successor was made because the log needed one.
    Recovery,
    DeathInRecovery,
    DeathInSecondRecovery,
    DiskFull,
    DiskFullInAFrame,
    /// A failed sync took pages of another process with it.
    OthersPagesLost,
    BitRotted,
    Request,
    ReplyLost,
    Refused,
    Duplicate,
    Adopted,
    Prune,
    PruneContinued,
    StoreLost,
    StoreRestored,
    ViewLost,
    ViewRestored,
    ViewDamaged,
    StateDirLost,
    LeaseReserved,
    LedgerRestoredFromView,
    LockReplaced,
    /// A process took over what another one saw of the directory.
    ListingBelieved,
    /// Everything that could be delivered was, at the end.
    Drained,
}

impl Situation {
    pub const ALL: [Self; 29] = [
        Self::Recorded,
        Self::Unknown,
        Self::NotWritten,
        Self::PowerCut,
        Self::Recovery,
        Self::DeathInRecovery,
        Self::DeathInSecondRecovery,
        Self::DiskFull,
        Self::DiskFullInAFrame,
        Self::OthersPagesLost,
        Self::BitRotted,
        Self::Request,
        Self::ReplyLost,
        Self::Refused,
        Self::Duplicate,
        Self::Adopted,
        Self::Prune,
        Self::PruneContinued,
        Self::StoreLost,
        Self::StoreRestored,
        Self::ViewLost,
        Self::ViewRestored,
        Self::ViewDamaged,
        Self::StateDirLost,
        Self::LeaseReserved,
        Self::LedgerRestoredFromView,
        Self::LockReplaced,
        Self::ListingBelieved,
        Self::Drained,
    ];
}

/// How often what came about.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    pub runs: u64,
    pub epochs: u64,
    pub operations: u64,
    situations: BTreeMap<Situation, u64>,
    deaths_by_op: BTreeMap<Op, u64>,
    deaths_by_stage: BTreeMap<Stage, u64>,
    failures: BTreeMap<Op, u64>,
    /// Whether a sync failed in this run: pages may be gone though a later
    /// sync of the same file succeeded.
    pub foul: bool,
}

fn count<K: Ord>(map: &mut BTreeMap<K, u64>, key: K) {
    *map.entry(key).or_default() += 1;
}

fn add<K: Ord + Copy>(map: &mut BTreeMap<K, u64>, other: &BTreeMap<K, u64>) {
    for (key, number) in other {
        *map.entry(*key).or_default() += number;
    }
}

impl Coverage {
    pub fn of_one_run() -> Self {
        Self {
            runs: 1,
            ..Self::default()
        }
    }

    pub fn saw(&mut self, situation: Situation) {
        count(&mut self.situations, situation);
    }

    pub fn of(&self, situation: Situation) -> u64 {
        self.situations.get(&situation).copied().unwrap_or(0)
    }

    pub fn died_in(&mut self, op: Op) {
        count(&mut self.deaths_by_op, op);
    }

    pub fn died_while(&mut self, stage: Stage) {
        count(&mut self.deaths_by_stage, stage);
    }

    pub fn deaths_while(&self, stage: Stage) -> u64 {
        self.deaths_by_stage.get(&stage).copied().unwrap_or(0)
    }

    pub fn failed(&mut self, op: Op) {
        count(&mut self.failures, op);
    }

    pub fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.epochs += other.epochs;
        self.operations += other.operations;
        add(&mut self.situations, &other.situations);
        add(&mut self.deaths_by_op, &other.deaths_by_op);
        add(&mut self.deaths_by_stage, &other.deaths_by_stage);
        add(&mut self.failures, &other.failures);
    }

    /// What was never met.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        for situation in Situation::ALL {
            if self.of(situation) == 0 {
                missing.push(format!("{situation:?}"));
            }
        }
        for op in Op::ALL {
            if !self.deaths_by_op.contains_key(&op) {
                missing.push(format!("death in {op:?}"));
            }
            // Directories and locks fail like everything else, with one error.
            if !matches!(op, Op::Lock | Op::Post) && !self.failures.contains_key(&op) {
                missing.push(format!("failure of {op:?}"));
            }
        }
        for stage in Stage::ALL {
            if !self.deaths_by_stage.contains_key(&stage) {
                missing.push(format!("death while {stage:?}"));
            }
        }
        missing
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            runs,
            epochs,
            operations,
            ..
        } = self;
        writeln!(f, "{runs} runs, {epochs} epochs, {operations} operations")?;
        let list = |map: Vec<(String, u64)>| {
            let each = map.iter().map(|(name, number)| format!("{name} {number}"));
            each.collect::<Vec<_>>().join(", ")
        };
        fn named<K: fmt::Debug>(map: &BTreeMap<K, u64>) -> Vec<(String, u64)> {
            map.iter().map(|(k, n)| (format!("{k:?}"), *n)).collect()
        }
        writeln!(f, "met: {}", list(named(&self.situations)))?;
        writeln!(f, "killed in: {}", list(named(&self.deaths_by_op)))?;
        writeln!(f, "killed while: {}", list(named(&self.deaths_by_stage)))?;
        write!(f, "made to fail: {}", list(named(&self.failures)))
    }
}
