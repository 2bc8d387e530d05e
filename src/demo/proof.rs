//! The comparison that decides: this machine's log against the server's file.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::DemoError;
use crate::event::decode_body;
use crate::log::frame::Kind;
use crate::log::read::Step;
use crate::log::reader::Reader;
use crate::log::segment::LogDir;
use crate::log::storage::Disk;
use crate::position::Seq;

/// How recorded and received events compare.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Proof {
    /// Events in the log of this machine.
    pub recorded: usize,
    /// Lines in the server's file.
    pub received: usize,
    /// Whether the server's file has them in the order of the log.
    pub in_order: bool,
    /// Ids in the log that the server does not have.
    pub missing: Vec<String>,
    /// Ids that the server has more than once.
    pub repeated: Vec<String>,
    /// Ids at the server that are not in the log.
    pub unknown: Vec<String>,
    /// Ids whose bytes at the server differ from the log's.
    pub altered: Vec<String>,
    /// Places of the log that cannot be read.
    pub damaged: usize,
}

impl Proof {
    /// Whether every recorded event arrived exactly once, unaltered and in
    /// order. Nothing recorded proves nothing.
    #[must_use]
    pub(crate) fn holds(&self) -> bool {
        self.recorded > 0
            && self.recorded == self.received
            && self.in_order
            && self.damaged == 0
            && [&self.missing, &self.repeated, &self.unknown, &self.altered]
                .iter()
                .all(|ids| ids.is_empty())
    }
}

/// An event as one side has it: its id and its JSON.
type Held = (String, Vec<u8>);

/// Compares the two, reading both from disk.
pub(super) fn prove(log_dir: &Path, received: &Path) -> Result<Proof, DemoError> {
    let (recorded, damaged) = recorded(log_dir)?;
    let mut proof = compare(&recorded, &received_in(received)?);
    proof.damaged = damaged;
    Ok(proof)
}

/// The events of the log, and the number of places that cannot be read.
fn recorded(log_dir: &Path) -> Result<(Vec<Held>, usize), DemoError> {
    let mut reader = Reader::new(LogDir::new(log_dir, Arc::new(Disk)), Seq(1));
    let mut events = Vec::new();
    let mut damaged = 0;
    loop {
        match reader.step()? {
            Step::Idle => return Ok((events, damaged)),
            Step::Damage(_) => damaged += 1,
            Step::Frame(item) if matches!(item.kind, Kind::Event | Kind::ForeignEvent) => {
                match decode_body(item.body) {
                    Ok((header, json)) => events.push((header.event_id.to_string(), json.to_vec())),
                    Err(_) => damaged += 1,
                }
            }
            Step::Frame(_) => {}
        }
    }
}

fn received_in(path: &Path) -> Result<Vec<Held>, DemoError> {
    #[derive(Deserialize)]
    struct Id {
        event_id: String,
    }
    let bytes = std::fs::read(path).map_err(DemoError::io("read", path))?;
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    if lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    let parse = |(index, line): (usize, &[u8])| match serde_json::from_slice::<Id>(line) {
        Ok(id) => Ok((id.event_id, line.to_vec())),
        Err(_) => Err(DemoError::Received {
            path: path.to_owned(),
            line: index + 1,
        }),
    };
    lines.into_iter().enumerate().map(parse).collect()
}

fn compare(recorded: &[Held], received: &[Held]) -> Proof {
    let ours: HashMap<&str, &[u8]> = by_id(recorded).collect();
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    let mut proof = Proof {
        recorded: recorded.len(),
        received: received.len(),
        in_order: recorded
            .iter()
            .map(|(id, _)| id)
            .eq(received.iter().map(|(id, _)| id)),
        ..Proof::default()
    };
    for (id, json) in by_id(received) {
        *times.entry(id).or_default() += 1;
        match ours.get(id) {
            None => proof.unknown.push(id.to_owned()),
            Some(recorded) if *recorded != json => proof.altered.push(id.to_owned()),
            Some(_) => {}
        }
    }
    let repeated = times.iter().filter(|(_, times)| **times > 1);
    proof.repeated = repeated.map(|(id, _)| (*id).to_owned()).collect();
    let missing = recorded
        .iter()
        .filter(|(id, _)| !times.contains_key(id.as_str()));
    proof.missing = missing.map(|(id, _)| id.clone()).collect();
    proof
}

fn by_id(events: &[Held]) -> impl Iterator<Item = (&str, &[u8])> {
    events
        .iter()
        .map(|(id, json)| (id.as_str(), json.as_slice()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(ids: &[&str]) -> Vec<Held> {
        ids.iter()
            .map(|id| ((*id).to_owned(), format!("{{\"{id}\"}}").into_bytes()))
            .collect()
    }

    #[test]
    fn the_same_events_in_the_same_order_are_proof() {
        let proof = compare(&held(&["A", "B"]), &held(&["A", "B"]));
        assert!(proof.holds(), "{proof:?}");
    }

    #[test]
    fn nothing_is_no_proof() {
        assert!(!compare(&[], &[]).holds());
    }

    #[test]
    fn every_deviation_is_seen_and_named() {
        let log = held(&["A", "B"]);
        let proof = |received: &[Held]| {
            let proof = compare(&log, received);
            assert!(!proof.holds(), "{proof:?}");
            proof
        };
        assert_eq!(proof(&held(&["A"])).missing, ["B"]);
        assert_eq!(proof(&held(&["A", "B", "A"])).repeated, ["A"]);
        assert_eq!(proof(&held(&["A", "B", "C"])).unknown, ["C"]);
        let swapped = proof(&held(&["B", "A"]));
        assert!(!swapped.in_order && swapped.missing.is_empty());
        let mut changed = held(&["A", "B"]);
        changed[1].1.push(b' ');
        assert_eq!(proof(&changed).altered, ["B"]);
    }

    #[test]
    fn damage_in_the_log_is_no_proof() {
        let mut proof = compare(&held(&["A"]), &held(&["A"]));
        proof.damaged = 1;
        assert!(!proof.holds());
    }
}
