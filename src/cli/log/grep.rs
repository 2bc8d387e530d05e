//! Looking for a text in an event's payload.
//!
//! Capitals count when the text has any. The payload is searched as it is
//! written and, where it has escapes, as it reads: `é` finds `\u00e9`.

use super::members::Members;

/// A text to look for.
#[derive(Debug)]
pub(super) struct Grep {
    text: String,
    any_case: bool,
}

impl Grep {
    pub(super) fn new(text: &str) -> Self {
        let lower = text.to_lowercase();
        Self {
            any_case: lower == text,
            text: text.to_owned(),
        }
    }

    /// Whether the text is in the payload of this event.
    pub(super) fn finds_in(&self, json: &str) -> bool {
        let envelope = Members::read(json).ok();
        let Some(payload) = envelope.and_then(|event| event.get("payload")) else {
            return false;
        };
        let payload = payload.get();
        self.is_in(payload) || (payload.contains('\\') && self.is_in(&unescaped(payload)))
    }

    fn is_in(&self, text: &str) -> bool {
        if self.any_case {
            text.to_lowercase().contains(&self.text)
        } else {
            text.contains(&self.text)
        }
    }
}

/// JSON with each text as it reads instead of as it is written.
fn unescaped(json: &str) -> String {
    let mut reads = String::with_capacity(json.len());
    let mut rest = json;
    while let Some((before, from_quote)) = rest.find('"').and_then(|at| rest.split_at_checked(at)) {
        reads.push_str(before);
        let mut texts = serde_json::Deserializer::from_str(from_quote).into_iter::<String>();
        let Some(Ok(text)) = texts.next() else {
            break;
        };
        reads.extend(["\"", &text, "\""]);
        rest = from_quote.get(texts.byte_offset()..).unwrap_or_default();
    }
    reads.push_str(rest);
    reads
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(text: &str, payload: &str) -> bool {
        let json = format!(r#"{{"event_id":"outside","payload":{payload}}}"#);
        Grep::new(text).finds_in(&json)
    }

    #[test]
    fn capitals_count_when_there_are_any() {
        let payload = r#"{"title":"Event Factory"}"#;
        assert!(finds("event factory", payload) && finds("Factory", payload));
        assert!(!finds("FACTORY", payload) && !finds("eVent", payload));
    }

    #[test]
    fn a_text_is_found_as_it_reads_and_as_it_is_written() {
        let payload = r#"{"a":"caf\u00e9 \"x\"\n","b":1.10,"c":{"d":["\ud83d\ude00"]}}"#;
        for text in ["café", "\"x\"", "\\u00e9", "1.10", "😀", "\"a\":"] {
            assert!(finds(text, payload), "{text}");
        }
    }

    #[test]
    fn only_the_payload_is_searched() {
        assert!(!finds("outside", r#"{"a":1}"#));
        assert!(!Grep::new("a").finds_in("not json"));
        assert!(!Grep::new("a").finds_in(r#"{"a":"a"}"#));
    }
}
