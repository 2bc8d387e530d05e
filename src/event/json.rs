//! The few JSON bytes that we write ourselves.
//!
//! Writing an event must not fail and must not build a tree, so texts are
//! escaped here, straight into the buffer.

use std::borrow::Cow;

/// Appends `text` as a JSON string, UTF-8, escaping only what must be.
pub(super) fn push_text(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    out.push(b'"');
    if plain_bytes(bytes) == bytes.len() {
        out.extend_from_slice(bytes);
    } else {
        bytes.iter().for_each(|byte| push_escaped(out, *byte));
    }
    out.push(b'"');
}

/// How many bytes stand before the first that is a quote, a backslash or a
/// control character: what ends a text, escapes in it, or must be escaped.
pub(super) fn plain_bytes(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    let first_in = |marks: u64| usize::try_from(marks.trailing_zeros() / 8).unwrap_or(0);
    for (at, word) in words.iter().enumerate() {
        let marks = marks(u64::from_le_bytes(*word));
        if marks != 0 {
            return at * 8 + first_in(marks);
        }
    }
    // What is left is looked at with what stands before it, which is plain.
    match (
        bytes.last_chunk::<8>(),
        bytes.first_chunk::<4>(),
        bytes.last_chunk::<4>(),
    ) {
        _ if rest.is_empty() => bytes.len(),
        (Some(word), ..) => match marks(u64::from_le_bytes(*word)) {
            0 => bytes.len(),
            marks => bytes.len() + first_in(marks) - 8,
        },
        (None, Some(first), Some(last)) => {
            let [first, last] = [first, last].map(|half| u64::from(u32::from_le_bytes(*half)));
            match marks(first | last << 32) {
                0 => bytes.len(),
                marks if first_in(marks) < 4 => first_in(marks),
                marks => bytes.len() + first_in(marks) - 8,
            }
        }
        _ => bytes
            .iter()
            .take_while(|byte| !needs_escape(**byte))
            .count(),
    }
}

/// Eight bytes at once: the lowest mark is the highest bit of the first byte
/// that [`needs_escape`]; marks above it mean nothing.
const fn marks(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = ONES << 7;
    let quote = word ^ (ONES * 0x22);
    let backslash = word ^ (ONES * 0x5C);
    let below_blank = word.wrapping_sub(ONES * 0x20) & !word;
    let is_quote = quote.wrapping_sub(ONES) & !quote;
    let is_backslash = backslash.wrapping_sub(ONES) & !backslash;
    (below_blank | is_quote | is_backslash) & HIGH
}

/// How many bytes [`push_text`] appends.
pub(super) fn text_len(text: &str) -> usize {
    let escapes = text.bytes().filter(|byte| needs_escape(*byte));
    let added: usize = escapes
        .map(|byte| if short_escape(byte).is_some() { 1 } else { 5 })
        .sum();
    text.len() + added + 2
}

const fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// The letter after the backslash, for bytes that have one.
const fn short_escape(byte: u8) -> Option<u8> {
    match byte {
        b'"' | b'\\' => Some(byte),
        0x08 => Some(b'b'),
        0x09 => Some(b't'),
        0x0A => Some(b'n'),
        0x0C => Some(b'f'),
        0x0D => Some(b'r'),
        _ => None,
    }
}

fn push_escaped(out: &mut Vec<u8>, byte: u8) {
    if !needs_escape(byte) {
        out.push(byte);
    } else if let Some(letter) = short_escape(byte) {
        out.extend_from_slice(&[b'\\', letter]);
    } else {
        let low = byte & 0x0F;
        let digit = if low < 10 {
            b'0' + low
        } else {
            b'a' + low - 10
        };
        out.extend_from_slice(&[b'\\', b'u', b'0', b'0', b'0' + (byte >> 4), digit]);
    }
}

/// The same JSON without whitespace between its tokens, byte for byte the same
/// otherwise. The input must be valid JSON.
pub(super) fn compact(json: &str) -> Cow<'_, str> {
    let mut strings = Strings::Outside;
    if !json.bytes().any(|byte| strings.drops(byte)) {
        return Cow::Borrowed(json);
    }
    let mut strings = Strings::Outside;
    Cow::Owned(
        json.chars()
            .filter(|letter| !strings.drops(u8::try_from(*letter).unwrap_or(b'x')))
            .collect(),
    )
}

/// Whether two JSON texts hold the same data: the same bytes, or bytes that
/// differ only in whitespace, escapes and the order of keys. Text that is no
/// JSON holds the same data as itself alone.
#[must_use]
pub(crate) fn same_data(one: &str, other: &str) -> bool {
    let value = |text| serde_json::from_str::<serde_json::Value>(text).ok();
    one == other
        || compact(one) == compact(other)
        || value(one).is_some_and(|one| value(other) == Some(one))
}

/// Whether an integer in valid JSON needs more than 64 bits.
pub(super) fn has_huge_integer(json: &str) -> bool {
    /// No integer with fewer digits is too large.
    const SAFE_DIGITS: usize = 18;
    let mut strings = Strings::Outside;
    let mut is_outside = |byte| {
        strings.drops(byte);
        matches!(strings, Strings::Outside)
    };
    let is_of_number = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    let mut longest = 0_usize;
    let mut run = 0_usize;
    for byte in json.bytes() {
        run = if is_outside(byte) && is_of_number(byte) {
            run + 1
        } else {
            0
        };
        longest = longest.max(run);
    }
    longest > SAFE_DIGITS && any_huge_integer(json)
}

/// The same, looking at each number.
fn any_huge_integer(json: &str) -> bool {
    let mut strings = Strings::Outside;
    let outside: String = json
        .chars()
        .map(|letter| {
            strings.drops(u8::try_from(letter).unwrap_or(b'x'));
            match strings {
                Strings::Outside => letter,
                _ => ' ',
            }
        })
        .collect();
    let is_of_number = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
    outside
        .split(|c| !is_of_number(c))
        .filter(|token| token.starts_with(|c: char| c == '-' || c.is_ascii_digit()))
        .filter(|token| !token.contains(['.', 'e', 'E']))
        .any(|token| token.parse::<i64>().is_err() && token.parse::<u64>().is_err())
}

/// Where in a JSON text we are: in a string, after a backslash in one, or not.
enum Strings {
    Outside,
    Inside,
    Escaped,
}

impl Strings {
    /// Steps over one byte and says whether it is whitespace between tokens.
    fn drops(&mut self, byte: u8) -> bool {
        *self = match (&self, byte) {
            (Self::Outside, b' ' | b'\t' | b'\n' | b'\r') => return true,
            (Self::Outside, b'"') | (Self::Escaped, _) => Self::Inside,
            (Self::Inside, b'"') => Self::Outside,
            (Self::Inside, b'\\') => Self::Escaped,
            _ => return false,
        };
        false
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_same_data_may_be_written_in_two_ways() {
        assert!(same_data(
            r#"{"a": "\u00e9", "b": 1}"#,
            r#"{"b":1,"a":"é"}"#
        ));
        assert!(!same_data(r#"{"a":1}"#, r#"{"a":2}"#));
    }

    #[test]
    fn whitespace_in_texts_stays_and_between_tokens_goes() {
        assert_eq!(
            compact("{ \"a\\\" \" :\t[1.0 ,\r\n -0]\n}"),
            "{\"a\\\" \":[1.0,-0]}"
        );
        assert!(matches!(compact("{\"a\":\" b \"}"), Cow::Borrowed(_)));
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[\\\\\" \n\t\r{}\u{7f}-\u{3000}]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn compacting_keeps_the_data_and_is_done_once(value in json()) {
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            let once = compact(&pretty);
            prop_assert_eq!(&*once, value.to_string());
            prop_assert_eq!(compact(&once), once.as_ref());
            prop_assert!(once.bytes().all(|byte| byte >= 0x20));
        }

        #[test]
        fn plain_bytes_end_where_something_needs_an_escape(
            bytes in prop::collection::vec(prop_oneof![9 => 0x20_u8..=0xFF, 1 => any::<u8>()], 0..40),
        ) {
            let first = bytes.iter().position(|byte| needs_escape(*byte));
            prop_assert_eq!(plain_bytes(&bytes), first.unwrap_or(bytes.len()));
        }

        #[test]
        fn a_text_is_escaped_as_everybody_does_it(text in any::<String>(), low in 0_u8..0x20) {
            for text in [text.clone(), format!("{text}{}", char::from(low))] {
                let mut out = Vec::new();
                push_text(&mut out, &text);
                prop_assert_eq!(out.len(), text_len(&text));
                prop_assert_eq!(out, serde_json::to_vec(&text).unwrap());
            }
        }
    }
}
