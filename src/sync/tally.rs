//! Counts of events that belong together, without the events.
//!
//! Whose an event is, and in which stream of the ledger it is kept, follows
//! from a few fields of its header, from where it lies among the control frames,
//! and from nothing else. So events that agree in those fields, in a stretch
//! without a control frame, can be told by their number. What must be looked at
//! one by one (where a cursor is, what was given up) is counted apart.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::event::{EventHeader, Flags, decode_body};
use crate::log::frame::Kind;
use crate::log::read::Item;
use crate::position::Seq;
use crate::state::{Cursor, EventKey};
use crate::sync::adopt::slug_of;
use crate::target::TargetId;

/// Whose events are, as they say themselves.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Whose {
    target: TargetId,
    team: Option<String>,
    project: Option<String>,
    opted_out: bool,
    /// They have no id that an answer could name.
    nameless: bool,
}

/// Events of one owner in one stretch of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tally {
    whose: Whose,
    /// How many.
    pub(super) events: u64,
    /// The time of the oldest, in microseconds since 1970.
    pub(super) oldest_us: i64,
    /// The first of them, and the last.
    pub(super) first: Seq,
    pub(super) last: Seq,
    /// The id of the last; empty without a usable one.
    last_id: String,
    /// The project's name, where it is the only thing known of them and the
    /// first has one.
    pub(super) slug: Option<String>,
}

/// A stretch of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Part {
    /// One without control frames: its tallies in the order of their first events.
    Events(Vec<Tally>),
    /// A control frame.
    Control { seq: Seq, body: Vec<u8> },
}

impl Part {
    /// The tallies of the stretch.
    pub(super) fn tallies(&self) -> &[Tally] {
        match self {
            Self::Events(tallies) => tallies,
            Self::Control { .. } => &[],
        }
    }

    /// How much there is to keep.
    pub(super) fn entries(&self) -> usize {
        self.tallies().len().max(1)
    }
}

impl Whose {
    fn of(header: &EventHeader<'_>) -> Self {
        Self {
            target: header.target,
            team: header.team.map(str::to_owned),
            project: header.project.map(str::to_owned),
            opted_out: header.flags.opted_out(),
            nameless: !EventKey::can_be(header.event_id),
        }
    }

    fn is_of(&self, header: &EventHeader<'_>) -> bool {
        self.target == header.target
            && self.team.as_deref() == header.team
            && self.project.as_deref() == header.project
            && self.opted_out == header.flags.opted_out()
            && self.nameless != EventKey::can_be(header.event_id)
    }
}

impl Tally {
    /// A header that stands for all of them: it says whose they are, and has
    /// the id of the last.
    pub(super) fn header(&self) -> EventHeader<'_> {
        EventHeader {
            event_id: &self.last_id,
            event_type: "",
            aggregate_type: "",
            aggregate_id: "",
            node_id: "",
            lamport: 0,
            timestamp_us: self.oldest_us,
            team: self.whose.team.as_deref(),
            project: self.whose.project.as_deref(),
            feature: None,
            causation_id: None,
            target: self.whose.target,
            flags: Flags::default().with_opted_out(self.whose.opted_out),
        }
    }

    /// Whether the last of them is the event at this cursor.
    pub(super) fn ends_at(&self, cursor: &Cursor) -> bool {
        self.last == cursor.seq && self.last_id == cursor.event.as_str()
    }

    /// The bytes of its texts.
    pub(super) fn text_bytes(&self) -> usize {
        let texts = [&self.whose.team, &self.whose.project, &self.slug];
        let texts = texts.into_iter().flatten().map(String::len);
        texts.sum::<usize>().saturating_add(self.last_id.len())
    }

    /// Takes in those of the same owner behind it.
    fn take(&mut self, behind: Self) {
        self.events = self.events.saturating_add(behind.events);
        self.oldest_us = self.oldest_us.min(behind.oldest_us);
        self.last = behind.last;
        self.last_id = behind.last_id;
    }
}

/// Counts frames.
#[derive(Debug)]
pub(super) struct Counter<'a> {
    /// Events that are counted one by one.
    apart: &'a BTreeSet<Seq>,
    parts: Vec<Part>,
    tallies: Vec<Tally>,
    places: BTreeMap<Whose, usize>,
    /// Where the last event was counted: mostly the next one belongs there, too.
    recent: usize,
    /// Events that nobody can understand.
    pub(super) unreadable: u64,
}

impl<'a> Counter<'a> {
    pub(super) fn new(apart: &'a BTreeSet<Seq>) -> Self {
        Self {
            apart,
            parts: Vec::new(),
            tallies: Vec::new(),
            places: BTreeMap::new(),
            recent: 0,
            unreadable: 0,
        }
    }

    /// Takes in the next frame.
    pub(super) fn add(&mut self, item: &Item<'_>) {
        match item.kind {
            Kind::Control => {
                self.cut();
                self.parts.push(Part::Control {
                    seq: item.seq,
                    body: item.body.to_vec(),
                });
            }
            kind if kind.is_event() => match decode_body(item.body) {
                Err(_) => self.unreadable = self.unreadable.saturating_add(1),
                Ok((header, json)) if self.apart.contains(&item.seq) => {
                    self.cut();
                    self.count(item.seq, &header, json);
                    self.cut();
                }
                Ok((header, json)) => self.count(item.seq, &header, json),
            },
            _ => {}
        }
    }

    /// What was counted since the beginning, or since this was last asked.
    pub(super) fn parts(&mut self) -> Vec<Part> {
        self.cut();
        std::mem::take(&mut self.parts)
    }

    fn count(&mut self, seq: Seq, header: &EventHeader<'_>, json: &[u8]) {
        let known = self.tallies.get(self.recent);
        if !known.is_some_and(|tally| tally.whose.is_of(header)) {
            let whose = Whose::of(header);
            let known = self.places.get(&whose).copied();
            self.recent = known.unwrap_or_else(|| self.begin(whose, seq, header, json));
        }
        if let Some(tally) = self.tallies.get_mut(self.recent) {
            tally.events = tally.events.saturating_add(1);
            tally.oldest_us = tally.oldest_us.min(header.timestamp_us);
            tally.last = seq;
            if !tally.whose.nameless {
                tally.last_id.clear();
                tally.last_id.push_str(header.event_id);
            }
        }
    }

    /// A tally without events; where it is.
    fn begin(&mut self, whose: Whose, seq: Seq, header: &EventHeader<'_>, json: &[u8]) -> usize {
        let place = self.tallies.len();
        let nobodys = whose.target == TargetId::SIGNED_OUT;
        self.places.insert(whose.clone(), place);
        self.tallies.push(Tally {
            whose,
            events: 0,
            oldest_us: header.timestamp_us,
            first: seq,
            last: seq,
            last_id: String::new(),
            slug: nobodys.then(|| slug_of(json)).flatten(),
        });
        place
    }

    fn cut(&mut self) {
        if !self.tallies.is_empty() {
            self.places.clear();
            self.recent = 0;
            let tallies = std::mem::take(&mut self.tallies);
            self.parts.push(Part::Events(tallies));
        }
    }
}

/// The same with nothing counted apart.
pub(super) fn joined(parts: Vec<Part>) -> Vec<Part> {
    let mut joined: Vec<Part> = Vec::new();
    for part in parts {
        match (joined.last_mut(), part) {
            (Some(Part::Events(before)), Part::Events(behind)) => {
                for tally in behind {
                    let known = before.iter_mut().find(|t| t.whose == tally.whose);
                    match known {
                        Some(known) => known.take(tally),
                        None => before.push(tally),
                    }
                }
            }
            (_, part) => joined.push(part),
        }
    }
    joined
}
