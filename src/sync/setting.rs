//! What a pass works with, and what it tells meanwhile.

use crate::auth::Recipient;
use crate::config::SyncConfig;
use crate::home::Home;

/// Says whether somebody wants the pass to end.
pub type Interrupt<'a> = &'a (dyn Fn() -> bool + Sync);

/// What a pass works with.
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
