//! What a server says over the socket. Input: a text frame.
//!
//! Promised: no panic; what is not an object with a known `type` is nothing;
//! what speaks of an event names one by an id that the ledger can keep; what a
//! ping wants repeated is short; what is kept of the server's words is
//! bounded.

use spec_kitty::sync::live::frame::{Frame, read};
use spec_kitty::sync::outcome::EventAnswer;

use super::batch_response::check_trouble;

/// Reads the frame and holds what is understood to the promises.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let frame = read(text);
    assert_eq!(frame, read(text), "the same frame read differently");
    if frame != Frame::Other {
        assert!(text.trim_start().starts_with('{'));
    }
    match frame {
        Frame::Ping { timestamp } => assert!((1..=128).contains(&timestamp.len())),
        Frame::Answer { event, answer } => {
            assert!((1..=64).contains(&event.as_str().len()));
            assert!(!matches!(answer, EventAnswer::Unanswered(_)));
            if let EventAnswer::Refused { trouble, .. } = answer {
                check_trouble(&trouble);
            }
        }
        Frame::Snapshot { .. } | Frame::Event { .. } | Frame::Other => {}
    }
}
