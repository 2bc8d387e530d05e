//! `owner/repo` out of the URL of the remote `origin`.
//!
//! The slug goes into every event, so it is an allow-list: only path segments
//! of a URL that names a host pass, and nothing that could be a part of
//! credentials. A URL that is a path on this machine has no slug. Included
//! configuration files and `insteadOf` are not followed.

use std::path::Path;

use crate::platform;

/// A repository's configuration is a few hundred bytes; thousands of branches
/// make it larger.
const MAX_CONFIG_BYTES: usize = 1024 * 1024;

const MAX_SLUG_BYTES: usize = 255;

/// The slug of the remote `origin` of the repository with this common directory.
pub(super) fn repo_slug(common_dir: &Path) -> Option<String> {
    slug_of_url(&read_origin(common_dir)?)
}

/// The name of the repository at `origin`, be it on a host or on this machine.
pub(super) fn repo_name(common_dir: &Path) -> Option<String> {
    name_of_url(&read_origin(common_dir)?)
}

fn read_origin(common_dir: &Path) -> Option<String> {
    let bytes = platform::read_regular(&common_dir.join("config"), MAX_CONFIG_BYTES).ok()?;
    origin_url(&bytes)
}

/// The first `url` of the section `[remote "origin"]`.
fn origin_url(config: &[u8]) -> Option<String> {
    let mut in_origin = false;
    for line in config.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        if let Some(header) = line.strip_prefix(b"[") {
            in_origin = is_origin(header);
            continue;
        }
        if in_origin && let Some(value) = value_of_url(line) {
            return Some(unquoted(&String::from_utf8_lossy(value)));
        }
    }
    None
}

/// What a line gives the key `url`.
fn value_of_url(line: &[u8]) -> Option<&[u8]> {
    let (key, rest) = line.split_at_checked(3)?;
    let value = rest.trim_ascii_start().strip_prefix(b"=")?;
    key.eq_ignore_ascii_case(b"url").then(|| value.trim_ascii())
}

/// Whether a section header (after its bracket) is `remote "origin"`; the
/// word's case does not matter, the name's does.
fn is_origin(header: &[u8]) -> bool {
    let Some((section, rest)) = header.split_at_checked(6) else {
        return false;
    };
    let name = rest.trim_ascii_start().strip_prefix(b"\"origin\"");
    section.eq_ignore_ascii_case(b"remote")
        && rest.first().is_some_and(u8::is_ascii_whitespace)
        && name.is_some_and(|rest| rest.trim_ascii_start().starts_with(b"]"))
}

/// A value without its quotes and without a comment behind it.
fn unquoted(value: &str) -> String {
    let mut plain = String::with_capacity(value.len());
    let mut in_quotes = false;
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => in_quotes = !in_quotes,
            '#' | ';' if !in_quotes => break,
            '\\' => plain.extend(characters.next()),
            _ => plain.push(character),
        }
    }
    plain.trim().to_owned()
}

/// `owner/repo` (or `group/…/repo`) of a URL, in either of git's spellings.
fn slug_of_url(url: &str) -> Option<String> {
    let path = match url.split_once("://") {
        Some((scheme, rest)) => {
            let is_network = ["https", "http", "ssh", "git", "git+ssh", "ssh+git"]
                .iter()
                .any(|known| scheme.eq_ignore_ascii_case(known));
            let (host, path) = rest.split_once('/')?;
            (is_network && !host.is_empty()).then_some(path)?
        }
        None => {
            let (host, path) = url.split_once(':')?;
            // `C:\x` and `./a:b` are paths; a host has no slash and more than a letter.
            let is_host = host.len() > 1 && !host.contains(['/', '\\']);
            is_host.then_some(path)?
        }
    };
    slug_of_path(path)
}

fn slug_of_path(path: &str) -> Option<String> {
    let path = path.split(['?', '#']).next()?.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let segments: Vec<&str> = path.split('/').collect();
    let plausible = segments.len() >= 2
        && path.len() <= MAX_SLUG_BYTES
        && segments.iter().all(|segment| is_segment(segment));
    plausible.then(|| path.to_owned())
}

/// The last part of a URL or path.
fn name_of_url(url: &str) -> Option<String> {
    let path = url.split(['?', '#']).next()?.trim_end_matches(['/', '\\']);
    let path = path.strip_suffix(".git").unwrap_or(path);
    let name = path.rsplit(['/', '\\', ':']).next()?;
    is_segment(name).then(|| name.to_owned())
}

fn is_segment(segment: &str) -> bool {
    !segment.is_empty()
        && !segment.starts_with('~')
        && segment.bytes().any(|byte| byte != b'.')
        && segment
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-~+%".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_spelling_of_a_url_gives_the_same_slug() {
        for url in [
            "https://github.com/acme/widgets.git",
            "https://github.com/acme/widgets/",
            "http://user:secret@github.com:8080/acme/widgets.git",
            "ssh://git@github.com:22/acme/widgets",
            "git@github.com:acme/widgets.git",
            "git@github.com:/acme/widgets.git",
            "SSH://git@host/acme/widgets.git?x=secret#secret",
        ] {
            assert_eq!(slug_of_url(url).as_deref(), Some("acme/widgets"), "{url}");
        }
        let nested = slug_of_url("https://gitlab.com/group/sub/repo.git");
        assert_eq!(nested.as_deref(), Some("group/sub/repo"));
    }

    #[test]
    fn a_path_on_this_machine_has_no_slug() {
        for url in [
            "",
            "/srv/git/acme/widgets.git",
            "../acme/widgets",
            "./a:b/c",
            "C:\\repos\\acme\\widgets",
            "C:/repos/acme/widgets",
            "file:///home/alice/acme/widgets.git",
            "~/acme/widgets",
            "host:~alice/widgets",
            "https://github.com/widgets.git",
            "https:///acme/widgets",
            "ext::sh -c evil/acme/x",
            "https://host/acme/../widgets",
        ] {
            assert_eq!(slug_of_url(url), None, "{url}");
        }
    }

    #[test]
    fn nothing_that_may_be_a_password_gets_through() {
        for url in [
            "https://user:pa/ss@host/acme/widgets",
            "user:pa:ss@host:acme/widgets",
            "user:pa@ss/x@host/acme/widgets",
            "https://host/acme/wid gets",
        ] {
            assert_eq!(slug_of_url(url), None, "{url}");
        }
    }

    #[test]
    fn only_the_section_of_origin_counts() {
        let config = "[remote \"upstream\"]\n\turl = https://h/a/no\n[Remote \"origin\"] # x\n\
            \t; url = https://h/a/comment\n\tURL = \"https://h/a/yes\" # trailing\n\turl = https://h/a/2\n";
        assert_eq!(
            origin_url(config.as_bytes()).as_deref(),
            Some("https://h/a/yes")
        );
        assert_eq!(origin_url(b"[remote \"Origin\"]\nurl = x"), None);
        assert_eq!(origin_url(b"[remote]\nurl = x"), None);
    }

    #[test]
    fn a_repository_has_a_name_wherever_it_is() {
        for url in [
            "https://user:pw@github.com/acme/widgets.git/",
            "git@github.com:widgets.git",
            "/srv/git/widgets.git",
            "C:\\repos\\widgets",
            "file:///home/alice/widgets",
        ] {
            assert_eq!(name_of_url(url).as_deref(), Some("widgets"), "{url}");
        }
        for url in ["", "/", "..", "https://user:p@ss"] {
            assert_eq!(name_of_url(url), None, "{url}");
        }
    }

    proptest! {
        #[test]
        fn a_slug_holds_neither_an_at_sign_nor_a_colon(url in "[a-z:/@.~#?%\\\\]{0,40}") {
            if let Some(slug) = slug_of_url(&url) {
                prop_assert!(!slug.contains(['@', ':', '\\', '?', '#']), "{}", slug);
            }
        }
    }
}
