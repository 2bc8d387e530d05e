//! Events as lists of keys and raw tokens, so that anything can be written.

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use spec_kitty::event::EventType;

use crate::tokens::{quoted, token};

/// One key and the JSON token that stands for its value.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub key: String,
    pub token: String,
}

impl Member {
    pub(crate) fn new(key: &str, token: &str) -> Self {
        Self {
            key: key.to_owned(),
            token: token.to_owned(),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub envelope: Vec<Member>,
    pub payload: Vec<Member>,
    /// Whitespace around every token.
    space: &'static str,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    Envelope,
    Payload,
}

/// Something done to an event.
#[derive(Clone, Debug)]
pub(crate) enum Mutation {
    Remove(Part, Index),
    Replace(Part, Index, String),
    Add(Part, Member),
    Repeat(Part, Index, String),
}

/// Stands for the payload among the envelope's tokens.
const PAYLOAD: &str = "PAYLOAD";

impl Event {
    /// A valid event without optional fields.
    pub(crate) fn example() -> Self {
        let envelope = [
            ("event_id", "\"01M81BTPP6PS3R3G0D5WC0XV38\""),
            ("event_type", "\"WPAssigned\""),
            ("aggregate_id", "\"WP01\""),
            ("aggregate_type", "\"WorkPackage\""),
            ("payload", PAYLOAD),
            ("node_id", "\"a\""),
            ("lamport_clock", "3"),
            ("timestamp", "\"2026-11-22T10:11:33Z\""),
            ("team_slug", "\"acme\""),
        ];
        let payload = [
            ("wp_id", "\"WP01\""),
            ("agent_id", "\"a\""),
            ("phase", "\"review\""),
        ];
        let members = |list: &[(&str, &str)]| {
            let members = list.iter().map(|(key, token)| Member::new(key, token));
            members.collect()
        };
        Self {
            envelope: members(&envelope),
            payload: members(&payload),
            space: "",
        }
    }

    pub(crate) fn text(&self) -> String {
        self.object(&self.envelope)
    }

    pub(crate) fn payload_text(&self) -> String {
        self.object(&self.payload)
    }

    pub(crate) fn event_type(&self) -> String {
        let mut types = self
            .envelope
            .iter()
            .filter(|member| member.key == "event_type");
        let token = &types.next().unwrap().token;
        token.trim_matches('"').to_owned()
    }

    fn object(&self, members: &[Member]) -> String {
        let space = self.space;
        let member = |Member { key, token }: &Member| {
            let payload = (token == PAYLOAD).then(|| self.payload_text());
            let token = payload.as_ref().unwrap_or(token);
            format!("{space}\"{key}\"{space}:{space}{token}{space}")
        };
        let members: Vec<String> = members.iter().map(member).collect();
        format!("{space}{{{}{space}}}{space}", members.join(","))
    }

    pub(crate) fn part(&mut self, part: Part) -> &mut Vec<Member> {
        match part {
            Part::Envelope => &mut self.envelope,
            Part::Payload => &mut self.payload,
        }
    }

    pub(crate) fn mutate(&mut self, mutation: Mutation) {
        match mutation {
            Mutation::Remove(part, at) => {
                let members = self.part(part);
                if !members.is_empty() {
                    members.remove(at.index(members.len()));
                }
            }
            Mutation::Replace(part, at, token) => {
                let members = self.part(part);
                if !members.is_empty() {
                    at.get_mut(members).token = token;
                }
            }
            Mutation::Add(part, member) => self.part(part).push(member),
            Mutation::Repeat(part, at, token) => {
                let members = self.part(part);
                if !members.is_empty() {
                    let key = at.get(members).key.clone();
                    members.push(Member { key, token });
                }
            }
        }
    }
}

pub(crate) fn part() -> impl Strategy<Value = Part> {
    prop_oneof![Just(Part::Envelope), Just(Part::Payload)]
}

pub(crate) fn mutation() -> impl Strategy<Value = Mutation> {
    let index = any::<Index>;
    let key = "[a-z_]{1,6}|feature_slug|project_uuid|k\\\\u0065y";
    let member = (key, token()).prop_map(|(key, token)| Member { key, token });
    prop_oneof![
        2 => (part(), index()).prop_map(|(part, at)| Mutation::Remove(part, at)),
        6 => (part(), index(), token())
            .prop_map(|(part, at, token)| Mutation::Replace(part, at, token)),
        2 => (part(), member).prop_map(|(part, member)| Mutation::Add(part, member)),
        1 => (part(), index(), token())
            .prop_map(|(part, at, token)| Mutation::Repeat(part, at, token)),
    ]
}

/// A valid token for a field, by its name.
fn valid(field: &'static str) -> BoxedStrategy<String> {
    let words =
        |words: &'static [&'static str]| prop::sample::select(words).prop_map(quoted).boxed();
    match field {
        "payload" => Just(PAYLOAD.to_owned()).boxed(),
        "event_id" | "causation_id" => "\"[0-7][0-9A-HJKMNP-TV-Z]{25}\"".boxed(),
        "aggregate_type" => words(&["WorkPackage", "Feature"]),
        "timestamp" | "created_at" | "completed_at" => words(&[
            "2026-11-22T10:11:33.694788+00:00",
            "2026-02-03t12:00:00z",
            "2016-12-31T23:59:60Z",
        ]),
        "lamport_clock" | "retry_count" | "wp_count" | "total_wps" => {
            (0..=i64::MAX).prop_map(|count| count.to_string()).boxed()
        }
        "wp_id" | "dependency_wp_id" => "\"WP[0-9]{2}\"".boxed(),
        "dependencies" => prop::collection::vec("\"WP[0-9]{2}\"", 0..3)
            .prop_map(|ids| format!("[{}]", ids.join(", ")))
            .boxed(),
        "previous_status" | "new_status" => words(&["planned", "doing", "for_review", "done"]),
        "phase" => words(&["implementation", "review"]),
        "entry_type" => words(&["note", "review", "error", "comment"]),
        "error_type" => words(&["validation", "runtime", "network", "auth", "unknown"]),
        "resolution_type" => words(&["completed", "skipped", "merged"]),
        "feature_slug" => "\"[0-9]{3}-[a-z0-9-]{1,8}\"".boxed(),
        "feature_number" => "\"[0-9]{3}\"".boxed(),
        _ => any::<String>()
            .prop_map(|text| quoted(&format!("x{text}")))
            .boxed(),
    }
}

type Names = &'static [&'static str];

/// The fields of a payload that the schema knows: required, optional.
fn fields(event_type: EventType) -> (Names, Names) {
    match event_type {
        EventType::WpStatusChanged => (
            &["wp_id", "previous_status", "new_status"],
            &["changed_by", "feature_slug"],
        ),
        EventType::WpCreated => (&["wp_id", "title", "feature_slug"], &["dependencies"]),
        EventType::WpAssigned => (&["wp_id", "agent_id", "phase"], &["retry_count"]),
        EventType::FeatureCreated => (
            &[
                "feature_slug",
                "feature_number",
                "target_branch",
                "wp_count",
            ],
            &["created_at"],
        ),
        EventType::FeatureCompleted => (
            &["feature_slug", "total_wps"],
            &["completed_at", "total_duration"],
        ),
        EventType::HistoryAdded => (&["wp_id", "entry_type", "entry_content"], &["author"]),
        EventType::ErrorLogged => (
            &["error_type", "error_message"],
            &["wp_id", "stack_trace", "agent_id"],
        ),
        EventType::DependencyResolved => (&["wp_id", "dependency_wp_id", "resolution_type"], &[]),
    }
}

/// All required and some optional members, in any order.
fn members(required: Names, optional: Names) -> impl Strategy<Value = Vec<Member>> {
    let member = |name: &'static str| valid(name).prop_map(move |token| Member::new(name, &token));
    let required = required
        .iter()
        .map(|name| member(name).prop_map(Some).boxed());
    let optional = optional
        .iter()
        .map(|name| prop::option::of(member(name)).boxed());
    let all: Vec<BoxedStrategy<Option<Member>>> = required.chain(optional).collect();
    all.prop_map(|members| members.into_iter().flatten().collect::<Vec<_>>())
        .prop_shuffle()
}

/// A valid event of one type.
fn event_of(event_type: EventType) -> impl Strategy<Value = Event> {
    let (required, optional) = fields(event_type);
    let envelope = members(
        &[
            "event_id",
            "aggregate_id",
            "aggregate_type",
            "payload",
            "node_id",
            "lamport_clock",
            "timestamp",
            "team_slug",
        ],
        &["causation_id", "project_uuid"],
    );
    let space = prop::sample::select(&["", " ", "\n\t", "\r\n "][..]);
    let parts = (envelope, members(required, optional), space, any::<Index>());
    parts.prop_map(move |(mut envelope, payload, space, at)| {
        let event_type = Member::new("event_type", &quoted(event_type.as_str()));
        envelope.insert(at.index(envelope.len()), event_type);
        Event {
            envelope,
            payload,
            space,
        }
    })
}

/// A valid event of each type with every field that the schema knows.
pub(crate) fn full_events() -> Vec<Event> {
    let mut runner = TestRunner::deterministic();
    let mut full = |event_type: EventType| {
        let (required, optional) = fields(event_type);
        let mut event = event_of(event_type)
            .new_tree(&mut runner)
            .unwrap()
            .current();
        let known = required.iter().chain(optional);
        event.payload = known
            .map(|name| Member::new(name, &valid(name).new_tree(&mut runner).unwrap().current()))
            .collect();
        event
    };
    EventType::ALL
        .iter()
        .map(|event_type| full(*event_type))
        .collect()
}

/// A valid event of any type.
pub(crate) fn event() -> impl Strategy<Value = Event> {
    prop::sample::select(EventType::ALL).prop_flat_map(event_of)
}
