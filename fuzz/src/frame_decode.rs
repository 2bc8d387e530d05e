//! One frame. Input: a byte (1: mend the checksums), a segment id, the bytes.
//!
//! Promised: no panic; what decodes encodes to the very same bytes, lies within
//! what was given, and does not decode under another segment's seed.

use spec_kitty::log::frame::{MAX_BODY_BYTES, Seed, decode, encode};

use super::input::{Input, mend_frames};

/// Decodes the bytes and holds the result to the promises.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let mend = input.byte() & 1 == 1;
    let id: [u8; 16] = input.array();
    let mut bytes = input.0.to_vec();
    if mend {
        mend_frames(&mut bytes, &id);
    }
    let seed = Seed::of(&id);
    let Ok(frame) = decode(&bytes, seed) else {
        return;
    };
    let length = frame.len_on_disk();
    assert!(length <= bytes.len() && frame.body.len() <= MAX_BODY_BYTES);
    let mut again = Vec::new();
    let written = encode(
        &mut again,
        (frame.kind, frame.seq, frame.clock),
        seed,
        |bytes| bytes,
        |out| {
            out.extend_from_slice(frame.body);
            Ok(())
        },
    );
    assert_eq!(written, Ok(again.len() as u64));
    assert!(again == bytes[..length], "encoding gives other bytes");
    let mut other = id;
    other[0] ^= 1;
    assert!(
        decode(&bytes, Seed::of(&other)).is_err(),
        "a frame of another segment passes"
    );
}
