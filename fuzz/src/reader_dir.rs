//! Reading, verifying and appending to whatever stands in a log's directory.
//! Input: a script, see `script.rs`.
//!
//! Promised of any directory: no panic, no endless loop; a second look sees what
//! the first one saw; an append changes no byte that was there; numbers only go up
//! and none is both read and lost, unless the header that records an end is
//! unreadable.
//!
//! Promised of a log that one home wrote and that was damaged since: nothing is
//! read that was not written, backward gives what forward gives, and an append
//! is read back and costs no other event.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use spec_kitty::log::ambient::Ambient;
use spec_kitty::log::append::{
    Log, LogOptions, NodeIdentity, Outcome, Record, Refused, Stamp, Tick,
};
use spec_kitty::log::backward::Backward;
use spec_kitty::log::frame::Kind;
use spec_kitty::log::header::{HEADER_BYTES, Header, HeaderRead, Space};
use spec_kitty::log::read::{Damage, Reason, Step};
use spec_kitty::log::reader::Reader;
use spec_kitty::log::segment::LogDir;
use spec_kitty::log::verify::{Writers, verify};
use spec_kitty::position::Seq;

use super::memory::Memory;
use super::script::{FACTS, Script, node_id};

/// More steps than any script can need.
const MOST_STEPS: usize = 100_000;

type Frames = Vec<(Seq, Vec<u8>)>;

/// Builds the directory and holds reading and appending to the promises.
pub fn run(data: &[u8]) {
    let script = Script::read(data);
    let memory = Memory::default();
    let dir = LogDir::new("/log", Arc::new(memory.clone()));
    for (ordinal, bytes) in &script.segments {
        memory.put(dir.segment_path(*ordinal), bytes.clone());
    }
    let Some((frames, damage)) = forward(&dir, Seq(1)) else {
        assert!(!script.honest, "a log of our own cannot be read");
        return;
    };
    if script.honest || !damage.iter().any(hides_an_end) {
        check_numbers(&frames, &damage);
    }
    for from in frames.iter().map(|(seq, _)| seq.next()).step_by(5) {
        forward(&dir, from);
    }
    let mut visited = Vec::new();
    let verdict = verify(dir.clone(), Writers::None, |item| {
        visited.push((item.seq, item.body.to_vec()));
    });
    let verdict = verdict.expect("what can be read can be verified");
    assert_eq!(visited, frames, "verify sees other frames");
    assert_eq!(verdict.frames, frames.len() as u64);
    let back = backward(&dir);
    let again = forward(&dir, Seq(1)).expect("what was read can be read again");
    assert_eq!(again.0, frames, "a second look sees other frames");
    assert_eq!(again.1, damage, "a second look sees other damage");
    if script.honest {
        for frame in &frames {
            assert!(
                script.written.contains(frame),
                "a frame that nobody wrote: {frame:?}"
            );
        }
        assert_eq!(back.as_ref(), Some(&frames), "backward is not forward");
    }
    if script.append {
        check_append(&memory, dir.clone(), &script, &frames);
    }
}

/// The bytes of a segment without its prepared space.
fn written(bytes: &[u8]) -> &[u8] {
    let HeaderRead::Sound { header, .. } = Header::decode(bytes) else {
        return bytes;
    };
    if header.space == Space::Grown {
        return bytes;
    }
    let last = bytes.iter().rposition(|byte| *byte != 0);
    let end = last.map_or(0, |last| last + 1).max(HEADER_BYTES);
    bytes.get(..end).unwrap_or(bytes)
}

fn forward(dir: &LogDir, from: Seq) -> Option<(Frames, Vec<Damage>)> {
    let mut reader = Reader::new(dir.clone(), from);
    let (mut frames, mut damage) = (Vec::new(), Vec::new());
    for _ in 0..MOST_STEPS {
        match reader.step().ok()? {
            Step::Frame(item) => frames.push((item.seq, item.body.to_vec())),
            Step::Damage(found) => damage.push(found),
            Step::Idle => {
                damage.extend(match reader.unfinished() {
                    Some(spec_kitty::log::read::Unfinished::Damage(found)) => Some(found),
                    _ => None,
                });
                return Some((frames, damage));
            }
        }
    }
    panic!("reading does not end");
}

fn backward(dir: &LogDir) -> Option<Frames> {
    let mut reader = Backward::new(dir.clone()).ok()?;
    let mut frames = Vec::new();
    for _ in 0..MOST_STEPS {
        match reader.step().ok()? {
            Some(item) => frames.push((item.seq, item.body.to_vec())),
            None => {
                frames.reverse();
                return Some(frames);
            }
        }
    }
    panic!("reading backward does not end");
}

/// Whether the end of the segment before was recorded where it cannot be read.
///
/// A writer under a replaced lock may have left frames behind that end, and the
/// segments that follow use their numbers again. To return both is right then:
/// nobody can tell any more which of them were confirmed.
fn hides_an_end(damage: &Damage) -> bool {
    damage.reason == Reason::UnreadableHeader
}

fn check_numbers(frames: &Frames, damage: &[Damage]) {
    assert!(
        frames.is_sorted_by(|one, next| one.0 < next.0),
        "numbers do not go up: {:?}",
        frames.iter().map(|f| f.0).collect::<Vec<_>>()
    );
    let lost: Vec<_> = damage.iter().filter_map(|damage| damage.lost).collect();
    assert!(
        lost.is_sorted_by(|one, next| one.to < next.from),
        "a number is lost twice: {damage:#?}"
    );
    for range in lost {
        let within = |seq: Seq| range.from <= seq && seq <= range.to;
        assert!(
            !frames.iter().any(|(seq, _)| within(*seq)),
            "both read and lost: {range:?}"
        );
    }
}

/// A record of two bytes.
struct News;

impl Record for News {
    fn kind(&self) -> Kind {
        Kind::Control
    }

    fn tick(&self) -> Tick {
        Tick::Own
    }

    fn encode(&mut self, _: &Stamp<'_>, out: &mut Vec<u8>) -> Result<(), Refused> {
        out.extend_from_slice(b"{}");
        Ok(())
    }
}

/// Randomness that differs from every id in a script.
#[derive(Debug)]
struct Fixed;

impl Ambient for Fixed {
    fn now_us(&self) -> i64 {
        0
    }

    fn random(&self) -> [u8; 16] {
        *b"a random segment"
    }
}

fn check_append(memory: &Memory, dir: LogDir, script: &Script, before: &Frames) {
    let bytes_before = memory.contents();
    let node = NodeIdentity {
        node_id: node_id(),
        facts: FACTS,
    };
    let log = Log::new(dir.clone(), Arc::new(Fixed), LogOptions::for_node(node));
    let appended = log.append(&mut [&mut News as &mut dyn Record], None, Duration::ZERO);
    let bytes_after = memory.contents();
    for (path, bytes) in &bytes_before {
        let now: Option<&Vec<u8>> = bytes_after.get::<PathBuf>(path);
        let kept = now.is_some_and(|now| now.starts_with(written(bytes)));
        assert!(kept, "{} was changed", path.display());
    }
    if !script.honest {
        return;
    }
    let [Outcome::Recorded(placed)] = appended.outcomes.as_slice() else {
        panic!("an append to a log of our own: {:?}", appended.failure);
    };
    let mut expected = before.clone();
    expected.push((placed.seq, b"{}".to_vec()));
    let (after, damage) = forward(&dir, Seq(1)).expect("the log can be read");
    check_numbers(&after, &damage);
    assert_eq!(
        after, expected,
        "an append cost an event, or was not read back"
    );
}
