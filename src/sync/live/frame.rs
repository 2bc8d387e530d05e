//! What a server says over the socket. Pure.
//!
//! A frame is a JSON object with a `type`. Of each only what matters is read,
//! and whatever is not understood is [`Frame::Other`]: too new, too large, not
//! JSON, or hostile, it changes nothing. What the server says about an event
//! is judged as the same words in the answer to a batch are.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::position::Lamport;
use crate::state::EventKey;
use crate::sync::outcome::{self, EventAnswer};

/// The most bytes of a frame that speaks of one event of ours.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// The most bytes of a timestamp that is given back.
const MAX_TIMESTAMP_BYTES: usize = 128;

/// A frame from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// How things stand: the first frame of a connection.
    Snapshot {
        /// The highest clock value in it.
        clock: Option<Lamport>,
    },
    /// An event of somebody in the team.
    Event {
        /// Its clock value.
        clock: Option<Lamport>,
    },
    /// A question whether we are there.
    Ping {
        /// What the answer has to repeat, as JSON.
        timestamp: String,
    },
    /// What became of an event of ours.
    Answer {
        /// Which.
        event: EventKey,
        /// What.
        answer: EventAnswer,
    },
    /// Anything else.
    Other,
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow, default)]
    lamport_clock: Option<&'a RawValue>,
    #[serde(borrow, default)]
    server_clock: Option<&'a RawValue>,
    #[serde(borrow, default)]
    work_packages: Option<&'a RawValue>,
}

impl Raw<'_> {
    fn clock(&self) -> Option<Lamport> {
        let clocks = [self.lamport_clock, self.server_clock].into_iter();
        let clocks = clocks.flatten().filter_map(|raw| raw.get().parse().ok());
        clocks.max().map(Lamport)
    }
}

/// Reads one text frame.
///
/// ```
/// use spec_kitty::position::Lamport;
/// use spec_kitty::sync::live::frame::{Frame, read};
/// let frame = read(r#"{"type":"event","lamport_clock":7}"#);
/// assert_eq!(frame, Frame::Event { clock: Some(Lamport(7)) });
/// assert_eq!(read("<html>"), Frame::Other);
/// ```
#[must_use]
pub fn read(text: &str) -> Frame {
    understood(text).unwrap_or(Frame::Other)
}

fn understood(text: &str) -> Option<Frame> {
    let raw = object(text)?;
    let kind: Cow<'_, str> = serde_json::from_str(raw.kind?.get()).ok()?;
    match kind.as_ref() {
        "snapshot" => {
            let entries = raw.work_packages.map_or_else(Vec::new, |list| {
                serde_json::from_str::<Vec<&RawValue>>(list.get()).unwrap_or_default()
            });
            let clocks = entries.iter().filter_map(|entry| object(entry.get()));
            let clock = clocks.filter_map(|entry| entry.clock()).max();
            Some(Frame::Snapshot {
                clock: clock.max(raw.clock()),
            })
        }
        "event" => Some(Frame::Event { clock: raw.clock() }),
        "ping" => {
            let timestamp = raw.timestamp.map_or("null", RawValue::get);
            (timestamp.len() <= MAX_TIMESTAMP_BYTES).then(|| Frame::Ping {
                timestamp: timestamp.to_owned(),
            })
        }
        "ack" | "error" if text.len() <= MAX_ANSWER_BYTES => {
            let frame: Map<String, Value> = serde_json::from_str(text).ok()?;
            let event = EventKey::new(frame.get("event_id")?.as_str()?).ok()?;
            let answer = outcome::event_answer(&frame)?;
            Some(Frame::Answer { event, answer })
        }
        _ => None,
    }
}

fn object(text: &str) -> Option<Raw<'_>> {
    // A list would be taken for the fields in their order.
    text.trim_start().starts_with('{').then_some(())?;
    serde_json::from_str(text).ok()
}

/// The answer to a ping.
pub(super) fn pong(timestamp: &str) -> String {
    format!(r#"{{"type":"pong","timestamp":{timestamp}}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::outcome::Again;
    use proptest::prelude::*;

    fn answer(text: &str) -> Option<EventAnswer> {
        match read(text) {
            Frame::Answer { event, answer } => {
                assert_eq!(event.as_str(), "A");
                Some(answer)
            }
            Frame::Other => None,
            frame => panic!("{frame:?}"),
        }
    }

    #[test]
    fn answers_are_judged_as_those_to_a_batch() {
        let ack = |status: &str| {
            answer(&format!(
                r#"{{"type":"ack","event_id":"A","status":"{status}"}}"#
            ))
        };
        assert_eq!(ack("accepted"), Some(EventAnswer::Delivered));
        assert_eq!(ack("duplicate"), Some(EventAnswer::Duplicate));
        assert_eq!(ack("queued"), None, "a promise settles nothing");
        let error = |more: &str| {
            let text = format!(
                r#"{{"type":"error","event_id":"A","status":"rejected","error":"no"{more}}}"#
            );
            match answer(&text) {
                Some(EventAnswer::Refused { again, trouble }) => {
                    assert_eq!((trouble.message(), trouble.http_status()), ("no", None));
                    again
                }
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(error(r#","retryable":true"#), Again::Perhaps);
        assert_eq!(error(r#","retryable":false"#), Again::Never);
        assert_eq!(
            error(r#","error_category":"project_not_admitted""#),
            Again::Never
        );
    }

    #[test]
    fn a_ping_is_answered_with_its_own_words() {
        for stamp in ["5", "\"2026-11-22T10:00:00Z\"", "null", "1.50"] {
            let frame = read(&format!(r#"{{"timestamp": {stamp} ,"type":"ping"}}"#));
            let Frame::Ping { timestamp } = frame else {
                panic!("{frame:?}");
            };
            let expected = format!(r#"{{"type":"pong","timestamp":{stamp}}}"#);
            assert_eq!(pong(&timestamp), expected);
        }
        let none = Frame::Ping {
            timestamp: "null".to_owned(),
        };
        assert_eq!(read(r#"{"type":"ping"}"#), none);
        let long = format!(r#"{{"type":"ping","timestamp":"{}"}}"#, "x".repeat(4000));
        assert_eq!(read(&long), Frame::Other);
    }

    #[test]
    fn the_highest_clock_of_a_snapshot_counts() {
        let text = r#"{"type":"snapshot","lamport_clock":4,
            "work_packages":[{"lamport_clock":9},7,{"lamport_clock":"x"},{"lamport_clock":-3}]}"#;
        let clock = Some(Lamport(9));
        assert_eq!(read(text), Frame::Snapshot { clock });
        for odd in ["null", "{}", "\"x\"", "[[[[]]]]"] {
            let text = format!(r#"{{"type":"snapshot","work_packages":{odd}}}"#);
            assert_eq!(read(&text), Frame::Snapshot { clock: None }, "{odd}");
        }
    }

    #[test]
    fn what_is_not_understood_is_nothing() {
        let deep = format!(
            r#"{{"type":"ack","event_id":"A","status":"accepted","x":{}{}}}"#,
            "[".repeat(20_000),
            "]".repeat(20_000)
        );
        let long = format!(
            r#"{{"type":"ack","status":"accepted","event_id":"{}"}}"#,
            "x".repeat(65)
        );
        let twice =
            r#"{"type":"ack","type":"error","event_id":"A","status":"rejected"}"#.to_owned();
        let more = [
            "",
            "{}",
            "null",
            "[\"ack\"]",
            "{\"type\":7}",
            r#"{"type":"ack","event_id":7,"status":"accepted"}"#,
            r#"{"type":"error","event_id":null,"status":"rejected"}"#,
            r#"{"type":"LocalCommitAck"}"#,
        ];
        for text in [deep, long, twice].iter().map(String::as_str).chain(more) {
            assert_eq!(read(text), Frame::Other, "{:.80}", text);
        }
    }

    proptest! {
        #[test]
        fn no_frame_stops_the_reader(
            text in ".{0,80}|\\{\"type\":\"(snapshot|event|ack|error|ping)\",\"(lamport_clock|event_id|timestamp|work_packages)\":.{0,40}\\}",
        ) {
            if let Frame::Ping { timestamp } = read(&text) {
                prop_assert!(serde_json::from_str::<&RawValue>(&pong(&timestamp)).is_ok());
            }
        }
    }
}
