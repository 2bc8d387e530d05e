//! The body of an event's frame, and both validations. Input: the body.
//!
//! Promised: no panic; what decodes encodes to the same values; a wire event
//! within our own size limit is also a valid recorded event.

use spec_kitty::event::{
    MAX_HEADER_BYTES, MAX_OWN_JSON, decode_body, encode_body, splice_team, spliced_team_len,
    validate_recorded, validate_wire,
};

/// Decodes and validates, and holds the results to the promises.
pub fn run(data: &[u8]) {
    validate(data);
    let Ok((header, json)) = decode_body(data) else {
        return;
    };
    validate(json);
    let mut again = Vec::new();
    // Bytes that decode need not be the shortest ones, so the length may differ.
    encode_body(&header, json, &mut again).expect("what was decoded can be encoded");
    assert!(again.len() <= MAX_HEADER_BYTES + 1 + json.len());
    assert_eq!(
        decode_body(&again).expect("what was encoded can be decoded"),
        (header, json)
    );
}

fn validate(json: &[u8]) {
    let wire = validate_wire(json);
    let recorded = validate_recorded(json);
    if wire.is_ok() && json.len() <= MAX_OWN_JSON {
        assert_eq!(recorded, Ok(()), "valid on the wire, refused when recorded");
    }
    if recorded.is_ok() && wire.is_err() {
        // The one thing that it may lack is the team.
        let spliced = splice_team(json, "acme");
        assert_eq!(spliced.len(), json.len() + spliced_team_len("acme"));
        assert_eq!(
            validate_wire(&spliced),
            Ok(()),
            "invalid for another reason than the team"
        );
    }
}
