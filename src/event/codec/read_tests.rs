//! What is read by hand is what bincode reads, of any bytes at all.

use proptest::prelude::*;

use super::super::{MAX_HEADER_BYTES, read_by_bincode as by_bincode};
use super::*;

fn by_hand(bytes: &[u8]) -> Option<(EventHeader<'_>, usize)> {
    let (header, rest) = header(bytes).ok()?;
    Some((header, bytes.len() - rest.len()))
}

/// A number in one of its forms, the shortest that fits at least: 1, 3, 5 or 9
/// bytes long.
fn number(value: u64, form: usize) -> Vec<u8> {
    let forms = [(251, 2), (252, 4), (253, 8)];
    let fits = |bytes: usize| bytes == 8 || value >> (8 * bytes) == 0;
    if form == 0 && value <= 250 {
        return vec![u8::try_from(value).unwrap()];
    }
    let wanted = forms.into_iter().skip(form.saturating_sub(1));
    let (first, bytes) = wanted.into_iter().find(|(_, bytes)| fits(*bytes)).unwrap();
    [&[first][..], &value.to_le_bytes()[..bytes]].concat()
}

fn text(bytes: &[u8], form: usize) -> Vec<u8> {
    [number(bytes.len() as u64, form), bytes.to_vec()].concat()
}

/// Texts as they are, as they are not, and cut in the midst of a character.
fn some_text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        24 => "[a-z0-9-]{0,40}".prop_map(String::into_bytes),
        8 => any::<String>().prop_map(String::into_bytes),
        4 => "x{120,300}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..8),
        1 => Just("é".as_bytes()[..1].to_vec()),
        1 => Just("é".as_bytes()[1..].to_vec()),
    ]
}

/// A header in any form that its numbers can have.
fn some_header() -> impl Strategy<Value = Vec<u8>> {
    let texts = prop::collection::vec((some_text(), 0_usize..5), 9);
    let numbers = [(any::<u64>(), 0_usize..4), (any::<u64>(), 0_usize..4)];
    let there = any::<[bool; 4]>();
    (texts, numbers, there, any::<[u8; 17]>()).prop_map(|(texts, numbers, there, end)| {
        let mut bytes = Vec::new();
        for (content, form) in &texts[..5] {
            bytes.extend(text(content, form.saturating_sub(1)));
        }
        for (value, form) in numbers {
            bytes.extend(number(value, form));
        }
        for ((content, form), there) in texts[5..].iter().zip(there) {
            bytes.push(u8::from(there));
            if there {
                bytes.extend(text(content, form.saturating_sub(1)));
            }
        }
        bytes.extend(end);
        bytes
    })
}

#[test]
fn a_number_may_be_longer_than_it_must() {
    for (form, length) in [(0, 1), (1, 3), (2, 5), (3, 9)] {
        let bytes = number(7, form);
        assert_eq!(bytes.len(), length);
        let mut source = Source {
            rest: &bytes,
            allowance: 0,
        };
        assert_eq!(source.unsigned(), Ok(7));
    }
    for first in [254, 255] {
        let mut source = Source {
            rest: &[first; 17],
            allowance: 0,
        };
        assert_eq!(source.unsigned(), Err(Fault::Number(first)));
    }
}

#[test]
fn a_character_that_two_texts_share_is_none() {
    // Together with the length between them the bytes are UTF-8.
    let [first, second] = [&[b'a', 0xDF][..], &[b'b'; 0x80]];
    let shared = [text(first, 0), text(second, 0)].concat();
    assert!(str::from_utf8(&shared).is_ok());
    let rest = [0; 3 + 2 + 4 + 17];
    let bytes = [&shared[..], &rest[..]].concat();
    assert_eq!(header(&bytes).unwrap_err(), Fault::NotUtf8);
    assert_eq!(by_bincode(&bytes), None);
}

#[test]
fn a_header_at_the_limit_is_read_where_bincode_reads_it() {
    let mut read = 0;
    for length in MAX_HEADER_BYTES - 100..DECODE_LIMIT + 100 {
        let long = text(&vec![b'x'; length], 0);
        let bytes = [&long[..], &[0; 4 + 2 + 4 + 17]].concat();
        assert_eq!(by_hand(&bytes), by_bincode(&bytes), "{length} bytes");
        read += u32::from(by_hand(&bytes).is_some());
    }
    assert!(read > 0 && read < 456, "the limit lies between: {read}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_header_is_read_as_bincode_reads_it(bytes in some_header()) {
        prop_assert_eq!(by_hand(&bytes), by_bincode(&bytes));
    }

    #[test]
    fn a_header_with_other_bytes_in_it_is_read_as_bincode_reads_it(
        bytes in some_header(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        end in any::<prop::sample::Index>(),
    ) {
        let mut changed = bytes;
        for (at, value) in changes {
            let at = at.index(changed.len());
            changed[at] = value;
        }
        prop_assert_eq!(by_hand(&changed), by_bincode(&changed));
        let cut = &changed[..end.index(changed.len())];
        prop_assert_eq!(by_hand(cut), by_bincode(cut));
    }

    #[test]
    fn any_bytes_are_read_as_bincode_reads_them(
        bytes in prop::collection::vec(prop_oneof![0_u8..8, any::<u8>()], 0..256),
    ) {
        prop_assert_eq!(by_hand(&bytes), by_bincode(&bytes));
    }
}
