//! Readers in both directions, `log verify`, the sender's count and what it
//! sends agree on which records of a damaged log are lost.

use std::fs;
use std::sync::Arc;

use serde_json::Value;
use spec_kitty::log::backward::Backward;
use spec_kitty::log::read::Step;
use spec_kitty::log::reader::Reader;
use spec_kitty::log::segment::LogDir;
use spec_kitty::log::storage::Disk;
use spec_kitty::position::Seq;
use spec_kitty::state::Ledger;
use spec_kitty::sync::route::Bindings;
use spec_kitty::sync::survey::Survey;

use crate::damage::{Event, Sample, lost, tail};
use crate::support::bench::{Bench, stored_ids};
use crate::{recorded, run, segment};

fn dir(bench: &Bench) -> LogDir {
    LogDir::new(bench.home.log_dir(), Arc::new(Disk))
}

/// The numbers that are read forward, and those that are called lost.
fn forward(bench: &Bench, from: u64) -> (Vec<u64>, Vec<u64>) {
    let mut reader = Reader::new(dir(bench), Seq(from));
    let (mut read, mut lost) = (Vec::new(), Vec::new());
    loop {
        match reader.step().unwrap() {
            Step::Frame(item) => read.push(item.seq.0),
            Step::Damage(damage) => {
                lost.extend(
                    damage
                        .lost
                        .into_iter()
                        .flat_map(|lost| lost.from.0..=lost.to.0),
                );
            }
            Step::Idle => return (read, lost),
        }
    }
}

fn backward(bench: &Bench) -> Vec<u64> {
    let mut reader = Backward::new(dir(bench)).unwrap();
    let mut read = Vec::new();
    while let Some(item) = reader.step().unwrap() {
        read.push(item.seq.0);
    }
    read.reverse();
    read
}

/// Damages a log of its own and holds all views of it against each other.
fn agree(what: &str, damage: impl FnOnce(&Sample) -> Vec<Event>) {
    let (bench, _server, stored) = recorded();
    let sample = Sample::of(bench);
    let intact = damage(&sample);
    let bench = &sample.bench;
    let seqs: Vec<_> = intact.iter().map(|event| event.seq).collect();
    let missing: Vec<_> = (1..=20).filter(|seq| !seqs.contains(seq)).collect();
    let (read, found) = forward(bench, 1);
    assert_eq!(read, seqs, "forward, {what}");
    assert_eq!(backward(bench), seqs, "backward, {what}");
    for from in 2..=21 {
        let rest = seqs.iter().copied().filter(|seq| *seq >= from);
        assert!(
            forward(bench, from).0.into_iter().eq(rest),
            "from {from}, {what}"
        );
    }
    let (_, stdout, _) = run(bench, &["--json", "log", "verify"]);
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(lost(&report), missing, "verify, {what}");
    assert_eq!(report["events"], serde_json::json!(seqs.len()), "{what}");
    // What only others remember, or what is judged when a successor is there,
    // no reader can see.
    assert!(missing.starts_with(&found), "{found:?}, {what}");
    let shown: Vec<_> = tail(bench).0;
    let shown = shown
        .iter()
        .map(|event| event["local"]["seq"].as_u64().unwrap());
    assert!(shown.eq(seqs.iter().copied()), "tail, {what}");
    let bindings = Bindings::read(&dir(bench)).unwrap();
    let survey = Survey::take(&dir(bench), &Ledger::default(), &bindings).unwrap();
    assert_eq!(survey.pending().events, seqs.len() as u64, "survey, {what}");
    assert_eq!(bench.sync().delivered, seqs.len() as u64, "sent, {what}");
    let ids: Vec<_> = intact.into_iter().map(|event| event.id).collect();
    assert_eq!(stored_ids(&stored), ids, "stored, {what}");
    // After the next event there is nothing left to wait for: all are certain.
    bench.emit(&bench.project("widgets"), 1);
    let (read, found) = forward(bench, 1);
    assert_eq!(read.len(), seqs.len() + 1, "{what}");
    assert_eq!(backward(bench), read, "{what}");
    let (_, stdout, _) = run(bench, &["--json", "log", "verify"]);
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(lost(&report), found, "{what}");
    assert_eq!(bench.sync().delivered, 1, "{what}");
}

fn flipped(sample: &Sample, index: usize, at: usize) -> Vec<Event> {
    let event = &sample.events[index];
    let mut bytes = sample.bytes(event.segment);
    bytes[event.offset + at] ^= 1;
    sample.write(event.segment, &bytes);
    sample.outside(event.segment, event.offset, event.offset + 1)
}

#[test]
fn about_flipped_bits() {
    for (index, at) in [(0, 40), (6, 8), (6, 500), (19, 40), (19, 2)] {
        agree(&format!("event {index}, byte {at}"), |sample| {
            flipped(sample, index, at)
        });
    }
}

#[test]
fn about_overwritten_sectors() {
    for (number, at) in [(1, 1024), (2, 2048), (3, 512)] {
        agree(&format!("segment {number}, sector {at}"), |sample| {
            let mut bytes = sample.bytes(number);
            bytes[at..at + 512].fill(0);
            sample.write(number, &bytes);
            sample.outside(number, at, at + 512)
        });
    }
}

#[test]
fn about_cut_segments() {
    agree("the newest, between records", |sample| {
        let last = sample.events.last().unwrap();
        sample.write(last.segment, &sample.bytes(last.segment)[..last.offset]);
        sample.outside(last.segment, last.offset, usize::MAX)
    });
    for (number, length) in [(1, 1500), (2, 1100), (2, 1024)] {
        agree(&format!("segment {number} at {length}"), |sample| {
            sample.write(number, &sample.bytes(number)[..length]);
            sample.outside(number, length, usize::MAX)
        });
    }
}

#[test]
fn about_deleted_copied_and_exchanged_segments() {
    agree("segment 3 deleted", |sample| {
        fs::remove_file(segment(&sample.bench, 3)).unwrap();
        sample.outside(3, 0, usize::MAX)
    });
    agree("segments 2 and 3 deleted", |sample| {
        fs::remove_file(segment(&sample.bench, 2)).unwrap();
        fs::remove_file(segment(&sample.bench, 3)).unwrap();
        let mut intact = sample.outside(3, 0, usize::MAX);
        intact.retain(|event| event.segment != 2);
        intact
    });
    agree("segment 2 copied behind the end", |sample| {
        let next = sample.newest() + 1;
        sample.write(next, &sample.bytes(2));
        sample.events.clone()
    });
    agree("segments 2 and 4 exchanged", |sample| {
        sample.write(2, &sample.bytes(4));
        sample.write(4, &sample.bytes(2));
        sample.events.clone()
    });
}

#[test]
fn about_headers_that_cannot_be_read() {
    agree("segment 2", |sample| {
        let mut bytes = sample.bytes(2);
        bytes[..1024].fill(0xff);
        sample.write(2, &bytes);
        sample.events.clone()
    });
}
