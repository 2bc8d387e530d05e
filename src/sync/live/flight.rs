//! The events that are on the socket and not settled yet. Pure.
//!
//! They are kept in log order. What the server said about one counts when it
//! said something about every event of the same stream before it, because a
//! cursor never passes an event that is not settled.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::position::Seq;
use crate::state::{EventKey, Project};
use crate::sync::chunk::Parcel;
use crate::sync::outcome::EventAnswer;

/// An event without an answer after so long goes by batch as well: not every
/// server answers on the socket.
pub(super) const ANSWER_PATIENCE: Duration = Duration::from_secs(4);

/// One event that was sent.
#[derive(Clone, Debug)]
struct Sent {
    stream: Project,
    parcel: Parcel,
    at: Instant,
    said: Option<Said>,
}

/// What the server said about an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) answer: EventAnswer,
    /// When that was read, in milliseconds since the epoch.
    pub(super) read_ms: u64,
}

/// Everything that was sent and is not settled.
#[derive(Clone, Debug, Default)]
pub(super) struct Flight {
    sent: Vec<Sent>,
}

/// What may be settled of one stream, in log order.
pub(super) type Ready = Vec<(Parcel, Said)>;

impl Flight {
    /// These were sent; they lie behind everything that was sent before.
    pub(super) fn add(&mut self, parcels: Vec<(Project, Parcel)>, at: Instant) {
        let sent = parcels.into_iter().map(|(stream, parcel)| Sent {
            stream,
            parcel,
            at,
            said: None,
        });
        self.sent.extend(sent);
    }

    /// Takes in what the server said. The first word about an event counts, and
    /// words about other people's events count for nothing.
    pub(super) fn answer(&mut self, event: &EventKey, said: &Said) {
        for sent in &mut self.sent {
            if sent.parcel.id == *event && sent.said.is_none() {
                sent.said = Some(said.clone());
            }
        }
    }

    /// What may be settled, by stream.
    pub(super) fn ready(&self) -> BTreeMap<Project, Ready> {
        let mut open = BTreeSet::new();
        let mut ready = BTreeMap::<Project, Ready>::new();
        for sent in &self.sent {
            match &sent.said {
                Some(said) if !open.contains(&sent.stream) => {
                    let of_stream = ready.entry(sent.stream.clone()).or_default();
                    of_stream.push((sent.parcel.clone(), said.clone()));
                }
                _ => {
                    open.insert(sent.stream.clone());
                }
            }
        }
        ready
    }

    /// The events of `stream` up to `last` are settled.
    pub(super) fn settled(&mut self, stream: &Project, last: Seq) {
        self.sent
            .retain(|sent| sent.stream != *stream || sent.parcel.seq > last);
    }

    /// Everything is settled in another way, or will be.
    pub(super) fn clear(&mut self) {
        self.sent.clear();
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.sent.len()
    }

    /// Whether an event has been waiting for an answer for too long.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        let mut open = self.sent.iter().filter(|sent| sent.said.is_none());
        open.any(|sent| now.saturating_duration_since(sent.at) >= ANSWER_PATIENCE)
    }

    /// The positions, by the stream's name in the ledger.
    pub(super) fn seqs(&self) -> BTreeMap<String, Vec<Seq>> {
        let mut seqs = BTreeMap::<String, Vec<Seq>>::new();
        for sent in &self.sent {
            let of_stream = seqs.entry(sent.stream.to_string()).or_default();
            of_stream.push(sent.parcel.seq);
        }
        seqs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::chunk::Past;
    use proptest::prelude::*;

    fn said(answer: EventAnswer) -> Said {
        Said { answer, read_ms: 7 }
    }

    fn key(n: usize) -> EventKey {
        EventKey::new(&format!("id-{n}")).unwrap()
    }

    fn flight(streams: &[u8], now: Instant) -> Flight {
        let mut flight = Flight::default();
        let parcels = streams.iter().enumerate().map(|(n, stream)| {
            let seq = Seq(u64::try_from(n).unwrap() + 1);
            let stream = Project::new(&format!("p{stream}")).unwrap();
            (stream, Parcel::new(seq, key(n), Past::default()))
        });
        flight.add(parcels.collect(), now);
        flight
    }

    #[test]
    fn an_answer_waits_for_the_events_before_it() {
        let now = Instant::now();
        let mut flight = flight(&[1, 1, 2], now);
        flight.answer(&key(1), &said(EventAnswer::Delivered));
        flight.answer(&key(7), &said(EventAnswer::Delivered));
        assert!(flight.ready().is_empty());
        flight.answer(&key(2), &said(EventAnswer::Duplicate));
        assert_eq!(flight.ready().len(), 1, "another stream waits for nothing");
        flight.answer(&key(0), &said(EventAnswer::Delivered));
        flight.answer(&key(0), &said(EventAnswer::Duplicate));
        let ready = flight.ready();
        let first = ready.first_key_value().unwrap().1;
        assert_eq!(first.len(), 2);
        assert_eq!(
            first[0].1.answer,
            EventAnswer::Delivered,
            "the first word counts"
        );
        flight.settled(ready.first_key_value().unwrap().0, Seq(2));
        assert_eq!(flight.len(), 1);
    }

    #[test]
    fn only_what_has_no_answer_is_overdue() {
        let now = Instant::now();
        let mut flight = flight(&[1], now);
        assert!(!flight.is_overdue(now));
        assert!(flight.is_overdue(now + ANSWER_PATIENCE));
        flight.answer(&key(0), &said(EventAnswer::Delivered));
        assert!(!flight.is_overdue(now + ANSWER_PATIENCE));
    }

    proptest! {
        /// In whatever order answers come: what is ready of a stream is the
        /// unbroken run of its answered events from the first one on.
        #[test]
        fn what_is_ready_is_an_unbroken_run(
            streams in prop::collection::vec(0_u8..3, 0..20),
            answered in prop::collection::vec(0_usize..20, 0..30),
        ) {
            let mut flight = flight(&streams, Instant::now());
            for n in &answered {
                flight.answer(&key(*n), &said(EventAnswer::Delivered));
            }
            let ready = flight.ready();
            for wanted in 0..3 {
                let of_stream = streams.iter().enumerate().filter(|(_, s)| **s == wanted);
                let run: Vec<EventKey> = of_stream
                    .take_while(|(n, _)| answered.contains(n))
                    .map(|(n, _)| key(n))
                    .collect();
                let stream = Project::new(&format!("p{wanted}")).unwrap();
                let found = ready.get(&stream).map_or(&[][..], Vec::as_slice);
                let found: Vec<EventKey> = found.iter().map(|(p, _)| p.id.clone()).collect();
                prop_assert_eq!(found, run);
            }
        }
    }
}
