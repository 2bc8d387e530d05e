//! Little-endian fields at fixed offsets, read without trusting any length.

/// The `N` bytes at `at`, when they are there.
pub(super) fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// The `u16` at `at`.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array_at(bytes, at).map(u16::from_le_bytes)
}

/// The `u32` at `at`.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array_at(bytes, at).map(u32::from_le_bytes)
}

/// The `u64` at `at`.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array_at(bytes, at).map(u64::from_le_bytes)
}

/// Writes `field` at `at`; a field that does not fit is a defect of the caller
/// that the checksum would show, so nothing is written then.
pub(super) fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    let target = bytes
        .get_mut(at..)
        .and_then(|rest| rest.get_mut(..field.len()));
    debug_assert!(target.is_some(), "a field must lie inside its record");
    if let Some(target) = target {
        target.copy_from_slice(field);
    }
}

/// A length in memory as a file position. Lossless on every supported target.
pub(super) fn as_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// A file position as a length in memory, saturating on 32-bit targets, where
/// such a length fails its bound check next.
pub(super) fn as_usize(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}
