//! Our validation against the schema itself.
//!
//! The checks in `src/event/` are written by hand, so that they can name the
//! field that is wrong. A JSON-Schema library reads `events.schema.json` and
//! must come to the same verdict on valid events, and on events with anything
//! at all done to them. Where we refuse what the schema allows, it is one of
//! the exceptions listed in [`is_named_exception`]; where the schema refuses,
//! we always do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod generate;
mod tokens;

use std::path::Path;
use std::sync::LazyLock;

use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::Value;
use spec_kitty::event::{
    Context, Draft, EventId, EventType, Invalid, MAX_DEPTH, Reason, SCHEMA, render, splice_team,
    validate_recorded, validate_wire,
};
use spec_kitty::position::Lamport;

use generate::{Event, Member, Mutation, Part, event, full_events, mutation};
use tokens::{odd_tokens, token};

static WIRE: LazyLock<Validator> = LazyLock::new(|| validator(&schema()));

static RECORDED: LazyLock<Validator> = LazyLock::new(|| {
    let mut schema = schema();
    let required = &mut schema["definitions"]["Event"]["required"];
    let required = required.as_array_mut().unwrap();
    required.retain(|field| field != "team_slug");
    validator(&schema)
});

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

fn validator(schema: &Value) -> Validator {
    let options = jsonschema::options().should_validate_formats(true);
    options.build(schema).unwrap()
}

/// What we refuse although the schema allows it.
fn is_named_exception(invalid: &Invalid, event: &Event, value: &Value) -> bool {
    // A key that is there twice: the library only sees the last one, while we
    // may have found something wrong with the first.
    let written = (event.envelope.len(), event.payload.len());
    if written != (len(value), len(&value["payload"])) {
        return true;
    }
    let pointer = format!("/{}", invalid.field.replace('.', "/"));
    let named = value.pointer(&pointer);
    match invalid.reason {
        // A ULID above 7ZZZ…, which has more than 128 bits.
        Reason::NotUlid => {
            let text = named.and_then(Value::as_str).unwrap();
            text.len() == 26 && text.as_bytes()[0] > b'7'
        }
        // 1.0, 1e2, -0, and whole numbers beyond 2^63 - 1.
        Reason::NotCount => {
            let Some(Value::Number(number)) = named else {
                return false;
            };
            number.is_f64() || number.as_u64().is_some_and(|n| i64::try_from(n).is_err())
        }
        // So deep that some reader would give up.
        Reason::TooDeep => depth(value) > MAX_DEPTH,
        _ => false,
    }
}

fn len(value: &Value) -> usize {
    value.as_object().map_or(0, serde_json::Map::len)
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Holds our verdict on an event to the library's.
fn assert_same_verdict(event: &Event) {
    let text = event.text();
    let wire = validate_wire(text.as_bytes());
    let recorded = validate_recorded(text.as_bytes());
    let Ok(value) = serde_json::from_str::<Value>(&text) else {
        assert!(wire.is_err() && recorded.is_err(), "no JSON: {text}");
        return;
    };
    for (ours, schema) in [(wire, &*WIRE), (recorded, &*RECORDED)] {
        match (ours, schema.is_valid(&value)) {
            (Ok(()), true) | (Err(_), false) => {}
            (Ok(()), false) => panic!("the schema refuses what we allow: {text}"),
            (Err(invalid), true) => assert!(
                is_named_exception(&invalid, event, &value),
                "we refuse what the schema allows: {invalid}: {text}"
            ),
        }
    }
}

fn shared() -> Option<std::path::PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let named = std::env::var_os("SPEC_KITTY_SHARED").map(Into::into);
    [named, Some(beside)]
        .into_iter()
        .flatten()
        .find(|path| path.is_dir())
}

#[test]
fn our_schema_is_the_shared_one() {
    let Some(shared) = shared() else {
        return;
    };
    let agreed = std::fs::read_to_string(shared.join("contracts/events.schema.json")).unwrap();
    assert_eq!(SCHEMA, agreed);
}

#[test]
fn the_vocabularies_are_those_of_the_schema() {
    let schema = schema();
    let words = |path: &str| {
        schema
            .pointer(&format!("/definitions/{path}/enum"))
            .unwrap()
    };
    use spec_kitty::event::{AggregateType, EntryType, ErrorKind, Lane, Phase, Resolution};
    for (path, ours) in [
        ("Event/properties/event_type", EventType::WORDS),
        ("Event/properties/aggregate_type", AggregateType::WORDS),
        ("WPStatusChangedPayload/properties/new_status", Lane::WORDS),
        (
            "WPStatusChangedPayload/properties/previous_status",
            Lane::WORDS,
        ),
        ("WPAssignedPayload/properties/phase", Phase::WORDS),
        (
            "HistoryAddedPayload/properties/entry_type",
            EntryType::WORDS,
        ),
        ("ErrorLoggedPayload/properties/error_type", ErrorKind::WORDS),
        (
            "DependencyResolvedPayload/properties/resolution_type",
            Resolution::WORDS,
        ),
    ] {
        assert_eq!(*words(path), Value::from(ours), "{path}");
    }
}

/// Every exception in its own right: the schema allows it, we do not.
#[test]
fn the_exceptions_are_these() {
    let base = Event::example();
    let refused = |part, key: &str, token: &str| {
        let mut event = base.clone();
        event.part(part).push(Member::new(key, token));
        let text = event.text();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert!(WIRE.is_valid(&value), "the schema allows {token}");
        validate_wire(text.as_bytes()).unwrap_err().reason
    };
    let ulid = "\"8ZZZZZZZZZZZZZZZZZZZZZZZZZ\"";
    assert_eq!(
        refused(Part::Envelope, "causation_id", ulid),
        Reason::NotUlid
    );
    for number in ["1.0", "1e2", "-0", "9223372036854775808", "1e30"] {
        let reason = refused(Part::Payload, "retry_count", number);
        assert_eq!(reason, Reason::NotCount, "{number}");
    }
    assert_eq!(
        refused(Part::Payload, "agent_id", "\"b\""),
        Reason::Duplicate
    );
    assert_eq!(
        refused(Part::Envelope, "node_id", "\"b\""),
        Reason::Duplicate
    );
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    assert_eq!(refused(Part::Payload, "deep", &deep), Reason::TooDeep);
}

#[test]
fn every_odd_token_in_every_known_field_gets_the_same_verdict() {
    let tokens = odd_tokens();
    for event in full_events() {
        for part in [Part::Envelope, Part::Payload] {
            for at in 0..event.clone().part(part).len() {
                let mut event = event.clone();
                for token in &tokens {
                    event.part(part)[at].token.clone_from(token);
                    assert_same_verdict(&event);
                }
                event.part(part).remove(at);
                assert_same_verdict(&event);
            }
        }
    }
}

/// The original's events, whitespace aside, are what we write ourselves.
#[test]
fn what_we_render_is_what_the_original_sends() {
    let lines = include_str!("../fixtures/python-home/examples/events.jsonl");
    let mut rendered = 0;
    for line in lines.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| value[key].as_str().map(str::to_owned);
        let cause = text("causation_id").map(|id| EventId::parse(&id).unwrap());
        let start = line.find("\"payload\": ").unwrap() + "\"payload\": ".len();
        let payload = &line[start..line.find(", \"node_id\"").unwrap()];
        let event_type = text("event_type").unwrap();
        let draft = match Draft::from_json(&event_type, payload, cause) {
            Ok(draft) => draft,
            Err(invalid) => {
                assert_eq!(
                    invalid.field, "payload.previous_status",
                    "the later vocabulary"
                );
                continue;
            }
        };
        let timestamp: jiff::Timestamp = text("timestamp").unwrap().parse().unwrap();
        let context = Context {
            node_id: text("node_id").unwrap(),
            team_slug: text("team_slug"),
            project_uuid: text("project_uuid"),
            project_slug: text("project_slug"),
            git_branch: text("git_branch"),
            head_commit_sha: text("head_commit_sha"),
            repo_slug: text("repo_slug"),
            timestamp_us: timestamp.as_microsecond(),
            ..Context::default()
        };
        let id = EventId::parse(&text("event_id").unwrap()).unwrap();
        let lamport = Lamport(value["lamport_clock"].as_u64().unwrap());
        let ours = String::from_utf8(render(&draft, &context, &id, lamport)).unwrap();
        assert_eq!(ours, line.replace("\": ", "\":").replace(", \"", ",\""));
        validate_wire(ours.as_bytes()).unwrap();
        rendered += 1;
    }
    assert_eq!(rendered, 7);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_valid_event_of_any_type_is_valid_to_both(event in event()) {
        prop_assert_eq!(validate_wire(event.text().as_bytes()), Ok(()));
        assert_same_verdict(&event);
    }

    #[test]
    fn a_mutated_event_gets_the_same_verdict_from_both(
        event in event(), mutations in prop::collection::vec(mutation(), 1..4),
    ) {
        let mut event = event;
        mutations.into_iter().for_each(|mutation| event.mutate(mutation));
        assert_same_verdict(&event);
    }

    #[test]
    fn the_one_field_that_is_wrong_is_the_one_that_is_named(
        event in event(), part in generate::part(), at: prop::sample::Index, token in token(),
    ) {
        let mut event = event;
        let changed = at.get_mut(event.part(part));
        if matches!(&*changed.key, "event_type" | "payload") {
            return Ok(());
        }
        let path = match part {
            Part::Envelope => changed.key.clone(),
            Part::Payload => format!("payload.{}", changed.key),
        };
        changed.token = token;
        if let Err(invalid) = validate_wire(event.text().as_bytes()) {
            let whole = matches!(invalid.reason, Reason::NotJson(_));
            prop_assert!(whole || invalid.field == path, "{}: {}", invalid, event.text());
        }
    }

    #[test]
    fn a_draft_is_what_the_schema_calls_a_payload(event in event(), mutation in mutation()) {
        let mut event = event;
        if matches!(mutation, Mutation::Remove(Part::Payload, _) | Mutation::Replace(Part::Payload, ..)) {
            event.mutate(mutation);
        }
        let id = EventId::parse("01M81BTPP6PS3R3G0D5WC0XV38").unwrap();
        let context = Context { node_id: "n".to_owned(), ..Context::default() };
        match Draft::from_json(&event.event_type(), &event.payload_text(), None) {
            Ok(draft) => {
                let recorded = render(&draft, &context, &id, Lamport(1));
                prop_assert_eq!(validate_recorded(&recorded), Ok(()));
                prop_assert!(RECORDED.is_valid(&serde_json::from_slice(&recorded).unwrap()));
                let wire = splice_team(&recorded, "acme");
                prop_assert!(WIRE.is_valid(&serde_json::from_slice(&wire).unwrap()));
                let (given, kept): (Value, Value) = (
                    serde_json::from_str(&event.payload_text()).unwrap(),
                    serde_json::from_str(draft.payload()).unwrap(),
                );
                prop_assert_eq!(given, kept);
            }
            Err(invalid) => {
                let named_empty = invalid.reason == Reason::Empty;
                let valid = validate_wire(event.text().as_bytes()).is_ok();
                prop_assert!(!valid || named_empty, "{}: {}", invalid, event.text());
            }
        }
    }

    #[test]
    fn bytes_of_any_kind_get_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        prop_assert!(validate_wire(&bytes).is_err());
    }

    #[test]
    fn a_cut_event_is_never_valid(event in event(), at: prop::sample::Index) {
        let text = event.text();
        let text = text.trim_ascii_end();
        let cut = &text.as_bytes()[..at.index(text.len())];
        prop_assert!(validate_wire(cut).is_err());
    }
}
