//! What may leave the log, and when: retention, and room at the limits.
//!
//! Delivering never deletes. A segment goes when every event in it has been
//! confirmed by its recipient and its time is over, or, at 80 % of the size
//! limit, as soon as all of it is confirmed. The log removes what it is given
//! leave for ([`crate::log::prune`]); this room gives the leave.
//!
//! Invariants:
//! * **Nothing that waits ever goes**: not pending events, not refused ones,
//!   not what was recorded signed out or outside a project, not what cannot be
//!   understood. Without a known recipient nothing goes at all.
//! * **Leave is given by reading the segment**, never by a remembered number,
//!   and a cursor counts only if it fits the log that lies here.
//! * **The ledger first.** What the leave rests on is durable before it is used.
//! * **No fact about what stays is lost.** A bind frame speaks only of events
//!   before it, and only a beginning of the log ever goes: whatever a removed
//!   frame spoke of goes with it. Another kind of fact holds its segment, and
//!   everything behind it, until `plan` knows what it means for pruning.
//!
//! `rules` decides about one segment, purely; `holding` reads what is in them;
//! `plan` puts both together; `room` does it unasked when a segment is to be
//! created near the limits.

mod holding;
mod plan;
mod room;
mod rules;

pub use holding::{Holding, Owners};
pub use plan::{Plan, Removal, Retention, RetentionError, Stop};
pub use room::{Backlog, backlog, make_room};
pub use rules::{Because, Hold, Keep, Rules};
