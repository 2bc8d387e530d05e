//! Setting keys of a JSON object that belongs to people: what is not set stays
//! byte for byte, the order and the unknown keys too.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

use super::edit::EditFailure;

/// `text`, one JSON object, with the top-level `keys` set. New keys come last.
///
/// # Errors
/// When it is no object, or the result would not read as intended.
pub(crate) fn set(text: &str, keys: &[(&str, Value)]) -> Result<String, EditFailure> {
    let mut edited = text.to_owned();
    for (key, value) in keys {
        edited = set_one(&edited, key, value).ok_or(EditFailure::Unsafe)?;
    }
    let parse = |text: &str| {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        serde_json::from_str::<serde_json::Map<String, Value>>(text).ok()
    };
    let mut intended = parse(text).ok_or(EditFailure::Unsafe)?;
    for (key, value) in keys {
        intended.insert((*key).to_owned(), value.clone());
    }
    if parse(&edited) == Some(intended) {
        Ok(edited)
    } else {
        Err(EditFailure::Unsafe)
    }
}

fn set_one(text: &str, key: &str, value: &Value) -> Option<String> {
    let object = text.strip_prefix('\u{feff}').unwrap_or(text);
    let present: BTreeMap<String, &RawValue> = serde_json::from_str(object).ok()?;
    let open = text.find('{')?;
    let first = text.get(open + 1..)?;
    let gap = first.get(..first.find(|c: char| !c.is_whitespace())?)?;
    let shown = rendered(value, gap)?;
    if let Some(raw) = present.get(key) {
        // The raw value borrows from `text`, so its place is a difference of addresses.
        let at = (raw.get().as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
        let (before, after) = (text.get(..at)?, text.get(at + raw.get().len()..)?);
        return Some([before, &shown, after].concat());
    }
    let close = text.rfind('}')?;
    let before = text.get(..close)?.trim_end();
    let after = text.get(before.len()..)?;
    let name = serde_json::to_string(key).ok()?;
    let (comma, gap) = match (present.is_empty(), gap) {
        (true, _) => ("", ""),
        (false, "") => (",", " "),
        (false, gap) => (",", gap),
    };
    Some([before, comma, gap, &name, ": ", &shown, after].concat())
}

/// Lists and objects are laid out like the object that they are put into.
fn rendered(value: &Value, gap: &str) -> Option<String> {
    let flat = || serde_json::to_string(value).ok();
    if !(value.is_array() || value.is_object()) || !gap.contains('\n') {
        return flat();
    }
    let pretty = serde_json::to_string_pretty(value).ok()?;
    Some(pretty.replace('\n', gap))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn the_layout_is_that_of_the_file() {
        for (text, expected) in [
            ("{}", "{\"k\": 1}"),
            ("{\"a\":1}", "{\"a\":1, \"k\": 1}"),
            (
                "{\r\n    \"a\": 1\r\n}\r\n",
                "{\r\n    \"a\": 1,\r\n    \"k\": 1\r\n}\r\n",
            ),
            (
                "\u{feff}{ \"k\": [1,\n2], \"a\": \"k\" }",
                "\u{feff}{ \"k\": 1, \"a\": \"k\" }",
            ),
            (
                "{\"a\": {\"k\": 2}, \"k\" : 3}",
                "{\"a\": {\"k\": 2}, \"k\" : 1}",
            ),
        ] {
            assert_eq!(set(text, &[("k", json!(1))]).unwrap(), expected);
        }
        let nested = set("{\n  \"a\": 1\n}\n", &[("k", json!([{"x": 1}]))]).unwrap();
        assert!(nested.contains("\"k\": [\n    {\n"), "{nested}");
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["", "[]", "{\"a\":1", "{\"a\":1}}", "7"] {
            assert_eq!(
                set(text, &[("k", json!(1))]),
                Err(EditFailure::Unsafe),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn every_other_key_stays(
            pairs in prop::collection::btree_map("[a-e}{\"]{1,3}", "[ -~é]{0,5}", 0..5),
            value in "[ -~é\n]{0,5}",
            pretty in any::<bool>(),
        ) {
            let text = if pretty { serde_json::to_string_pretty(&pairs) } else { serde_json::to_string(&pairs) };
            let edited = set(&text.unwrap(), &[("b", json!(value)), ("zz", json!([1]))]).unwrap();
            let after: BTreeMap<String, Value> = serde_json::from_str(&edited).unwrap();
            prop_assert_eq!(&after["b"], &json!(value));
            for (key, value) in pairs.iter().filter(|(key, _)| *key != "b") {
                prop_assert_eq!(&after[key], &json!(value));
            }
        }
    }

    #[test]
    fn a_value_is_replaced_in_place_and_a_new_key_goes_last() {
        let text = "{\n  \"x\": 1,\n  \"vcs\": \"svn\"\n}\n";
        let text = set(text, &[("vcs", "git".into()), ("y", true.into())]).unwrap();
        assert_eq!(
            text,
            "{\n  \"x\": 1,\n  \"vcs\": \"git\",\n  \"y\": true\n}\n"
        );
    }
}
