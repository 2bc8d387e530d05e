//! An event as one line of JSON: what was recorded, and what we know of it.
//!
//! The recorded bytes are copied, never parsed and printed again: numbers such
//! as `1.10` and unknown keys come out as they went in. What is added stands
//! behind them: `null` for optional fields that are absent, so that every line
//! has the same fields, and one object of our own under `local`.

use serde::Serialize;

use crate::cli::time;

use super::delivery::Delivery;
use super::entry::Entry;
use super::members::Members;

/// Fields of the envelope that an event may lack.
const OPTIONAL: [&str; 7] = [
    "causation_id",
    "team_slug",
    "project_uuid",
    "project_slug",
    "git_branch",
    "head_commit_sha",
    "repo_slug",
];

const LOCAL: &str = "local";

#[derive(Serialize)]
struct Local<'a> {
    v: u8,
    seq: u64,
    segment: u64,
    offset: u64,
    state: Option<&'static str>,
    attempts: u32,
    last_error: Option<&'a str>,
    recorded_at: Option<String>,
}

/// The event as recorded, on one line.
pub(super) fn recorded(entry: &Entry<'_>) -> String {
    one_line(entry.json)
}

/// The event with all optional fields and with `local`.
///
/// # Errors
/// When what was recorded is not a JSON object.
pub(super) fn object(
    entry: &Entry<'_>,
    delivery: &Delivery<'_>,
) -> Result<String, serde_json::Error> {
    let members = Members::read(entry.json)?;
    let mut line = if members.get(LOCAL).is_some() {
        without_local(&members)?
    } else {
        one_line(entry.json.trim_ascii_end())
    };
    line.pop();
    let mut is_first = members.iter().all(|(name, _)| name == LOCAL);
    let mut add = |name: &str, value: &str| {
        if !std::mem::take(&mut is_first) {
            line.push(',');
        }
        line.extend(["\"", name, "\":", value]);
    };
    for name in OPTIONAL {
        if members.get(name).is_none() {
            add(name, "null");
        }
    }
    add(LOCAL, &serde_json::to_string(&local(entry, delivery))?);
    line.push('}');
    Ok(line)
}

fn local<'a>(entry: &Entry<'_>, delivery: &Delivery<'a>) -> Local<'a> {
    Local {
        v: 1,
        seq: entry.seq.0,
        segment: entry.ordinal.0,
        offset: entry.offset.0,
        state: delivery.state.map(super::delivery::DeliveryState::as_str),
        attempts: delivery.attempts,
        last_error: delivery.last_error,
        recorded_at: entry.recorded_at_us().map(time::utc),
    }
}

/// The same object without the members that are called like ours: an imported
/// event may have one, and two of a name are read differently by every reader.
fn without_local(members: &Members<'_>) -> Result<String, serde_json::Error> {
    let mut line = String::from("{");
    for (name, value) in members.iter().filter(|(name, _)| *name != LOCAL) {
        if line.len() > 1 {
            line.push(',');
        }
        line.push_str(&serde_json::to_string(name)?);
        line.push(':');
        line.push_str(&one_line(value.get()));
    }
    line.push('}');
    Ok(line)
}

/// Line breaks stand only between the tokens of JSON, where a space does as well.
fn one_line(json: &str) -> String {
    json.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::super::entry::tests::entry;
    use super::*;
    use crate::cli::output::{is_hostile, visible_json};
    use crate::state::DeliveryState;

    const LOCAL_PENDING: &str = concat!(
        r#""local":{"v":1,"seq":436,"segment":3,"offset":81920,"state":"pending","#,
        r#""attempts":0,"last_error":null,"recorded_at":"2026-02-03T12:52:10.114Z"}"#
    );

    fn object_of(json: &str) -> String {
        let pending = Delivery {
            state: Some(DeliveryState::Pending),
            ..Delivery::default()
        };
        object(&entry("HistoryAdded", "WP01", json), &pending).unwrap()
    }

    #[test]
    fn recorded_bytes_come_out_as_they_went_in() {
        let json = r#"{"event_id":"x","payload":{"n":1.10, "m" :1e5,"s":"\u00e9\/","team_slug":0},"causation_id":null,"team_slug":"t","project_uuid":null,"project_slug":null,"git_branch":null,"head_commit_sha":null,"repo_slug":null}"#;
        let (members, _) = json.split_at(json.len() - 1);
        assert_eq!(object_of(json), format!("{members},{LOCAL_PENDING}}}"));
    }

    #[test]
    fn absent_fields_are_null_and_a_name_in_a_text_is_no_field() {
        let json = r#"{"event_id":"\"team_slug\":","payload":{"repo_slug":1}}"#;
        assert_eq!(
            object_of(json),
            format!(
                "{}{}{LOCAL_PENDING}}}",
                r#"{"event_id":"\"team_slug\":","payload":{"repo_slug":1},"#,
                concat!(
                    r#""causation_id":null,"team_slug":null,"project_uuid":null,"#,
                    r#""project_slug":null,"git_branch":null,"head_commit_sha":null,"repo_slug":null,"#
                )
            )
        );
    }

    #[test]
    fn an_imported_event_cannot_speak_for_us() {
        let line =
            object_of(r#"{"local":{"state":"delivered"},"payload":{"n":1.10},"loc\u0061l":1}"#);
        assert!(
            line.starts_with(r#"{"payload":{"n":1.10},"causation_id":null"#),
            "{line}"
        );
        assert_eq!(line.matches("\"local\"").count(), 1);
        assert!(object_of(r#"{"local":1}"#).starts_with(r#"{"causation_id":null"#));
        assert!(object_of("{}").starts_with(r#"{"causation_id":null"#));
    }

    #[test]
    fn line_breaks_between_tokens_do_not_break_the_line() {
        let json = "{\"a\":\r\n 1.10\n,\"b\":\"x\\ny\"\n}";
        assert_eq!(
            recorded(&entry("X", "y", json)),
            "{\"a\":   1.10 ,\"b\":\"x\\ny\" }"
        );
        assert_eq!(object_of(json).lines().count(), 1);
        serde_json::from_str::<Value>(&object_of(json)).unwrap();
    }

    #[test]
    fn what_is_no_json_is_not_passed_off_as_json() {
        let delivery = Delivery::default();
        assert!(object(&entry("X", "y", "{not json}"), &delivery).is_err());
    }

    proptest! {
        #[test]
        fn json_means_the_same_on_a_terminal_and_cannot_drive_it(text in any::<String>()) {
            let line = serde_json::to_string(&text).unwrap();
            let shown = visible_json(&line);
            prop_assert!(!shown.chars().any(is_hostile));
            prop_assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
        }
    }
}
