//! Chunks: what goes into one request, measured before anything is sent.
//!
//! A chunk holds events of one project for one target, in log order. The bytes
//! of an event are those of the log, copied and never parsed; only an event
//! that was recorded without a team gets it as its last key. The body is
//! `{"events":[`, the events with a comma between them, and `]}`, and the size
//! limit is that of these very bytes. An event that is larger than the limit
//! travels alone. No id occurs twice in a chunk, because answers are matched
//! by id. Pure.

use std::collections::HashSet;
use std::ops::Range;

use crate::event::{splice_team, spliced_team_len};
use crate::position::Seq;
use crate::state::EventKey;

const OPEN: &[u8] = b"{\"events\":[";
const CLOSE: &[u8] = b"]}";

/// What one request may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkLimits {
    /// The most events; at least one is always taken.
    pub events: usize,
    /// The most bytes of the uncompressed body.
    pub bytes: usize,
}

impl ChunkLimits {
    /// What keeps to both; never less than one event.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            events: self.events.min(other.events).max(1),
            bytes: self.bytes.min(other.bytes),
        }
    }
}

/// What is known of an event from before it is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// How often it was refused before it was imported.
    pub attempts: u32,
    /// When it was recorded, in milliseconds since the epoch, where its delivery
    /// is timed: an event of this home's own, on its way to its owner.
    pub recorded_ms: Option<i64>,
}

/// One event of a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// Its position in the log.
    pub seq: Seq,
    /// Its id, by which the answer is matched.
    pub id: EventKey,
    /// What is known of it from before.
    pub past: Past,
    json: Range<usize>,
}

impl Parcel {
    /// An event that travels in no chunk.
    pub(super) fn new(seq: Seq, id: EventKey, past: Past) -> Self {
        Self {
            seq,
            id,
            past,
            json: 0..0,
        }
    }
}

/// Events that may travel in one request.
#[derive(Clone, Debug, Default)]
pub struct Chunk {
    parcels: Vec<Parcel>,
    /// The ids, once one did not lie above the one before it: as long as they
    /// ascend, as those of a log do, the last says enough.
    ids: Option<HashSet<EventKey>>,
    /// The body that holds all of it, without its end.
    json: Vec<u8>,
    /// The request that holds all of it, ready to be sent.
    packed: Option<Vec<u8>>,
}

/// Whether an event went into the chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It is in.
    Taken,
    /// It belongs into the next chunk.
    Full,
}

impl Chunk {
    /// Adds an event if the limits allow it. `team` is spliced into an event
    /// that was recorded without one.
    pub fn offer(
        &mut self,
        (seq, id): (Seq, &EventKey),
        json: &[u8],
        team: Option<&str>,
        limits: ChunkLimits,
    ) -> Fit {
        let length = json.len().saturating_add(team.map_or(0, spliced_team_len));
        let fits = self.parcels.len() < limits.events
            && self.body_len_with(length) <= limits.bytes
            && !self.holds(id);
        if !fits && !self.parcels.is_empty() {
            return Fit::Full;
        }
        self.json
            .extend_from_slice(if self.parcels.is_empty() { OPEN } else { b"," });
        let start = self.json.len();
        match team {
            Some(team) => self.json.extend(splice_team(json, team)),
            None => self.json.extend_from_slice(json),
        }
        if let Some(ids) = &mut self.ids {
            ids.insert(id.clone());
        }
        self.parcels.push(Parcel {
            seq,
            id: id.clone(),
            past: Past::default(),
            json: start..self.json.len(),
        });
        Fit::Taken
    }

    /// Whether an event with this id is in it.
    fn holds(&mut self, id: &EventKey) -> bool {
        if let Some(ids) = &self.ids {
            return ids.contains(id);
        }
        if self.parcels.last().is_none_or(|last| last.id < *id) {
            return false;
        }
        let ids = self.parcels.iter().map(|parcel| parcel.id.clone());
        self.ids.insert(ids.collect()).contains(id)
    }

    /// Says what is known from before of the event that was taken last.
    pub fn remember(&mut self, past: Past) {
        if let Some(parcel) = self.parcels.last_mut() {
            parcel.past = past;
        }
    }

    /// The events, in log order.
    #[must_use]
    pub fn parcels(&self) -> &[Parcel] {
        &self.parcels
    }

    /// The same, and nothing else.
    pub(super) fn into_parcels(self) -> Vec<Parcel> {
        self.parcels
    }

    /// Whether there is no event in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parcels.is_empty()
    }

    /// Prepares the request that holds all of it; `pack` makes of a body what
    /// goes over the wire.
    pub(super) fn prepare(&mut self, pack: impl FnOnce(&[u8]) -> Vec<u8>) {
        let length = self.json.len();
        self.json.extend_from_slice(CLOSE);
        self.packed = Some(pack(&self.json));
        self.json.truncate(length);
    }

    /// What [`Chunk::prepare`] has made, when it is for these events.
    pub(super) fn prepared(&self, indices: &[usize]) -> Option<&[u8]> {
        let packed = self.packed.as_deref();
        packed.filter(|_| indices.len() == self.parcels.len())
    }

    /// The length of [`Chunk::body`] for the events with these indices.
    pub(super) fn body_len(&self, indices: &[usize]) -> usize {
        let parcels = indices.iter().filter_map(|index| self.parcels.get(*index));
        let lengths = parcels.map(|parcel| parcel.json.len());
        let commas = indices.len().saturating_sub(1);
        lengths.fold(OPEN.len() + CLOSE.len() + commas, usize::saturating_add)
    }

    /// The uncompressed request body for the events with these indices.
    #[must_use]
    pub fn body(&self, indices: &[usize]) -> Vec<u8> {
        let events = indices.iter().filter_map(|index| {
            let parcel = self.parcels.get(*index)?;
            self.json.get(parcel.json.clone())
        });
        let mut body = Vec::with_capacity(self.body_len(indices));
        body.extend_from_slice(OPEN);
        for (place, json) in events.enumerate() {
            if place > 0 {
                body.push(b',');
            }
            body.extend_from_slice(json);
        }
        body.extend_from_slice(CLOSE);
        body
    }

    /// The length of the body with one more event of `length` bytes.
    fn body_len_with(&self, length: usize) -> usize {
        // One comma stands before every event but the first.
        let before = match self.json.len() {
            0 => OPEN.len(),
            length => length.saturating_add(1),
        };
        before.saturating_add(length).saturating_add(CLOSE.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(n: usize) -> EventKey {
        EventKey::new(&format!("id-{n}")).unwrap()
    }

    fn limits(events: usize, bytes: usize) -> ChunkLimits {
        ChunkLimits { events, bytes }
    }

    fn event(length: usize) -> Vec<u8> {
        format!("{{\"a\":\"{}\"}}", "x".repeat(length)).into_bytes()
    }

    #[test]
    fn the_body_is_the_events_as_they_are() {
        let mut chunk = Chunk::default();
        for (n, json) in [b"{\"a\":1.0}".as_slice(), b"{\"b\":2}"]
            .into_iter()
            .enumerate()
        {
            let team = (n == 1).then_some("acme");
            let fit = chunk.offer((Seq(1), &key(n)), json, team, limits(9, 999));
            assert_eq!(fit, Fit::Taken);
        }
        assert_eq!(
            String::from_utf8(chunk.body(&[0, 1])).unwrap(),
            r#"{"events":[{"a":1.0},{"b":2,"team_slug":"acme"}]}"#
        );
        assert_eq!(
            chunk.body(&[1]),
            br#"{"events":[{"b":2,"team_slug":"acme"}]}"#
        );
    }

    #[test]
    fn only_the_whole_chunk_is_prepared() {
        let mut chunk = Chunk::default();
        for n in 0..3 {
            chunk.offer((Seq(1), &key(n)), b"{}", None, limits(9, 999));
        }
        assert_eq!(chunk.prepared(&[0, 1, 2]), None);
        let whole = chunk.body(&[0, 1, 2]);
        chunk.prepare(|body| [b"packed ".as_slice(), body].concat());
        assert_eq!(
            chunk.prepared(&[0, 1, 2]).unwrap().strip_prefix(b"packed "),
            Some(whole.as_slice())
        );
        assert_eq!(chunk.prepared(&[0, 2]), None);
        for indices in [&[][..], &[1], &[0, 2], &[0, 1, 2]] {
            assert_eq!(chunk.body_len(indices), chunk.body(indices).len());
        }
    }

    #[test]
    fn an_event_above_the_limit_travels_alone() {
        let mut chunk = Chunk::default();
        let limits = limits(10, 100);
        assert_eq!(
            chunk.offer((Seq(1), &key(1)), &event(500), None, limits),
            Fit::Taken
        );
        assert_eq!(
            chunk.offer((Seq(2), &key(2)), b"{}", None, limits),
            Fit::Full
        );
    }

    #[test]
    fn no_id_is_twice_in_a_chunk() {
        let mut chunk = Chunk::default();
        let limits = limits(10, 1000);
        assert_eq!(
            chunk.offer((Seq(1), &key(1)), b"{}", None, limits),
            Fit::Taken
        );
        assert_eq!(
            chunk.offer((Seq(2), &key(1)), b"{}", None, limits),
            Fit::Full
        );
    }

    proptest! {
        /// The promise to the server: the exact body never passes a limit,
        /// unless a single event does; and nothing is left out that would fit.
        #[test]
        fn the_body_keeps_both_limits(
            lengths in prop::collection::vec(0_usize..120, 1..60),
            spliced in any::<bool>(),
            max_events in 1_usize..12,
            max_bytes in 20_usize..600,
        ) {
            let limits = limits(max_events, max_bytes);
            let team = spliced.then_some("acme-corp");
            let mut sent = 0;
            let mut next = 0;
            while next < lengths.len() {
                let mut chunk = Chunk::default();
                while let Some(length) = lengths.get(next) {
                    let json = event(*length);
                    match chunk.offer((Seq(0), &key(next)), &json, team, limits) {
                        Fit::Taken => next += 1,
                        Fit::Full => {
                            let longer = chunk.body_len_with(
                                json.len() + team.map_or(0, spliced_team_len));
                            prop_assert!(
                                longer > max_bytes || chunk.parcels().len() == max_events);
                            break;
                        }
                    }
                }
                let all: Vec<usize> = (0..chunk.parcels().len()).collect();
                let body = chunk.body(&all);
                prop_assert!(all.len() <= max_events);
                prop_assert!(body.len() <= max_bytes || all.len() == 1);
                let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
                prop_assert_eq!(value["events"].as_array().unwrap().len(), all.len());
                sent += all.len();
            }
            prop_assert_eq!(sent, lengths.len());
        }
    }
}
