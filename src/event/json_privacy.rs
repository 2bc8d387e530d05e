//! Keeping the home directory out of JSON that is already written.

use std::borrow::Cow;

use super::privacy::redact_home;

/// JSON with the home directory written as `~` in every text, keys excepted.
///
/// However the text is spelled: `\/home\/al` and `\u002fhome/al` are the same
/// path. No other byte is changed. `json` must be valid and compact.
pub(super) fn redact_home_in_json<'a>(json: &'a str, home_dir: &str) -> Cow<'a, str> {
    let home = home_dir.trim_end_matches(['/', '\\']);
    let Some(first) = home.as_bytes().first() else {
        return Cow::Borrowed(json);
    };
    // Setting up a search for the whole path takes longer than looking for one
    // byte of it, and most payloads have no path at all.
    let holds = |byte: &u8| json.as_bytes().contains(byte);
    let may_hold_home = holds(first) && json.contains(home);
    if !may_hold_home && !holds(&b'\\') {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len());
    let mut is_changed = false;
    let mut rest = json;
    while let Some((before, from_quote)) = rest.split_once('"') {
        out.push_str(before);
        let (literal, after) = split_literal(from_quote);
        rest = after.strip_prefix('"').unwrap_or(after);
        let is_key = rest.starts_with(':');
        match redacted_literal(literal, home_dir).filter(|_| !is_key) {
            Some(redacted) => {
                is_changed = true;
                out.push_str(&redacted);
            }
            None => {
                out.push('"');
                out.push_str(literal);
                out.push('"');
            }
        }
    }
    out.push_str(rest);
    if is_changed {
        Cow::Owned(out)
    } else {
        Cow::Borrowed(json)
    }
}

/// Splits before the quote that ends a text.
fn split_literal(text: &str) -> (&str, &str) {
    let mut is_escaped = false;
    let end = text.bytes().position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    });
    text.split_at_checked(end.unwrap_or(text.len()))
        .unwrap_or((text, ""))
}

/// The text between two quotes, redacted and with its quotes; `None` when there
/// is nothing to redact.
fn redacted_literal(literal: &str, home_dir: &str) -> Option<String> {
    let text = if literal.contains('\\') {
        Cow::Owned(serde_json::from_str::<String>(&format!("\"{literal}\"")).ok()?)
    } else {
        Cow::Borrowed(literal)
    };
    match redact_home(&text, home_dir) {
        redacted if redacted == text => None,
        redacted => serde_json::to_string(&redacted).ok(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOME: &str = "/home/al";

    #[test]
    fn a_home_in_json_is_found_however_it_is_spelled() {
        for (json, expected) in [
            (r#"{"a":"/home/al/x"}"#, r#"{"a":"~/x"}"#),
            (r#"{"a":"\/home\/al\/x"}"#, r#"{"a":"~/x"}"#),
            (r#"{"a":"\u002fhome/al"}"#, r#"{"a":"~"}"#),
            (r#"{"a":"failed:\n/home/al/x"}"#, r#"{"a":"failed:\n~/x"}"#),
            (
                r#"{"a":["/home/al",1e5,{"b":"/home/al"}]}"#,
                r#"{"a":["~",1e5,{"b":"~"}]}"#,
            ),
            (r#"{"/home/al":"\"/home/al\""}"#, r#"{"/home/al":"\"~\""}"#),
        ] {
            assert_eq!(redact_home_in_json(json, HOME), expected);
        }
        let windows = redact_home_in_json(r#"{"a":"C:\\Users\\al\\x"}"#, "C:\\Users\\al");
        assert_eq!(windows, r#"{"a":"~\\x"}"#);
    }

    #[test]
    fn what_does_not_name_the_home_keeps_its_bytes() {
        for json in [
            r#"{"a":"\u00e9\/x","b":1.0}"#,
            r#"{"a":"\\"}"#,
            "{}",
            r#"{"a":""}"#,
        ] {
            assert!(matches!(redact_home_in_json(json, HOME), Cow::Borrowed(_)));
            assert_eq!(redact_home_in_json(json, ""), json);
        }
    }

    proptest! {
        #[test]
        fn what_was_json_stays_json(text in any::<String>(), other in any::<String>()) {
            let json = serde_json::json!({"k": [text, format!("{HOME}/{other}")], "n": 1.5}).to_string();
            let redacted = redact_home_in_json(&json, HOME);
            let value: serde_json::Value = serde_json::from_str(&redacted).unwrap();
            let found = value["k"][1].as_str().unwrap();
            prop_assert!(found.starts_with("~/"), "{}", found);
        }
    }
}
