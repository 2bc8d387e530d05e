//! One pass over a JSON object that checks every member by its rule.
//!
//! The JSON is read to its end even when a rule is broken, so that text that is
//! no JSON at all is said to be that, and nothing is believed of a document
//! that was read in part. Values are looked at, not kept: except for escaped
//! texts and unknown keys nothing is allocated, whatever the input.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::check::{Check, Found};
use super::invalid::{Invalid, Reason};
use super::rules::{Field, Presence, Rule};

/// The members of an object that matter beyond their validity.
#[derive(Debug, Default)]
pub(super) struct Kept<'de> {
    pub(super) event_type: Option<Cow<'de, str>>,
    pub(super) payload: Option<&'de RawValue>,
    pub(super) wp_id: Option<Cow<'de, str>>,
    pub(super) feature_slug: Option<Cow<'de, str>>,
}

/// Reads one object: its path, its fields, and how many levels it may hold.
pub(super) struct Members {
    pub(super) prefix: &'static str,
    pub(super) fields: &'static [Field],
    pub(super) levels: usize,
}

impl<'de> DeserializeSeed<'de> for Members {
    type Value = Result<Kept<'de>, Invalid>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members {
    type Value = Result<Kept<'de>, Invalid>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut seen = Seen::default();
        let mut kept = Kept::default();
        let mut first: Option<Invalid> = None;
        while let Some(Key(key)) = map.next_key()? {
            let rule = self.rule_of(&key);
            let value = map.next_value_seed(Check {
                rule,
                levels: self.levels,
            })?;
            let fresh = seen.insert(self.fields, key.clone());
            let wrong = match value {
                _ if !fresh => Some(Reason::Duplicate),
                Err(reason) => Some(reason),
                Ok(found) => {
                    kept.keep(&key, found);
                    None
                }
            };
            if let (None, Some(reason)) = (&first, wrong) {
                first = Some(Invalid::new(self.path_of(&key), reason));
            }
        }
        let first = first.or_else(|| {
            let missing = seen.missing(self.fields)?;
            Some(Invalid::new(self.path_of(missing.name), Reason::Missing))
        });
        Ok(first.map_or(Ok(kept), Err))
    }
}

impl Members {
    fn rule_of(&self, key: &str) -> Rule {
        let field = self.fields.iter().find(|field| field.name == key);
        field.map_or(Rule::Any, |field| field.rule)
    }

    /// The path of a member; a key that is longer than any of ours is cut.
    fn path_of(&self, key: &str) -> String {
        const SHOWN_LETTERS: usize = 64;
        let mut path: String = self
            .prefix
            .chars()
            .chain(key.chars().take(SHOWN_LETTERS))
            .collect();
        if key.chars().nth(SHOWN_LETTERS).is_some() {
            path.push('…');
        }
        path
    }
}

impl<'de> Kept<'de> {
    pub(super) fn keep(&mut self, key: &str, found: Found<'de>) {
        match (key, found) {
            ("event_type", Found::Text(text)) => self.event_type = Some(text),
            ("wp_id", Found::Text(text)) => self.wp_id = Some(text),
            ("feature_slug", Found::Text(text)) => self.feature_slug = Some(text),
            ("payload", Found::Object(raw)) => self.payload = Some(raw),
            _ => {}
        }
    }
}

/// Which keys were there already.
#[derive(Default)]
struct Seen<'de> {
    known: u32,
    unknown: HashSet<Cow<'de, str>>,
}

impl<'de> Seen<'de> {
    /// Whether the key is there for the first time.
    fn insert(&mut self, fields: &[Field], key: Cow<'de, str>) -> bool {
        match fields.iter().position(|field| field.name == key) {
            Some(index) => {
                let before = self.known;
                self.known |= 1 << index;
                before != self.known
            }
            None => self.unknown.insert(key),
        }
    }

    fn missing<'f>(&self, fields: &'f [Field]) -> Option<&'f Field> {
        let mut indexed = fields.iter().enumerate();
        let (_, field) = indexed.find(|(index, field)| {
            field.presence == Presence::Required && self.known & (1 << index) == 0
        })?;
        Some(field)
    }
}

/// A key, borrowed unless it was escaped.
pub(super) struct Key<'de>(pub(super) Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrow;
        impl<'de> Visitor<'de> for Borrow {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Borrow)
    }
}
