//! What tells a file from itself after somebody touched it.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;
#[cfg(unix)]
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[cfg(target_os = "linux")]
use rustix::fs::{AtFlags, Statx, StatxFlags, StatxTimestamp, statx};
#[cfg(target_os = "linux")]
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

/// A file as a look from outside tells it. Whoever writes to the file, replaces
/// it, copies it or renames another one over it makes its stamp another one;
/// bytes that rot on the disk do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Which file: another one for a file that was made later in its place.
    pub identity: u64,
    /// Its length in bytes.
    pub size: u64,
    /// When anything about it last changed, in nanoseconds since 1970 (on
    /// Windows: when it was last written to, in the system's own unit).
    pub changed: i128,
}

/// Which file it is, and how long: what tells a file from another one, and from
/// itself when it has become longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Which file: another one for a file that was made later in its place.
    pub identity: u64,
    /// Its length in bytes.
    pub size: u64,
}

/// The shape of the file that `path` names now.
///
/// The times of the file are not asked for: whoever asks makes some systems (Linux
/// since 6.13) write down a time of its own with the next write, which the next sync
/// then has to wait for.
///
/// # Errors
/// Any I/O error of the look-up, `NotFound` included.
pub(crate) fn path_shape(path: &Path) -> io::Result<Shape> {
    #[cfg(target_os = "linux")]
    if let Some((shape, _)) = look_at(rustix::fs::CWD, path, StatxFlags::empty())? {
        return Ok(shape);
    }
    shape_in(&std::fs::metadata(path)?)
}

/// The shape of an open file, whatever its path names now; as [`path_shape`].
///
/// # Errors
/// Any I/O error of the look-up.
pub(crate) fn file_shape(file: &File) -> io::Result<Shape> {
    #[cfg(target_os = "linux")]
    if let Some((shape, _)) = look_at(file, Path::new(""), StatxFlags::empty())? {
        return Ok(shape);
    }
    shape_in(&file.metadata()?)
}

/// The shape of the file that `path` names in `dir` (of `dir` itself where it is
/// empty), with what else is wanted; `None` where the system does not say all of it:
/// then the older call does.
#[cfg(target_os = "linux")]
pub(super) fn look_at(
    dir: impl std::os::fd::AsFd,
    path: &Path,
    more: StatxFlags,
) -> io::Result<Option<(Shape, Statx)>> {
    let wanted = StatxFlags::INO | StatxFlags::SIZE | StatxFlags::BTIME | more;
    let facts = match statx(dir, path, AtFlags::EMPTY_PATH, wanted) {
        // A kernel that does not know the call, or a sandbox that does not.
        Err(Errno::NOSYS | Errno::PERM) => return Ok(None),
        other => other?,
    };
    let made_ns = u128::try_from(nanoseconds(facts.stx_btime));
    let is_told = StatxFlags::from_bits_retain(facts.stx_mask).contains(wanted);
    Ok(made_ns.ok().filter(|_| is_told).map(|made_ns| {
        let identity = super::identity(facts.stx_ino, made_ns);
        let size = facts.stx_size;
        (Shape { identity, size }, facts)
    }))
}

/// Nanoseconds since 1970.
#[cfg(target_os = "linux")]
pub(super) fn nanoseconds(time: StatxTimestamp) -> i128 {
    i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec)
}

fn shape_in(metadata: &Metadata) -> io::Result<Shape> {
    Ok(Shape {
        identity: super::identity_of(metadata)?,
        size: metadata.len(),
    })
}

/// The stamp of the file that `path` names now.
///
/// # Errors
/// Any I/O error of the look-up, `NotFound` included.
pub(crate) fn path_stamp(path: &Path) -> io::Result<Stamp> {
    stamp_in(&std::fs::metadata(path)?)
}

/// The stamp of an open file, whatever its path names now.
///
/// # Errors
/// Any I/O error of the look-up.
pub(crate) fn file_stamp(file: &File) -> io::Result<Stamp> {
    stamp_in(&file.metadata()?)
}

fn stamp_in(metadata: &Metadata) -> io::Result<Stamp> {
    Ok(Stamp {
        identity: super::identity_of(metadata)?,
        size: metadata.len(),
        changed: changed(metadata),
    })
}

/// The stamp of a directory, where the next entry that is added, removed or
/// renamed is sure to give it another one: not within the same tick of the file
/// system's clock as the last one (two seconds, where they are the longest).
/// `None` where that cannot be told.
pub(crate) fn resting_stamp(dir: &Path) -> Option<Stamp> {
    #[cfg(unix)]
    {
        const REST: Duration = Duration::from_millis(2500);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let stamp = path_stamp(dir).ok()?;
        let rested_until = i128::try_from(now.checked_sub(REST)?.as_nanos()).ok()?;
        (stamp.changed < rested_until).then_some(stamp)
    }
    #[cfg(windows)]
    {
        let _ = dir;
        None
    }
}

/// The time that no ordinary program sets: that of the inode, not of the content.
#[cfg(unix)]
fn changed(metadata: &Metadata) -> i128 {
    use std::os::unix::fs::MetadataExt;
    i128::from(metadata.ctime())
        .saturating_mul(1_000_000_000)
        .saturating_add(i128::from(metadata.ctime_nsec()))
}

#[cfg(windows)]
fn changed(metadata: &Metadata) -> i128 {
    i128::from(std::os::windows::fs::MetadataExt::last_write_time(metadata))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_just_changed_may_change_again_unseen() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("f"), "1").unwrap();
        assert_eq!(resting_stamp(dir.path()), None);
        assert_eq!(resting_stamp(&dir.path().join("missing")), None);
    }

    #[test]
    fn the_shape_of_a_file_is_in_its_stamp() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        assert_eq!(
            path_shape(&path).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
        std::fs::write(&path, "1234").unwrap();
        let Stamp { identity, size, .. } = path_stamp(&path).unwrap();
        assert_eq!(path_shape(&path).unwrap(), Shape { identity, size });
        let open = File::open(&path).unwrap();
        assert_eq!(file_shape(&open).unwrap(), Shape { identity, size });
        assert_eq!(
            shape_in(&open.metadata().unwrap()).unwrap(),
            Shape { identity, size }
        );
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(file_shape(&open).unwrap(), Shape { identity, size: 5 });
        std::fs::rename(&path, dir.path().join("g")).unwrap();
        std::fs::write(&path, "12345").unwrap();
        assert_ne!(
            path_shape(&path).unwrap(),
            file_shape(&open).unwrap(),
            "another file"
        );
    }

    #[test]
    fn whatever_is_done_to_a_file_its_stamp_is_another_one() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("f"), dir.path().join("g"));
        std::fs::write(&path, "1234").unwrap();
        let before = path_stamp(&path).unwrap();
        assert_eq!(path_stamp(&path).unwrap(), before);
        let open = File::open(&path).unwrap();
        assert_eq!(file_stamp(&open).unwrap(), before);
        // Two looks in one tick of the clock see the same time: the ticks of
        // the systems that this runs on are shorter than this pause.
        std::thread::sleep(std::time::Duration::from_millis(20));
        std::fs::copy(&path, &other).unwrap();
        assert_ne!(path_stamp(&other).unwrap(), before, "copied");
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        super::super::write_at(&file, b"9", 0).unwrap();
        let written = path_stamp(&path).unwrap();
        assert_ne!(written, before, "overwritten in place");
        std::fs::rename(&other, &path).unwrap();
        assert_ne!(path_stamp(&path).unwrap(), written, "replaced");
        let gone = file_stamp(&open).unwrap();
        assert_ne!(path_stamp(&path).unwrap(), gone, "another file");
        assert!(path_stamp(&other).is_err());
    }
}
