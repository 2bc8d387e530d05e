//! Counts, kept or not, say what a look at each event says.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::event::{EventHeader, Flags, encode_body};
use crate::log::ambient::System;
use crate::log::append::{Log, LogOptions, NodeIdentity, Record, Refused, Stamp, Tick};
use crate::log::frame::Kind;
use crate::log::header::NodeId;
use crate::log::read::Step;
use crate::log::reader::Reader;
use crate::log::storage::Disk;
use crate::position::Ordinal;
use crate::state::{Commit, EventKey, Outcome, Trouble};
use crate::sync::control::{Beginning, Control};
use crate::sync::recount::Recount;
use crate::target::{Target, TargetId};

/// What may come to lie in a log.
#[derive(Clone, Debug)]
enum Frame {
    Event {
        target: u8,
        team: Option<u8>,
        project: Option<u8>,
        id: u8,
        at_us: i64,
        opted_out: bool,
    },
    Bind(u8),
    /// So many events back.
    Drop(u8, u64),
    Add(u8, bool),
    Remove(u8),
    Garbage,
}

fn target(number: u8) -> Target {
    let team = ["acme", "rivals"].get(usize::from(number / 2)).copied();
    Target::new(
        "https://a.org",
        ["alice", "bob"][usize::from(number % 2)],
        team,
    )
}

fn id_of(number: u8) -> TargetId {
    match number {
        0 => TargetId::SIGNED_OUT,
        1..=6 => target(number - 1).id(),
        _ => target(0).stand_in(),
    }
}

fn event_id(number: u8, seq: Seq) -> String {
    match number {
        0 => String::new(),
        1 => "x".repeat(80),
        _ => format!("id-{seq}"),
    }
}

/// A frame on its way into the log.
struct Entry<'a>(&'a Frame);

impl Record for Entry<'_> {
    fn kind(&self) -> Kind {
        match self.0 {
            Frame::Event { .. } | Frame::Garbage => Kind::ForeignEvent,
            _ => Kind::Control,
        }
    }

    fn tick(&self) -> Tick {
        Tick::Still
    }

    fn encode(&mut self, stamp: &Stamp<'_>, out: &mut Vec<u8>) -> Result<(), Refused> {
        let control = match self.0 {
            Frame::Event {
                target,
                team,
                project,
                id,
                at_us,
                opted_out,
            } => {
                let team = team.map(|team| ["acme", "Rivals ", "other"][usize::from(team)]);
                let project = project.map(|p| ["one", "two", "three", ""][usize::from(p)]);
                let header = EventHeader {
                    event_id: &event_id(*id, stamp.seq),
                    event_type: "WPCreated",
                    aggregate_type: "WorkPackage",
                    aggregate_id: "WP01",
                    node_id: "node",
                    lamport: 1,
                    timestamp_us: *at_us,
                    team,
                    project,
                    feature: None,
                    causation_id: None,
                    target: id_of(*target),
                    flags: Flags::default().with_opted_out(*opted_out),
                };
                let json = br#"{"project_slug":"widgets"}"#;
                let json = if *at_us % 2 == 0 { &json[..] } else { b"{}" };
                encode_body(&header, json, out).unwrap();
                return Ok(());
            }
            Frame::Garbage => {
                out.extend(b"no event");
                return Ok(());
            }
            Frame::Bind(to) => Control::Bind {
                from: TargetId::SIGNED_OUT,
                to: target(*to),
            },
            Frame::Drop(of, back) => {
                let seq = Seq(stamp.seq.0.saturating_sub(*back));
                Control::Drop {
                    target: id_of(*of),
                    seq,
                    event: EventKey::new(&event_id(2, seq)).unwrap(),
                }
            }
            Frame::Add(to, all) => Control::AddTarget {
                target: target(*to),
                from: if *all {
                    Beginning::Beginning
                } else {
                    Beginning::Now
                },
            },
            Frame::Remove(of) => Control::RemoveTarget { target: id_of(*of) },
        };
        out.extend(control.encode());
        Ok(())
    }
}

fn frames() -> impl Strategy<Value = Vec<Frame>> {
    let event = (
        0..8_u8,
        proptest::option::of(0..3_u8),
        proptest::option::weighted(0.9, 0..4_u8),
        0..40_u8,
        -50..50_i64,
        proptest::bool::weighted(0.1),
    )
        .prop_map(
            |(target, team, project, id, at_us, opted_out)| Frame::Event {
                target,
                team,
                project,
                id,
                at_us,
                opted_out,
            },
        );
    let control = prop_oneof![
        (0..6_u8).prop_map(Frame::Bind),
        (0..8_u8, 1..30_u64).prop_map(|(of, back)| Frame::Drop(of, back)),
        (0..6_u8, any::<bool>()).prop_map(|(to, all)| Frame::Add(to, all)),
        (0..8_u8).prop_map(Frame::Remove),
    ];
    let frame = prop_oneof![30 => event, 3 => control, 1 => Just(Frame::Garbage)];
    proptest::collection::vec(frame, 1..90)
}

fn log_in(path: &Path) -> Log {
    let node = NodeIdentity {
        node_id: NodeId::parse("0123456789ab").unwrap(),
        facts: [7; 8],
    };
    let options = LogOptions {
        segment_frames: 8,
        ..LogOptions::for_node(node)
    };
    let dir = LogDir::new(path.join("log"), Arc::new(Disk));
    Log::new(dir, Arc::new(System), options)
}

fn append(log: &Log, frames: &[Frame]) {
    let mut entries: Vec<_> = frames.iter().map(Entry).collect();
    let mut records: Vec<_> = entries.iter_mut().map(|e| e as &mut dyn Record).collect();
    let appended = log.append(&mut records, None, Duration::from_secs(5));
    assert!(appended.failure.is_none(), "{:?}", appended.failure);
}

/// A ledger that has settled every stream up to some event of it, of which some
/// got no answer; now and then a cursor fits nothing.
fn ledger(dir: &LogDir, seed: u64) -> Ledger {
    let mut ledger = Ledger::default();
    let (survey, _) = Survey::look(dir, &ledger).unwrap();
    for (index, ((target, stream), backlog)) in survey.streams.iter().enumerate() {
        let chance = seed.rotate_left(u32::try_from(index * 7 % 64).unwrap());
        let Some(first) = backlog.first_pending.filter(|_| chance % 4 != 0) else {
            continue;
        };
        let at = Seq(first.0 + chance % (survey.end.0 - first.0 + 1));
        let id = if chance % 5 == 1 {
            "another".into()
        } else {
            event_id(2, at)
        };
        let mut commit = Commit::new(*target, 7);
        let before = Seq(first.0 + (at.0 - first.0) / 2);
        if chance % 3 == 0 {
            let said = Outcome::Unanswered(Trouble::new("silent", "", None));
            let key = EventKey::new(&event_id(2, before)).unwrap();
            commit.settle(Some(stream), before, key, said);
        }
        commit.settle(
            Some(stream),
            at,
            EventKey::new(&id).unwrap(),
            Outcome::Delivered,
        );
        ledger.apply(&commit).unwrap();
    }
    ledger
}

/// What one gets who looks at each event by itself.
fn one_by_one(dir: &LogDir, ledger: &Ledger) -> String {
    let mut take = Take::new(dir, Vec::new());
    let all: BTreeSet<Seq> = (0..500).map(Seq).collect();
    take.run(&all, None).unwrap();
    let bindings = take.tallies.bindings.clone();
    let survey = take.tallies.survey(ledger, &bindings).unwrap();
    format!("{survey:?} {} {bindings:?}", survey.waiting(ledger))
}

fn told((survey, bindings): (Survey, Bindings), ledger: &Ledger) -> String {
    format!("{survey:?} {} {bindings:?}", survey.waiting(ledger))
}

fn differences(dir: &LogDir, state: &State) -> Vec<Ordinal> {
    let mut recount = Recount::of(state);
    let mut reader = Reader::new(dir.clone(), Seq(1));
    loop {
        match reader.step().unwrap() {
            Step::Frame(item) => recount.see(&item),
            Step::Damage(_) => {}
            Step::Idle => return recount.wrong(dir),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// However the events lie, whatever the ledger says, whatever was counted
    /// before: the counts say what a look at each event says.
    #[test]
    fn counts_say_what_a_look_at_every_event_says(
        early in frames(), late in frames(), seed in any::<u64>(), other in any::<u64>(),
    ) {
        let home = tempfile::tempdir().unwrap();
        let log = log_in(home.path());
        let (dir, state) = (log.dir(), State::at(home.path()));
        append(&log, &early);
        let first = ledger(dir, seed);
        for _ in 0..2 {
            let glance = Survey::glance(dir, &state, &first).unwrap();
            prop_assert_eq!(told(glance, &first), one_by_one(dir, &first));
        }
        append(&log, &late);
        for ledger in [ledger(dir, other), first, Ledger::default()] {
            let look = Survey::look(dir, &ledger).unwrap();
            prop_assert_eq!(told(look, &ledger), one_by_one(dir, &ledger));
            let glance = Survey::glance(dir, &state, &ledger).unwrap();
            prop_assert_eq!(told(glance, &ledger), one_by_one(dir, &ledger));
        }
        prop_assert!(differences(dir, &state).is_empty());
    }
}

#[path = "tallies/keeping_tests.rs"]
mod keeping;
