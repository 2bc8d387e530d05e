//! Events: the envelope, the eight payloads, validation, ids, the header.
//!
//! This room is pure. It takes values and bytes and returns values and bytes;
//! it reads no clock, no file and no random source, so that everything an event
//! is made of can be tested and replayed.
//!
//! An event's life here: a payload ([`WpStatusChanged`] and its seven
//! siblings, or JSON given by hand) becomes a [`Draft`], which is valid by
//! construction. Under the log's writer lock the draft gets its id and its
//! clock value and is written once, by an `Encoder`: a small header for
//! filters and the sender, then the JSON exactly as it goes over the wire.
//!
//! Invariants:
//!
//! * **Store what you send.** The payload's bytes are fixed when it is drafted;
//!   nothing later parses and prints them again. Numbers and unknown keys
//!   survive byte for byte.
//! * **One id, one text.** An [`EventId`] prints exactly the text it was read
//!   from.
//! * **What we validated is what a server reads.** No duplicate keys, no lone
//!   surrogates, no numbers that overflow, no deep nesting.
//!
//! What this room does not do: it does not know where events are kept, who is
//! signed in, or what time it is.

mod check;
mod codec;
mod date_time;
mod draft;
mod envelope;
mod foreign;
mod id;
mod invalid;
mod json;
mod json_privacy;
mod members;
mod payloads;
mod plain;
mod privacy;
mod rules;
mod validate;
mod words;

pub use codec::{BodyError, EventHeader, Flags, MAX_HEADER_BYTES, decode_body};
pub use draft::{Draft, MAX_ID_BYTES};
pub use id::{EventId, IdBuffer, InvalidId};
pub use invalid::{Invalid, Reason};
pub use payloads::{
    DependencyResolved, ErrorLogged, FeatureCompleted, FeatureCreated, HistoryAdded, Payload,
    WpAssigned, WpCreated, WpStatusChanged,
};
pub use privacy::redact_home;
pub use validate::{MAX_DEPTH, validate_recorded, validate_wire};
pub use words::{
    AggregateType, EntryType, ErrorKind, EventType, Lane, Phase, Resolution, UnknownWord,
};

// Not the library: how the emitter, an import and the sender make and change
// the JSON. Public for the tests, the benches and the fuzz targets.
#[doc(hidden)]
pub use codec::encode_body;
#[doc(hidden)]
pub use envelope::{Context, Encoder, encode_event, render, splice_team, spliced_team_len};
#[doc(hidden)]
pub use foreign::Foreign;

pub(crate) use envelope::NO_TEAM;
pub(crate) use id::{next_id, proposed_id};
pub(crate) use json::same_data;

/// The longest JSON of an event of our own, in bytes.
///
/// ```
/// use spec_kitty::event::{EntryType, HistoryAdded, MAX_OWN_JSON, Payload, Reason};
///
/// let novel = "x".repeat(MAX_OWN_JSON + 1);
/// let draft = HistoryAdded::new("WP01", EntryType::Note, novel).into_draft();
/// let reason = draft.map_err(|invalid| invalid.reason);
/// assert!(matches!(reason, Err(Reason::TooLong { max: MAX_OWN_JSON, .. })));
/// ```
pub const MAX_OWN_JSON: usize = 512 * 1024;

/// The longest JSON of an imported event, in bytes.
pub(crate) const MAX_IMPORTED_JSON: usize = 1024 * 1024;

/// The JSON schema of the wire form, as it is agreed with the server.
///
/// ```
/// use spec_kitty::event::SCHEMA;
///
/// let schema: serde_json::Value = serde_json::from_str(SCHEMA)?;
/// assert_eq!(schema["$id"], "https://spec-kitty.dev/schemas/events.json");
/// # Ok::<(), serde_json::Error>(())
/// ```
pub const SCHEMA: &str = include_str!("events.schema.json");
