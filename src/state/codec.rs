//! The one place where the ledger meets bincode.
//!
//! Little endian with variable-length integers, a limit on everything that is
//! decoded, and no byte left over: a hostile length fails before anything is
//! allocated for it. The shapes are plain structs and enums that are never
//! reordered; what changes their meaning gets a new version number in front.

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

/// The most that is ever encoded or decoded at once, in bytes.
pub(crate) const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Bytes are not what they should be.
#[derive(Debug, Error)]
pub(crate) enum CodecError {
    #[error("cannot be encoded: {0}")]
    Encode(#[from] bincode::error::EncodeError),
    #[error("cannot be decoded: {0}")]
    Decode(#[from] bincode::error::DecodeError),
    #[error("{0} bytes follow the value")]
    TrailingBytes(usize),
}

fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<MAX_BYTES>()
}

pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    Ok(bincode::serde::encode_to_vec(value, config())?)
}

pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let (value, read) = bincode::serde::borrow_decode_from_slice(bytes, config())?;
    match bytes.len().saturating_sub(read) {
        0 => Ok(value),
        rest => Err(CodecError::TrailingBytes(rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_length_and_a_byte_too_many_are_refused() {
        let huge = [253, 255, 255, 255, 255, 255, 255, 255, 127];
        assert!(matches!(
            decode::<Vec<u8>>(&huge),
            Err(CodecError::Decode(_))
        ));
        let mut bytes = encode(&(7_u64, "seven")).unwrap();
        assert_eq!(
            decode::<(u64, String)>(&bytes).unwrap(),
            (7, "seven".into())
        );
        bytes.push(0);
        assert!(matches!(
            decode::<(u64, String)>(&bytes),
            Err(CodecError::TrailingBytes(1))
        ));
    }
}
