//! What a disk has room for, lets one write to, and can be told to begin with.

use std::fs::File;
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

/// Has the disk begin with what was written to a range of `file`, and does not wait
/// for the end. Best effort, and no sync: what it says is only that nobody needs
/// these pages in memory. Linux begins to write the changed ones then, and keeps
/// them, as it cannot let go of what is being written.
pub(crate) fn begin_to_sync(file: &File, offset: u64, bytes: u64) {
    #[cfg(target_os = "linux")]
    {
        let range = std::num::NonZeroU64::new(bytes);
        let _ = rustix::fs::fadvise(file, offset, range, rustix::fs::Advice::DontNeed);
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (file, offset, bytes);
    }
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
