//! Damage to real files: `log verify` names the place, `log tail` prints every
//! intact event, and `log repair` mends what is not inside a segment.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::bench::Bench;
use crate::{recorded, run, segment};

/// One event of the log, as `log tail` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub seq: u64,
    pub id: String,
    pub segment: u64,
    pub offset: usize,
    pub end: usize,
}

/// A log and everything in its directory, so that it can be put back.
pub struct Sample {
    pub bench: Bench,
    pub events: Vec<Event>,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Sample {
    pub fn new() -> Self {
        Self::of(recorded().0)
    }

    pub fn of(bench: Bench) -> Self {
        let files = log_files(&bench);
        let size = |number| files[&segment(&bench, number)].len();
        let mut events: Vec<Event> = Vec::new();
        for event in tail(&bench).0 {
            let local = |key: &str| event["local"][key].as_u64().unwrap();
            let (segment, offset) = (local("segment"), local("offset") as usize);
            if let Some(last) = events.last_mut().filter(|last| last.segment == segment) {
                last.end = offset;
            }
            events.push(Event {
                seq: local("seq"),
                id: event["event_id"].as_str().unwrap().to_owned(),
                segment,
                offset,
                end: size(segment),
            });
        }
        assert_eq!(events.len(), 20);
        Self {
            bench,
            events,
            files,
        }
    }

    pub fn newest(&self) -> u64 {
        self.events.last().unwrap().segment
    }

    pub fn bytes(&self, number: u64) -> Vec<u8> {
        self.files[&segment(&self.bench, number)].clone()
    }

    pub fn write(&self, number: u64, bytes: &[u8]) {
        fs::write(segment(&self.bench, number), bytes).unwrap();
    }

    /// The events that do not touch these bytes of a segment.
    pub fn outside(&self, number: u64, from: usize, to: usize) -> Vec<Event> {
        let touches =
            |event: &&Event| event.segment == number && event.offset < to && from < event.end;
        let kept = self.events.iter().filter(|event| !touches(event));
        kept.cloned().collect()
    }

    pub fn put_back(&self) {
        for path in log_files(&self.bench).into_keys() {
            fs::remove_file(path).unwrap();
        }
        for (path, bytes) in &self.files {
            fs::write(path, bytes).unwrap();
        }
    }

    /// Verifies, reads, repairs, and verifies and reads again.
    fn expect(&self, what: &str, intact: &[Event], first: Verdict<'_>, then: Verdict<'_>) {
        self.verify(what, &first);
        self.reads(what, intact);
        let (code, stdout, stderr) = run(&self.bench, &["--json", "log", "repair", "--yes"]);
        assert_eq!(code, Some(0), "{what}: {stdout}{stderr}");
        self.verify(&format!("{what}, repaired"), &then);
        self.reads(what, intact);
        self.put_back();
    }

    fn verify(&self, what: &str, expected: &Verdict<'_>) -> Value {
        let (code, stdout, stderr) = run(&self.bench, &["--json", "log", "verify"]);
        let report: Value = serde_json::from_str(&stdout).unwrap();
        let damage: Vec<_> = report["damage"]
            .as_array()
            .unwrap()
            .iter()
            .map(|damage| {
                let segment = damage["segment"].as_u64().unwrap();
                (segment, damage["reason"].as_str().unwrap())
            })
            .collect();
        assert_eq!(
            (damage.as_slice(), lost(&report).as_slice(), stderr.as_str()),
            (expected.damage, expected.lost, ""),
            "{what}"
        );
        let is_sound = expected.damage.is_empty() && expected.lost.is_empty();
        let code_expected = if is_sound { 0 } else { 5 };
        assert_eq!(code, Some(code_expected), "{what}: {stdout}");
        report
    }

    /// `log tail` prints these events, ends with 0, and says what is missing.
    fn reads(&self, what: &str, intact: &[Event]) {
        let (events, warnings) = tail(&self.bench);
        let ids: Vec<_> = events.iter().map(|event| &event["event_id"]).collect();
        let expected: Vec<_> = intact.iter().map(|event| json!(event.id)).collect();
        assert!(ids.iter().copied().eq(&expected), "{what}: {ids:?}");
        let gaps = intact.windows(2).any(|pair| pair[1].seq != pair[0].seq + 1);
        assert!(!gaps || warnings.contains("lost"), "{what}: {warnings}");
    }
}

/// What `log verify` says: the places, and the lost numbers.
#[derive(Clone, Copy, Default)]
struct Verdict<'a> {
    damage: &'a [(u64, &'a str)],
    lost: &'a [u64],
}

fn log_files(bench: &Bench) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(bench.home.log_dir()).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.is_file() && !path.ends_with("LOCK"))
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

/// All events, and what is said on stderr.
pub fn tail(bench: &Bench) -> (Vec<Value>, String) {
    let (code, stdout, stderr) = run(bench, &["--json", "log", "tail", "-n", "all"]);
    assert_eq!(code, Some(0), "{stderr}");
    let events = stdout.lines();
    let events = events.map(|line| serde_json::from_str(line).unwrap());
    (events.collect(), stderr)
}

/// The numbers that a report of `log verify` calls lost.
pub fn lost(report: &Value) -> Vec<u64> {
    let ranges = report["lost"].as_array().unwrap().iter();
    let number = |range: &Value, key: &str| range[key].as_u64().unwrap();
    ranges
        .flat_map(|range| number(range, "from_seq")..=number(range, "to_seq"))
        .collect()
}

#[test]
fn a_flipped_bit_costs_its_event_and_nothing_can_be_mended() {
    let sample = Sample::new();
    for index in [0, 7, 19] {
        let event = &sample.events[index];
        for at in [event.offset + 10, event.offset + 300, event.end - 2] {
            let mut bytes = sample.bytes(event.segment);
            bytes[at] ^= 4;
            sample.write(event.segment, &bytes);
            let report: Value = {
                let (_, stdout, _) = run(&sample.bench, &["--json", "log", "verify"]);
                serde_json::from_str(&stdout).unwrap()
            };
            let reason = report["damage"][0]["reason"].as_str().unwrap();
            assert_eq!(report["damage"][0]["offset"], json!(event.offset));
            let verdict = Verdict {
                damage: &[(event.segment, reason)],
                lost: &[event.seq],
            };
            let intact = sample.outside(event.segment, at, at + 1);
            let what = format!("event {index}, byte {at}");
            sample.expect(&what, &intact, verdict, verdict);
        }
    }
}

#[test]
fn a_zeroed_sector_costs_the_events_that_lie_in_it() {
    let sample = Sample::new();
    let at = 1536;
    let mut bytes = sample.bytes(2);
    bytes[at..at + 512].fill(0);
    sample.write(2, &bytes);
    let intact = sample.outside(2, at, at + 512);
    let lost: Vec<_> = sample
        .events
        .iter()
        .filter(|event| !intact.contains(event))
        .collect();
    let lost: Vec<_> = lost.iter().map(|event| event.seq).collect();
    let report: Value =
        serde_json::from_str(&run(&sample.bench, &["--json", "log", "verify"]).1).unwrap();
    let reason = report["damage"][0]["reason"].as_str().unwrap();
    let verdict = Verdict {
        damage: &[(2, reason)],
        lost: &lost,
    };
    sample.expect("a sector", &intact, verdict, verdict);
}

/// What is left of the last record is the rest of a write that nobody was told
/// of, unless somebody was.
#[test]
fn a_cut_in_the_last_record_is_a_torn_tail_unless_it_is_known_to_have_been_whole() {
    let sample = Sample::new();
    let last = sample.events.last().unwrap().clone();
    let mark = sample.bench.home.state_dir().join("mark");
    let remembered = fs::read(&mark).unwrap();
    let whole = sample.bytes(last.segment);
    let intact = &sample.events[..19];
    let inside = (last.offset + 1..last.end).step_by(13);
    for length in [last.offset, last.end - 1].into_iter().chain(inside) {
        sample.write(last.segment, &whole[..length]);
        let what = format!("cut at {length}");
        fs::write(&mark, &remembered).unwrap();
        let lost = Verdict {
            damage: &[],
            lost: &[last.seq],
        };
        let report = sample.verify(&what, &lost);
        assert_eq!(report["lost"][0]["possibly_unacknowledged"], json!(false));
        fs::remove_file(&mark).unwrap();
        let report = sample.verify(&what, &Verdict::default());
        assert_eq!(report["torn_bytes"], json!(length - last.offset));
        sample.reads(&what, intact);
    }
    sample.expect("cut", intact, Verdict::default(), Verdict::default());
}

#[test]
fn a_copy_of_a_segment_is_set_aside() {
    let sample = Sample::new();
    let next = sample.newest() + 1;
    fs::copy(segment(&sample.bench, 2), segment(&sample.bench, next)).unwrap();
    let first = Verdict {
        damage: &[(next, "alien")],
        lost: &[],
    };
    sample.expect("a copy", &sample.events, first, Verdict::default());
}

#[test]
fn exchanged_segments_get_their_names_back() {
    let sample = Sample::new();
    let (two, three) = (sample.bytes(2), sample.bytes(3));
    sample.write(2, &three);
    sample.write(3, &two);
    let first = Verdict {
        damage: &[(2, "misnamed"), (3, "misnamed")],
        lost: &[],
    };
    sample.expect("exchanged", &sample.events, first, Verdict::default());
}

#[test]
fn a_deleted_segment_is_named_where_anything_remembers_it() {
    let sample = Sample::new();
    let newest = sample.newest();
    for number in [2, newest] {
        fs::remove_file(segment(&sample.bench, number)).unwrap();
        let intact = sample.outside(number, 0, usize::MAX);
        let lost: Vec<_> = sample
            .events
            .iter()
            .filter(|event| !intact.contains(event))
            .collect();
        let lost: Vec<_> = lost.iter().map(|event| event.seq).collect();
        let damage: &[_] = if number == newest {
            &[]
        } else {
            &[(number - 1, "missing")]
        };
        let verdict = Verdict {
            damage,
            lost: &lost,
        };
        sample.expect(&format!("without {number}"), &intact, verdict, verdict);
    }
}

/// What `log verify` says: exit code, and each place with its reason.
fn places(sample: &Sample) -> (Option<i32>, Vec<(u64, u64, String)>) {
    let (code, stdout, _) = run(&sample.bench, &["--json", "log", "verify"]);
    let report: Value = serde_json::from_str(&stdout).unwrap();
    let places = report["damage"].as_array().unwrap().iter().map(|damage| {
        let number = |key: &str| damage[key].as_u64().unwrap();
        let reason = damage["reason"].as_str().unwrap().to_owned();
        (number("segment"), number("offset"), reason)
    });
    (code, places.collect())
}

/// cli-anchors §6.6: each class of damage there is, in the second of several
/// segments. What holds no event and an end that is missing have no place in a
/// segment; they have tests of their own beside `log verify`.
#[test]
fn every_class_of_damage_ends_with_5_and_the_place_is_named() {
    let sample = Sample::new();
    let number = 2;
    let here: Vec<_> = sample
        .events
        .iter()
        .filter(|event| event.segment == number)
        .collect();
    let (first, second, last) = (here[0], here[1], here[here.len() - 1]);
    let change = |what: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = sample.bytes(number);
        what(&mut bytes);
        sample.write(number, &bytes);
    };
    let found = |class: &str, segment: u64, offset: usize| {
        let (code, places) = places(&sample);
        let expected = (segment, offset as u64, class.to_owned());
        assert_eq!(code, Some(5), "{class}");
        assert!(places.contains(&expected), "{expected:?}: {places:?}");
        sample.put_back();
    };
    change(&|bytes| bytes[second.offset] ^= 1);
    found("bad-head", number, second.offset);
    change(&|bytes| bytes[second.end - 8] ^= 1);
    found("bad-length", number, second.offset);
    change(&|bytes| bytes[second.offset + 100] ^= 1);
    found("bad-checksum", number, second.offset);
    change(&|bytes| bytes.truncate(last.end - 20));
    found("cut", number, last.offset);
    // The first record once more, where the second one was.
    change(&|bytes| {
        let copy = bytes[first.offset..first.end].to_vec();
        bytes.splice(second.offset..second.end, copy);
    });
    found("out-of-place", number, second.offset);
    change(&|bytes| bytes[20] ^= 1);
    found("header-copy", number, 0);
    change(&|bytes| bytes[512 + 20] ^= 1);
    found("header-copy", number, 512);
    change(&|bytes| {
        bytes[20] ^= 1;
        bytes[512 + 20] ^= 1;
    });
    found("unreadable-header", number, 0);
    fs::remove_file(segment(&sample.bench, number)).unwrap();
    let before = sample
        .events
        .iter()
        .rfind(|event| event.segment == number - 1)
        .unwrap();
    found("missing", number - 1, before.end);
    let next = sample.newest() + 1;
    fs::copy(segment(&sample.bench, number), segment(&sample.bench, next)).unwrap();
    found("alien", next, 0);
    let (two, three) = (sample.bytes(2), sample.bytes(3));
    sample.write(2, &three);
    sample.write(3, &two);
    found("misnamed", 2, 0);
    // The rest of a write that nobody was told of is none of them.
    let newest = sample.events.last().unwrap().clone();
    let mark = sample.bench.home.state_dir().join("mark");
    fs::remove_file(mark).unwrap();
    let mut bytes = sample.bytes(newest.segment);
    bytes.truncate(newest.end - 20);
    sample.write(newest.segment, &bytes);
    assert_eq!(places(&sample), (Some(0), Vec::new()));
}
