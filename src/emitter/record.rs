//! An event on its way into the log.
//!
//! Id and clock are given under the writer lock, which makes both increase in
//! the order of the log. All events of one call share the context and the chain
//! of ids.

use std::cell::RefCell;

use ulid::Ulid;

use crate::event::{
    BodyError, Context, Draft, EventId, MAX_OWN_JSON, decode_body, encode_event, next_id,
};
use crate::log::append::{Record, Refused, Stamp, Tick};
use crate::log::frame::Kind;

/// What the events of one call share.
pub(super) struct Shared {
    context: Context,
    last: Option<Ulid>,
}

impl Shared {
    pub(super) fn new(context: Context) -> RefCell<Self> {
        RefCell::new(Self {
            context,
            last: None,
        })
    }
}

/// One event of a call.
pub(super) struct EventRecord<'a> {
    draft: &'a Draft,
    proposed: Ulid,
    shared: &'a RefCell<Shared>,
    /// The id that it was last encoded with.
    id: Option<Ulid>,
}

impl<'a> EventRecord<'a> {
    pub(super) fn new(draft: &'a Draft, proposed: Ulid, shared: &'a RefCell<Shared>) -> Self {
        Self {
            draft,
            proposed,
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
        if shared.context.node_id != stamp.node_id.as_str() {
            shared.context.node_id = stamp.node_id.to_string();
        }
        let last = shared.last.or_else(|| id_in(stamp.last_event?));
        let id = next_id(last, self.proposed);
        encode_event(
            self.draft,
            &shared.context,
            &EventId::Ulid(id),
            stamp.clock,
            out,
        )
        .map_err(refused)?;
        self.id = Some(id);
        shared.last = Some(id);
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
