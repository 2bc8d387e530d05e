//! The bytes of the header are pinned, and hostile ones cost nothing.

use proptest::prelude::*;

use super::*;

const JSON: &[u8] = b"{\"a\":1}";

fn header() -> EventHeader<'static> {
    EventHeader {
        event_id: "01M81BTPP6PS3R3G0D5WC0XV38",
        event_type: "WPStatusChanged",
        aggregate_type: "WorkPackage",
        aggregate_id: "WP01",
        node_id: "b805cd5cee74",
        lamport: 300,
        timestamp_us: 1_795_342_293_702_142,
        team: None,
        project: Some("44a34391-86d8-4159-abf1-e0b4d3abc746"),
        feature: Some("028-x"),
        causation_id: None,
        target: TargetId([0xA5; 16]),
        flags: Flags::default().with_opted_out(true),
    }
}

/// A header of drawn values; the last four texts are in it where they are to be.
fn header_of(
    texts: &[String],
    there: [bool; 4],
    (lamport, timestamp_us): (u64, i64),
    (target, flags): ([u8; 16], u8),
) -> EventHeader<'_> {
    let optional = |index: usize| there[index].then_some(texts[5 + index].as_str());
    EventHeader {
        event_id: &texts[0],
        event_type: &texts[1],
        aggregate_type: &texts[2],
        aggregate_id: &texts[3],
        node_id: &texts[4],
        lamport,
        timestamp_us,
        team: optional(0),
        project: optional(1),
        feature: optional(2),
        causation_id: optional(3),
        target: TargetId(target),
        flags: Flags(flags),
    }
}

fn encoded(header: &EventHeader<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    encode_body(header, JSON, &mut out).unwrap();
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Logs on disk hold these bytes: this test may only ever get company.
#[test]
fn the_bytes_of_a_header_are_pinned() {
    let pinned = [
        "01",
        "1a30314d3831425450503650533352334730443557433058563338",
        "0f57505374617475734368616e676564",
        "0b576f726b5061636b616765",
        "0457503031",
        "0c623830356364356365653734",
        "fb2c01",
        "fdfc2b5567b5c10c00",
        "00",
        "012434346133343339312d383664382d343135392d616266312d653062346433616263373436",
        "01053032382d78",
        "00",
        "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5",
        "01",
        "7b2261223a317d",
    ];
    assert_eq!(hex(&encoded(&header())), pinned.concat());
}

#[test]
fn a_body_that_is_cut_anywhere_is_refused() {
    let body = encoded(&header());
    for length in 0..body.len() {
        assert!(decode_body(&body[..length]).is_err(), "{length} bytes");
    }
    assert!(decode_body(&body).is_ok());
}

#[test]
fn a_layout_from_the_future_is_told_from_damage() {
    let mut body = encoded(&header());
    body[0] = 2;
    let error = decode_body(&body).unwrap_err();
    assert!(matches!(error, BodyError::UnknownLayout { version: 2 }));
}

#[test]
fn a_hostile_length_is_refused_without_room_being_made_for_it() {
    for length in [[0xFF; 8], [0, 0, 0, 0, 1, 0, 0, 0]] {
        let mut body = vec![VERSION, 253];
        body.extend_from_slice(&length);
        body.extend_from_slice(JSON);
        assert!(matches!(decode_body(&body), Err(BodyError::Decode(_))));
    }
}

#[test]
fn a_header_as_long_as_allowed_is_read_and_a_longer_one_not_written() {
    let usual = encoded(&header()).len() - JSON.len() - 1;
    let room = MAX_HEADER_BYTES - usual + "028-x".len() - 2;
    let (fits, too_long) = ("f".repeat(room), "f".repeat(room + 1));
    let with = |feature| EventHeader {
        feature: Some(feature),
        ..header()
    };
    let body = encoded(&with(&fits));
    assert_eq!(body.len(), 1 + MAX_HEADER_BYTES + JSON.len());
    assert_eq!(decode_body(&body).unwrap(), (with(&fits), JSON));

    let mut out = b"before".to_vec();
    let error = encode_body(&with(&too_long), JSON, &mut out).unwrap_err();
    assert!(matches!(error, BodyError::HeaderTooLong { bytes } if bytes == MAX_HEADER_BYTES + 1));
    assert_eq!(out, b"before", "nothing half written");
}

#[test]
fn what_follows_the_header_must_look_like_an_object() {
    let mut out = Vec::new();
    for json in [&b""[..], b"[]", b"{", b"{}\n"] {
        let error = encode_body(&header(), json, &mut out).unwrap_err();
        assert!(matches!(error, BodyError::NotObject));
    }
    let mut body = encoded(&header());
    body.push(b'\n');
    assert!(matches!(decode_body(&body), Err(BodyError::NotObject)));
}

#[test]
fn flags_that_are_not_known_are_kept() {
    let flags = Flags(0b1000_0001);
    assert!(flags.opted_out());
    assert_eq!(flags.with_opted_out(false), Flags(0b1000_0000));
    let counted = Flags(0b0000_0111).with_attempts(9);
    assert_eq!((counted, counted.attempts()), (Flags(0b0100_1111), 9));
    assert_eq!(counted.with_attempts(1000).attempts(), 31);
}

proptest! {
    #[test]
    fn every_header_reads_back(
        texts in prop::collection::vec(any::<String>(), 9),
        there in any::<[bool; 4]>(),
        lamport: u64, timestamp_us: i64, target: [u8; 16], flags: u8,
    ) {
        let header = header_of(&texts, there, (lamport, timestamp_us), (target, flags));
        let body = encoded(&header);
        let (read, json) = decode_body(&body).unwrap();
        prop_assert_eq!(read, header);
        prop_assert_eq!(json, JSON);
    }

    #[test]
    fn a_header_put_together_is_the_header_encoded_at_once(
        texts in prop::collection::vec(prop_oneof![any::<String>(), "x{245,300}"], 9),
        there in any::<[bool; 4]>(),
        lamport in prop_oneof![0_u64..600, 65_000_u64..66_000, 4_294_967_000_u64..4_294_968_000, any::<u64>()],
        timestamp_us: i64, target: [u8; 16], flags: u8,
    ) {
        let header = header_of(&texts, there, (lamport, timestamp_us), (target, flags));
        let own = OwnHeader {
            event_id: header.event_id,
            event_type: header.event_type,
            aggregate_type: header.aggregate_type,
            aggregate_id: header.aggregate_id,
            lamport,
            feature: header.feature,
            causation_id: header.causation_id,
        };
        let mut out = Vec::new();
        CommonHeader::of(&header).unwrap().push(&own, &mut out).unwrap();
        out.extend_from_slice(JSON);
        prop_assert_eq!(out, encoded(&header));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = decode_body(&bytes);
        let mut versioned = vec![VERSION];
        versioned.extend_from_slice(&bytes);
        let _ = decode_body(&versioned);
    }

    #[test]
    fn a_changed_byte_is_refused_or_read_as_something_bounded(
        at: prop::sample::Index, value: u8,
    ) {
        let mut body = encoded(&header());
        let at = at.index(body.len());
        body[at] = value;
        if let Ok((header, json)) = decode_body(&body) {
            prop_assert!(header.event_id.len() < body.len());
            prop_assert!(json.len() < body.len());
        }
    }
}
