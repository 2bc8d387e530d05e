//! The answer to a batch that the server took, read in one pass.
//!
//! A drain reads one entry for each event, nearly all of them an id and a word, so
//! an entry becomes no tree of values: only what is kept of a refusal does. Answers
//! come in the order of the request from most servers, and whatever comes in
//! another one is looked up by its id. The same is read as of a tree, whatever has
//! the wrong type included: it is passed over (`tests::tree`).

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{EventAnswer, answer_of, fields};

/// What an answer says.
#[derive(Debug, Default)]
pub(super) struct Results {
    /// One entry for each event of the request; `None` without a list of results.
    pub(super) answers: Option<Vec<Option<EventAnswer>>>,
    /// The highest clock value in it.
    pub(super) clock: Option<u64>,
}

/// Reads `body`, the answer to a request with the events `ids`; `None` when it is
/// no JSON. No id may be twice in `ids`.
pub(super) fn read(body: &[u8], ids: &[&str]) -> Option<Results> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let results = Body(ids).deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(results)
}

/// Makes a visitor accept any value, whatever it does not look into as the default
/// of what it makes.
macro_rules! or_default {
    () => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("any value")
        }
        fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
            Ok(Default::default())
        }
        fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
            Ok(Default::default())
        }
        fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
            Ok(Default::default())
        }
        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(Default::default())
        }
    };
    (and $($more:ident)+) => {
        or_default!();
        $(or_default!($more);)+
    };
    (number) => {
        fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
            Ok(Default::default())
        }
    };
    (text) => {
        fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
            Ok(Default::default())
        }
    };
    (list) => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            while list.next_element::<Value>()?.is_some() {}
            Ok(Default::default())
        }
    };
    (object) => {
        fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
            while object.next_entry::<String, Value>()?.is_some() {}
            Ok(Default::default())
        }
    };
}

/// The whole body.
struct Body<'a>(&'a [&'a str]);

impl<'de> DeserializeSeed<'de> for Body<'_> {
    type Value = Results;

    fn deserialize<D: Deserializer<'de>>(self, body: D) -> Result<Results, D::Error> {
        body.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Body<'_> {
    type Value = Results;

    or_default!(and number text list);

    fn visit_map<A: MapAccess<'de>>(self, mut body: A) -> Result<Results, A::Error> {
        let mut results = Results::default();
        // Of what is there twice the last counts, as everywhere.
        let mut rest = Map::new();
        let mut in_list = None;
        while let Some(key) = body.next_key_seed(Text)? {
            match key.as_deref() {
                Some("results") => {
                    let list = body.next_value_seed(List(self.0))?;
                    (results.answers, in_list) = list.unzip();
                }
                Some(key) => {
                    let value = body.next_value()?;
                    rest.insert(key.to_owned(), value);
                }
                None => drop(body.next_value::<Value>()?),
            }
        }
        let elsewhere = fields::clock(&Value::Object(rest));
        results.clock = elsewhere.max(in_list.flatten());
        Ok(results)
    }
}

/// The list of results: the answers, and the highest clock value. `None` when it is
/// no list.
struct List<'a>(&'a [&'a str]);

type Listed = Option<(Vec<Option<EventAnswer>>, Option<u64>)>;

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = Listed;

    fn deserialize<D: Deserializer<'de>>(self, list: D) -> Result<Listed, D::Error> {
        list.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = Listed;

    or_default!(and number text object);

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Listed, A::Error> {
        let mut matching = Matching::new(self.0);
        let mut clock = None;
        while let Some(entry) = list.next_element_seed(OfEvent)? {
            if !entry.rest.is_empty() {
                clock = clock.max(fields::clock_here(&entry.rest));
            }
            if let Some(id) = &entry.id {
                let status = entry.status.as_deref();
                let answer = status.and_then(|word| answer_of(word, &entry.rest, Some(200)));
                matching.note(id, answer);
            }
        }
        Ok(Some((matching.answers(), clock)))
    }
}

/// One entry of the list.
#[derive(Default)]
struct Entry<'de> {
    id: Option<Cow<'de, str>>,
    status: Option<Cow<'de, str>>,
    /// Everything else that is not null.
    rest: Map<String, Value>,
}

struct OfEvent;

impl<'de> DeserializeSeed<'de> for OfEvent {
    type Value = Entry<'de>;

    fn deserialize<D: Deserializer<'de>>(self, entry: D) -> Result<Entry<'de>, D::Error> {
        entry.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for OfEvent {
    type Value = Entry<'de>;

    or_default!(and number text list);

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Entry<'de>, A::Error> {
        let mut entry = Entry::default();
        while let Some(key) = object.next_key_seed(Text)? {
            match key.as_deref() {
                Some("event_id") => entry.id = object.next_value_seed(Text)?,
                Some("status") => entry.status = object.next_value_seed(Text)?,
                Some(key) => match object.next_value()? {
                    Value::Null => drop(entry.rest.remove(key)),
                    value => drop(entry.rest.insert(key.to_owned(), value)),
                },
                None => drop(object.next_value::<Value>()?),
            }
        }
        Ok(entry)
    }
}

/// A text, not copied where it is as it was sent; `None` when it is none.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Option<Cow<'de, str>>;

    fn deserialize<D: Deserializer<'de>>(self, text: D) -> Result<Self::Value, D::Error> {
        text.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Option<Cow<'de, str>>;

    or_default!(and number list object);

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text.to_owned())))
    }
}

/// Answers as they find their events.
struct Matching<'a> {
    ids: &'a [&'a str],
    /// What was said; two different answers are none.
    said: Vec<Option<Option<EventAnswer>>>,
    /// The event that the next answer is about, if answers come in order.
    next: usize,
    /// Where each event is, made when an answer comes out of order.
    places: Option<HashMap<&'a str, usize>>,
}

impl<'a> Matching<'a> {
    fn new(ids: &'a [&'a str]) -> Self {
        Self {
            ids,
            said: vec![None; ids.len()],
            next: 0,
            places: None,
        }
    }

    fn note(&mut self, id: &str, answer: Option<EventAnswer>) {
        let place = if self.ids.get(self.next) == Some(&id) {
            self.next
        } else {
            let ids = self.ids;
            let places = self.places.get_or_insert_with(|| {
                let pairs = ids.iter().enumerate();
                pairs.map(|(place, id)| (*id, place)).collect()
            });
            let Some(place) = places.get(id) else {
                return;
            };
            *place
        };
        self.next = place.saturating_add(1);
        if let Some(said) = self.said.get_mut(place) {
            match said {
                None => *said = Some(answer),
                Some(earlier) if *earlier != answer => *earlier = None,
                Some(_) => {}
            }
        }
    }

    fn answers(self) -> Vec<Option<EventAnswer>> {
        self.said.into_iter().map(Option::flatten).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const IDS: [&str; 3] = ["a", "b\n", "c"];

    /// The same read of a tree of values.
    fn tree(body: &[u8]) -> Option<Results> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let list = body.get("results").and_then(Value::as_array);
        let answers = list.map(|list| {
            let about = |id| {
                let entries = list.iter().filter_map(Value::as_object);
                let of_it = entries.filter(|entry| entry.get("event_id") == Some(&json!(id)));
                let mut said = of_it.map(|entry| {
                    let status = entry.get("status")?.as_str()?;
                    answer_of(status, entry, Some(200))
                });
                let first = said.next()?;
                said.all(|other| other == first).then_some(first)?
            };
            IDS.iter().map(|id| about(*id)).collect()
        });
        let clock = fields::clock(&body);
        Some(Results { answers, clock })
    }

    fn scalar() -> impl Strategy<Value = Value> {
        prop_oneof![
            prop::sample::select(vec![
                "a",
                "b\n",
                "c",
                "alien",
                "success",
                " Duplicate",
                "error"
            ])
            .prop_map(Value::from),
            (-2_i64..9).prop_map(Value::from),
            Just(json!(null)),
            Just(json!(1.5)),
            Just(json!(true)),
        ]
    }

    fn value() -> impl Strategy<Value = Value> {
        let key = prop::sample::select(vec![
            "event_id",
            "status",
            "results",
            "details",
            "server_clock",
            "lamport_clock",
            "retryable",
            "error",
            "code",
        ]);
        scalar().prop_recursive(3, 30, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((key.clone(), inner), 0..6)
                    .prop_map(|pairs| pairs.into_iter().collect()),
            ]
        })
    }

    /// An entry as servers write them, in any order and with anything in it.
    fn entry() -> impl Strategy<Value = Value> {
        let id = prop::sample::select(vec!["a", "b\n", "c", "alien"]);
        let status = prop::sample::select(vec!["success", "duplicate", "rejected", "queued"]);
        let more = prop::collection::vec((Just("error"), scalar()), 0..2);
        (id, status, more, 0_u64..5).prop_map(|(id, status, more, clock)| {
            let mut entry = json!({"event_id": id, "status": status, "server_clock": clock});
            more.into_iter().for_each(|(key, value)| entry[key] = value);
            entry
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn one_pass_reads_what_a_tree_says(
            body in prop_oneof![
                value(),
                prop::collection::vec(prop_oneof![4 => entry(), 1 => value()], 0..9)
                    .prop_map(|list| json!({"results": list, "server_clock": 3})),
            ],
            cut in prop::option::weighted(0.2, 0_usize..99),
        ) {
            let mut bytes = serde_json::to_vec(&body).unwrap();
            bytes.truncate(cut.unwrap_or(usize::MAX));
            let (read, tree) = (read(&bytes, &IDS), tree(&bytes));
            let parts = |results: Option<Results>| results.map(|r| (r.answers, r.clock));
            prop_assert_eq!(parts(read), parts(tree), "{}", body);
        }
    }

    #[test]
    fn of_what_is_there_twice_the_last_counts() {
        let body = br#"{"results": 7, "server_clock": 9, "results": [
            {"event_id": "c", "status": "queued", "status": "success", "error": "x", "error": null},
            {"event_id": 1, "event_id": "a", "event_id": null, "status": "success"}
        ], "server_clock": 2} "#;
        let (read, tree) = (read(body, &IDS).unwrap(), tree(body).unwrap());
        let expected = vec![None, None, Some(EventAnswer::Delivered)];
        assert_eq!(read.answers.as_ref(), Some(&expected));
        assert_eq!((&read.answers, read.clock), (&tree.answers, Some(2)));
        assert_eq!(tree.clock, Some(2));
    }
}
