//! Whether a directory lies on a file system of another machine, where locks
//! and syncs may hold less than they say.
//!
//! Known on Linux, by the magic numbers of `statfs`. FUSE is not among them: it
//! carries local disks as often as remote ones.

use std::path::Path;

/// The kind of network file system that `path` lies on; `None` when it is none
/// that is known, or nothing can be found out.
#[must_use]
pub(crate) fn network_file_system(path: &Path) -> Option<&'static str> {
    #[cfg(target_os = "linux")]
    {
        let magic = rustix::fs::statfs(path).ok()?.f_type;
        kind_of(u64::try_from(magic).ok()? & 0xFFFF_FFFF)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path;
        None
    }
}

/// By the magic numbers of `linux/magic.h` and of the file systems' sources.
#[cfg(target_os = "linux")]
fn kind_of(magic: u64) -> Option<&'static str> {
    Some(match magic {
        0x6969 => "nfs",
        0x517B | 0xFF53_4D42 | 0xFE53_4D42 => "smb",
        0x0102_1997 => "9p",
        0x5346_414F | 0x6B41_4653 => "afs",
        0x7375_7245 => "coda",
        0x00C3_6400 => "ceph",
        0x0BD0_0BD0 => "lustre",
        0x0116_1970 => "gfs2",
        0x7461_636F => "ocfs2",
        _ => return None,
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_told_from_local_ones() {
        assert_eq!(kind_of(0x6969), Some("nfs"));
        assert_eq!(kind_of(0xFF53_4D42), Some("smb"));
        // ext4, tmpfs, btrfs, overlay, FUSE.
        for local in [0xEF53, 0x0102_1994, 0x9123_683E, 0x794C_7630, 0x6573_5546] {
            assert_eq!(kind_of(local), None);
        }
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(network_file_system(&dir.path().join("missing")), None);
    }
}
