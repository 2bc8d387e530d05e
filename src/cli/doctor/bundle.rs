//! `doctor --bundle FILE`: a report that can be given to others.
//!
//! It is made of what may be told, not of everything less what may not: the
//! checks in their plain form, counts, names of variables, sizes. What is left of
//! names in there, of people, machines, servers, projects and directories, is
//! replaced besides. No payload and no token is ever read for it.

use std::io::{self, Write};
use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::auth::Store;
use crate::cli::Session;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::config::Config;
use crate::home::Home;
use crate::platform;

use super::check::Check;

/// The version of the report's form.
const VERSION: u8 = 1;

/// # Errors
/// When something is there already: it is never replaced.
pub(super) fn refuse_existing(path: &Path) -> Result<(), Failure> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => Err(exists(path)),
        Err(_) => Ok(()),
    }
}

fn exists(path: &Path) -> Failure {
    let message = format!("{} is there already, and is not replaced", path.display());
    Failure::new("exists", Exit::Failed, message)
        .hint("name another file: spec-kitty doctor --bundle FILE")
}

/// Writes the report into a new private file.
///
/// # Errors
/// When the file is there, or cannot be made or written.
pub(super) fn write(path: &Path, checks: &[Check], session: &Session) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(&report(checks, &session.home)).unwrap_or_default();
    let written = platform::private_options()
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| file.write_all(format!("{text}\n").as_bytes()));
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => exists(path),
        _ => Failure::new(
            "bundle",
            Exit::Failed,
            format!("cannot write {}: {error}", path.display()),
        ),
    })
}

fn report(checks: &[Check], home: &Home) -> Value {
    let names = Names::of(home);
    let each = checks.iter().map(|check| {
        json!({
            "id": check.id, "state": check.state.as_str(),
            "detail": names.hidden_in(&check.plain),
            "fix": check.fix.as_ref().map(|fix| names.hidden_in(fix)),
        })
    });
    let config = Config::load(&home.config_file()).config;
    json!({
        "kind": "doctor-bundle", "v": VERSION,
        "at": Timestamp::now().to_string(),
        "version": env!("CARGO_PKG_VERSION"),
        "system": std::env::consts::OS, "machine": std::env::consts::ARCH,
        "checks": each.collect::<Vec<_>>(),
        "settings": {
            "server_configured": config.sync.server_url.is_some(),
            "auto": config.sync.auto,
            "interval_seconds": config.sync.interval.as_secs(),
            "max_events_per_batch": config.sync.max_events_per_batch,
            "max_batch_bytes": config.sync.max_batch_bytes,
            "ca_file_configured": config.sync.ca_file.is_some(),
            "max_bytes": config.log.max_bytes,
            "max_pending_events": config.log.max_pending_events,
            "segment_bytes": config.log.segment_bytes,
            "prepared_bytes": config.log.prepared_bytes,
            "retention_seconds": config.log.retention.as_secs(),
        },
        "files": files(home),
    })
}

/// The names that this program itself gave its files, and their sizes.
fn files(home: &Home) -> Vec<Value> {
    let dirs = [
        ("", home.root().to_owned()),
        ("log/", home.log_dir()),
        ("state/", home.state_dir()),
        ("daemon/", home.daemon_dir()),
    ];
    let mut found = Vec::new();
    for (prefix, dir) in dirs {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        for entry in entries.take(1000) {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Ok(facts) = entry.metadata() else {
                continue;
            };
            if facts.is_file() && is_ours(&name) {
                found.push((format!("{prefix}{name}"), facts.len()));
            }
        }
    }
    found.sort();
    let each = found.into_iter();
    each.map(|(name, bytes)| json!({"name": name, "bytes": bytes}))
        .collect()
}

fn is_ours(name: &str) -> bool {
    const KNOWN: [&str; 12] = [
        "LOCK",
        "SENDER",
        "mark",
        "failures",
        "delivery.view",
        "config.toml",
        "credentials",
        "credentials.lock",
        "clock.json",
        "queue.db",
        "daemon.lock",
        "status.json",
    ];
    let is_segment = name
        .strip_suffix(".seg")
        .is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
    KNOWN.contains(&name) || is_segment
}

/// What must not be told, and what stands there instead; the longest first.
struct Names(Vec<(String, &'static str)>);

impl Names {
    fn of(home: &Home) -> Self {
        let mut names = Vec::new();
        let mut hide = |name: &str, by: &'static str| {
            let name = name.trim().to_lowercase();
            if !name.is_empty() {
                names.push((name, by));
            }
        };
        let path = |path: &Path| path.to_string_lossy().into_owned();
        hide(&path(home.root()), "~/.spec-kitty");
        if let Ok(real) = std::fs::canonicalize(home.root()) {
            hide(&path(&real), "~/.spec-kitty");
        }
        if let Some(user_home) = std::env::home_dir() {
            hide(&path(&user_home), "~");
        }
        if let Ok(directory) = std::env::current_dir() {
            hide(&path(&directory), "(directory)");
        }
        hide(&platform::user_name(), "(user)");
        hide(&platform::host_name(), "(machine)");
        let stored = Store::new(home).load().session;
        if let Some(account) = stored.account() {
            hide(&account.user, "(user)");
            hide(account.team.as_deref().unwrap_or_default(), "(team)");
            hide(account.server.as_str(), "(server)");
            hide(host_of(account.server.as_str()), "(server)");
        }
        if let Some(server) = &Config::load(&home.config_file()).config.sync.server_url {
            hide(server.as_str(), "(server)");
            hide(host_of(server.as_str()), "(server)");
        }
        names.sort_by_key(|(name, _)| usize::MAX - name.len());
        Self(names)
    }

    /// `text` without these names, and without anything that looks like a path,
    /// an address or a token.
    fn hidden_in(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, by) in &self.0 {
            text = replace_words(&text, name, by);
        }
        let words = text.split(' ').map(|word| {
            let inner = word.trim_matches(|c: char| "'\"(),;:.".contains(c));
            if is_telling(inner) {
                word.replace(inner, "(left out)")
            } else {
                word.to_owned()
            }
        });
        words.collect::<Vec<_>>().join(" ")
    }
}

fn host_of(server: &str) -> &str {
    let host = server.split_once("://").map_or(server, |(_, host)| host);
    host.split(['/', ':']).next().unwrap_or_default()
}

/// A path that is not the home's, an address, or a long word with digits in it.
fn is_telling(word: &str) -> bool {
    let is_home = word.starts_with("~/.spec-kitty") || word.starts_with("(directory)");
    let is_path = word.contains(['/', '\\']) && !is_home && word.len() > 1 && {
        let ours = ["log/", "state/", "daemon/"];
        !ours.iter().any(|start| word.starts_with(start)) && !word.contains("YOUR-SERVER")
    };
    let is_token = word.len() >= 24
        && word.bytes().any(|byte| byte.is_ascii_digit())
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    is_path || word.contains('@') || is_token
}

/// Replaces `name`, in any case, where it stands by itself.
fn replace_words(text: &str, name: &str, by: &str) -> String {
    let lower = text.to_lowercase();
    if lower.len() != text.len() {
        // Letters whose lower case is longer: nothing lines up any more.
        return if lower.contains(name) {
            by.to_owned()
        } else {
            text.to_owned()
        };
    }
    let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let mut shown = String::with_capacity(text.len());
    let mut done = 0;
    for (at, found) in lower.match_indices(name) {
        let end = at + found.len();
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text.get(end..).and_then(|text| text.chars().next());
        if at < done || is_letter(before) || is_letter(after) {
            continue;
        }
        shown.push_str(text.get(done..at).unwrap_or_default());
        shown.push_str(by);
        done = end;
    }
    shown.push_str(text.get(done..).unwrap_or_default());
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_where_they_stand_by_themselves_in_any_case() {
        let names = Names(vec![
            ("/home/alice/.spec-kitty".to_owned(), "~/.spec-kitty"),
            ("alice".to_owned(), "(user)"),
        ]);
        for (text, shown) in [
            (
                "/home/Alice/.spec-kitty/log is full",
                "~/.spec-kitty/log is full",
            ),
            ("ALICE's, malice", "(user)'s, malice"),
            ("nothing", "nothing"),
            ("see /etc/passwd, then", "see (left out), then"),
            ("bob@example.org has no team", "(left out) has no team"),
            ("eyJhbGciOiJIUzI1NiJ9.e30.abcdef", "(left out)"),
            ("log/0000000001.seg: 3 of 4", "log/0000000001.seg: 3 of 4"),
        ] {
            assert_eq!(names.hidden_in(text), shown);
        }
    }
}
