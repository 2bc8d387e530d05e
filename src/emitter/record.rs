//! An event on its way into the log.
//!
//! Id and clock are given under the writer lock, which makes both increase in
//! the order of the log. All events of one call share the context and the chain
//! of ids: one is proposed for the first of them, and each other has the
//! successor of the one before it.

use std::cell::RefCell;

use ulid::Ulid;

use crate::event::{
    BodyError, Context, Draft, Encoder, EventId, MAX_OWN_JSON, decode_body, next_id,
};
use crate::log::append::{Record, Refused, Stamp, Tick};
use crate::log::frame::Kind;
use crate::log::header::NodeId;

/// What the events of one call share.
pub(super) struct Shared {
    context: Context,
    proposed: Ulid,
    last: Option<Ulid>,
    encoder: Option<(NodeId, Encoder)>,
}

impl Shared {
    pub(super) fn new(context: Context, proposed: Ulid) -> RefCell<Self> {
        RefCell::new(Self {
            context,
            proposed,
            last: None,
            encoder: None,
        })
    }

    /// Encodes an event as the next of the call; its id.
    fn encode(
        &mut self,
        draft: &Draft,
        stamp: &Stamp<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Ulid, BodyError> {
        let last = self.last.or_else(|| id_in(stamp.last_event?));
        let id = next_id(last, self.proposed);
        let encoder = match &mut self.encoder {
            Some((node_id, encoder)) if *node_id == stamp.node_id => encoder,
            other => {
                self.context.node_id = stamp.node_id.to_string();
                &mut other
                    .insert((stamp.node_id, Encoder::new(&self.context)?))
                    .1
            }
        };
        encoder.encode(draft, &EventId::Ulid(id), stamp.clock, out)?;
        self.last = Some(id);
        Ok(id)
    }
}

/// One event of a call.
pub(super) struct EventRecord<'a> {
    draft: &'a Draft,
    shared: &'a RefCell<Shared>,
    /// The id that it was last encoded with.
    id: Option<Ulid>,
}

impl<'a> EventRecord<'a> {
    pub(super) fn new(draft: &'a Draft, shared: &'a RefCell<Shared>) -> Self {
        Self {
            draft,
            shared,
            id: None,
        }
    }

    pub(super) fn payload_bytes(&self) -> usize {
        self.draft.payload().len()
    }

    pub(super) fn id(&self) -> Option<EventId> {
        self.id.map(EventId::Ulid)
    }
}

impl Record for EventRecord<'_> {
    fn kind(&self) -> Kind {
        Kind::Event
    }

    fn tick(&self) -> Tick {
        Tick::Own
    }

    fn encode(&mut self, stamp: &Stamp<'_>, out: &mut Vec<u8>) -> Result<(), Refused> {
        let mut shared = self.shared.borrow_mut();
        self.id = Some(shared.encode(self.draft, stamp, out).map_err(refused)?);
        Ok(())
    }
}

fn id_in(body: &[u8]) -> Option<Ulid> {
    let (header, _) = decode_body(body).ok()?;
    EventId::parse(header.event_id).ok()?.ulid()
}

fn refused(error: BodyError) -> Refused {
    match error {
        BodyError::TooLong { bytes } => Refused::TooLarge {
            bytes,
            limit: MAX_OWN_JSON,
        },
        other => Refused::Invalid(other.to_string()),
    }
}
