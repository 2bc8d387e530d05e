//! A segment header. Input: a byte (1: mend the checksums), then the bytes.
//!
//! Promised: no panic; a sound header survives encoding and decoding, and one
//! damaged copy of it costs nothing.

use spec_kitty::log::header::{COPY_BYTES, Header, HeaderRead};
use spec_kitty::position::Offset;

use super::input::{Input, mend_header};

/// Decodes the bytes and holds the result to the promises.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let mend = input.byte() & 1 == 1;
    let mut bytes = input.0.to_vec();
    if mend {
        mend_header(&mut bytes);
    }
    let HeaderRead::Sound { header, .. } = Header::decode(&bytes) else {
        return;
    };
    let mut encoded = header.encode();
    let read = |bytes: &[u8]| match Header::decode(bytes) {
        HeaderRead::Sound {
            header,
            damaged_copy,
        } => (header, damaged_copy),
        other => panic!("a header that was written reads as {other:?}"),
    };
    assert_eq!(read(&encoded), (header.clone(), None));
    let at = usize::from(data.first().copied().unwrap_or_default()) * 4 % encoded.len();
    encoded[at] ^= 0x10;
    let copy = if at < COPY_BYTES {
        0
    } else {
        COPY_BYTES as u64
    };
    assert_eq!(read(&encoded), (header, Some(Offset(copy))));
}
