//! The branch and the commit of a checkout, read from git's files.
//!
//! Starting `git` would cost more than the whole append, and its answer is in
//! two small files. What cannot be read this way (a reftable repository, a ref
//! that loops, content that git would not have written) has no answer here:
//! `None`, never a guess. Every read has a limit, and a ref's name is checked
//! before it becomes part of a path.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use crate::emitter::place::GitDirs;
use crate::emitter::remote;
use crate::platform;

/// A `HEAD` or a loose ref is one short line.
const MAX_REF_BYTES: usize = 4 * 1024;

/// As many packed refs as can be scanned without holding a command up: about
/// a hundred thousand.
const MAX_PACKED_BYTES: u64 = 8 * 1024 * 1024;

/// Git itself follows five symbolic refs and then gives up.
const MAX_SYMBOLIC: usize = 5;

/// What an event says about the checkout it was recorded in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct GitFields {
    /// The branch; `HEAD` when detached; `None` before the first commit.
    pub(super) git_branch: Option<String>,
    /// The commit, in 40 or 64 hexadecimal digits.
    pub(super) head_commit_sha: Option<String>,
    /// `owner/repo` of the remote `origin`, without any credentials.
    pub(super) repo_slug: Option<String>,
}

/// The git fields of a checkout.
pub(super) fn read(dirs: &GitDirs) -> GitFields {
    let (git_branch, head_commit_sha) = match head(dirs) {
        Some(head) => (Some(head.branch), head.commit),
        None => (None, None),
    };
    GitFields {
        git_branch,
        head_commit_sha,
        repo_slug: remote::repo_slug(&dirs.common_dir),
    }
}

struct Head {
    branch: String,
    commit: Option<String>,
}

/// What a ref's text says.
enum RefText {
    Commit(String),
    Symbolic(String),
}

fn head(dirs: &GitDirs) -> Option<Head> {
    let head_file = dirs.git_dir.join("HEAD");
    let text = platform::read_regular(&head_file, MAX_REF_BYTES);
    let mut name = match text.ok().and_then(|text| parse_ref(&text)) {
        Some(RefText::Symbolic(name)) => name,
        // Read through a link, a branch looks like a commit or like nothing.
        other => match (linked_head(&head_file), other) {
            (Some(name), _) => name,
            (None, Some(RefText::Commit(commit))) => {
                return Some(Head {
                    branch: "HEAD".to_owned(),
                    commit: Some(commit),
                });
            }
            (None, _) => return None,
        },
    };
    for _ in 0..MAX_SYMBOLIC {
        match loose_ref(&dirs.common_dir, &name) {
            Some(RefText::Symbolic(next)) => name = next,
            Some(RefText::Commit(commit)) => {
                return Some(Head {
                    branch: short_name(&name),
                    commit: Some(commit),
                });
            }
            None => {
                return match packed_ref(&dirs.common_dir, &name) {
                    Packed::Commit(commit) => Some(Head {
                        branch: short_name(&name),
                        commit: Some(commit),
                    }),
                    Packed::TooMany => Some(Head {
                        branch: short_name(&name),
                        commit: None,
                    }),
                    Packed::Unborn => None,
                };
            }
        }
    }
    None
}

/// The ref that `HEAD` names when it is a symbolic link, as old versions of git made it.
fn linked_head(head_file: &Path) -> Option<String> {
    let target = std::fs::read_link(head_file).ok()?;
    let name = target.to_str()?;
    is_ref_name(name).then(|| name.to_owned())
}

fn loose_ref(common_dir: &Path, name: &str) -> Option<RefText> {
    parse_ref(&platform::read_regular(&common_dir.join(name), MAX_REF_BYTES).ok()?)
}

fn parse_ref(bytes: &[u8]) -> Option<RefText> {
    let text = std::str::from_utf8(bytes).ok()?.trim_ascii_end();
    if let Some(name) = text.strip_prefix("ref:") {
        let name = name.trim_ascii_start();
        return is_ref_name(name).then(|| RefText::Symbolic(name.to_owned()));
    }
    is_commit(text).then(|| RefText::Commit(text.to_owned()))
}

enum Packed {
    Commit(String),
    Unborn,
    TooMany,
}

fn packed_ref(common_dir: &Path, name: &str) -> Packed {
    let path = common_dir.join("packed-refs");
    if !std::fs::metadata(&path).is_ok_and(|metadata| metadata.is_file()) {
        return Packed::Unborn;
    }
    let Ok(file) = File::open(&path) else {
        return Packed::TooMany;
    };
    scan_packed(BufReader::new(file.take(MAX_PACKED_BYTES)), name)
}

/// Looks for `<commit> <name>` among the lines of a packed-refs file.
fn scan_packed(mut refs: impl BufRead, name: &str) -> Packed {
    let mut line = Vec::new();
    let mut scanned = 0;
    loop {
        line.clear();
        match refs.read_until(b'\n', &mut line) {
            Ok(0) if scanned < MAX_PACKED_BYTES => return Packed::Unborn,
            Ok(0) | Err(_) => return Packed::TooMany,
            Ok(read) => scanned += u64::try_from(read).unwrap_or(MAX_PACKED_BYTES),
        }
        if let Some(commit) = packed_line(&line, name) {
            return Packed::Commit(commit.to_owned());
        }
    }
}

fn packed_line<'a>(line: &'a [u8], name: &str) -> Option<&'a str> {
    let commit = line
        .trim_ascii_end()
        .strip_suffix(name.as_bytes())?
        .strip_suffix(b" ")?;
    let commit = std::str::from_utf8(commit).ok()?;
    is_commit(commit).then_some(commit)
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64)
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The name as `git rev-parse --abbrev-ref` shows it.
fn short_name(name: &str) -> String {
    ["refs/heads/", "refs/remotes/", "refs/tags/", "refs/"]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .unwrap_or(name)
        .to_owned()
}

/// Whether git would accept this as the full name of a ref. Such a name is
/// safe as a relative path: no component of it begins with a dot.
fn is_ref_name(name: &str) -> bool {
    let forbidden = |byte: u8| byte <= b' ' || b"\x7f~^:?*[\\".contains(&byte);
    name.len() <= 512
        && name.starts_with("refs/")
        && !name.bytes().any(forbidden)
        && !name.contains("..")
        && !name.contains("@{")
        && !name.ends_with('.')
        && name.split('/').all(|component| {
            !component.is_empty() && !component.starts_with('.') && !component.ends_with(".lock")
        })
}

#[cfg(test)]
#[path = "git_fields_tests.rs"]
mod tests;
