//! The short way: a plain payload is seen to be valid in one pass.
//!
//! Almost every payload is an object of a few texts and numbers, written without
//! blanks. Such a one is held to its rules here, byte by byte and without
//! allocating anything. What is not as plain as that, valid or not, is left to
//! [`super::validate`], which alone says what is wrong. An answer from here
//! means: valid there, with the same members kept, and compact.

use super::check::{Found, broken_by};
use super::json::plain_bytes;
use super::members::Kept;
use super::rules::{Field, Presence, Rule};

/// More members that no field is for are not plain.
const MAX_UNKNOWN: usize = 4;

/// No whole number with more digits is plain: all with fewer are below 2^63.
const MAX_DIGITS: usize = 18;

/// What of a plain object matters; `None` when it is not plain, or not valid.
pub(super) fn read<'a>(fields: &'static [Field], json: &'a str) -> Option<Kept<'a>> {
    let mut rest = Rest(json);
    let mut seen = Seen::default();
    let mut kept = Kept::default();
    rest.skip("{")?;
    loop {
        let key = rest.text()?.unescaped()?;
        rest.skip(":")?;
        let rule = seen.insert(fields, key)?;
        let is_kept = matches!(key, "wp_id" | "feature_slug");
        match rest.value(rule)? {
            Some(text) if is_kept => kept.keep(key, Found::Text(text.unescaped()?.into())),
            _ => {}
        }
        if rest.skip(",").is_none() {
            break;
        }
    }
    rest.skip("}")?;
    (rest.0.is_empty() && seen.is_complete(fields)).then_some(kept)
}

/// Which keys were there already.
#[derive(Default)]
struct Seen<'a> {
    known: u32,
    unknown: [Option<&'a str>; MAX_UNKNOWN],
}

impl<'a> Seen<'a> {
    /// The rule for a key's value, when the key is there for the first time.
    fn insert(&mut self, fields: &[Field], key: &'a str) -> Option<Rule> {
        let mut indexed = fields.iter().enumerate();
        let Some((index, field)) = indexed.find(|(_, field)| field.name == key) else {
            let mut slots = self.unknown.iter_mut();
            let free = slots.find(|slot| slot.is_none_or(|other| other == key))?;
            return free.replace(key).is_none().then_some(Rule::Any);
        };
        let before = self.known;
        self.known |= 1 << index;
        (before != self.known).then_some(field.rule)
    }

    fn is_complete(&self, fields: &[Field]) -> bool {
        fields.iter().enumerate().all(|(index, field)| {
            field.presence == Presence::Optional || self.known & (1 << index) != 0
        })
    }
}

/// A text as it stands between its quotes.
#[derive(Clone, Copy)]
struct Text<'a> {
    literal: &'a str,
    is_escaped: bool,
}

impl<'a> Text<'a> {
    /// The text itself, when it has no escapes.
    fn unescaped(self) -> Option<&'a str> {
        (!self.is_escaped).then_some(self.literal)
    }

    fn obeys(self, rule: Rule) -> bool {
        match rule {
            Rule::Any | Rule::Text | Rule::TextOrNull => true,
            Rule::NonEmpty => !self.literal.is_empty(),
            _ => self
                .unescaped()
                .is_some_and(|text| broken_by(rule, text).is_none()),
        }
    }
}

/// What has not been read yet.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn skip(&mut self, token: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(token)?;
        Some(())
    }

    /// Reads a value that its rule allows, and says which text it was.
    fn value(&mut self, rule: Rule) -> Option<Option<Text<'a>>> {
        match (self.0.as_bytes().first()?, rule) {
            (b'"', _) => {
                let text = self.text()?;
                text.obeys(rule).then_some(Some(text))
            }
            (b'n', Rule::Any | Rule::TextOrNull | Rule::UlidOrNull) => {
                self.skip("null").map(|()| None)
            }
            (b'0'..=b'9', Rule::Any | Rule::Count) => self.digits().map(|()| None),
            (b'[', Rule::WpIds) => self.wp_ids().map(|()| None),
            _ => None,
        }
    }

    /// Reads a text whose escapes are a backslash and one letter at most.
    fn text(&mut self) -> Option<Text<'a>> {
        let rest = self.0.strip_prefix('"')?;
        let bytes = rest.as_bytes();
        let mut end = plain_bytes(bytes);
        let mut is_escaped = false;
        while let [b'\\', letter, behind @ ..] = bytes.get(end..)? {
            if !b"\"\\/bfnrt".contains(letter) {
                return None;
            }
            is_escaped = true;
            end += 2 + plain_bytes(behind);
        }
        let (literal, behind) = rest.split_at_checked(end)?;
        self.0 = behind.strip_prefix('"')?;
        Some(Text {
            literal,
            is_escaped,
        })
    }

    fn digits(&mut self) -> Option<()> {
        let bytes = self.0.as_bytes();
        let count = bytes
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let is_plain = count <= MAX_DIGITS && (count == 1 || bytes.first() != Some(&b'0'));
        self.0 = self.0.get(count..).filter(|_| is_plain)?;
        Some(())
    }

    fn wp_ids(&mut self) -> Option<()> {
        self.skip("[")?;
        if self.skip("]").is_some() {
            return Some(());
        }
        loop {
            if !self.text()?.obeys(Rule::WpId) {
                return None;
            }
            if self.skip(",").is_none() {
                return self.skip("]");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::*;
    use crate::event::json::compact;
    use crate::event::rules;
    use crate::event::validate::check_payload;
    use crate::event::*;

    fn read_as(event_type: EventType, json: &str) -> Option<Kept<'_>> {
        read(rules::payload(event_type), json)
    }

    #[test]
    fn the_payloads_that_we_make_are_plain() {
        let drafts = [
            WpStatusChanged::new("WP01", Lane::Planned, Lane::Doing).into_draft(),
            WpCreated::new("WP02", "A \"title\"\n", "028-x")
                .dependencies(["WP01", "WP03"])
                .into_draft(),
            WpCreated::new("WP02", "é", "028-x").into_draft(),
            WpAssigned::new("WP01", "claude", Phase::Review)
                .retry_count(3)
                .feature("028-x")
                .into_draft(),
            FeatureCreated::new("028-x", "028", "main", 7).into_draft(),
            FeatureCompleted::new("028-x", 7).into_draft(),
            HistoryAdded::new("WP01", EntryType::Note, "begun").into_draft(),
            ErrorLogged::new(ErrorKind::Runtime, "C:\\x").into_draft(),
            DependencyResolved::new("WP02", "WP01", Resolution::Merged).into_draft(),
        ];
        for draft in drafts.map(Result::unwrap) {
            let kept = read_as(draft.event_type(), draft.payload());
            assert!(kept.is_some(), "{}", draft.payload());
        }
    }

    #[test]
    fn what_is_wrong_or_not_plain_is_left_to_the_long_way() {
        for members in [
            "",
            r#""wp_id":"WP01","wp_id":"WP02""#,
            r#""wp_id":"WP01","x":1,"x":2"#,
            r#""wp_id":"WP1""#,
            r#""wp_id":"WP01""#,
            r#""wp_id":"W\u005001""#,
            r#""wp_id": "WP01""#,
            r#""wp_id":"WP01","#,
            r#""wp_id":"WP01","x":[]"#,
            r#""wp_id":"WP01","x":01"#,
            r#""wp_id":"WP01","x":1.0"#,
            r#""wp_id":"WP01","x":1234567890123456789"#,
            r#""wp_id":"WP01","x":"\x""#,
            "\"wp_id\":\"WP01\",\"x\":\"\t\"",
            r#""wp_id":"WP01","x":"open"#,
        ] {
            for rest in [r#","entry_type":"note","entry_content":"x"}"#, "}", ""] {
                let json = format!("{{{members}{rest}");
                let is_right = members == r#""wp_id":"WP01""# && rest.len() > 1;
                let plain = read_as(EventType::HistoryAdded, &json).is_some();
                assert_eq!(plain, is_right, "{json}");
            }
        }
    }

    /// Mostly a payload, with one passage that may be anything.
    fn nearly_a_payload() -> impl Strategy<Value = String> {
        let key = prop::sample::select(vec![
            "wp_id",
            "feature_slug",
            "entry_type",
            "entry_content",
            "author",
            "title",
            "x",
            "y",
            "dependencies",
            "retry_count",
            "agent_id",
            "phase",
            "error_type",
            "error_message",
        ]);
        let value = prop_oneof![
            Just("\"WP01\"".to_owned()),
            Just("\"note\"".to_owned()),
            Just("\"028-x\"".to_owned()),
            Just("\"review\"".to_owned()),
            Just("\"runtime\"".to_owned()),
            Just("[\"WP02\",\"WP03\"]".to_owned()),
            "\"[a-zé\\\\\"/nu0-9\t ]{0,20}\"",
            "[0-9.e-]{1,20}",
            "null|true|\\[\\]|\\{\\}|\\[1\\]",
        ];
        let between = prop_oneof![9 => Just(","), 1 => Just(", "), 1 => Just("")];
        let member = (key, value, between)
            .prop_map(|(key, value, between)| format!("\"{key}\":{value}{between}"));
        prop::collection::vec(member, 0..7).prop_map(|members| {
            let all = members.concat();
            format!("{{{}}}", all.trim_end_matches([',', ' ']))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn plain_means_valid_with_the_same_members_and_compact(json in nearly_a_payload()) {
            for event_type in EventType::ALL {
                let Some(plain) = read_as(*event_type, &json) else { continue };
                let kept = check_payload(*event_type, &json);
                prop_assert!(kept.is_ok(), "{} {:?}", json, kept);
                let kept = kept.unwrap();
                prop_assert_eq!(plain.wp_id, kept.wp_id);
                prop_assert_eq!(plain.feature_slug, kept.feature_slug);
                prop_assert!(matches!(compact(&json), Cow::Borrowed(_)));
            }
        }
    }
}
