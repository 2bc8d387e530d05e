//! One stream from the log to the courier, one chunk read ahead.
//!
//! Where the line wants it, a thread reads and packs the next chunk while the
//! present one is in flight. It ends with the stream, and as soon as nobody takes
//! its chunks any more. What was answered is entered in the ledger while the next
//! chunk is in flight, where the answers let the pass go on in any case. Nothing is
//! asked or entered out of order: one request is in flight at a time, and when it
//! is judged, everything before it is entered.

use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use crate::state::StateError;
use crate::sync::chunk::Parcel;
use crate::sync::courier::{Carried, Courier, Line, Stop};
use crate::sync::feed::Feed;
use crate::sync::pass::PassError;
use crate::sync::setting::Pace;

/// Whether a stream goes on after a chunk.
pub(super) enum Flow {
    GoOn,
    Stop,
}

/// A stream ended early, with the reason where there is one.
pub(super) struct Ended(pub(super) Option<Stop>);

/// Enters what became of some events; the number is that of the bytes that went
/// over the wire so far.
type Settle<'a> = dyn FnMut(Vec<Parcel>, &Carried, u64) -> Result<Flow, StateError> + 'a;

/// Carries one stream; the next chunk is read while the present one is in
/// flight. Memory holds these two, and the answers about the one before.
pub(super) fn carry_stream<L: Line>(
    courier: &mut Courier<'_, L>,
    mut feed: Feed<'_>,
    pace: Pace,
    settle: &mut Settle<'_>,
) -> Result<Option<Ended>, PassError> {
    if !courier.line.reads_ahead() {
        return carry_in_turn(courier, feed, settle);
    }
    let limits = &Mutex::new(courier.limits);
    thread::scope(|scope| {
        // Without room of its own the channel keeps one chunk waiting, no more.
        let (sender, receiver) = mpsc::sync_channel(0);
        let read_ahead = move || {
            loop {
                let now = *limits.lock().unwrap_or_else(PoisonError::into_inner);
                let mut next = feed.next(now).transpose();
                if let Some(Ok(chunk)) = &mut next {
                    chunk.prepare(L::pack);
                }
                let is_last = !matches!(next, Some(Ok(_)));
                let taken = next.is_none_or(|next| sender.send(next).is_ok());
                if is_last || !taken {
                    return;
                }
            }
        };
        thread::Builder::new()
            .name("sync-read".into())
            .spawn_scoped(scope, read_ahead)
            .map_err(PassError::Thread)?;
        let mut answered: Option<Answered> = None;
        for chunk in receiver {
            let mut flow = Ok(Flow::GoOn);
            let mut enter_last = || {
                if let Some(last) = answered.take() {
                    flow = last.enter(settle).map(|(flow, _)| flow);
                }
            };
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => {
                    enter_last();
                    flow?;
                    return Err(error.into());
                }
            };
            let carried = courier.carry_and(&chunk, &mut enter_last);
            enter_last();
            *limits.lock().unwrap_or_else(PoisonError::into_inner) = courier.limits;
            let this = Answered {
                parcels: chunk.into_parcels(),
                carried,
                wire_bytes: courier.wire_bytes,
            };
            if let Flow::Stop = flow? {
                return Ok(Some(Ended(None)));
            }
            if pace == Pace::FullSpeed && this.carried.is_whole() {
                answered = Some(this);
            } else if let (Flow::Stop, stop) = this.enter(settle)? {
                return Ok(Some(Ended(stop)));
            }
        }
        if let Some(last) = answered {
            last.enter(settle)?;
        }
        Ok(None)
    })
}

/// A chunk that was answered and is not entered yet.
struct Answered {
    parcels: Vec<Parcel>,
    carried: Carried,
    wire_bytes: u64,
}

impl Answered {
    /// Says whether the stream goes on, and why it does not.
    fn enter(self, settle: &mut Settle<'_>) -> Result<(Flow, Option<Stop>), StateError> {
        let flow = settle(self.parcels, &self.carried, self.wire_bytes)?;
        Ok((flow, self.carried.stop))
    }
}

/// The same on one thread.
fn carry_in_turn<L: Line>(
    courier: &mut Courier<'_, L>,
    mut feed: Feed<'_>,
    settle: &mut Settle<'_>,
) -> Result<Option<Ended>, PassError> {
    while let Some(chunk) = feed.next(courier.limits)? {
        let carried = courier.carry(&chunk);
        if let Flow::Stop = settle(chunk.into_parcels(), &carried, courier.wire_bytes)? {
            return Ok(Some(Ended(carried.stop)));
        }
    }
    Ok(None)
}
