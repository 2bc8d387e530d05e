//! The home as files: whether it is there, whose it is, what it lies on.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::columns::{counted, size};
use crate::config::LogConfig;
use crate::home::Home;
use crate::platform;

use super::check::{Check, Mend};

/// No more files than this are looked at.
const MOST_FILES: usize = 10_000;
/// The most that are named.
const MOST_NAMED: usize = 3;
/// Less room than this on a disk is worth a word.
const LITTLE_BYTES: u64 = 512 << 20;

pub(super) fn checks(home: &Home, config: &LogConfig) -> Vec<Check> {
    if !home.root().exists() {
        let said = format!("{} is made with the first event", home.root().display());
        return vec![Check::ok("home", said)];
    }
    vec![
        access(home),
        permissions(home),
        file_system(platform::network_file_system(home.root())),
        disk(platform::free_bytes(home.root()), config.segment_bytes),
    ]
}

fn access(home: &Home) -> Check {
    let root = home.root();
    let dirs = [root.to_owned(), home.log_dir(), home.state_dir()];
    let closed = dirs
        .iter()
        .find(|dir| dir.exists() && !platform::may_write(dir));
    match closed {
        _ if !root.is_dir() => {
            Check::problem("home", format!("{} is no directory", root.display()))
                .fix("name a directory: --home DIR or SPEC_KITTY_HOME")
        }
        Some(dir) => Check::problem(
            "home",
            format!(
                "{} cannot be written to; events cannot be recorded",
                dir.display()
            ),
        )
        .fix(format!("chmod u+rwx {}", quoted(dir))),
        None => Check::ok("home", format!("{}", root.display())),
    }
}

/// Every file of the home that somebody else has any right on.
fn permissions(home: &Home) -> Check {
    let mut open = Vec::new();
    let mut seen = 0;
    look(home.root(), &mut seen, &mut open);
    let is_secret = |path: &PathBuf| *path == home.credentials_file();
    let what = if open.iter().any(is_secret) {
        ", your tokens among them"
    } else {
        ""
    };
    if open.is_empty() {
        return Check::ok("permissions", "only you can read what is in it");
    }
    let named: Vec<_> = open
        .iter()
        .take(MOST_NAMED)
        .map(|path| path.strip_prefix(home.root()).unwrap_or(path))
        .map(|path| match path.to_string_lossy() {
            name if name.is_empty() => "the home itself".to_owned(),
            name => name.into_owned(),
        })
        .collect();
    let count = u64::try_from(open.len()).unwrap_or(u64::MAX);
    let files = counted(count, "file or directory is", "files and directories are");
    let more = if open.len() > MOST_NAMED { ", …" } else { "" };
    Check::problem(
        "permissions",
        format!(
            "{files} open to other users{what}: {}{more}",
            named.join(", ")
        ),
    )
    .told_as(format!("{files} open to other users{what}"))
    .mend(Mend::Close(open))
}

fn look(path: &Path, seen: &mut usize, open: &mut Vec<PathBuf>) {
    let Ok(facts) = fs::symlink_metadata(path) else {
        return;
    };
    *seen += 1;
    if facts.is_symlink() || *seen > MOST_FILES {
        return;
    }
    if platform::open_to_others(&facts) {
        open.push(path.to_owned());
    }
    if facts.is_dir() {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        entries.for_each(|entry| look(&entry.path(), seen, open));
    }
}

fn file_system(kind: Option<&str>) -> Check {
    match kind {
        None => Check::ok("file-system", "on a disk of this machine, as far as can be told"),
        Some(kind) => Check::problem(
            "file-system",
            format!("the home lies on a network file system ({kind}), where locks and syncs may not hold"),
        )
        .fix("name a directory on a local disk: --home DIR or SPEC_KITTY_HOME"),
    }
}

fn disk(free_bytes: Option<u64>, segment_bytes: u64) -> Check {
    let Some(free) = free_bytes else {
        return Check::ok("disk", "how much is free cannot be found out here");
    };
    let said = format!("{} free", size(free));
    let clear = "free some space; see what the log can do without: spec-kitty log prune --dry-run";
    if free < segment_bytes.saturating_mul(2) {
        Check::problem("disk", format!("{said}: soon no event can be recorded")).fix(clear)
    } else if free < LITTLE_BYTES {
        Check::note("disk", said).fix(clear)
    } else {
        Check::ok("disk", said)
    }
}

/// A path that can be pasted into a shell.
pub(super) fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+~".contains(c);
    if text.chars().all(is_plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::State;
    use super::*;

    #[test]
    fn a_full_disk_is_a_problem_before_it_is_full() {
        let segment = 8 << 20;
        for (free, state) in [
            (Some(0), State::Problem),
            (Some(segment * 2 - 1), State::Problem),
            (Some(segment * 2), State::Note),
            (Some(LITTLE_BYTES), State::Ok),
            (None, State::Ok),
        ] {
            assert_eq!(disk(free, segment).state, state, "{free:?}");
        }
    }

    #[test]
    fn a_network_file_system_is_a_problem() {
        assert_eq!(file_system(Some("nfs")).state, State::Problem);
        assert_eq!(file_system(None).state, State::Ok);
    }

    #[test]
    fn a_path_with_spaces_can_be_pasted() {
        assert_eq!(quoted(Path::new("/a/b-c")), "/a/b-c");
        assert_eq!(quoted(Path::new("/a b/it's")), "'/a b/it'\\''s'");
    }
}
