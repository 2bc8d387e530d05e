//! `state/tallies`: what was counted in segments that do not change any more.
//!
//! ```text
//! offset  size  what
//!      0     8  magic "sktally\n"
//!      8     4  version, 4
//!     12     8  length of the body in bytes
//!     20     4  CRC-32 (IEEE) of bytes 0..20 and the body
//!     24     …  the body in bincode (see the `codec` module)
//! ```
//!
//! All numbers are little endian. Anybody who has looked through the log may
//! replace the file, as a whole and without a sync: whatever is wrong with it
//! means that the log is read, and costs nothing else. What it holds and when
//! that is believed is for its user to know (`sync::tallies`).

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::platform;
use crate::state::codec;

const MAGIC: [u8; 8] = *b"sktally\n";
const VERSION: u32 = 4;
const HEADER_BYTES: usize = 24;
const MAX_BYTES: usize = codec::MAX_BYTES + HEADER_BYTES;

pub(super) fn path_in(state_dir: &Path) -> PathBuf {
    state_dir.join("tallies")
}

/// What the file at `path` holds, if it is whole and sound.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    decode(&platform::read_regular(path, MAX_BYTES).ok()?)
}

/// Replaces the file at `path`; where that cannot be done an older one stays.
pub(super) fn write<T: Serialize>(path: &Path, value: &T) -> bool {
    let Some(bytes) = encode(value) else {
        return false;
    };
    path.parent()
        .is_some_and(|dir| replace(dir, path, &bytes).is_ok())
}

fn replace(dir: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    // The temporary file is created with mode 0600, and removed after an error.
    let mut file = tempfile::Builder::new()
        .prefix(".tallies.")
        .tempfile_in(dir)?;
    file.write_all(bytes)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn encode<T: Serialize>(value: &T) -> Option<Vec<u8>> {
    let body = codec::encode(value).ok()?;
    if body.len() > codec::MAX_BYTES {
        return None;
    }
    let mut bytes = Vec::with_capacity(HEADER_BYTES.saturating_add(body.len()));
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(u64::try_from(body.len()).ok()?.to_le_bytes());
    let crc = checksum(&bytes, &body);
    bytes.extend(crc.to_le_bytes());
    bytes.extend(body);
    Some(bytes)
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let (covered, rest) = bytes.split_first_chunk::<20>()?;
    let (crc, body) = rest.split_first_chunk::<4>()?;
    let (version, length) = covered.strip_prefix(&MAGIC)?.split_first_chunk::<4>()?;
    let length = u64::from_le_bytes(length.try_into().ok()?);
    let is_whole = u32::from_le_bytes(*version) == VERSION
        && u64::try_from(body.len()) == Ok(length)
        && u32::from_le_bytes(*crc) == checksum(covered, body);
    is_whole.then(|| codec::decode(body).ok()).flatten()
}

fn checksum(covered: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(covered);
    hasher.update(body);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Value = Vec<(u64, String)>;

    fn value() -> Value {
        vec![(7, "seven".into()), (u64::MAX, String::new())]
    }

    #[test]
    fn what_is_kept_is_what_is_found_and_it_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = path_in(dir.path());
        assert_eq!(read::<Value>(&path), None);
        assert!(write(&path, &Value::new()));
        assert!(write(&path, &value()));
        assert_eq!(read::<Value>(&path), Some(value()));
        let metadata = std::fs::metadata(&path).unwrap();
        assert!(!platform::open_to_others(&metadata));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(!write(&path_in(&dir.path().join("missing")), &value()));
        let hex: String = encode(&value())
            .unwrap()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(
            hex,
            "736b74616c6c790a04000000120000000000000038f24fca020705736576656efdffffffffffffffff00"
        );
    }

    #[test]
    fn whatever_is_wrong_with_it_nothing_is_known() {
        let sound = encode(&value()).unwrap();
        for bit in 0..sound.len() * 8 {
            let mut bytes = sound.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode::<Value>(&bytes), None, "bit {bit}");
        }
        for length in 0..sound.len() {
            assert_eq!(decode::<Value>(&sound[..length]), None);
        }
        assert_eq!(decode::<Value>(&[&sound[..], b"x"].concat()), None);
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(path_in(dir.path())).unwrap();
        assert_eq!(read::<Value>(&path_in(dir.path())), None);
        assert!(!write(&path_in(dir.path()), &value()));
    }
}
