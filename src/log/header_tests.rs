//! Headers: what is written is read, and what was damaged is told from it.

use super::*;

/// A header with a different value in every field.
pub(in crate::log) fn sample() -> Header {
    Header {
        ordinal: Ordinal(2),
        segment_id: [0x11; 16],
        home_id: [0x22; 16],
        node_id: NodeId::parse("b805cd5cee74").unwrap(),
        node_facts: [0x33; 8],
        lock_identity: 0x4444,
        first_seq: Seq(101),
        predecessor: Predecessor {
            ordinal: Ordinal(1),
            id: [0x55; 16],
            valid_end: Offset(8192),
            last_seq: Seq(100),
            last_clock: Lamport(77),
        },
        lease: Lease {
            start: Lamport(78),
            end: Lamport(16461),
        },
        pressure: Pressure::High,
        space: Space::Prepared,
        created_at_us: 1_700_000_000_000_000,
    }
}

#[test]
fn what_is_encoded_is_what_is_decoded() {
    let read = Header::decode(&sample().encode());
    assert_eq!(
        read,
        HeaderRead::Sound {
            header: sample(),
            damaged_copy: None
        }
    );
}

#[test]
fn one_damaged_copy_costs_nothing_and_no_flipped_bit_goes_unnoticed() {
    for bit in 0..HEADER_BYTES * 8 {
        let mut bytes = sample().encode();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let copy = if bit / 8 < COPY_BYTES {
            0
        } else {
            COPY_BYTES_U64
        };
        let damaged_copy = Some(Offset(copy));
        let read = Header::decode(&bytes);
        assert_eq!(
            read,
            HeaderRead::Sound {
                header: sample(),
                damaged_copy
            },
            "{bit}"
        );
    }
}

#[test]
fn both_copies_damaged_or_cut_off_are_unreadable() {
    let bytes = sample().encode();
    for length in 0..COPY_BYTES {
        assert_eq!(Header::decode(&bytes[..length]), HeaderRead::Unreadable);
    }
    let mut both = bytes;
    both[100] ^= 1;
    both[COPY_BYTES + 300] ^= 1;
    assert_eq!(Header::decode(&both), HeaderRead::Unreadable);
    assert_eq!(Header::decode(&[0; HEADER_BYTES]), HeaderRead::Unreadable);
}

#[test]
fn a_later_format_is_told_apart_from_damage() {
    let mut bytes = sample().encode();
    put(&mut bytes, 8, &9_u16.to_le_bytes());
    let crc = crc32fast::hash(&bytes[..CRC_AT]);
    put(&mut bytes, CRC_AT, &crc.to_le_bytes());
    put(&mut bytes, COPY_BYTES, &[0; COPY_BYTES]);
    assert_eq!(Header::decode(&bytes), HeaderRead::Newer { version: 9 });
}

/// Found by fuzzing: numbers that cannot go up any more are read twice.
#[test]
fn a_header_whose_numbers_have_run_out_is_not_believed() {
    for header in [
        Header {
            first_seq: Seq(u64::MAX),
            ..sample()
        },
        Header {
            ordinal: Ordinal(MOST_COUNTED + 1),
            ..sample()
        },
    ] {
        assert_eq!(Header::decode(&header.encode()), HeaderRead::Unreadable);
    }
}

#[test]
fn a_node_id_is_twelve_lower_case_hex_digits() {
    assert_eq!(
        NodeId::from_bytes([0xb8, 5, 0xcd, 0x5c, 0xee, 0x74]).as_str(),
        "b805cd5cee74"
    );
    for bad in [
        "",
        "b805cd5cee7",
        "B805cd5cee74",
        "b805cd5cee7g",
        "b805cd5cee745",
    ] {
        assert_eq!(NodeId::parse(bad), None, "{bad:?}");
    }
}
