//! What each setting is now, and who said so.
//!
//! For `config list`, which must not lie: a value that the file holds and this
//! program cannot use is shown as the default that is used instead, with the
//! reason beside it. Keys of the file that this program does not know are named,
//! not judged: the Python tool keeps its own there.

use std::ffi::OsString;
use std::path::Path;

use toml_edit::{DocumentMut, Item, TableLike};

use super::{Config, DAY_SECONDS, KEYS, Key, Kind, MAX_FILE_BYTES, Problem, Value};
use crate::private_file;

/// Where a value comes from.
///
/// ```
/// use spec_kitty::config::Origin;
///
/// let origin = Origin::Environment("SPEC_KITTY_SERVER_URL");
/// assert_eq!(origin.as_str(), "environment");
/// assert_eq!(Origin::File.as_str(), "config.toml");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Built in.
    Default,
    /// `config.toml`.
    File,
    /// This key of the `.kittify/config.yaml` of the project around the directory.
    Project(&'static str),
    /// This environment variable.
    Environment(&'static str),
}

impl Origin {
    /// The word for it in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File => "config.toml",
            Self::Project(_) => "project",
            Self::Environment(_) => "environment",
        }
    }
}

/// A value as it is shown.
///
/// ```
/// use spec_kitty::config::Shown;
///
/// assert_eq!(Shown::Number(1000).to_string(), "1000");
/// assert_eq!(Shown::Nothing.to_string(), "");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Nothing is set, and there is no default.
    Nothing,
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Number(u64),
    /// A URL or a path.
    Text(String),
}

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nothing => Ok(()),
            Self::Flag(flag) => flag.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// One setting as it is now.
///
/// ```
/// use spec_kitty::config::{Origin, effective};
///
/// let dir = tempfile::tempdir()?;
/// let file = dir.path().join("config.toml");
/// std::fs::write(&file, "[log]\nretention_days = -1\n")?;
///
/// for setting in effective(&file, |_| None).settings {
///     if let Some(why) = setting.ignored {
///         assert_eq!(setting.key.full_name(), "log.retention_days");
///         assert_eq!(setting.origin, Origin::Default);
///         assert!(why.starts_with("must be"));
///     }
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Setting {
    /// Which one.
    pub key: &'static Key,
    /// The value in use.
    pub value: Shown,
    /// Who said so.
    pub origin: Origin,
    /// Why the value that somebody gave is not the one in use.
    pub ignored: Option<String>,
}

/// All settings, and what else the file holds.
///
/// ```
/// use spec_kitty::config::{KEYS, effective};
///
/// let dir = tempfile::tempdir()?;
/// let file = dir.path().join("config.toml");
/// std::fs::write(&file, "[python]\ncolour = 'blue'\n")?;
///
/// let now = effective(&file, |_| None);
/// assert_eq!(now.settings.len(), KEYS.len());
/// assert_eq!(now.unknown, ["python.colour"]); // named, not judged
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Effective {
    /// In the order of [`KEYS`].
    pub settings: Vec<Setting>,
    /// Keys of the file that this program does not know, `section.key`.
    pub unknown: Vec<String>,
    /// Why the file as a whole is not used.
    pub problem: Option<Problem>,
}

/// The settings that hold with the file at `path` and the environment that
/// `variable` reads. Never fails, as [`Config::load`] never does.
///
/// ```
/// use spec_kitty::config::{Origin, Shown, effective};
///
/// let dir = tempfile::tempdir()?;
/// let file = dir.path().join("config.toml");
/// std::fs::write(&file, "[sync]\nauto = false\n")?;
///
/// let now = effective(&file, |variable| std::env::var_os(variable));
/// let auto = now.settings.iter().find(|setting| setting.key.name == "auto");
/// let auto = auto.ok_or("every setting is there")?;
/// assert_eq!((&auto.value, auto.origin), (&Shown::Flag(false), Origin::File));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn effective(path: &Path, variable: impl Fn(&str) -> Option<OsString>) -> Effective {
    let mut found = Effective::default();
    let mut text = String::new();
    match private_file::read(path, MAX_FILE_BYTES) {
        Ok(Some(file)) => text = file.text,
        Ok(None) => {}
        Err(error) => found.problem = Some(Problem::Unreadable(error)),
    }
    let document: DocumentMut = text.parse().unwrap_or_else(|_| {
        let loaded = Config::parse(&text, path);
        found.problem = loaded.problems.into_iter().next();
        DocumentMut::new()
    });
    for key in KEYS {
        let item = document
            .get(key.section)
            .and_then(|section| section.get(key.name));
        found.settings.push(setting(key, item, &variable));
    }
    unknown(document.as_table(), "", &mut found.unknown);
    found
}

impl Effective {
    /// Something outside the settings, `by`, keeps commands from starting the
    /// background sender: `sync.auto` is off, whatever the file says.
    pub(crate) fn keep_from_starting(&mut self, by: Origin) {
        let of_auto = |one: &&mut Setting| (one.key.section, one.key.name) == ("sync", "auto");
        if let Some(auto) = self.settings.iter_mut().find(of_auto) {
            auto.value = Shown::Flag(false);
            auto.origin = by;
        }
    }
}

fn setting(
    key: &'static Key,
    item: Option<&Item>,
    variable: &impl Fn(&str) -> Option<OsString>,
) -> Setting {
    let mut setting = Setting {
        key,
        value: usual(key),
        origin: Origin::Default,
        ignored: None,
    };
    if let Some(item) = item {
        match Value::read(key.kind, item) {
            Ok(value) => {
                setting.value = shown(value);
                setting.origin = Origin::File;
            }
            Err(reason) => setting.ignored = Some(reason.to_string()),
        }
    }
    let said = key.variable.and_then(|name| Some((name, variable(name)?)));
    if let Some((name, text)) = said.filter(|(_, text)| !text.is_empty()) {
        let text = text.to_string_lossy();
        match Value::read(key.kind, &toml_edit::value(text.trim())) {
            Ok(value) => {
                setting.value = shown(value);
                setting.origin = Origin::Environment(name);
                setting.ignored = None;
            }
            Err(reason) => setting.ignored = Some(format!("{name} {reason}")),
        }
    }
    setting
}

fn shown(value: Value) -> Shown {
    let text = |text: Option<String>| text.map_or(Shown::Nothing, Shown::Text);
    match value {
        Value::Flag(flag) => Shown::Flag(flag),
        Value::Number(number) => Shown::Number(number),
        Value::Server(url) => text(url.map(|url| url.to_string())),
        Value::File(path) => text(path.map(|path| path.display().to_string())),
    }
}

/// The value of a setting that nobody has set.
fn usual(key: &Key) -> Shown {
    let Config { sync, log } = Config::default();
    let count = |count: usize| Shown::Number(u64::try_from(count).unwrap_or(u64::MAX));
    match (key.section, key.name) {
        ("sync", "auto") => Shown::Flag(sync.auto),
        ("sync", "interval_seconds") => Shown::Number(sync.interval.as_secs()),
        ("sync", "max_events_per_batch") => count(sync.max_events_per_batch),
        ("sync", "max_batch_bytes") => count(sync.max_batch_bytes),
        ("log", "max_bytes") => Shown::Number(log.max_bytes),
        ("log", "max_pending_events") => Shown::Number(log.max_pending_events),
        ("log", "retention_days") => Shown::Number(log.retention.as_secs() / DAY_SECONDS),
        ("log", "segment_bytes") => Shown::Number(log.segment_bytes),
        ("log", "prepared_bytes") => Shown::Number(log.prepared_bytes),
        _ => Shown::Nothing,
    }
}

/// Collects the names of all values below `table` that are no settings of ours.
fn unknown(table: &dyn TableLike, prefix: &str, names: &mut Vec<String>) {
    for (name, item) in table.iter() {
        let full = match prefix {
            "" => name.to_owned(),
            prefix => format!("{prefix}.{name}"),
        };
        match item.as_table_like() {
            Some(inner) => unknown(inner, &full, names),
            None if Key::find(&full).is_none() => names.push(full),
            None => {}
        }
    }
}

impl Key {
    /// The value that holds when nobody sets one; empty when there is none.
    #[must_use]
    pub fn default_value(&self) -> Shown {
        usual(self)
    }
}

impl Kind {
    /// What may be written, in words.
    #[must_use]
    pub fn expects(self) -> String {
        match self {
            Self::Flag => "`true` or `false`".to_owned(),
            Self::Number { min, max } => format!("a whole number, {min} to {max}"),
            Self::Server => "an HTTPS URL, or HTTP on loopback".to_owned(),
            Self::File => "a path".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(text: &str, environment: &[(&str, &str)]) -> Effective {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, text).unwrap();
        effective(&path, |name| {
            let said = environment.iter().find(|(known, _)| *known == name);
            said.map(|(_, value)| value.into())
        })
    }

    fn of<'a>(found: &'a Effective, name: &str) -> &'a Setting {
        let mut settings = found.settings.iter();
        settings.find(|s| s.key.full_name() == name).unwrap()
    }

    #[test]
    fn every_value_is_told_with_who_said_so() {
        let text = "[sync]\nserver_url = \"https://a.example\"\nauto = false\n";
        let variables = [("SPEC_KITTY_SERVER_URL", "https://b.example")];
        let found = listed(text, &variables);
        let server = of(&found, "sync.server_url");
        assert_eq!(server.value.to_string(), "https://b.example");
        assert_eq!(server.origin.as_str(), "environment");
        assert_eq!(of(&found, "sync.auto").value, Shown::Flag(false));
        assert_eq!(of(&found, "sync.auto").origin, Origin::File);
        assert_eq!(of(&found, "log.segment_bytes").origin, Origin::Default);
        assert_eq!(found.settings.len(), KEYS.len());
        let unset = listed(text, &[("SPEC_KITTY_SERVER_URL", "")]);
        assert_eq!(of(&unset, "sync.server_url").origin, Origin::File);
    }

    #[test]
    fn what_is_shown_is_what_is_used() {
        let text = "[sync]\nauto = \"yes\"\ninterval_seconds = 7\n[log]\nretention_days = 1\n";
        let found = listed(text, &[]);
        let used = Config::parse(text, Path::new("config.toml")).config;
        assert_eq!(of(&found, "sync.auto").value, Shown::Flag(used.sync.auto));
        assert!(of(&found, "sync.auto").ignored.is_some());
        let interval = Shown::Number(used.sync.interval.as_secs());
        assert_eq!(of(&found, "sync.interval_seconds").value, interval);
    }

    #[test]
    fn keys_of_others_are_named_and_a_broken_file_is_said() {
        let found = listed("[tracker]\nprovider = \"jira\"\n[sync.a.b]\nc = 1\n", &[]);
        assert_eq!(found.unknown, ["tracker.provider", "sync.a.b.c"]);
        let broken = listed("[sync\n", &[]);
        assert!(matches!(broken.problem, Some(Problem::NotToml { .. })));
        assert_eq!(broken.settings.len(), KEYS.len());
    }
}
