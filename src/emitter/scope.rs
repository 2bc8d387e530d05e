//! A scope with an emitter of its own, a beginning and an end.
//!
//! For whoever embeds the log: a test, a tool that works in several projects,
//! an orchestrator whose workers all record through one context. There is
//! nothing to flush: an event is durable when its receipt is there. What an end
//! has to wait for is emissions that other threads are in the middle of.

use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ulid::Ulid;

use crate::emitter::event_emitter::EventEmitter;
use crate::emitter::receipt::{Emission, EmitError};
use crate::event::{Draft, Payload};
use crate::home::Home;

/// Records events in a home and a directory of its own until it is closed.
///
/// ```
/// use spec_kitty::emitter::SyncContext;
/// use spec_kitty::event::{EntryType, HistoryAdded};
/// use spec_kitty::home::Home;
///
/// let dir = tempfile::tempdir()?;
/// let context = SyncContext::new(Home::at(dir.path()), dir.path());
/// let note = HistoryAdded::new("WP01", EntryType::Note, "begun");
/// assert!(context.emit_payload(note, None).is_recorded());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct SyncContext {
    emitter: EventEmitter,
    gate: Gate,
}

impl SyncContext {
    /// A context for `home`, recording what happens in `directory`. Nothing is
    /// read or created before the first event.
    #[must_use]
    pub fn new(home: Home, directory: impl Into<PathBuf>) -> Self {
        Self {
            emitter: EventEmitter::new(home, directory),
            gate: Gate::default(),
        }
    }

    /// The same context, waiting at most `timeout` for other writers.
    #[must_use]
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.emitter = self.emitter.lock_timeout(timeout);
        self
    }

    /// As [`EventEmitter::emit_payload`]; refused once the context is closed.
    pub fn emit_payload<P: Payload>(&self, payload: P, causation_id: Option<Ulid>) -> Emission {
        match self.gate.enter() {
            Some(_inside) => self.emitter.emit_payload(payload, causation_id),
            None => Emission::failed(1, &EmitError::Closed),
        }
    }

    /// As [`EventEmitter::emit_all`]; refused once the context is closed.
    pub fn emit_all(&self, drafts: Vec<Draft>) -> Emission {
        match self.gate.enter() {
            Some(_inside) => self.emitter.emit_all(drafts),
            None => Emission::failed(drafts.len(), &EmitError::Closed),
        }
    }

    /// Ends the scope: refuses further events and waits, at most `deadline`,
    /// for those that other threads are recording. Says whether all of them
    /// were done in time; what was not goes on and gets its receipt.
    pub fn close(&self, deadline: Duration) -> bool {
        self.gate.close(deadline)
    }
}

/// Counts who is inside and lets nobody in after it was closed.
#[derive(Debug, Default)]
struct Gate {
    state: Mutex<GateState>,
    left: Condvar,
}

#[derive(Debug, Default)]
struct GateState {
    is_closed: bool,
    inside: usize,
}

struct Inside<'a>(&'a Gate);

impl Gate {
    fn lock(&self) -> MutexGuard<'_, GateState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self) -> Option<Inside<'_>> {
        let mut state = self.lock();
        if state.is_closed {
            return None;
        }
        state.inside += 1;
        Some(Inside(self))
    }

    fn close(&self, deadline: Duration) -> bool {
        let mut state = self.lock();
        state.is_closed = true;
        let waited = self
            .left
            .wait_timeout_while(state, deadline, |state| state.inside > 0);
        waited.unwrap_or_else(PoisonError::into_inner).0.inside == 0
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.lock().inside -= 1;
        self.0.left.notify_all();
    }
}
