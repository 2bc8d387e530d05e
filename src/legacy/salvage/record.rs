//! A row of any table, and whether it is one of a queue.

use std::borrow::Cow;

use serde::Deserialize;

use crate::legacy::salvage::page::varint;

/// No table of the original has more columns.
const MAX_COLUMNS: usize = 64;

/// What one column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Null,
    Integer(i64),
    Text(&'a [u8]),
    /// Bytes, or a fraction: nothing that a queue has.
    Other,
}

/// A row as a queue has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found<'a> {
    pub(super) data: Cow<'a, [u8]>,
    pub(super) queued_s: i64,
    pub(super) retries: i64,
}

/// What a row is taken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Looks<'a> {
    /// A row of a queue.
    Queued(Found<'a>),
    /// The same, but its event has another id than the row.
    Mixed(Cow<'a, [u8]>),
    /// Something else.
    Otherwise,
}

/// What the columns of a row are, and the bytes behind that.
fn types(row: &[u8]) -> Option<(Vec<u64>, &[u8])> {
    let (head_bytes, rest) = varint(row)?;
    let head_bytes = usize::try_from(head_bytes).ok()?;
    let own_bytes = row.len() - rest.len();
    let mut head = rest.get(..head_bytes.checked_sub(own_bytes)?)?;
    let mut types = Vec::new();
    while !head.is_empty() {
        let (kind, rest) = varint(head)?;
        if types.len() == MAX_COLUMNS {
            return None;
        }
        types.push(kind);
        head = rest;
    }
    Some((types, row.get(head_bytes..)?))
}

/// Whether a row of which only the beginning is there has the columns of a
/// queue: no id of its own, three texts, whole numbers.
pub(super) fn begins_as_queued(row: &[u8]) -> bool {
    let is_text = |kind: &u64| *kind >= 13 && kind % 2 == 1;
    let is_integer = |kind: &u64| matches!(kind, 1..=6 | 8 | 9);
    let Some((types, _)) = types(row) else {
        return false;
    };
    match types.as_slice() {
        [0, id, event_type, data, queued, rest @ ..] => {
            [id, event_type, data].into_iter().all(is_text)
                && is_integer(queued)
                && rest
                    .first()
                    .is_none_or(|kind| *kind == 0 || is_integer(kind))
        }
        _ => false,
    }
}

/// The columns of a whole row.
fn columns(row: &[u8]) -> Option<Vec<Value<'_>>> {
    let (types, mut rest) = types(row)?;
    let mut columns = Vec::with_capacity(types.len());
    for kind in types {
        let bytes = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            _ => (kind - 12) / 2,
        };
        let (value, behind) = rest.split_at_checked(usize::try_from(bytes).ok()?)?;
        rest = behind;
        columns.push(match kind {
            0 => Value::Null,
            1..=6 => Value::Integer(integer(value)),
            8 => Value::Integer(0),
            9 => Value::Integer(1),
            _ if kind >= 13 && kind % 2 == 1 => Value::Text(value),
            _ => Value::Other,
        });
    }
    Some(columns)
}

/// A whole number, most significant byte first, with its sign.
fn integer(bytes: &[u8]) -> i64 {
    let negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let start = if negative { -1 } else { 0 };
    bytes
        .iter()
        .fold(start, |value: i64, byte| (value << 8) | i64::from(*byte))
}

/// What a whole row is taken for. The order of the columns is not believed in:
/// one of them is an event, and another is its id.
pub(super) fn looks(row: &[u8]) -> Looks<'_> {
    let Some(columns) = columns(row) else {
        return Looks::Otherwise;
    };
    for (at, column) in columns.iter().enumerate() {
        let Value::Text(text) = column else { continue };
        let data = decoded(text);
        let Some(id) = id_in(&data) else { continue };
        let is_its_id = |other: &Value<'_>| match other {
            Value::Text(other) => *decoded(other) == *id.as_bytes(),
            _ => false,
        };
        if columns.iter().any(is_its_id) {
            drop(id);
            return Looks::Queued(found(data, columns.get(at + 1..).unwrap_or_default()));
        }
    }
    match columns.as_slice() {
        [
            _,
            Value::Text(id),
            Value::Text(event_type),
            Value::Text(text),
            behind @ ..,
        ] if begins_as_queued(row) && is_word(&decoded(id)) && is_word(&decoded(event_type)) => {
            let data = decoded(text);
            // What is no event at all is refused by name, as anywhere else.
            if id_in(&data).is_some() {
                Looks::Mixed(data)
            } else {
                Looks::Queued(found(data, behind))
            }
        }
        _ => Looks::Otherwise,
    }
}

fn found<'a>(data: Cow<'a, [u8]>, behind: &[Value<'_>]) -> Found<'a> {
    let mut numbers = behind.iter().filter_map(|value| match value {
        Value::Integer(number) => Some(*number),
        _ => None,
    });
    Found {
        data,
        queued_s: numbers.next().unwrap_or(0),
        retries: numbers.next().unwrap_or(0),
    }
}

/// The id of the event that `data` is, when it is one.
fn id_in(data: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Event {
        event_id: String,
    }
    if data.trim_ascii_start().first() != Some(&b'{') {
        return None;
    }
    let event = serde_json::from_slice::<Event>(data).ok()?;
    Some(event.event_id)
}

fn is_word(text: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=64).contains(&text.len()) && text.iter().all(is_part)
}

/// Text as UTF-8. A database may hold it in UTF-16, which shows at once in what
/// begins with a sign of ASCII.
fn decoded(text: &[u8]) -> Cow<'_, [u8]> {
    let read: fn([u8; 2]) -> u16 = match text {
        [0, other, ..] if *other != 0 => u16::from_be_bytes,
        [other, 0, ..] if *other != 0 => u16::from_le_bytes,
        _ => return Cow::Borrowed(text),
    };
    let (pairs, []) = text.as_chunks::<2>() else {
        return Cow::Borrowed(text);
    };
    let units = pairs.iter().map(|pair| read(*pair));
    match char::decode_utf16(units).collect::<Result<String, _>>() {
        Ok(text) => Cow::Owned(text.into_bytes()),
        Err(_) => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A row of texts.
    fn row(texts: &[&[u8]]) -> Vec<u8> {
        let mut row = vec![u8::try_from(texts.len() + 1).unwrap()];
        row.extend(
            texts
                .iter()
                .map(|text| u8::try_from(13 + 2 * text.len()).unwrap()),
        );
        row.extend(texts.concat());
        row
    }

    #[test]
    fn an_event_and_its_id_make_a_row_in_any_order_and_encoding() {
        let data = br#"{"event_id":"e1"}"#;
        for texts in [[&b"e1"[..], b"T", data], [data, b"T", b"e1"]] {
            let row = row(&texts);
            assert!(matches!(looks(&row), Looks::Queued(found) if *found.data == *data));
        }
        let wide =
            |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
        let (id, text) = (wide("e1"), wide(r#"{"event_id":"e1"}"#));
        let row = row(&[&id, &text]);
        assert!(matches!(looks(&row), Looks::Queued(found) if *found.data == *data));
    }

    #[test]
    fn what_is_in_other_tables_is_no_row_of_a_queue() {
        for texts in [
            [&b"table"[..], b"queue", b"CREATE TABLE queue(x)"],
            [b"a", b"b", br#"{"event_id":"other"}"#],
            [b"a", b"b", b"{"],
        ] {
            assert_eq!(looks(&row(&texts)), Looks::Otherwise);
        }
    }

    proptest! {
        #[test]
        fn whatever_the_bytes_are_a_row_is_read_or_not(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let _ = (looks(&bytes), begins_as_queued(&bytes));
        }

        #[test]
        fn whole_numbers_keep_their_sign(value: i64) {
            prop_assert_eq!(integer(&value.to_be_bytes()), value);
            let short = i32::try_from(value >> 32).unwrap();
            prop_assert_eq!(integer(&short.to_be_bytes()), i64::from(short));
        }
    }
}
