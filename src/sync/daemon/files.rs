//! The files of the background sender: its lock, what it says, the stop file.
//!
//! `daemon/daemon.lock` is held as long as it lives; `daemon/status.json` is
//! replaced as a whole and believed only while the lock is held; whoever
//! creates `daemon/stop` asks it to leave.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::home::Home;
use crate::platform;
use crate::position::Seq;
use crate::private_file;
use crate::state::{DeliveryState, Project, TargetLedger};
use crate::sync::daemon::DaemonError;
use crate::sync::live;
use crate::sync::report::{Report, Stopped};
use crate::sync::status::Connection;
use crate::target::TargetId;

/// The most bytes that a status may have.
const MAX_STATUS_BYTES: u64 = 64 * 1024;
/// The most characters of a reason.
const MAX_WHY_CHARS: usize = 300;

/// How long somebody who only looks may hold the lock.
const LOOKERS: Duration = Duration::from_millis(300);

/// What the background sender is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Following the log; everything that may be sent is sent.
    Following,
    /// Sending.
    Sending,
    /// Waiting until a gate opens or the server is back.
    Waiting,
}

/// What the background sender says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The version of this form.
    pub v: u32,
    /// Its process.
    pub pid: u32,
    /// The version of the program.
    pub version: String,
    /// What it is doing.
    pub state: Standing,
    /// What it waits for.
    pub why: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it said this.
    pub at: Timestamp,
    /// The live connection; `None` while nobody is signed in.
    #[serde(default)]
    pub live: Option<LiveTold>,
}

/// What it says about the live connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveTold {
    /// How it stands.
    pub connection: Connection,
    /// Why there is none.
    pub why: Option<String>,
    /// The target at its other end, as text.
    pub target: String,
    /// The events that were sent and are not confirmed: positions, by the
    /// stream's name in the ledger.
    pub sent: BTreeMap<String, Vec<Seq>>,
}

impl LiveTold {
    /// How many of the events are not settled in the meantime; `known` is what
    /// the ledger says of the target.
    #[must_use]
    pub fn count(&self, known: Option<&TargetLedger>) -> u64 {
        let open = self.sent.iter().flat_map(|(stream, seqs)| {
            let stream = Project::new(stream).ok();
            let stream = stream.and_then(|name| known?.stream(Some(&name)));
            seqs.iter().filter(move |seq| {
                stream.is_none_or(|stream| stream.state_of(**seq) == DeliveryState::Pending)
            })
        });
        u64::try_from(open.count()).unwrap_or(u64::MAX)
    }

    /// Whether this event of that stream is among them.
    #[must_use]
    pub fn has(&self, stream: &Project, seq: Seq) -> bool {
        let of_stream = self.sent.get(stream.as_str());
        of_stream.is_some_and(|seqs| seqs.contains(&seq))
    }
}

impl Told {
    pub(super) fn now() -> Self {
        let now = Timestamp::now();
        Self {
            v: 1,
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            state: Standing::Following,
            why: None,
            started_at: now,
            at: now,
            live: None,
        }
    }

    /// Takes in how the live connection stands; whether that is news.
    pub(super) fn note_live(&mut self, live: live::Told) -> bool {
        let told = live
            .connection
            .zip(live.target)
            .map(|(connection, target)| LiveTold {
                connection,
                why: live
                    .why
                    .map(|why| why.chars().take(MAX_WHY_CHARS).collect()),
                target: target.to_string(),
                sent: live.sent,
            });
        let is_news = told != self.live;
        self.live = told;
        is_news
    }

    /// Takes in what a pass came to.
    pub(super) fn note(&mut self, report: &Report) {
        let why = match &report.stopped {
            Some(Stopped::Gate(closed)) => Some(closed.reason.clone()),
            Some(Stopped::Trouble { message, .. }) => Some(message.clone()),
            Some(Stopped::Interrupted) | None => None,
        };
        match why {
            Some(why) => self.trouble(&why),
            None => (self.state, self.why) = (Standing::Following, None),
        }
    }

    pub(super) fn trouble(&mut self, why: &str) {
        self.state = Standing::Waiting;
        self.why = Some(why.chars().take(MAX_WHY_CHARS).collect());
    }
}

fn lock_path(home: &Home) -> PathBuf {
    home.daemon_dir().join("daemon.lock")
}

fn status_path(home: &Home) -> PathBuf {
    home.daemon_dir().join("status.json")
}

fn stop_path(home: &Home) -> PathBuf {
    home.daemon_dir().join("stop")
}

/// The place of the one background sender of a home.
pub(super) struct Post {
    home: Home,
    lock: File,
}

impl Post {
    pub(super) fn take(home: &Home) -> Result<Self, DaemonError> {
        home.create_child(&home.daemon_dir())?;
        let path = lock_path(home);
        let failed = |source| DaemonError::Lock {
            path: path.clone(),
            source,
        };
        let lock = open(&path).map_err(failed)?;
        // Whoever only looks whether one is running holds it for a moment.
        let lock = platform::lock_exclusive(lock, LOOKERS).map_err(failed)?;
        let lock = lock.ok_or(DaemonError::Running)?;
        let post = Self {
            home: home.clone(),
            lock,
        };
        // What is there was meant for, or said by, somebody before.
        post.leave();
        Ok(post)
    }

    /// Whether the lock file is still the one that is locked.
    pub(super) fn is_held(&self) -> bool {
        let named = platform::path_identity(&lock_path(&self.home));
        match (platform::file_identity(&self.lock), named) {
            (Ok(locked), Ok(named)) => locked == named,
            _ => false,
        }
    }

    pub(super) fn is_told_to_stop(&self) -> bool {
        stop_path(&self.home).exists()
    }

    /// Says how things stand. That it cannot be said stops nothing.
    pub(super) fn say(&self, told: &Told) {
        if let Ok(text) = serde_json::to_vec(told) {
            let _ = private_file::replace(&status_path(&self.home), &text);
        }
    }

    /// Takes away what speaks of it.
    pub(super) fn leave(&self) {
        let _ = std::fs::remove_file(status_path(&self.home));
        let _ = std::fs::remove_file(stop_path(&self.home));
    }
}

fn open(path: &Path) -> io::Result<File> {
    platform::private_options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
}

/// Whether a background sender is running for `home`. Creates nothing.
#[must_use]
pub fn is_running(home: &Home) -> bool {
    let file = platform::private_options()
        .write(true)
        .open(lock_path(home));
    file.is_ok_and(|file| matches!(platform::try_lock_exclusive(&file), Ok(false)))
}

/// What the background sender of `home` says about itself; `None` when none is
/// running, or it has said nothing yet.
#[must_use]
pub fn read_status(home: &Home) -> Option<Told> {
    if !is_running(home) {
        return None;
    }
    let file = private_file::read(&status_path(home), MAX_STATUS_BYTES).ok()??;
    serde_json::from_str(&file.text).ok()
}

/// What it says about the live connection to `target`; `None` when none is
/// running, or it sends to somebody else.
#[must_use]
pub fn read_live(home: &Home, target: TargetId) -> Option<LiveTold> {
    let live = read_status(home)?.live;
    live.filter(|live| live.target == target.to_string())
}

/// Asks the background sender of `home` to leave.
///
/// # Errors
/// Any I/O error of making the stop file.
pub fn tell_to_stop(home: &Home) -> io::Result<()> {
    open(&stop_path(home)).map(drop)
}
