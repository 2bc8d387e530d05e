//! Room on a disk, and whether a place can be written to, asked without writing.

use std::path::Path;

/// The bytes that this user may still write on the file system that holds
/// `path`; `None` where that cannot be found out.
#[must_use]
pub(crate) fn free_bytes(path: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        let facts = rustix::fs::statvfs(path).ok()?;
        Some(facts.f_bavail.saturating_mul(facts.f_frsize))
    }
    #[cfg(windows)]
    {
        let _ = path;
        None
    }
}

/// Whether this process may write to `path`, as far as the system says so.
#[must_use]
pub(crate) fn may_write(path: &Path) -> bool {
    #[cfg(unix)]
    return rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok();
    #[cfg(windows)]
    return std::fs::metadata(path).is_ok_and(|facts| !facts.permissions().readonly());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_has_room_and_what_is_not_has_none() {
        let dir = tempfile::tempdir().unwrap();
        assert!(may_write(dir.path()));
        let missing = dir.path().join("missing");
        assert!(!may_write(&missing));
        if cfg!(unix) {
            assert!(free_bytes(dir.path()).is_some_and(|bytes| bytes > 0));
            assert_eq!(free_bytes(&missing), None);
        }
    }
}
