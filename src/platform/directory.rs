//! What a directory holds, at little cost for each entry.
//!
//! The directory of a log that was never pruned has many hundred entries, and
//! whoever looks at the log asks for the names of all and for the stamp of each.
//! On Linux both are asked of the open directory, without a path for each.

use std::io;
use std::path::Path;

use super::stamp::{Stamp, path_stamp};
#[cfg(target_os = "linux")]
use super::stamp::{look_at, nanoseconds};

/// The names of the entries of `dir` that are UTF-8.
///
/// # Errors
/// Any I/O error, `NotFound` included.
#[cfg(target_os = "linux")]
pub(crate) fn names_in(dir: &Path) -> io::Result<Vec<String>> {
    /// Room for more than a hundred entries at a time, and for any single one.
    const BUFFER_BYTES: usize = 32 * 1024;
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    let mut entries = rustix::fs::RawDir::new(open(dir)?, buffer.spare_capacity_mut());
    let mut names = Vec::new();
    while let Some(entry) = entries.next() {
        match entry?.file_name().to_str() {
            Ok("." | "..") | Err(_) => {}
            Ok(name) => names.push(name.to_owned()),
        }
    }
    Ok(names)
}

/// The names of the entries of `dir` that are UTF-8.
///
/// # Errors
/// Any I/O error, `NotFound` included.
#[cfg(not(target_os = "linux"))]
pub(crate) fn names_in(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        names.extend(entry?.file_name().into_string().ok());
    }
    Ok(names)
}

/// The stamps of the files with these names in `dir`, in the same order; `None`
/// for one that has none.
pub(crate) fn stamps_in(dir: &Path, names: impl Iterator<Item = String>) -> Vec<Option<Stamp>> {
    #[cfg(target_os = "linux")]
    let open = open(dir).ok();
    let stamp = |name: String| {
        #[cfg(target_os = "linux")]
        if let Some(stamp) = open.as_ref().and_then(|dir| stamp_at(dir, &name)) {
            return Some(stamp);
        }
        path_stamp(&dir.join(name)).ok()
    };
    names.map(stamp).collect()
}

#[cfg(target_os = "linux")]
fn open(dir: &Path) -> io::Result<std::os::fd::OwnedFd> {
    use rustix::fs::{CWD, Mode, OFlags, openat};
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(openat(CWD, dir, flags, Mode::empty())?)
}

/// The stamp as [`path_stamp`] makes it.
#[cfg(target_os = "linux")]
fn stamp_at(dir: &std::os::fd::OwnedFd, name: &str) -> Option<Stamp> {
    let changed = rustix::fs::StatxFlags::CTIME;
    let (shape, facts) = look_at(dir, Path::new(name), changed).ok()??;
    Some(Stamp {
        identity: shape.identity,
        size: shape.size,
        changed: nanoseconds(facts.stx_ctime),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_names_are_told_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(names_in(dir.path()).unwrap(), Vec::<String>::new());
        // More than fit into one answer of the system.
        let mut made: Vec<_> = (0..2000).map(|n| format!("{n:010}.seg")).collect();
        made.push(".hidden".into());
        made.push("…".into());
        for name in &made {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let mut names = names_in(dir.path()).unwrap();
        names.sort_unstable();
        made.sort_unstable();
        assert_eq!(names, made);
        let missing = names_in(&dir.path().join("missing")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        let file = names_in(&dir.path().join(".hidden")).unwrap_err();
        assert_eq!(file.kind(), io::ErrorKind::NotADirectory);
    }

    #[test]
    fn a_stamp_is_the_same_however_it_is_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("one"), "1").unwrap();
        std::fs::write(dir.path().join("two"), "22").unwrap();
        let names = ["one", "missing", "two"];
        let by_path = |name| path_stamp(&dir.path().join(name)).ok();
        let expected = names.map(by_path);
        assert_eq!(expected.iter().flatten().count(), 2);
        let stamps = |dir: &Path| stamps_in(dir, names.into_iter().map(str::to_owned));
        assert_eq!(stamps(dir.path()), expected);
        assert_eq!(stamps(&dir.path().join("gone")), [None; 3]);
    }
}
