//! What an event says, in a few words.
//!
//! Payloads are read leniently: a field that is missing or of another type is
//! left out, an event type that is not known is shown as its payload. All texts
//! come out escaped and on one line.

use std::borrow::Cow;

use crate::cli::columns::counted;
use crate::cli::output::visible_line;
use crate::event::EventType;

use super::entry::Entry;
use super::members::{self, Members};

/// An event in words; nothing in it can drive a terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Summary {
    /// What it is about, short.
    pub(super) subject: String,
    /// What happened to it.
    pub(super) text: String,
    /// The same where room is short, if there is a shorter way.
    pub(super) brief: Option<String>,
    /// Who did it, when the event says so.
    pub(super) actor: Option<String>,
}

/// Texts longer than this are cut: a line shows less anyway.
const MOST_BYTES: usize = 2048;

impl Summary {
    /// Reads what the event says.
    pub(super) fn of(entry: &Entry<'_>) -> Self {
        let envelope = Members::read(entry.json).ok();
        let payload = envelope.as_ref().and_then(|event| event.get("payload"));
        let members = payload.and_then(|payload| Members::read(payload.get()).ok());
        let known = entry.header.event_type.parse::<EventType>().ok();
        let summary = match (known, members) {
            (Some(event_type), Some(members)) => Payload(members).summary(event_type),
            _ => Self {
                text: shown(payload.map_or("", |payload| payload.get())),
                ..Self::default()
            },
        };
        let subject = if summary.subject.is_empty() {
            shown(entry.header.aggregate_id)
        } else {
            summary.subject
        };
        Self { subject, ..summary }
    }
}

struct Payload<'a>(Members<'a>);

impl Payload<'_> {
    fn summary(&self, event_type: EventType) -> Summary {
        match event_type {
            EventType::WpStatusChanged => self.status_changed(),
            EventType::WpCreated => Summary {
                text: self.get("title"),
                ..Summary::default()
            },
            EventType::WpAssigned => self.assigned(),
            EventType::FeatureCreated => Summary {
                subject: self.get("feature_number"),
                text: joined(&[
                    self.number("wp_count")
                        .map_or_else(String::new, work_packages),
                    prefixed("target ", &self.get("target_branch")),
                ]),
                ..Summary::default()
            },
            EventType::FeatureCompleted => Summary {
                text: joined(&[
                    self.number("total_wps")
                        .map_or_else(String::new, work_packages),
                    self.get("total_duration"),
                ]),
                ..Summary::default()
            },
            EventType::HistoryAdded => self.history(),
            EventType::ErrorLogged => Summary {
                text: match (self.get("error_type"), self.get("error_message")) {
                    (kind, message) if kind.is_empty() => message,
                    (kind, message) => format!("{kind}: {message}"),
                },
                actor: self.actor("agent_id"),
                ..Summary::default()
            },
            EventType::DependencyResolved => Summary {
                text: joined(&[
                    prefixed("no longer waits for ", &self.get("dependency_wp_id")),
                    self.get("resolution_type"),
                ]),
                brief: Some(prefixed("past ", &self.get("dependency_wp_id"))),
                ..Summary::default()
            },
        }
    }

    /// The later vocabulary, which imported events may use, says the same with
    /// other words.
    fn status_changed(&self) -> Summary {
        let from = self.either("previous_status", "from_lane");
        let to = prefixed("→ ", &self.either("new_status", "to_lane"));
        Summary {
            text: format!("{from} {to}").trim().to_owned(),
            brief: Some(to),
            actor: self.actor("changed_by").or_else(|| self.actor("actor")),
            ..Summary::default()
        }
    }

    fn assigned(&self) -> Summary {
        let tries = self.number("retry_count").filter(|retries| *retries > 0);
        let tries = tries.map_or_else(String::new, |retries| {
            format!("try {}", retries.saturating_add(1))
        });
        Summary {
            text: joined(&[self.get("agent_id"), self.get("phase"), tries]),
            ..Summary::default()
        }
    }

    fn history(&self) -> Summary {
        let content = format!("“{}”", self.get("entry_content"));
        let text = match self.get("entry_type") {
            kind if kind.is_empty() || kind == "note" => content,
            kind => format!("{kind} {content}"),
        };
        Summary {
            text,
            actor: self.actor("author"),
            ..Summary::default()
        }
    }

    fn either(&self, name: &str, other: &str) -> String {
        let value = self.get(name);
        if value.is_empty() {
            self.get(other)
        } else {
            value
        }
    }

    /// The field as text; empty when it is absent or null.
    fn get(&self, name: &str) -> String {
        let Some(value) = self.0.get(name) else {
            return String::new();
        };
        match value.get() {
            "null" => String::new(),
            other => {
                let text = members::text(value).unwrap_or(Cow::Borrowed(other));
                shown(&text)
            }
        }
    }

    fn actor(&self, name: &str) -> Option<String> {
        Some(self.get(name)).filter(|actor| !actor.is_empty())
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.get().parse().ok()
    }
}

fn shown(text: &str) -> String {
    let end = (0..=MOST_BYTES.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    visible_line(text.get(..end.unwrap_or(0)).unwrap_or_default())
}

fn work_packages(count: u64) -> String {
    counted(count, "work package", "work packages")
}

fn prefixed(prefix: &str, text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!("{prefix}{text}")
    }
}

fn joined(parts: &[String]) -> String {
    let parts: Vec<_> = parts.iter().filter(|part| !part.is_empty()).collect();
    parts
        .iter()
        .map(|part| part.as_str())
        .collect::<Vec<_>>()
        .join(" · ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::entry::tests::entry;
    use super::*;
    use crate::cli::output::is_hostile;

    fn of(event_type: &str, payload: &str) -> (String, String, Option<String>) {
        let json = format!(r#"{{"payload":{payload}}}"#);
        let summary = Summary::of(&entry(event_type, "WP01", &json));
        (summary.subject, summary.text, summary.actor)
    }

    #[test]
    fn every_type_says_what_happened() {
        for (event_type, payload, subject, text, actor) in [
            (
                "WPStatusChanged",
                r#"{"previous_status":"planned","new_status":"doing","changed_by":"claude"}"#,
                "WP01",
                "planned → doing",
                "claude",
            ),
            (
                "WPStatusChanged",
                r#"{"from_lane":"planned","to_lane":"in_progress","actor":"user"}"#,
                "WP01",
                "planned → in_progress",
                "user",
            ),
            (
                "WPCreated",
                r#"{"title":"Event Factory"}"#,
                "WP01",
                "Event Factory",
                "",
            ),
            (
                "WPAssigned",
                r#"{"agent_id":"claude","phase":"review","retry_count":0}"#,
                "WP01",
                "claude · review",
                "",
            ),
            (
                "WPAssigned",
                r#"{"agent_id":"claude","phase":"review","retry_count":2}"#,
                "WP01",
                "claude · review · try 3",
                "",
            ),
            (
                "FeatureCreated",
                r#"{"feature_number":"028","wp_count":7,"target_branch":"2.x"}"#,
                "028",
                "7 work packages · target 2.x",
                "",
            ),
            (
                "FeatureCompleted",
                r#"{"total_wps":1,"total_duration":null}"#,
                "WP01",
                "1 work package",
                "",
            ),
            (
                "HistoryAdded",
                r#"{"entry_type":"note","entry_content":"begun","author":"bob"}"#,
                "WP01",
                "“begun”",
                "bob",
            ),
            (
                "HistoryAdded",
                r#"{"entry_type":"review","entry_content":"fine\nso far"}"#,
                "WP01",
                "review “fine␊so far”",
                "",
            ),
            (
                "ErrorLogged",
                r#"{"error_type":"runtime","error_message":"2 failed","agent_id":null}"#,
                "WP01",
                "runtime: 2 failed",
                "",
            ),
            (
                "DependencyResolved",
                r#"{"dependency_wp_id":"WP02","resolution_type":"merged"}"#,
                "WP01",
                "no longer waits for WP02 · merged",
                "",
            ),
            (
                "Lunch",
                r#"{"menu": 1.10}"#,
                "WP01",
                r#"{"menu": 1.10}"#,
                "",
            ),
        ] {
            let actor = Some(actor.to_owned()).filter(|actor| !actor.is_empty());
            assert_eq!(
                of(event_type, payload),
                (subject.into(), text.into(), actor)
            );
        }
    }

    #[test]
    fn a_payload_of_another_shape_is_shown_as_far_as_it_goes() {
        assert_eq!(of("WPCreated", "[1]").1, "[1]");
        assert_eq!(of("WPCreated", r#"{"title":7}"#).1, "7");
        assert_eq!(of("WPStatusChanged", "{}").1, "");
        assert_eq!(of("HistoryAdded", "null").1, "null");
    }

    #[test]
    fn a_huge_text_costs_no_more_than_its_beginning() {
        let payload = format!(r#"{{"title":"{}"}}"#, "é".repeat(1_000_000));
        assert!(of("WPCreated", &payload).1.len() <= MOST_BYTES);
    }

    proptest! {
        #[test]
        fn nothing_in_an_event_can_drive_a_terminal(
            text in any::<String>(), about in any::<String>(), which in 0_usize..9,
        ) {
            let quoted = serde_json::to_string(&text).unwrap();
            let names = ["title", "new_status", "changed_by", "agent_id", "feature_number",
                "target_branch", "entry_content", "error_message", "total_duration"];
            let fields: Vec<_> = names.iter().map(|name| format!("\"{name}\":{quoted}")).collect();
            let json = format!(r#"{{"payload":{{{}}}}}"#, fields.join(","));
            let event_type = EventType::WORDS.get(which).copied().unwrap_or("Other");
            let summary = Summary::of(&entry(event_type, &about, &json));
            let all = [Some(summary.subject), Some(summary.text), summary.brief, summary.actor];
            prop_assert!(!all.into_iter().flatten().any(|text| text.chars().any(is_hostile)));
        }
    }
}
