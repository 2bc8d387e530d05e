//! Hearing the clock of a server: what is emitted next lies above it.
//!
//! No server has a route for its clock; some tell it beside what they answer
//! or in what they send over the socket. A value above ours moves ours forward,
//! by a clock frame without a sync of its own urgency: whoever does not hear it
//! hears it again. What was recorded stays as it was.

use serde::Serialize;
use thiserror::Error;

use crate::log::append::{AppendError, Log, Record, Refused, Stamp, Tick};
use crate::log::backward::Backward;
use crate::log::frame::Kind;
use crate::log::read::ReadError;
use crate::position::Lamport;
use crate::sync::control::APPEND_DEADLINE;

/// The largest step that a server may make our clock take.
pub const MAX_STEP: u64 = 1 << 32;

/// What a value meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nothing: our clock is not behind it.
    Known,
    /// Our clock is above it now.
    Moved,
    /// It is implausible, and was not believed.
    Ignored {
        /// Our clock, which stays.
        local: Lamport,
    },
}

/// Why the clock could not be moved.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HeardError {
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The clock frame could not be written.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// Moves the clock of `log` above `remote`, when it is behind.
///
/// # Errors
/// [`HeardError`]; the clock stays then.
pub fn receive(log: &Log, remote: Lamport) -> Result<Heard, HeardError> {
    let mut newest = Backward::new(log.dir().clone())?;
    let local = newest.step()?.map_or(Lamport(0), |item| item.clock);
    if remote <= local {
        return Ok(Heard::Known);
    }
    if remote >= Lamport::MAX_PLAUSIBLE || remote > local.plus(MAX_STEP) {
        return Ok(Heard::Ignored { local });
    }
    let mut frame = Received { v: 1, remote };
    let mut records: Vec<&mut dyn Record> = vec![&mut frame];
    match log.append(&mut records, None, APPEND_DEADLINE).failure {
        None => Ok(Heard::Moved),
        Some(failure) => Err(failure.into()),
    }
}

/// The clock frame: what was heard, for people who look.
#[derive(Serialize)]
struct Received {
    v: u32,
    remote: Lamport,
}

impl Record for Received {
    fn kind(&self) -> Kind {
        Kind::Clock
    }

    fn tick(&self) -> Tick {
        Tick::Past(self.remote)
    }

    fn encode(&mut self, _stamp: &Stamp<'_>, out: &mut Vec<u8>) -> Result<(), Refused> {
        serde_json::to_writer(out, self).map_err(|error| Refused::Invalid(error.to_string()))
    }
}
