//! A disk that fails, one call at a time, and what becomes of the records.
//!
//! What was confirmed is there, once and in order; what was said not to be
//! written is not there; what is unknown may be, whole. And the next call goes
//! on.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]

mod directories;
#[cfg(target_os = "linux")]
mod disks;
#[path = "../support/faulty.rs"]
mod faulty;
mod locks;
#[path = "../support/memory.rs"]
mod memory;
mod reads;
#[path = "../support/stage.rs"]
mod stage;
mod syncs;
mod writes;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use faulty::Faulty;
use memory::Memory;
use spec_kitty::log::ambient::System;
use spec_kitty::log::append::{
    Appended, Log, LogOptions, NodeIdentity, Outcome, Record, Refused, Stamp, Tick,
};
use spec_kitty::log::frame::Kind;
use spec_kitty::log::header::NodeId;
use spec_kitty::log::read::Step;
use spec_kitty::log::reader::Reader;
use spec_kitty::log::segment::LogDir;
use spec_kitty::log::storage::{Disk, Storage};
use spec_kitty::log::verify::{Verdict, Writers, verify};
use spec_kitty::position::{Ordinal, Seq};

const DEADLINE: Duration = Duration::from_secs(10);

/// A home, and what was said about its records.
struct Home {
    dir: tempfile::TempDir,
    /// What the faulty disk is around.
    disk: Arc<dyn Storage>,
    faulty: Faulty,
    /// What was confirmed, with its number and clock value, in order.
    confirmed: Vec<(u64, u64, String)>,
    unknown: Vec<String>,
}

struct Text(String);

impl Record for Text {
    fn kind(&self) -> Kind {
        Kind::Event
    }

    fn tick(&self) -> Tick {
        Tick::Own
    }

    fn encode(&mut self, _: &Stamp<'_>, out: &mut Vec<u8>) -> Result<(), Refused> {
        out.extend_from_slice(self.0.as_bytes());
        Ok(())
    }
}

fn options() -> LogOptions {
    let node = NodeIdentity {
        node_id: NodeId::parse("b805cd5cee74").unwrap(),
        facts: [3; 8],
    };
    LogOptions {
        segment_bytes: 1800,
        lease_ticks: 50,
        ..LogOptions::for_node(node)
    }
}

/// Appends these texts with one call.
fn append(log: &Log, texts: &[&str], deadline: Duration) -> Appended {
    let mut records: Vec<Text> = texts.iter().map(|text| Text((*text).to_owned())).collect();
    let mut slots: Vec<&mut dyn Record> = records
        .iter_mut()
        .map(|record| -> &mut dyn Record { record })
        .collect();
    log.append(&mut slots, None, deadline)
}

impl Home {
    /// On the real file system.
    fn new() -> Self {
        Self::on(Arc::new(Disk))
    }

    /// In memory, where a thousand syncs cost nothing.
    fn in_memory() -> Self {
        Self::on(Arc::new(Memory::default()))
    }

    fn on(disk: Arc<dyn Storage>) -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            faulty: Faulty::new(Arc::clone(&disk)),
            disk,
            confirmed: Vec::new(),
            unknown: Vec::new(),
        }
    }

    fn log_dir(&self) -> LogDir {
        LogDir::new(self.dir.path().join("home/log"), Arc::clone(&self.disk))
    }

    fn segment(&self, ordinal: u64) -> PathBuf {
        self.log_dir().segment_path(Ordinal(ordinal))
    }

    /// The log as one process has it, on the faulty disk.
    fn process(&self) -> Log {
        let path = self.dir.path().join("home/log");
        let dir = LogDir::new(path, Arc::new(self.faulty.clone()));
        Log::new(dir, Arc::new(System), options())
    }

    /// The log as a process has it that no fault strikes.
    fn healthy_process(&self) -> Log {
        Log::new(self.log_dir(), Arc::new(System), options())
    }

    /// Appends with one call and remembers what was said.
    fn append(&mut self, log: &Log, texts: &[&str]) -> Appended {
        let appended = append(log, texts, DEADLINE);
        self.heard(texts, &appended);
        appended
    }

    fn heard(&mut self, texts: &[&str], appended: &Appended) {
        for (text, outcome) in texts.iter().zip(&appended.outcomes) {
            let text = (*text).to_owned();
            match outcome {
                Outcome::Recorded(placed) => {
                    self.confirmed.push((placed.seq.0, placed.clock.0, text));
                }
                Outcome::Unknown(_) => self.unknown.push(text),
                Outcome::NotWritten => {}
                Outcome::Refused(refused) => panic!("{refused}"),
            }
        }
        let all = appended
            .outcomes
            .iter()
            .all(|outcome| matches!(outcome, Outcome::Recorded(_)));
        assert_eq!(all, appended.failure.is_none(), "{appended:?}");
    }

    /// Appends and expects it to be confirmed.
    fn confirm(&mut self, log: &Log, texts: &[&str]) -> Appended {
        let appended = self.append(log, texts);
        assert!(appended.failure.is_none(), "{:?}", appended.failure);
        appended
    }

    /// What is in the log: number, clock, text.
    fn read(&self) -> Vec<(u64, u64, String)> {
        let mut reader = Reader::new(self.log_dir(), Seq(1));
        let mut read = Vec::new();
        loop {
            match reader.step().unwrap() {
                Step::Frame(item) => {
                    let text = String::from_utf8(item.body.to_vec()).unwrap();
                    read.push((item.seq.0, item.clock.0, text));
                }
                Step::Damage(_) => {}
                Step::Idle => return read,
            }
        }
    }

    /// Every promise, whatever has happened.
    fn expect_promises(&self) {
        let read = self.read();
        assert!(
            read.is_sorted_by(|one, two| one.0 < two.0 && one.1 < two.1),
            "{read:?}"
        );
        let others: Vec<_> = read
            .iter()
            .filter(|item| !self.confirmed.contains(item))
            .collect();
        assert_eq!(read.len() - others.len(), self.confirmed.len(), "{read:?}");
        for (_, _, text) in others {
            assert!(
                self.unknown.contains(text),
                "{text} was said not to be written"
            );
        }
    }

    /// Every promise, in a log that is not damaged.
    fn expect_sound(&self) -> Verdict {
        self.expect_promises();
        let verdict = verify(self.log_dir(), Writers::None, |_| ()).unwrap();
        assert!(verdict.is_sound(), "{verdict:?}");
        verdict
    }
}
