//! The events of one stream, read from the log and packed into chunks.
//!
//! Memory holds one chunk and one event, whatever the backlog is. Nothing
//! beyond the end that the pass has fixed is ever packed, because only up to
//! there is the log known to be durable here.

use std::collections::BTreeSet;

use crate::event::decode_body;
use crate::log::frame::Kind;
use crate::log::read::{Item, ReadError, Step};
use crate::log::reader::Reader;
use crate::log::segment::LogDir;
use crate::position::Seq;
use crate::state::{EventKey, Project};
use crate::sync::chunk::{Chunk, ChunkLimits, Fit, Past};
use crate::sync::route::{Bindings, Role};
use crate::target::TargetId;

/// Which events of the stream.
#[derive(Clone, Debug)]
pub(super) enum Pick {
    /// All behind this position.
    After(Seq),
    /// These alone: refused ones that are tried again.
    Only(BTreeSet<Seq>),
}

/// What every feed of a pass has in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub(super) dir: &'a LogDir,
    pub(super) bindings: &'a Bindings,
    pub(super) target: TargetId,
    pub(super) team: &'a str,
    /// The last event that may be sent.
    pub(super) end: Seq,
}

/// Reads one stream.
#[derive(Debug)]
pub(super) struct Feed<'a> {
    source: Source<'a>,
    stream: &'a Project,
    pick: Pick,
    reader: Reader,
    held: Option<Held>,
    finished: bool,
}

/// An event that did not fit into the last chunk.
#[derive(Debug)]
struct Held {
    seq: Seq,
    id: EventKey,
    json: Vec<u8>,
    has_team: bool,
    past: Past,
}

impl<'a> Feed<'a> {
    pub(super) fn new(source: Source<'a>, stream: &'a Project, pick: Pick) -> Self {
        let first = match &pick {
            Pick::After(seq) => Some(seq.next()),
            Pick::Only(seqs) => seqs.first().copied(),
        };
        Self {
            source,
            stream,
            pick,
            reader: Reader::new(source.dir.clone(), first.unwrap_or_default()),
            held: None,
            finished: first.is_none(),
        }
    }

    /// The next chunk; `None` when the stream is read to the end of the pass.
    pub(super) fn next(&mut self, limits: ChunkLimits) -> Result<Option<Chunk>, ReadError> {
        let mut chunk = Chunk::default();
        if let Some(held) = self.held.take() {
            let team = (!held.has_team).then_some(self.source.team);
            chunk.offer((held.seq, &held.id), &held.json, team, limits);
            chunk.remember(held.past);
        }
        let last = self.last();
        while !self.finished {
            match self.reader.step()? {
                Step::Idle => self.finished = true,
                Step::Frame(item) if item.seq > last => self.finished = true,
                Step::Damage(_) => {}
                Step::Frame(item) => {
                    let Some(found) = wanted(&self.source, self.stream, &self.pick, &item) else {
                        continue;
                    };
                    let team = (!found.has_team).then_some(self.source.team);
                    if chunk.offer((item.seq, &found.id), found.json, team, limits) == Fit::Full {
                        self.held = Some(Held {
                            seq: item.seq,
                            json: found.json.to_vec(),
                            id: found.id,
                            has_team: found.has_team,
                            past: found.past,
                        });
                        break;
                    }
                    chunk.remember(found.past);
                }
            }
        }
        Ok((!chunk.is_empty()).then_some(chunk))
    }

    fn last(&self) -> Seq {
        match &self.pick {
            Pick::After(_) => self.source.end,
            Pick::Only(seqs) => seqs
                .last()
                .copied()
                .unwrap_or_default()
                .min(self.source.end),
        }
    }
}

/// An event that goes to the target of a source.
pub(super) struct Found<'a> {
    pub(super) id: EventKey,
    pub(super) json: &'a [u8],
    pub(super) has_team: bool,
    pub(super) past: Past,
}

/// The event of a frame, when it is one that this feed sends.
fn wanted<'i>(
    source: &Source<'_>,
    stream: &Project,
    pick: &Pick,
    item: &Item<'i>,
) -> Option<Found<'i>> {
    if matches!(pick, Pick::Only(seqs) if !seqs.contains(&item.seq)) {
        return None;
    }
    let (of, found) = destined(source, item)?;
    (of == *stream).then_some(found)
}

/// The event of a frame and its stream, when it goes to the source's target.
pub(super) fn destined<'i>(source: &Source<'_>, item: &Item<'i>) -> Option<(Project, Found<'i>)> {
    if !matches!(item.kind, Kind::Event | Kind::ForeignEvent) {
        return None;
    }
    let (header, json) = decode_body(item.body).ok()?;
    let (stream, role) = source
        .bindings
        .stream_to(item.seq, &header, source.target)?;
    let id = EventKey::new(header.event_id).ok()?;
    // What its owner's server refused says nothing of other servers, nor does
    // when an event came to be say how long it took to one that was added later.
    let is_owner = role == Role::Owner;
    let is_timed = is_owner && item.kind == Kind::Event;
    let past = Past {
        attempts: if is_owner { header.flags.attempts() } else { 0 },
        recorded_ms: is_timed.then_some(header.timestamp_us.div_euclid(1000)),
    };
    let found = Found {
        id,
        json,
        has_team: header.team.is_some(),
        past,
    };
    Some((stream, found))
}
