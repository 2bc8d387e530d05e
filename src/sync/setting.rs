//! What a pass works with, what it tells meanwhile, and why it could not begin.

use std::time::Duration;

use thiserror::Error;

use crate::auth::Recipient;
use crate::auth::http::SetupError;
use crate::config::SyncConfig;
use crate::home::Home;
use crate::log::read::ReadError;
use crate::state::{StateError, ViewError};

/// How long a pass waits for another sender to finish.
pub(super) const SENDER_DEADLINE: Duration = Duration::from_secs(30);
/// How long a pass waits for a moment in which nobody writes.
pub(super) const WRITER_DEADLINE: Duration = Duration::from_secs(5);

/// Says whether somebody wants the pass to end.
pub type Interrupt<'a> = &'a (dyn Fn() -> bool + Sync);

/// What a pass works with.
///
/// ```
/// use spec_kitty::auth::Recipient;
/// use spec_kitty::config::Config;
/// use spec_kitty::emitter::EventEmitter;
/// use spec_kitty::event::{EntryType, HistoryAdded};
/// use spec_kitty::home::Home;
/// use spec_kitty::sync::gate::Gate;
/// use spec_kitty::sync::pass::{self, Interrupt, Pace, Progress, Setting};
/// use spec_kitty::sync::report::Stopped;
///
/// let dir = tempfile::tempdir()?;
/// let home = Home::at(dir.path());
/// let emitter = EventEmitter::new(home.clone(), dir.path());
/// emitter.emit_payload(HistoryAdded::new("WP01", EntryType::Note, "begun"), None);
///
/// let interrupt: Interrupt<'_> = &|| false; // such as: has Ctrl-C been pressed?
/// let report = pass::run(Setting {
///     home: &home,
///     config: &Config::default().sync,
///     recipient: &Recipient::SignedOut { server: None },
///     sync_off: false,
///     interrupt,
///     pace: Pace::OneBatch,
///     progress: &mut |progress: Progress| println!("{} sent", progress.settled),
/// })?;
/// let Some(Stopped::Gate(closed)) = report.stopped else {
///     panic!("nobody is signed in");
/// };
/// assert_eq!(closed.gate, Gate::SignedIn);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Setting<'a> {
    /// The home.
    pub home: &'a Home,
    /// Limits and certificates.
    pub config: &'a SyncConfig,
    /// To whom events may be sent.
    pub recipient: &'a Recipient,
    /// Whether the machine's switch is off.
    pub sync_off: bool,
    /// Says when to end early; what is known by then is kept.
    pub interrupt: Interrupt<'a>,
    /// How much at a time.
    pub pace: Pace,
    /// Told after each chunk.
    pub progress: &'a mut dyn FnMut(Progress),
}

/// How much a pass does at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// All of it, without a pause, waiting a while where the server asks to:
    /// somebody wants it done.
    FullSpeed,
    /// One batch, waiting for nothing; refused events when their time has come.
    OneBatch,
}

/// How far a pass is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Events that the server has given an answer to.
    pub settled: u64,
    /// Events that the pass set out to send.
    pub total: u64,
}

/// Why a pass could not begin, or could not keep what it learned.
///
/// ```
/// use spec_kitty::auth::Recipient;
/// use spec_kitty::config::SyncConfig;
/// use spec_kitty::home::Home;
/// use spec_kitty::sync::pass::{self, Pace, PassError, Setting};
///
/// let dir = tempfile::tempdir()?;
/// let home = Home::at(dir.path());
/// std::fs::write(home.log_dir(), "a file where the log should be")?;
/// let passed = pass::run(Setting {
///     home: &home,
///     config: &SyncConfig::default(),
///     recipient: &Recipient::SignedOut { server: None },
///     sync_off: false,
///     interrupt: &|| false,
///     pace: Pace::FullSpeed,
///     progress: &mut |_| {},
/// });
/// assert!(matches!(passed, Err(PassError::Log(_))));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PassError {
    /// Another process has been sending past the deadline.
    #[error("another process has been sending for {} s", SENDER_DEADLINE.as_secs())]
    Busy,
    /// A writer has kept the log past the deadline.
    #[error("another process has been writing to the log for {} s", WRITER_DEADLINE.as_secs())]
    LogBusy,
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The newest segment cannot be made durable: nothing is shipped then.
    #[error("cannot sync the log: {0}")]
    Sync(std::io::Error),
    /// The ledger cannot be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// No thread could be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    /// The view of the ledger cannot be read.
    #[error(transparent)]
    View(#[from] ViewError),
    /// The certificates cannot be used.
    #[error(transparent)]
    Setup(#[from] SetupError),
}
