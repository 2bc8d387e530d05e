//! Clock values for the segments that a call will start, from the state store.
//!
//! Taking them costs some 10 ms, and processes take them one after the other. When
//! a segment is full, or a home is new, all who are writing notice at once, and one
//! of them begins the next segment for all: who has to wait for the store looks
//! again whether it still needs any.
//!
//! Invariant: without the store the call goes on after [`DEADLINE`], and the log
//! leases from itself.

use std::thread;
use std::time::{Duration, Instant};

use crate::emitter::journal::Journal;
use crate::emitter::receipt::EmitNote;
use crate::home::Home;
use crate::position::{Lamport, Lease, LeaseFloor};
use crate::state::{State, StateError};

/// How long a call waits for clock values.
const DEADLINE: Duration = Duration::from_secs(1);

/// How long it waits before it looks again.
const TURN: Duration = Duration::from_millis(2);

/// How much a call appends, roughly.
#[derive(Clone, Copy)]
pub(super) struct Call {
    pub(super) frames: usize,
    pub(super) bytes: usize,
}

/// What is known of the segments that a call will probably start.
pub(super) struct Ahead {
    floor: LeaseFloor,
    ticks: u64,
}

impl Journal {
    /// `None` when the call will probably fit into the newest segment.
    pub(super) fn segment_ahead(&self, call: Call) -> Option<Ahead> {
        let frames = u64::try_from(call.frames).ok()?;
        let bytes = u64::try_from(call.bytes).ok()?;
        let floor = self.log.lease_needed(frames, bytes)?;
        let start = self.start();
        let floor = match floor {
            LeaseFloor::Clean { last, lease_end } => LeaseFloor::Clean {
                last: last.max(start),
                lease_end,
            },
            LeaseFloor::Debris(end) => LeaseFloor::Debris(end.max(start)),
        };
        let options = self.log.options();
        let segments = (frames / options.segment_frames).max(bytes / options.segment_bytes);
        let ticks = options
            .lease_ticks
            .saturating_mul(segments.saturating_add(1));
        Some(Ahead { floor, ticks })
    }
}

/// Clock values for these segments. Without any the log leases them from itself.
pub(super) fn reserve(
    home: &Home,
    journal: &Journal,
    call: Call,
    mut ahead: Ahead,
    notes: &mut Vec<EmitNote>,
) -> Option<Lease> {
    let state = State::at(home.state_dir());
    let begun = Instant::now();
    loop {
        match state.reserve(ahead.floor, ahead.ticks, Duration::ZERO) {
            Ok(noted) => {
                notes.extend(noted.notes.into_iter().map(EmitNote::State));
                return Some(noted.value);
            }
            Err(StateError::Busy { .. }) if begun.elapsed() < DEADLINE => thread::sleep(TURN),
            Err(error) => {
                notes.push(EmitNote::NoLease(error));
                let start = journal.start();
                return (start > Lamport(0)).then(|| Lease::starting_at(start.next(), ahead.ticks));
            }
        }
        ahead = journal.segment_ahead(call)?;
    }
}
