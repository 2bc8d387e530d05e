//! One value held to one rule.
//!
//! Values are looked at and mostly not kept. Lists and objects are read to
//! their end even when they are wrong, and beyond the deepest level without
//! recursion.

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

use super::date_time::is_date_time;
use super::id::parse_ulid;
use super::invalid::Reason;
use super::members::Key;
use super::rules::Rule;

/// A value that is as its rule demands.
pub(super) enum Found<'de> {
    Text(Cow<'de, str>),
    Object(&'de RawValue),
    Other,
}

/// Reads one value and holds it to its rule.
pub(super) struct Check {
    pub(super) rule: Rule,
    /// How many levels of lists and objects may still be opened.
    pub(super) levels: usize,
}

type Checked<'de> = Result<Found<'de>, Reason>;

impl<'de> DeserializeSeed<'de> for Check {
    type Value = Checked<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        if self.rule != Rule::Payload {
            return deserializer.deserialize_any(self);
        }
        let raw = <&RawValue>::deserialize(deserializer)?;
        if raw.get().starts_with('{') {
            Ok(Ok(Found::Object(raw)))
        } else {
            Ok(Err(Reason::NotObject))
        }
    }
}

impl Check {
    /// What to say of a value whose type does not fit.
    const fn wrong_type(&self) -> Reason {
        match self.rule {
            Rule::Payload => Reason::NotObject,
            Rule::TextOrNull | Rule::UlidOrNull => Reason::NotTextOrNull,
            Rule::Count => Reason::NotCount,
            Rule::WpIds => Reason::NotList,
            _ => Reason::NotText,
        }
    }

    fn any(&self) -> Checked<'static> {
        if self.rule == Rule::Any {
            Ok(Found::Other)
        } else {
            Err(self.wrong_type())
        }
    }

    fn text<'de>(&self, text: Cow<'de, str>) -> Checked<'de> {
        match broken_by(self.rule, &text) {
            None => Ok(Found::Text(text)),
            Some(reason) => Err(reason),
        }
    }

    /// The check for what is inside a list or an object; none when that would
    /// be too deep.
    fn inside(&self) -> Option<Self> {
        Some(Self {
            rule: if self.rule == Rule::WpIds {
                Rule::WpId
            } else {
                Rule::Any
            },
            levels: self.levels.checked_sub(1)?,
        })
    }
}

/// What is wrong with a text under a rule.
pub(super) fn broken_by(rule: Rule, text: &str) -> Option<Reason> {
    let (holds, reason) = match rule {
        Rule::Any | Rule::Text | Rule::TextOrNull => return None,
        Rule::Payload => (false, Reason::NotObject),
        Rule::Count => (false, Reason::NotCount),
        Rule::WpIds => (false, Reason::NotList),
        Rule::NonEmpty => (!text.is_empty(), Reason::Empty),
        Rule::Word(words) => (words.contains(&text), Reason::NotOneOf(words)),
        Rule::WpId => (is_wp_id(text), Reason::NotWpId),
        Rule::FeatureSlug => (is_feature_slug(text), Reason::NotFeatureSlug),
        Rule::FeatureNumber => (is_three_digits(text), Reason::NotFeatureNumber),
        Rule::DateTime => (is_date_time(text), Reason::NotDateTime),
        Rule::Ulid | Rule::UlidOrNull => (parse_ulid(text).is_some(), Reason::NotUlid),
    };
    (!holds).then_some(reason)
}

fn is_wp_id(text: &str) -> bool {
    matches!(text.as_bytes(), [b'W', b'P', tens, ones]
        if tens.is_ascii_digit() && ones.is_ascii_digit())
}

fn is_three_digits(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_feature_slug(text: &str) -> bool {
    let Some((number, name)) = text.split_once('-') else {
        return false;
    };
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    is_three_digits(number) && !name.is_empty() && name.bytes().all(is_name)
}

impl<'de> Visitor<'de> for Check {
    type Value = Checked<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(match self.rule {
            Rule::TextOrNull | Rule::UlidOrNull => Ok(Found::Other),
            _ => self.any(),
        })
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(self.any())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(match self.rule {
            Rule::Count if i64::try_from(value).is_ok() => Ok(Found::Other),
            _ => self.any(),
        })
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(self.any())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(self.any())
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(self.text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(self.text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let Some(inside) = self.inside() else {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Err(Reason::TooDeep));
        };
        let mut outcome = match self.rule {
            Rule::Any | Rule::WpIds => Ok(Found::Other),
            _ => Err(self.wrong_type()),
        };
        while let Some(item) = items.next_element_seed(Check { ..inside })? {
            if let (true, Err(reason)) = (outcome.is_ok(), item) {
                outcome = Err(reason);
            }
        }
        Ok(outcome)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut outcome = self.any();
        let inside = self.inside();
        if inside.is_none() {
            outcome = Err(Reason::TooDeep);
        }
        while map.next_key::<Key<'_>>()?.is_some() {
            let Some(inside) = &inside else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let value = map.next_value_seed(Check {
                rule: Rule::Any,
                levels: inside.levels,
            })?;
            if let (true, Err(reason)) = (outcome.is_ok(), value) {
                outcome = Err(reason);
            }
        }
        Ok(outcome)
    }
}
