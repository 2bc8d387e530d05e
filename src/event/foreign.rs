//! An event that somebody else made, read as far as it has to be to be kept.
//!
//! Imported events may have types, ids and vocabularies that we do not know;
//! they are kept as they are and never rewritten. What is demanded is only that
//! every strict reader reads the same in them: JSON of one object without
//! duplicate keys, lone surrogates or numbers that some readers cannot hold, an
//! id, a type, a clock value, a payload. The rest is taken where it is there.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use jiff::Timestamp;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::check::{Check, Found};
use super::codec::{EventHeader, Flags};
use super::draft::MAX_ID_BYTES;
use super::envelope::NO_TEAM;
use super::id::EventId;
use super::invalid::{Invalid, Reason};
use super::members::{Key, Members};
use super::rules::Rule;
use super::validate::{MAX_DEPTH, check_length};
use super::{MAX_IMPORTED_JSON, json};
use crate::target::TargetId;

/// What the header of an imported event is made of, borrowed from its JSON.
///
/// ```
/// use spec_kitty::event::Foreign;
/// let json = br#"{"event_id": "44a34391-86d8-4159-abf1-e0b4d3abc746",
///     "event_type": "MissionDossierSnapshotComputed", "lamport_clock": 7, "payload": {}}"#;
/// assert_eq!(Foreign::read(json)?.lamport, 7);
/// # Ok::<(), spec_kitty::event::Invalid>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Foreign<'a> {
    /// Its id: a ULID or whatever else [`EventId`] takes.
    pub event_id: Cow<'a, str>,
    /// Its type, of whatever vocabulary.
    pub event_type: Cow<'a, str>,
    /// Its own Lamport value: at most 2^63 - 1.
    pub lamport: u64,
    aggregate_type: Cow<'a, str>,
    aggregate_id: Cow<'a, str>,
    node_id: Cow<'a, str>,
    causation_id: Option<Cow<'a, str>>,
    timestamp: Option<Cow<'a, str>>,
    team: Option<Cow<'a, str>>,
    project: Option<Cow<'a, str>>,
    feature: Option<Cow<'a, str>>,
}

impl<'a> Foreign<'a> {
    /// Reads an event's JSON: at most [`MAX_IMPORTED_JSON`], from `{` to `}`.
    ///
    /// # Errors
    /// Names the first thing that keeps it from being imported.
    pub fn read(json: &'a [u8]) -> Result<Self, Invalid> {
        check_length("", json.len(), MAX_IMPORTED_JSON)?;
        let text = std::str::from_utf8(json).map_err(|error| {
            let valid_bytes = error.valid_up_to();
            Invalid::new("", Reason::NotUtf8 { valid_bytes })
        })?;
        let not_json =
            |error: serde_json::Error| Invalid::new("", Reason::NotJson(error.to_string()));
        if !text.starts_with('{') {
            // What is no JSON at all is said to be that.
            serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(not_json)?;
            return Err(Invalid::new("", Reason::NotObject));
        }
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let read = deserializer.deserialize_map(Envelope).map_err(not_json)?;
        deserializer.end().map_err(not_json)?;
        let event = read?;
        if json::has_huge_integer(text) {
            return Err(Invalid::new("", Reason::HugeInteger));
        }
        Ok(event)
    }

    /// The header of this event. `otherwise_us` (microseconds since 1970) is
    /// its time when its own cannot be read.
    #[must_use]
    pub fn header(&self, target: TargetId, flags: Flags, otherwise_us: i64) -> EventHeader<'_> {
        let own = self.timestamp.as_deref();
        let own = own.and_then(|text| text.parse::<Timestamp>().ok());
        EventHeader {
            event_id: &self.event_id,
            event_type: &self.event_type,
            aggregate_type: &self.aggregate_type,
            aggregate_id: &self.aggregate_id,
            node_id: &self.node_id,
            lamport: self.lamport,
            timestamp_us: own.map_or(otherwise_us, Timestamp::as_microsecond),
            team: self.team.as_deref(),
            project: self.project.as_deref(),
            feature: self.feature.as_deref(),
            causation_id: self.causation_id.as_deref(),
            target,
            flags,
        }
    }

    /// Puts a text into its place.
    fn keep(&mut self, key: &str, text: Cow<'a, str>) {
        match key {
            "event_id" => self.event_id = text,
            "event_type" => self.event_type = text,
            "aggregate_type" => self.aggregate_type = text,
            "aggregate_id" => self.aggregate_id = text,
            "node_id" => self.node_id = text,
            "causation_id" => self.causation_id = Some(text),
            "timestamp" => self.timestamp = Some(text),
            "team_slug" => {
                self.team = Some(text).filter(|team| !team.is_empty() && team != NO_TEAM);
            }
            "project_uuid" => self.project = Some(text),
            _ => {}
        }
    }
}

/// The keys whose values stand in the header; all but the first two may be null.
const TEXTS: [&str; 9] = [
    "event_id",
    "event_type",
    "aggregate_type",
    "aggregate_id",
    "node_id",
    "causation_id",
    "timestamp",
    "team_slug",
    "project_uuid",
];

/// Reads the envelope to its end, even when something in it is wrong.
struct Envelope;

impl<'de> Visitor<'de> for Envelope {
    type Value = Result<Foreign<'de>, Invalid>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut event = Foreign::default();
        let mut seen = HashSet::new();
        let mut first = None;
        while let Some(Key(key)) = map.next_key()? {
            let wrong = match key.as_ref() {
                "lamport_clock" => lamport(map.next_value()?).map(|value| event.lamport = value),
                "payload" => payload(map.next_value()?).map(|slug| event.feature = slug),
                name => {
                    let found = map.next_value_seed(Check {
                        rule: rule_of(name),
                        levels: MAX_DEPTH - 1,
                    })?;
                    found.and_then(|found| match found {
                        Found::Text(text) => bounded(name, &text).map(|()| event.keep(name, text)),
                        _ => Ok(()),
                    })
                }
            };
            let wrong = match wrong {
                _ if !seen.insert(key.clone()) => Some(Reason::Duplicate),
                other => other.err(),
            };
            if let (None, Some(reason)) = (&first, wrong) {
                first = Some(Invalid::new(shown(&key), reason));
            }
        }
        let needed = ["event_id", "event_type", "lamport_clock", "payload"];
        let missing = needed.iter().find(|name| !seen.contains(**name));
        let missing = missing.map(|name| Invalid::new(*name, Reason::Missing));
        Ok(first.or(missing).map_or(Ok(event), Err))
    }
}

fn rule_of(key: &str) -> Rule {
    match TEXTS.iter().position(|known| *known == key) {
        Some(0 | 1) => Rule::NonEmpty,
        Some(_) => Rule::TextOrNull,
        None => Rule::Any,
    }
}

/// A key as a report shows it.
fn shown(key: &str) -> String {
    const SHOWN_LETTERS: usize = 64;
    key.chars().take(SHOWN_LETTERS).collect()
}

fn bounded(key: &str, text: &str) -> Result<(), Reason> {
    if !TEXTS.contains(&key) {
        return Ok(());
    }
    if key == "event_id" && EventId::parse(text).is_err() {
        return Err(Reason::NotId);
    }
    if text.len() > MAX_ID_BYTES {
        let (bytes, max) = (text.len(), MAX_ID_BYTES);
        return Err(Reason::TooLong { bytes, max });
    }
    Ok(())
}

/// A clock value: digits, as the wire has it.
fn lamport(raw: &RawValue) -> Result<u64, Reason> {
    let digits = raw.get();
    let value = digits.parse::<u64>().ok();
    value
        .filter(|value| {
            digits.starts_with(|c: char| c.is_ascii_digit()) && i64::try_from(*value).is_ok()
        })
        .ok_or(Reason::NotCount)
}

/// The feature that a payload names, once the payload is known to be readable.
fn payload(raw: &RawValue) -> Result<Option<Cow<'_, str>>, Reason> {
    if !raw.get().starts_with('{') {
        return Err(Reason::NotObject);
    }
    let members = Members {
        prefix: "",
        fields: &[],
        levels: MAX_DEPTH - 2,
    };
    let kept = members
        .deserialize(&mut serde_json::Deserializer::from_str(raw.get()))
        .map_err(|error| Reason::NotJson(error.to_string()))?
        .map_err(|invalid| invalid.reason)?;
    let bounded = |slug: &Cow<'_, str>| (1..=MAX_ID_BYTES).contains(&slug.len());
    Ok(kept.feature_slug.filter(bounded))
}

#[cfg(test)]
#[path = "foreign_tests.rs"]
mod tests;
