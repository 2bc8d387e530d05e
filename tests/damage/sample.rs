//! One small log of all kinds of frames, and what is known about it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use spec_kitty::log::ambient::Ambient;
use spec_kitty::log::append::{
    Log, LogOptions, NodeIdentity, Outcome, Record, Refused, Stamp, Tick,
};
use spec_kitty::log::backward::Backward;
use spec_kitty::log::frame::{Kind, OVERHEAD_BYTES};
use spec_kitty::log::header::{HEADER_BYTES, NodeId};
use spec_kitty::log::read::{Damage, Item, Step};
use spec_kitty::log::reader::Reader;
use spec_kitty::log::scan::SeqRange;
use spec_kitty::log::segment::LogDir;
use spec_kitty::log::verify::{Verdict, Writers, verify};
use spec_kitty::position::{Lamport, Ordinal, Seq};

use crate::memory::Memory;

pub const HEADER: usize = HEADER_BYTES;
/// No reading of this log takes more steps, whatever was done to it.
const MOST_STEPS: usize = 500;

/// A frame as it was acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub seq: u64,
    pub clock: u64,
    pub kind: Kind,
    pub body: Vec<u8>,
}

impl Known {
    fn of(item: &Item<'_>) -> Self {
        Self {
            seq: item.seq.0,
            clock: item.clock.0,
            kind: item.kind,
            body: item.body.to_vec(),
        }
    }
}

/// The bytes of a segment without its prepared space.
pub fn written(bytes: &[u8]) -> &[u8] {
    let last = bytes.iter().rposition(|byte| *byte != 0);
    &bytes[..last.map_or(0, |last| last + 1).max(HEADER.min(bytes.len()))]
}

/// The log in memory, with everything that was ever acknowledged of it.
pub struct Sample {
    pub memory: Memory,
    pub good: BTreeMap<PathBuf, Vec<u8>>,
    pub frames: Vec<Known>,
    /// Where each frame lies: the segment's ordinal and the bytes of its file.
    pub places: Vec<(u64, Range<usize>)>,
    /// The highest clock value that was issued.
    pub clock: u64,
    prepared_bytes: u64,
}

struct Body {
    kind: Kind,
    tick: Tick,
    body: Vec<u8>,
}

impl Record for Body {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn tick(&self) -> Tick {
        self.tick
    }

    fn encode(&mut self, _: &Stamp<'_>, out: &mut Vec<u8>) -> Result<(), Refused> {
        out.extend_from_slice(&self.body);
        Ok(())
    }
}

/// Randomness that repeats from run to run.
#[derive(Debug)]
struct Counting(AtomicU64);

impl Ambient for Counting {
    fn now_us(&self) -> i64 {
        0
    }

    fn random(&self) -> [u8; 16] {
        let n = self.0.fetch_add(1, Ordering::Relaxed);
        u128::from(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_le_bytes()
    }
}

const SEGMENT_BYTES: u64 = 1900;

fn log(memory: &Memory, seed: u64, prepared_bytes: u64) -> Log {
    let node = NodeIdentity {
        node_id: NodeId::parse("b805cd5cee74").unwrap(),
        facts: [5; 8],
    };
    let options = LogOptions {
        segment_bytes: SEGMENT_BYTES,
        prepared_bytes,
        lease_ticks: 100,
        ..LogOptions::for_node(node)
    };
    Log::new(
        dir(memory),
        Arc::new(Counting(AtomicU64::new(seed * 1000))),
        options,
    )
}

pub fn dir(memory: &Memory) -> LogDir {
    LogDir::new("/home/log", Arc::new(memory.clone()))
}

/// Events of all lengths around a sector, clock, foreign and control frames.
fn records() -> Vec<Body> {
    let own = |index: usize, length: usize| Body {
        kind: Kind::Event,
        tick: Tick::Own,
        body: format!("event {index} ")
            .bytes()
            .cycle()
            .take(length)
            .collect(),
    };
    let mut records: Vec<Body> = [
        9, 300, 40, 0, 120, 511, 1, 64, 472, 30, 200, 77, 512, 25, 90,
    ]
    .into_iter()
    .enumerate()
    .map(|(index, length)| own(index, length))
    .collect();
    let still = |kind, text: &str| Body {
        kind,
        tick: Tick::Still,
        body: text.into(),
    };
    records.insert(3, still(Kind::ForeignEvent, "made elsewhere"));
    records.insert(7, still(Kind::Control, "{\"v\":1}"));
    let received = Body {
        kind: Kind::Clock,
        tick: Tick::Past(Lamport(40)),
        body: b"{\"v\":1,\"received\":40}".to_vec(),
    };
    records.insert(10, received);
    records
}

impl Sample {
    pub fn new() -> Self {
        Self::of(1)
    }

    /// A log of the same shape with other random ids.
    pub fn of(seed: u64) -> Self {
        Self::made(seed, 0)
    }

    /// The same log with space that is prepared in such steps.
    pub fn prepared(step: u64) -> Self {
        Self::made(1, step)
    }

    fn made(seed: u64, prepared_bytes: u64) -> Self {
        let memory = Memory::default();
        let log = log(&memory, seed, prepared_bytes);
        let (mut frames, mut places) = (Vec::new(), Vec::new());
        for mut record in records() {
            let slot: &mut dyn Record = &mut record;
            let appended = log.append(&mut [slot], None, Duration::ZERO);
            let [Outcome::Recorded(placed)] = appended.outcomes[..] else {
                panic!("{appended:?}");
            };
            let start = usize::try_from(placed.offset.0).unwrap();
            places.push((
                placed.ordinal.0,
                start..start + record.body.len() + OVERHEAD_BYTES,
            ));
            frames.push(Known {
                seq: placed.seq.0,
                clock: placed.clock.0,
                kind: record.kind,
                body: record.body,
            });
        }
        let clock = frames.last().unwrap().clock;
        let sample = Self {
            good: memory.snapshot(),
            memory,
            frames,
            places,
            clock,
            prepared_bytes,
        };
        assert!((4..8).contains(&sample.segments()), "{}", sample.segments());
        assert_eq!(sample.read(1).0, sample.frames);
        sample
    }

    /// How many segments there are; they are numbered from 1.
    pub fn segments(&self) -> u64 {
        self.places.last().unwrap().0
    }

    pub fn path(&self, ordinal: u64) -> PathBuf {
        dir(&self.memory).segment_path(Ordinal(ordinal))
    }

    pub fn bytes(&self, ordinal: u64) -> &[u8] {
        &self.good[&self.path(ordinal)]
    }

    /// Runs `check` on the log in which this segment has other bytes.
    pub fn with(&self, ordinal: u64, bytes: &[u8], check: impl FnOnce()) {
        self.memory.put(&self.path(ordinal), bytes);
        check();
        self.memory.put(&self.path(ordinal), self.bytes(ordinal));
    }

    /// The frames of which no byte lies in this range of the segment.
    pub fn without(&self, ordinal: u64, bad: &Range<usize>) -> Vec<Known> {
        let touched = |(at, place): &(u64, Range<usize>)| {
            *at == ordinal && place.start < bad.end && bad.start < place.end
        };
        let kept = self.places.iter().zip(&self.frames);
        kept.filter(|(place, _)| !touched(place))
            .map(|(_, frame)| frame.clone())
            .collect()
    }

    /// The frames of all segments but this one.
    pub fn outside(&self, ordinal: u64) -> Vec<Known> {
        self.without(ordinal, &(0..usize::MAX))
    }

    /// What reading forward gives.
    pub fn read(&self, from: u64) -> (Vec<Known>, Vec<Damage>) {
        let mut reader = Reader::new(dir(&self.memory), Seq(from));
        let (mut frames, mut damage) = (Vec::new(), Vec::new());
        for _ in 0..MOST_STEPS {
            match reader.step().unwrap() {
                Step::Frame(item) => frames.push(Known::of(&item)),
                Step::Damage(found) => damage.push(found),
                Step::Idle => return (frames, damage),
            }
        }
        panic!("reading does not end");
    }

    fn read_backward(&self) -> Vec<Known> {
        let mut reader = Backward::new(dir(&self.memory)).unwrap();
        let mut frames = Vec::new();
        for _ in 0..MOST_STEPS {
            match reader.step().unwrap() {
                Some(item) => frames.push(Known::of(&item)),
                None => {
                    frames.reverse();
                    return frames;
                }
            }
        }
        panic!("reading backward does not end");
    }

    /// What verifying gives, after checking that it counts what reading gives.
    pub fn verdict(&self) -> Verdict {
        verify(dir(&self.memory), Writers::None, |_| ()).unwrap()
    }

    /// Exactly these frames are read, forward, backward and by verifying.
    pub fn expect(&self, expected: &[Known], what: &dyn Fn() -> String) -> Verdict {
        let (forward, _) = self.read(1);
        assert_eq!(forward, expected, "forward, {}", what());
        assert_eq!(self.read_backward(), expected, "backward, {}", what());
        let verdict = self.verdict();
        assert_eq!(verdict.frames, expected.len() as u64, "{}", what());
        verdict
    }

    /// The same frames are read wherever reading begins.
    pub fn expect_from_everywhere(&self, expected: &[Known], what: &dyn Fn() -> String) {
        for from in 2..=self.frames.len() as u64 + 1 {
            let rest: Vec<_> = expected.iter().filter(|frame| frame.seq >= from).collect();
            let read = self.read(from).0;
            assert!(read.iter().eq(rest), "from {from}, {}", what());
        }
    }

    /// The log can still be written: what is added gets a number and a clock
    /// value that nothing else ever had, and hides nothing that can be read.
    pub fn expect_writable(&self, expected: &[Known], what: &dyn Fn() -> String) {
        let before = self.memory.snapshot();
        let numbers = self.numbers_used();
        let log = log(&self.memory, 500, self.prepared_bytes);
        for text in ["once", "more"] {
            let mut record = Body {
                kind: Kind::Event,
                tick: Tick::Own,
                body: text.into(),
            };
            let slot: &mut dyn Record = &mut record;
            let appended = log.append(&mut [slot], None, Duration::ZERO);
            let [Outcome::Recorded(_)] = appended.outcomes[..] else {
                panic!("{appended:?}, {}", what());
            };
        }
        let read = self.read(1).0;
        let (old, new) = read.split_at(read.len() - 2);
        assert_eq!(old, expected, "after appending, {}", what());
        assert!(
            new[0].seq > numbers,
            "{} after {numbers}, {}",
            new[0].seq,
            what()
        );
        assert_eq!(new[1].seq, new[0].seq + 1, "{}", what());
        assert!(new[0].clock > self.clock_shown(expected), "{}", what());
        assert!(new[1].clock > new[0].clock, "{}", what());
        assert_eq!(self.read_backward(), read, "after appending, {}", what());
        for (path, bytes) in &before {
            let after = self.memory.get(path).unwrap();
            let kept = match self.prepared_bytes {
                0 => bytes.as_slice(),
                _ => written(bytes),
            };
            assert!(after.starts_with(kept), "{} was changed", path.display());
        }
        self.memory.restore(&before);
    }

    /// The last number that the log says is used up.
    fn numbers_used(&self) -> u64 {
        self.verdict().last_seq.0
    }

    fn clock_shown(&self, expected: &[Known]) -> u64 {
        let newest_is_whole = expected.last() == self.frames.last();
        let shown = expected.last().map_or(0, |frame| frame.clock);
        if newest_is_whole { self.clock } else { shown }
    }
}

impl Drop for Sample {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(
                self.memory.snapshot(),
                self.good,
                "a test left damage behind"
            );
        }
    }
}

/// The numbers that a verdict names as lost.
pub fn lost(verdict: &Verdict) -> Vec<u64> {
    let ranges = verdict.damage.iter().filter_map(|damage| damage.lost);
    ranges
        .flat_map(|SeqRange { from, to }| from.0..=to.0)
        .collect()
}

/// The numbers of the sample that are not in `read`.
pub fn missing(sample: &Sample, read: &[Known]) -> Vec<u64> {
    let seqs = sample.frames.iter().map(|frame| frame.seq);
    seqs.filter(|seq| read.iter().all(|frame| frame.seq != *seq))
        .collect()
}
