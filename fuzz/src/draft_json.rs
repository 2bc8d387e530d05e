//! An event given by hand. Input: a byte that chooses the type, then the
//! payload's text.
//!
//! Promised: no panic; a draft is valid by construction, so what is recorded of
//! it passes validation; its payload is one line, and drafting that line again
//! gives the same line.

use spec_kitty::event::{
    BodyError, Context, Draft, EventId, EventType, decode_body, encode_event, validate_recorded,
    validate_wire,
};
use spec_kitty::position::Lamport;

/// Drafts, records and validates the event.
pub fn run(data: &[u8]) {
    let Some((choice, payload)) = data.split_first() else {
        return;
    };
    let types = EventType::ALL;
    let event_type = types[usize::from(*choice) % types.len()].as_str();
    let Ok(payload) = std::str::from_utf8(payload) else {
        return;
    };
    let Ok(draft) = Draft::from_json(event_type, payload, None) else {
        return;
    };
    assert!(!draft.payload().contains('\n'), "more than one line");
    let again = Draft::from_json(event_type, draft.payload(), None);
    assert_eq!(again.expect("a payload that was accepted"), draft);
    let team_slug = (choice & 0x80 != 0).then(|| "acme".to_owned());
    let has_team = team_slug.is_some();
    let context = Context {
        node_id: "b805cd5cee74".to_owned(),
        team_slug,
        timestamp_us: 1_770_120_000_000_000,
        ..Context::default()
    };
    let id = EventId::parse("01KGHD00000000000000000001").expect("a ULID");
    let mut body = Vec::new();
    match encode_event(&draft, &context, &id, Lamport(1), &mut body) {
        Ok(()) => {}
        Err(BodyError::TooLong { .. }) => return,
        Err(other) => panic!("a draft cannot be recorded: {other}"),
    }
    let (header, json) = decode_body(&body).expect("a body of our own");
    assert_eq!(header.aggregate_id, draft.aggregate_id());
    assert_eq!(validate_recorded(json), Ok(()));
    assert_eq!(validate_wire(json).is_ok(), has_team);
}
