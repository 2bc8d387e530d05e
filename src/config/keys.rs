//! The settings: one table of names, bounds and defaults.
//!
//! Reading, `config set` and the documentation all follow this table, so that
//! a value that can be written can be read. Names are written `section.key`.

/// What a setting may hold.
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

    /// The full name, `section.key`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }
}

/// Every setting this program knows. Other keys of the file are left alone:
/// the Python tool and later versions keep theirs in the same file.
pub const KEYS: &[Key] = &[
    Key {
        section: "sync",
        name: "server_url",
        kind: Kind::Server,
        about: "the team's server; there is no built-in default",
    },
    Key {
        section: "sync",
        name: "auto",
        kind: Kind::Flag,
        about: "whether commands may start the background sender",
    },
    Key {
        section: "sync",
        name: "interval_seconds",
        kind: Kind::Number { min: 1, max: 3600 },
        about: "the pause of the background sender between two batches",
    },
    Key {
        section: "sync",
        name: "max_events_per_batch",
        kind: Kind::Number { min: 1, max: 1000 },
        about: "the most events in one request",
    },
    Key {
        section: "sync",
        name: "max_batch_bytes",
        kind: Kind::Number {
            min: 1024,
            max: 512 * 1024,
        },
        about: "the most bytes in one request, before compression",
    },
    Key {
        section: "sync",
        name: "ca_file",
        kind: Kind::File,
        about: "certificates (PEM) to trust instead of the system's",
    },
    Key {
        section: "sync",
        name: "max_queue_size",
        kind: Kind::Number {
            min: 0,
            max: i64::MAX as u64,
        },
        about: "used by the Python tool only; this program never drops a waiting event",
    },
    Key {
        section: "log",
        name: "max_bytes",
        kind: Kind::Number {
            min: 64 * 1024,
            max: 1 << 50,
        },
        about: "the most bytes the log may take",
    },
    Key {
        section: "log",
        name: "max_pending_events",
        kind: Kind::Number {
            min: 1,
            max: 1 << 40,
        },
        about: "the most events that may wait for delivery",
    },
    Key {
        section: "log",
        name: "retention_days",
        kind: Kind::Number {
            min: 0,
            max: 36_500,
        },
        about: "how many days delivered events stay before they may be pruned",
    },
    Key {
        section: "log",
        name: "segment_bytes",
        kind: Kind::Number {
            min: 4 * 1024,
            max: 64 * 1024 * 1024,
        },
        about: "the size of one segment file",
    },
];
