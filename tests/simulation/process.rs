//! What a virtual process does, with the library's own code, and what it saw.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use spec_kitty::log::append::{
    Log, LogOptions, NodeIdentity, Outcome, Record, Refused, Stamp, Tick,
};
use spec_kitty::log::frame::Kind;
use spec_kitty::log::header::NodeId;
use spec_kitty::log::read::Step;
use spec_kitty::log::reader::Reader;
use spec_kitty::log::segment::LogDir;
use spec_kitty::position::{Lamport, Seq};

use crate::plant::Bug;
use crate::rng::Rng;
use crate::world::{Process, SimAmbient};

pub const LOG: &str = "/home/log";

/// What one process did and saw.
#[derive(Clone, Debug)]
pub enum Seen {
    /// A record of ours is durable.
    Recorded { token: u64, seq: u64 },
    /// What became of a record is not known.
    Unknown { token: u64 },
    /// A record was not written.
    NotWritten { token: u64 },
    /// A follower read a record.
    Read { seq: u64 },
    /// The server took a record.
    Shipped { token: u64, seq: u64 },
    /// The cursor moved: everything up to here is with the server.
    Settled { seq: u64 },
}

/// A record whose body is a token that no other record has.
pub struct Token {
    pub token: u64,
    pub tick: Tick,
    pub padding: usize,
}

impl Record for Token {
    fn kind(&self) -> Kind {
        match self.tick {
            Tick::Own => Kind::Event,
            Tick::Still => Kind::ForeignEvent,
            Tick::Past(_) => Kind::Clock,
        }
    }

    fn tick(&self) -> Tick {
        self.tick
    }

    fn encode(&mut self, stamp: &Stamp<'_>, out: &mut Vec<u8>) -> Result<(), Refused> {
        out.extend_from_slice(format!("{} {} ", self.token, stamp.node_id).as_bytes());
        out.resize(out.len() + self.padding, b'.');
        Ok(())
    }
}

/// The token and the node in a body.
pub fn token_of(body: &[u8]) -> Option<(u64, String)> {
    let text = std::str::from_utf8(body).ok()?;
    let mut words = text.split(' ');
    Some((words.next()?.parse().ok()?, words.next()?.to_owned()))
}

/// The sizes of a run: small, so that rolling happens all the time.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    pub segment_bytes: u64,
    pub segment_frames: u64,
    pub lease_ticks: u64,
}

pub fn log_dir(process: &Process) -> LogDir {
    LogDir::new(PathBuf::from(LOG), Arc::new(process.clone()))
}

fn log_of(process: &Process, seed: u64, sizes: Sizes) -> Log {
    let node = NodeIdentity {
        node_id: NodeId::parse("0123456789ab").unwrap(),
        facts: [7; 8],
    };
    let options = LogOptions {
        segment_bytes: sizes.segment_bytes,
        segment_frames: sizes.segment_frames,
        lease_ticks: sizes.lease_ticks,
        ..LogOptions::for_node(node)
    };
    Log::new(log_dir(process), SimAmbient::new(seed), options)
}

/// Emits batches of records until its script ends or it dies.
pub fn emit(process: &Process, seed: u64, sizes: Sizes, first_token: u64) -> Vec<Seen> {
    let mut rng = Rng::new(seed);
    let log = log_of(process, seed, sizes);
    let mut seen = Vec::new();
    let mut token = first_token;
    for _ in 0..rng.below(6) + 1 {
        let count = if rng.chance(1, 6) {
            rng.below(12) + 1
        } else {
            rng.below(3) + 1
        };
        let mut records: Vec<Token> = (0..count)
            .map(|_| {
                token += 1;
                let tick = match rng.below(12) {
                    0 => Tick::Still,
                    1 => Tick::Past(Lamport(rng.below(60))),
                    _ => Tick::Own,
                };
                let padding = usize::try_from(rng.below(300)).unwrap();
                Token {
                    token,
                    tick,
                    padding,
                }
            })
            .collect();
        let mut borrowed: Vec<&mut dyn Record> = records
            .iter_mut()
            .map(|record| record as &mut dyn Record)
            .collect();
        let appended = log.append(&mut borrowed, None, Duration::from_secs(1));
        for (record, outcome) in records.iter().zip(&appended.outcomes) {
            let token = record.token;
            seen.push(match outcome {
                Outcome::Recorded(placed) => Seen::Recorded {
                    token,
                    seq: placed.seq.0,
                },
                Outcome::Unknown(_) => Seen::Unknown { token },
                Outcome::NotWritten | Outcome::Refused(_) => Seen::NotWritten { token },
            });
        }
    }
    seen
}

/// Follows the log for a while.
pub fn follow(process: &Process, seed: u64) -> Vec<Seen> {
    let mut rng = Rng::new(seed);
    let mut reader = Reader::new(log_dir(process), Seq(1));
    let mut seen = Vec::new();
    for _ in 0..rng.below(20) + 5 {
        loop {
            match reader.step() {
                Ok(Step::Frame(item)) => {
                    seen.push(Seen::Read { seq: item.seq.0 });
                }
                Ok(Step::Damage(_)) => {}
                Ok(Step::Idle) | Err(_) => break,
            }
        }
    }
    seen
}

/// Delivers what follows the cursor, as the sender does: read, sync, ship,
/// and settle when the server has answered. Replies may be lost.
pub fn send(process: &Process, seed: u64, cursor: u64, bug: Option<Bug>) -> Vec<Seen> {
    let mut rng = Rng::new(seed);
    let dir = log_dir(process);
    let mut reader = Reader::new(dir.clone(), Seq(cursor + 1));
    let mut seen = Vec::new();
    for _ in 0..rng.below(4) + 1 {
        let mut chunk = Vec::new();
        while chunk.len() < 8 {
            match reader.step() {
                Ok(Step::Frame(item)) => {
                    if let Some((token, _)) = token_of(item.body) {
                        chunk.push((token, item.seq.0));
                    }
                }
                Ok(Step::Damage(_)) => {}
                Ok(Step::Idle) | Err(_) => break,
            }
        }
        let Some((_, last)) = chunk.last().copied() else {
            continue;
        };
        if bug == Some(Bug::CursorBeforeData) {
            seen.push(Seen::Settled { seq: last });
        }
        if bug != Some(Bug::ShipsUnsynced) && dir.sync_newest().is_err() {
            break;
        }
        // The request fails before it reaches the server, or its answer is lost.
        if rng.chance(1, 5) {
            break;
        }
        seen.extend(chunk.iter().map(|(token, seq)| Seen::Shipped {
            token: *token,
            seq: *seq,
        }));
        if rng.chance(1, 5) {
            break;
        }
        seen.push(Seen::Settled { seq: last });
    }
    seen
}
