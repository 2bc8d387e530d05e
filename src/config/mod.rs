//! `config.toml`: what the user may set, its defaults and its limits.
//!
//! The file is shared with the Python tool, whose keys keep their meaning and
//! whose other keys are never touched. Reading never fails: `emit` loads the
//! settings each time and must not stop for a typing error. What is missing,
//! unreadable or out of bounds takes its default and is reported as a
//! [`Problem`], as one line by commands and in full by `sync status` and
//! `doctor`. There is no built-in default server.

use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;
use toml_edit::{Document, Item};

use crate::private_file::{self, ReadError};
use crate::server_url::{ServerUrl, ServerUrlError};

mod edit;
mod effective;
mod keys;

pub use edit::{SetError, set};
pub use effective::{Effective, Origin, Setting, Shown, effective};
pub use keys::{CA_FILE_VARIABLE, KEYS, Key, Kind};

const DAY_SECONDS: u64 = 24 * 60 * 60;

/// The most bytes a configuration file may have.
///
/// ```
/// use spec_kitty::config::{Config, MAX_FILE_BYTES};
///
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("config.toml");
/// std::fs::write(&path, "#".repeat(MAX_FILE_BYTES as usize + 1))?;
/// let loaded = Config::load(&path); // not read, and said
/// assert_eq!((loaded.config, loaded.problems.len()), (Config::default(), 1));
/// # Ok::<(), std::io::Error>(())
/// ```
pub const MAX_FILE_BYTES: u64 = 256 * 1024;

/// All settings, each with its default where the file says nothing usable.
///
/// ```
/// use spec_kitty::{config::Config, home::Home};
/// let dir = tempfile::tempdir()?;
/// let loaded = Config::load(&Home::at(dir.path()).config_file());
/// assert!(loaded.problems.is_empty() && loaded.config.sync.auto);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// `[sync]`.
    pub sync: SyncConfig,
    /// `[log]`.
    pub log: LogConfig,
}

/// `[sync]`: where and how events are sent.
///
/// ```
/// use spec_kitty::config::SyncConfig;
/// use spec_kitty::server_url::ServerUrl;
///
/// let usual = SyncConfig::default();
/// assert!(usual.server_url.is_none(), "there is no built-in server");
///
/// let careful = SyncConfig {
///     server_url: Some(ServerUrl::parse("https://kitty.example.org")?),
///     max_events_per_batch: 100,
///     ..usual
/// };
/// assert_eq!(careful.max_batch_bytes, 256 * 1024);
/// # Ok::<(), spec_kitty::server_url::ServerUrlError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncConfig {
    /// `server_url`; `None` when nothing is configured.
    pub server_url: Option<ServerUrl>,
    /// `auto`: whether commands may start the background sender.
    pub auto: bool,
    /// `interval_seconds`: the background's pause between two batches.
    pub interval: Duration,
    /// `max_events_per_batch`: at most 1,000, which is the server's own limit.
    pub max_events_per_batch: usize,
    /// `max_batch_bytes`: the limit of the uncompressed request body.
    pub max_batch_bytes: usize,
    /// `ca_file`: certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
}

impl Default for SyncConfig {
    fn default() -> Self {
        Self {
            server_url: None,
            auto: true,
            interval: Duration::from_secs(5),
            max_events_per_batch: 1000,
            max_batch_bytes: 256 * 1024,
            ca_file: None,
        }
    }
}

/// `[log]`: the limits of the segment log.
///
/// ```
/// use std::time::Duration;
/// use spec_kitty::config::LogConfig;
///
/// let usual = LogConfig::default();
/// assert_eq!(usual.max_bytes, 1 << 30); // 1 GiB
/// assert_eq!(usual.retention, Duration::from_secs(30 * 24 * 60 * 60));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// `max_bytes`: how large the log may grow.
    pub max_bytes: u64,
    /// `max_pending_events`: how many events may wait.
    pub max_pending_events: u64,
    /// `retention_days`: how long delivered events stay, counted from the end of
    /// their segment. At 80 % of `max_bytes` they may go before.
    pub retention: Duration,
    /// `segment_bytes`: the size at which a segment is full.
    pub segment_bytes: u64,
    /// `prepared_bytes`: how far ahead of its events a segment's file reaches.
    pub prepared_bytes: u64,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            max_bytes: 1 << 30,
            max_pending_events: 1_000_000,
            retention: Duration::from_secs(30 * DAY_SECONDS),
            segment_bytes: 8 * 1024 * 1024,
            prepared_bytes: 0,
        }
    }
}

/// Something in the file that is not used as it stands.
///
/// ```
/// use std::path::Path;
/// use spec_kitty::config::{Config, Problem, Wrong};
///
/// let text = "[log]\nmax_pending_events = 0\n";
/// let loaded = Config::parse(text, Path::new("config.toml"));
/// let Some(Problem::BadValue { key, reason, .. }) = loaded.problems.first() else {
///     panic!("one value is out of bounds");
/// };
/// assert_eq!(key, "log.max_pending_events");
/// assert!(matches!(reason, Wrong::Range { min: 1, .. }));
/// assert_eq!(loaded.config, Config::default()); // the default is used instead
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Problem {
    /// The file is there and cannot be read: all defaults apply.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
    /// The file is not TOML: all defaults apply.
    #[error("{} is not valid TOML: {reason}", path.display())]
    NotToml {
        /// The file.
        path: PathBuf,
        /// The parser's first line.
        reason: String,
    },
    /// One value is not usable: its default applies.
    #[error("{}: {key} {reason}", path.display())]
    BadValue {
        /// The file.
        path: PathBuf,
        /// The setting, `section.key`.
        key: String,
        /// What is wrong with it.
        reason: Wrong,
    },
}

/// What is wrong with one value.
///
/// ```
/// use spec_kitty::config::Wrong;
///
/// let wrong = Wrong::Range { min: 1, max: 3600 };
/// assert_eq!(wrong.to_string(), "must be a whole number from 1 to 3600");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Wrong {
    /// Another type than the setting has.
    #[error("must be {expected}")]
    Type {
        /// The type in words.
        expected: &'static str,
    },
    /// A number outside the setting's bounds.
    #[error("must be a whole number from {min} to {max}")]
    Range {
        /// The smallest accepted value.
        min: u64,
        /// The largest accepted value.
        max: u64,
    },
    /// Not the URL of a server that may be used.
    #[error("{0}")]
    Server(#[from] ServerUrlError),
}

/// The settings as loaded, with everything that was wrong on the way.
///
/// ```
/// use std::path::Path;
/// use spec_kitty::config::Config;
///
/// let text = "[sync]\nauto = false\ninterval_seconds = 'often'\n";
/// let loaded = Config::parse(text, Path::new("config.toml"));
/// assert!(!loaded.config.sync.auto);
/// for problem in &loaded.problems {
///     eprintln!("warning: {problem}");
/// }
/// assert_eq!(loaded.problems.len(), 1);
/// ```
#[derive(Debug, Default)]
pub struct Loaded {
    /// The settings to use.
    pub config: Config,
    /// What was ignored, in the order of the key table.
    pub problems: Vec<Problem>,
}

impl Config {
    /// Loads the settings from `path`. Never fails; see the module's words.
    #[must_use]
    pub fn load(path: &Path) -> Loaded {
        match private_file::read(path, MAX_FILE_BYTES) {
            Ok(Some(file)) => Self::parse(&file.text, path),
            Ok(None) => Loaded::default(),
            Err(error) => Loaded {
                config: Self::default(),
                problems: vec![Problem::Unreadable(error)],
            },
        }
    }

    /// Reads the settings from the text of a file; `path` is only named in problems.
    #[must_use]
    pub fn parse(text: &str, path: &Path) -> Loaded {
        let mut loaded = Loaded::default();
        let document = match Document::parse(text) {
            Ok(document) => document,
            Err(error) => {
                loaded.problems.push(Problem::NotToml {
                    path: path.to_owned(),
                    reason: first_line(error.message()),
                });
                return loaded;
            }
        };
        for key in KEYS {
            let Some(item) = document
                .get(key.section)
                .and_then(|section| section.get(key.name))
            else {
                continue;
            };
            match Value::read(key.kind, item) {
                Ok(value) => loaded.config.take(key, value),
                Err(reason) => loaded.problems.push(Problem::BadValue {
                    path: path.to_owned(),
                    key: key.full_name(),
                    reason,
                }),
            }
        }
        loaded
    }

    fn take(&mut self, key: &Key, value: Value) {
        let (sync, log) = (&mut self.sync, &mut self.log);
        match (key.section, key.name, value) {
            ("sync", "server_url", Value::Server(url)) => sync.server_url = url,
            ("sync", "auto", Value::Flag(flag)) => sync.auto = flag,
            ("sync", "interval_seconds", Value::Number(n)) => {
                sync.interval = Duration::from_secs(n);
            }
            ("sync", "max_events_per_batch", Value::Number(n)) => {
                sync.max_events_per_batch = usize::try_from(n).unwrap_or(1000);
            }
            ("sync", "max_batch_bytes", Value::Number(n)) => {
                sync.max_batch_bytes = usize::try_from(n).unwrap_or(256 * 1024);
            }
            ("sync", "ca_file", Value::File(path)) => sync.ca_file = path,
            ("log", "max_bytes", Value::Number(n)) => log.max_bytes = n,
            ("log", "max_pending_events", Value::Number(n)) => log.max_pending_events = n,
            ("log", "retention_days", Value::Number(n)) => {
                log.retention = Duration::from_secs(n.saturating_mul(DAY_SECONDS));
            }
            ("log", "segment_bytes", Value::Number(n)) => log.segment_bytes = n,
            ("log", "prepared_bytes", Value::Number(n)) => log.prepared_bytes = n,
            // `sync.max_queue_size` is checked and belongs to the Python tool.
            _ => {}
        }
    }
}

/// A value that has been checked against its [`Kind`].
#[derive(Clone, Debug)]
enum Value {
    Flag(bool),
    Number(u64),
    /// `None`: an empty text, which unsets the server.
    Server(Option<ServerUrl>),
    /// `None`: an empty text, which unsets the file.
    File(Option<PathBuf>),
}

impl Value {
    fn read(kind: Kind, item: &Item) -> Result<Self, Wrong> {
        match kind {
            Kind::Flag => item.as_bool().map(Self::Flag).ok_or(Wrong::Type {
                expected: "true or false",
            }),
            Kind::Number { min, max } => item
                .as_integer()
                .and_then(|number| u64::try_from(number).ok())
                .filter(|number| (min..=max).contains(number))
                .map(Self::Number)
                .ok_or(Wrong::Range { min, max }),
            Kind::Server => match text(item, "the URL of a server in quotes")? {
                "" => Ok(Self::Server(None)),
                url => Ok(Self::Server(Some(ServerUrl::parse(url)?))),
            },
            Kind::File => {
                let path = text(item, "a path in quotes")?;
                Ok(Self::File((!path.is_empty()).then(|| PathBuf::from(path))))
            }
        }
    }
}

fn text<'a>(item: &'a Item, expected: &'static str) -> Result<&'a str, Wrong> {
    item.as_str().map(str::trim).ok_or(Wrong::Type { expected })
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
