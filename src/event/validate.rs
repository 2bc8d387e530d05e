//! Validation of whole events, in the two forms that are valid.
//!
//! *Wire*: `events.schema.json` with `format` asserted, minus ULIDs above
//! `7ZZZ…` and integers not written as digits within 0 to 2^63 - 1.
//! *Recorded*: the same, with `team_slug` optional. Both also refuse what two
//! readers could read differently or one could not read at all: duplicate keys
//! of the envelope or the payload, numbers beyond a double, deep nesting.

use serde::de::DeserializeSeed;
use serde_json::Deserializer;

use super::check::Check;
use super::invalid::{Invalid, Reason};
use super::members::{Kept, Members};
use super::rules::{self, Field, Rule};
use super::words::EventType;
use super::{MAX_IMPORTED_JSON, MAX_OWN_JSON};

/// How many lists and objects may be open at once in an event, the event itself
/// included. Servers that stop at 128 still read it inside a batch.
///
/// ```
/// use spec_kitty::event::{Draft, MAX_DEPTH, Reason};
///
/// let deep = "[".repeat(MAX_DEPTH) + &"]".repeat(MAX_DEPTH);
/// let payload = format!(r#"{{"wp_id":"WP01","extra":{deep}}}"#);
/// let refused = Draft::from_json("WPCreated", &payload, None);
/// assert_eq!(refused.map_err(|invalid| invalid.reason), Err(Reason::TooDeep));
/// ```
pub const MAX_DEPTH: usize = 64;

/// Checks an event as it goes over the wire: at most 1 MiB.
///
/// # Errors
///
/// Names the first field that is wrong.
///
/// ```
/// use spec_kitty::event::validate_wire;
///
/// let event = br#"{
///     "event_id": "01M81BTPP6PS3R3G0D5WC0XV38",
///     "event_type": "HistoryAdded",
///     "aggregate_id": "WP01",
///     "aggregate_type": "WorkPackage",
///     "payload": {"wp_id": "WP01", "entry_type": "note", "entry_content": "begun"},
///     "timestamp": "2026-11-22T10:11:33Z",
///     "node_id": "0123456789ab",
///     "lamport_clock": 7,
///     "causation_id": null,
///     "team_slug": "acme"
/// }"#;
/// assert!(validate_wire(event).is_ok());
///
/// let refused = validate_wire(br#"{"event_type": "HistoryAdded"}"#);
/// let field = refused.map_err(|invalid| invalid.field);
/// assert_eq!(field, Err("event_id".to_owned()));
/// ```
pub fn validate_wire(json: &[u8]) -> Result<(), Invalid> {
    validate(json, &rules::WIRE, MAX_IMPORTED_JSON)
}

/// Checks an event of our own as it is recorded: at most [`MAX_OWN_JSON`], and
/// the team may be unknown.
///
/// # Errors
///
/// Names the first field that is wrong.
///
/// ```
/// use spec_kitty::event::{validate_recorded, validate_wire};
///
/// // Recorded while nobody was signed in: no team yet.
/// let event = br#"{
///     "event_id": "01M81BTPP6PS3R3G0D5WC0XV38",
///     "event_type": "HistoryAdded",
///     "aggregate_id": "WP01",
///     "aggregate_type": "WorkPackage",
///     "payload": {"wp_id": "WP01", "entry_type": "note", "entry_content": "begun"},
///     "timestamp": "2026-11-22T10:11:33Z",
///     "node_id": "0123456789ab",
///     "lamport_clock": 7,
///     "causation_id": null
/// }"#;
/// assert!(validate_recorded(event).is_ok());
/// assert!(validate_wire(event).is_err());
/// ```
pub fn validate_recorded(json: &[u8]) -> Result<(), Invalid> {
    validate(json, &rules::RECORDED, MAX_OWN_JSON)
}

fn validate(json: &[u8], fields: &'static [Field], max_bytes: usize) -> Result<(), Invalid> {
    check_length("", json.len(), max_bytes)?;
    let text = std::str::from_utf8(json).map_err(|error| {
        let valid_bytes = error.valid_up_to();
        Invalid::new("", Reason::NotUtf8 { valid_bytes })
    })?;
    let envelope = read_object("", "", fields, text, MAX_DEPTH)?;
    let (Some(event_type), Some(payload)) = (envelope.event_type, envelope.payload) else {
        return Err(Invalid::new("event_type", Reason::Missing));
    };
    let event_type = event_type
        .parse::<EventType>()
        .map_err(|error| Invalid::new("event_type", Reason::NotOneOf(error.expected)))?;
    check_payload(event_type, payload.get()).map(|_| ())
}

pub(super) fn check_length(field: &str, bytes: usize, max: usize) -> Result<(), Invalid> {
    if bytes <= max {
        return Ok(());
    }
    Err(Invalid::new(field, Reason::TooLong { bytes, max }))
}

/// Checks a payload on its own.
pub(super) fn check_payload(event_type: EventType, json: &str) -> Result<Kept<'_>, Invalid> {
    let fields = rules::payload(event_type);
    read_object("payload", "payload.", fields, json, MAX_DEPTH - 1)
}

/// Reads exactly one object, which may open `levels` levels, itself included.
fn read_object<'a>(
    name: &'static str,
    prefix: &'static str,
    fields: &'static [Field],
    json: &'a str,
    levels: usize,
) -> Result<Kept<'a>, Invalid> {
    let not_json =
        |error: serde_json::Error| Invalid::new(name, Reason::NotJson(error.to_string()));
    let levels = levels.saturating_sub(1);
    let mut deserializer = Deserializer::from_str(json);
    let is_object = json.trim_ascii_start().starts_with('{');
    let outcome = if is_object {
        let members = Members {
            prefix,
            fields,
            levels,
        };
        members.deserialize(&mut deserializer).map_err(not_json)?
    } else {
        let rule = Rule::Any;
        let other = Check { rule, levels }.deserialize(&mut deserializer);
        other.map_err(not_json)?.map_or_else(
            |reason| Err(Invalid::new(name, reason)),
            |_| Err(Invalid::new(name, Reason::NotObject)),
        )
    };
    deserializer.end().map_err(not_json)?;
    outcome
}

#[cfg(test)]
#[path = "validate_tests.rs"]
mod tests;
