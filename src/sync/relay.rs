//! One stream from the log to the courier, one chunk read ahead.
//!
//! Where the line wants it, a thread reads and packs the next chunk while the
//! present one is in flight. It ends with the stream, and as soon as nobody takes
//! its chunks any more. Nothing is asked of the server, and nothing entered in
//! the ledger, out of order: one request is in flight at a time.

use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use crate::state::StateError;
use crate::sync::chunk::Chunk;
use crate::sync::courier::{Carried, Courier, Line, Stop};
use crate::sync::feed::Feed;
use crate::sync::pass::PassError;

/// Whether a stream goes on after a chunk.
pub(super) enum Flow {
    GoOn,
    Stop,
}

/// A stream ended early, with the reason where there is one.
pub(super) struct Ended(pub(super) Option<Stop>);

/// Carries one stream; the next chunk is read while the present one is in
/// flight. Memory holds these two.
pub(super) fn carry_stream<L: Line>(
    courier: &mut Courier<'_, L>,
    mut feed: Feed<'_>,
    settle: &mut dyn FnMut(&Chunk, &Carried, u64) -> Result<Flow, StateError>,
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
        for chunk in receiver {
            let chunk = chunk?;
            let carried = courier.carry(&chunk);
            *limits.lock().unwrap_or_else(PoisonError::into_inner) = courier.limits;
            if let Flow::Stop = settle(&chunk, &carried, courier.wire_bytes)? {
                return Ok(Some(Ended(carried.stop)));
            }
        }
        Ok(None)
    })
}

/// The same on one thread.
fn carry_in_turn<L: Line>(
    courier: &mut Courier<'_, L>,
    mut feed: Feed<'_>,
    settle: &mut dyn FnMut(&Chunk, &Carried, u64) -> Result<Flow, StateError>,
) -> Result<Option<Ended>, PassError> {
    while let Some(chunk) = feed.next(courier.limits)? {
        let carried = courier.carry(&chunk);
        if let Flow::Stop = settle(&chunk, &carried, courier.wire_bytes)? {
            return Ok(Some(Ended(carried.stop)));
        }
    }
    Ok(None)
}
