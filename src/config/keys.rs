//! The settings: one table of names, bounds and defaults.
//!
//! Reading, `config set` and the documentation all follow this table, so that
//! a value that can be written can be read. Names are written `section.key`.

use crate::suggest::nearest;

/// What a setting may hold.
///
/// ```
/// use spec_kitty::config::{Key, Kind};
///
/// let interval = Key::find("sync.interval_seconds").map(|key| key.kind);
/// assert_eq!(interval, Some(Kind::Number { min: 1, max: 3600 }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number within both bounds (included).
    Number {
        /// The smallest accepted value.
        min: u64,
        /// The largest accepted value.
        max: u64,
    },
    /// The base URL of a server: HTTPS, or HTTP on loopback.
    Server,
    /// A path of a file.
    File,
}

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The table in `config.toml`.
    pub section: &'static str,
    /// The name in that table.
    pub name: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// One line for people.
    pub about: &'static str,
    /// The environment variable that wins over the file, if there is one.
    pub variable: Option<&'static str>,
}

impl Key {
    /// The key called `name` (`section.key`), when there is one.
    ///
    /// ```
    /// use spec_kitty::config::Key;
    /// assert!(Key::find("sync.server_url").is_some());
    /// assert!(Key::find("server_url").is_none());
    /// ```
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        let (section, name) = name.split_once('.')?;
        KEYS.iter()
            .find(|key| key.section == section && key.name == name)
    }

    /// The name of a key near to `name`, for a question back.
    ///
    /// ```
    /// use spec_kitty::config::Key;
    /// assert_eq!(Key::suggest("sync.server_ulr").as_deref(), Some("sync.server_url"));
    /// assert_eq!(Key::suggest("server_url").as_deref(), Some("sync.server_url"));
    /// assert_eq!(Key::suggest("colour"), None);
    /// ```
    #[must_use]
    pub fn suggest(name: &str) -> Option<String> {
        let of_last_part = KEYS.iter().find(|key| key.name == name);
        if let Some(key) = of_last_part {
            return Some(key.full_name());
        }
        let names: Vec<String> = KEYS.iter().map(Self::full_name).collect();
        let words: Vec<&str> = names.iter().map(String::as_str).collect();
        // Without its section, or with another one.
        let last = name.rsplit_once('.').map_or(name, |(_, last)| last);
        let ends: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
        let meant = nearest(name, &words).or_else(|| nearest(last, &ends));
        meant.and_then(|index| names.get(index).cloned())
    }

    /// The full name, `section.key`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }
}

/// The variable that names certificates for one process and its children.
///
/// ```
/// use spec_kitty::config::{CA_FILE_VARIABLE, Key};
///
/// let key = Key::find("sync.ca_file");
/// assert_eq!(key.and_then(|key| key.variable), Some(CA_FILE_VARIABLE));
/// ```
pub const CA_FILE_VARIABLE: &str = "SPEC_KITTY_CA_FILE";

/// Every setting this program knows. Other keys of the file are left alone:
/// the Python tool and later versions keep theirs in the same file.
///
/// ```
/// use spec_kitty::config::KEYS;
///
/// for key in KEYS {
///     println!("{:<28} {}", key.full_name(), key.about);
/// }
/// assert!(KEYS.iter().any(|key| key.full_name() == "sync.server_url"));
/// ```
pub const KEYS: &[Key] = &[
    Key {
        section: "sync",
        name: "server_url",
        kind: Kind::Server,
        about: "the team's server; there is no built-in default",
        variable: Some("SPEC_KITTY_SERVER_URL"),
    },
    Key {
        section: "sync",
        name: "auto",
        kind: Kind::Flag,
        about: "whether commands may start the background sender",
        variable: None,
    },
    Key {
        section: "sync",
        name: "interval_seconds",
        kind: Kind::Number { min: 1, max: 3600 },
        about: "the pause of the background sender between two batches",
        variable: None,
    },
    Key {
        section: "sync",
        name: "max_events_per_batch",
        kind: Kind::Number { min: 1, max: 1000 },
        about: "the most events in one request",
        variable: None,
    },
    Key {
        section: "sync",
        name: "max_batch_bytes",
        kind: Kind::Number {
            min: 1024,
            max: 512 * 1024,
        },
        about: "the most bytes in one request, before compression",
        variable: None,
    },
    Key {
        section: "sync",
        name: "ca_file",
        kind: Kind::File,
        about: "certificates (PEM) to trust instead of the system's",
        variable: Some(CA_FILE_VARIABLE),
    },
    Key {
        section: "sync",
        name: "max_queue_size",
        kind: Kind::Number {
            min: 0,
            max: i64::MAX as u64,
        },
        about: "used by the Python tool only; this program never drops a waiting event",
        variable: None,
    },
    Key {
        section: "log",
        name: "max_bytes",
        kind: Kind::Number {
            min: 64 * 1024,
            max: 1 << 50,
        },
        about: "the most bytes the log may take",
        variable: None,
    },
    Key {
        section: "log",
        name: "max_pending_events",
        kind: Kind::Number {
            min: 1,
            max: 1 << 40,
        },
        about: "the most events that may wait for delivery",
        variable: None,
    },
    Key {
        section: "log",
        name: "retention_days",
        kind: Kind::Number {
            min: 0,
            max: 36_500,
        },
        about: "how many days delivered events stay before they may be pruned",
        variable: None,
    },
    Key {
        section: "log",
        name: "segment_bytes",
        kind: Kind::Number {
            min: 4 * 1024,
            max: 64 * 1024 * 1024,
        },
        about: "the size of one segment file",
        variable: None,
    },
    Key {
        section: "log",
        name: "prepared_bytes",
        kind: Kind::Number {
            min: 0,
            max: 1024 * 1024,
        },
        about: "zeros written ahead of the events in new segments: faster syncs",
        variable: None,
    },
];
