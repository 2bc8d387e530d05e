//! The members of an event's JSON object, values as the bytes they are.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of one JSON object, in their order.
#[derive(Debug)]
pub(super) struct Members<'a>(Vec<(Key<'a>, &'a RawValue)>);

#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Members<'a> {
    /// Reads the object; every value is checked to be JSON, none is rewritten.
    ///
    /// # Errors
    /// When the text is not one JSON object.
    pub(super) fn read(json: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// The value of `name`: the last one, when it is there more than once.
    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let mut all = self.0.iter().rev();
        all.find(|(key, _)| key.0 == name).map(|(_, value)| *value)
    }

    /// The text of `name`, when it is there and a text.
    pub(super) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        text(self.get(name)?)
    }

    /// All members with their names.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(key, value)| (key.0.as_ref(), *value))
    }
}

/// The text that `value` is.
pub(super) fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Key<'_>>(value.get())
        .ok()
        .map(|key| key.0)
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_the_bytes_they_were() {
        let members = Members::read(r#"{"a": 1.10, "b":{"x" : 1e5}, "c\u0041":"\u00e9"}"#).unwrap();
        let all: Vec<_> = members
            .iter()
            .map(|(key, value)| (key, value.get()))
            .collect();
        assert_eq!(
            all,
            [
                ("a", "1.10"),
                ("b", r#"{"x" : 1e5}"#),
                ("cA", r#""\u00e9""#)
            ]
        );
        assert_eq!(members.text("cA").as_deref(), Some("é"));
        assert_eq!(members.text("a"), None);
    }

    #[test]
    fn of_two_the_last_counts_as_in_most_readers() {
        let members = Members::read(r#"{"a":1,"a":2}"#).unwrap();
        assert_eq!(members.get("a").unwrap().get(), "2");
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for json in ["", "[]", "{", "{}x", "{\"a\":nan}", "{\"a\":1,}"] {
            assert!(Members::read(json).is_err(), "{json}");
        }
    }

    #[test]
    fn depth_costs_nothing() {
        let json = format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(Members::read(&json).is_ok());
    }
}
